// The whole test harness: named tests that print `ok NAME` or `not ok NAME` with the failed check, one program a file.
#ifndef TM_TEST_H
#define TM_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tm_test_failures;
static bool tm_test_ok;

// Fails the running test and leaves its function.
#define CHECK(condition)                                                              \
  do {                                                                                \
    if (!(condition)) {                                                               \
      printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
      tm_test_ok = false;                                                             \
      return;                                                                         \
    }                                                                                 \
  } while (0)

// As CHECK, for whole numbers, with both values shown.
#define CHECK_INT(actual, expected)                                                   \
  do {                                                                                \
    long long tm_a = (long long)(actual);                                             \
    long long tm_e = (long long)(expected);                                           \
    if (tm_a != tm_e) {                                                               \
      printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, tm_a, tm_e); \
      tm_test_ok = false;                                                             \
      return;                                                                         \
    }                                                                                 \
  } while (0)

// low <= actual <= high, with the value shown.
#define CHECK_RANGE(actual, low, high)                                                \
  do {                                                                                \
    double tm_a = (double)(actual);                                                   \
    if (!(tm_a >= (double)(low) && tm_a <= (double)(high))) {                         \
      printf("# %s:%d: %s is %g, not in %g..%g\n", __FILE__, __LINE__, #actual, tm_a, \
             (double)(low), (double)(high));                                          \
      tm_test_ok = false;                                                             \
      return;                                                                         \
    }                                                                                 \
  } while (0)

#define CHECK_BYTES(actual, expected, count)                                          \
  do {                                                                                \
    if (memcmp((actual), (expected), (count)) != 0) {                                 \
      printf("# %s:%d: %s differs from %s\n", __FILE__, __LINE__, #actual, #expected); \
      tm_test_ok = false;                                                             \
      return;                                                                         \
    }                                                                                 \
  } while (0)

static inline void tm_test_run(const char *name, void (*body)(void)) {
  tm_test_ok = true;
  body();
  printf("%s %s\n", tm_test_ok ? "ok" : "not ok", name);
  fflush(stdout);
  if (!tm_test_ok) tm_test_failures++;
}

static inline int tm_test_end(void) { return tm_test_failures == 0 ? 0 : 1; }

// A seeded generator (xorshift64*), so that every run is the same.
typedef struct tm_random {
  uint64_t state;
} tm_random;

static inline uint32_t tm_random_u32(tm_random *random) {
  uint64_t x = random->state ? random->state : 0x9E3779B97F4A7C15u;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  random->state = x;
  return (uint32_t)((x * 0x2545F4914F6CDD1Du) >> 32);
}

// 0 .. bound-1
static inline uint32_t tm_random_below(tm_random *random, uint32_t bound) {
  return bound == 0 ? 0 : (uint32_t)(((uint64_t)tm_random_u32(random) * bound) >> 32);
}

static inline double tm_random_unit(tm_random *random) { return tm_random_u32(random) / 4294967296.0; }

#endif
