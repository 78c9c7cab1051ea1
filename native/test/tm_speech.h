// Sound like speech, made from a seed: a glottal pulse train with moving pitch through moving formants (after Klatt 1980, vowels of
// Peterson & Barney 1952), fricatives, closures, pauses. No recording has to be kept, and every run hears the same.
#ifndef TM_SPEECH_H
#define TM_SPEECH_H

#include "tm_test.h"

enum { TM_FORMANTS = 3, TM_VOWELS = 6, TM_SPEECH_CONTROL_HZ = 1000 };

typedef enum tm_sound_kind { TM_SOUND_VOWEL, TM_SOUND_FRICATIVE, TM_SOUND_CLOSURE, TM_SOUND_PAUSE } tm_sound_kind;

typedef struct tm_speech {
  tm_random random;
  double hz;
  tm_sound_kind kind;
  double left_ms;                  // of the present sound
  double target[TM_FORMANTS], formant[TM_FORMANTS];
  double pitch_target, pitch;      // hertz
  double voice_target, voice, hiss_target, hiss;  // amplitudes
  double phase, flow;              // of the glottal cycle, 0..1; the last air flow
  double y1[TM_FORMANTS + 1], y2[TM_FORMANTS + 1];  // of the resonators; the last one shapes the hiss
} tm_speech;

static const double TM_VOWEL_HZ[TM_VOWELS][TM_FORMANTS] = {
  {270, 2290, 3010}, {530, 1840, 2480}, {730, 1090, 2440}, {570, 840, 2410}, {300, 870, 2240}, {490, 1350, 1690}};

static inline void tm_speech_init(tm_speech *speech, uint32_t hz, uint64_t seed) {
  *speech = (tm_speech){.random = {seed}, .hz = hz, .pitch = 120, .pitch_target = 120, .formant = {500, 1500, 2500},
                        .target = {500, 1500, 2500}};
}

static inline double tm_speech_between(tm_speech *speech, double low, double high) {
  return low + (high - low) * tm_random_unit(&speech->random);
}

static inline void tm_speech_next_sound(tm_speech *speech) {
  double dice = tm_random_unit(&speech->random);
  speech->kind = dice < 0.68 ? TM_SOUND_VOWEL : dice < 0.82 ? TM_SOUND_FRICATIVE : dice < 0.93 ? TM_SOUND_CLOSURE : TM_SOUND_PAUSE;
  speech->voice_target = 0;
  speech->hiss_target = 0;
  switch (speech->kind) {
    case TM_SOUND_VOWEL: {
      uint32_t vowel = tm_random_below(&speech->random, TM_VOWELS);
      for (int i = 0; i < TM_FORMANTS; i++) speech->target[i] = TM_VOWEL_HZ[vowel][i] * tm_speech_between(speech, 0.95, 1.1);
      speech->pitch_target = tm_speech_between(speech, 85, 230);
      speech->voice_target = tm_speech_between(speech, 0.5, 1);
      speech->left_ms = tm_speech_between(speech, 90, 320);
      return;
    }
    case TM_SOUND_FRICATIVE:
      speech->hiss_target = tm_speech_between(speech, 0.02, 0.08);
      speech->left_ms = tm_speech_between(speech, 50, 140);
      return;
    case TM_SOUND_CLOSURE: speech->left_ms = tm_speech_between(speech, 30, 70); return;
    case TM_SOUND_PAUSE: speech->left_ms = tm_speech_between(speech, 250, 900); return;
  }
}

static inline double tm_speech_resonate(tm_speech *speech, int at, double input, double hz, double bandwidth) {
  const double pi = 3.14159265358979;
  double r = exp(-pi * bandwidth / speech->hz);
  double b = 2 * r * cos(2 * pi * hz / speech->hz);
  double y = (1 - b + r * r) * input + b * speech->y1[at] - r * r * speech->y2[at];
  speech->y2[at] = speech->y1[at];
  speech->y1[at] = y;
  return y;
}

/// One sample, about -3..3.
static inline double tm_speech_sample(tm_speech *speech) {
  if (speech->left_ms <= 0) tm_speech_next_sound(speech);
  speech->left_ms -= 1000 / speech->hz;
  double slow = 1 - exp(-1 / (0.025 * speech->hz));  // mouth and pitch move in 25 ms, levels in 6 ms
  double quick = 1 - exp(-1 / (0.006 * speech->hz));
  for (int i = 0; i < TM_FORMANTS; i++) speech->formant[i] += (speech->target[i] - speech->formant[i]) * slow;
  speech->pitch += (speech->pitch_target - speech->pitch) * slow;
  speech->voice += (speech->voice_target - speech->voice) * quick;
  speech->hiss += (speech->hiss_target - speech->hiss) * quick;

  // Rosenberg's pulse: opens for 40 % of the cycle, closes in 16 %.
  const double pi = 3.14159265358979;
  speech->phase += speech->pitch / speech->hz;
  if (speech->phase >= 1) speech->phase -= 1;
  double flow = speech->phase < 0.4    ? 0.5 - 0.5 * cos(pi * speech->phase / 0.4)
                : speech->phase < 0.56 ? cos(pi / 2 * (speech->phase - 0.4) / 0.16)
                                       : 0;
  double source = (flow - speech->flow) * speech->hz / 1000 * speech->voice;
  speech->flow = flow;
  double noise = tm_random_unit(&speech->random) * 2 - 1;
  source += noise * 0.01 * speech->voice;  // breath
  for (int i = 0; i < TM_FORMANTS; i++) source = tm_speech_resonate(speech, i, source, speech->formant[i], 60 + 40 * i);
  return source + tm_speech_resonate(speech, TM_FORMANTS, noise, speech->hz * 0.35, 1200) * speech->hiss * 10;
}

/// `samples` of speech at about -24 dBov.
static inline void tm_speech_fill(int16_t *pcm, size_t samples, uint32_t hz, uint64_t seed) {
  static const double LEVEL = 3200;
  tm_speech speech;
  tm_speech_init(&speech, hz, seed);
  for (size_t i = 0; i < samples; i++) {
    double value = tm_speech_sample(&speech) * LEVEL;
    pcm[i] = (int16_t)lrint(value > 30000 ? 30000 : value < -30000 ? -30000 : value);
  }
}

#endif
