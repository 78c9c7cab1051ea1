// Reads a ring that another clock fills: the difference of the clocks is followed by resampling, never by a sample more or less.
//
// One thread writes, one reads. The writer leaves the time at which its first sample would have been written at the nominal rate: the reader
// knows the stock from that to a fraction of a sample, whatever blocks both move. The stock kept grows when it ran out, and shrinks slowly.
#ifndef TM_FOLLOW_H
#define TM_FOLLOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_ring.h"
#include "tm_sinc.h"

enum {
  TM_FOLLOW_HZ = 16000,
  TM_FOLLOW_MAX_READ = 480,
  TM_FOLLOW_WORK = 4 * TM_FOLLOW_MAX_READ,
};

typedef struct {
  tm_ring *ring;
  atomic_int_fast64_t origin_ns;  // of the writer; INT64_MIN: nothing written yet
  uint64_t written;               // writer
  // reader
  const tm_sinc *sinc;
  size_t block;        // what the writer moves at a time, samples
  double spare;        // stock beyond what blocks need
  bool running;
  uint64_t taken;      // out of the ring
  int16_t work[TM_FOLLOW_WORK];
  size_t held;         // in work
  double place;        // in work, of the next sample
  double error, drift; // smoothed distance of the stock from the wanted, samples; clock difference, a fraction
  double least;        // lowest surplus lately
  unsigned reads;      // since it began to run
  unsigned calm;       // samples since the spare stock was last looked at
  unsigned fade;       // samples of the fade-in done
  float last;
  uint64_t dry, jumps; // times
} tm_follow;

/// `block`: samples that the writer moves at a time. Errors: MEMORY.
tm_status tm_follow_init(tm_follow *follow, size_t block);
void tm_follow_end(tm_follow *follow);
/// Writer. What does not fit is thrown away; the reader finds its place again.
void tm_follow_write(tm_follow *follow, const int16_t *pcm, size_t count, int64_t now_ns);
/// Reader: `count` samples (at most TM_FOLLOW_MAX_READ), silence while there are none. Begins and ends of silence are faded.
void tm_follow_read(tm_follow *follow, int16_t *pcm, size_t count, int64_t now_ns);
/// Reader: how much faster the writer's clock is.
double tm_follow_ppm(const tm_follow *follow);

#endif
