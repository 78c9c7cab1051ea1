// The tones that tell a person how a call stands: TS 22.001 annex F table 1 (CEPT), and a ring. Plain struct, one thread;
// nothing allocates. Every sound begins and ends in a ramp, so that nothing clicks.
#ifndef TM_PROGRESS_H
#define TM_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tm_progress_tone {
  TM_PROGRESS_NONE = 0,
  TM_PROGRESS_RING,       // this device is called
  TM_PROGRESS_RINGBACK,   // the other one rings
  TM_PROGRESS_WAITING,    // another call waits: lies over the sound of the present one
  TM_PROGRESS_BUSY,
  TM_PROGRESS_CONGESTION,
  TM_PROGRESS_COUNT,
} tm_progress_tone;

enum { TM_PROGRESS_PARTS = 4 };

/// Sound and silence by turns, from the beginning again after the last one.
typedef struct tm_progress_cadence {
  const char *source;       // where it stands
  double hertz[2];          // equal, or by turns every `warble_ms`
  uint16_t warble_ms;
  double dbov;
  uint8_t parts;            // pairs used
  struct {
    uint16_t on_ms, off_ms;
  } part[TM_PROGRESS_PARTS];
} tm_progress_cadence;

typedef struct tm_progress {
  const tm_progress_cadence *cadence; // NULL: silent
  uint32_t sample_hz;
  uint64_t at;     // samples since its start
  double phase;    // radians
} tm_progress;

/// Table row; NULL for NONE and out of range. Static storage.
const tm_progress_cadence *tm_progress_cadence_of(tm_progress_tone tone);
/// Begins a tone; NONE ends it.
void tm_progress_start(tm_progress *progress, tm_progress_tone tone, uint32_t sample_hz);
bool tm_progress_sounds(const tm_progress *progress);
/// Another sample rate; the tone goes on at the same moment.
void tm_progress_rate(tm_progress *progress, uint32_t sample_hz);
/// Adds the next `count` samples to what is in pcm, saturating.
void tm_progress_mix(tm_progress *progress, int16_t *pcm, size_t count);

#endif
