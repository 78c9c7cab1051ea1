// The sender's video rate: never above b=AS and TMMBR (RFC 5104 3.5.4, 4.2), led by the loss that receiver reports tell. One thread, no
// allocation; embed it. Time is monotonic microseconds.
//
// By loss, at most once a second and a report: above 10 % the rate falls by half the loss (rate * (1 - loss / 2)), between 2 % and
// 10 % it stays, below 2 % it grows by 8 % a second and 1 kbit/s.
#ifndef TM_RATE_H
#define TM_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "tm_feedback.h"

enum { TM_RATE_OWNERS = 4 }; // TMMBR requesters remembered; more are bound by the lowest all the same

typedef struct tm_rate_config {
  uint32_t least_bps; // never below, unless TMMBR or b=AS is
  uint32_t start_bps;
  uint32_t most_bps; // level, setting
  uint32_t as_kbps;  // b=AS of the peer, headers of IP, UDP and RTP included (RFC 4566); 0: none
  uint16_t overhead; // octets of headers a packet: 40 for IPv4 + UDP + RTP, 60 for IPv6; SRTP tag besides
  uint16_t packet_bytes; // usual payload, for the share of headers; 0: 1000
} tm_rate_config;

typedef struct tm_rate {
  tm_rate_config config;
  uint32_t loss_bps; // what the loss allows
  uint64_t changed_us;
  bool heard;
  size_t bound_count;
  tm_bitrate_bound bounds[TM_RATE_OWNERS]; // ssrc: who asked
} tm_rate;

/// ARGUMENT: least > start or start > most, or zero.
tm_status tm_rate_init(tm_rate *rate, const tm_rate_config *config);
/// New limits in a call; what was learnt stays.
tm_status tm_rate_configure(tm_rate *rate, const tm_rate_config *config);
/// A TMMBR entry for our SSRC from `requester`. Returns whether the bounding set changed; a TMMBN is due in any case (RFC 5104 4.2.2).
bool tm_rate_bound(tm_rate *rate, uint32_t requester, const tm_bitrate_bound *bound);
/// A requester left (BYE, timeout).
bool tm_rate_forget(tm_rate *rate, uint32_t requester);
/// Another peer: nobody binds.
void tm_rate_forget_all(tm_rate *rate);
/// The bounding set for a TMMBN: the bound that binds now; returns 0 or 1.
size_t tm_rate_bounding_set(const tm_rate *rate, tm_bitrate_bound *out);
/// A receiver report about us: fraction lost of 256.
void tm_rate_loss(tm_rate *rate, uint8_t fraction_lost, uint64_t now_us);
/// Bits a second of encoded video (payload) to aim at now.
uint32_t tm_rate_target(const tm_rate *rate);
/// Whether sending has to pause: a TMMBR of 0 (RFC 5104 4.2.1.2 gives it that meaning).
bool tm_rate_paused(const tm_rate *rate);

#endif
