// What a thread of the engine waits on: its sockets (epoll), one absolute deadline (timerfd) and a wake-up from other threads (eventfd).
#ifndef TM_ENGINE_LOOP_H
#define TM_ENGINE_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#define TM_NEVER INT64_MAX

typedef struct {
  int epoll, timer, wake;
  int64_t armed;
} tm_loop;

/** 0 or -errno. */
int tm_loop_open(tm_loop *loop);
void tm_loop_close(tm_loop *loop);

/** Wakes the waiting thread; any thread, never waits. */
void tm_loop_wake(tm_loop *loop);

/** Sets the one deadline (monotonic ns; TM_NEVER takes it off). Only the owning thread. */
void tm_loop_arm(tm_loop *loop, int64_t deadline);

/** `tag` comes back in epoll_event.data.u64. 0 or -errno; any thread. */
int tm_loop_add(tm_loop *loop, int fd, uint64_t tag);
void tm_loop_remove(tm_loop *loop, int fd);

/** Waits for anything. Returns how many socket events were stored; the timer and the wake-up are taken note of silently. */
int tm_loop_wait(tm_loop *loop, struct epoll_event *events, int capacity);

#endif
