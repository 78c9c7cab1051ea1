// RFC 3550 A.1, A.3, A.8, 6.4.1, 6.3: receiver statistics, round-trip time and the RTCP interval.
// Plain structs owned by the caller, used from one thread; nothing allocates.
#ifndef TM_RTP_STATS_H
#define TM_RTP_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "tm_rtcp.h"

/// State of one received source. Zero it with tm_rtp_source_init.
typedef struct tm_rtp_source {
  uint32_t ssrc;
  uint32_t clock_hz;
  bool valid;            // probation is over (2 packets in sequence)
  bool has_transit;
  uint16_t max_seq;
  uint32_t cycles;       // count of wraps << 16
  uint32_t base_seq;
  uint32_t bad_seq;
  uint32_t probation;
  uint32_t received;     // packets
  uint32_t expected_prior;
  uint32_t received_prior;
  uint32_t restarts;     // big jumps of the sequence number taken as a restart of the sender
  uint64_t octets;       // payload octets received
  uint32_t transit;
  double jitter;         // RTP ticks, RFC 3550 A.8
  uint64_t sr_ntp;       // of the last SR
  uint64_t sr_arrival_us;
  bool has_sr;
} tm_rtp_source;

void tm_rtp_source_init(tm_rtp_source *source, uint32_t ssrc, uint16_t first_seq, uint32_t clock_hz);

/// A packet came at monotonic `arrival_us`. True when it counts (A.1: false in probation and for one wild jump).
bool tm_rtp_source_receive(tm_rtp_source *source, uint16_t sequence, uint32_t timestamp, uint64_t arrival_us,
                           size_t payload_bytes);

/// An SR of this source came (for LSR and DLSR).
void tm_rtp_source_sender_report(tm_rtp_source *source, uint64_t ntp, uint64_t arrival_us);

/// Report block for now; starts a new interval of the fraction lost (so: once for every RTCP packet sent).
void tm_rtp_source_report(tm_rtp_source *source, uint64_t now_us, tm_rtcp_report *report);

/// Packets expected but not received so far; never negative. Does not start a new interval.
uint32_t tm_rtp_source_lost(const tm_rtp_source *source);
double tm_rtp_source_jitter_ms(const tm_rtp_source *source);

/// RFC 3550 6.4.1: round trip in microseconds from a block about us; now_ntp on the clock of our SRs.
/// False when the block has no LSR or the result would be negative (clock steps) or above 60 s.
bool tm_rtcp_round_trip(const tm_rtcp_report *report, uint64_t now_ntp, uint32_t *rtt_us);

/// RFC 3550 6.3.1, A.7 with RFC 3556 bandwidths.
typedef struct tm_rtcp_timing {
  uint32_t rs_bits;       // b=RS, bit/s
  uint32_t rr_bits;       // b=RR, bit/s
  uint32_t members;       // ourselves included, at least 1
  uint32_t senders;
  bool we_sent;           // RTP sent since the last but one report
  bool initial;           // no RTCP sent yet: half the minimum
  double average_bytes;   // of compound RTCP packets with IP and UDP header
  uint32_t minimum_us;    // 5,000,000 for AVP; 0 for AVPF after the first
} tm_rtcp_timing;

/// Time to the next report in microseconds, with `random` in [0,1) handed in. 0: no bandwidth, send none
/// (RS = RR = 0: RTCP is off).
uint64_t tm_rtcp_interval_us(const tm_rtcp_timing *timing, double random);

/// RFC 3550 6.3.3: the running average of packet sizes (gain 1/16).
double tm_rtcp_average(double average_bytes, size_t packet_bytes);

#endif
