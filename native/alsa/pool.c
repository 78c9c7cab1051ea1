// The devices in use: opened once for a direction, shared by ports; which loudspeaker a microphone's room listens to.
#include <alsa/asoundlib.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "device_private.h"
#include "stream.h"

enum { CENTI = 100 };

static void quiet(const char *file, int line, const char *function, int code, const char *format, ...)
{
  // Codes come back from every call; alsa-lib would print them to standard error as well.
  (void)file, (void)line, (void)function, (void)code, (void)format;
}

tm_device_pool *tm_device_pool_create(bool realtime, const tm_room_options *room)
{
  tm_device_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return NULL;
  pool->realtime = realtime;
  pool->room = *room;
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

void tm_device_pool_set_delay(tm_device_pool *pool, int delay_ms)
{
  pthread_mutex_lock(&pool->lock);
  pool->room.delay_ms = delay_ms;
  for (tm_device *device = pool->devices; device; device = device->next)
    if (device->room) tm_room_set_delay(device->room, delay_ms);
  pthread_mutex_unlock(&pool->lock);
}

static tm_device *find(const tm_device_pool *pool, const char *name, bool capture)
{
  for (tm_device *device = pool->devices; device; device = device->next)
    if (device->capture == capture && strcmp(device->name, name) == 0) return device;
  return NULL;
}

// `CARD=x` of two names is the same: loudspeaker and microphone of one card, most likely in one room.
static bool same_card(const char *a, const char *b)
{
  const char *of_a = strstr(a, "CARD="), *of_b = strstr(b, "CARD=");
  if (!of_a || !of_b) return strcmp(a, b) == 0;
  size_t octets = strcspn(of_a, ",");
  return octets == strcspn(of_b, ",") && strncmp(of_a, of_b, octets) == 0;
}

// What a microphone most likely hears: a loudspeaker of its own card, else the one opened last.
static tm_device *best_feed(const tm_device_pool *pool, const tm_device *hearing)
{
  tm_device *best = NULL;
  for (tm_device *device = pool->devices; device; device = device->next) {
    if (device->capture) continue;
    if (same_card(device->name, hearing->name)) return device;
    if (!best) best = device;
  }
  return best;
}

static void leave_feed(tm_device *hearing)
{
  if (!hearing->feed) return;
  pthread_mutex_lock(&hearing->feed->lock);
  for (tm_device **at = &hearing->feed->fed; *at; at = &(*at)->next_fed) {
    if (*at != hearing) continue;
    *at = hearing->next_fed;
    break;
  }
  pthread_mutex_unlock(&hearing->feed->lock);
  hearing->feed = NULL;
}

static void join_feed(tm_device *hearing, tm_device *feed)
{
  if (!feed) return;
  pthread_mutex_lock(&feed->lock);
  hearing->next_fed = feed->fed;
  feed->fed = hearing;
  pthread_mutex_unlock(&feed->lock);
  hearing->feed = feed;
}

// After a device came or before one goes.
static void pair(tm_device_pool *pool)
{
  for (tm_device *device = pool->devices; device; device = device->next) {
    if (!device->room) continue;
    tm_device *feed = best_feed(pool, device);
    if (feed == device->feed) continue;
    leave_feed(device);
    join_feed(device, feed);
  }
}

static void attach(tm_device *device, tm_device_port *port)
{
  device->users++;
  pthread_mutex_lock(&device->lock);
  port->device = device;
  port->next = device->ports;
  device->ports = port;
  if (device->away) {
    tm_error error;
    tm_device_error(device, device->away, &error);
    port->listener.trouble(port->listener.context, &error);
  }
  pthread_mutex_unlock(&device->lock);
}

static tm_device *find_or_start(tm_device_pool *pool, const char *name, bool capture, tm_error *error)
{
  tm_device *device = find(pool, name, capture);
  if (device) return device;
  device = tm_device_start(pool, name, capture, error);
  if (!device) return NULL;
  device->next = pool->devices;
  pool->devices = device;
  pair(pool);
  return device;
}

tm_device_port *tm_device_attach(tm_device_pool *pool, const char *name, bool capture,
                                 const tm_device_listener *listener, tm_error *error)
{
  tm_device_port *port = calloc(1, sizeof *port);
  // The writer of a capture port is the device, of a playback port the codec thread.
  if (!port || tm_follow_init(&port->follow, capture ? TM_DEVICE_BLOCK : TM_UNIT_WIDE) != TM_OK) {
    free(port);
    (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a device");
    return NULL;
  }
  port->listener = *listener;
  pthread_mutex_lock(&pool->lock);
  tm_device *device = find_or_start(pool, name, capture, error);
  if (device) attach(device, port);
  pthread_mutex_unlock(&pool->lock);
  if (device) return port;
  tm_follow_end(&port->follow);
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

// Nobody uses it any more. Under the pool's lock: who attaches next must find it closed, not busy.
static void put_away(tm_device_pool *pool, tm_device *device)
{
  for (tm_device **at = &pool->devices; *at; at = &(*at)->next) {
    if (*at != device) continue;
    *at = device->next;
    break;
  }
  leave_feed(device);
  pair(pool);
  tm_device_end(device);
}

void tm_device_detach(tm_device_pool *pool, tm_device_port *port)
{
  tm_device *device = port->device;
  take_out(device, port);
  pthread_mutex_lock(&pool->lock);
  if (--device->users == 0) put_away(pool, device);
  pthread_mutex_unlock(&pool->lock);
  tm_follow_end(&port->follow);
  free(port);
}

void tm_device_read(tm_device_port *port, int16_t *pcm, size_t count)
{
  tm_follow_read(&port->follow, pcm, count, tm_now_ns());
}

void tm_device_write(tm_device_port *port, const int16_t *pcm, size_t count)
{
  // Full while the device is away: what nobody hears is thrown away.
  tm_follow_write(&port->follow, pcm, count, tm_now_ns());
}

bool tm_device_room(const tm_device_port *port, tm_room_stats *stats)
{
  const tm_device *device = port->device;
  if (!device->room) return false;
  *stats = (tm_room_stats){.known = atomic_load_explicit(&device->room_known, memory_order_acquire),
                           .erl_db = (double)atomic_load_explicit(&device->erl_centi, memory_order_relaxed) / CENTI,
                           .erle_db = (double)atomic_load_explicit(&device->erle_centi, memory_order_relaxed) / CENTI,
                           .delay_ms = atomic_load_explicit(&device->delay_ms, memory_order_relaxed)};
  return true;
}
