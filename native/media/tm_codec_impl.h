// The vtable behind tm_codec: private to the codecs.
#ifndef TM_CODEC_IMPL_H
#define TM_CODEC_IMPL_H

#include "tm_codec.h"

typedef struct tm_codec_ops {
  tm_status (*encode)(tm_codec *codec, const int16_t *pcm, tm_frame *frame);
  tm_status (*pack)(tm_codec *codec, const tm_frame *frames, size_t count, uint8_t *out, size_t capacity,
                    size_t *written);
  tm_status (*unpack)(tm_codec *codec, const uint8_t *payload, size_t bytes, tm_frame *frames, size_t capacity,
                      size_t *count);
  tm_status (*decode)(tm_codec *codec, const tm_frame *frame, int16_t *pcm);
  tm_status (*conceal)(tm_codec *codec, int16_t *pcm);      // NULL: tm_plc does it
  tm_status (*set_mode)(tm_codec *codec, uint8_t mode);     // NULL: no modes
  uint8_t (*mode)(const tm_codec *codec);                   // NULL: no modes
  tm_status (*ask_mode)(tm_codec *codec, uint8_t cmr);      // NULL: no modes
  tm_status (*recover)(tm_codec *codec, const tm_frame *next, int16_t *pcm); // NULL: no redundancy in the next frame
  tm_status (*expect_loss)(tm_codec *codec, unsigned percent);               // NULL: nothing to be done about it
  void (*destroy)(tm_codec *codec);
} tm_codec_ops;

/// First member of every codec's state.
struct tm_codec {
  const tm_codec_ops *ops;
  const tm_codec_info *info;
};

tm_status tm_codec_create_g711(const tm_codec_config *config, tm_codec **codec);
tm_status tm_codec_create_g722(const tm_codec_config *config, tm_codec **codec);
tm_status tm_codec_create_opus(const tm_codec_config *config, tm_codec **codec);
tm_status tm_codec_create_amr(const tm_codec_config *config, tm_codec **codec);

#endif
