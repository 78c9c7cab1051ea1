// How well two stretches of sound match: normalised cross-correlation. Private to concealment and stretching.
#ifndef TM_MATCH_H
#define TM_MATCH_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/// -1..1; 1 when both are as good as silent (any joint is inaudible), 0 when one is.
static inline double tm_match(const int16_t *a, const int16_t *b, size_t count) {
  static const double SILENT_MEAN_SQUARE = 16 * 16; // about -66 dBov
  double cross = 0;
  double energy_a = 0;
  double energy_b = 0;
  for (size_t i = 0; i < count; i++) {
    cross += (double)a[i] * b[i];
    energy_a += (double)a[i] * a[i];
    energy_b += (double)b[i] * b[i];
  }
  double silent = SILENT_MEAN_SQUARE * (double)count;
  if (energy_a <= silent && energy_b <= silent) return 1;
  if (energy_a <= 0 || energy_b <= 0) return 0;
  return cross / sqrt(energy_a * energy_b);
}

/// From one sound to another: at i of count.
static inline int16_t tm_cross_fade(int16_t from, int16_t to, size_t i, size_t count) {
  double weight = ((double)i + 0.5) / (double)count;
  return (int16_t)lrint((1 - weight) * from + weight * to);
}

static inline int16_t tm_clip16(double value) {
  if (value >= INT16_MAX) return INT16_MAX;
  if (value <= INT16_MIN) return INT16_MIN;
  return (int16_t)lrint(value);
}

#endif
