// Reads a ring that another clock fills: keeps a small stock and evens out the difference of the clocks by a sample at a time.
#ifndef TM_SLIP_H
#define TM_SLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_ring.h"

enum {
  TM_SLIP_MAX_SAMPLES = 480,  // of one read
  TM_SLIP_WINDOW = 32,        // reads over which the lowest stock is watched
  TM_SLIP_SPACING = 320,      // samples between two corrections: 3100 ppm, a twentieth of a semitone
};

typedef struct {
  size_t target;  // stock that shall be left after a read, samples
  size_t prime;   // stock at which reading begins
  bool primed;    // the stock was built up once since it ran dry
  size_t lowest;
  unsigned reads;
  size_t since;   // samples since the last one added or left out
  uint64_t dry, overflows, adjusted;  // times; samples added or left out
} tm_slip;

/** `burst`: samples that reader or writer move at a time, the larger of the two. */
void tm_slip_init(tm_slip *slip, size_t target, size_t burst);

/**
 * `count` samples (at most TM_SLIP_MAX_SAMPLES), silence when the ring ran dry. A stock that grows or shrinks is corrected by taking one
 * sample more or less in TM_SLIP_SPACING and stretching the block linearly, inaudibly. Far too much is thrown away.
 */
void tm_slip_read(tm_slip *slip, tm_ring *ring, int16_t *pcm, size_t count);

#endif
