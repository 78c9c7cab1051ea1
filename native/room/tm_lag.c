// GCC-PHAT over windows, far sound as the real and microphone as the imaginary part of one transform.
#include "tm_lag.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tm_fft.h"

enum {
  SETTLED = 2,   // windows in a row with the same lag
  SAME = 32,     // samples: 2 ms
};

static const float QUIET = 3e-6F;     // mean power below which the far talker is silent: -55 dBov
static const float MEMORY = 0.7F;     // of the average spectrum, a window
static const float STANDS_OUT = 9.0F; // peak against the rest, in standard deviations

struct tm_lag {
  tm_fft *fft;
  float far[TM_LAG_SPAN], near[TM_LAG_SPAN];
  size_t filled;  // of the new half
  tm_complex work[TM_LAG_SPAN], average[TM_LAG_SPAN];
  size_t last;
  unsigned agreed;
};

tm_status tm_lag_create(tm_lag **lag)
{
  *lag = NULL;
  tm_lag *self = calloc(1, sizeof *self);
  if (!self) return TM_ERR_MEMORY;
  tm_status status = tm_fft_create(TM_LAG_SPAN, &self->fft);
  if (status != TM_OK) {
    free(self);
    return status;
  }
  *lag = self;
  return TM_OK;
}

void tm_lag_destroy(tm_lag *lag)
{
  if (!lag) return;
  tm_fft_destroy(lag->fft);
  free(lag);
}

void tm_lag_forget(tm_lag *lag)
{
  memset(lag->average, 0, sizeof lag->average);
  lag->agreed = 0;
}

// Spectra of far (f) and near (n) out of the one of f + i n; their product, near times the conjugate of far, whitened, onto the average.
static void add_window(tm_lag *lag)
{
  for (size_t i = 0; i < TM_LAG_SPAN; i++)
    lag->work[i] = (tm_complex){lag->far[i], i < TM_LAG_WINDOW ? 0.0F : lag->near[i]};
  tm_fft_run(lag->fft, lag->work);
  for (size_t i = 0; i < TM_LAG_SPAN; i++) {
    tm_complex a = lag->work[i], b = lag->work[(TM_LAG_SPAN - i) & (TM_LAG_SPAN - 1)];
    tm_complex f = {a.re + b.re, a.im - b.im}, n = {a.im + b.im, b.re - a.re};
    tm_complex c = {n.re * f.re + n.im * f.im, n.im * f.re - n.re * f.im};
    float size = sqrtf(c.re * c.re + c.im * c.im) + 1e-9F;
    lag->average[i].re = MEMORY * lag->average[i].re + c.re / size;
    lag->average[i].im = MEMORY * lag->average[i].im + c.im / size;
  }
}

// The lag that stands out in the average; false: none does.
static bool peak(tm_lag *lag, size_t *samples)
{
  // Inverse by the forward transform of swapped parts.
  for (size_t i = 0; i < TM_LAG_SPAN; i++) lag->work[i] = (tm_complex){lag->average[i].im, lag->average[i].re};
  tm_fft_run(lag->fft, lag->work);
  float highest = 0.0F, power = 0.0F;
  for (size_t i = 0; i < TM_LAG_WINDOW; i++) {
    float value = fabsf(lag->work[i].im);
    power += value * value;
    if (value <= highest) continue;
    highest = value;
    *samples = i;
  }
  return highest > STANDS_OUT * sqrtf(power / TM_LAG_WINDOW);
}

static bool settle(tm_lag *lag)
{
  size_t found = 0;
  float power = 0.0F;
  for (size_t i = 0; i < TM_LAG_SPAN; i++) power += lag->far[i] * lag->far[i];
  if (power < QUIET * TM_LAG_SPAN) return false;
  add_window(lag);
  if (!peak(lag, &found)) return false;
  size_t apart = found > lag->last ? found - lag->last : lag->last - found;
  lag->agreed = apart <= SAME ? lag->agreed + 1 : 1;
  lag->last = found;
  return lag->agreed >= SETTLED;
}

bool tm_lag_push(tm_lag *lag, const float *far, const float *near, size_t count, size_t *samples)
{
  bool found = false;
  for (size_t i = 0; i < count; i++) {
    lag->far[TM_LAG_WINDOW + lag->filled] = far[i];
    lag->near[TM_LAG_WINDOW + lag->filled] = near[i];
    if (++lag->filled < TM_LAG_WINDOW) continue;
    found = settle(lag) || found;
    memmove(lag->far, lag->far + TM_LAG_WINDOW, TM_LAG_WINDOW * sizeof *lag->far);
    memmove(lag->near, lag->near + TM_LAG_WINDOW, TM_LAG_WINDOW * sizeof *lag->near);
    lag->filled = 0;
  }
  if (found) *samples = lag->last;
  return found;
}
