// Windowed sinc in a table of phases, with a straight line between two of them.
#include "tm_sinc.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

// Blackman-Harris over the width of the filter.
static double window(double x)
{
  double t = 2.0 * PI * (x / TM_SINC_TAPS + 0.5);
  return 0.35875 - 0.48829 * cos(t) + 0.14128 * cos(2.0 * t) - 0.01168 * cos(3.0 * t);
}

void tm_sinc_init(tm_sinc *sinc)
{
  for (int phase = 0; phase <= TM_SINC_PHASES; phase++) {
    double sum = 0.0, taps[TM_SINC_TAPS];
    for (int i = 0; i < TM_SINC_TAPS; i++) {
      double x = i - TM_SINC_BEFORE - (double)phase / TM_SINC_PHASES;
      taps[i] = (fabs(x) < 1e-9 ? 1.0 : sin(PI * x) / (PI * x)) * (fabs(x) < TM_SINC_TAPS / 2.0 ? window(x) : 0.0);
      sum += taps[i];
    }
    for (int i = 0; i < TM_SINC_TAPS; i++) sinc->table[phase][i] = (float)(taps[i] / sum);
  }
}

float tm_sinc_at(const tm_sinc *sinc, const int16_t *pcm, double fraction)
{
  double at = fraction * TM_SINC_PHASES;
  int phase = (int)at;
  float part = (float)(at - phase), left = 0.0F, right = 0.0F;
  if (phase >= TM_SINC_PHASES) phase = TM_SINC_PHASES - 1, part = 1.0F;
  for (int i = 0; i < TM_SINC_TAPS; i++) {
    left += sinc->table[phase][i] * (float)pcm[i];
    right += sinc->table[phase + 1][i] * (float)pcm[i];
  }
  return left + part * (right - left);
}
