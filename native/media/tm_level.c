// Sound level in dBov.
#include "tm_level.h"

#include <math.h>

static const double FULL_SCALE = 32768;
static const double TWO_PI = 6.283185307179586;
enum { WINDOWS_PER_SECOND = 5 };

static double dbov(double linear) {
  if (linear <= 0) return TM_LEVEL_SILENCE;
  double level = 20 * log10(linear / FULL_SCALE);
  return level < TM_LEVEL_SILENCE ? TM_LEVEL_SILENCE : level;
}

static int32_t magnitude(int16_t sample) { return sample < 0 ? -(int32_t)sample : sample; }

static double square_sum_of(const int16_t *pcm, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)pcm[i] * pcm[i];
  return sum;
}

static int32_t peak_of(const int16_t *pcm, size_t count, int32_t peak) {
  for (size_t i = 0; i < count; i++) {
    if (magnitude(pcm[i]) > peak) peak = magnitude(pcm[i]);
  }
  return peak;
}

void tm_level_init(tm_level *level, uint32_t sample_hz) {
  *level = (tm_level){.window = sample_hz / WINDOWS_PER_SECOND, .rms_dbov = TM_LEVEL_SILENCE,
                      .peak_dbov = TM_LEVEL_SILENCE};
  if (level->window == 0) level->window = 1;
}

void tm_level_push(tm_level *level, const int16_t *pcm, size_t count) {
  while (count > 0) {
    size_t take = level->window - level->filled;
    if (take > count) take = count;
    level->square_sum += square_sum_of(pcm, take);
    level->peak = peak_of(pcm, take, level->peak);
    level->filled += (uint32_t)take;
    pcm += take;
    count -= take;
    if (level->filled == level->window) {
      level->rms_dbov = dbov(sqrt(level->square_sum / level->window));
      level->peak_dbov = dbov(level->peak);
      level->filled = 0;
      level->square_sum = 0;
      level->peak = 0;
    }
  }
}

double tm_level_rms_dbov(const int16_t *pcm, size_t count) {
  return count == 0 ? TM_LEVEL_SILENCE : dbov(sqrt(square_sum_of(pcm, count) / (double)count));
}

double tm_level_peak_dbov(const int16_t *pcm, size_t count) { return dbov(peak_of(pcm, count, 0)); }

double tm_level_at_dbov(const int16_t *pcm, size_t count, double hz, uint32_t sample_hz) {
  if (count == 0) return TM_LEVEL_SILENCE;
  double real = 0;
  double imaginary = 0;
  for (size_t i = 0; i < count; i++) {
    double angle = TWO_PI * hz * (double)i / sample_hz;
    real += pcm[i] * cos(angle);
    imaginary += pcm[i] * sin(angle);
  }
  double amplitude = 2 * sqrt(real * real + imaginary * imaginary) / (double)count;
  return dbov(amplitude / sqrt(2));
}
