// A sine source, phase-continuous, -12 dBov unless told. Plain struct, one thread.
#ifndef TM_TONE_H
#define TM_TONE_H

#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

typedef struct tm_tone {
  double phase; // radians
  double step;  // radians a sample
  double amplitude;
} tm_tone;

#define TM_TONE_DBOV (-12.0)

/// Errors: ARGUMENT (0 < hz < sample_hz / 2 does not hold, or dbov above -3.01, the level of a full-scale sine).
tm_status tm_tone_init(tm_tone *tone, double hz, uint32_t sample_hz, double dbov);
void tm_tone_read(tm_tone *tone, int16_t *pcm, size_t count);

#endif
