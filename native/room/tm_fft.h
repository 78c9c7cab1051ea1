// Fourier transform of complex numbers, radix 2, in place, over tables made once.
#ifndef TM_FFT_H
#define TM_FFT_H

#include <stddef.h>

#include "tm_status.h"

typedef struct {
  float re, im;
} tm_complex;

typedef struct tm_fft tm_fft;

/// `count`: a power of two, 2 to 65536. Errors: ARGUMENT, MEMORY.
tm_status tm_fft_create(size_t count, tm_fft **fft);
void tm_fft_destroy(tm_fft *fft);
/// Forward, no scaling. The inverse is the same of swapped real and imaginary parts, divided by `count`.
void tm_fft_run(const tm_fft *fft, tm_complex *values);

#endif
