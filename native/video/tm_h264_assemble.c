// RFC 6184 5.6 to 5.8: payloads into one access unit.
#include "tm_h264_assemble.h"

#include <string.h>

#include "tm_bytes.h"

enum {
  START_CODE_BYTES = 4,
  SIZE_BYTES = 2,
  FU_HEADER_BYTES = 2,
  FU_START = 0x80,
  FU_END = 0x40,
  INDICATOR_MASK = 0xE0,
  TYPE_MASK = 0x1F,
  FORBIDDEN_BIT = 0x80,
  LAST_SINGLE_TYPE = 23,
};

static const uint8_t START_CODE[START_CODE_BYTES] = {0, 0, 0, 1};

void tm_h264_assemble_begin(tm_h264_assembler *a, bool gap, bool loss) {
  a->used = 0;
  a->open = a->begun = a->overflowed = a->fragment_open = false;
  a->gap_at_start = gap;
  uint8_t octet = a->frame.orientation_octet;
  a->frame = (tm_h264_frame){.orientation_octet = octet, .loss_before = loss, .intra = true, .sets_known = true};
}

static void drop_fragment(tm_h264_assembler *a) {
  if (!a->fragment_open) return;
  a->used = a->fragment_at;
  a->fragment_open = false;
  a->frame.damaged = true;
}

void tm_h264_assemble_gap(tm_h264_assembler *a) {
  drop_fragment(a);
  if (a->open) a->frame.damaged = true;
}

static bool append(tm_h264_assembler *a, const uint8_t *data, size_t bytes) {
  if (a->overflowed || a->capacity - a->used < bytes) {
    if (!a->overflowed) a->overflows++;
    a->overflowed = true;
    a->frame.damaged = true;
    return false;
  }
  memcpy(a->buffer + a->used, data, bytes);
  a->used += bytes;
  return true;
}

static void note_slice(tm_h264_assembler *a, const tm_h264_slice *slice) {
  tm_h264_frame *frame = &a->frame;
  frame->has_picture = true;
  frame->key |= slice->idr;
  frame->intra &= slice->type == TM_SLICE_I || slice->type == TM_SLICE_SI;
  frame->reference |= slice->ref_idc != 0;
  const tm_h264_sps *sps = tm_h264_active_sps(&a->inspector, slice->pps_id);
  if (sps == NULL) {
    frame->sets_known = false;
  } else if (slice->complete) {
    frame->has_frame_num = true;
    frame->frame_num = slice->frame_num;
    frame->log2_max_frame_num = sps->log2_max_frame_num;
  }
}

// A NAL unit that lies whole at `data`.
static void note_unit(tm_h264_assembler *a, const uint8_t *data, size_t bytes) {
  tm_nal nal;
  tm_h264_unit unit;
  if (tm_nal_header(data, bytes, &nal) != TM_OK || tm_h264_inspect(&a->inspector, &nal, &unit) != TM_OK) {
    a->malformed++;
    a->frame.damaged = true;
    return;
  }
  a->frame.has_sps |= unit.sps != NULL;
  a->frame.has_pps |= unit.pps != NULL;
  a->frame.recovery_point |= unit.recovery_point;
  if (unit.is_slice) note_slice(a, &unit.slice);
  if (!a->begun && a->gap_at_start && unit.is_slice && unit.slice.first_mb != 0) a->frame.damaged = true;
  a->begun = true;
}

static void take_unit(tm_h264_assembler *a, const uint8_t *data, size_t bytes) {
  size_t before = a->used;
  if (!append(a, START_CODE, START_CODE_BYTES)) return;
  if (!append(a, data, bytes)) {
    a->used = before;
    return;
  }
  note_unit(a, data, bytes);
}

static void malformed(tm_h264_assembler *a) {
  a->malformed++;
  a->frame.damaged = true;
}

static void take_aggregate(tm_h264_assembler *a, const uint8_t *payload, size_t bytes) {
  size_t at = 1;
  while (at < bytes) {
    if (bytes - at < SIZE_BYTES) {
      malformed(a);
      return;
    }
    size_t size = tm_get16(payload + at);
    at += SIZE_BYTES;
    if (size == 0 || size > bytes - at || (payload[at] & TYPE_MASK) > LAST_SINGLE_TYPE) {
      malformed(a);
      return;
    }
    take_unit(a, payload + at, size);
    at += size;
  }
}

static void take_fragment(tm_h264_assembler *a, const uint8_t *payload, size_t bytes) {
  if (bytes <= FU_HEADER_BYTES) {
    malformed(a);
    return;
  }
  const uint8_t header = (payload[0] & INDICATOR_MASK) | (payload[1] & TYPE_MASK);
  const bool start = (payload[1] & FU_START) != 0;
  const bool end = (payload[1] & FU_END) != 0;
  if (start) {
    drop_fragment(a);
    if ((start && end) || (header & TYPE_MASK) == 0 || (header & TYPE_MASK) > LAST_SINGLE_TYPE) { // 5.8
      malformed(a);
      return;
    }
    a->fragment_at = a->used;
    if (!append(a, START_CODE, START_CODE_BYTES) || !append(a, &header, 1)) {
      a->used = a->fragment_at;
      return;
    }
    a->fragment_open = true;
  } else if (!a->fragment_open || ((a->buffer[a->fragment_at + START_CODE_BYTES] ^ header) & TYPE_MASK) != 0) {
    drop_fragment(a);
    a->frame.damaged = true;
    return;
  }
  if (!append(a, payload + FU_HEADER_BYTES, bytes - FU_HEADER_BYTES)) {
    drop_fragment(a);
    return;
  }
  if (!end) return;
  a->fragment_open = false;
  size_t from = a->fragment_at + START_CODE_BYTES;
  note_unit(a, a->buffer + from, a->used - from);
}

void tm_h264_assemble_feed(tm_h264_assembler *a, const uint8_t *payload, size_t bytes) {
  a->open = true;
  const uint8_t type = payload[0] & TYPE_MASK;
  if (type != TM_NAL_FU_A) drop_fragment(a);
  if ((payload[0] & FORBIDDEN_BIT) != 0 || type == 0 || (type > LAST_SINGLE_TYPE && type != TM_NAL_STAP_A && type != TM_NAL_FU_A)) {
    malformed(a);
  } else if (type == TM_NAL_STAP_A) {
    take_aggregate(a, payload, bytes);
  } else if (type == TM_NAL_FU_A) {
    take_fragment(a, payload, bytes);
  } else {
    take_unit(a, payload, bytes);
  }
}

void tm_h264_assemble_end(tm_h264_assembler *a, tm_h264_frame *frame) {
  drop_fragment(a);
  a->frame.data = a->buffer;
  a->frame.bytes = a->used;
  a->frame.intra &= a->frame.has_picture;
  a->frame.sets_known &= a->frame.has_picture;
  *frame = a->frame;
}
