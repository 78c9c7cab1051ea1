// How well two stretches of sound match, in shape and in level. Private to concealment and stretching.
#ifndef TM_MATCH_H
#define TM_MATCH_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/// -1..1: 1 less the energy of the difference in units of both; 1 when both are as good as silent (any joint is inaudible), about 0 when
/// one is. Same shape at another level counts less: a fading vowel is not to go on with its loud beginning.
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
  return 2 * cross / (energy_a + energy_b);
}

/// As tm_match for sound that goes on at its end: the later, the more it counts.
static inline double tm_match_end(const int16_t *a, const int16_t *b, size_t count) {
  static const double SILENT_MEAN_SQUARE = 16 * 16;
  double cross = 0;
  double energy = 0;
  double weights = 0;
  for (size_t i = 0; i < count; i++) {
    double weight = (double)(i + 1) / (double)count;
    weight *= weight;
    cross += weight * a[i] * b[i];
    energy += weight * ((double)a[i] * a[i] + (double)b[i] * b[i]);
    weights += weight;
  }
  return energy <= 2 * SILENT_MEAN_SQUARE * weights ? 1 : 2 * cross / energy;
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
