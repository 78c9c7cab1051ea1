// Bounded lock-free queue.
#include "queue.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_LINE = 64 };

struct tm_queue {
  size_t mask;
  size_t item_octets;
  size_t cell_octets;
  unsigned char *cells;  // each: atomic sequence number, then the item
  _Alignas(CACHE_LINE) atomic_size_t head;
  _Alignas(CACHE_LINE) atomic_size_t tail;
};

static atomic_size_t *sequence_of(const tm_queue *queue, size_t index)
{
  return (atomic_size_t *)(void *)(queue->cells + (index & queue->mask) * queue->cell_octets);
}

static unsigned char *item_of(const tm_queue *queue, size_t index)
{
  return queue->cells + (index & queue->mask) * queue->cell_octets + sizeof(atomic_size_t);
}

tm_queue *tm_queue_create(size_t capacity, size_t item_octets)
{
  size_t size = 2;
  while (size < capacity) size *= 2;
  tm_queue *queue = aligned_alloc(CACHE_LINE, sizeof *queue);
  if (!queue) return NULL;
  memset(queue, 0, sizeof *queue);
  size_t unit = sizeof(atomic_size_t);
  queue->mask = size - 1;
  queue->item_octets = item_octets;
  queue->cell_octets = unit + (item_octets + unit - 1) / unit * unit;
  queue->cells = calloc(size, queue->cell_octets);
  if (!queue->cells) {
    free(queue);
    return NULL;
  }
  for (size_t i = 0; i < size; i++) atomic_init(sequence_of(queue, i), i);
  atomic_init(&queue->head, 0);
  atomic_init(&queue->tail, 0);
  return queue;
}

void tm_queue_destroy(tm_queue *queue)
{
  if (!queue) return;
  free(queue->cells);
  free(queue);
}

bool tm_queue_push(tm_queue *queue, const void *item)
{
  size_t at = atomic_load_explicit(&queue->tail, memory_order_relaxed);
  for (;;) {
    size_t sequence = atomic_load_explicit(sequence_of(queue, at), memory_order_acquire);
    intptr_t ahead = (intptr_t)sequence - (intptr_t)at;
    if (ahead < 0) return false;
    if (ahead > 0) at = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    else if (atomic_compare_exchange_weak_explicit(&queue->tail, &at, at + 1, memory_order_relaxed,
                                                   memory_order_relaxed))
      break;
  }
  memcpy(item_of(queue, at), item, queue->item_octets);
  atomic_store_explicit(sequence_of(queue, at), at + 1, memory_order_release);
  return true;
}

bool tm_queue_pop(tm_queue *queue, void *item)
{
  size_t at = atomic_load_explicit(&queue->head, memory_order_relaxed);
  for (;;) {
    size_t sequence = atomic_load_explicit(sequence_of(queue, at), memory_order_acquire);
    intptr_t ahead = (intptr_t)sequence - (intptr_t)(at + 1);
    if (ahead < 0) return false;
    if (ahead > 0) at = atomic_load_explicit(&queue->head, memory_order_relaxed);
    else if (atomic_compare_exchange_weak_explicit(&queue->head, &at, at + 1, memory_order_relaxed,
                                                   memory_order_relaxed))
      break;
  }
  memcpy(item, item_of(queue, at), queue->item_octets);
  atomic_store_explicit(sequence_of(queue, at), at + queue->mask + 1, memory_order_release);
  return true;
}
