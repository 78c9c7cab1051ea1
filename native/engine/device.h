// Shared audio devices: each is opened once for a direction, with a thread of its own that does the blocking I/O; streams attach
// ports to it. Capture is fanned out to all ports, playback mixed from them.
#ifndef TM_ENGINE_DEVICE_H
#define TM_ENGINE_DEVICE_H

#include "engine.h"
#include "tm_ring.h"

typedef struct tm_device_pool tm_device_pool;
typedef struct tm_device_port tm_device_port;

/** How a port hears about its device. Called on the device's thread; must not wait. */
typedef struct {
  void (*trouble)(void *context, const tm_error *error);
  void (*recovered)(void *context);
  void *context;
} tm_device_listener;

/** `realtime`: try SCHED_FIFO for device threads. NULL when memory is out. */
tm_device_pool *tm_device_pool_create(bool realtime);
void tm_device_pool_destroy(tm_device_pool *pool);

/** Attaches to the ALSA PCM `name`, opening it when nobody has yet. Control thread. NULL with `error` when it cannot be had. */
tm_device_port *tm_device_attach(tm_device_pool *pool, const char *name, bool capture,
                                 const tm_device_listener *listener, tm_error *error);
/** Lets go; the last one closes the device and waits for its thread. No listener is called afterwards. Any thread but real-time ones. */
void tm_device_detach(tm_device_pool *pool, tm_device_port *port);

/** Codec thread: `count` samples at TM_AUDIO_HZ; silence when the device has none. The clocks' difference is evened out. */
void tm_device_read(tm_device_port *port, int16_t *pcm, size_t count);
void tm_device_write(tm_device_port *port, const int16_t *pcm, size_t count);

#endif
