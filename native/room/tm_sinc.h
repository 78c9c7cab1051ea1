// Reads sound between its samples: windowed sinc, so that a rate a few hundred ppm off costs nothing audible (below -70 dB to 6 kHz of 16).
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

void tm_sinc_init(tm_sinc *sinc);
/// Sound at `fraction` (0 to 1) after pcm[TM_SINC_BEFORE]; TM_SINC_TAPS samples are looked at.
float tm_sinc_at(const tm_sinc *sinc, const int16_t *pcm, double fraction);

#endif
