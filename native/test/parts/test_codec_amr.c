// AMR and AMR-WB: every mode, requests, and silence that is described instead of sent (TS 26.093, TS 26.193).
#include "tm_amr_payload.h"
#include "tm_codec.h"
#include "tm_level.h"
#include "tm_test.h"
#include "tm_tone.h"

typedef struct family_case {
  tm_codec_id id;
  const tm_amr_family *family;
} family_case;

static const family_case FAMILIES[] = {{TM_CODEC_AMR, &TM_AMR_NB}, {TM_CODEC_AMR_WB, &TM_AMR_WB}};
enum { FAMILY_COUNT = 2, NOISE_PEAK = 64, HANGOVER_MOST = 60 };

static void noise(tm_random *random, int16_t *pcm, size_t count) {
  for (size_t i = 0; i < count; i++) pcm[i] = (int16_t)((int)tm_random_below(random, 2 * NOISE_PEAK + 1) - NOISE_PEAK);
}

/// Level of a 440 Hz tone after coding, packing and decoding in one mode.
static double through(const family_case *which, uint8_t mode, bool aligned) {
  tm_codec_config config = {.id = which->id, .octet_aligned = aligned, .initial_mode = mode,
                            .mode_set = (uint16_t)(1u << mode)};
  tm_codec *codec = NULL;
  tm_tone tone;
  static int16_t sound[50 * 320];
  size_t have = 0;
  if (tm_codec_create(&config, &codec) != TM_OK) return 0;
  const tm_codec_info *info = tm_codec_get_info(codec);
  if (tm_tone_init(&tone, 440, info->sample_hz, TM_TONE_DBOV) != TM_OK) return 0;
  for (int tick = 0; tick < 75; tick++) {
    int16_t pcm[320];
    uint8_t payload[80];
    size_t bytes = 0;
    size_t count = 0;
    tm_frame frame;
    tm_tone_read(&tone, pcm, info->encode_samples);
    if (tm_codec_encode(codec, pcm, &frame) != TM_OK || frame.type != mode) return 0;
    if (tm_codec_pack(codec, &frame, 1, payload, sizeof payload, &bytes) != TM_OK) return 0;
    if (tm_codec_unpack(codec, payload, bytes, &frame, 1, &count) != TM_OK) return 0;
    if (tm_codec_decode(codec, &frame, pcm) != TM_OK) return 0;
    if (tick < 25) continue;
    memcpy(sound + have, pcm, info->encode_samples * sizeof *pcm);
    have += info->encode_samples;
  }
  tm_codec_destroy(codec);
  return tm_level_at_dbov(sound, have, 440, info->sample_hz);
}

static void every_mode_keeps_a_tone(void) {
  for (int f = 0; f < FAMILY_COUNT; f++) {
    for (uint8_t mode = 0; mode < FAMILIES[f].family->speech_modes; mode++) {
      CHECK_RANGE(through(&FAMILIES[f], mode, false), -14.5, -10);
      CHECK_RANGE(through(&FAMILIES[f], mode, true), -14.5, -10);
    }
  }
}

// 26.093 5.1.2, 26.193 5.1.2: a hangover of speech frames, SID_FIRST, two empty frames, then SID_UPDATE every eighth.
static void silence_is_described(void) {
  for (int f = 0; f < FAMILY_COUNT; f++) {
    tm_codec_config config = {.id = FAMILIES[f].id, .dtx = true, .initial_mode = 2};
    tm_codec *codec = NULL;
    tm_tone tone;
    tm_random random = {5};
    int first = -1;
    int last = -1;
    CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
    const tm_codec_info *info = tm_codec_get_info(codec);
    CHECK_INT(tm_tone_init(&tone, 440, info->sample_hz, TM_TONE_DBOV), TM_OK);
    for (int tick = 0; tick < 250; tick++) {
      int16_t pcm[320];
      tm_frame frame;
      if (tick < 25) tm_tone_read(&tone, pcm, info->encode_samples);
      else noise(&random, pcm, info->encode_samples);
      CHECK_INT(tm_codec_encode(codec, pcm, &frame), TM_OK);
      if (frame.kind == TM_FRAME_SPEECH) CHECK(first < 0 && tick < 25 + HANGOVER_MOST);
      if (frame.kind != TM_FRAME_SID) continue;
      if (first < 0) first = tick;
      else CHECK_INT(tick - last, last == first ? 3 : 8);
      last = tick;
      CHECK_INT(frame.type, FAMILIES[f].family->sid_type);
      // The speech type indicator, behind 35 bits of parameters: 0 is SID_FIRST (26.101 4.2.3, 26.201 4.2.3).
      CHECK_INT(frame.data[4] >> 4 & 1, tick == first ? 0 : 1);
    }
    tm_codec_destroy(codec);
    CHECK(first > 0 && last > 200);
  }
}

static void described_silence_is_heard(void) {
  for (int f = 0; f < FAMILY_COUNT; f++) {
    tm_codec_config config = {.id = FAMILIES[f].id, .dtx = true, .initial_mode = 2};
    tm_codec *codec = NULL;
    tm_random random = {5};
    static int16_t sound[100 * 320];
    size_t have = 0;
    int quiet = 0;
    int16_t pcm[320];
    CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
    const tm_codec_info *info = tm_codec_get_info(codec);
    double source = 0;
    for (int tick = 0; tick < 250; tick++) {
      tm_frame frame;
      noise(&random, pcm, info->encode_samples);
      source = tm_level_rms_dbov(pcm, info->encode_samples);
      CHECK_INT(tm_codec_encode(codec, pcm, &frame), TM_OK);
      // What the network brings: nothing between descriptions.
      tm_frame none = {.kind = TM_FRAME_NO_DATA, .type = TM_AMR_FT_NO_DATA, .ticks = info->decode_ticks};
      if (frame.kind == TM_FRAME_NO_DATA) quiet++;
      CHECK_INT(tm_codec_decode(codec, frame.kind == TM_FRAME_NO_DATA ? &none : &frame, pcm), TM_OK);
      if (tick < 150) continue;
      memcpy(sound + have, pcm, info->encode_samples * sizeof *pcm);
      have += info->encode_samples;
    }
    tm_codec_destroy(codec);
    CHECK(quiet > 100);
    CHECK_RANGE(tm_level_rms_dbov(sound, have), source - 8, source + 3);
  }
}

static void requests_are_sent(void) {
  for (int f = 0; f < FAMILY_COUNT; f++) {
    tm_codec_config config = {.id = FAMILIES[f].id};
    tm_codec *codec = NULL;
    uint8_t payload[80];
    size_t bytes = 0;
    int16_t silence[320] = {0};
    tm_frame frame;
    CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
    CHECK_INT(tm_codec_encode(codec, silence, &frame), TM_OK);
    CHECK_INT(tm_codec_pack(codec, &frame, 1, payload, sizeof payload, &bytes), TM_OK);
    CHECK_INT(payload[0] >> 4, TM_AMR_CMR_NONE);
    CHECK_INT(tm_codec_ask_mode(codec, 1), TM_OK);
    CHECK_INT(tm_codec_pack(codec, &frame, 1, payload, sizeof payload, &bytes), TM_OK);
    CHECK_INT(payload[0] >> 4, 1);
    CHECK_INT(tm_codec_ask_mode(codec, FAMILIES[f].family->speech_modes), TM_ERR_ARGUMENT);
    CHECK_INT(tm_codec_ask_mode(codec, TM_AMR_CMR_NONE), TM_OK);
    CHECK_INT(tm_codec_pack(codec, &frame, 1, payload, sizeof payload, &bytes), TM_OK);
    CHECK_INT(payload[0] >> 4, TM_AMR_CMR_NONE);
    tm_codec_destroy(codec);
  }
}

// 26.114 A.2.2: mode-set=0,2,4,7; mode-change-period=2; mode-change-neighbor=1.
static void narrowband_requests_are_obeyed(void) {
  static const uint8_t expected[] = {4, 4, 2, 2, 0, 0};
  tm_codec_config config = {.id = TM_CODEC_AMR, .mode_set = 0x95, .initial_mode = 7, .mode_change_period = 2};
  tm_codec *codec = NULL;
  tm_frame frame = {.kind = TM_FRAME_NO_DATA, .type = TM_AMR_FT_NO_DATA};
  int16_t silence[160] = {0};
  uint8_t payload[8];
  size_t bytes = 0;
  size_t count = 0;
  CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
  for (int i = 0; i < 2; i++) CHECK_INT(tm_codec_encode(codec, silence, &frame), TM_OK);
  CHECK_INT(tm_codec_mode(codec), 7);
  frame = (tm_frame){.kind = TM_FRAME_NO_DATA, .type = TM_AMR_FT_NO_DATA};
  CHECK_INT(tm_amr_pack(&TM_AMR_NB, false, 0, &frame, 1, payload, sizeof payload, &bytes), TM_OK);
  CHECK_INT(tm_codec_unpack(codec, payload, bytes, &frame, 1, &count), TM_OK);
  for (size_t i = 0; i < sizeof expected; i++) {
    CHECK_INT(tm_codec_encode(codec, silence, &frame), TM_OK);
    CHECK_INT(tm_codec_mode(codec), expected[i]);
  }
  tm_codec_destroy(codec);
  config.mode_set = 0x100; // AMR has no ninth mode
  CHECK_INT(tm_codec_create(&config, &codec), TM_ERR_ARGUMENT);
}

static void concealment_fades(void) {
  for (int f = 0; f < FAMILY_COUNT; f++) {
    tm_codec_config config = {.id = FAMILIES[f].id, .initial_mode = 7};
    tm_codec *codec = NULL;
    tm_tone tone;
    int16_t pcm[320];
    tm_frame frame;
    CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
    const tm_codec_info *info = tm_codec_get_info(codec);
    CHECK_INT(tm_tone_init(&tone, 440, info->sample_hz, TM_TONE_DBOV), TM_OK);
    for (int i = 0; i < 50; i++) {
      tm_tone_read(&tone, pcm, info->encode_samples);
      CHECK_INT(tm_codec_encode(codec, pcm, &frame), TM_OK);
      CHECK_INT(tm_codec_decode(codec, &frame, pcm), TM_OK);
    }
    CHECK_INT(tm_codec_conceal(codec, pcm), TM_OK);
    CHECK_RANGE(tm_level_rms_dbov(pcm, info->decode_samples), -24, -8);
    for (int i = 0; i < 25; i++) CHECK_INT(tm_codec_conceal(codec, pcm), TM_OK);
    CHECK(tm_level_rms_dbov(pcm, info->decode_samples) < -45);
    tm_codec_destroy(codec);
  }
}

int main(void) {
  tm_test_run("all 17 modes in both payload formats keep a tone", every_mode_keeps_a_tone);
  tm_test_run("silence: SID_FIRST, a SID_UPDATE three frames later, then every eighth, nothing between", silence_is_described);
  tm_test_run("described silence is heard at about its level", described_silence_is_heard);
  tm_test_run("the mode asked for stands in every payload", requests_are_sent);
  tm_test_run("AMR obeys a request by neighbours of the set, every other frame", narrowband_requests_are_obeyed);
  tm_test_run("the decoders' concealment fades to silence", concealment_fades);
  return tm_test_end();
}
