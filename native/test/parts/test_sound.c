// Tone, level meter and resampler.
#include "tm_level.h"
#include "tm_resample.h"
#include "tm_test.h"
#include "tm_tone.h"

static void tone_level(void) {
  static int16_t pcm[16000];
  tm_tone tone;
  CHECK_INT(tm_tone_init(&tone, 440, 16000, TM_TONE_DBOV), TM_OK);
  for (size_t at = 0; at < 16000; at += 37) tm_tone_read(&tone, pcm + at, at + 37 <= 16000 ? 37 : 16000 - at);
  CHECK_RANGE(tm_level_rms_dbov(pcm, 16000), -12.05, -11.95);
  CHECK_RANGE(tm_level_at_dbov(pcm, 16000, 440, 16000), -12.05, -11.95);
  CHECK(tm_level_at_dbov(pcm, 16000, 1000, 16000) < -80);
  double steepest = 11640 * 2 * 3.14159265 * 440 / 16000;
  for (int i = 1; i < 16000; i++) CHECK_RANGE(pcm[i] - pcm[i - 1], -steepest - 2, steepest + 2);
}

static void tone_limits(void) {
  tm_tone tone;
  CHECK_INT(tm_tone_init(&tone, 0, 8000, -12), TM_ERR_ARGUMENT);
  CHECK_INT(tm_tone_init(&tone, 4000, 8000, -12), TM_ERR_ARGUMENT);
  CHECK_INT(tm_tone_init(&tone, 440, 8000, 0), TM_ERR_ARGUMENT);
  CHECK_INT(tm_tone_init(&tone, (double)NAN, 8000, -12), TM_ERR_ARGUMENT);
  CHECK_INT(tm_tone_init(&tone, 440, 8000, -3.01), TM_OK);
  int16_t pcm[800];
  tm_tone_read(&tone, pcm, 800);
  CHECK_RANGE(tm_level_peak_dbov(pcm, 800), -0.1, 0);
}

static void levels(void) {
  int16_t square[100];
  int16_t zeros[100] = {0};
  for (int i = 0; i < 100; i++) square[i] = INT16_MIN;
  CHECK_RANGE(tm_level_rms_dbov(square, 100), 0, 0); // full scale is 0 dBov
  CHECK_RANGE(tm_level_peak_dbov(square, 100), 0, 0);
  CHECK_RANGE(tm_level_rms_dbov(zeros, 100), -127, -127);
  CHECK_RANGE(tm_level_peak_dbov(zeros, 100), -127, -127);
  CHECK_RANGE(tm_level_rms_dbov(zeros, 0), -127, -127);
}

static void meter(void) {
  tm_level level;
  tm_tone tone;
  int16_t pcm[160];
  tm_level_init(&level, 8000);
  CHECK_RANGE(level.rms_dbov, -127, -127);
  CHECK_INT(tm_tone_init(&tone, 1000, 8000, -20), TM_OK);
  for (int tick = 0; tick < 10; tick++) {
    tm_tone_read(&tone, pcm, 160);
    tm_level_push(&level, pcm, 160);
  }
  CHECK_RANGE(level.rms_dbov, -20.1, -19.9);
  CHECK_RANGE(level.peak_dbov, -17.1, -16.9);
  memset(pcm, 0, sizeof pcm);
  for (int tick = 0; tick < 10; tick++) tm_level_push(&level, pcm, 160);
  CHECK_RANGE(level.rms_dbov, -127, -127);
}

static void resampling_keeps_a_tone(void) {
  static const uint32_t rates[] = {8000, 16000, 44100, 48000};
  static int16_t in[48000];
  static int16_t out[48000 + 64];
  for (size_t a = 0; a < 4; a++) {
    for (size_t b = 0; b < 4; b++) {
      tm_tone tone;
      tm_resample *resample = NULL;
      CHECK_INT(tm_tone_init(&tone, 1000, rates[a], -12), TM_OK);
      CHECK_INT(tm_resample_create(rates[a], rates[b], TM_RESAMPLE_QUALITY, &resample), TM_OK);
      tm_tone_read(&tone, in, rates[a]);
      size_t taken = 0;
      size_t given = 0;
      while (taken < rates[a]) { // in pieces of 10 ms
        size_t piece = rates[a] / 100;
        size_t used = 0;
        size_t made = 0;
        size_t room = sizeof out / sizeof *out - given;
        CHECK(tm_resample_bound(resample, piece) <= room);
        CHECK_INT(tm_resample_process(resample, in + taken, piece, out + given, room, &used, &made), TM_OK);
        CHECK_INT(used, piece);
        CHECK(made <= tm_resample_bound(resample, piece));
        taken += used;
        given += made;
      }
      tm_resample_destroy(resample);
      CHECK_RANGE(given, rates[b] - 200, rates[b] + 8);
      CHECK_RANGE(tm_level_at_dbov(out + 1000, given - 1200, 1000, rates[b]), -12.3, -11.7);
    }
  }
}

static void resampling_limits(void) {
  tm_resample *resample = NULL;
  CHECK_INT(tm_resample_create(0, 8000, 4, &resample), TM_ERR_ARGUMENT);
  CHECK_INT(tm_resample_create(8000, 1000000, 4, &resample), TM_ERR_ARGUMENT);
  CHECK_INT(tm_resample_create(8000, 16000, 11, &resample), TM_ERR_ARGUMENT);
  CHECK_INT(tm_resample_create(8000, 16000, 4, &resample), TM_OK);
  int16_t in[160] = {0};
  int16_t out[10];
  size_t used = 0;
  size_t made = 0;
  CHECK_INT(tm_resample_process(resample, in, 160, out, 10, &used, &made), TM_OK); // little room: some is left over
  CHECK_INT(made, 10);
  CHECK(used < 160);
  tm_resample_destroy(resample);
}

int main(void) {
  tm_test_run("a tone has its level and no step", tone_level);
  tm_test_run("a tone outside the possible is refused", tone_limits);
  tm_test_run("levels are relative to full scale", levels);
  tm_test_run("the meter shows the last window", meter);
  tm_test_run("resampling keeps frequency and level between all rates", resampling_keeps_a_tone);
  tm_test_run("resampling respects rooms and refuses rates", resampling_limits);
  return tm_test_end();
}
