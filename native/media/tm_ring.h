// Single-producer single-consumer ring of octets, lock-free (C11 atomics): one thread writes, one reads.
// Nothing allocates after creation; nothing waits.
#ifndef TM_RING_H
#define TM_RING_H

#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

typedef struct tm_ring tm_ring;

/// capacity in octets, rounded up to a power of two, at most 64 MiB. Errors: ARGUMENT, MEMORY.
tm_status tm_ring_create(size_t capacity, tm_ring **ring);
/// Only when neither thread uses it any more. NULL is allowed.
void tm_ring_destroy(tm_ring *ring);
size_t tm_ring_capacity(const tm_ring *ring);

/// Producer: all or nothing (so that records stay whole). SPACE when it does not fit.
tm_status tm_ring_write(tm_ring *ring, const void *data, size_t bytes);
/// Producer: room at least this big.
size_t tm_ring_writable(const tm_ring *ring);

/// Consumer: all or nothing. END when fewer octets are there.
tm_status tm_ring_read(tm_ring *ring, void *data, size_t bytes);
/// Consumer: as tm_ring_read, but leaves them there.
tm_status tm_ring_peek(const tm_ring *ring, void *data, size_t bytes);
/// Consumer: octets there at least.
size_t tm_ring_readable(const tm_ring *ring);
/// Consumer: throws away up to `bytes`; returns how many.
size_t tm_ring_drop(tm_ring *ring, size_t bytes);

/// Samples over the same ring (2 octets each, native order); counts in samples.
tm_status tm_ring_write_pcm(tm_ring *ring, const int16_t *pcm, size_t count);
/// Reads up to `count` samples, returns how many.
size_t tm_ring_read_pcm(tm_ring *ring, int16_t *pcm, size_t count);

#endif
