// TS 26.114 7.4.5, RFC 8285 4.2, 4.3.
#include "tm_cvo.h"

#include "tm_bytes.h"

enum {
  BACK_CAMERA = 0x08,
  MIRRORED = 0x04,
  ROTATION_MASK = 0x03,
  QUARTER = 90,
  FULL_TURN = 360,
  TWO_BYTE_MASK = 0xFFF0,
  STOP_ID = 15, // RFC 8285 4.2: the rest is not read
};

tm_status tm_cvo_pack(const tm_orientation *orientation, uint8_t *octet) {
  if (orientation->rotation % QUARTER != 0 || orientation->rotation >= FULL_TURN) return TM_ERR_ARGUMENT;
  *octet = (uint8_t)(orientation->rotation / QUARTER | (orientation->mirrored ? MIRRORED : 0) | (orientation->back_camera ? BACK_CAMERA : 0));
  return TM_OK;
}

void tm_cvo_unpack(uint8_t octet, tm_orientation *orientation) {
  orientation->back_camera = (octet & BACK_CAMERA) != 0;
  orientation->mirrored = (octet & MIRRORED) != 0;
  orientation->rotation = (uint16_t)((octet & ROTATION_MASK) * QUARTER);
}

tm_status tm_cvo_write(uint8_t id, uint8_t octet, uint8_t out[TM_CVO_EXTENSION_BYTES]) {
  if (id == 0 || id > TM_CVO_MAX_ID) return TM_ERR_ARGUMENT;
  out[0] = (uint8_t)(id << 4); // length field 0: one octet
  out[1] = octet;
  out[2] = out[3] = 0;
  return TM_OK;
}

tm_status tm_cvo_find(const tm_rtp_packet *packet, uint8_t id, uint8_t *octet) {
  if (!packet->has_extension || id == 0) return TM_ERR_NOT_FOUND;
  bool one_byte = packet->extension_profile == TM_EXTENSION_ONE_BYTE;
  if (!one_byte && (packet->extension_profile & TWO_BYTE_MASK) != TM_EXTENSION_TWO_BYTE) return TM_ERR_NOT_FOUND;
  const uint8_t *data = packet->extension;
  size_t bytes = packet->extension_bytes;
  for (size_t at = 0; at < bytes;) {
    if (data[at] == 0) { // padding
      at++;
      continue;
    }
    uint8_t element = one_byte ? data[at] >> 4 : data[at];
    size_t length = 0;
    if (one_byte) {
      if (element == STOP_ID) break;
      length = (data[at] & 0x0Fu) + 1u;
      at++;
    } else {
      if (bytes - at < 2) return TM_ERR_MALFORMED;
      length = data[at + 1];
      at += 2;
    }
    if (bytes - at < length) return TM_ERR_MALFORMED;
    if (element == id && length >= 1) {
      *octet = data[at];
      return TM_OK;
    }
    at += length;
  }
  return TM_ERR_NOT_FOUND;
}
