// Bounded queue of fixed-size items, several producers and one consumer or one of each, without locks (D. Vyukov's
// scheme: a sequence number a cell). Commands go down and events come up through it.
#ifndef TM_ENGINE_QUEUE_H
#define TM_ENGINE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tm_queue tm_queue;

/** Room for `capacity` items (rounded up to a power of two) of `item_octets` each. NULL when memory is out. */
tm_queue *tm_queue_create(size_t capacity, size_t item_octets);
void tm_queue_destroy(tm_queue *queue);

/** Copies `item` in. False when full. Never waits, any thread. */
bool tm_queue_push(tm_queue *queue, const void *item);

/** Copies the oldest item out. False when empty. Never waits, any thread. */
bool tm_queue_pop(tm_queue *queue, void *item);

#endif
