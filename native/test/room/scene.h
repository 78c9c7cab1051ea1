// A room with a loudspeaker and a microphone on two clocks, made up and the same in every run: what a canceller is judged by.
//
// Far and near talkers: voiced sounds (pulses of 100 to 220 Hz through three formants that move), hisses and pauses. The room: image
// method (Allen and Berkley 1979), 4.2 x 3.1 x 2.5 m, walls that reflect 0.78, loudspeaker 60 cm from the microphone, 128 ms of tail. Before it the
// delay of buffers and converters; behind it white noise. The microphone's clock is `skew_ppm` faster than the loudspeaker's.
#ifndef TM_TEST_SCENE_H
#define TM_TEST_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_room.h"

typedef struct {
  double seconds;
  double delay_ms;
  double skew_ppm;
  double stamp_jitter_us;  // by which the times told to the room are wrong
  double noise_dbov;
  double near_from_s, near_to_s;  // the near talker; equal: silent
  uint64_t seed;
} scene_options;

typedef struct {
  scene_options options;
  size_t count;    // samples of each
  int16_t *far;    // on the loudspeaker's clock
  int16_t *near, *mic;  // on the microphone's; mic = echo + near + noise
  int16_t *out;    // mic after the canceller
} scene;

/** 60 ms, 15 s, noise at -62 dBov, stamps 100 us wrong. */
scene_options scene_usual(double skew_ppm);
bool scene_make(scene *made, const scene_options *options);
void scene_free(scene *made);

/** Sends the scene through a room into `out`. */
void scene_through(scene *made, tm_room *room);
/** Speech of `dbov` (mean power over the whole). */
void scene_speech(int16_t *pcm, size_t count, double dbov, uint64_t seed);

/** How much of the echo was taken away between two moments, where the far talker speaks; dB. */
double scene_erle(const scene *made, double from_s, double to_s);

typedef struct {
  double kept_db;      // near talker's level in the output against his own, 0: all of it
  double correlation;  // of output with the near talker while he speaks, 1: nothing else is there
  double before;       // of the microphone with him
} scene_double_talk;
/** The near talker while both speak: his part of the output is found by projection on his own sound, 20 ms at a time, at the best lag. */
scene_double_talk scene_near_kept(const scene *made, double from_s, double to_s);

#endif
