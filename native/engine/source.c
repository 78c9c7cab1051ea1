// Sound sources: silence, a tone, a WAV file that loops, a device, a bridge.
#include <stdlib.h>
#include <string.h>

#include "audio.h"
#include "stream.h"

enum {
  MAX_FILE_SECONDS = 600,  // a file is kept in memory, so that the codec thread never waits for a disk
  READ_CHUNK = 4096,
};

static tm_engine_status file_error(tm_error *error, const char *path, tm_status status)
{
  return tm_error_set(error, TM_ENGINE_FILE, 0, "%s: %s", path, tm_status_text(status));
}

// A copy of `in` at another rate.
static tm_status convert(const int16_t *in, size_t count, uint32_t in_hz, uint32_t out_hz, int16_t **out, size_t *out_count)
{
  tm_resample *resample = NULL;
  tm_status status = tm_resample_create(in_hz, out_hz, TM_RESAMPLE_QUALITY, &resample);
  if (status != TM_OK) return status;
  size_t capacity = tm_resample_bound(resample, count) + 2, consumed = 0, produced = 0;
  *out = malloc(capacity * sizeof **out);
  while (*out && status == TM_OK && consumed < count) {
    size_t took = 0, gave = 0;
    status = tm_resample_process(resample, in + consumed, count - consumed, *out + produced, capacity - produced, &took, &gave);
    consumed += took;
    produced += gave;
    if (took == 0 && gave == 0) break;
  }
  tm_resample_destroy(resample);
  if (!*out) return TM_ERR_MEMORY;
  *out_count = produced;
  return status;
}

static tm_status read_all(tm_wav_reader *reader, int16_t *pcm, size_t count, size_t *got)
{
  tm_status status = TM_OK;
  *got = 0;
  while (status == TM_OK && *got < count) {
    size_t read = 0, want = count - *got < READ_CHUNK ? count - *got : READ_CHUNK;
    status = tm_wav_read(reader, pcm + *got, want, &read);
    *got += read;
  }
  return status == TM_ERR_END ? TM_OK : status;
}

static tm_engine_status open_file(tm_source *source, const char *path, tm_error *error)
{
  tm_wav_reader *reader = NULL;
  tm_status status = tm_wav_open(path, false, &reader);
  if (status != TM_OK) return file_error(error, path, status);
  uint32_t rate = tm_wav_rate(reader);
  uint64_t length = tm_wav_length(reader);
  if (length > (uint64_t)rate * MAX_FILE_SECONDS) {
    tm_wav_reader_close(reader);
    return tm_error_set(error, TM_ENGINE_FILE, 0, "%s: longer than %d seconds", path, MAX_FILE_SECONDS);
  }
  size_t got = 0, narrow_count = 0;
  int16_t *raw = malloc(((size_t)length + 1) * sizeof *raw);
  status = raw ? read_all(reader, raw, (size_t)length, &got) : TM_ERR_MEMORY;
  tm_wav_reader_close(reader);
  if (status == TM_OK) status = convert(raw, got, rate, TM_AUDIO_HZ, &source->wide, &source->wide_count);
  if (status == TM_OK) status = convert(raw, got, rate, TM_NARROW_HZ, &source->narrow, &narrow_count);
  free(raw);
  if (status != TM_OK) return file_error(error, path, status);
  if (source->wide_count > narrow_count * 2) source->wide_count = narrow_count * 2;
  source->wide_count &= ~(size_t)1;
  if (source->wide_count == 0) return file_error(error, path, TM_ERR_END);
  return TM_ENGINE_OK;
}

static tm_engine_status open_tone(tm_source *source, double hertz, tm_error *error)
{
  // A tone above what a narrow-band codec carries is silence there, not an alias.
  if (tm_tone_init(&source->wide_tone, hertz, TM_AUDIO_HZ, TM_TONE_DBOV) != TM_OK)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "tone of %g Hz: not between 0 and %d", hertz, TM_AUDIO_HZ / 2);
  if (tm_tone_init(&source->narrow_tone, hertz, TM_NARROW_HZ, TM_TONE_DBOV) != TM_OK)
    source->narrow_tone = (tm_tone){0};
  return TM_ENGINE_OK;
}

// What is kept at TM_AUDIO_HZ and read at either rate.
static tm_engine_status open_shared(tm_source *source, const tm_endpoint *endpoint, const tm_audio_pools *pools,
                                    const tm_device_listener *listener, tm_error *error)
{
  if (tm_resample_create(TM_AUDIO_HZ, TM_NARROW_HZ, TM_RESAMPLE_QUALITY, &source->down) != TM_OK)
    return tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a resampler");
  if (endpoint->kind == TM_ENDPOINT_DEVICE)
    source->port = tm_device_attach(pools->devices, endpoint->name, true, listener, error);
  else
    source->member = tm_bridge_join(pools->bridges, endpoint->name, listener->context, error);
  return source->port || source->member ? TM_ENGINE_OK : error->status;
}

tm_engine_status tm_source_open(tm_source *source, const tm_endpoint *endpoint, const tm_audio_pools *pools,
                                const tm_device_listener *listener, tm_error *error)
{
  tm_engine_status status = TM_ENGINE_OK;
  *source = (tm_source){.kind = endpoint->kind};
  if (endpoint->kind == TM_ENDPOINT_FILE) status = open_file(source, endpoint->name, error);
  if (endpoint->kind == TM_ENDPOINT_TONE) status = open_tone(source, endpoint->hertz, error);
  if (endpoint->kind == TM_ENDPOINT_DEVICE || endpoint->kind == TM_ENDPOINT_BRIDGE)
    status = open_shared(source, endpoint, pools, listener, error);
  if (status != TM_ENGINE_OK) tm_source_close(source, pools->devices);
  return status;
}

static void read_file(tm_source *source, uint32_t hz, int16_t *pcm)
{
  bool wide = hz == TM_AUDIO_HZ;
  const int16_t *from = wide ? source->wide : source->narrow;
  for (size_t i = 0; i < TM_UNIT_WIDE; i += 2) {
    size_t at = source->position;
    if (wide) {
      *pcm++ = from[at];
      *pcm++ = from[at + 1];
    } else {
      *pcm++ = from[at / 2];
    }
    source->position = at + 2 < source->wide_count ? at + 2 : 0;
  }
}

static void read_shared(tm_source *source, uint32_t hz, int64_t beat_ns, int16_t *pcm)
{
  int16_t wide[TM_UNIT_WIDE];
  size_t consumed = 0, produced = 0;
  if (source->port) tm_device_read(source->port, wide, TM_UNIT_WIDE);
  else tm_bridge_hear(source->member, beat_ns, wide);
  if (hz == TM_AUDIO_HZ) {
    memcpy(pcm, wide, sizeof wide);
    return;
  }
  (void)tm_resample_process(source->down, wide, TM_UNIT_WIDE, pcm, TM_UNIT_NARROW, &consumed, &produced);
  memset(pcm + produced, 0, (TM_UNIT_NARROW - produced) * sizeof *pcm);
}

void tm_source_read(tm_source *source, uint32_t hz, int64_t beat_ns, int16_t *pcm)
{
  size_t count = hz == TM_AUDIO_HZ ? TM_UNIT_WIDE : TM_UNIT_NARROW;
  switch (source->kind) {
    case TM_ENDPOINT_TONE:
      tm_tone_read(hz == TM_AUDIO_HZ ? &source->wide_tone : &source->narrow_tone, pcm, count);
      return;
    case TM_ENDPOINT_FILE: read_file(source, hz, pcm); return;
    case TM_ENDPOINT_DEVICE:
    case TM_ENDPOINT_BRIDGE: read_shared(source, hz, beat_ns, pcm); return;
    case TM_ENDPOINT_NULL: memset(pcm, 0, count * sizeof *pcm); return;
  }
}

void tm_source_close(tm_source *source, tm_device_pool *devices)
{
  if (source->port) tm_device_detach(devices, source->port);
  if (source->member) tm_bridge_leave(source->member);
  tm_resample_destroy(source->down);
  free(source->wide);
  free(source->narrow);
  *source = (tm_source){.kind = TM_ENDPOINT_NULL};
}
