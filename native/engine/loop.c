// The waiting place of a thread.
#include "loop.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"

#define TAG_TIMER UINT64_MAX
#define TAG_WAKE (UINT64_MAX - 1)

int tm_loop_open(tm_loop *loop)
{
  *loop = (tm_loop){.epoll = epoll_create1(EPOLL_CLOEXEC),
                    .timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                    .wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
                    .armed = TM_NEVER};
  int error = loop->epoll < 0 || loop->timer < 0 || loop->wake < 0 ? -errno : 0;
  if (!error) error = tm_loop_add(loop, loop->timer, TAG_TIMER);
  if (!error) error = tm_loop_add(loop, loop->wake, TAG_WAKE);
  if (error) tm_loop_close(loop);
  return error;
}

void tm_loop_close(tm_loop *loop)
{
  if (loop->epoll >= 0) close(loop->epoll);
  if (loop->timer >= 0) close(loop->timer);
  if (loop->wake >= 0) close(loop->wake);
  loop->epoll = loop->timer = loop->wake = -1;
}

void tm_loop_wake(tm_loop *loop)
{
  uint64_t one = 1;
  // EAGAIN: the counter is full, so a wake-up is pending anyway.
  ssize_t written = write(loop->wake, &one, sizeof one);
  (void)written;
}

void tm_loop_arm(tm_loop *loop, int64_t deadline)
{
  if (deadline == loop->armed) return;
  loop->armed = deadline;
  struct itimerspec spec = {0};
  // A deadline of zero would disarm: the past is 1 ns.
  if (deadline != TM_NEVER) spec.it_value = tm_timespec(deadline > 0 ? deadline : 1);
  (void)timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

int tm_loop_add(tm_loop *loop, int fd, uint64_t tag)
{
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
  return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void tm_loop_remove(tm_loop *loop, int fd)
{
  (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int tm_loop_wait(tm_loop *loop, struct epoll_event *events, int capacity)
{
  int count = epoll_wait(loop->epoll, events, capacity, -1);
  int kept = 0;
  uint64_t value;
  for (int i = 0; i < count; i++) {
    if (events[i].data.u64 == TAG_TIMER) {
      if (read(loop->timer, &value, sizeof value) == sizeof value) loop->armed = TM_NEVER;
    } else if (events[i].data.u64 == TAG_WAKE) {
      ssize_t got = read(loop->wake, &value, sizeof value);
      (void)got;
    } else {
      events[kept++] = events[i];
    }
  }
  return kept;
}
