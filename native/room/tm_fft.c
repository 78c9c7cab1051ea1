// Cooley and Tukey, decimation in time.
#include "tm_fft.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_COUNT = 65536 };

static const double TWO_PI = 6.28318530717958647692;

struct tm_fft {
  size_t count;
  size_t *partner;     // bit-reversed index
  tm_complex *twiddle; // count / 2
};

tm_status tm_fft_create(size_t count, tm_fft **fft)
{
  *fft = NULL;
  if (count < 2 || count > MAX_COUNT || (count & (count - 1)) != 0) return TM_ERR_ARGUMENT;
  tm_fft *self = calloc(1, sizeof *self);
  if (!self) return TM_ERR_MEMORY;
  self->count = count;
  self->partner = calloc(count, sizeof *self->partner);
  self->twiddle = calloc(count / 2, sizeof *self->twiddle);
  if (!self->partner || !self->twiddle) {
    tm_fft_destroy(self);
    return TM_ERR_MEMORY;
  }
  for (size_t i = 0; i < count; i++)
    self->partner[i] = (self->partner[i >> 1] >> 1) | ((i & 1) ? count >> 1 : 0);
  for (size_t i = 0; i < count / 2; i++) {
    double angle = -TWO_PI * (double)i / (double)count;
    self->twiddle[i] = (tm_complex){(float)cos(angle), (float)sin(angle)};
  }
  *fft = self;
  return TM_OK;
}

void tm_fft_destroy(tm_fft *fft)
{
  if (!fft) return;
  free(fft->partner);
  free(fft->twiddle);
  free(fft);
}

static void butterfly(tm_complex *a, tm_complex *b, tm_complex w)
{
  tm_complex t = {b->re * w.re - b->im * w.im, b->re * w.im + b->im * w.re};
  *b = (tm_complex){a->re - t.re, a->im - t.im};
  *a = (tm_complex){a->re + t.re, a->im + t.im};
}

void tm_fft_run(const tm_fft *fft, tm_complex *values)
{
  for (size_t i = 0; i < fft->count; i++) {
    size_t other = fft->partner[i];
    if (other <= i) continue;
    tm_complex kept = values[i];
    values[i] = values[other];
    values[other] = kept;
  }
  for (size_t half = 1; half < fft->count; half *= 2) {
    size_t stride = fft->count / (2 * half);
    for (size_t from = 0; from < fft->count; from += 2 * half)
      for (size_t i = 0; i < half; i++)
        butterfly(&values[from + i], &values[from + i + half], fft->twiddle[i * stride]);
  }
}
