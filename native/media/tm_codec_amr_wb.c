// AMR-WB (TS 26.171): vo-amrwbenc and opencore-amrwb behind the codec face, with the mode rules of 26.114 7.5.2.1.2.
#include <opencore-amrwb/dec_if.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <vo-amrwbenc/enc_if.h>

#include "tm_amr_payload.h"
#include "tm_codec_impl.h"

enum {
  MODES = 9,
  HIGHEST_MODE = MODES - 1,
  DEFAULT_PERIOD = 2,
  MAX_CODED = 1 + TM_AMR_MAX_FRAME_BYTES, // with the octet of RFC 4867 5.3 before the frame
  TYPE_SHIFT = 3,
  TYPE_MASK = 0x0F,
  QUALITY_GOOD = 1 << 2,
  ENCODER_SLACK = 64, // the encoder's contract names no bound
};

typedef struct amr_wb {
  tm_codec base;
  // Sending half.
  void *encoder;
  uint16_t mode_set;
  uint8_t period;
  bool any_change;
  bool dtx;
  bool octet_aligned;
  uint8_t mode;       // of the last frame
  uint8_t wanted;     // by our own side
  uint32_t frames;    // encoded so far, for the phase of the mode changes
  // Both halves: the mode that the peer asked for.
  atomic_uchar requested;
  // Receiving half.
  void *decoder;
} amr_wb;

/// Highest mode of the set that is not above `limit`; the lowest of the set when all are above.
static uint8_t mode_within(uint16_t set, uint8_t limit) {
  for (int mode = limit; mode >= 0; mode--) {
    if ((set >> mode & 1) != 0) return (uint8_t)mode;
  }
  uint8_t lowest = 0;
  while ((set >> lowest & 1) == 0) lowest++;
  return lowest;
}

/// The neighbour of `mode` in the set, one step towards `goal` (which is in the set).
static uint8_t step_towards(uint16_t set, uint8_t mode, uint8_t goal) {
  int step = goal > mode ? 1 : -1;
  int next = mode + step;
  while ((set >> next & 1) == 0) next += step;
  return (uint8_t)next;
}

static void choose_mode(amr_wb *self) {
  uint8_t requested = atomic_load_explicit(&self->requested, memory_order_relaxed);
  uint8_t limit = requested < self->wanted ? requested : self->wanted;
  uint8_t goal = mode_within(self->mode_set, limit);
  bool may_change = self->frames % self->period == 0;
  if (goal != self->mode && may_change) {
    self->mode = self->any_change ? goal : step_towards(self->mode_set, self->mode, goal);
  }
  self->frames++;
}

static tm_status encode(tm_codec *codec, const int16_t *pcm, tm_frame *frame) {
  amr_wb *self = (amr_wb *)codec;
  choose_mode(self);
  uint8_t coded[MAX_CODED + ENCODER_SLACK] = {0};
  int bytes = E_IF_encode(self->encoder, self->mode, pcm, coded, self->dtx ? 1 : 0);
  if (bytes < 0 || bytes > MAX_CODED) return TM_ERR_CODEC;
  memset(frame, 0, sizeof *frame);
  frame->ticks = codec->info->encode_ticks;
  frame->type = bytes == 0 ? TM_AMR_FT_NO_DATA : coded[0] >> TYPE_SHIFT & TYPE_MASK;
  frame->bytes = (uint16_t)tm_amr_frame_bytes(&TM_AMR_WB, frame->type);
  if (!tm_amr_type_valid(&TM_AMR_WB, frame->type) || (bytes > 0 && frame->bytes != bytes - 1)) return TM_ERR_CODEC;
  memcpy(frame->data, coded + 1, frame->bytes);
  switch (frame->type) {
    case TM_AMR_FT_NO_DATA: frame->kind = TM_FRAME_NO_DATA; break;
    case TM_AMR_FT_LOST: frame->kind = TM_FRAME_LOST; break;
    default: frame->kind = frame->type == TM_AMR_WB.sid_type ? TM_FRAME_SID : TM_FRAME_SPEECH;
  }
  return TM_OK;
}

static tm_status set_mode(tm_codec *codec, uint8_t mode) {
  if (mode > HIGHEST_MODE) return TM_ERR_ARGUMENT;
  ((amr_wb *)codec)->wanted = mode;
  return TM_OK;
}

static uint8_t current_mode(const tm_codec *codec) { return ((const amr_wb *)codec)->mode; }

static tm_status pack(tm_codec *codec, const tm_frame *frames, size_t count, uint8_t *out, size_t capacity,
                      size_t *written) {
  const amr_wb *self = (const amr_wb *)codec;
  return tm_amr_pack(&TM_AMR_WB, self->octet_aligned, TM_AMR_CMR_NONE, frames, count, out, capacity, written);
}

static tm_status unpack(tm_codec *codec, const uint8_t *payload, size_t bytes, tm_frame *frames, size_t capacity,
                        size_t *count) {
  amr_wb *self = (amr_wb *)codec;
  uint8_t cmr = TM_AMR_CMR_NONE;
  tm_status status =
    tm_amr_unpack(&TM_AMR_WB, self->octet_aligned, payload, bytes, &cmr, frames, capacity, count);
  if (status != TM_OK) return status;
  // RFC 4867 4.3.1: a request holds until the next; reserved values and modes outside the set are ignored, and 15 asks
  // for nothing: the way is free again.
  if (cmr == TM_AMR_CMR_NONE) cmr = HIGHEST_MODE;
  if (cmr <= HIGHEST_MODE && (cmr == HIGHEST_MODE || (self->mode_set >> cmr & 1) != 0)) {
    atomic_store_explicit(&self->requested, cmr, memory_order_relaxed);
  }
  return TM_OK;
}

/// Decodes any valid frame type; `data` may be NULL for types without bits.
static void decode_type(amr_wb *self, uint8_t type, const uint8_t *data, size_t bytes, int16_t *pcm) {
  uint8_t coded[MAX_CODED] = {0};
  coded[0] = (uint8_t)(type << TYPE_SHIFT | QUALITY_GOOD);
  if (bytes > 0) memcpy(coded + 1, data, bytes);
  D_IF_decode(self->decoder, coded, pcm, 0);
}

static tm_status conceal(tm_codec *codec, int16_t *pcm) {
  decode_type((amr_wb *)codec, TM_AMR_FT_LOST, NULL, 0, pcm);
  return TM_OK;
}

static tm_status decode(tm_codec *codec, const tm_frame *frame, int16_t *pcm) {
  if (!tm_amr_type_valid(&TM_AMR_WB, frame->type)) return TM_ERR_ARGUMENT;
  if (frame->kind == TM_FRAME_LOST) return conceal(codec, pcm);
  size_t bytes = tm_amr_frame_bytes(&TM_AMR_WB, frame->type);
  if (frame->bytes != bytes) return TM_ERR_ARGUMENT;
  decode_type((amr_wb *)codec, frame->type, frame->data, bytes, pcm);
  return TM_OK;
}

static void destroy(tm_codec *codec) {
  amr_wb *self = (amr_wb *)codec;
  if (self->encoder != NULL) E_IF_exit(self->encoder);
  if (self->decoder != NULL) D_IF_exit(self->decoder);
  free(self);
}

static const tm_codec_ops OPS = {
  .encode = encode, .pack = pack, .unpack = unpack, .decode = decode, .conceal = conceal,
  .set_mode = set_mode, .mode = current_mode, .destroy = destroy};

tm_status tm_codec_create_amr_wb(const tm_codec_config *config, tm_codec **codec) {
  uint16_t set = config->mode_set == 0 ? TM_AMR_WB_ALL_MODES : config->mode_set;
  if ((set & ~TM_AMR_WB_ALL_MODES) != 0 || config->initial_mode > HIGHEST_MODE ||
      config->mode_change_period > DEFAULT_PERIOD) {
    return TM_ERR_ARGUMENT;
  }
  amr_wb *self = calloc(1, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  self->base = (tm_codec){.ops = &OPS, .info = tm_codec_info_of(TM_CODEC_AMR_WB)};
  self->mode_set = set;
  self->period = config->mode_change_period == 0 ? DEFAULT_PERIOD : config->mode_change_period;
  self->any_change = config->any_mode_change;
  self->dtx = config->dtx;
  self->octet_aligned = config->octet_aligned;
  self->mode = mode_within(set, config->initial_mode);
  self->wanted = HIGHEST_MODE;
  atomic_init(&self->requested, HIGHEST_MODE);
  self->encoder = E_IF_init();
  self->decoder = D_IF_init();
  if (self->encoder == NULL || self->decoder == NULL) {
    destroy(&self->base);
    return TM_ERR_CODEC;
  }
  *codec = &self->base;
  return TM_OK;
}
