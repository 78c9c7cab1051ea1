// One ALSA PCM handle: mono samples of 16 bit in and out, whatever rate, channels and format the device has; xruns and suspends healed inside.
#ifndef TM_PCM_H
#define TM_PCM_H

#include <alsa/asoundlib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  TM_PCM_MAX_CHANNELS = 8,
  TM_PCM_MAX_FRAMES = 2048,  // moved in one call
  TM_PCM_MAX_OCTETS = 4,     // of a sample
};

/** A sample format: how one sample of it is read as 16 bit, and written. */
typedef struct {
  snd_pcm_format_t alsa;
  unsigned octets;
  int16_t (*get)(const unsigned char *at);
  void (*put)(unsigned char *at, int16_t sample);
} tm_pcm_format;

typedef struct {
  snd_pcm_t *handle;  // NULL: closed
  bool capture;
  unsigned rate, channels;
  const tm_pcm_format *format;
  snd_pcm_uframes_t period;
  unsigned silent_ms;  // since it last moved anything
  uint64_t xruns, suspends;
  unsigned char interleaved[TM_PCM_MAX_FRAMES * TM_PCM_MAX_CHANNELS * TM_PCM_MAX_OCTETS];
} tm_pcm;

/** Opens with 10 ms periods, best at `wanted_hz`. 0 or a negative ALSA code; counters survive a reopening. */
int tm_pcm_open(tm_pcm *pcm, const char *name, bool capture, unsigned wanted_hz);
void tm_pcm_close(tm_pcm *pcm);

/** Waits up to `timeout_ms` and reads up to `capacity` mono frames. Count (0: nothing yet), or negative: the device is gone. */
int tm_pcm_read(tm_pcm *pcm, int16_t *mono, size_t capacity, int timeout_ms);
/** Waits up to `timeout_ms` and writes up to `count` frames. As tm_pcm_read. */
int tm_pcm_write(tm_pcm *pcm, const int16_t *mono, size_t count, int timeout_ms);

/**
 * When (CLOCK_MONOTONIC) the next frame to be read met the microphone, or the next one to be written will be heard, as far as the sound
 * system knows; 0: it is not running. Says so whenever it is asked: a late thread does not blur it.
 */
int64_t tm_pcm_moment(tm_pcm *pcm);

#endif
