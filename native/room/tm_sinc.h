// Reads sound between its samples: Kaiser-windowed sinc, flat to 7 kHz of 16 with errors 60 dB down, so that a clock can be followed unheard.
#ifndef TM_SINC_H
#define TM_SINC_H

#include <stddef.h>
#include <stdint.h>

enum {
  TM_SINC_TAPS = 32,
  TM_SINC_BEFORE = TM_SINC_TAPS / 2 - 1,  // samples needed before the place read
  TM_SINC_AFTER = TM_SINC_TAPS / 2,       // and after it
  TM_SINC_PHASES = 128,
};

typedef struct {
  float table[TM_SINC_PHASES + 1][TM_SINC_TAPS];
} tm_sinc;

/// The one table there is, made at the first call. Any thread.
const tm_sinc *tm_sinc_shared(void);
/// Sound at `fraction` (0 to 1) after pcm[TM_SINC_BEFORE]; TM_SINC_TAPS samples are looked at.
float tm_sinc_at(const tm_sinc *sinc, const int16_t *pcm, double fraction);

#endif
