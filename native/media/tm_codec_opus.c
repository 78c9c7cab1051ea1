// Opus (RFC 6716, RFC 7587) by libopus: mono at 16 kHz on our side, whatever the peer sends; the decoder mixes stereo
// down and resamples by itself.
#include <opus/opus.h>
#include <stdlib.h>
#include <string.h>

#include "tm_codec_impl.h"

enum {
  BIT_RATE = 24000,        // RFC 7587 3.1.1: 16 to 20 kbit/s for wideband speech, with room for forward error correction
  FIRST_LOSS_PERCENT = 10, // before the peer has reported
  MAX_PERCENT = 100,
  CHANNELS = 1,
  MAX_FRAME_TICKS = 2880,  // 60 ms; a longer packet holds several frames
  WHOLE_TICKS = 960,       // packets up to here are one frame for the jitter buffer
  MAX_OPUS_FRAMES = 48,    // RFC 6716 3.2.5
  CODE_MASK = 0x03,        // of the TOC octet: how many frames follow
  SILENT_BYTES = 2,        // an encoder's packet that need not be sent (opus_encoder.h, DTX)
};

typedef struct opus {
  tm_codec base;
  OpusEncoder *encoder; // sending half
  OpusRepacketizer *joiner;
  bool silent;
  OpusDecoder *decoder; // receiving half
} opus;

/// The first frame of a silence is sent: it tells the peer that what is missing afterwards is no loss.
static tm_status encode(tm_codec *codec, const int16_t *pcm, tm_frame *frame) {
  opus *self = (opus *)codec;
  opus_int32 bytes = opus_encode(self->encoder, pcm, codec->info->encode_samples, frame->data, TM_FRAME_BYTES);
  if (bytes < 1) return TM_ERR_CODEC;
  bool silent = bytes <= SILENT_BYTES;
  frame->kind = TM_FRAME_SPEECH;
  if (silent) frame->kind = self->silent ? TM_FRAME_NO_DATA : TM_FRAME_SID;
  self->silent = silent;
  frame->type = 0;
  frame->ticks = codec->info->encode_ticks;
  frame->bytes = (uint16_t)bytes;
  return TM_OK;
}

/// RFC 6716 3.2: one packet with a common TOC octet. Frames to be joined come from one encoder that never changes its
/// mode of coding, and all last 20 ms.
static tm_status pack(tm_codec *codec, const tm_frame *frames, size_t count, uint8_t *out, size_t capacity,
                      size_t *written) {
  opus *self = (opus *)codec;
  if (count == 0) return TM_ERR_ARGUMENT;
  for (size_t i = 0; i < count; i++) {
    if (frames[i].bytes == 0 || frames[i].bytes > TM_FRAME_BYTES) return TM_ERR_ARGUMENT;
  }
  if (count == 1) {
    if (frames[0].bytes > capacity) return TM_ERR_SPACE;
    memcpy(out, frames[0].data, frames[0].bytes);
    *written = frames[0].bytes;
    return TM_OK;
  }
  opus_repacketizer_init(self->joiner);
  for (size_t i = 0; i < count; i++) {
    if (opus_repacketizer_cat(self->joiner, frames[i].data, frames[i].bytes) != OPUS_OK) return TM_ERR_ARGUMENT;
  }
  opus_int32 bytes = opus_repacketizer_out(self->joiner, out, (opus_int32)capacity);
  if (bytes < 0) return bytes == OPUS_BUFFER_TOO_SMALL ? TM_ERR_SPACE : TM_ERR_CODEC;
  *written = (size_t)bytes;
  return TM_OK;
}

static tm_frame_kind kind_of(size_t bytes) { return bytes <= SILENT_BYTES ? TM_FRAME_SID : TM_FRAME_SPEECH; }

/// A packet up to 20 ms stays whole; of a longer one each frame becomes a packet of its own.
static tm_status unpack(tm_codec *codec, const uint8_t *payload, size_t bytes, tm_frame *frames, size_t capacity,
                        size_t *count) {
  (void)codec;
  unsigned char toc = 0;
  const unsigned char *parts[MAX_OPUS_FRAMES];
  opus_int16 sizes[MAX_OPUS_FRAMES];
  int offset = 0;
  *count = 0;
  if (bytes == 0 || bytes > TM_CODEC_MAX_PAYLOAD) return TM_ERR_MALFORMED;
  int total = opus_packet_parse(payload, (opus_int32)bytes, &toc, parts, sizes, &offset);
  if (total < 1) return TM_ERR_MALFORMED;
  int ticks = opus_packet_get_samples_per_frame(payload, 48000);
  if (ticks * total <= WHOLE_TICKS && bytes <= TM_FRAME_BYTES && capacity > 0) {
    frames[0].kind = kind_of(bytes);
    frames[0].type = 0;
    frames[0].ticks = (uint16_t)(ticks * total);
    frames[0].bytes = (uint16_t)bytes;
    memcpy(frames[0].data, payload, bytes);
    *count = 1;
    return TM_OK;
  }
  if ((size_t)total > capacity) return TM_ERR_SPACE;
  for (int i = 0; i < total; i++) {
    frames[i].kind = kind_of(1u + (size_t)sizes[i]);
    frames[i].type = 0;
    frames[i].ticks = (uint16_t)ticks;
    frames[i].bytes = (uint16_t)(1 + sizes[i]);
    frames[i].data[0] = (uint8_t)(toc & ~CODE_MASK);
    memcpy(frames[i].data + 1, parts[i], (size_t)sizes[i]);
  }
  *count = (size_t)total;
  return TM_OK;
}

/// `bytes` 0: nothing came, made up.
static tm_status run(opus *self, const uint8_t *data, size_t bytes, size_t samples, bool repeated, int16_t *pcm) {
  int got = opus_decode(self->decoder, bytes == 0 ? NULL : data, (opus_int32)bytes, pcm, (int)samples, repeated ? 1 : 0);
  if (got < 0) return TM_ERR_CODEC;
  memset(pcm + got, 0, (samples - (size_t)got) * sizeof *pcm);
  return TM_OK;
}

static tm_status conceal(tm_codec *codec, int16_t *pcm) {
  return run((opus *)codec, NULL, 0, codec->info->decode_samples, false, pcm);
}

static tm_status decode(tm_codec *codec, const tm_frame *frame, int16_t *pcm) {
  opus *self = (opus *)codec;
  if (frame->ticks == 0 || frame->ticks > MAX_FRAME_TICKS || frame->bytes > TM_FRAME_BYTES) return TM_ERR_ARGUMENT;
  size_t samples = tm_codec_samples(codec, frame->ticks);
  if (frame->kind == TM_FRAME_LOST || frame->kind == TM_FRAME_NO_DATA) return run(self, NULL, 0, samples, false, pcm);
  return run(self, frame->data, frame->bytes, samples, false, pcm);
}

static tm_status recover(tm_codec *codec, const tm_frame *next, int16_t *pcm) {
  if (next->kind != TM_FRAME_SPEECH) return conceal(codec, pcm);
  return run((opus *)codec, next->data, next->bytes, codec->info->decode_samples, true, pcm);
}

static tm_status expect_loss(tm_codec *codec, unsigned percent) {
  int bounded = percent > MAX_PERCENT ? MAX_PERCENT : (int)percent;
  int status = opus_encoder_ctl(((opus *)codec)->encoder, OPUS_SET_PACKET_LOSS_PERC(bounded));
  return status == OPUS_OK ? TM_OK : TM_ERR_CODEC;
}

static void destroy(tm_codec *codec) {
  opus *self = (opus *)codec;
  if (self->encoder != NULL) opus_encoder_destroy(self->encoder);
  if (self->decoder != NULL) opus_decoder_destroy(self->decoder);
  if (self->joiner != NULL) opus_repacketizer_destroy(self->joiner);
  free(self);
}

static const tm_codec_ops OPS = {
  .encode = encode, .pack = pack, .unpack = unpack, .decode = decode, .conceal = conceal, .recover = recover,
  .expect_loss = expect_loss, .destroy = destroy};

static bool set_up(opus *self, const tm_codec_config *config) {
  opus_int32 rate = config->max_bps == 0 || config->max_bps > BIT_RATE ? BIT_RATE : (opus_int32)config->max_bps;
  OpusEncoder *encoder = self->encoder;
  return opus_encoder_ctl(encoder, OPUS_SET_BITRATE(rate)) == OPUS_OK &&
         opus_encoder_ctl(encoder, OPUS_SET_BANDWIDTH(OPUS_BANDWIDTH_WIDEBAND)) == OPUS_OK &&
         opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)) == OPUS_OK &&
         opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(config->fec ? 1 : 0)) == OPUS_OK &&
         opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(config->fec ? FIRST_LOSS_PERCENT : 0)) == OPUS_OK &&
         opus_encoder_ctl(encoder, OPUS_SET_DTX(config->dtx ? 1 : 0)) == OPUS_OK;
}

tm_status tm_codec_create_opus(const tm_codec_config *config, tm_codec **codec) {
  int error = OPUS_OK;
  if (config->max_bps != 0 && (config->max_bps < TM_OPUS_MIN_BPS || config->max_bps > TM_OPUS_MAX_BPS)) {
    return TM_ERR_ARGUMENT;
  }
  opus *self = calloc(1, sizeof *self);
  if (self == NULL) return TM_ERR_MEMORY;
  self->base = (tm_codec){.ops = &OPS, .info = tm_codec_info_of(config->id)};
  opus_int32 hz = (opus_int32)self->base.info->sample_hz;
  self->encoder = opus_encoder_create(hz, CHANNELS, OPUS_APPLICATION_VOIP, &error);
  self->decoder = opus_decoder_create(hz, CHANNELS, &error);
  self->joiner = opus_repacketizer_create();
  if (self->encoder == NULL || self->decoder == NULL || self->joiner == NULL || !set_up(self, config)) {
    destroy(&self->base);
    return TM_ERR_CODEC;
  }
  *codec = &self->base;
  return TM_OK;
}
