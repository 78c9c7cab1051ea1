// Monotonic time in nanoseconds: the only clock of the engine.
#ifndef TM_ENGINE_CLOCK_H
#define TM_ENGINE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define TM_NS_PER_S INT64_C(1000000000)
#define TM_NS_PER_MS INT64_C(1000000)
#define TM_NS_PER_US INT64_C(1000)

static inline int64_t tm_now_ns(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * TM_NS_PER_S + ts.tv_nsec;
}

static inline struct timespec tm_timespec(int64_t ns)
{
  struct timespec ts = {.tv_sec = (time_t)(ns / TM_NS_PER_S), .tv_nsec = (long)(ns % TM_NS_PER_S)};
  return ts;
}

#endif
