// AMR (TS 26.071) and AMR-WB (TS 26.171) behind the codec face: opencore-amrnb, opencore-amrwb, vo-amrwbenc with RFC 4867
// payloads. Both families differ in a table and in their libraries only.
#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrnb/interf_enc.h>
#include <opencore-amrwb/dec_if.h>
#include <stdlib.h>
#include <string.h>
#include <vo-amrwbenc/enc_if.h>

#include "tm_amr_modes.h"
#include "tm_amr_payload.h"
#include "tm_codec_impl.h"

enum {
  MAX_CODED = 1 + TM_AMR_MAX_FRAME_BYTES, // with the octet of RFC 4867 5.3 before the frame
  TYPE_SHIFT = 3,
  TYPE_MASK = 0x0F,
  QUALITY_GOOD = 1 << 2,
  ENCODER_SLACK = 64, // the encoders' contracts name no bound
};

/// The libraries of one family. Coded frames are octets as in RFC 4867 5.3.
typedef struct amr_library {
  const tm_amr_family *family;
  tm_codec_id id;
  uint8_t conceal_type; // frame type that makes the decoder conceal; both ignore their bad-frame flag
  void *(*open_encoder)(bool dtx);
  int (*encode)(void *encoder, uint8_t mode, const int16_t *pcm, uint8_t *coded, bool dtx);
  void (*close_encoder)(void *encoder);
  void *(*open_decoder)(void);
  void (*decode)(void *decoder, const uint8_t *coded, int16_t *pcm);
  void (*close_decoder)(void *decoder);
} amr_library;

static void *open_nb_encoder(bool dtx) { return Encoder_Interface_init(dtx ? 1 : 0); }

static int encode_nb(void *encoder, uint8_t mode, const int16_t *pcm, uint8_t *coded, bool dtx) {
  (void)dtx; // since its creation
  return Encoder_Interface_Encode(encoder, (enum Mode)mode, pcm, coded, 0);
}

static void decode_nb(void *decoder, const uint8_t *coded, int16_t *pcm) {
  Decoder_Interface_Decode(decoder, coded, pcm, 0);
}

static void *open_wb_encoder(bool dtx) {
  (void)dtx; // told with every frame
  return E_IF_init();
}

static int encode_wb(void *encoder, uint8_t mode, const int16_t *pcm, uint8_t *coded, bool dtx) {
  return E_IF_encode(encoder, mode, pcm, coded, dtx ? 1 : 0);
}

static void decode_wb(void *decoder, const uint8_t *coded, int16_t *pcm) { D_IF_decode(decoder, coded, pcm, 0); }

static const amr_library NARROW = {
  .family = &TM_AMR_NB, .id = TM_CODEC_AMR, .conceal_type = TM_AMR_FT_NO_DATA,
  .open_encoder = open_nb_encoder, .encode = encode_nb, .close_encoder = Encoder_Interface_exit,
  .open_decoder = Decoder_Interface_init, .decode = decode_nb, .close_decoder = Decoder_Interface_exit};

static const amr_library WIDE = {
  .family = &TM_AMR_WB, .id = TM_CODEC_AMR_WB, .conceal_type = TM_AMR_FT_LOST,
  .open_encoder = open_wb_encoder, .encode = encode_wb, .close_encoder = E_IF_exit,
  .open_decoder = D_IF_init, .decode = decode_wb, .close_decoder = D_IF_exit};

typedef struct amr {
  tm_codec base;
  const amr_library *library;
  bool octet_aligned;
  tm_amr_modes modes; // sending half, but for the peer's request
  // Sending half.
  void *encoder;
  bool dtx;
  uint8_t asked; // of the peer, in every payload
  // Receiving half.
  void *decoder;
} amr;

static tm_status encode(tm_codec *codec, const int16_t *pcm, tm_frame *frame) {
  amr *self = (amr *)codec;
  const tm_amr_family *family = self->library->family;
  uint8_t coded[MAX_CODED + ENCODER_SLACK] = {0};
  int bytes = self->library->encode(self->encoder, tm_amr_modes_next(&self->modes), pcm, coded, self->dtx);
  if (bytes < 0 || bytes > MAX_CODED) return TM_ERR_CODEC;
  frame->ticks = codec->info->encode_ticks;
  frame->type = bytes == 0 ? TM_AMR_FT_NO_DATA : coded[0] >> TYPE_SHIFT & TYPE_MASK;
  frame->bytes = (uint16_t)tm_amr_frame_bytes(family, frame->type);
  if (!tm_amr_type_valid(family, frame->type) || (bytes > 0 && frame->bytes != bytes - 1)) return TM_ERR_CODEC;
  memcpy(frame->data, coded + 1, frame->bytes);
  switch (frame->type) {
    case TM_AMR_FT_NO_DATA: frame->kind = TM_FRAME_NO_DATA; break;
    case TM_AMR_FT_LOST: frame->kind = TM_FRAME_LOST; break;
    default: frame->kind = frame->type == family->sid_type ? TM_FRAME_SID : TM_FRAME_SPEECH;
  }
  return TM_OK;
}

static tm_status set_mode(tm_codec *codec, uint8_t mode) { return tm_amr_modes_want(&((amr *)codec)->modes, mode); }

static uint8_t current_mode(const tm_codec *codec) { return ((const amr *)codec)->modes.mode; }

static tm_status ask_mode(tm_codec *codec, uint8_t cmr) {
  amr *self = (amr *)codec;
  if (cmr > self->modes.highest && cmr != TM_AMR_CMR_NONE) return TM_ERR_ARGUMENT;
  self->asked = cmr;
  return TM_OK;
}

static tm_status expect_loss(tm_codec *codec, unsigned percent) {
  tm_amr_modes_reported(&((amr *)codec)->modes, percent);
  return TM_OK;
}

static tm_status pack(tm_codec *codec, const tm_frame *frames, size_t count, uint8_t *out, size_t capacity,
                      size_t *written) {
  const amr *self = (const amr *)codec;
  return tm_amr_pack(self->library->family, self->octet_aligned, self->asked, frames, count, out, capacity, written);
}

static tm_status unpack(tm_codec *codec, const uint8_t *payload, size_t bytes, tm_frame *frames, size_t capacity,
                        size_t *count) {
  amr *self = (amr *)codec;
  uint8_t cmr = TM_AMR_CMR_NONE;
  tm_status status =
    tm_amr_unpack(self->library->family, self->octet_aligned, payload, bytes, &cmr, frames, capacity, count);
  if (status == TM_OK) tm_amr_modes_requested(&self->modes, cmr);
  return status;
}

/// Decodes any valid frame type; `data` may be NULL for types without bits.
static void decode_type(amr *self, uint8_t type, const uint8_t *data, size_t bytes, int16_t *pcm) {
  uint8_t coded[MAX_CODED] = {0};
  coded[0] = (uint8_t)(type << TYPE_SHIFT | QUALITY_GOOD);
  if (bytes > 0) memcpy(coded + 1, data, bytes);
  self->library->decode(self->decoder, coded, pcm);
}

static tm_status conceal(tm_codec *codec, int16_t *pcm) {
  amr *self = (amr *)codec;
  decode_type(self, self->library->conceal_type, NULL, 0, pcm);
  return TM_OK;
}

static tm_status decode(tm_codec *codec, const tm_frame *frame, int16_t *pcm) {
  amr *self = (amr *)codec;
  if (!tm_amr_type_valid(self->library->family, frame->type)) return TM_ERR_ARGUMENT;
  if (frame->kind == TM_FRAME_LOST) return conceal(codec, pcm);
  size_t bytes = tm_amr_frame_bytes(self->library->family, frame->type);
  if (frame->bytes != bytes) return TM_ERR_ARGUMENT;
  decode_type(self, frame->type, frame->data, bytes, pcm);
  return TM_OK;
}

static void destroy(tm_codec *codec) {
  amr *self = (amr *)codec;
  if (self->encoder != NULL) self->library->close_encoder(self->encoder);
  if (self->decoder != NULL) self->library->close_decoder(self->decoder);
  free(self);
}

static const tm_codec_ops OPS = {
  .encode = encode, .pack = pack, .unpack = unpack, .decode = decode, .conceal = conceal,
  .set_mode = set_mode, .mode = current_mode, .ask_mode = ask_mode, .expect_loss = expect_loss,
  .destroy = destroy};

tm_status tm_codec_create_amr(const tm_codec_config *config, tm_codec **codec) {
  const amr_library *library = config->id == TM_CODEC_AMR ? &NARROW : &WIDE;
  amr *self = calloc(1, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  self->base = (tm_codec){.ops = &OPS, .info = tm_codec_info_of(library->id)};
  self->library = library;
  self->dtx = config->dtx;
  self->octet_aligned = config->octet_aligned;
  self->asked = TM_AMR_CMR_NONE;
  tm_status status = tm_amr_modes_init(&self->modes, (uint8_t)(library->family->speech_modes - 1), config->mode_set,
                                       config->initial_mode, config->mode_change_period, config->any_mode_change);
  if (status == TM_OK) {
    self->encoder = library->open_encoder(config->dtx);
    self->decoder = library->open_decoder();
    if (self->encoder == NULL || self->decoder == NULL) status = TM_ERR_CODEC;
  }
  if (status != TM_OK) {
    destroy(&self->base);
    return status;
  }
  *codec = &self->base;
  return TM_OK;
}
