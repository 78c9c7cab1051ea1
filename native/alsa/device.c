// Shared ALSA devices: one thread each, ports of streams on it.
#include "device.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio.h"
#include "pcm.h"
#include "slip.h"
#include "stream.h"
#include "thread.h"
#include "clock.h"

enum {
  NAME_OCTETS = 128,
  BLOCK = TM_AUDIO_HZ / 100,   // 10 ms: what a device thread moves at a time
  STOCK = TM_AUDIO_HZ / 100,   // left in a ring: the other side's jitter
  RING_SAMPLES = TM_AUDIO_HZ / 2,
  WAIT_MS = 100,               // so that a thread hears that it shall stop
  REOPEN_MS = 500,
  REOPEN_STEP_MS = 50,
};

typedef struct tm_device tm_device;

struct tm_device_port {
  tm_device *device;
  tm_device_listener listener;
  tm_ring *ring;
  tm_slip slip;  // of the reading side: codec thread for capture, device thread for playback
  tm_device_port *next;
};

struct tm_device {
  char name[NAME_OCTETS];
  bool capture;
  unsigned users;        // pool's lock
  pthread_t thread;
  atomic_bool stop;
  pthread_mutex_t lock;  // of the list of ports; held for microseconds, never by a packet or codec thread
  tm_device_port *ports;
  tm_pcm pcm;
  tm_resample *resample;
  tm_device *next;
};

struct tm_device_pool {
  bool realtime;
  pthread_mutex_t lock;
  tm_device *devices;
};

static void quiet(const char *file, int line, const char *function, int code, const char *format, ...)
{
  // Codes come back from every call; alsa-lib would print them to standard error as well.
  (void)file, (void)line, (void)function, (void)code, (void)format;
}

tm_device_pool *tm_device_pool_create(bool realtime)
{
  tm_device_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return NULL;
  pool->realtime = realtime;
  pthread_mutex_init(&pool->lock, NULL);
  snd_lib_error_set_handler(quiet);
  return pool;
}

void tm_device_pool_destroy(tm_device_pool *pool)
{
  if (!pool) return;
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

// The rates of the two sides differ: a resampler from the device (capture) or to it (playback).
static int fit(tm_device *device)
{
  unsigned rate = device->pcm.rate;
  tm_resample_destroy(device->resample);
  device->resample = NULL;
  tm_status status = device->capture
                         ? tm_resample_create(rate, TM_AUDIO_HZ, TM_RESAMPLE_QUALITY, &device->resample)
                         : tm_resample_create(TM_AUDIO_HZ, rate, TM_RESAMPLE_QUALITY, &device->resample);
  return status == TM_OK ? 0 : -EINVAL;
}

static int open_device(tm_device *device)
{
  int code = tm_pcm_open(&device->pcm, device->name, device->capture, TM_AUDIO_HZ);
  if (code == 0) code = fit(device);
  if (code < 0) tm_pcm_close(&device->pcm);
  return code;
}

static void tell_trouble(tm_device *device, int code)
{
  tm_error error;
  (void)tm_error_set(&error, TM_ENGINE_DEVICE, code, "%s: %s", device->name, snd_strerror(code));
  pthread_mutex_lock(&device->lock);
  for (tm_device_port *port = device->ports; port; port = port->next)
    port->listener.trouble(port->listener.context, &error);
  pthread_mutex_unlock(&device->lock);
}

static void tell_recovered(tm_device *device)
{
  pthread_mutex_lock(&device->lock);
  for (tm_device_port *port = device->ports; port; port = port->next)
    port->listener.recovered(port->listener.context);
  pthread_mutex_unlock(&device->lock);
}

static void fan_out(tm_device *device, const int16_t *pcm, size_t count)
{
  pthread_mutex_lock(&device->lock);
  for (tm_device_port *port = device->ports; port; port = port->next) (void)tm_ring_write_pcm(port->ring, pcm, count);
  pthread_mutex_unlock(&device->lock);
}

static int capture_some(tm_device *device)
{
  int16_t raw[TM_PCM_MAX_FRAMES], wide[BLOCK];
  int got = tm_pcm_read(&device->pcm, raw, device->pcm.period, WAIT_MS);
  for (size_t done = 0; got > 0 && done < (size_t)got;) {
    size_t consumed = 0, produced = 0;
    if (tm_resample_process(device->resample, raw + done, (size_t)got - done, wide, BLOCK, &consumed, &produced) != TM_OK)
      return -EINVAL;
    fan_out(device, wide, produced);
    if (consumed == 0 && produced == 0) break;
    done += consumed;
  }
  return got;
}

static int16_t clip(int value)
{
  return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}

static void mix(tm_device *device, int16_t *pcm)
{
  int sum[BLOCK] = {0};
  int16_t one[BLOCK];
  pthread_mutex_lock(&device->lock);
  for (tm_device_port *port = device->ports; port; port = port->next) {
    tm_slip_read(&port->slip, port->ring, one, BLOCK);
    for (size_t i = 0; i < BLOCK; i++) sum[i] += one[i];
  }
  pthread_mutex_unlock(&device->lock);
  for (size_t i = 0; i < BLOCK; i++) pcm[i] = clip(sum[i]);
}

static int play_some(tm_device *device)
{
  int16_t wide[BLOCK], raw[TM_PCM_MAX_FRAMES];
  size_t consumed = 0, produced = 0;
  mix(device, wide);
  if (tm_resample_process(device->resample, wide, BLOCK, raw, TM_PCM_MAX_FRAMES, &consumed, &produced) != TM_OK)
    return -EINVAL;
  for (size_t done = 0; done < produced && !atomic_load(&device->stop);) {
    int put = tm_pcm_write(&device->pcm, raw + done, produced - done, WAIT_MS);
    if (put < 0) return put;
    done += (size_t)put;
  }
  return 0;
}

static bool try_again(tm_device *device)
{
  struct timespec step = {.tv_nsec = REOPEN_STEP_MS * TM_NS_PER_MS};
  for (int waited = 0; waited < REOPEN_MS && !atomic_load(&device->stop); waited += REOPEN_STEP_MS)
    nanosleep(&step, NULL);
  return !atomic_load(&device->stop) && open_device(device) == 0;
}

static void *device_thread(void *context)
{
  tm_device *device = context;
  while (!atomic_load(&device->stop)) {
    if (!device->pcm.handle) {
      if (try_again(device)) tell_recovered(device);
      continue;
    }
    int code = device->capture ? capture_some(device) : play_some(device);
    if (code >= 0) continue;
    tm_pcm_close(&device->pcm);
    tell_trouble(device, code);
  }
  tm_pcm_close(&device->pcm);
  return NULL;
}

static void free_device(tm_device *device)
{
  tm_pcm_close(&device->pcm);
  tm_resample_destroy(device->resample);
  pthread_mutex_destroy(&device->lock);
  free(device);
}

static tm_device *start_device(tm_device_pool *pool, const char *name, bool capture, tm_error *error)
{
  tm_device *device = calloc(1, sizeof *device);
  if (!device) {
    (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a device");
    return NULL;
  }
  pthread_mutex_init(&device->lock, NULL);
  device->capture = capture;
  int code = snprintf(device->name, sizeof device->name, "%s", name) < (int)sizeof device->name ? 0 : -ENAMETOOLONG;
  if (code == 0) code = open_device(device);
  if (code < 0) {
    (void)tm_error_set(error, TM_ENGINE_DEVICE, code, "%s: %s", name, snd_strerror(code));
    free_device(device);
    return NULL;
  }
  code = tm_thread_start(&device->thread, capture ? "tm-capture" : "tm-playback",
                         pool->realtime ? TM_PRIORITY_DEVICE : TM_PRIORITY_NONE, device_thread, device, NULL);
  if (code < 0) {
    (void)tm_error_set(error, TM_ENGINE_THREAD, code, "%s: no thread for it", name);
    free_device(device);
    return NULL;
  }
  device->next = pool->devices;
  pool->devices = device;
  return device;
}

static tm_device *find(const tm_device_pool *pool, const char *name, bool capture)
{
  for (tm_device *device = pool->devices; device; device = device->next)
    if (device->capture == capture && strcmp(device->name, name) == 0) return device;
  return NULL;
}

static void attach(tm_device *device, tm_device_port *port)
{
  device->users++;
  pthread_mutex_lock(&device->lock);
  port->device = device;
  port->next = device->ports;
  device->ports = port;
  pthread_mutex_unlock(&device->lock);
}

tm_device_port *tm_device_attach(tm_device_pool *pool, const char *name, bool capture,
                                 const tm_device_listener *listener, tm_error *error)
{
  tm_device_port *port = calloc(1, sizeof *port);
  if (!port || tm_ring_create(RING_SAMPLES * sizeof(int16_t), &port->ring) != TM_OK) {
    free(port);
    (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a device");
    return NULL;
  }
  port->listener = *listener;
  tm_slip_init(&port->slip, STOCK, TM_UNIT_WIDE);
  pthread_mutex_lock(&pool->lock);
  tm_device *device = find(pool, name, capture);
  if (!device) device = start_device(pool, name, capture, error);
  if (device) attach(device, port);
  pthread_mutex_unlock(&pool->lock);
  if (device) return port;
  tm_ring_destroy(port->ring);
  free(port);
  return NULL;
}

static void take_out(tm_device *device, const tm_device_port *port)
{
  pthread_mutex_lock(&device->lock);
  for (tm_device_port **at = &device->ports; *at; at = &(*at)->next) {
    if (*at != port) continue;
    *at = port->next;
    break;
  }
  pthread_mutex_unlock(&device->lock);
}

void tm_device_detach(tm_device_pool *pool, tm_device_port *port)
{
  tm_device *device = port->device;
  take_out(device, port);
  pthread_mutex_lock(&pool->lock);
  bool last = --device->users == 0;
  for (tm_device **at = &pool->devices; last && *at; at = &(*at)->next) {
    if (*at != device) continue;
    *at = device->next;
    break;
  }
  if (last) {
    // Under the lock: who attaches next must find the device closed, not busy.
    atomic_store(&device->stop, true);
    pthread_join(device->thread, NULL);
    free_device(device);
  }
  pthread_mutex_unlock(&pool->lock);
  tm_ring_destroy(port->ring);
  free(port);
}

void tm_device_read(tm_device_port *port, int16_t *pcm, size_t count)
{
  tm_slip_read(&port->slip, port->ring, pcm, count);
}

void tm_device_write(tm_device_port *port, const int16_t *pcm, size_t count)
{
  // Full while the device is away: what nobody hears is thrown away.
  (void)tm_ring_write_pcm(port->ring, pcm, count);
}
