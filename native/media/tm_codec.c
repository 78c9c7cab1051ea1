// The table of codecs and their common face.
#include "tm_codec.h"

#include "tm_codec_impl.h"

typedef tm_status (*create_codec)(const tm_codec_config *config, tm_codec **codec);

static const struct {
  tm_codec_info info;
  create_codec create;
} CODECS[TM_CODEC_COUNT] = {
  // RFC 3551 4.5.14
  [TM_CODEC_PCMU] = {{.id = TM_CODEC_PCMU, .name = "PCMU", .sample_hz = 8000, .clock_hz = 8000,
                      .encode_samples = 160, .decode_samples = 40, .encode_ticks = 160, .decode_ticks = 40,
                      .static_type = 0}, tm_codec_create_g711},
  [TM_CODEC_PCMA] = {{.id = TM_CODEC_PCMA, .name = "PCMA", .sample_hz = 8000, .clock_hz = 8000,
                      .encode_samples = 160, .decode_samples = 40, .encode_ticks = 160, .decode_ticks = 40,
                      .static_type = 8}, tm_codec_create_g711},
  // RFC 4867 4.1
  [TM_CODEC_AMR_WB] = {{.id = TM_CODEC_AMR_WB, .name = "AMR-WB", .sample_hz = 16000, .clock_hz = 16000,
                        .encode_samples = 320, .decode_samples = 320, .encode_ticks = 320, .decode_ticks = 320,
                        .has_dtx = true, .has_concealment = true, .static_type = 0xFF}, tm_codec_create_amr},
  [TM_CODEC_AMR] = {{.id = TM_CODEC_AMR, .name = "AMR", .sample_hz = 8000, .clock_hz = 8000,
                     .encode_samples = 160, .decode_samples = 160, .encode_ticks = 160, .decode_ticks = 160,
                     .has_dtx = true, .has_concealment = true, .static_type = 0xFF}, tm_codec_create_amr},
  // RFC 3551 4.5.2: the clock rate of 8000 is an old mistake that everybody keeps to
  [TM_CODEC_G722] = {{.id = TM_CODEC_G722, .name = "G722", .sample_hz = 16000, .clock_hz = 8000,
                      .encode_samples = 320, .decode_samples = 80, .encode_ticks = 160, .decode_ticks = 40,
                      .static_type = 9}, tm_codec_create_g722},
  // RFC 7587 4.1
  [TM_CODEC_OPUS] = {{.id = TM_CODEC_OPUS, .name = "opus", .sample_hz = 16000, .clock_hz = 48000,
                      .encode_samples = 320, .decode_samples = 320, .encode_ticks = 960, .decode_ticks = 960,
                      .has_dtx = true, .has_concealment = true, .static_type = 0xFF}, tm_codec_create_opus},
};

const tm_codec_info *tm_codec_info_of(tm_codec_id id) {
  return (unsigned)id < TM_CODEC_COUNT ? &CODECS[id].info : NULL;
}

tm_status tm_codec_create(const tm_codec_config *config, tm_codec **codec) {
  *codec = NULL;
  if ((unsigned)config->id >= TM_CODEC_COUNT) return TM_ERR_ARGUMENT;
  return CODECS[config->id].create(config, codec);
}

void tm_codec_destroy(tm_codec *codec) {
  if (codec != NULL) codec->ops->destroy(codec);
}

const tm_codec_info *tm_codec_get_info(const tm_codec *codec) { return codec->info; }

size_t tm_codec_samples(const tm_codec *codec, uint32_t ticks) {
  return (size_t)((uint64_t)ticks * codec->info->sample_hz / codec->info->clock_hz);
}

tm_status tm_codec_encode(tm_codec *codec, const int16_t *pcm, tm_frame *frame) {
  return codec->ops->encode(codec, pcm, frame);
}

tm_status tm_codec_set_mode(tm_codec *codec, uint8_t mode) {
  return codec->ops->set_mode == NULL ? TM_ERR_UNSUPPORTED : codec->ops->set_mode(codec, mode);
}

uint8_t tm_codec_mode(const tm_codec *codec) { return codec->ops->mode == NULL ? 0 : codec->ops->mode(codec); }

tm_status tm_codec_ask_mode(tm_codec *codec, uint8_t cmr) {
  return codec->ops->ask_mode == NULL ? TM_ERR_UNSUPPORTED : codec->ops->ask_mode(codec, cmr);
}

tm_status tm_codec_expect_loss(tm_codec *codec, unsigned percent) {
  return codec->ops->expect_loss == NULL ? TM_ERR_UNSUPPORTED : codec->ops->expect_loss(codec, percent);
}

tm_status tm_codec_pack(tm_codec *codec, const tm_frame *frames, size_t count, uint8_t *out, size_t capacity,
                        size_t *written) {
  return codec->ops->pack(codec, frames, count, out, capacity, written);
}

tm_status tm_codec_unpack(tm_codec *codec, const uint8_t *payload, size_t bytes, tm_frame *frames, size_t capacity,
                          size_t *count) {
  return codec->ops->unpack(codec, payload, bytes, frames, capacity, count);
}

tm_status tm_codec_decode(tm_codec *codec, const tm_frame *frame, int16_t *pcm) {
  return codec->ops->decode(codec, frame, pcm);
}

tm_status tm_codec_recover(tm_codec *codec, const tm_frame *next, int16_t *pcm) {
  return codec->ops->recover == NULL ? TM_ERR_UNSUPPORTED : codec->ops->recover(codec, next, pcm);
}

tm_status tm_codec_conceal(tm_codec *codec, int16_t *pcm) {
  return codec->ops->conceal == NULL ? TM_ERR_UNSUPPORTED : codec->ops->conceal(codec, pcm);
}
