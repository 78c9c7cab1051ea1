// Threads of the engine and their priorities.
#ifndef TM_ENGINE_THREAD_H
#define TM_ENGINE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/** SCHED_FIFO priorities: who must not wait for whom. Below the kernel's own interrupt threads (50). */
enum {
  TM_PRIORITY_NONE = 0,     // SCHED_OTHER
  TM_PRIORITY_CODEC = 20,
  TM_PRIORITY_DEVICE = 25,
  TM_PRIORITY_PACKET = 30,
};

/**
 * Starts a named thread with all signals blocked. With `priority` above 0 SCHED_FIFO is tried; where the host refuses, the thread runs
 * under SCHED_OTHER with the finest timer slack. `*realtime` (may be NULL) tells which it became. 0 or -errno.
 */
int tm_thread_start(pthread_t *thread, const char *name, int priority, void *(*body)(void *), void *context,
                    bool *realtime);

#endif
