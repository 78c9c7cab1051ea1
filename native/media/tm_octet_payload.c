// RTP payloads that are a row of octets.
#include "tm_octet_payload.h"

#include <string.h>

tm_status tm_octets_pack(tm_codec *codec, const tm_frame *frames, size_t count, uint8_t *out, size_t capacity,
                         size_t *written) {
  if (count == 0) return TM_ERR_ARGUMENT;
  size_t total = 0;
  for (size_t i = 0; i < count; i++) {
    if (tm_octets_check(codec, &frames[i]) != TM_OK) return TM_ERR_ARGUMENT;
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

tm_status tm_octets_unpack(tm_codec *codec, const uint8_t *payload, size_t bytes, tm_frame *frames, size_t capacity,
                           size_t *count) {
  size_t piece = codec->info->decode_ticks;
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

tm_status tm_octets_check(const tm_codec *codec, const tm_frame *frame) {
  if (frame->kind != TM_FRAME_SPEECH) return TM_ERR_UNSUPPORTED;
  return frame->bytes > codec->info->encode_ticks || frame->bytes != frame->ticks ? TM_ERR_ARGUMENT : TM_OK;
}
