// The receiving side against networks of every kind, with speech: no clicks, delay near what is possible, everything counted right.
#include "tm_clicks.h"
#include "tm_trace_play.h"

enum { MAX_MS = 400, SEED = 5 };
#ifdef __SANITIZE_THREAD__
enum { PLANS_TRIED = 4 };  // one thread alone: there is little to be found
#else
enum { PLANS_TRIED = 1000 };
#endif

typedef struct judged_plan {
  tm_trace_plan plan;
  double above_ms;  // how far the mean delay may lie above the optimum that knows the future: half a beat of 20 ms, and how much has to be
                    // held ready for what comes
  double late;      // share of packets that may come too late: the buffer aims at 2 %
  double waited;    // share of time that may be made up for packets that came after all: while the way becomes longer
} judged_plan;

static const judged_plan PLANS[] = {
  {{.name = "a steady network"}, 20, 0, 0},
  {{.name = "1 % loss", .loss = 0.01}, 20, 0, 0},
  {{.name = "5 % loss", .loss = 0.05}, 20, 0, 0},
  {{.name = "10 % loss in bursts of 3", .loss = 0.1, .burst = 3}, 20, 0, 0},
  {{.name = "20 % loss", .loss = 0.2}, 20, 0, 0},
  {{.name = "20 % loss in bursts of 5", .loss = 0.2, .burst = 5}, 20, 0, 0},
  {{.name = "delays that scatter by 10 ms", .kind = TM_TRACE_GAUSS, .delay_ms = 10}, 20, 0.02, 0},
  {{.name = "delays that scatter by 30 ms", .kind = TM_TRACE_GAUSS, .delay_ms = 30}, 20, 0.03, 0},
  {{.name = "delays that scatter by 60 ms", .kind = TM_TRACE_GAUSS, .delay_ms = 60}, 25, 0.05, 0},
  {{.name = "a queue of 10 ms", .kind = TM_TRACE_GAMMA, .delay_ms = 10}, 20, 0.02, 0},
  {{.name = "a queue of 40 ms", .kind = TM_TRACE_GAMMA, .delay_ms = 40}, 25, 0.03, 0},
  {{.name = "a queue of 40 ms with 10 % loss", .kind = TM_TRACE_GAMMA, .delay_ms = 40, .loss = 0.1}, 25, 0.03, 0},
  {{.name = "stalls of up to 200 ms", .kind = TM_TRACE_SPIKES, .delay_ms = 200}, 30, 0.04, 0},
  {{.name = "delivery every 100 ms for some seconds", .kind = TM_TRACE_BUNCHES, .delay_ms = 100}, 30, 0.03, 0},
  {{.name = "delivery every 200 ms for some seconds", .kind = TM_TRACE_BUNCHES, .delay_ms = 200}, 30, 0.04, 0},
  {{.name = "a delay that grows and shrinks by 150 ms", .kind = TM_TRACE_DRIFT, .delay_ms = 150}, 35, 0.02, 0.02},
  {{.name = "10 % overtaken", .reordered = 0.1}, 20, 0.01, 0},
  {{.name = "10 % doubled", .doubled = 0.1}, 20, 0, 0},
  {{.name = "a clock 100 ppm fast", .skew_ppm = 100}, 25, 0, 0},
  {{.name = "a clock 100 ppm slow", .skew_ppm = -100}, 25, 0, 0},
  {{.name = "another source in the middle", .change_s = 6, .kind = TM_TRACE_GAMMA, .delay_ms = 10}, 25, 0.03, 0},
  {{.name = "silence that is not sent", .dtx = true, .kind = TM_TRACE_GAMMA, .delay_ms = 20}, 25, 0.03, 0},
};

static tm_sent sent;
static const judged_plan *judged;
static int seconds;

static void plays_well(void) {
  const tm_trace_plan *plan = &judged->plan;
  tm_trace trace = tm_trace_make(plan, seconds, SEED);
  tm_played played = tm_trace_play(&trace, plan, &sent, MAX_MS);
  const tm_receiver_stats *stats = &played.stats;
  long tick = sent.hz / 50;
  tm_clicks clicks = tm_clicks_find(played.heard, played.samples, played.place, tick, sent.source, sent.samples, sent.hz);
  double optimum = tm_trace_optimum_ms(&trace);
  uint64_t pieces = (uint64_t)tick / tm_codec_info_of(sent.codec)->decode_samples;
  double total = (double)trace.sent;
  double lost = (double)trace.lost / total;
  double late = (double)played.late / total;
  double made_up = (double)stats->samples_concealed / (double)tick / total;
  double missing = (double)trace.lost + (double)played.late;
  printf("# %s: %.1f ms where %.1f would do, %.2f %% late, %.2f %% lost, %.2f %% made up, sharpest %.2f at %.2f s\n", plan->name,
         played.mean_delay_ms, optimum, late * 100, lost * 100, made_up * 100, clicks.worst, clicks.at_s);
  CHECK_INT(clicks.count, 0);
  CHECK_RANGE(played.mean_delay_ms, optimum - 2, optimum + judged->above_ms);
  CHECK_RANGE(late, 0, judged->late);
  // What was lost or late was made up, and little else: a network that stands still for a moment.
  CHECK_RANGE(made_up * total, missing * 0.9 - 3, missing * 1.1 + total * (0.006 + judged->waited) + 3);
  // Every packet was one of these; nothing is counted twice.
  double used = (double)(stats->jitter.frames_played + stats->jitter.buffered) / (double)pieces;
  double all = used + (double)(stats->jitter.late + stats->jitter.duplicate + stats->jitter.suspect);
  double in_part = pieces > 1 ? total * 0.01 : 0;  // G.711 is cut in pieces: of a packet that is late in part, the rest is played
  CHECK_RANGE(all, (double)stats->jitter.packets - 2 - in_part, stats->jitter.packets);
  CHECK_INT(stats->jitter.restarts, plan->change_s > 0 ? 1 : 0);
  if (plan->doubled > 0) CHECK_RANGE(stats->jitter.duplicate, trace.count - (size_t)(trace.sent - trace.lost) - 1, trace.count - (size_t)(trace.sent - trace.lost));
  else CHECK_INT(stats->jitter.duplicate, 0);
  if (plan->dtx) CHECK_RANGE((double)stats->samples_comfort / (double)tick, 0.3 * (trace.sounds - trace.sent), trace.sounds - trace.sent);
  else CHECK_INT(stats->samples_comfort, 0);
  tm_played_free(&played);
  tm_trace_free(&trace);
}

/// A player without any skill: what is not there is silence.
static void clicks_are_found(void) {
  tm_trace_plan plan = {.loss = 0.05};
  tm_trace trace = tm_trace_make(&plan, 10, SEED);
  long tick = sent.hz / 50;
  int16_t *heard = calloc((size_t)(tick * trace.sounds), sizeof *heard);
  long *place = calloc((size_t)trace.sounds, sizeof *place);
  for (int i = 0; i < trace.sounds; i++) place[i] = i * tick;
  for (size_t i = 0; i < trace.count; i++) {
    long at = trace.packets[i].number * tick;
    memcpy(heard + at, sent.source + at, (size_t)tick * sizeof *heard);
  }
  tm_clicks clicks = tm_clicks_find(heard, tick * trace.sounds, place, tick, sent.source, sent.samples, sent.hz);
  CHECK_RANGE(clicks.count, trace.lost / 4, 4 * trace.lost);
  // And the source itself has none.
  clicks = tm_clicks_find(sent.source, tick * trace.sounds, place, tick, sent.source, sent.samples, sent.hz);
  CHECK_INT(clicks.count, 0);
  // One sample that is taken out of each second: the smallest of all cuts, heard in voiced sound.
  for (int i = 0; i < trace.sounds; i++) memcpy(heard + i * tick, sent.source + i * tick + i / 50 * 7, (size_t)tick * sizeof *heard);
  clicks = tm_clicks_find(heard, tick * trace.sounds, place, tick, sent.source, sent.samples, sent.hz);
  CHECK_RANGE(clicks.count, 1, 12);
  free(heard);
  free(place);
  tm_trace_free(&trace);
}

/// How far heard[at..) lies from where it should, in samples, by the best match within 30 ms; LONG_MAX when nothing matches.
static long offset_of(const int16_t *heard, const int16_t *source, long samples, long place, uint32_t hz) {
  long block = (long)hz / 25;
  long reach = (long)hz * 30 / 1000;
  long best = 0;
  double most = 0;
  for (long shift = -reach; shift <= reach; shift++) {
    double cross = 0;
    double energy = 1;
    double other = 1;
    if (place + shift < 0 || place + shift + block > samples) return INT32_MAX;
    for (long i = 0; i < block; i++) {
      double a = heard[i];
      double b = source[place + shift + i];
      cross += a * b;
      energy += a * a;
      other += b * b;
    }
    if (energy < 1e4 * (double)block) return INT32_MAX;
    double match = cross / sqrt(energy * other);
    if (match > most) {
      most = match;
      best = shift;
    }
  }
  return most > 0.9 ? best : INT32_MAX;
}

static void delay_is_as_told(void) {
  // The sound itself says when it was spoken: the delay reported is the delay heard.
  tm_trace_plan plan = {.kind = TM_TRACE_GAMMA, .delay_ms = 20};
  tm_trace trace = tm_trace_make(&plan, 12, SEED);
  tm_played played = tm_trace_play(&trace, &plan, &sent, MAX_MS);
  long tick = sent.hz / 50;
  int compared = 0;
  int right = 0;
  for (long i = 150; (i + 2) * tick < played.samples; i += 2) {
    if (played.place[i] < 0) continue;
    long offset = offset_of(played.heard + i * tick, sent.source, sent.samples, played.place[i], sent.hz);
    if (offset == INT32_MAX) continue;
    compared++;
    right += labs(offset) <= (long)sent.hz * 3 / 1000;
  }
  CHECK(compared > 50);
  CHECK_RANGE((double)right / compared, 0.9, 1);
  tm_played_free(&played);
  tm_trace_free(&trace);
}

static void ten_minutes_of_skew(void) {
  tm_sent speech = tm_sent_make(TM_CODEC_PCMA, 30000, 11);
  for (int sign = -1; sign <= 1; sign += 2) {
    tm_trace_plan plan = {.skew_ppm = 100 * sign, .kind = TM_TRACE_GAUSS, .delay_ms = 3};
    tm_trace trace = tm_trace_make(&plan, 600, SEED);
    tm_played played = tm_trace_play(&trace, &plan, &speech, MAX_MS);
    tm_clicks clicks = tm_clicks_find(played.heard, played.samples, played.place, 160, speech.source, speech.samples, 8000);
    // 100 ppm are 60 ms in this time.
    printf("# %d ppm: mean %.1f ms, at the end %.1f ms, made up %.3f %%\n", 100 * sign, played.mean_delay_ms, played.last_delay_ms,
           100.0 * (double)played.stats.samples_concealed / (double)played.stats.samples_played);
    CHECK_RANGE(played.mean_delay_ms, 15, 45);
    CHECK_RANGE(played.max_delay_ms, 15, 60);
    CHECK_RANGE(played.last_delay_ms - played.mean_delay_ms, -15, 15);
    CHECK_RANGE((double)played.stats.samples_concealed / (double)played.stats.samples_played, 0, 0.002);
    CHECK_INT(clicks.count, 0);
    tm_played_free(&played);
    tm_trace_free(&trace);
  }
  tm_sent_free(&speech);
}

static void judge_all(const char *codec) {
  for (size_t i = 0; i < sizeof PLANS / sizeof PLANS[0] && i < PLANS_TRIED; i++) {
    char name[120];
    judged = &PLANS[i];
    snprintf(name, sizeof name, "speech in %s, %s: no click, delay near the optimum, all is counted", codec, judged->plan.name);
    tm_test_run(name, plays_well);
  }
}

int main(void) {
  seconds = 40;
  sent = tm_sent_make(TM_CODEC_PCMA, seconds * 50, 3);
  tm_test_run("the measure finds the clicks of silence in place of loss, and none in the source", clicks_are_found);
  tm_test_run("the delay told is the delay heard", delay_is_as_told);
  judge_all("PCMA");
  tm_sent_free(&sent);
  seconds = 15;
  sent = tm_sent_make(TM_CODEC_AMR_WB, seconds * 50, 4);
  judge_all("AMR-WB");
  tm_sent_free(&sent);
  tm_test_run("10 minutes with clocks 100 ppm apart: the delay does not drift", ten_minutes_of_skew);
  return tm_test_end();
}
