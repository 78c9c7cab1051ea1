// Call progress tones.
#include "tm_progress.h"

#include <math.h>

static const double TWO_PI = 6.283185307179586;
static const double FULL_SCALE = 32768;
static const double SINE_PEAK_OVER_RMS = 1.4142135623730951;
static const double RAMP_MS = 5;
static const double MS_PER_S = 1000;

#define SUPERVISORY "TS 22.001 annex F table 1, CEPT"
#define TONE_HZ {425, 425}
#define TONE_DBOV (-18.0)    // well below speech: tones are long
#define WAITING_DBOV (-24.0) // lies over speech

static const tm_progress_cadence CADENCES[TM_PROGRESS_COUNT] = {
  // 22.001 F.2.2 leaves the alert to the device: a fifth, warbling, in the rhythm of the ringing tone.
  [TM_PROGRESS_RING] = {.source = "own", .hertz = {587.33, 880}, .warble_ms = 60, .dbov = -14, .parts = 1,
                        .part = {{1200, 2800}}},
  [TM_PROGRESS_RINGBACK] = {.source = SUPERVISORY, .hertz = TONE_HZ, .dbov = TONE_DBOV, .parts = 1,
                            .part = {{1000, 4000}}},
  [TM_PROGRESS_WAITING] = {.source = SUPERVISORY, .hertz = TONE_HZ, .dbov = WAITING_DBOV, .parts = 2,
                           .part = {{200, 600}, {200, 3000}}},
  [TM_PROGRESS_BUSY] = {.source = SUPERVISORY, .hertz = TONE_HZ, .dbov = TONE_DBOV, .parts = 1, .part = {{500, 500}}},
  [TM_PROGRESS_CONGESTION] = {.source = SUPERVISORY, .hertz = TONE_HZ, .dbov = TONE_DBOV, .parts = 1,
                              .part = {{200, 200}}},
};

const tm_progress_cadence *tm_progress_cadence_of(tm_progress_tone tone) {
  return (unsigned)tone < TM_PROGRESS_COUNT && CADENCES[tone].parts > 0 ? &CADENCES[tone] : NULL;
}

void tm_progress_start(tm_progress *progress, tm_progress_tone tone, uint32_t sample_hz) {
  *progress = (tm_progress){.cadence = tm_progress_cadence_of(tone), .sample_hz = sample_hz};
}

bool tm_progress_sounds(const tm_progress *progress) { return progress->cadence != NULL; }

void tm_progress_rate(tm_progress *progress, uint32_t sample_hz) {
  if (progress->sample_hz == sample_hz || progress->cadence == NULL) return;
  progress->at = progress->at * sample_hz / progress->sample_hz;
  progress->sample_hz = sample_hz;
}

/// How loud the tone is at a moment of its cadence, 0 to 1. The ramps lie inside the sound.
static double loudness(const tm_progress_cadence *cadence, double ms) {
  double whole = 0;
  for (unsigned i = 0; i < cadence->parts; i++) whole += cadence->part[i].on_ms + cadence->part[i].off_ms;
  ms = fmod(ms, whole);
  for (unsigned i = 0; i < cadence->parts; i++) {
    double on = cadence->part[i].on_ms;
    if (ms < on) {
      double edge = ms < on - ms ? ms : on - ms;
      return edge < RAMP_MS ? edge / RAMP_MS : 1;
    }
    ms -= on + cadence->part[i].off_ms;
  }
  return 0;
}

static double frequency(const tm_progress_cadence *cadence, double ms) {
  bool second = cadence->warble_ms > 0 && ((uint64_t)ms / cadence->warble_ms) % 2 == 1;
  return cadence->hertz[second ? 1 : 0];
}

void tm_progress_mix(tm_progress *progress, int16_t *pcm, size_t count) {
  const tm_progress_cadence *cadence = progress->cadence;
  if (cadence == NULL) return;
  double amplitude = FULL_SCALE * pow(10, cadence->dbov / 20) * SINE_PEAK_OVER_RMS;
  for (size_t i = 0; i < count; i++) {
    double ms = (double)progress->at++ * MS_PER_S / progress->sample_hz;
    double level = loudness(cadence, ms);
    if (level <= 0) continue;
    progress->phase += TWO_PI * frequency(cadence, ms) / progress->sample_hz;
    if (progress->phase >= TWO_PI) progress->phase -= TWO_PI;
    long mixed = pcm[i] + lrint(amplitude * level * sin(progress->phase));
    if (mixed > INT16_MAX) mixed = INT16_MAX;
    if (mixed < INT16_MIN) mixed = INT16_MIN;
    pcm[i] = (int16_t)mixed;
  }
}
