// A stream's parts: made and freed by the control thread.
#include "stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "engine_private.h"
#include "clock.h"

enum {
  RX_RING_OCTETS = 1 << 15,  // 100 packets of G.711: two seconds
  TX_RING_OCTETS = 1 << 13,
  UNKNOWN = -1,
};

tm_engine_status tm_error_set(tm_error *error, tm_engine_status status, int code, const char *format, ...)
{
  va_list arguments;
  if (!error) return status;
  error->status = status;
  error->code = code;
  va_start(arguments, format);
  (void)vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  return status;
}

static void on_trouble(void *context, const tm_error *error)
{
  tm_stream *stream = context;
  tm_event event = {.kind = TM_EVENT_TROUBLE, .stream = stream->id, .error = *error};
  (void)tm_engine_emit(stream->engine, &event);
}

static void on_recovered(void *context)
{
  tm_stream *stream = context;
  tm_event event = {.kind = TM_EVENT_RECOVERED, .stream = stream->id};
  (void)tm_engine_emit(stream->engine, &event);
}

static tm_engine_status open_sockets(tm_stream *stream, const tm_stream_options *options, tm_error *error)
{
  tm_address local;
  uint16_t start = 0;
  if (tm_address_parse(options->address, 0, &local) != 0)
    return tm_error_set(error, TM_ENGINE_ADDRESS, 0, "%s: not an IP address", options->address);
  stream->family = local.storage.ss_family;
  if (getrandom(&start, sizeof start, 0) != sizeof start) start = 0;
  int code = tm_socket_pair_open(&local, options->port_from, options->port_to, start, &stream->sockets);
  stream->port = stream->sockets.port;
  if (code == 0) return TM_ENGINE_OK;
  if (code == -EADDRINUSE)
    return tm_error_set(error, TM_ENGINE_PORTS, code, "no free port pair in %u-%u", options->port_from, options->port_to);
  if (code == -EMFILE || code == -ENFILE) return tm_error_set(error, TM_ENGINE_MEMORY, code, "%s", strerror(-code));
  return tm_error_set(error, TM_ENGINE_ADDRESS, code, "%s: %s", options->address, strerror(-code));
}

static tm_engine_status open_audio(tm_stream *stream, const tm_stream_options *options, tm_error *error)
{
  tm_device_listener listener = {.trouble = on_trouble, .recovered = on_recovered, .context = stream};
  tm_device_pool *devices = tm_engine_device_pool(stream->engine);
  tm_engine_status status = tm_source_open(&stream->source, &options->capture, devices, &listener, error);
  if (status == TM_ENGINE_OK) status = tm_sink_open(&stream->sink, &options->playback, devices, &listener, error);
  return status;
}

static bool draw_random(tm_stream *stream)
{
  struct {
    uint64_t seed;
    uint32_t ssrc, timestamp;
    uint16_t sequence;
  } drawn;
  if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn) return false;
  stream->ssrc = drawn.ssrc;
  stream->packet.random = drawn.seed;
  stream->packet.sequence = drawn.sequence;
  stream->codec.timestamp = drawn.timestamp;
  return true;
}

tm_stream *tm_stream_create(tm_engine *engine, const tm_stream_options *options, uint32_t id, tm_error *error)
{
  tm_stream *stream = calloc(1, sizeof *stream);
  if (!stream) {
    (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a stream");
    return NULL;
  }
  stream->engine = engine;
  stream->id = id;
  stream->sockets = (tm_socket_pair){.rtp = -1, .rtcp = -1};
  stream->packet.retry_ns = stream->packet.next_rtcp_ns = INT64_MAX;
  stream->packet.marker = true;
  atomic_init(&stream->counters.rtt_us, UNKNOWN);
  atomic_init(&stream->counters.far_loss_256, UNKNOWN);
  atomic_init(&stream->counters.level_in_centi, (int_fast32_t)(TM_LEVEL_SILENCE * 100));
  atomic_init(&stream->counters.level_out_centi, (int_fast32_t)(TM_LEVEL_SILENCE * 100));
  atomic_init(&stream->counters.sample_hz, TM_AUDIO_HZ);
  tm_engine_status status = TM_ENGINE_OK;
  if (!draw_random(stream) || tm_ring_create(RX_RING_OCTETS, &stream->rx) != TM_OK ||
      tm_ring_create(TX_RING_OCTETS, &stream->tx) != TM_OK)
    status = tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a stream");
  if (status == TM_ENGINE_OK) status = open_sockets(stream, options, error);
  if (status == TM_ENGINE_OK) status = open_audio(stream, options, error);
  if (status == TM_ENGINE_OK) return stream;
  (void)tm_sink_close(&stream->sink, tm_engine_device_pool(engine));
  tm_stream_free(stream);
  return NULL;
}

void tm_stream_free(tm_stream *stream)
{
  if (!stream) return;
  tm_source_close(&stream->source, tm_engine_device_pool(stream->engine));
  tm_socket_pair_close(&stream->sockets);
  tm_coding_destroy(stream->codec.coding);
  tm_ring_destroy(stream->rx);
  tm_ring_destroy(stream->tx);
  free(stream);
}

tm_coding *tm_coding_create(const tm_codec_config *config, uint32_t id, tm_error *error)
{
  tm_coding *coding = calloc(1, sizeof *coding);
  tm_status status = coding ? tm_codec_create(config, &coding->codec) : TM_ERR_MEMORY;
  if (status == TM_OK) {
    tm_receiver_config receiver = {.codec = coding->codec};
    status = tm_receiver_create(&receiver, &coding->receiver);
  }
  if (status != TM_OK) {
    (void)tm_error_set(error, TM_ENGINE_CODEC, 0, "%s: %s",
                       tm_codec_info_of(config->id) ? tm_codec_info_of(config->id)->name : "codec", tm_status_text(status));
    tm_coding_destroy(coding);
    return NULL;
  }
  coding->id = id;
  coding->config = *config;
  coding->info = tm_codec_get_info(coding->codec);
  return coding;
}

void tm_coding_destroy(tm_coding *coding)
{
  if (!coding) return;
  tm_receiver_destroy(coding->receiver);
  tm_codec_destroy(coding->codec);
  free(coding);
}
