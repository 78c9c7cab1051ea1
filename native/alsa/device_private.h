// An ALSA device as its own files see it.
#ifndef TM_DEVICE_PRIVATE_H
#define TM_DEVICE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "audio.h"
#include "device.h"
#include "follow.h"
#include "pcm.h"

enum {
  TM_DEVICE_NAME_OCTETS = 128,
  TM_DEVICE_BLOCK = TM_AUDIO_HZ / 100,  // 10 ms: what a device thread moves at a time
};

/** A measuring of the device's sound, beside what it does for its ports. Under the device's lock. */
typedef struct {
  int16_t *pcm;         // capture: filled, uncleaned; playback: added to what is played
  size_t count, position;
  int64_t first_ns;     // when the first sample met the microphone, will be heard; 0: not known (yet)
  int64_t last_ns;      // of the latest block
} tm_probe;

struct tm_device_port {
  tm_device *device;
  tm_device_listener listener;
  tm_follow follow;  // read by the codec thread for capture, by the device thread for playback
  tm_device_port *next;
};

struct tm_device {
  char name[TM_DEVICE_NAME_OCTETS];
  bool capture;
  unsigned users;        // pool's lock
  pthread_t thread;
  atomic_bool stop;
  pthread_mutex_t lock;  // of all down to `pcm`; held for microseconds, never by a packet or codec thread
  tm_device_port *ports;
  tm_probe *probe;
  int away;              // the ALSA code for which it is not there; 0: it is
  tm_device *fed;        // playback: first of the capture devices whose rooms hear it
  tm_device *next_fed;   // capture: under the lock of `feed`
  // device's thread
  tm_pcm pcm;
  tm_resample *resample;
  int16_t block[TM_DEVICE_BLOCK];  // capture: on its way to 10 ms
  size_t filled;
  // capture
  tm_room *room;         // NULL: sound goes on as it is
  tm_device *feed;       // pool's lock
  atomic_bool room_known;
  atomic_int erl_centi, erle_centi, delay_ms;
  tm_device *next;
};

struct tm_device_pool {
  bool realtime;
  tm_room_options room;
  pthread_mutex_t lock;
  tm_device *devices;
};

/** Opens what there is of it (busy or unplugged: `away`, tried again by its thread) and starts the thread. NULL with `error`: no such device. */
tm_device *tm_device_start(const tm_device_pool *pool, const char *name, bool capture, tm_error *error);
/** Ends the thread and frees. No port may be left. */
void tm_device_end(tm_device *device);
/** The sentence for an ALSA code. */
void tm_device_error(const tm_device *device, int code, tm_error *error);

#endif
