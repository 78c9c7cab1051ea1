// RFC 6184: an access unit into RTP payloads, packetization modes 0 (5.6) and 1 (STAP-A 5.7.1, FU-A 5.8). One thread, no allocation.
//
//   tm_h264_payload_begin(&p, unit, bytes, orientation);
//   while (tm_h264_payload_next(&p, &packet) == TM_OK) { fill sequence, timestamp, ssrc, payload type; tm_rtp_build; send }
#ifndef TM_H264_PAYLOAD_H
#define TM_H264_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_cvo.h"
#include "tm_nal.h"
#include "tm_rtp.h"
#include "tm_status.h"

enum {
  TM_H264_PAYLOAD_BYTES = 1200, // default limit: room for IPv6, SRTP, a tunnel
  TM_H264_PAYLOAD_LEAST = 64,
  TM_H264_PAYLOAD_MOST = 8192,
};

typedef struct tm_h264_payload_config {
  uint8_t mode;       // packetization-mode: 0 or 1
  size_t max_payload; // octets of RTP payload, 64..8192; 0: the default
  uint8_t cvo_id;     // extmap id 1..14; 0: orientation was not agreed
} tm_h264_payload_config;

/// Fields are private; it points at the caller's access unit between begin and the last next.
typedef struct tm_h264_payload {
  tm_h264_payload_config config;
  tm_nal_scanner scanner;
  tm_nal pending; // next NAL unit to go; bytes 0: none
  size_t fragment_at; // FU-A: octets of `pending` already sent, 0: not begun
  bool key;
  bool cvo_known;
  bool cvo_due;
  uint8_t cvo_sent;
  uint8_t cvo_now;
  uint8_t extension[TM_CVO_EXTENSION_BYTES];
  uint8_t out[TM_H264_PAYLOAD_MOST];
} tm_h264_payload;

/// ARGUMENT: mode 2 or more, payload limit or id out of range.
tm_status tm_h264_payload_init(tm_h264_payload *p, const tm_h264_payload_config *config);

/// Takes one Annex B access unit, which must live until the last packet is out. Access unit delimiters and filler are left out.
/// `orientation` (NULL: upright) goes out on the last packet of a key frame and of a frame where it changed.
/// Errors: ARGUMENT (rotation), MALFORMED (no NAL unit, a type that must not travel), SPACE: in mode 0 a NAL unit is larger than the
/// limit; `*largest` (may be NULL) always gets the octets of the largest NAL unit, so that the encoder can be told to slice.
tm_status tm_h264_payload_begin(tm_h264_payload *p, const uint8_t *unit, size_t bytes, const tm_orientation *orientation,
                                size_t *largest);

/// Next packet: payload, marker (last of the access unit) and extension are filled, all else is zero for the caller to fill. Payload
/// and extension live until the next call. END when the unit is out.
tm_status tm_h264_payload_next(tm_h264_payload *p, tm_rtp_packet *packet);

/// Whether the access unit now under way holds an IDR slice.
bool tm_h264_payload_is_key(const tm_h264_payload *p);

#endif
