// The codecs behind their one face.

#include "tm_amr_payload.h"
#include "tm_codec.h"
#include "tm_level.h"
#include "tm_test.h"
#include "tm_tone.h"

enum { WIDE = 320, NARROW = 160 };

static void table(void) {
  for (int id = 0; id < TM_CODEC_COUNT; id++) {
    const tm_codec_info *info = tm_codec_info_of((tm_codec_id)id);
    CHECK(info != NULL);
    CHECK_INT(info->id, id);
    CHECK_INT(info->encode_samples * 50, info->sample_hz);
    CHECK_INT(info->encode_samples % info->decode_samples, 0);
  }
  CHECK(tm_codec_info_of(TM_CODEC_COUNT) == NULL);
  CHECK_INT(tm_codec_info_of(TM_CODEC_PCMU)->static_type, 0);
  CHECK_INT(tm_codec_info_of(TM_CODEC_PCMA)->static_type, 8);
  CHECK_INT(tm_codec_info_of(TM_CODEC_AMR_WB)->clock_hz, 16000);
}

/// Codes a tone, packs and unpacks every frame, decodes; the level of the tone in the last second is given back.
static double through(tm_codec *codec, double hz, int *frames_out) {
  const tm_codec_info *info = tm_codec_get_info(codec);
  tm_tone tone;
  if (tm_tone_init(&tone, hz, info->sample_hz, TM_TONE_DBOV) != TM_OK) return 0;
  static int16_t sound[50 * TM_MAX_FRAME_SAMPLES];
  size_t have = 0;
  for (int tick = 0; tick < 100; tick++) {
    int16_t pcm[TM_MAX_FRAME_SAMPLES];
    tm_tone_read(&tone, pcm, info->encode_samples);
    tm_frame frame;
    uint8_t payload[TM_CODEC_MAX_PAYLOAD];
    size_t bytes = 0;
    if (tm_codec_encode(codec, pcm, &frame) != TM_OK) return 0;
    if (tm_codec_pack(codec, &frame, 1, payload, sizeof payload, &bytes) != TM_OK) return 0;
    tm_frame frames[TM_FRAMES_PER_PACKET];
    size_t count = 0;
    if (tm_codec_unpack(codec, payload, bytes, frames, TM_FRAMES_PER_PACKET, &count) != TM_OK) return 0;
    for (size_t i = 0; i < count; i++) {
      if (tm_codec_decode(codec, &frames[i], pcm) != TM_OK) return 0;
      if (tick < 50) continue;
      memcpy(sound + have, pcm, frames[i].ticks * sizeof *pcm);
      have += frames[i].ticks;
      (*frames_out)++;
    }
  }
  return tm_level_at_dbov(sound, have, hz, info->sample_hz);
}

static void g711_keeps_a_tone(void) {
  for (int id = TM_CODEC_PCMU; id <= TM_CODEC_PCMA; id++) {
    tm_codec_config config = {.id = (tm_codec_id)id};
    tm_codec *codec = NULL;
    int frames = 0;
    CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
    double level = through(codec, 440, &frames);
    tm_codec_destroy(codec);
    CHECK_RANGE(level, -12.1, -11.9);
    CHECK_INT(frames, 50 * 4); // pieces of 5 ms
  }
}

static void amr_wb_keeps_a_tone(void) {
  for (int aligned = 0; aligned < 2; aligned++) {
    for (uint8_t mode = 0; mode <= 8; mode++) {
      tm_codec_config config = {.id = TM_CODEC_AMR_WB, .octet_aligned = aligned != 0, .initial_mode = mode,
                                .mode_set = (uint16_t)(1u << mode)};
      tm_codec *codec = NULL;
      int frames = 0;
      CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
      double level = through(codec, 440, &frames);
      uint8_t used = tm_codec_mode(codec);
      tm_codec_destroy(codec);
      CHECK_INT(used, mode);
      CHECK_INT(frames, 50);
      CHECK_RANGE(level, -14, -10);
    }
  }
}

/// A payload that asks for a mode and carries nothing else.
static void ask(tm_codec *codec, uint8_t cmr) {
  tm_frame none = {.kind = TM_FRAME_NO_DATA, .type = TM_AMR_FT_NO_DATA};
  uint8_t payload[8];
  size_t bytes = 0;
  tm_frame frames[1];
  size_t count = 0;
  tm_amr_pack(&TM_AMR_WB, false, cmr, &none, 1, payload, sizeof payload, &bytes);
  tm_codec_unpack(codec, payload, bytes, frames, 1, &count);
}

static uint8_t mode_after(tm_codec *codec, int frames) {
  int16_t silence[WIDE] = {0};
  tm_frame frame;
  for (int i = 0; i < frames; i++) tm_codec_encode(codec, silence, &frame);
  return tm_codec_mode(codec);
}

static void mode_requests(void) {
  tm_codec_config config = {.id = TM_CODEC_AMR_WB, .mode_set = 0x007, .initial_mode = 2};
  tm_codec *codec = NULL;
  CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
  CHECK_INT(mode_after(codec, 2), 2);
  ask(codec, 0);
  CHECK_INT(mode_after(codec, 1), 1); // one neighbour at a time
  CHECK_INT(mode_after(codec, 1), 1); // and every other frame only
  CHECK_INT(mode_after(codec, 1), 0);
  ask(codec, 12); // reserved: ignored
  ask(codec, 5);  // not in the set: ignored
  CHECK_INT(mode_after(codec, 5), 0);
  ask(codec, 1);
  CHECK_INT(mode_after(codec, 10), 1);
  ask(codec, TM_AMR_CMR_NONE); // no request any more
  CHECK_INT(mode_after(codec, 10), 2);
  CHECK_INT(tm_codec_set_mode(codec, 1), TM_OK);
  CHECK_INT(mode_after(codec, 10), 1);
  CHECK_INT(tm_codec_set_mode(codec, 9), TM_ERR_ARGUMENT);
  tm_codec_destroy(codec);
}

static void modes_with_gaps(void) {
  // 26.114 A.2.2: mode-set with holes; with any change allowed it goes there at once.
  tm_codec_config config = {.id = TM_CODEC_AMR_WB, .mode_set = 1u << 0 | 1u << 2 | 1u << 8, .initial_mode = 5};
  tm_codec *codec = NULL;
  CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
  CHECK_INT(tm_codec_mode(codec), 2);
  CHECK_INT(mode_after(codec, 2), 8);
  ask(codec, 0);
  CHECK_INT(mode_after(codec, 2), 2);
  CHECK_INT(mode_after(codec, 2), 0);
  tm_codec_destroy(codec);
  config.any_mode_change = true;
  config.mode_change_period = 1;
  CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
  CHECK_INT(mode_after(codec, 1), 8);
  ask(codec, 0);
  CHECK_INT(mode_after(codec, 1), 0);
  tm_codec_destroy(codec);
}

static void silence_is_not_sent(void) {
  tm_codec_config config = {.id = TM_CODEC_AMR_WB, .dtx = true, .initial_mode = 2};
  tm_codec *codec = NULL;
  CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
  int kinds[4] = {0};
  int16_t pcm[WIDE];
  tm_random random = {5};
  for (int tick = 0; tick < 200; tick++) {
    for (int i = 0; i < WIDE; i++) pcm[i] = (int16_t)((int)tm_random_below(&random, 9) - 4);
    tm_frame frame;
    CHECK_INT(tm_codec_encode(codec, pcm, &frame), TM_OK);
    kinds[frame.kind]++;
    int16_t out[WIDE];
    CHECK_INT(tm_codec_decode(codec, &frame, out), TM_OK);
  }
  tm_codec_destroy(codec);
  CHECK_RANGE(kinds[TM_FRAME_NO_DATA], 100, 190);
  CHECK_RANGE(kinds[TM_FRAME_SID], 10, 40); // every eighth
}

static void concealment_fades(void) {
  tm_codec_config config = {.id = TM_CODEC_AMR_WB, .initial_mode = 8};
  tm_codec *codec = NULL;
  int frames = 0;
  CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
  through(codec, 440, &frames);
  int16_t pcm[WIDE];
  CHECK_INT(tm_codec_conceal(codec, pcm), TM_OK);
  double first = tm_level_rms_dbov(pcm, WIDE);
  for (int i = 0; i < 25; i++) CHECK_INT(tm_codec_conceal(codec, pcm), TM_OK);
  double last = tm_level_rms_dbov(pcm, WIDE);
  tm_codec_destroy(codec);
  CHECK_RANGE(first, -24, -8);
  CHECK(last < -45);
}

static void g711_any_length(void) {
  tm_codec_config config = {.id = TM_CODEC_PCMA};
  tm_codec *codec = NULL;
  CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
  uint8_t payload[TM_CODEC_MAX_PAYLOAD];
  memset(payload, 0xD5, sizeof payload);
  tm_frame frames[TM_FRAMES_PER_PACKET];
  for (size_t bytes = 1; bytes <= sizeof payload; bytes++) {
    size_t count = 0;
    CHECK_INT(tm_codec_unpack(codec, payload, bytes, frames, TM_FRAMES_PER_PACKET, &count), TM_OK);
    size_t samples = 0;
    for (size_t i = 0; i < count; i++) samples += frames[i].ticks;
    CHECK_INT(samples, bytes);
  }
  size_t count = 0;
  CHECK_INT(tm_codec_unpack(codec, payload, 0, frames, TM_FRAMES_PER_PACKET, &count), TM_ERR_MALFORMED);
  CHECK_INT(tm_codec_unpack(codec, payload, 161, frames, 4, &count), TM_ERR_SPACE);
  int16_t pcm[TM_MAX_FRAME_SAMPLES];
  CHECK_INT(tm_codec_conceal(codec, pcm), TM_ERR_UNSUPPORTED);
  CHECK_INT(tm_codec_set_mode(codec, 0), TM_ERR_UNSUPPORTED);
  size_t written = 0;
  CHECK_INT(tm_codec_pack(codec, frames, 2, payload, 79, &written), TM_ERR_SPACE);
  CHECK_INT(tm_codec_pack(codec, frames, 0, payload, 79, &written), TM_ERR_ARGUMENT);
  tm_codec_destroy(codec);
}

static void bad_configuration(void) {
  tm_codec *codec = NULL;
  tm_codec_config config = {.id = TM_CODEC_COUNT};
  CHECK_INT(tm_codec_create(&config, &codec), TM_ERR_ARGUMENT);
  config = (tm_codec_config){.id = TM_CODEC_AMR_WB, .mode_set = 0x200};
  CHECK_INT(tm_codec_create(&config, &codec), TM_ERR_ARGUMENT);
  config = (tm_codec_config){.id = TM_CODEC_AMR_WB, .initial_mode = 9};
  CHECK_INT(tm_codec_create(&config, &codec), TM_ERR_ARGUMENT);
  config = (tm_codec_config){.id = TM_CODEC_AMR_WB, .mode_change_period = 3};
  CHECK_INT(tm_codec_create(&config, &codec), TM_ERR_ARGUMENT);
  CHECK(codec == NULL);
  tm_codec_destroy(NULL);
}

static void random_bits_are_survived(void) {
  tm_codec_config config = {.id = TM_CODEC_AMR_WB};
  tm_codec *codec = NULL;
  CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
  tm_random random = {11};
  for (int round = 0; round < 500; round++) {
    uint8_t payload[80];
    for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)tm_random_u32(&random);
    tm_frame frames[TM_FRAMES_PER_PACKET];
    size_t count = 0;
    if (tm_codec_unpack(codec, payload, sizeof payload, frames, TM_FRAMES_PER_PACKET, &count) != TM_OK) continue;
    for (size_t i = 0; i < count; i++) {
      int16_t pcm[TM_MAX_FRAME_SAMPLES];
      CHECK_INT(tm_codec_decode(codec, &frames[i], pcm), TM_OK);
    }
  }
  tm_codec_destroy(codec);
}

int main(void) {
  tm_test_run("every codec has its row in the table", table);
  tm_test_run("G.711 keeps the level of a tone, in pieces of 5 ms", g711_keeps_a_tone);
  tm_test_run("AMR-WB keeps a tone in all nine modes and both payload formats", amr_wb_keeps_a_tone);
  tm_test_run("a mode request is obeyed one neighbour and every other frame at a time", mode_requests);
  tm_test_run("a mode set with gaps is kept to", modes_with_gaps);
  tm_test_run("with DTX silence becomes SID every eighth frame", silence_is_not_sent);
  tm_test_run("the decoder's concealment fades to silence", concealment_fades);
  tm_test_run("a G.711 payload of any length is cut without loss", g711_any_length);
  tm_test_run("impossible configurations are refused", bad_configuration);
  tm_test_run("random AMR-WB payloads are survived", random_bits_are_survived);
  return tm_test_end();
}
