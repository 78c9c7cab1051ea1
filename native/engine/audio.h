// Sound sources and sinks. Inside the engine sound is mono at the codec's rate, 8 or 16 kHz; devices and files are kept at TM_AUDIO_HZ.
#ifndef TM_ENGINE_AUDIO_H
#define TM_ENGINE_AUDIO_H

#include <stdatomic.h>

#include "bridge.h"
#include "device.h"
#include "engine.h"
#include "tm_resample.h"
#include "tm_ring.h"
#include "tm_tone.h"
#include "tm_wav.h"

enum {
  TM_AUDIO_HZ = 16000,
  TM_NARROW_HZ = 8000,
  TM_UNIT_WIDE = 320,    // samples of 20 ms at TM_AUDIO_HZ
  TM_UNIT_NARROW = 160,
};

typedef struct tm_source {
  tm_endpoint_kind kind;
  tm_tone wide_tone, narrow_tone;
  int16_t *wide, *narrow;  // a file, at both rates
  size_t wide_count, position;  // position in wide samples, even
  tm_device_port *port;
  tm_bridge_member *member;
  tm_resample *down;
} tm_source;

typedef struct tm_sink {
  tm_endpoint_kind kind;
  tm_wav_writer *writer;
  tm_ring *ring;  // codec thread to housekeeping thread
  bool reported, told_behind;  // housekeeping thread
  atomic_uint_fast64_t dropped;  // samples, ring full
  tm_device_port *port;
  tm_bridge_member *member;
  tm_resample *up;
} tm_sink;

/** Where ends are found that streams share. */
typedef struct {
  tm_device_pool *devices;
  tm_bridge_pool *bridges;
} tm_audio_pools;

/** Control thread. `listener` is what a device calls, see device.h; its context is the owner of the end. */
tm_engine_status tm_source_open(tm_source *source, const tm_endpoint *endpoint, const tm_audio_pools *pools,
                                const tm_device_listener *listener, tm_error *error);
/** Codec thread: 20 ms at `hz` (TM_AUDIO_HZ or TM_NARROW_HZ). Silence when there is nothing. `beat_ns`: the moment of the beat. */
void tm_source_read(tm_source *source, uint32_t hz, int64_t beat_ns, int16_t *pcm);
/** When the codec thread has let go of it. Waits for a device thread. */
void tm_source_close(tm_source *source, tm_device_pool *devices);

tm_engine_status tm_sink_open(tm_sink *sink, const tm_endpoint *endpoint, const tm_audio_pools *pools,
                              const tm_device_listener *listener, tm_error *error);
/** Codec thread: 20 ms at `hz`. */
void tm_sink_write(tm_sink *sink, uint32_t hz, int64_t beat_ns, const int16_t *pcm);
/** Housekeeping thread: moves what waits to the file. TM_OK, or the error the first time it occurs. */
tm_status tm_sink_flush(tm_sink *sink);
/** Housekeeping thread: true once, when sound was thrown away because the disk did not keep up. */
bool tm_sink_fell_behind(tm_sink *sink);
/** When the codec thread has let go of it: the file is whole afterwards. The first error there was. */
tm_status tm_sink_close(tm_sink *sink, tm_device_pool *devices);

#endif
