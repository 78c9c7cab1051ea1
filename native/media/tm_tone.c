// A sine source.
#include "tm_tone.h"

#include <math.h>

static const double TWO_PI = 6.283185307179586;
static const double FULL_SCALE = 32768;
static const double SINE_PEAK_OVER_RMS = 1.4142135623730951;
static const double FULL_SCALE_SINE_DBOV = -3.01;

tm_status tm_tone_init(tm_tone *tone, double hz, uint32_t sample_hz, double dbov) {
  if (!(hz > 0) || !(hz < sample_hz / 2.0) || !(dbov <= FULL_SCALE_SINE_DBOV)) return TM_ERR_ARGUMENT;
  tone->phase = 0;
  tone->step = TWO_PI * hz / sample_hz;
  tone->amplitude = FULL_SCALE * pow(10, dbov / 20) * SINE_PEAK_OVER_RMS;
  if (tone->amplitude > INT16_MAX) tone->amplitude = INT16_MAX;
  return TM_OK;
}

void tm_tone_read(tm_tone *tone, int16_t *pcm, size_t count) {
  for (size_t i = 0; i < count; i++) {
    pcm[i] = (int16_t)lrint(tone->amplitude * sin(tone->phase));
    tone->phase += tone->step;
    if (tone->phase >= TWO_PI) tone->phase -= TWO_PI;
  }
}
