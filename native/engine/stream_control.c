// Streams, control side: what the one control thread asks of them.
#include <string.h>

#include "engine_private.h"

tm_engine_status tm_stream_open(tm_engine *engine, const tm_stream_options *options, uint32_t *id, tm_error *error)
{
  uint32_t next = tm_engine_next_id(engine);
  if (next == 0) return tm_error_set(error, TM_ENGINE_LIMIT, 0, "%d streams are open already", TM_ENGINE_MAX_STREAMS);
  tm_error reason = {.status = TM_ENGINE_MEMORY};
  tm_stream *stream = tm_stream_create(engine, options, next, &reason);
  if (!stream) {
    if (error) *error = reason;
    return reason.status;
  }
  stream->base_ns = tm_engine_phase_of(engine, next);
  tm_engine_adopt(engine, &stream->session);
  *id = next;
  return TM_ENGINE_OK;
}

tm_engine_status tm_stream_attach(tm_engine *engine, uint32_t id, const tm_endpoint *capture, const tm_endpoint *playback,
                                  tm_error *error)
{
  tm_error reason = {.status = TM_ENGINE_OK};
  tm_stream *stream = tm_stream_by_id(engine, id);
  if (!stream || stream->session.close_asked) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "the stream is closed");
  tm_command attach = {.kind = TM_COMMAND_ATTACH, .session = &stream->session};
  if (capture) attach.ends.source = tm_stream_open_source(stream, capture, &reason);
  if (playback && reason.status == TM_ENGINE_OK) attach.ends.sink = tm_stream_open_sink(stream, playback, &reason);
  if (reason.status == TM_ENGINE_OK && !tm_worker_send(&engine->codec, &attach))
    (void)tm_error_set(&reason, TM_ENGINE_LIMIT, 0, "the codec thread's queue is full");
  if (reason.status == TM_ENGINE_OK) return TM_ENGINE_OK;
  tm_stream_close_source(stream, attach.ends.source);
  tm_stream_close_sink(stream, attach.ends.sink);
  if (error) *error = reason;
  return reason.status;
}

uint16_t tm_stream_port(const tm_engine *engine, uint32_t id)
{
  const tm_session *session = tm_session_by_id(engine, id);
  return session ? session->port : 0;
}

tm_engine_status tm_stream_move(tm_engine *engine, uint32_t id, const char *address, uint16_t port_from, uint16_t port_to,
                                tm_error *error)
{
  tm_session *session = tm_session_by_id(engine, id);
  if (!session) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "the stream is closed");
  return tm_session_move(session, address, port_from, port_to, error);
}

tm_engine_status tm_stream_tone(tm_engine *engine, uint32_t id, tm_progress_tone tone, tm_error *error)
{
  tm_stream *stream = tm_stream_by_id(engine, id);
  if (!stream || stream->session.close_asked) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "the stream is closed");
  if ((unsigned)tone >= TM_PROGRESS_COUNT) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "no tone %d", (int)tone);
  tm_command command = {.kind = TM_COMMAND_TONE, .session = &stream->session, .tone = tone};
  if (tm_worker_send(&engine->codec, &command)) return TM_ENGINE_OK;
  return tm_error_set(error, TM_ENGINE_LIMIT, 0, "the codec thread's queue is full");
}

tm_engine_status tm_stream_send_dtmf(tm_engine *engine, uint32_t id, const char *digits, uint32_t duration_ms,
                                     uint32_t gap_ms, tm_error *error)
{
  tm_stream *stream = tm_stream_by_id(engine, id);
  if (!stream || stream->session.close_asked) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "the stream is closed");
  if (!stream->has_dtmf) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "no telephone-event was negotiated");
  size_t length = strlen(digits);
  if (length == 0 || length > TM_ENGINE_MAX_DIGITS)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "1 to %d digits, not %zu", TM_ENGINE_MAX_DIGITS, length);
  for (size_t i = 0; i < length; i++)
    if (tm_dtmf_code(digits[i]) < 0) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "no digit: '%c'", digits[i]);
  if (duration_ms > TM_DTMF_MAX_MS || gap_ms > TM_DTMF_MAX_MS)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "longer than %d ms", TM_DTMF_MAX_MS);
  tm_command command = {.kind = TM_COMMAND_DTMF, .session = &stream->session, .dtmf = {.duration_ms = duration_ms, .gap_ms = gap_ms}};
  memcpy(command.dtmf.digits, digits, length + 1);
  if (tm_worker_send(&engine->packet, &command)) return TM_ENGINE_OK;
  return tm_error_set(error, TM_ENGINE_LIMIT, 0, "the packet thread's queue is full");
}

tm_engine_status tm_stream_close(tm_engine *engine, uint32_t id)
{
  tm_session *session = tm_session_by_id(engine, id);
  return session ? tm_session_close(session) : TM_ENGINE_OK;
}
