// What an encoder implementation gives to tm_encoder.c.
#ifndef TM_ENCODER_IMPL_H
#define TM_ENCODER_IMPL_H

#include "tm_encoder.h"

typedef struct {
  tm_status (*create)(const tm_encoder_config *config, void **state);
  void (*destroy)(void *state);
  tm_status (*set_rate)(void *state, uint32_t bits_per_second, unsigned fps);
  void (*force_key)(void *state);
  tm_status (*encode)(void *state, const tm_picture *picture, int64_t time_ms, tm_encoded *out);
  tm_status (*parameter_sets)(void *state, const uint8_t **data, size_t *octets);
} tm_encoder_impl;

extern const tm_encoder_impl tm_encoder_openh264;
extern const tm_encoder_impl tm_encoder_m2m;

#endif
