// RFC 4585 3.5.2 in virtual time: turns, early feedback, T_rr_interval, and the share that all of it keeps to.
#include "tm_early.h"
#include "tm_test.h"

#define MS UINT64_C(1000)
#define SECOND UINT64_C(1000000)

enum { T_RR = 200000 };

static const tm_early_config AVPF = {.avpf = true};

static tm_early begin(const tm_early_config *config)
{
  tm_early early = {.allow_early = false};
  tm_early_begin(&early, config, 0, T_RR);
  return early;
}

static void regular(void)
{
  tm_early early = begin(&AVPF);
  for (uint64_t turn = 1; turn <= 10; turn++) {
    CHECK_INT((long)tm_early_due(&early), (long)(turn * T_RR));
    CHECK_INT(tm_early_tick(&early, turn * T_RR - 1, T_RR, 0.5), TM_EARLY_NOTHING);
    CHECK_INT(tm_early_tick(&early, turn * T_RR, T_RR, 0.5), TM_EARLY_REGULAR);
  }
}

static void early_once(void)
{
  tm_early early = begin(&AVPF);
  CHECK(tm_early_may(&early, 50 * MS));
  tm_early_sent(&early, 50 * MS, T_RR);
  // tp + 2 * T_rr: the turn at 200 ms is left out.
  CHECK_INT((long)tm_early_due(&early), 400 * (long)MS);
  CHECK(!tm_early_may(&early, 100 * MS));
  CHECK(early.waits);
  CHECK_INT(tm_early_tick(&early, 400 * MS, T_RR, 0.5), TM_EARLY_REGULAR);
  CHECK(!early.waits);
  CHECK(tm_early_may(&early, 401 * MS));
  // A turn that is due already is taken instead.
  CHECK(!tm_early_may(&early, 600 * MS));
  CHECK_INT(tm_early_tick(&early, 600 * MS, T_RR, 0.5), TM_EARLY_REGULAR);
}

// Something to say every 20 ms for 100 s.
static unsigned packets_of(const tm_early_config *config, unsigned *regulars, uint64_t *longest_wait)
{
  tm_early early = begin(config);
  unsigned packets = 0;
  uint64_t since = TM_EARLY_NEVER;
  *regulars = 0;
  *longest_wait = 0;
  for (uint64_t now = 0; now < 100 * SECOND; now += MS) {
    if (tm_early_due(&early) <= now) {
      tm_early_step step = tm_early_tick(&early, now, T_RR, (double)(now % 97) / 97);
      packets += step != TM_EARLY_NOTHING;
      *regulars += step == TM_EARLY_REGULAR;
      if (step == TM_EARLY_FEEDBACK && !config->avpf) tm_early_sent(&early, now, T_RR);
      if (step != TM_EARLY_NOTHING && since != TM_EARLY_NEVER) {
        if (now - since > *longest_wait) *longest_wait = now - since;
        since = TM_EARLY_NEVER;
      }
    }
    if (now % (20 * MS) != 0) continue;
    if (tm_early_may(&early, now)) {
      tm_early_sent(&early, now, T_RR);
      packets++;
    } else if (since == TM_EARLY_NEVER) {
      since = now;
    }
  }
  return packets;
}

static void within_the_share(void)
{
  unsigned regulars = 0;
  uint64_t wait = 0;
  unsigned packets = packets_of(&AVPF, &regulars, &wait);
  CHECK_RANGE(packets, 450, 502);  // one for each T_rr of 200 ms, whatever there is to say
  CHECK_RANGE(regulars, 240, 260);
  CHECK_RANGE((double)wait, 0, 2 * T_RR);
}

static void a_longer_regular_interval(void)
{
  const tm_early_config config = {.avpf = true, .trr_interval_us = 5000000};
  // With nothing to say: a report every 2.5 to 7.5 s.
  tm_early early = begin(&config);
  uint64_t last = 0;
  unsigned count = 0;
  for (uint64_t now = 0; now < 600 * SECOND; now += MS) {
    if (tm_early_due(&early) > now || tm_early_tick(&early, now, T_RR, (double)(now % 89) / 89) != TM_EARLY_REGULAR) continue;
    if (count > 0) CHECK_RANGE((double)(now - last), 2.5e6, 7.5e6 + T_RR);
    last = now;
    count++;
  }
  CHECK_RANGE(count, 90, 150);
  // With much to say: feedback keeps its turns, reports theirs.
  unsigned regulars = 0;
  uint64_t wait = 0;
  unsigned packets = packets_of(&config, &regulars, &wait);
  CHECK_RANGE(packets, 450, 502);
  CHECK_RANGE(regulars, 13, 30);
  CHECK_RANGE((double)wait, 0, 2 * T_RR);
}

static void without_leave(void)
{
  tm_early early = begin(&AVPF);
  tm_early_sent(&early, 10 * MS, T_RR);
  CHECK_INT((long)tm_early_due(&early), 400 * (long)MS);
  tm_early_sent(&early, 20 * MS, T_RR);  // once more at once: the next turn is its price
  CHECK_INT((long)tm_early_due(&early), 600 * (long)MS);
  CHECK(!tm_early_may(&early, 30 * MS));
  for (int i = 0; i < 50; i++) tm_early_sent(&early, 40 * MS, T_RR);
  CHECK_RANGE((double)tm_early_due(&early), 600 * (double)MS, 40 * (double)MS + 4 * T_RR);  // reports never stop for it
  CHECK_INT(tm_early_tick(&early, tm_early_due(&early), T_RR, 0), TM_EARLY_REGULAR);
}

static void without_avpf(void)
{
  const tm_early_config config = {.avpf = false};
  tm_early early = begin(&config);
  CHECK(tm_early_due(&early) == TM_EARLY_NEVER);
  CHECK(tm_early_may(&early, 0));
  tm_early_sent(&early, 0, T_RR);
  CHECK_INT((long)tm_early_due(&early), 2 * T_RR);
  CHECK_INT(tm_early_tick(&early, 2 * T_RR, T_RR, 0), TM_EARLY_NOTHING);
  CHECK(tm_early_due(&early) == TM_EARLY_NEVER);
  unsigned regulars = 0;
  uint64_t wait = 0;
  CHECK_RANGE(packets_of(&config, &regulars, &wait), 240, 252);  // the half that early packets may have
  CHECK_INT((long)regulars, 0);
  CHECK_RANGE((double)wait, 0, 2 * T_RR);
}

static void switched_off(void)
{
  tm_early early = {.allow_early = false};
  tm_early_begin(&early, &AVPF, 0, 0);
  CHECK(tm_early_due(&early) == TM_EARLY_NEVER);
  tm_early_begin(&early, &AVPF, 10 * SECOND, T_RR);  // and on again
  CHECK(early.first);
  CHECK_INT(tm_early_tick(&early, 11 * SECOND, 0, 0), TM_EARLY_REGULAR);
  CHECK(tm_early_due(&early) == TM_EARLY_NEVER);
  tm_early_sent(&early, 12 * SECOND, 0);
  CHECK(tm_early_due(&early) == TM_EARLY_NEVER);
}

int main(void)
{
  tm_test_run("without feedback: a report each T_rr", regular);
  tm_test_run("feedback goes at once, and costs the next turn", early_once);
  tm_test_run("much to say stays within the share", within_the_share);
  tm_test_run("trr-int: reports are left out, feedback is not", a_longer_regular_interval);
  tm_test_run("what goes at once without leave has its price", without_leave);
  tm_test_run("without AVPF: the same share for feedback", without_avpf);
  tm_test_run("RTCP off, and on again", switched_off);
  return tm_test_end();
}
