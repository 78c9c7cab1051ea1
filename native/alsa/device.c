// One ALSA device: its thread, which moves 10 ms at a time, and what happens when it goes away.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "device_private.h"
#include "stream.h"
#include "thread.h"

enum {
  WAIT_MS = 100,               // so that a thread hears that it shall stop
  REOPEN_MS = 500,
  REOPEN_STEP_MS = 50,
  NS_PER_SAMPLE = 1000000000 / TM_AUDIO_HZ,
  CENTI = 100,
};

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
  device->filled = 0;
  return code;
}

void tm_device_error(const tm_device *device, int code, tm_error *error)
{
  (void)tm_error_set(error, TM_ENGINE_DEVICE, code, "%s: %s", device->name, snd_strerror(code));
}

static void tell_trouble(tm_device *device, int code)
{
  tm_error error;
  tm_device_error(device, code, &error);
  pthread_mutex_lock(&device->lock);
  device->away = code;
  for (tm_device_port *port = device->ports; port; port = port->next)
    port->listener.trouble(port->listener.context, &error);
  pthread_mutex_unlock(&device->lock);
}

static void tell_recovered(tm_device *device)
{
  pthread_mutex_lock(&device->lock);
  device->away = 0;
  for (tm_device_port *port = device->ports; port; port = port->next)
    port->listener.recovered(port->listener.context);
  pthread_mutex_unlock(&device->lock);
}

static void probe_capture(tm_probe *probe, const int16_t *pcm, int64_t met_ns)
{
  if (probe->position == 0) probe->first_ns = met_ns;
  if (probe->first_ns == 0) return;  // begins with a block whose time is known
  size_t left = probe->count - probe->position, take = left < TM_DEVICE_BLOCK ? left : TM_DEVICE_BLOCK;
  memcpy(probe->pcm + probe->position, pcm, take * sizeof *pcm);
  if (take > 0) probe->last_ns = met_ns - (int64_t)probe->position * NS_PER_SAMPLE;
  probe->position += take;
}

static void publish(tm_device *device)
{
  tm_room_stats stats;
  tm_room_read_stats(device->room, &stats);
  atomic_store_explicit(&device->erl_centi, (int)(stats.erl_db * CENTI), memory_order_relaxed);
  atomic_store_explicit(&device->erle_centi, (int)(stats.erle_db * CENTI), memory_order_relaxed);
  atomic_store_explicit(&device->delay_ms, stats.delay_ms, memory_order_relaxed);
  atomic_store_explicit(&device->room_known, stats.known, memory_order_release);
}

// 10 ms, the first sample of which met the microphone at `met_ns`.
static void fan_out(tm_device *device, int64_t met_ns)
{
  pthread_mutex_lock(&device->lock);
  if (device->probe) probe_capture(device->probe, device->block, met_ns);
  pthread_mutex_unlock(&device->lock);
  if (device->room) {
    tm_room_capture(device->room, device->block, met_ns);
    publish(device);
  }
  int64_t now = tm_now_ns();
  pthread_mutex_lock(&device->lock);
  for (tm_device_port *port = device->ports; port; port = port->next)
    tm_follow_write(&port->follow, device->block, TM_DEVICE_BLOCK, now);
  pthread_mutex_unlock(&device->lock);
}

static int capture_some(tm_device *device)
{
  int16_t raw[TM_PCM_MAX_FRAMES];
  int got = tm_pcm_read(&device->pcm, raw, device->pcm.period, WAIT_MS);
  int64_t next_ns = got > 0 ? tm_pcm_moment(&device->pcm) : 0;
  for (size_t done = 0; got > 0 && done < (size_t)got;) {
    size_t consumed = 0, produced = 0;
    if (tm_resample_process(device->resample, raw + done, (size_t)got - done, device->block + device->filled,
                            TM_DEVICE_BLOCK - device->filled, &consumed, &produced) != TM_OK)
      return -EINVAL;
    if (consumed == 0 && produced == 0) break;
    done += consumed;
    device->filled += produced;
    if (device->filled < TM_DEVICE_BLOCK) continue;
    int64_t since = ((int64_t)got - (int64_t)done) * TM_NS_PER_S / (int64_t)device->pcm.rate;
    fan_out(device, next_ns == 0 ? 0 : next_ns - since - TM_DEVICE_BLOCK * (int64_t)NS_PER_SAMPLE);
    device->filled = 0;
  }
  return got;
}

static int16_t clip(int value)
{
  return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}

static void probe_playback(tm_probe *probe, int *sum, int64_t heard_ns)
{
  if (heard_ns == 0 || probe->position >= probe->count) return;
  if (probe->position == 0) probe->first_ns = heard_ns;
  probe->last_ns = heard_ns - (int64_t)probe->position * NS_PER_SAMPLE;
  for (size_t i = 0; i < TM_DEVICE_BLOCK && probe->position < probe->count; i++) sum[i] += probe->pcm[probe->position++];
}

// The next 10 ms, heard from `heard_ns` on. The rooms hear it too.
static void mix(tm_device *device, int16_t *pcm, int64_t heard_ns)
{
  int sum[TM_DEVICE_BLOCK] = {0};
  int16_t one[TM_DEVICE_BLOCK];
  int64_t now = tm_now_ns();
  pthread_mutex_lock(&device->lock);
  for (tm_device_port *port = device->ports; port; port = port->next) {
    tm_follow_read(&port->follow, one, TM_DEVICE_BLOCK, now);
    for (size_t i = 0; i < TM_DEVICE_BLOCK; i++) sum[i] += one[i];
  }
  if (device->probe) probe_playback(device->probe, sum, heard_ns);
  for (size_t i = 0; i < TM_DEVICE_BLOCK; i++) pcm[i] = clip(sum[i]);
  for (tm_device *hearing = device->fed; hearing; hearing = hearing->next_fed) tm_room_render(hearing->room, pcm, heard_ns);
  pthread_mutex_unlock(&device->lock);
}

static int play_some(tm_device *device)
{
  int16_t wide[TM_DEVICE_BLOCK], raw[TM_PCM_MAX_FRAMES];
  size_t consumed = 0, produced = 0;
  mix(device, wide, tm_pcm_moment(&device->pcm));
  if (tm_resample_process(device->resample, wide, TM_DEVICE_BLOCK, raw, TM_PCM_MAX_FRAMES, &consumed, &produced) != TM_OK)
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
  tm_room_destroy(device->room);
  pthread_mutex_destroy(&device->lock);
  free(device);
}

// There, but not now: in somebody else's hands, or unplugged.
static bool comes_back(int code)
{
  return code == -EBUSY || code == -ENODEV || code == -ENXIO || code == -EIO;
}

static int prepare(tm_device *device, const tm_device_pool *pool, const char *name)
{
  if (snprintf(device->name, sizeof device->name, "%s", name) >= (int)sizeof device->name) return -ENAMETOOLONG;
  const tm_room_options *room = &pool->room;
  bool cleans = room->echo_cancel || room->noise_suppression || room->gain_control;
  if (device->capture && cleans && tm_room_create(room, &device->room) != TM_OK) return -ENOMEM;
  int code = open_device(device);
  if (!comes_back(code)) return code;
  device->away = code;
  return 0;
}

tm_device *tm_device_start(const tm_device_pool *pool, const char *name, bool capture, tm_error *error)
{
  tm_device *device = calloc(1, sizeof *device);
  if (!device) {
    (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a device");
    return NULL;
  }
  pthread_mutex_init(&device->lock, NULL);
  device->capture = capture;
  int code = prepare(device, pool, name);
  if (code < 0) {
    (void)tm_error_set(error, TM_ENGINE_DEVICE, code, "%s: %s", name, snd_strerror(code));
    free_device(device);
    return NULL;
  }
  code = tm_thread_start(&device->thread, capture ? "tm-capture" : "tm-playback",
                         pool->realtime ? TM_PRIORITY_DEVICE : TM_PRIORITY_NONE, device_thread, device, NULL);
  if (code == 0) return device;
  (void)tm_error_set(error, TM_ENGINE_THREAD, code, "%s: no thread for it", name);
  free_device(device);
  return NULL;
}

void tm_device_end(tm_device *device)
{
  atomic_store(&device->stop, true);
  pthread_join(device->thread, NULL);
  free_device(device);
}
