// Clicks in sound that went through a network, found by comparison with the sound that was sent: a joint that is not smooth is a burst of
// high frequencies that the source does not have around that moment. Speech has such bursts of its own (each closing of the glottis, each
// fricative); only what stands out from them is heard as a click.
#ifndef TM_CLICKS_H
#define TM_CLICKS_H

#include "tm_test.h"

enum { TM_CLICK_AROUND_MS = 100, TM_CLICK_WINDOW_US = 2500 };
static const double TM_CLICK_FLOOR = 150;  // third difference of sound that is masked by any room
static const double TM_CLICK_FACTOR = 2;   // 6 dB above the sharpest of the source around

typedef struct tm_clicks {
  int count;      // windows with a click
  double worst;   // sharpest window against the source, as a factor
  double at_s;    // where
} tm_clicks;

static inline double tm_sharpness(const int16_t *pcm, long at) {
  return fabs((double)pcm[at] - 3.0 * pcm[at - 1] + 3.0 * pcm[at - 2] - pcm[at - 3]);
}

/// The sharpest place of pcm[from..to) within 0..samples.
static inline double tm_sharpest(const int16_t *pcm, long samples, long from, long to) {
  double most = 0;
  if (from < 3) from = 3;
  if (to > samples) to = samples;
  for (long i = from; i < to; i++) most = fmax(most, tm_sharpness(pcm, i));
  return most;
}

/// `place` of each `tick` of heard samples: the sample of the source that it began with; negative: nothing of it.
static inline tm_clicks tm_clicks_find(const int16_t *heard, long heard_samples, const long *place, long tick, const int16_t *source,
                                       long source_samples, uint32_t hz) {
  tm_clicks clicks = {.count = 0};
  long window = (long)((int64_t)hz * TM_CLICK_WINDOW_US / 1000000);
  long around = (long)hz * TM_CLICK_AROUND_MS / 1000;
  for (long from = 0; from + tick <= heard_samples; from += tick) {
    long at = place[from / tick];
    if (at < 0) continue;
    double natural = tm_sharpest(source, source_samples, at - around, at + tick + around) + TM_CLICK_FLOOR;
    for (long i = from; i + window <= from + tick; i += window) {
      double factor = tm_sharpest(heard, heard_samples, i, i + window) / natural;
      if (factor > TM_CLICK_FACTOR) clicks.count++;
      if (factor > clicks.worst) {
        clicks.worst = factor;
        clicks.at_s = (double)i / hz;
      }
    }
  }
  return clicks;
}

#endif
