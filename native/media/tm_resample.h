// Sample rate conversion (libspeexdsp) of one mono channel. One thread; nothing allocates after creation.
#ifndef TM_RESAMPLE_H
#define TM_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

typedef struct tm_resample tm_resample;

enum { TM_RESAMPLE_MIN_HZ = 4000, TM_RESAMPLE_MAX_HZ = 384000, TM_RESAMPLE_QUALITY = 4 };

/// quality 0..10 (TM_RESAMPLE_QUALITY: voice). Equal rates copy. Errors: ARGUMENT, MEMORY.
tm_status tm_resample_create(uint32_t in_hz, uint32_t out_hz, int quality, tm_resample **resample);
void tm_resample_destroy(tm_resample *resample);
/// Takes up to in_count samples and gives up to out_capacity; *consumed and *produced say how many.
/// What was not consumed must be handed in again. Errors: ARGUMENT, CODEC.
tm_status tm_resample_process(tm_resample *resample, const int16_t *in, size_t in_count, int16_t *out,
                              size_t out_capacity, size_t *consumed, size_t *produced);
/// Samples of output that in_count input samples can give at most (for sizing buffers).
size_t tm_resample_bound(const tm_resample *resample, size_t in_count);
void tm_resample_reset(tm_resample *resample);

#endif
