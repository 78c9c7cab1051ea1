// Opus: what is packed comes back, packets of any length are taken, lost frames come from their successors, silence is not sent.
#include "tm_codec.h"
#include "tm_level.h"
#include "tm_speech.h"
#include "tm_test.h"
#include "tm_tone.h"

#include <opus/opus.h>

enum { FRAME = 320, TICKS = 960 };

static tm_codec *make(bool dtx, bool fec) {
  tm_codec_config config = {.id = TM_CODEC_OPUS, .dtx = dtx, .fec = fec};
  tm_codec *codec = NULL;
  return tm_codec_create(&config, &codec) == TM_OK ? codec : NULL;
}

static void several_frames_a_packet(void) {
  for (unsigned each = 1; each <= 4; each++) {
    tm_codec *codec = make(false, false);
    tm_tone tone;
    static int16_t sound[60 * FRAME];
    size_t have = 0;
    CHECK(codec != NULL);
    CHECK_INT(tm_tone_init(&tone, 440, 16000, TM_TONE_DBOV), TM_OK);
    for (unsigned tick = 0; tick < 60; tick += each) {
      tm_frame frames[4];
      uint8_t payload[TM_CODEC_MAX_PAYLOAD];
      int16_t pcm[TM_MAX_FRAME_SAMPLES];
      size_t bytes = 0;
      size_t count = 0;
      for (unsigned i = 0; i < each; i++) {
        tm_tone_read(&tone, pcm, FRAME);
        CHECK_INT(tm_codec_encode(codec, pcm, &frames[i]), TM_OK);
      }
      CHECK_INT(tm_codec_pack(codec, frames, each, payload, sizeof payload, &bytes), TM_OK);
      CHECK_INT(tm_codec_unpack(codec, payload, bytes, frames, 4, &count), TM_OK);
      CHECK_INT(count, each);
      for (size_t i = 0; i < count; i++) {
        CHECK_INT(frames[i].ticks, TICKS);
        CHECK_INT(tm_codec_decode(codec, &frames[i], pcm), TM_OK);
        memcpy(sound + have, pcm, sizeof *pcm * FRAME);
        have += FRAME;
      }
    }
    tm_codec_destroy(codec);
    CHECK_INT(have, 60 * FRAME);
    CHECK_RANGE(tm_level_at_dbov(sound + 20 * FRAME, 40 * FRAME, 440, 16000), -14, -10);
  }
}

// A stranger's packets: stereo at 48 kHz, music or voice, 2.5 to 120 ms.
static void every_length_is_taken(void) {
  static const int variables[] = {OPUS_FRAMESIZE_2_5_MS, OPUS_FRAMESIZE_5_MS,  OPUS_FRAMESIZE_10_MS,
                                  OPUS_FRAMESIZE_20_MS,  OPUS_FRAMESIZE_40_MS, OPUS_FRAMESIZE_60_MS, OPUS_FRAMESIZE_120_MS};
  static const int tenths[] = {25, 50, 100, 200, 400, 600, 1200};
  static const int applications[] = {OPUS_APPLICATION_VOIP, OPUS_APPLICATION_AUDIO};
  for (size_t v = 0; v < sizeof variables / sizeof variables[0]; v++) {
    for (size_t a = 0; a < 2; a++) {
      tm_codec *codec = make(false, false);
      int error = 0;
      OpusEncoder *stranger = opus_encoder_create(48000, 2, applications[a], &error);
      static tm_frame frames[TM_FRAMES_PER_PACKET];
      static int16_t stereo[2 * 5760];
      static int16_t sound[48000];
      tm_tone tone;
      size_t have = 0;
      int each = 48 * tenths[v] / 10;
      CHECK(codec != NULL && stranger != NULL);
      CHECK_INT(opus_encoder_ctl(stranger, OPUS_SET_EXPERT_FRAME_DURATION(variables[v])), OPUS_OK);
      CHECK_INT(tm_tone_init(&tone, 440, 48000, TM_TONE_DBOV), TM_OK);
      for (int at = 0; at < 96000; at += each) {
        int16_t mono[5760];
        uint8_t payload[1500];
        size_t count = 0;
        uint32_t ticks = 0;
        tm_tone_read(&tone, mono, (size_t)each);
        for (int i = 0; i < each; i++) stereo[2 * i] = stereo[2 * i + 1] = mono[i];
        opus_int32 bytes = opus_encode(stranger, stereo, each, payload, sizeof payload);
        CHECK(bytes > 0);
        CHECK_INT(tm_codec_unpack(codec, payload, (size_t)bytes, frames, TM_FRAMES_PER_PACKET, &count), TM_OK);
        for (size_t i = 0; i < count; i++) {
          int16_t pcm[TM_MAX_FRAME_SAMPLES];
          CHECK_INT(tm_codec_decode(codec, &frames[i], pcm), TM_OK);
          size_t samples = tm_codec_samples(codec, frames[i].ticks);
          ticks += frames[i].ticks;
          if (have + samples > sizeof sound / sizeof sound[0]) continue;
          memcpy(sound + have, pcm, samples * sizeof *pcm);
          have += samples;
        }
        CHECK_INT(ticks, each);
      }
      opus_encoder_destroy(stranger);
      tm_codec_destroy(codec);
      CHECK_RANGE(tm_level_at_dbov(sound + 8000, 16000, 440, 16000), -14, -10);
    }
  }
}

/// Error of decoded speech in dBov, against the decoding without loss, when each tenth frame is lost.
static double error_of(bool fec, bool recovering) {
  tm_codec *sender = make(false, fec);
  tm_codec *whole = make(false, fec);
  tm_codec *lossy = make(false, fec);
  double sum = 0;
  size_t samples = 0;
  static int16_t speech[600 * FRAME];
  tm_speech_fill(speech, sizeof speech / sizeof speech[0], 16000, 9);
  int16_t reference[TM_MAX_FRAME_SAMPLES];
  int16_t held[TM_MAX_FRAME_SAMPLES] = {0};
  for (int tick = 0; tick < 600; tick++) {
    int16_t pcm[TM_MAX_FRAME_SAMPLES];
    tm_frame frame;
    memcpy(pcm, speech + tick * FRAME, FRAME * sizeof *pcm);
    tm_codec_encode(sender, pcm, &frame);
    bool was_lost = tick > 50 && (tick - 1) % 10 == 0;
    if (was_lost) {
      if (!recovering || tm_codec_recover(lossy, &frame, pcm) != TM_OK) tm_codec_conceal(lossy, pcm);
      for (int i = 0; i < FRAME; i++) sum += ((double)pcm[i] - held[i]) * ((double)pcm[i] - held[i]);
      samples += FRAME;
    }
    tm_codec_decode(whole, &frame, reference);
    memcpy(held, reference, sizeof held);
    if (tick <= 50 || tick % 10 != 0) tm_codec_decode(lossy, &frame, pcm);
  }
  tm_codec_destroy(sender);
  tm_codec_destroy(whole);
  tm_codec_destroy(lossy);
  return 10 * log10(sum / (double)samples / (32768.0 * 32768.0));
}

static void lost_frames_are_recovered(void) {
  double recovered = error_of(true, true);
  double guessed = error_of(true, false);
  CHECK(recovered < guessed - 2);  // newer libopus guesses better
  // Without redundancy in the next frame, recovering is guessing.
  CHECK_RANGE(error_of(false, true) - error_of(false, false), -1, 1);
}

static void silence_is_not_sent(void) {
  tm_codec *codec = make(true, false);
  int kinds[4] = {0};
  int first_sid = -1;
  int first_none = -1;
  CHECK(codec != NULL);
  for (int tick = 0; tick < 200; tick++) {
    int16_t pcm[TM_MAX_FRAME_SAMPLES] = {0};
    tm_frame frame;
    CHECK_INT(tm_codec_encode(codec, pcm, &frame), TM_OK);
    kinds[frame.kind]++;
    if (frame.kind == TM_FRAME_SID && first_sid < 0) first_sid = tick;
    if (frame.kind == TM_FRAME_NO_DATA && first_none < 0) first_none = tick;
    CHECK_INT(tm_codec_decode(codec, &frame, pcm), TM_OK);
  }
  tm_codec_destroy(codec);
  CHECK(kinds[TM_FRAME_NO_DATA] > 120);
  CHECK_INT(first_none, first_sid + 1); // the peer is told before nothing comes
}

static void bad_input_is_refused(void) {
  tm_codec *codec = make(false, false);
  static tm_frame frames[TM_FRAMES_PER_PACKET];
  uint8_t odd[4] = {0x01, 1, 2, 3}; // code 1: two frames of equal size in three octets
  size_t count = 0;
  size_t written = 0;
  CHECK(codec != NULL);
  CHECK_INT(tm_codec_unpack(codec, odd, 0, frames, 4, &count), TM_ERR_MALFORMED);
  CHECK_INT(tm_codec_unpack(codec, odd, sizeof odd, frames, 4, &count), TM_ERR_MALFORMED);
  CHECK_INT(count, 0);
  CHECK_INT(tm_codec_pack(codec, frames, 0, odd, sizeof odd, &written), TM_ERR_ARGUMENT);
  tm_codec_destroy(codec);
  tm_codec_config config = {.id = TM_CODEC_OPUS, .max_bps = 5999};
  CHECK_INT(tm_codec_create(&config, &codec), TM_ERR_ARGUMENT);
  config.max_bps = 8000;
  CHECK_INT(tm_codec_create(&config, &codec), TM_OK);
  size_t total = 0;
  tm_tone tone;
  CHECK_INT(tm_tone_init(&tone, 200, 16000, TM_TONE_DBOV), TM_OK);
  for (int tick = 0; tick < 100; tick++) {
    int16_t pcm[FRAME];
    tm_tone_read(&tone, pcm, FRAME);
    CHECK_INT(tm_codec_encode(codec, pcm, &frames[0]), TM_OK);
    total += frames[0].bytes;
  }
  tm_codec_destroy(codec);
  CHECK(total * 8 / 2 < 12000); // bit/s over the two seconds, in reach of the 8000 of maxaveragebitrate
}

int main(void) {
  tm_test_run("one to four frames a packet keep a tone", several_frames_a_packet);
  tm_test_run("a stranger's packets of 2.5 to 120 ms, stereo, voice and music", every_length_is_taken);
  tm_test_run("a lost frame comes from what its successor repeats", lost_frames_are_recovered);
  tm_test_run("with DTX silence is told once and then not sent", silence_is_not_sent);
  tm_test_run("what is no Opus packet is refused; the peer's bit rate is kept", bad_input_is_refused);
  return tm_test_end();
}
