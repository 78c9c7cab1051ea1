// Shared audio devices: each is opened once for a direction, with a thread of its own that does the blocking I/O; streams attach
// ports to it. Capture is fanned out to all ports, playback mixed from them.
#ifndef TM_ENGINE_DEVICE_H
#define TM_ENGINE_DEVICE_H

#include <stdatomic.h>

#include "engine.h"
#include "tm_room.h"

typedef struct tm_device_pool tm_device_pool;
typedef struct tm_device tm_device;
typedef struct tm_device_port tm_device_port;

/** How a port hears about its device. Called on the device's thread; must not wait. */
typedef struct {
  void (*trouble)(void *context, const tm_error *error);
  void (*recovered)(void *context);
  void *context;
} tm_device_listener;

/** `realtime`: try SCHED_FIFO for device threads. `room`: what is done to captured sound. NULL when memory is out. */
tm_device_pool *tm_device_pool_create(bool realtime, const tm_room_options *room);
void tm_device_pool_destroy(tm_device_pool *pool);

/** From the next block on, for every device. Any thread. */
void tm_device_pool_set_delay(tm_device_pool *pool, int delay_ms);

/**
 * Attaches to the ALSA PCM `name`, opening it when nobody has yet. NULL with `error` when there is no such device; one that is busy or
 * unplugged tells its trouble and is taken as soon as it can be had. Any thread but real-time ones.
 */
tm_device_port *tm_device_attach(tm_device_pool *pool, const char *name, bool capture,
                                 const tm_device_listener *listener, tm_error *error);
/** Lets go; the last one closes the device and waits for its thread. No listener is called afterwards. Any thread but real-time ones. */
void tm_device_detach(tm_device_pool *pool, tm_device_port *port);

/** Codec thread: `count` samples at TM_AUDIO_HZ; silence when the device has none. The clocks' difference is evened out. */
void tm_device_read(tm_device_port *port, int16_t *pcm, size_t count);
void tm_device_write(tm_device_port *port, const int16_t *pcm, size_t count);

/** What the room of a capture port's device is like. False: there is none. Any thread. */
bool tm_device_room(const tm_device_port *port, tm_room_stats *stats);

/** See tm_engine_measure_delay. Any thread but real-time ones; gives up when `cancel` is set. */
tm_engine_status tm_device_measure(tm_device_pool *pool, const char *capture, const char *playback, const atomic_bool *cancel,
                                   tm_delay_measure *result, tm_error *error);

#endif
