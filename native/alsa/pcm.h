// One ALSA PCM handle: mono samples of 16 bit in and out at the rate the device likes, xruns and suspends healed inside.
#ifndef TM_PCM_H
#define TM_PCM_H

#include <alsa/asoundlib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  TM_PCM_MAX_CHANNELS = 8,
  TM_PCM_MAX_FRAMES = 2048,  // moved in one call
};

typedef struct {
  snd_pcm_t *handle;  // NULL: closed
  bool capture;
  unsigned rate, channels;
  snd_pcm_uframes_t period;
  unsigned silent_ms;  // since it last moved anything
  uint64_t xruns, suspends;
  int16_t interleaved[TM_PCM_MAX_FRAMES * TM_PCM_MAX_CHANNELS];
} tm_pcm;

/** Opens with 10 ms periods, best at `wanted_hz`. 0 or a negative ALSA code; counters survive a reopening. */
int tm_pcm_open(tm_pcm *pcm, const char *name, bool capture, unsigned wanted_hz);
void tm_pcm_close(tm_pcm *pcm);

/** Waits up to `timeout_ms` and reads up to `capacity` mono frames. Count (0: nothing yet), or negative: the device is gone. */
int tm_pcm_read(tm_pcm *pcm, int16_t *mono, size_t capacity, int timeout_ms);
/** Waits up to `timeout_ms` and writes up to `count` frames. As tm_pcm_read. */
int tm_pcm_write(tm_pcm *pcm, const int16_t *mono, size_t count, int timeout_ms);

#endif
