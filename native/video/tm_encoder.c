// The encoder's face: arguments checked, the implementation called.
#include "tm_encoder.h"

#include <stdlib.h>

#include "tm_encoder_impl.h"

enum { MAX_FPS = 60, MIN_RATE = 16000, MIN_SLICE = 256, MIN_SIDE = 16 };

struct tm_encoder {
  const tm_encoder_impl *impl;
  void *state;
  tm_encoder_config config;
};

static const tm_encoder_impl *const impls[] = {
    [TM_ENCODER_SOFTWARE] = &tm_encoder_openh264,
    [TM_ENCODER_BOARD] = &tm_encoder_m2m,
};

static bool sane(const tm_encoder_config *config)
{
  return config->width >= MIN_SIDE && config->height >= MIN_SIDE && config->width <= TM_PICTURE_MAX_SIDE &&
         config->height <= TM_PICTURE_MAX_SIDE && config->width % 2 == 0 && config->height % 2 == 0 && config->fps >= 1 &&
         config->fps <= MAX_FPS && config->bits_per_second >= MIN_RATE &&
         (config->slice_octets == 0 || config->slice_octets >= MIN_SLICE);
}

tm_status tm_encoder_create(tm_encoder_kind kind, const tm_encoder_config *config, tm_encoder **encoder)
{
  *encoder = NULL;
  if (!sane(config)) return TM_ERR_ARGUMENT;
  tm_encoder *made = calloc(1, sizeof *made);
  if (!made) return TM_ERR_MEMORY;
  made->impl = impls[kind];
  made->config = *config;
  tm_status status = made->impl->create(config, &made->state);
  if (status == TM_OK) *encoder = made;
  else free(made);
  return status;
}

void tm_encoder_destroy(tm_encoder *encoder)
{
  if (!encoder) return;
  encoder->impl->destroy(encoder->state);
  free(encoder);
}

tm_status tm_encoder_set_rate(tm_encoder *encoder, uint32_t bits_per_second, unsigned fps)
{
  if (bits_per_second < MIN_RATE) bits_per_second = MIN_RATE;
  if (fps < 1 || fps > MAX_FPS) return TM_ERR_ARGUMENT;
  if (bits_per_second == encoder->config.bits_per_second && fps == encoder->config.fps) return TM_OK;
  tm_status status = encoder->impl->set_rate(encoder->state, bits_per_second, fps);
  if (status != TM_OK) return status;
  encoder->config.bits_per_second = bits_per_second;
  encoder->config.fps = fps;
  return TM_OK;
}

void tm_encoder_force_key(tm_encoder *encoder)
{
  encoder->impl->force_key(encoder->state);
}

tm_status tm_encoder_encode(tm_encoder *encoder, const tm_picture *picture, int64_t time_ms, tm_encoded *out)
{
  *out = (tm_encoded){0};
  if (picture->width != encoder->config.width || picture->height != encoder->config.height) return TM_ERR_ARGUMENT;
  return encoder->impl->encode(encoder->state, picture, time_ms, out);
}

tm_status tm_encoder_parameter_sets(tm_encoder *encoder, const uint8_t **data, size_t *octets)
{
  return encoder->impl->parameter_sets(encoder->state, data, octets);
}

const tm_encoder_config *tm_encoder_get_config(const tm_encoder *encoder)
{
  return &encoder->config;
}
