// PCMU and PCMA: RFC 3551 4.5.14.
#include <stdlib.h>

#include "tm_g711.h"
#include "tm_octet_payload.h"

typedef struct g711 {
  tm_codec base;
  void (*compress)(const int16_t *pcm, uint8_t *out, size_t count);
  void (*expand)(const uint8_t *in, int16_t *pcm, size_t count);
} g711;

static tm_status encode(tm_codec *codec, const int16_t *pcm, tm_frame *frame) {
  const g711 *self = (const g711 *)codec;
  uint16_t samples = codec->info->encode_samples;
  frame->kind = TM_FRAME_SPEECH;
  frame->type = 0;
  frame->ticks = codec->info->encode_ticks;
  frame->bytes = samples;
  self->compress(pcm, frame->data, samples);
  return TM_OK;
}

static tm_status decode(tm_codec *codec, const tm_frame *frame, int16_t *pcm) {
  const g711 *self = (const g711 *)codec;
  tm_status status = tm_octets_check(codec, frame);
  if (status != TM_OK) return status;
  self->expand(frame->data, pcm, frame->bytes);
  return TM_OK;
}

static void destroy(tm_codec *codec) { free(codec); }

static const tm_codec_ops OPS = {
  .encode = encode, .pack = tm_octets_pack, .unpack = tm_octets_unpack, .decode = decode, .destroy = destroy};

tm_status tm_codec_create_g711(const tm_codec_config *config, tm_codec **codec) {
  g711 *self = calloc(1, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  bool mu = config->id == TM_CODEC_PCMU;
  self->base = (tm_codec){.ops = &OPS, .info = tm_codec_info_of(config->id)};
  self->compress = mu ? tm_ulaw_encode : tm_alaw_encode;
  self->expand = mu ? tm_ulaw_decode : tm_alaw_decode;
  *codec = &self->base;
  return TM_OK;
}
