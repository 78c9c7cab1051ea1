// RFC 4867 4.3 (bandwidth-efficient) and 4.4 (octet-aligned) payloads.
#include "tm_amr_payload.h"

#include <string.h>

enum {
  CMR_BITS = 4,
  TOC_BITS = 6, // F, FT, Q
  TYPE_BITS = 4,
  OCTET = 8,
  MAX_TYPE = 15,
};

const tm_amr_family TM_AMR_WB = {
  .name = "AMR-WB",
  .clock_hz = 16000,
  .frame_samples = 320,
  .speech_modes = 9,
  .sid_type = 9,
  .has_speech_lost = true,
  .bits = {132, 177, 253, 285, 317, 365, 397, 461, 477, 40}, // TS 26.201 tables 2 and 3
};

const tm_amr_family TM_AMR_NB = {
  .name = "AMR",
  .clock_hz = 8000,
  .frame_samples = 160,
  .speech_modes = 8,
  .sid_type = 8,
  .has_speech_lost = false,
  .bits = {95, 103, 118, 134, 148, 159, 204, 244, 39}, // TS 26.101 tables 1 and 2
};

size_t tm_amr_frame_bytes(const tm_amr_family *family, uint8_t type) {
  return type > MAX_TYPE ? 0 : (family->bits[type] + OCTET - 1u) / OCTET;
}

bool tm_amr_type_valid(const tm_amr_family *family, uint8_t type) {
  if (type <= family->sid_type || type == TM_AMR_FT_NO_DATA) return true;
  return type == TM_AMR_FT_LOST && family->has_speech_lost;
}

/// A place in a row of bits, most significant first.
typedef struct bit_place {
  size_t at;    // bits
  size_t limit; // bits
} bit_place;

static unsigned take_bits(const uint8_t *data, bit_place *place, unsigned count) {
  unsigned value = 0;
  for (; count > 0; count--, place->at++) {
    value = value << 1 | ((unsigned)data[place->at / OCTET] >> (OCTET - 1 - place->at % OCTET) & 1u);
  }
  return value;
}

/// Ors into zeroed memory.
static void give_bits(uint8_t *data, bit_place *place, unsigned value, unsigned count) {
  for (; count > 0; count--, place->at++) {
    if ((value >> (count - 1) & 1u) != 0) data[place->at / OCTET] |= (uint8_t)(0x80u >> place->at % OCTET);
  }
}

/// Moves `count` bits from one row to the other; `to` is zeroed memory.
static void copy_bits(const uint8_t *from, bit_place *source, uint8_t *to, bit_place *target, size_t count) {
  while (count > 0) {
    unsigned step = count < OCTET ? (unsigned)count : OCTET;
    give_bits(to, target, take_bits(from, source, step), step);
    count -= step;
  }
}

static bool has_room(const bit_place *place, size_t bits) { return place->limit - place->at >= bits; }

static void align(bit_place *place) { place->at = (place->at + OCTET - 1) / OCTET * OCTET; }

/// What one frame of the table of contents is.
static void describe(const tm_amr_family *family, unsigned type, bool good, tm_frame *frame) {
  memset(frame, 0, sizeof *frame);
  frame->type = (uint8_t)type;
  frame->ticks = family->frame_samples;
  frame->bytes = (uint16_t)tm_amr_frame_bytes(family, frame->type);
  if (type == TM_AMR_FT_NO_DATA) {
    frame->kind = TM_FRAME_NO_DATA;
  } else if (type == TM_AMR_FT_LOST || !good) {
    frame->kind = TM_FRAME_LOST;
  } else {
    frame->kind = type == family->sid_type ? TM_FRAME_SID : TM_FRAME_SPEECH;
  }
}

tm_status tm_amr_unpack(const tm_amr_family *family, bool octet_aligned, const uint8_t *payload, size_t bytes,
                        uint8_t *cmr, tm_frame *frames, size_t capacity, size_t *count) {
  *count = 0;
  bit_place place = {.at = 0, .limit = bytes * OCTET};
  if (!has_room(&place, CMR_BITS + TOC_BITS)) return TM_ERR_TRUNCATED;
  uint8_t request = (uint8_t)take_bits(payload, &place, CMR_BITS);
  if (octet_aligned) align(&place);
  size_t total = 0;
  for (bool more = true; more; total++) {
    if (!has_room(&place, TOC_BITS)) return TM_ERR_TRUNCATED;
    if (total == capacity) return TM_ERR_SPACE;
    more = take_bits(payload, &place, 1) != 0;
    unsigned type = take_bits(payload, &place, TYPE_BITS);
    bool good = take_bits(payload, &place, 1) != 0;
    if (octet_aligned) align(&place);
    if (!tm_amr_type_valid(family, (uint8_t)type)) return TM_ERR_UNSUPPORTED;
    describe(family, type, good, &frames[total]);
  }
  for (size_t i = 0; i < total; i++) {
    size_t bits = family->bits[frames[i].type];
    if (!has_room(&place, bits)) return TM_ERR_TRUNCATED;
    bit_place target = {.at = 0, .limit = TM_FRAME_BYTES * OCTET};
    copy_bits(payload, &place, frames[i].data, &target, bits);
    if (octet_aligned) align(&place);
  }
  *cmr = request;
  *count = total;
  return TM_OK;
}

static bool frame_fits(const tm_amr_family *family, const tm_frame *frame) {
  if (!tm_amr_type_valid(family, frame->type)) return false;
  return frame->bytes == tm_amr_frame_bytes(family, frame->type);
}

tm_status tm_amr_pack(const tm_amr_family *family, bool octet_aligned, uint8_t cmr, const tm_frame *frames,
                      size_t count, uint8_t *out, size_t capacity, size_t *written) {
  if (count == 0 || count > TM_AMR_MAX_FRAMES || cmr > TM_AMR_CMR_NONE) return TM_ERR_ARGUMENT;
  size_t bits = octet_aligned ? OCTET : CMR_BITS;
  for (size_t i = 0; i < count; i++) {
    if (!frame_fits(family, &frames[i])) return TM_ERR_ARGUMENT;
    bits += octet_aligned ? OCTET + frames[i].bytes * (size_t)OCTET : TOC_BITS + (size_t)family->bits[frames[i].type];
  }
  size_t total = (bits + OCTET - 1) / OCTET;
  if (total > capacity) return TM_ERR_SPACE;
  memset(out, 0, total);
  bit_place place = {.at = 0, .limit = total * OCTET};
  give_bits(out, &place, cmr, CMR_BITS);
  if (octet_aligned) align(&place);
  for (size_t i = 0; i < count; i++) {
    bool damaged = frames[i].kind == TM_FRAME_LOST && frames[i].type <= family->sid_type;
    give_bits(out, &place, i + 1 < count, 1);
    give_bits(out, &place, frames[i].type, TYPE_BITS);
    give_bits(out, &place, damaged ? 0 : 1, 1);
    if (octet_aligned) align(&place);
  }
  for (size_t i = 0; i < count; i++) {
    bit_place source = {.at = 0, .limit = TM_FRAME_BYTES * OCTET};
    copy_bits(frames[i].data, &source, out, &place, family->bits[frames[i].type]);
    if (octet_aligned) align(&place);
  }
  *written = total;
  return TM_OK;
}
