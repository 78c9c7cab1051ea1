// Single-producer single-consumer ring. The counters run freely and are masked at use.
#include "tm_ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CAPACITY = 64 << 20, CACHE_LINE = 64 };

struct tm_ring {
  size_t mask;
  uint8_t *data;
  // Each side's counter on a cache line of its own.
  _Alignas(CACHE_LINE) atomic_size_t written;
  _Alignas(CACHE_LINE) atomic_size_t taken;
};

tm_status tm_ring_create(size_t capacity, tm_ring **ring) {
  *ring = NULL;
  if (capacity == 0 || capacity > MAX_CAPACITY) return TM_ERR_ARGUMENT;
  size_t size = 1;
  while (size < capacity) size <<= 1;
  tm_ring *self = aligned_alloc(CACHE_LINE, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  self->mask = size - 1;
  self->data = malloc(size);
  if (self->data == NULL) {
    free(self);
    return TM_ERR_MEMORY;
  }
  atomic_init(&self->written, 0);
  atomic_init(&self->taken, 0);
  *ring = self;
  return TM_OK;
}

void tm_ring_destroy(tm_ring *ring) {
  if (ring == NULL) return;
  free(ring->data);
  free(ring);
}

size_t tm_ring_capacity(const tm_ring *ring) { return ring->mask + 1; }

size_t tm_ring_writable(const tm_ring *ring) {
  size_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
  size_t taken = atomic_load_explicit(&ring->taken, memory_order_acquire);
  return tm_ring_capacity(ring) - (written - taken);
}

size_t tm_ring_readable(const tm_ring *ring) {
  size_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
  size_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
  return written - taken;
}

tm_status tm_ring_write(tm_ring *ring, const void *data, size_t bytes) {
  if (bytes > tm_ring_writable(ring)) return TM_ERR_SPACE;
  if (bytes == 0) return TM_OK;
  size_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
  size_t at = written & ring->mask;
  size_t first = tm_ring_capacity(ring) - at;
  if (first > bytes) first = bytes;
  memcpy(ring->data + at, data, first);
  if (bytes > first) memcpy(ring->data, (const uint8_t *)data + first, bytes - first);
  atomic_store_explicit(&ring->written, written + bytes, memory_order_release);
  return TM_OK;
}

tm_status tm_ring_peek(const tm_ring *ring, void *data, size_t bytes) {
  if (bytes > tm_ring_readable(ring)) return TM_ERR_END;
  if (bytes == 0) return TM_OK;
  size_t at = atomic_load_explicit(&ring->taken, memory_order_relaxed) & ring->mask;
  size_t first = tm_ring_capacity(ring) - at;
  if (first > bytes) first = bytes;
  memcpy(data, ring->data + at, first);
  if (bytes > first) memcpy((uint8_t *)data + first, ring->data, bytes - first);
  return TM_OK;
}

size_t tm_ring_drop(tm_ring *ring, size_t bytes) {
  size_t readable = tm_ring_readable(ring);
  if (bytes > readable) bytes = readable;
  size_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
  atomic_store_explicit(&ring->taken, taken + bytes, memory_order_release);
  return bytes;
}

tm_status tm_ring_read(tm_ring *ring, void *data, size_t bytes) {
  tm_status status = tm_ring_peek(ring, data, bytes);
  if (status == TM_OK) tm_ring_drop(ring, bytes);
  return status;
}

tm_status tm_ring_write_pcm(tm_ring *ring, const int16_t *pcm, size_t count) {
  return tm_ring_write(ring, pcm, count * sizeof *pcm);
}

size_t tm_ring_read_pcm(tm_ring *ring, int16_t *pcm, size_t count) {
  size_t readable = tm_ring_readable(ring) / sizeof *pcm;
  if (count > readable) count = readable;
  return tm_ring_read(ring, pcm, count * sizeof *pcm) == TM_OK ? count : 0;
}
