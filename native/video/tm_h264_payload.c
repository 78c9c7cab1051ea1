// RFC 6184 5.6, 5.7.1, 5.8: access unit to RTP payloads.
#include "tm_h264_payload.h"

#include <string.h>

#include "tm_bytes.h"

enum {
  MODE_SINGLE = 0,
  MODE_NON_INTERLEAVED = 1,
  SIZE_BYTES = 2,    // before each unit of a STAP-A
  FU_HEADER_BYTES = 2,
  FU_START = 0x80,
  FU_END = 0x40,
  NRI_MASK = 0x60,
  INDICATOR_MASK = 0xE0,
  TYPE_MASK = 0x1F,
  LAST_TYPE = 23, // RFC 6184 table 1: 24 and above are payload structures
};

tm_status tm_h264_payload_init(tm_h264_payload *p, const tm_h264_payload_config *config) {
  size_t limit = config->max_payload == 0 ? TM_H264_PAYLOAD_BYTES : config->max_payload;
  if (config->mode > MODE_NON_INTERLEAVED || limit < TM_H264_PAYLOAD_LEAST || limit > TM_H264_PAYLOAD_MOST) return TM_ERR_ARGUMENT;
  if (config->cvo_id > TM_CVO_MAX_ID) return TM_ERR_ARGUMENT;
  memset(p, 0, sizeof *p);
  p->config = *config;
  p->config.max_payload = limit;
  return TM_OK;
}

static bool travels(const tm_nal *nal) { return nal->type != TM_NAL_AUD && nal->type != TM_NAL_FILLER; }

static bool advance(tm_nal_scanner *scanner, tm_nal *nal) {
  while (tm_nal_next(scanner, nal) == TM_OK)
    if (travels(nal)) return true;
  nal->bytes = 0;
  return false;
}

tm_status tm_h264_payload_begin(tm_h264_payload *p, const uint8_t *unit, size_t bytes, const tm_orientation *orientation,
                                size_t *largest) {
  size_t most = 0;
  uint8_t octet = 0;
  bool key = false;
  tm_nal_scanner scanner;
  tm_nal nal;
  p->pending.bytes = 0;
  if (largest != NULL) *largest = 0;
  if (orientation != NULL && tm_cvo_pack(orientation, &octet) != TM_OK) return TM_ERR_ARGUMENT;
  tm_nal_scan(&scanner, unit, bytes);
  while (advance(&scanner, &nal)) {
    if (nal.type == 0 || nal.type > LAST_TYPE || (nal.data[0] & 0x80) != 0) return TM_ERR_MALFORMED;
    if (nal.bytes > most) most = nal.bytes;
    key |= nal.type == TM_NAL_IDR;
  }
  if (largest != NULL) *largest = most;
  if (most == 0) return TM_ERR_MALFORMED;
  if (p->config.mode == MODE_SINGLE && most > p->config.max_payload) return TM_ERR_SPACE;
  p->key = key;
  p->cvo_now = octet;
  p->cvo_due = p->config.cvo_id != 0 && (key || !p->cvo_known || octet != p->cvo_sent);
  p->fragment_at = 0;
  tm_nal_scan(&p->scanner, unit, bytes);
  advance(&p->scanner, &p->pending);
  return TM_OK;
}

bool tm_h264_payload_is_key(const tm_h264_payload *p) { return p->key; }

// As many whole units as fit; false when it would be one only.
static bool aggregate(tm_h264_payload *p, tm_rtp_packet *packet) {
  const size_t limit = p->config.max_payload;
  tm_nal_scanner ahead = p->scanner;
  tm_nal next = p->pending;
  size_t count = 0;
  size_t at = 1;
  uint8_t nri = 0;
  while (next.bytes > 0 && next.bytes <= limit && limit - next.bytes >= at + SIZE_BYTES) {
    tm_put16(p->out + at, (uint16_t)next.bytes);
    memcpy(p->out + at + SIZE_BYTES, next.data, next.bytes);
    at += SIZE_BYTES + next.bytes;
    if ((next.data[0] & NRI_MASK) > nri) nri = next.data[0] & NRI_MASK;
    count++;
    advance(&ahead, &next);
  }
  if (count < 2) return false;
  p->out[0] = nri | TM_NAL_STAP_A;
  p->scanner = ahead;
  p->pending = next;
  packet->payload = p->out;
  packet->payload_bytes = at;
  return true;
}

static void fragment(tm_h264_payload *p, tm_rtp_packet *packet) {
  const tm_nal *nal = &p->pending;
  bool first = p->fragment_at == 0;
  if (first) p->fragment_at = 1; // the NAL header travels in indicator and FU header
  size_t room = p->config.max_payload - FU_HEADER_BYTES;
  size_t left = nal->bytes - p->fragment_at;
  // Even pieces: the last one is not a crumb.
  size_t pieces = (left + room - 1) / room;
  size_t take = (left + pieces - 1) / pieces;
  bool last = take == left;
  p->out[0] = (nal->data[0] & INDICATOR_MASK) | TM_NAL_FU_A;
  p->out[1] = (uint8_t)((first ? FU_START : 0) | (last ? FU_END : 0) | (nal->data[0] & TYPE_MASK));
  memcpy(p->out + FU_HEADER_BYTES, nal->data + p->fragment_at, take);
  packet->payload = p->out;
  packet->payload_bytes = FU_HEADER_BYTES + take;
  p->fragment_at += take;
  if (last) {
    p->fragment_at = 0;
    advance(&p->scanner, &p->pending);
  }
}

tm_status tm_h264_payload_next(tm_h264_payload *p, tm_rtp_packet *packet) {
  if (p->pending.bytes == 0) return TM_ERR_END;
  memset(packet, 0, sizeof *packet);
  if (p->pending.bytes > p->config.max_payload) {
    fragment(p, packet);
  } else if (p->config.mode == MODE_SINGLE || !aggregate(p, packet)) {
    packet->payload = p->pending.data;
    packet->payload_bytes = p->pending.bytes;
    advance(&p->scanner, &p->pending);
  }
  packet->marker = p->pending.bytes == 0;
  if (packet->marker && p->cvo_due) {
    tm_cvo_write(p->config.cvo_id, p->cvo_now, p->extension);
    packet->has_extension = true;
    packet->extension_profile = TM_EXTENSION_ONE_BYTE;
    packet->extension = p->extension;
    packet->extension_bytes = TM_CVO_EXTENSION_BYTES;
    p->cvo_known = true;
    p->cvo_sent = p->cvo_now;
    p->cvo_due = false;
  }
  return TM_OK;
}
