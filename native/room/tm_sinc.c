// Windowed sinc in a table of phases, with a straight line between two of them.
#include "tm_sinc.h"

#include <math.h>
#include <pthread.h>

static const double PI = 3.14159265358979323846, KAISER = 6.0;

static tm_sinc shared;
static pthread_once_t made = PTHREAD_ONCE_INIT;

// Modified Bessel function of order zero.
static double bessel(double x)
{
  double sum = 1.0, term = 1.0;
  for (int k = 1; k < 30; k++) {
    term *= x / (2.0 * k) * (x / (2.0 * k));
    sum += term;
  }
  return sum;
}

static double window(double x)
{
  double t = x / (TM_SINC_TAPS / 2.0);
  return fabs(t) < 1.0 ? bessel(KAISER * sqrt(1.0 - t * t)) / bessel(KAISER) : 0.0;
}

static void make(void)
{
  for (int phase = 0; phase <= TM_SINC_PHASES; phase++) {
    double sum = 0.0, taps[TM_SINC_TAPS];
    for (int i = 0; i < TM_SINC_TAPS; i++) {
      double x = i - TM_SINC_BEFORE - (double)phase / TM_SINC_PHASES;
      taps[i] = (fabs(x) < 1e-9 ? 1.0 : sin(PI * x) / (PI * x)) * window(x);
      sum += taps[i];
    }
    for (int i = 0; i < TM_SINC_TAPS; i++) shared.table[phase][i] = (float)(taps[i] / sum);
  }
}

const tm_sinc *tm_sinc_shared(void)
{
  (void)pthread_once(&made, make);
  return &shared;
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
