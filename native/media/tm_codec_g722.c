// G722: RFC 3551 4.5.2.
#include <stdlib.h>

#include "tm_g722.h"
#include "tm_octet_payload.h"

typedef struct g722 {
  tm_codec base;
  tm_g722 encoder; // sending half
  tm_g722 decoder; // receiving half
} g722;

static tm_status encode(tm_codec *codec, const int16_t *pcm, tm_frame *frame) {
  g722 *self = (g722 *)codec;
  frame->kind = TM_FRAME_SPEECH;
  frame->type = 0;
  frame->ticks = codec->info->encode_ticks;
  frame->bytes = codec->info->encode_ticks;
  tm_g722_encode(&self->encoder, pcm, frame->data, frame->bytes);
  return TM_OK;
}

static tm_status decode(tm_codec *codec, const tm_frame *frame, int16_t *pcm) {
  g722 *self = (g722 *)codec;
  tm_status status = tm_octets_check(codec, frame);
  if (status == TM_OK) tm_g722_decode(&self->decoder, frame->data, pcm, frame->bytes);
  return status;
}

static void destroy(tm_codec *codec) { free(codec); }

static const tm_codec_ops OPS = {
  .encode = encode, .pack = tm_octets_pack, .unpack = tm_octets_unpack, .decode = decode, .destroy = destroy};

tm_status tm_codec_create_g722(const tm_codec_config *config, tm_codec **codec) {
  g722 *self = calloc(1, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  self->base = (tm_codec){.ops = &OPS, .info = tm_codec_info_of(config->id)};
  tm_g722_init(&self->encoder);
  tm_g722_init(&self->decoder);
  *codec = &self->base;
  return TM_OK;
}
