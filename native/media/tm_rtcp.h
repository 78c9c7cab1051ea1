// RFC 3550 6: RTCP packets: compound parsing by iteration, and builders of SR, RR, SDES, BYE. Pure functions, any thread.
#ifndef TM_RTCP_H
#define TM_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

enum {
  TM_RTCP_SR = 200,
  TM_RTCP_RR = 201,
  TM_RTCP_SDES = 202,
  TM_RTCP_BYE = 203,
  TM_RTCP_APP = 204,
  TM_RTCP_XR = 207,        // RFC 3611
  TM_RTCP_RTPFB = 205, // RFC 4585 6.2: transport feedback
  TM_RTCP_PSFB = 206,  // RFC 4585 6.3: payload-specific feedback
  TM_RTCP_MAX_BLOCKS = 31, // 5-bit count
  TM_RTCP_MAX_TEXT = 255,  // SDES item and BYE reason, octets
};

/// RFC 3550 6.4.1: one report block.
typedef struct tm_rtcp_report {
  uint32_t ssrc;            // source this block speaks of
  uint8_t fraction_lost;    // of 256, since the last report
  int32_t cumulative_lost;  // 24-bit signed; may be negative with duplicates
  uint32_t highest_seq;     // extended
  uint32_t jitter;          // RTP ticks
  uint32_t last_sr;         // middle 32 bits of the NTP time of the last SR; 0: none yet
  uint32_t delay_since_sr;  // 1/65536 s
} tm_rtcp_report;

/// RFC 3550 6.4.1: sender info of an SR.
typedef struct tm_rtcp_sender_info {
  uint64_t ntp;       // seconds since 1900 << 32 | fraction
  uint32_t timestamp; // the same moment in RTP ticks
  uint32_t packets;
  uint32_t octets;    // of payload
} tm_rtcp_sender_info;

/// One packet of a compound. `data`/`bytes` are the whole packet with header, inside the parsed buffer.
typedef struct tm_rtcp_packet {
  uint8_t type;  // PT, e.g. TM_RTCP_SR; unknown ones are handed out as they are
  uint8_t count; // RC, SC or FMT: the 5 bits
  const uint8_t *data;
  size_t bytes;   // multiple of 4, header included
  size_t padding; // octets of padding at the end, 0: none
} tm_rtcp_packet;

/// Walks a compound. Make with tm_rtcp_begin; the buffer must outlive it.
typedef struct tm_rtcp_iterator {
  const uint8_t *data;
  size_t bytes;
  size_t offset;
} tm_rtcp_iterator;

void tm_rtcp_begin(tm_rtcp_iterator *iterator, const uint8_t *data, size_t bytes);

/// Next packet. END when all were read; TRUNCATED, VERSION, MALFORMED otherwise; after an error the rest is lost.
/// Order rules of 6.1 (first is SR or RR) are not enforced here: see tm_rtcp_check_compound.
tm_status tm_rtcp_next(tm_rtcp_iterator *iterator, tm_rtcp_packet *packet);

/// RFC 3550 A.2: every length adds up to the datagram, version 2, first is SR or RR without padding, padding only on
/// the last. With `reduced_size` (RFC 5506, when negotiated) the first may be of any type.
tm_status tm_rtcp_check_compound(const uint8_t *data, size_t bytes, bool reduced_size);

/// SSRC of the sender: the first word of SR, RR and feedback packets. TRUNCATED when there is none.
tm_status tm_rtcp_sender_ssrc(const tm_rtcp_packet *packet, uint32_t *ssrc);
/// Sender info of an SR. MALFORMED when it is no SR, TRUNCATED when too short.
tm_status tm_rtcp_read_sender_info(const tm_rtcp_packet *packet, tm_rtcp_sender_info *info);
/// Report block `index` (< packet->count) of an SR or RR.
tm_status tm_rtcp_read_report(const tm_rtcp_packet *packet, size_t index, tm_rtcp_report *report);
/// CNAME of the first chunk that has one; text inside the buffer, not terminated. NOT_FOUND when there is none.
tm_status tm_rtcp_read_cname(const tm_rtcp_packet *packet, uint32_t *ssrc, const uint8_t **text, size_t *bytes);
/// Source `index` (< packet->count) of a BYE.
tm_status tm_rtcp_read_bye(const tm_rtcp_packet *packet, size_t index, uint32_t *ssrc);

/// What goes into our own compound.
typedef struct tm_rtcp_content {
  uint32_t ssrc;
  const tm_rtcp_sender_info *sender; // NULL: an RR is written, else an SR
  const tm_rtcp_report *reports;     // report_count of them, may be NULL when 0
  size_t report_count;               // 0..31
  const char *cname;                 // mandatory, 1..255 octets
  const uint8_t *further;            // whole packets of other types, put before a BYE; may be NULL when 0 octets
  size_t further_bytes;              // a multiple of 4
  bool bye;                          // append a BYE for `ssrc`
  const char *bye_reason;            // NULL or up to 255 octets
} tm_rtcp_content;

/// Writes SR or RR + SDES CNAME [+ further] [+ BYE]. Errors: ARGUMENT, SPACE.
tm_status tm_rtcp_build(const tm_rtcp_content *content, uint8_t *out, size_t capacity, size_t *written);

/// NTP time (1900 epoch, 32.32) of a Unix time in nanoseconds; and its middle 32 bits (LSR format).
uint64_t tm_ntp_from_unix_ns(uint64_t unix_ns);
uint32_t tm_ntp_middle(uint64_t ntp);

#endif
