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
};

typedef struct {
  size_t target;  // stock that shall be left after a read, samples
  bool primed;    // the stock was built up once since it ran dry
  size_t lowest;
  unsigned reads;
  uint64_t dry, overflows, adjusted;  // times; samples added or left out
} tm_slip;

void tm_slip_init(tm_slip *slip, size_t target);

/**
 * `count` samples (at most TM_SLIP_MAX_SAMPLES), silence when the ring ran dry. A stock that grows or shrinks is corrected by taking one
 * sample more or less and stretching the block linearly: at 20 ms reads that follows 3100 ppm, inaudibly. Far too much is thrown away.
 */
void tm_slip_read(tm_slip *slip, tm_ring *ring, int16_t *pcm, size_t count);

#endif
