// RFC 3550 5.1, 5.3.1: the RTP packet, parsed in place and built. Pure functions, any thread.
#ifndef TM_RTP_H
#define TM_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

enum {
  TM_RTP_VERSION = 2,
  TM_RTP_HEADER_BYTES = 12, // without CSRC and extension
  TM_RTP_MAX_CSRC = 15,
  TM_RTP_MAX_PAYLOAD_TYPE = 127,
};

typedef struct tm_rtp_packet {
  uint8_t payload_type; // 0..127
  bool marker;
  uint16_t sequence;
  uint32_t timestamp; // ticks of the payload type's clock
  uint32_t ssrc;
  uint8_t csrc_count; // 0..15
  uint32_t csrc[TM_RTP_MAX_CSRC];
  bool has_extension;
  uint16_t extension_profile;
  const uint8_t *extension; // extension_bytes octets inside the parsed buffer, after the 4-octet extension header
  size_t extension_bytes;   // multiple of 4
  const uint8_t *payload;   // inside the parsed buffer, padding taken off
  size_t payload_bytes;     // may be 0 (RFC 6263 keep-alive)
  uint8_t padding_bytes;    // 0: no padding
} tm_rtp_packet;

/// Reads one datagram. `packet` points into `data`, which must outlive it.
/// Errors: TRUNCATED, VERSION, MALFORMED (padding longer than the payload or zero). `packet` is undefined on error.
tm_status tm_rtp_parse(const uint8_t *data, size_t bytes, tm_rtp_packet *packet);

/// Writes header, CSRC list, extension, payload (payload may be NULL when payload_bytes is 0) and padding (RFC 3550 5.1)
/// as `packet` says into `out` and sets `*written`. Errors: ARGUMENT (field out of range, extension not a multiple of
/// 4 octets), SPACE.
tm_status tm_rtp_build(const tm_rtp_packet *packet, uint8_t *out, size_t capacity, size_t *written);

/// RFC 5761 4: whether a datagram on a muxed port is RTCP (second octet 192..223). False when shorter than 2 octets.
bool tm_rtp_is_rtcp(const uint8_t *data, size_t bytes);

/// a - b in modulo 2^16 / 2^32 arithmetic: negative when a is older.
int32_t tm_seq_diff(uint16_t a, uint16_t b);
int32_t tm_timestamp_diff(uint32_t a, uint32_t b);

#endif
