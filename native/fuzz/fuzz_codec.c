// Every codec's receiving half: the first octet chooses codec and format, then records of one octet of length and a payload.
// What can be read must last and decode; each frame may also serve to recover the one before.
#include "tm_codec.h"
#include "tm_fuzz.h"

static tm_codec *codecs[2 * TM_CODEC_COUNT];

/// Codecs are costly to make; their state is part of no check.
static tm_codec *codec_of(uint8_t choice) {
  size_t index = choice % (2 * TM_CODEC_COUNT);
  tm_codec_config config = {.id = (tm_codec_id)(index % TM_CODEC_COUNT), .octet_aligned = index >= TM_CODEC_COUNT};
  if (codecs[index] == NULL) MUST(tm_codec_create(&config, &codecs[index]) == TM_OK);
  return codecs[index];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static tm_frame frames[TM_FRAMES_PER_PACKET];
  static int16_t pcm[TM_MAX_FRAME_SAMPLES];
  if (size == 0) return 0;
  tm_codec *codec = codec_of(*data++);
  size--;
  while (size > 0) {
    size_t bytes = *data++;
    size--;
    if (bytes > size) bytes = size;
    size_t count = 0;
    tm_status status = tm_codec_unpack(codec, data, bytes, frames, TM_FRAMES_PER_PACKET, &count);
    MUST((status == TM_OK) == (count > 0) && count <= TM_FRAMES_PER_PACKET);
    for (size_t i = 0; i < count; i++) {
      MUST(frames[i].ticks > 0 && tm_codec_samples(codec, frames[i].ticks) <= TM_MAX_FRAME_SAMPLES);
      MUST(frames[i].bytes <= TM_FRAME_BYTES);
      (void)tm_codec_recover(codec, &frames[i], pcm);
      (void)tm_codec_decode(codec, &frames[i], pcm);
    }
    data += bytes;
    size -= bytes;
  }
  return 0;
}
