// The single-producer single-consumer ring, alone and with two threads.
#include <pthread.h>
#include <sched.h>

#include "tm_ring.h"
#include "tm_test.h"

static void wraps(void) {
  tm_ring *ring = NULL;
  CHECK_INT(tm_ring_create(10, &ring), TM_OK);
  CHECK_INT(tm_ring_capacity(ring), 16);
  uint8_t in = 0;
  uint8_t out = 0;
  for (int round = 0; round < 100; round++) {
    uint8_t data[11];
    for (size_t i = 0; i < sizeof data; i++) data[i] = in++;
    CHECK_INT(tm_ring_write(ring, data, sizeof data), TM_OK);
    CHECK_INT(tm_ring_write(ring, data, 6), TM_ERR_SPACE);
    CHECK_INT(tm_ring_readable(ring), 11);
    CHECK_INT(tm_ring_writable(ring), 5);
    uint8_t back[11];
    CHECK_INT(tm_ring_read(ring, back, 12), TM_ERR_END);
    CHECK_INT(tm_ring_peek(ring, back, 11), TM_OK);
    CHECK_INT(tm_ring_read(ring, back, 11), TM_OK);
    for (size_t i = 0; i < sizeof back; i++) CHECK_INT(back[i], out++);
  }
  CHECK_INT(tm_ring_write(ring, &in, 0), TM_OK);
  CHECK_INT(tm_ring_drop(ring, 5), 0);
  tm_ring_destroy(ring);
}

static void samples(void) {
  tm_ring *ring = NULL;
  int16_t pcm[8] = {1, -2, 3, -4, 5, -6, 7, -8};
  int16_t back[8] = {0};
  CHECK_INT(tm_ring_create(16, &ring), TM_OK);
  CHECK_INT(tm_ring_write_pcm(ring, pcm, 8), TM_OK);
  CHECK_INT(tm_ring_write_pcm(ring, pcm, 1), TM_ERR_SPACE);
  CHECK_INT(tm_ring_read_pcm(ring, back, 5), 5);
  CHECK_INT(tm_ring_read_pcm(ring, back + 5, 8), 3);
  CHECK_BYTES(back, pcm, sizeof pcm);
  tm_ring_destroy(ring);
}

static void bad_sizes(void) {
  tm_ring *ring = NULL;
  CHECK_INT(tm_ring_create(0, &ring), TM_ERR_ARGUMENT);
  CHECK_INT(tm_ring_create((size_t)1 << 40, &ring), TM_ERR_ARGUMENT);
  tm_ring_destroy(NULL);
}

enum { RECORDS = 50000, RECORD_WORDS = 5 };

static void *produce(void *argument) {
  tm_ring *ring = argument;
  for (uint32_t record = 0; record < RECORDS;) {
    uint32_t words[RECORD_WORDS];
    for (uint32_t i = 0; i < RECORD_WORDS; i++) words[i] = record * RECORD_WORDS + i;
    if (tm_ring_write(ring, words, sizeof words) == TM_OK) {
      record++;
    } else {
      sched_yield();
    }
  }
  return NULL;
}

static void two_threads(void) {
  tm_ring *ring = NULL;
  pthread_t producer;
  CHECK_INT(tm_ring_create(256, &ring), TM_OK);
  CHECK_INT(pthread_create(&producer, NULL, produce, ring), 0);
  uint32_t expected = 0;
  bool in_order = true;
  while (expected < RECORDS * RECORD_WORDS) {
    uint32_t words[RECORD_WORDS];
    if (tm_ring_read(ring, words, sizeof words) != TM_OK) {
      sched_yield();
      continue;
    }
    for (int i = 0; i < RECORD_WORDS; i++) in_order = in_order && words[i] == expected++;
  }
  pthread_join(producer, NULL);
  CHECK(in_order);
  CHECK_INT(tm_ring_readable(ring), 0);
  tm_ring_destroy(ring);
}

int main(void) {
  tm_test_run("writing and reading wrap, all or nothing", wraps);
  tm_test_run("samples go through", samples);
  tm_test_run("impossible sizes are refused", bad_sizes);
  tm_test_run("two threads pass 50000 records in order", two_threads);
  return tm_test_end();
}
