// TS 26.114 7.4.5: coordination of video orientation, and RFC 8285 header extensions that carry it. Pure functions, any thread.
#ifndef TM_CVO_H
#define TM_CVO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_rtp.h"
#include "tm_status.h"

enum {
  TM_EXTENSION_ONE_BYTE = 0xBEDE, // RFC 8285 4.2
  TM_EXTENSION_TWO_BYTE = 0x1000, // RFC 8285 4.3; low 4 bits are the application's
  TM_CVO_EXTENSION_BYTES = 4,     // id/length, the octet, padding
  TM_CVO_MAX_ID = 14,
};

/// What the receiver has to do to show the picture upright: turn it by `rotation` first, then mirror it.
typedef struct tm_orientation {
  bool back_camera;  // C
  bool mirrored;     // F: horizontal flip
  uint16_t rotation; // degrees clockwise: 0, 90, 180, 270
} tm_orientation;

/// 0000CFRR. ARGUMENT when rotation is none of the four.
tm_status tm_cvo_pack(const tm_orientation *orientation, uint8_t *octet);
/// Takes the 2-bit form (and the leading bits of the 6-bit one): never fails.
void tm_cvo_unpack(uint8_t octet, tm_orientation *orientation);
/// The extension body (without the 4 octets of profile and length) for tm_rtp_packet.extension with profile TM_EXTENSION_ONE_BYTE.
/// ARGUMENT when id is not 1..14.
tm_status tm_cvo_write(uint8_t id, uint8_t octet, uint8_t out[TM_CVO_EXTENSION_BYTES]);
/// The CVO octet of a packet, in one- or two-byte form. NOT_FOUND when the packet has none, MALFORMED when elements overrun.
tm_status tm_cvo_find(const tm_rtp_packet *packet, uint8_t id, uint8_t *octet);

#endif
