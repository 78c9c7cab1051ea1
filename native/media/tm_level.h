// Sound level in dBov (0 dBov: a full-scale square wave, ITU-T G.100.1; a full-scale sine has -3.01). Plain struct, one thread.
#ifndef TM_LEVEL_H
#define TM_LEVEL_H

#include <stddef.h>
#include <stdint.h>

#define TM_LEVEL_SILENCE (-127.0) // RFC 6464: lowest value

/// Meter: takes any number of samples, gives the level of the last full window (200 ms).
typedef struct tm_level {
  uint32_t window;   // samples
  uint32_t filled;
  double square_sum;
  int32_t peak;
  double rms_dbov;   // of the last full window
  double peak_dbov;
} tm_level;

void tm_level_init(tm_level *level, uint32_t sample_hz);
void tm_level_push(tm_level *level, const int16_t *pcm, size_t count);

/// RMS and peak of a block; TM_LEVEL_SILENCE for none or zeros.
double tm_level_rms_dbov(const int16_t *pcm, size_t count);
double tm_level_peak_dbov(const int16_t *pcm, size_t count);
/// Level of one frequency in a block (Goertzel), for tests and self-checks.
double tm_level_at_dbov(const int16_t *pcm, size_t count, double hz, uint32_t sample_hz);

#endif
