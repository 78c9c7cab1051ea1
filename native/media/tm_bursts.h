// RFC 3611 4.7.2: bursts and gaps of impaired packets (lost, or come too late), counted packet by packet in the order of sequence numbers.
// A burst begins and ends with an impaired packet, and no Gmin good ones stand together in it; one alone among good ones lies in a gap.
// Plain struct, one thread.
#ifndef TM_BURSTS_H
#define TM_BURSTS_H

#include <stdbool.h>
#include <stdint.h>

enum { TM_BURSTS_GMIN = 16 }; // recommended by 4.7.2

/// Totals; packets. The stream is taken to have begun in a gap.
typedef struct tm_burst_totals {
  uint64_t packets, impaired;
  uint64_t bursts, burst_packets, burst_impaired;
  uint64_t gaps;  // the rest of packets and impaired ones lies in them
  uint64_t runs;  // of impaired packets without a good one between
} tm_burst_totals;

typedef struct tm_bursts {
  tm_burst_totals closed;    // what is decided
  uint64_t good;             // since the last impaired packet
  uint64_t length, impaired; // from the first to the last impaired packet of what may be a burst; 0: none
  bool after_burst;          // no gap began since the last burst
} tm_bursts;

void tm_bursts_init(tm_bursts *bursts);
void tm_bursts_add(tm_bursts *bursts, bool impaired);
/// Totals as if the stream ended here.
void tm_bursts_read(const tm_bursts *bursts, tm_burst_totals *totals);

/// Share of packets, 0..1.
double tm_bursts_loss(const tm_burst_totals *totals);
/// G.107 BurstR: mean length of runs against that of random loss of the same share; at least 1.
double tm_bursts_ratio(const tm_burst_totals *totals);

#endif
