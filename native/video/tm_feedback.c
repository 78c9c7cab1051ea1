// RFC 4585 6, RFC 5104 4.2, 4.3: RTCP feedback messages.
#include "tm_feedback.h"

#include <string.h>

#include "tm_bytes.h"
#include "tm_rtp.h"

enum {
  HEADER_BYTES = 12, // RTCP header and two SSRC
  WORD = 4,
  VERSION_BITS = 0x80,
  NACK_SPAN = 16, // sequence numbers in the bitmask
  MANTISSA_BITS = 17,
  OVERHEAD_BITS = 9,
  MAX_OVERHEAD = (1 << OVERHEAD_BITS) - 1,
};

// One row a message: items are FCI entries of `item_bytes`.
typedef struct message {
  tm_feedback_kind kind;
  uint8_t type, format;
  uint8_t item_bytes;
  bool may_be_empty;
} message;

static const message MESSAGES[] = {
    {TM_FEEDBACK_NACK, TM_RTCP_RTPFB, 1, 4, false},  // RFC 4585 6.2.1
    {TM_FEEDBACK_TMMBR, TM_RTCP_RTPFB, 3, 8, false}, // RFC 5104 4.2.1
    {TM_FEEDBACK_TMMBN, TM_RTCP_RTPFB, 4, 8, true},  // RFC 5104 4.2.2
    {TM_FEEDBACK_PLI, TM_RTCP_PSFB, 1, 0, true},     // RFC 4585 6.3.1
    {TM_FEEDBACK_SLI, TM_RTCP_PSFB, 2, 4, false},    // RFC 4585 6.3.2
    {TM_FEEDBACK_FIR, TM_RTCP_PSFB, 4, 8, false},    // RFC 5104 4.3.1
};

static const message *row_of(tm_feedback_kind kind) {
  for (size_t i = 0; i < sizeof MESSAGES / sizeof *MESSAGES; i++)
    if (MESSAGES[i].kind == kind) return &MESSAGES[i];
  return NULL;
}

tm_status tm_feedback_read(const tm_rtcp_packet *packet, tm_feedback *feedback) {
  memset(feedback, 0, sizeof *feedback);
  if (packet->type != TM_RTCP_RTPFB && packet->type != TM_RTCP_PSFB) return TM_ERR_MALFORMED;
  if (packet->padding > packet->bytes || packet->bytes - packet->padding < HEADER_BYTES) return TM_ERR_TRUNCATED;
  size_t bytes = packet->bytes - packet->padding - HEADER_BYTES;
  feedback->sender_ssrc = tm_get32(packet->data + WORD);
  feedback->media_ssrc = tm_get32(packet->data + 2 * WORD);
  feedback->fci = packet->data + HEADER_BYTES;
  for (size_t i = 0; i < sizeof MESSAGES / sizeof *MESSAGES; i++) {
    const message *row = &MESSAGES[i];
    if (row->type != packet->type || row->format != packet->count) continue;
    if (row->item_bytes == 0 ? bytes != 0 : bytes % row->item_bytes != 0) return TM_ERR_MALFORMED;
    feedback->items = row->item_bytes == 0 ? 0 : bytes / row->item_bytes;
    if (feedback->items == 0 && !row->may_be_empty) return TM_ERR_MALFORMED;
    feedback->kind = row->kind;
  }
  return TM_OK;
}

static const uint8_t *item(const tm_feedback *feedback, size_t index) {
  const message *row = row_of(feedback->kind);
  return row == NULL || index >= feedback->items ? NULL : feedback->fci + index * row->item_bytes;
}

tm_status tm_feedback_nack_at(const tm_feedback *feedback, size_t index, uint16_t *sequence, uint16_t *following) {
  const uint8_t *at = feedback->kind == TM_FEEDBACK_NACK ? item(feedback, index) : NULL;
  if (at == NULL) return TM_ERR_ARGUMENT;
  *sequence = tm_get16(at);
  *following = tm_get16(at + 2);
  return TM_OK;
}

size_t tm_feedback_nack_list(const tm_feedback *feedback, uint16_t *sequences, size_t capacity) {
  size_t count = 0;
  uint16_t first = 0;
  uint16_t mask = 0;
  for (size_t i = 0; tm_feedback_nack_at(feedback, i, &first, &mask) == TM_OK; i++) {
    if (count == capacity) break;
    sequences[count++] = first;
    for (unsigned bit = 0; bit < NACK_SPAN && count < capacity; bit++)
      if ((mask >> bit & 1) != 0) sequences[count++] = (uint16_t)(first + 1 + bit);
  }
  return count;
}

bool tm_feedback_fir_for(const tm_feedback *feedback, uint32_t ssrc, uint8_t *number) {
  bool found = false;
  if (feedback->kind != TM_FEEDBACK_FIR) return false;
  for (size_t i = 0; i < feedback->items; i++) {
    const uint8_t *at = item(feedback, i);
    if (tm_get32(at) != ssrc) continue;
    *number = at[WORD];
    found = true;
  }
  return found;
}

tm_status tm_feedback_bound_at(const tm_feedback *feedback, size_t index, tm_bitrate_bound *bound) {
  const uint8_t *at = feedback->kind == TM_FEEDBACK_TMMBR || feedback->kind == TM_FEEDBACK_TMMBN ? item(feedback, index) : NULL;
  if (at == NULL) return TM_ERR_ARGUMENT;
  uint32_t word = tm_get32(at + WORD);
  unsigned exponent = word >> (MANTISSA_BITS + OVERHEAD_BITS);
  uint64_t mantissa = word >> OVERHEAD_BITS & ((1u << MANTISSA_BITS) - 1);
  bound->ssrc = tm_get32(at);
  bound->bits_per_second = mantissa != 0 && mantissa > UINT64_MAX >> exponent ? UINT64_MAX : mantissa << exponent;
  bound->overhead = word & MAX_OVERHEAD;
  return TM_OK;
}

bool tm_feedback_bound_for(const tm_feedback *feedback, uint32_t ssrc, tm_bitrate_bound *bound) {
  bool found = false;
  tm_bitrate_bound one;
  if (feedback->kind != TM_FEEDBACK_TMMBR) return false;
  for (size_t i = 0; tm_feedback_bound_at(feedback, i, &one) == TM_OK; i++) {
    if (one.ssrc != ssrc || (found && one.bits_per_second >= bound->bits_per_second)) continue;
    *bound = one;
    found = true;
  }
  return found;
}

static tm_status build(tm_feedback_kind kind, uint32_t sender, uint32_t media, size_t items, uint8_t *out, size_t capacity,
                       size_t *written) {
  const message *row = row_of(kind);
  if (row == NULL || items > TM_FEEDBACK_MAX_ITEMS || (items == 0 && !row->may_be_empty)) return TM_ERR_ARGUMENT;
  size_t bytes = HEADER_BYTES + items * row->item_bytes;
  if (capacity < bytes) return TM_ERR_SPACE;
  out[0] = VERSION_BITS | row->format;
  out[1] = row->type;
  tm_put16(out + 2, (uint16_t)(bytes / WORD - 1));
  tm_put32(out + WORD, sender);
  tm_put32(out + 2 * WORD, media);
  *written = bytes;
  return TM_OK;
}

tm_status tm_feedback_build_pli(uint32_t sender, uint32_t media, uint8_t *out, size_t capacity, size_t *written) {
  return build(TM_FEEDBACK_PLI, sender, media, 0, out, capacity, written);
}

tm_status tm_feedback_build_fir(uint32_t sender, uint32_t target, uint8_t number, uint8_t *out, size_t capacity, size_t *written) {
  tm_status status = build(TM_FEEDBACK_FIR, sender, 0, 1, out, capacity, written); // 4.3.1.2: media source is 0
  if (status != TM_OK) return status;
  tm_put32(out + HEADER_BYTES, target);
  tm_put32(out + HEADER_BYTES + WORD, (uint32_t)number << 24);
  return TM_OK;
}

tm_status tm_feedback_build_nack(uint32_t sender, uint32_t media, const uint16_t *sequences, size_t count, uint8_t *out,
                                 size_t capacity, size_t *written) {
  uint16_t first[TM_FEEDBACK_MAX_ITEMS];
  uint16_t mask[TM_FEEDBACK_MAX_ITEMS];
  size_t items = 0;
  for (size_t i = 0; i < count; i++) {
    int32_t after = items == 0 ? 0 : tm_seq_diff(sequences[i], first[items - 1]);
    if (items > 0 && after <= 0) {
      if (after == 0) continue;
      return TM_ERR_ARGUMENT;
    }
    if (items > 0 && after <= NACK_SPAN) {
      mask[items - 1] = (uint16_t)(mask[items - 1] | 1u << (after - 1));
      continue;
    }
    if (items == TM_FEEDBACK_MAX_ITEMS) break;
    first[items] = sequences[i];
    mask[items++] = 0;
  }
  tm_status status = build(TM_FEEDBACK_NACK, sender, media, items, out, capacity, written);
  if (status != TM_OK) return status;
  for (size_t i = 0; i < items; i++) {
    tm_put16(out + HEADER_BYTES + WORD * i, first[i]);
    tm_put16(out + HEADER_BYTES + WORD * i + 2, mask[i]);
  }
  return TM_OK;
}

tm_status tm_feedback_build_bounds(tm_feedback_kind kind, uint32_t sender, const tm_bitrate_bound *bounds, size_t count, uint8_t *out,
                                   size_t capacity, size_t *written) {
  if (kind != TM_FEEDBACK_TMMBR && kind != TM_FEEDBACK_TMMBN) return TM_ERR_ARGUMENT;
  for (size_t i = 0; i < count && i < TM_FEEDBACK_MAX_ITEMS; i++)
    if (bounds[i].overhead > MAX_OVERHEAD) return TM_ERR_ARGUMENT;
  tm_status status = build(kind, sender, 0, count, out, capacity, written);
  if (status != TM_OK) return status;
  for (size_t i = 0; i < count; i++) {
    uint8_t *at = out + HEADER_BYTES + 2 * WORD * i;
    uint64_t mantissa = bounds[i].bits_per_second;
    uint32_t exponent = 0;
    while (mantissa >> MANTISSA_BITS != 0) {
      mantissa >>= 1;
      exponent++;
    }
    tm_put32(at, bounds[i].ssrc);
    tm_put32(at + WORD, exponent << (MANTISSA_BITS + OVERHEAD_BITS) | (uint32_t)mantissa << OVERHEAD_BITS | bounds[i].overhead);
  }
  return TM_OK;
}

tm_status tm_feedback_datagram(const tm_rtcp_content *lead, const uint8_t *feedback, size_t bytes, uint8_t *out, size_t capacity,
                               size_t *written) {
  size_t at = 0;
  if (lead != NULL) {
    tm_status status = tm_rtcp_build(lead, out, capacity, &at);
    if (status != TM_OK) return status;
  }
  if (capacity - at < bytes) return TM_ERR_SPACE;
  memcpy(out + at, feedback, bytes);
  *written = at + bytes;
  return TM_OK;
}
