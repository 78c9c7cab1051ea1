// PCMU and PCMA: RFC 3551 4.5.14. A payload of any length is cut into pieces of 5 ms, so that every ptime fits the
// jitter buffer.
#include <stdlib.h>
#include <string.h>

#include "tm_codec_impl.h"
#include "tm_g711.h"

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
  frame->ticks = samples;
  frame->bytes = samples;
  self->compress(pcm, frame->data, samples);
  return TM_OK;
}

static tm_status pack(tm_codec *codec, const tm_frame *frames, size_t count, uint8_t *out, size_t capacity,
                      size_t *written) {
  if (count == 0) return TM_ERR_ARGUMENT;
  size_t total = 0;
  for (size_t i = 0; i < count; i++) {
    if (frames[i].kind != TM_FRAME_SPEECH || frames[i].bytes > codec->info->encode_samples) return TM_ERR_ARGUMENT;
    total += frames[i].bytes;
  }
  if (total > capacity) return TM_ERR_SPACE;
  for (size_t i = 0; i < count; i++) {
    memcpy(out, frames[i].data, frames[i].bytes);
    out += frames[i].bytes;
  }
  *written = total;
  return TM_OK;
}

static tm_status unpack(tm_codec *codec, const uint8_t *payload, size_t bytes, tm_frame *frames, size_t capacity,
                        size_t *count) {
  size_t piece = codec->info->decode_samples;
  *count = 0;
  if (bytes == 0) return TM_ERR_MALFORMED;
  if ((bytes + piece - 1) / piece > capacity) return TM_ERR_SPACE;
  for (size_t at = 0; at < bytes; at += piece) {
    size_t take = bytes - at < piece ? bytes - at : piece;
    tm_frame *frame = &frames[(*count)++];
    frame->kind = TM_FRAME_SPEECH;
    frame->type = 0;
    frame->ticks = (uint16_t)take;
    frame->bytes = (uint16_t)take;
    memcpy(frame->data, payload + at, take);
  }
  return TM_OK;
}

static tm_status decode(tm_codec *codec, const tm_frame *frame, int16_t *pcm) {
  const g711 *self = (const g711 *)codec;
  if (frame->kind != TM_FRAME_SPEECH) return TM_ERR_UNSUPPORTED;
  if (frame->bytes > codec->info->encode_samples || frame->bytes != frame->ticks) return TM_ERR_ARGUMENT;
  self->expand(frame->data, pcm, frame->bytes);
  return TM_OK;
}

static void destroy(tm_codec *codec) { free(codec); }

static const tm_codec_ops OPS = {
  .encode = encode, .pack = pack, .unpack = unpack, .decode = decode, .destroy = destroy};

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
