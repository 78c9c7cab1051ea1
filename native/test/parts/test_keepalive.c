// NG.110 2.9.1: every row of the keep-alive table, and what it makes of whole calls in made-up time.
#include "tm_keepalive.h"
#include "tm_test.h"

#define MS UINT64_C(1000)
#define S UINT64_C(1000000)

static const tm_keepalive_config early = {.enabled = true, .phase = TM_KEEPALIVE_EARLY, .payload_type = 20};
static const tm_keepalive_config established = {.enabled = true, .phase = TM_KEEPALIVE_ESTABLISHED, .payload_type = 20};

enum { MAX_SENT = 4096 };
static uint64_t sent[MAX_SENT];
static size_t count;
static size_t openings;

// Ticks every millisecond in [from, to).
static void run(tm_keepalive *keepalive, uint64_t from, uint64_t to)
{
  count = openings = 0;
  for (uint64_t now = from; now < to; now += MS) {
    tm_keepalive_action action = tm_keepalive_tick(keepalive, now);
    if (action == TM_KEEPALIVE_NONE) continue;
    if (action == TM_KEEPALIVE_OPEN) openings++;
    if (count < MAX_SENT) sent[count++] = now;
  }
}

static size_t within(uint64_t from, uint64_t to)
{
  size_t found = 0;
  for (size_t i = 0; i < count; i++) found += sent[i] >= from && sent[i] < to;
  return found;
}

static uint64_t widest_gap(void)
{
  uint64_t gap = 0;
  for (size_t i = 1; i < count; i++)
    if (sent[i] - sent[i - 1] > gap) gap = sent[i] - sent[i - 1];
  return gap;
}

static void rows(void)
{
  // All 64 situations against the clauses told in words.
  for (unsigned bits = 0; bits < 64; bits++) {
    tm_keepalive_situation at = {.video = bits & 1, .sends = bits & 2, .receives = bits & 4, .heard = bits & 8, .streams = bits & 16};
    tm_keepalive_phase phase = bits & 32 ? TM_KEEPALIVE_ESTABLISHED : TM_KEEPALIVE_EARLY;
    bool waits_for_video = at.video && at.receives && !at.heard && !(at.sends && at.streams);
    tm_keepalive_pace expected = !waits_for_video ? TM_KEEPALIVE_STEADY
                                 : phase == TM_KEEPALIVE_EARLY ? TM_KEEPALIVE_BURST
                                                               : TM_KEEPALIVE_CONTINUOUS;
    const char *clause = NULL;
    CHECK_INT(tm_keepalive_pace_of(phase, &at, &clause), expected);
    CHECK(clause != NULL);
  }
}

static void off(void)
{
  tm_keepalive keepalive;
  tm_keepalive_config config = {.enabled = false};
  tm_keepalive_init(&keepalive);
  CHECK(tm_keepalive_next(&keepalive) == TM_KEEPALIVE_NEVER);
  tm_keepalive_configure(&keepalive, &config, true, true, true, S);
  run(&keepalive, S, 60 * S);
  CHECK_INT(count, 0);
}

static void bursts(void)
{
  tm_keepalive keepalive;
  tm_keepalive_init(&keepalive);
  tm_keepalive_configure(&keepalive, &early, true, false, true, S);
  run(&keepalive, S, 41 * S);
  CHECK_INT(openings, 1);
  CHECK(sent[0] == S);
  CHECK_INT(within(S, 2 * S), 15);
  CHECK_INT(within(2 * S, 16 * S), 0);
  CHECK_INT(within(16 * S, 17 * S), 15);
  CHECK_INT(within(31 * S, 32 * S), 15);
  CHECK_INT(count, 45);
  for (size_t i = 1; i < 15; i++) CHECK_RANGE(sent[i] - sent[i - 1], 50 * MS, 100 * MS);
  // The 200: without pause from the next moment on.
  tm_keepalive_configure(&keepalive, &established, true, false, true, 41 * S);
  run(&keepalive, 41 * S, 61 * S);
  CHECK_INT(openings, 1);
  CHECK(sent[0] == 41 * S);
  CHECK_RANGE(count, 280, 290);
  CHECK_RANGE(widest_gap(), 50 * MS, 100 * MS);
  // Sending is allowed but nothing is sent: nothing changes. Then video comes.
  tm_keepalive_heard(&keepalive);
  run(&keepalive, 61 * S, 121 * S);
  CHECK_INT(count, 4);
  CHECK_INT(widest_gap(), 15 * S);
}

static void own_stream(void)
{
  tm_keepalive two_way, one_way;
  tm_keepalive_init(&two_way);
  tm_keepalive_init(&one_way);
  tm_keepalive_configure(&two_way, &established, true, true, true, S);
  tm_keepalive_configure(&one_way, &established, true, false, true, S);
  tm_keepalive_sent(&two_way, S);
  tm_keepalive_sent(&one_way, S);
  run(&two_way, S, 10 * S);
  CHECK_INT(count, 1);
  run(&one_way, S, 10 * S);
  CHECK(count > 100);
}

static void sound(void)
{
  tm_keepalive keepalive;
  tm_keepalive_init(&keepalive);
  // Ringing: the path is opened and kept, without bursts.
  tm_keepalive_configure(&keepalive, &early, false, true, true, S);
  run(&keepalive, S, 47 * S);
  CHECK_INT(count, 4);
  CHECK_INT(widest_gap(), 15 * S);
  // Two-way with media: none. A silence of the sender (DTX) keeps the binding all the same.
  tm_keepalive_configure(&keepalive, &established, false, true, true, 47 * S);
  CHECK_INT(tm_keepalive_tick(&keepalive, 47 * S), TM_KEEPALIVE_OPEN);
  for (uint64_t now = 47 * S; now < 107 * S; now += 20 * MS) {
    tm_keepalive_sent(&keepalive, now);
    CHECK_INT(tm_keepalive_tick(&keepalive, now), TM_KEEPALIVE_NONE);
  }
  run(&keepalive, 107 * S, 168 * S);
  CHECK_INT(count, 4);
  // Held: neither sends nor receives.
  tm_keepalive_configure(&keepalive, &established, false, false, false, 168 * S);
  run(&keepalive, 168 * S, 228 * S);
  CHECK_INT(count, 4);
  CHECK_INT(openings, 0);
}

static void moved(void)
{
  tm_keepalive keepalive;
  tm_keepalive_init(&keepalive);
  tm_keepalive_configure(&keepalive, &established, true, false, true, S);
  tm_keepalive_heard(&keepalive);
  run(&keepalive, S, 2 * S);
  CHECK_INT(openings, 1);
  tm_keepalive_moved(&keepalive, 2 * S);
  run(&keepalive, 2 * S, 3 * S);
  CHECK_INT(openings, 1);
  CHECK_RANGE(count, 14, 15);
  // Held and taken up again: the video is waited for once more.
  tm_keepalive_heard(&keepalive);
  tm_keepalive_configure(&keepalive, &established, true, false, false, 3 * S);
  run(&keepalive, 3 * S, 10 * S);
  CHECK_INT(count, 0);
  tm_keepalive_configure(&keepalive, &established, true, false, true, 10 * S);
  run(&keepalive, 10 * S, 11 * S);
  CHECK_RANGE(count, 14, 15);
}

static void settings(void)
{
  tm_keepalive keepalive;
  tm_keepalive_config config = {.enabled = true, .burst_ms = 300, .spacing_ms = 100, .interval_ms = 2000};
  tm_keepalive_init(&keepalive);
  tm_keepalive_configure(&keepalive, &config, true, false, true, 0);
  run(&keepalive, 0, 4 * S);
  CHECK_INT(count, 6);
  CHECK(sent[3] == 2 * S);
  // A thread that slept through an interval goes on in step.
  run(&keepalive, 9 * S, 10 * S);
  CHECK_INT(within(9 * S, 9 * S + MS), 1);
  CHECK_INT(within(10 * S - MS, 10 * S), 0);
  run(&keepalive, 10 * S, 11 * S);
  CHECK_INT(count, 3);
}

int main(void)
{
  tm_test_run("every situation has its pace", rows);
  tm_test_run("switched off: nothing", off);
  tm_test_run("bursts while ringing, without pause after the 200, 15 s once video came", bursts);
  tm_test_run("own video ends it on a two-way stream only", own_stream);
  tm_test_run("sound: every 15 s unless media flows", sound);
  tm_test_run("another address, and video taken up again", moved);
  tm_test_run("settings, and a thread that slept", settings);
  return tm_test_end();
}
