// How late packets come: the fastest transit of the last three seconds, and a forgetting histogram of the delay above it.
// Private to the jitter buffer. Plain struct, one thread.
#ifndef TM_DELAY_H
#define TM_DELAY_H

#include <stdbool.h>
#include <stdint.h>

enum { TM_DELAY_WINDOWS = 12, TM_DELAY_BINS = 240, TM_DELAY_RECENT = 8 };

typedef struct tm_delay {
  bool any;
  int64_t fastest_us;  // smallest transit (arrival minus media time) of the windows: the zero of all delays
  int64_t window_us[TM_DELAY_WINDOWS]; // smallest transit in each quarter of a second
  bool window_used[TM_DELAY_WINDOWS];
  uint64_t window_start_us;
  int window;
  double bins[TM_DELAY_BINS]; // share of packets with this delay; all together 1
  uint32_t packets;
  int64_t recent_us[TM_DELAY_RECENT]; // transits of the last packets
  uint32_t since_base; // packets
} tm_delay;

/// expected_ms: what is believed before the first packet.
void tm_delay_init(tm_delay *delay, uint32_t expected_ms);
/// A new time base (other SSRC, jump): the experience of delays stays, the transits start anew.
void tm_delay_rebase(tm_delay *delay);
/// A packet came with this transit. Returns its delay above the fastest (>= 0).
int64_t tm_delay_add(tm_delay *delay, int64_t transit_us, uint64_t arrival_us);
/// Delay that 98 % of packets stay within; at least what each of the last 8 packets needed: then the way has become longer.
int64_t tm_delay_needed_us(const tm_delay *delay);

#endif
