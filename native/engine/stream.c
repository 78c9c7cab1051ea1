// A stream's parts: made and freed by the control thread.
#include "stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet_sound.h"
#include "quality.h"

enum {
  RX_RING_OCTETS = 1 << 15,  // 100 packets of G.711: two seconds
  TX_RING_OCTETS = 1 << 13,
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
  tm_event event = {.kind = TM_EVENT_TROUBLE, .stream = stream->session.id, .error = *error};
  (void)tm_engine_emit(stream->session.engine, &event);
}

static void on_recovered(void *context)
{
  tm_stream *stream = context;
  tm_event event = {.kind = TM_EVENT_RECOVERED, .stream = stream->session.id};
  (void)tm_engine_emit(stream->session.engine, &event);
}

tm_source *tm_stream_open_source(tm_stream *stream, const tm_endpoint *endpoint, tm_error *error)
{
  tm_device_listener listener = {.trouble = on_trouble, .recovered = on_recovered, .context = stream};
  tm_audio_pools pools = tm_engine_audio_pools(stream->session.engine);
  tm_source *source = calloc(1, sizeof *source);
  if (!source) (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a source of sound");
  else if (tm_source_open(source, endpoint, &pools, &listener, error) == TM_ENGINE_OK)
    return source;
  free(source);
  return NULL;
}

tm_sink *tm_stream_open_sink(tm_stream *stream, const tm_endpoint *endpoint, tm_error *error)
{
  tm_device_listener listener = {.trouble = on_trouble, .recovered = on_recovered, .context = stream};
  tm_audio_pools pools = tm_engine_audio_pools(stream->session.engine);
  tm_sink *sink = calloc(1, sizeof *sink);
  if (!sink) (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a sink of sound");
  else if (tm_sink_open(sink, endpoint, &pools, &listener, error) == TM_ENGINE_OK)
    return sink;
  free(sink);
  return NULL;
}

static void file_trouble(tm_stream *stream, const char *reason)
{
  tm_event event = {.kind = TM_EVENT_TROUBLE, .stream = stream->session.id};
  (void)tm_error_set(&event.error, TM_ENGINE_FILE, 0, "the sound file cannot be written: %s", reason);
  (void)tm_engine_emit(stream->session.engine, &event);
}

void tm_stream_close_source(tm_stream *stream, tm_source *source)
{
  if (!source) return;
  tm_source_close(source, tm_engine_device_pool(stream->session.engine));
  free(source);
}

void tm_stream_close_sink(tm_stream *stream, tm_sink *sink)
{
  if (!sink) return;
  tm_status status = tm_sink_close(sink, tm_engine_device_pool(stream->session.engine));
  if (status != TM_OK) file_trouble(stream, tm_status_text(status));
  free(sink);
}

static void obey(tm_session *session, const tm_command *command, int64_t now)
{
  tm_stream *stream = tm_stream_of(session);
  if (command->kind == TM_COMMAND_CONFIGURE) tm_packet_configure(stream, &command->packet, now);
  if (command->kind == TM_COMMAND_DTMF)
    tm_packet_queue_dtmf(stream, command->dtmf.digits, command->dtmf.duration_ms, command->dtmf.gap_ms);
}

static void beat(tm_session *session, int64_t now)
{
  tm_packet_beat(tm_stream_of(session), now);
  tm_sound_event_timeout(tm_stream_of(session), now);
}

static int64_t deadline(const tm_session *session, int64_t now)
{
  const tm_stream *stream = tm_stream_const_of(session);
  const tm_packet_side *side = &stream->packet;
  if (!session->configured) return TM_NEVER;
  int64_t at = side->retry_ns, due = session->config.send ? tm_stream_due(stream, side->next_unit) : TM_NEVER;
  if (due < at) at = due;
  return side->dtmf_in.active && now + TM_UNIT_NS < at ? now + TM_UNIT_NS : at;
}

static bool pass_on(tm_session *session)
{
  tm_command close = {.kind = TM_COMMAND_CLOSE, .session = session};
  return tm_worker_send(&session->engine->codec, &close);
}

static bool flush(tm_session *session)
{
  tm_stream *stream = tm_stream_of(session);
  tm_status status = tm_sink_flush(stream->flushed_sink);
  if (status != TM_OK) file_trouble(stream, tm_status_text(status));
  if (tm_sink_fell_behind(stream->flushed_sink)) file_trouble(stream, "the disk is too slow, sound is missing");
  return stream->flushed_sink->kind == TM_ENDPOINT_FILE;
}

static void tidy(tm_session *session, const tm_command *command)
{
  tm_stream *stream = tm_stream_of(session);
  if (command->kind != TM_COMMAND_ATTACH) return;
  if (command->ends.new_sink) stream->flushed_sink = command->ends.new_sink;
  tm_stream_close_sink(stream, command->ends.sink);
  tm_stream_close_source(stream, command->ends.source);
}

static void finish(tm_session *session)
{
  tm_stream *stream = tm_stream_of(session);
  tm_stream_close_sink(stream, stream->sink);
  tm_stream_close_source(stream, stream->source);
  stream->sink = stream->flushed_sink = NULL;
  stream->source = NULL;
}

static void free_stream(tm_session *session)
{
  tm_stream_free(tm_stream_of(session));
}

static const tm_session_kind audio_kind = {.media = TM_MEDIA_AUDIO,
                                           .classify = tm_sound_classify,
                                           .take = tm_sound_take,
                                           .extend = tm_quality_extend,
                                           .extended = tm_quality_extended,
                                           .obey = obey,
                                           .beat = beat,
                                           .deadline = deadline,
                                           .pass_on = pass_on,
                                           .flush = flush,
                                           .tidy = tidy,
                                           .finish = finish,
                                           .free = free_stream};

tm_stream *tm_stream_create(tm_engine *engine, const tm_stream_options *options, uint32_t id, tm_error *error)
{
  tm_stream *stream = calloc(1, sizeof *stream);
  if (!stream) {
    (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a stream");
    return NULL;
  }
  stream->packet.retry_ns = TM_NEVER;
  stream->packet.marker = true;
  atomic_init(&stream->counters.level_in_centi, (int_fast32_t)(TM_LEVEL_SILENCE * 100));
  atomic_init(&stream->counters.level_out_centi, (int_fast32_t)(TM_LEVEL_SILENCE * 100));
  atomic_init(&stream->counters.sample_hz, TM_AUDIO_HZ);
  tm_engine_status status = tm_session_init(&stream->session, &audio_kind, engine, id, options->address, options->port_from,
                                            options->port_to, error);
  stream->codec.timestamp = stream->session.timestamp;
  if (status == TM_ENGINE_OK && (tm_ring_create(RX_RING_OCTETS, &stream->rx) != TM_OK ||
                                 tm_ring_create(TX_RING_OCTETS, &stream->tx) != TM_OK))
    status = tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for a stream");
  if (status == TM_ENGINE_OK) stream->source = tm_stream_open_source(stream, &options->capture, error);
  if (stream->source) stream->sink = stream->flushed_sink = tm_stream_open_sink(stream, &options->playback, error);
  if (stream->sink) return stream;
  tm_stream_free(stream);
  return NULL;
}

void tm_stream_free(tm_stream *stream)
{
  if (!stream) return;
  tm_stream_close_source(stream, stream->source);
  tm_stream_close_sink(stream, stream->sink);
  tm_session_release(&stream->session);
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
