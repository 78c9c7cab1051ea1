// Changes the length of sound by one pitch period without changing its pitch (overlap-add at the best match), so that
// the jitter buffer can move its delay and absorb clock skew without clicks. Pure functions, any thread.
#ifndef TM_STRETCH_H
#define TM_STRETCH_H

#include <stddef.h>
#include <stdint.h>

/// Lag limits in samples for a rate: 2.5 ms and 15 ms; overlap: 5 ms.
size_t tm_stretch_overlap(uint32_t sample_hz);
size_t tm_stretch_max_lag(uint32_t sample_hz);

/// Takes out 2.5 to 15 ms near the start of pcm[0..samples), at most `most` samples; returns the samples left (== samples
/// when it or `most` is too short, or when no lag matches well and `force` is zero).
size_t tm_stretch_shorten(int16_t *pcm, size_t samples, uint32_t sample_hz, size_t most, int force);

/// Repeats 2.5 to 15 ms, at most `most` samples; `history` are tm_stretch_max_lag samples that were played right before pcm. Room for
/// `capacity` samples at pcm. Returns the new count (== samples when there is no room or no match).
size_t tm_stretch_lengthen(int16_t *pcm, size_t samples, size_t capacity, const int16_t *history, uint32_t sample_hz,
                           size_t most, int force);

#endif
