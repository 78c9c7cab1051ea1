// Sound sinks: nothing, a WAV file, a device, a bridge.
#include <string.h>

#include "audio.h"
#include "stream.h"

enum {
  RING_OCTETS = 1 << 17,  // four seconds: a slow disk is forgiven that long
  FLUSH_SAMPLES = 1024,
};

static tm_engine_status open_file(tm_sink *sink, const char *path, tm_error *error)
{
  tm_status status = tm_ring_create(RING_OCTETS, &sink->ring);
  if (status == TM_OK) status = tm_wav_create(path, TM_AUDIO_HZ, &sink->writer);
  if (status == TM_OK) return TM_ENGINE_OK;
  return tm_error_set(error, TM_ENGINE_FILE, 0, "%s: %s", path, tm_status_text(status));
}

tm_engine_status tm_sink_open(tm_sink *sink, const tm_endpoint *endpoint, const tm_audio_pools *pools,
                              const tm_device_listener *listener, tm_error *error)
{
  tm_engine_status status = TM_ENGINE_OK;
  memset(sink, 0, sizeof *sink);
  sink->kind = endpoint->kind;
  if (endpoint->kind == TM_ENDPOINT_NULL) return status;
  if (endpoint->kind == TM_ENDPOINT_TONE)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "a tone cannot be played into");
  if (tm_resample_create(TM_NARROW_HZ, TM_AUDIO_HZ, TM_RESAMPLE_QUALITY, &sink->up) != TM_OK)
    return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a resampler");
  if (endpoint->kind == TM_ENDPOINT_FILE) {
    status = open_file(sink, endpoint->name, error);
  } else if (endpoint->kind == TM_ENDPOINT_BRIDGE) {
    sink->member = tm_bridge_join(pools->bridges, endpoint->name, listener->context, error);
    if (!sink->member) status = error->status;
  } else {
    sink->port = tm_device_attach(pools->devices, endpoint->name, false, listener, error);
    if (!sink->port) status = error->status;
  }
  if (status != TM_ENGINE_OK) (void)tm_sink_close(sink, pools->devices);
  return status;
}

void tm_sink_write(tm_sink *sink, uint32_t hz, int64_t beat_ns, const int16_t *pcm)
{
  int16_t wide[TM_UNIT_WIDE];
  size_t count = TM_UNIT_WIDE, consumed = 0;
  if (sink->kind == TM_ENDPOINT_NULL || sink->kind == TM_ENDPOINT_TONE) return;
  if (hz != TM_AUDIO_HZ) {
    (void)tm_resample_process(sink->up, pcm, TM_UNIT_NARROW, wide, TM_UNIT_WIDE, &consumed, &count);
    pcm = wide;
  }
  if (sink->kind == TM_ENDPOINT_BRIDGE) {
    // A resampler may give less at its first turn.
    if (pcm == wide) memset(wide + count, 0, (TM_UNIT_WIDE - count) * sizeof *wide);
    tm_bridge_say(sink->member, beat_ns, pcm);
  } else if (sink->kind == TM_ENDPOINT_DEVICE) tm_device_write(sink->port, pcm, count);
  else if (tm_ring_write_pcm(sink->ring, pcm, count) != TM_OK) tm_count(&sink->dropped, count);
}

tm_status tm_sink_flush(tm_sink *sink)
{
  int16_t pcm[FLUSH_SAMPLES];
  tm_status status = TM_OK;
  if (sink->kind != TM_ENDPOINT_FILE) return TM_OK;
  for (size_t got = tm_ring_read_pcm(sink->ring, pcm, FLUSH_SAMPLES); got > 0;
       got = tm_ring_read_pcm(sink->ring, pcm, FLUSH_SAMPLES)) {
    if (status == TM_OK && !sink->reported) status = tm_wav_write(sink->writer, pcm, got);
  }
  if (status != TM_OK) sink->reported = true;
  return status;
}

bool tm_sink_fell_behind(tm_sink *sink)
{
  bool now = !sink->told_behind && atomic_load_explicit(&sink->dropped, memory_order_relaxed) > 0;
  if (now) sink->told_behind = true;
  return now;
}

tm_status tm_sink_close(tm_sink *sink, tm_device_pool *devices)
{
  tm_status status = TM_OK;
  if (sink->writer) {
    bool reported = sink->reported;
    status = tm_sink_flush(sink);
    tm_status closed = tm_wav_writer_close(sink->writer);
    if (status == TM_OK && !reported) status = closed;
  }
  if (sink->port) tm_device_detach(devices, sink->port);
  if (sink->member) tm_bridge_leave(sink->member);
  tm_resample_destroy(sink->up);
  tm_ring_destroy(sink->ring);
  memset(sink, 0, sizeof *sink);
  return status;
}
