// RFC 3550 5.1, 5.3.1: RTP packet.
#include "tm_rtp.h"

#include <string.h>

#include "tm_bytes.h"

enum {
  EXTENSION_HEADER_BYTES = 4,
  FLAG_PADDING = 0x20,
  FLAG_EXTENSION = 0x10,
  FLAG_MARKER = 0x80,
  MASK_CSRC_COUNT = 0x0F,
  VERSION_SHIFT = 6,
  RTCP_TYPE_FIRST = 192, // RFC 5761 4
  RTCP_TYPE_LAST = 223,
};

tm_status tm_rtp_parse(const uint8_t *data, size_t bytes, tm_rtp_packet *packet) {
  if (bytes < TM_RTP_HEADER_BYTES) return TM_ERR_TRUNCATED;
  if (data[0] >> VERSION_SHIFT != TM_RTP_VERSION) return TM_ERR_VERSION;
  memset(packet, 0, sizeof *packet);
  packet->marker = (data[1] & FLAG_MARKER) != 0;
  packet->payload_type = data[1] & TM_RTP_MAX_PAYLOAD_TYPE;
  packet->sequence = tm_get16(data + 2);
  packet->timestamp = tm_get32(data + 4);
  packet->ssrc = tm_get32(data + 8);
  packet->csrc_count = data[0] & MASK_CSRC_COUNT;
  size_t at = TM_RTP_HEADER_BYTES;
  if (bytes - at < 4u * packet->csrc_count) return TM_ERR_TRUNCATED;
  for (size_t i = 0; i < packet->csrc_count; i++, at += 4) packet->csrc[i] = tm_get32(data + at);
  packet->has_extension = (data[0] & FLAG_EXTENSION) != 0;
  if (packet->has_extension) {
    if (bytes - at < EXTENSION_HEADER_BYTES) return TM_ERR_TRUNCATED;
    packet->extension_profile = tm_get16(data + at);
    packet->extension_bytes = 4u * tm_get16(data + at + 2);
    at += EXTENSION_HEADER_BYTES;
    if (bytes - at < packet->extension_bytes) return TM_ERR_TRUNCATED;
    packet->extension = data + at;
    at += packet->extension_bytes;
  }
  packet->payload = data + at;
  packet->payload_bytes = bytes - at;
  if ((data[0] & FLAG_PADDING) != 0) {
    packet->padding_bytes = data[bytes - 1];
    if (packet->padding_bytes == 0 || packet->padding_bytes > packet->payload_bytes) return TM_ERR_MALFORMED;
    packet->payload_bytes -= packet->padding_bytes;
  }
  return TM_OK;
}

tm_status tm_rtp_build(const tm_rtp_packet *packet, uint8_t *out, size_t capacity, size_t *written) {
  if (packet->payload_type > TM_RTP_MAX_PAYLOAD_TYPE || packet->csrc_count > TM_RTP_MAX_CSRC) return TM_ERR_ARGUMENT;
  if (packet->has_extension && (packet->extension_bytes % 4 != 0 || packet->extension_bytes / 4 > UINT16_MAX)) {
    return TM_ERR_ARGUMENT;
  }
  size_t extension = packet->has_extension ? EXTENSION_HEADER_BYTES + packet->extension_bytes : 0;
  size_t header = TM_RTP_HEADER_BYTES + 4u * packet->csrc_count + extension;
  if (capacity < header || capacity - header < packet->payload_bytes ||
      capacity - header - packet->payload_bytes < packet->padding_bytes) {
    return TM_ERR_SPACE;
  }
  out[0] = (uint8_t)(TM_RTP_VERSION << VERSION_SHIFT | packet->csrc_count);
  if (packet->padding_bytes > 0) out[0] |= FLAG_PADDING;
  if (packet->has_extension) out[0] |= FLAG_EXTENSION;
  out[1] = packet->payload_type;
  if (packet->marker) out[1] |= FLAG_MARKER;
  tm_put16(out + 2, packet->sequence);
  tm_put32(out + 4, packet->timestamp);
  tm_put32(out + 8, packet->ssrc);
  uint8_t *at = out + TM_RTP_HEADER_BYTES;
  for (size_t i = 0; i < packet->csrc_count; i++, at += 4) tm_put32(at, packet->csrc[i]);
  if (packet->has_extension) {
    tm_put16(at, packet->extension_profile);
    tm_put16(at + 2, (uint16_t)(packet->extension_bytes / 4));
    at += EXTENSION_HEADER_BYTES;
    if (packet->extension_bytes > 0) memcpy(at, packet->extension, packet->extension_bytes);
    at += packet->extension_bytes;
  }
  if (packet->payload_bytes > 0) memcpy(at, packet->payload, packet->payload_bytes);
  at += packet->payload_bytes;
  if (packet->padding_bytes > 0) {
    memset(at, 0, packet->padding_bytes);
    at[packet->padding_bytes - 1] = packet->padding_bytes;
    at += packet->padding_bytes;
  }
  *written = (size_t)(at - out);
  return TM_OK;
}

bool tm_rtp_is_rtcp(const uint8_t *data, size_t bytes) {
  return bytes >= 2 && data[0] >> VERSION_SHIFT == TM_RTP_VERSION && data[1] >= RTCP_TYPE_FIRST &&
         data[1] <= RTCP_TYPE_LAST;
}

int32_t tm_seq_diff(uint16_t a, uint16_t b) {
  int32_t ahead = (uint16_t)(a - b);
  return ahead < 0x8000 ? ahead : ahead - 0x10000;
}

int32_t tm_timestamp_diff(uint32_t a, uint32_t b) {
  uint32_t ahead = a - b;
  return ahead < 0x80000000u ? (int32_t)ahead : -(int32_t)(UINT32_MAX - ahead) - 1;
}
