// Call progress tones: frequencies, rhythm and level of TS 22.001 annex F, and no clicks.
#include "tm_level.h"
#include "tm_progress.h"
#include "tm_test.h"

enum { HZ = 16000, SECONDS_HEARD = 12 };
static int16_t sound[SECONDS_HEARD * HZ];

static void hear(tm_progress_tone tone, uint32_t hz) {
  tm_progress progress;
  memset(sound, 0, sizeof sound);
  tm_progress_start(&progress, tone, hz);
  // In blocks of 20 ms, as the engine does.
  for (size_t at = 0; at + hz / 50 <= SECONDS_HEARD * hz; at += hz / 50) tm_progress_mix(&progress, sound + at, hz / 50);
}

static double at(double from_ms, double to_ms, double hertz, uint32_t hz) {
  size_t first = (size_t)(from_ms * hz / 1000);
  size_t count = (size_t)((to_ms - from_ms) * hz / 1000);
  return tm_level_at_dbov(sound + first, count, hertz, hz);
}

static bool silent(double from_ms, double to_ms, uint32_t hz) {
  for (size_t i = (size_t)(from_ms * hz / 1000); i < (size_t)(to_ms * hz / 1000); i++) {
    if (sound[i] != 0) return false;
  }
  return true;
}

static void rhythms(void) {
  static const struct {
    tm_progress_tone tone;
    double on[2], off[2];
    double dbov;
  } rows[] = {
    {TM_PROGRESS_RINGBACK, {5000, 6000}, {6000, 10000}, -18},
    {TM_PROGRESS_BUSY, {2000, 2500}, {2500, 3000}, -18},
    {TM_PROGRESS_CONGESTION, {2000, 2200}, {2200, 2400}, -18},
    {TM_PROGRESS_WAITING, {800, 1000}, {200, 800}, -24},
    {TM_PROGRESS_WAITING, {4000, 4200}, {1000, 4000}, -24},
  };
  static const uint32_t rates[] = {8000, 16000};
  for (size_t r = 0; r < 2; r++) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
      hear(rows[i].tone, rates[r]);
      CHECK_RANGE(at(rows[i].on[0] + 10, rows[i].on[1] - 10, 425, rates[r]), rows[i].dbov - 0.3, rows[i].dbov + 0.3);
      CHECK(silent(rows[i].off[0] + 1, rows[i].off[1] - 1, rates[r]));
    }
  }
}

static void ring_warbles(void) {
  hear(TM_PROGRESS_RING, HZ);
  CHECK_RANGE(at(66, 114, 880, HZ), -16, -12);
  CHECK_RANGE(at(126, 174, 587.33, HZ), -16, -12);
  CHECK(silent(1201, 3999, HZ));
}

static void nothing_clicks(void) {
  for (int tone = TM_PROGRESS_RING; tone < TM_PROGRESS_COUNT; tone++) {
    const tm_progress_cadence *cadence = tm_progress_cadence_of((tm_progress_tone)tone);
    CHECK(cadence != NULL && cadence->source != NULL);
    double peak = 32768 * pow(10, cadence->dbov / 20) * 1.4142;
    double highest = cadence->hertz[1] > cadence->hertz[0] ? cadence->hertz[1] : cadence->hertz[0];
    double steepest = peak * 6.2832 * highest / HZ * 1.02 + 2;
    hear((tm_progress_tone)tone, HZ);
    for (size_t i = 1; i < SECONDS_HEARD * HZ; i++) CHECK_RANGE(abs(sound[i] - sound[i - 1]), 0, steepest);
  }
}

static void mixing(void) {
  tm_progress progress;
  int16_t pcm[160];
  int changed = 0;
  tm_progress_start(&progress, TM_PROGRESS_WAITING, 8000);
  CHECK(tm_progress_sounds(&progress));
  for (int block = 0; block < 5; block++) {
    for (int i = 0; i < 160; i++) pcm[i] = INT16_MAX;
    tm_progress_mix(&progress, pcm, 160);
    for (int i = 0; i < 160; i++) changed += pcm[i] != INT16_MAX;
    for (int i = 0; i < 160; i++) CHECK(pcm[i] > 0); // saturates, never wraps
  }
  CHECK(changed > 100);
  // Another rate in the middle of the second sound of 200 ms.
  for (int block = 5; block < 45; block++) tm_progress_mix(&progress, pcm, 160);
  tm_progress_rate(&progress, 16000);
  int16_t wide[320] = {0};
  tm_progress_mix(&progress, wide, 320);
  CHECK_RANGE(tm_level_rms_dbov(wide, 320), -25, -23);
  tm_progress_start(&progress, TM_PROGRESS_NONE, 8000);
  CHECK(!tm_progress_sounds(&progress));
  memset(pcm, 0, sizeof pcm);
  tm_progress_mix(&progress, pcm, 160);
  for (int i = 0; i < 160; i++) CHECK_INT(pcm[i], 0);
  CHECK(tm_progress_cadence_of(TM_PROGRESS_COUNT) == NULL);
}

int main(void) {
  tm_test_run("425 Hz in the rhythms of TS 22.001 annex F", rhythms);
  tm_test_run("the ring warbles between two tones", ring_warbles);
  tm_test_run("no tone clicks", nothing_clicks);
  tm_test_run("tones are added without wrapping, at changing rates", mixing);
  return tm_test_end();
}
