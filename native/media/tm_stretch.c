// Time stretching by one period: overlap-add at the lag that matches best.
#include "tm_stretch.h"

#include <string.h>

#include "tm_match.h"

enum { MIN_LAG_US = 2500, MAX_LAG_US = 15000, OVERLAP_US = 5000, MAX_HZ = 48000 };
enum { SCRATCH = (int)((int64_t)MAX_HZ * (MAX_LAG_US + OVERLAP_US) / 1000000) };
static const double GOOD_MATCH = 0.6;

static size_t samples_of(uint32_t sample_hz, uint32_t us) { return (size_t)((uint64_t)sample_hz * us / 1000000u); }

size_t tm_stretch_overlap(uint32_t sample_hz) { return samples_of(sample_hz, OVERLAP_US); }
size_t tm_stretch_max_lag(uint32_t sample_hz) { return samples_of(sample_hz, MAX_LAG_US); }

/// Lag at which pcm[0..overlap) matches pcm[direction * lag ..) best; 0 when none does well enough.
static size_t find_lag(const int16_t *pcm, ptrdiff_t direction, uint32_t sample_hz, size_t max_lag, int force) {
  size_t overlap = tm_stretch_overlap(sample_hz);
  size_t best = 0;
  double best_match = -2;
  for (size_t lag = samples_of(sample_hz, MIN_LAG_US); lag <= max_lag; lag++) {
    double match = tm_match(pcm, pcm + direction * (ptrdiff_t)lag, overlap);
    if (match >= best_match) { // of equal ones the longest: it brings most
      best_match = match;
      best = lag;
    }
  }
  return force != 0 || best_match >= GOOD_MATCH ? best : 0;
}

size_t tm_stretch_shorten(int16_t *pcm, size_t samples, uint32_t sample_hz, size_t most, int force) {
  size_t overlap = tm_stretch_overlap(sample_hz);
  size_t max_lag = tm_stretch_max_lag(sample_hz);
  if (sample_hz > MAX_HZ || samples < overlap + max_lag) return samples;
  size_t lag = find_lag(pcm, 1, sample_hz, most < max_lag ? most : max_lag, force);
  if (lag == 0) return samples;
  for (size_t i = 0; i < overlap; i++) pcm[i] = tm_cross_fade(pcm[i], pcm[i + lag], i, overlap);
  memmove(pcm + overlap, pcm + overlap + lag, (samples - overlap - lag) * sizeof *pcm);
  return samples - lag;
}

size_t tm_stretch_lengthen(int16_t *pcm, size_t samples, size_t capacity, const int16_t *history, uint32_t sample_hz,
                           size_t most, int force) {
  size_t overlap = tm_stretch_overlap(sample_hz);
  size_t max_lag = tm_stretch_max_lag(sample_hz);
  if (sample_hz > MAX_HZ || samples < overlap || capacity < samples + max_lag) return samples;
  int16_t joined[SCRATCH]; // history and the start of pcm in one row
  memcpy(joined, history, max_lag * sizeof *joined);
  memcpy(joined + max_lag, pcm, overlap * sizeof *joined);
  const int16_t *start = joined + max_lag;
  size_t lag = find_lag(start, -1, sample_hz, most < max_lag ? most : max_lag, force);
  if (lag == 0) return samples;
  // pcm[0..overlap) leads over to the sound one lag earlier, which then runs on into pcm again.
  const int16_t *earlier = start - lag;
  memmove(pcm + lag, pcm, samples * sizeof *pcm);
  for (size_t i = 0; i < overlap; i++) pcm[i] = tm_cross_fade(start[i], earlier[i], i, overlap);
  if (lag > overlap) memcpy(pcm + overlap, earlier + overlap, (lag - overlap) * sizeof *pcm);
  return samples + lag;
}
