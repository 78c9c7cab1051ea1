// The room: takes the loudspeaker's sound out of the microphone's, noise too, and evens out the talker's level (26.114 and 26.131 leave
// the means open). Both devices run on clocks of their own: positions are told with times, and the far sound is resampled to the
// microphone's clock, so that the canceller sees one clock and one delay.
#ifndef TM_ROOM_H
#define TM_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "tm_status.h"

enum {
  TM_ROOM_HZ = 16000,
  TM_ROOM_BLOCK = TM_ROOM_HZ / 100,  // samples of 10 ms: what goes in and out at once
  TM_ROOM_DELAY_UNKNOWN = -1,
  TM_ROOM_MAX_DELAY_MS = 500,
};

typedef struct {
  bool echo_cancel, noise_suppression, gain_control;
  int delay_ms;  // from loudspeaker to microphone as tm_engine_measure_delay finds it; TM_ROOM_DELAY_UNKNOWN: found by listening
} tm_room_options;

typedef struct {
  bool known;        // the levels below hold: the far talker was heard for some seconds
  double erl_db;     // echo return loss: how much softer the microphone hears than was played (G.168 3.4)
  double erle_db;    // its enhancement: how much softer what goes on is than what the microphone heard while the far talker speaks
  int delay_ms;      // told, or found by listening since; negative: not known
  double skew_ppm;   // how much the loudspeaker's clock is faster than the microphone's
} tm_room_stats;

typedef struct tm_room tm_room;

/// Errors: ARGUMENT (delay), MEMORY. Nothing of ours is allocated afterwards.
tm_status tm_room_create(const tm_room_options *options, tm_room **room);
/// When neither thread uses it any more. NULL is allowed.
void tm_room_destroy(tm_room *room);

/// Playback's thread: TM_ROOM_BLOCK samples that will be heard from `heard_ns` on (any clock, the same as capture's); 0: nobody knows.
void tm_room_render(tm_room *room, const int16_t *pcm, int64_t heard_ns);
/// Capture's thread: TM_ROOM_BLOCK samples, the first of which met the microphone at `met_ns` (0: unknown), cleaned in place.
void tm_room_capture(tm_room *room, int16_t *pcm, int64_t met_ns);
/// Capture's thread.
void tm_room_read_stats(const tm_room *room, tm_room_stats *stats);
/// Any thread: takes effect at the next block.
void tm_room_set_delay(tm_room *room, int delay_ms);

/// Version of the canceller's library, "0.3" or "1".
const char *tm_room_library(void);

#endif
