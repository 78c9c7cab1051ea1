// The codec thread: codes and decodes beside the packet thread, so that 0.2 ms of AMR-WB never stand before a packet of another stream.
#include "codec_side.h"
#include "clock.h"

enum { RETRY_MS = 2 };  // housekeeping's queue was full

static void destroy_coding(void *coding)
{
  tm_coding_destroy(coding);
}

static void discard(tm_engine *engine, tm_coding *coding)
{
  if (coding) tm_engine_discard(engine, destroy_coding, coding);
}

static void attach(tm_stream *stream, const tm_ends *ends)
{
  tm_event event = {.kind = TM_EVENT_TROUBLE, .stream = stream->session.id};
  if (tm_codec_side_attach(stream, ends)) return;
  atomic_fetch_add(&stream->session.engine->objects_leaked, 1);
  (void)tm_error_set(&event.error, TM_ENGINE_LIMIT, 0, "another sound device could not be taken");
  (void)tm_engine_emit(stream->session.engine, &event);
}

static void obey(tm_engine *engine, const tm_command *command)
{
  tm_worker *worker = &engine->codec;
  tm_stream *stream = tm_stream_of(command->session);
  switch (command->kind) {
    case TM_COMMAND_ADD: (void)tm_worker_add(worker, command->session); return;
    case TM_COMMAND_CONFIGURE:
      discard(engine, tm_codec_side_configure(stream, &command->codec, tm_now_ns()));
      return;
    case TM_COMMAND_ATTACH: attach(stream, &command->ends); return;
    case TM_COMMAND_TONE: tm_codec_side_tone(stream, command->tone, tm_now_ns()); return;
    case TM_COMMAND_CLOSE: stream->codec.closing = true; return;
    case TM_COMMAND_QUIT: worker->quit = true; return;
    default: return;
  }
}

static void pass_on_closed(tm_engine *engine, tm_worker *worker)
{
  for (unsigned i = worker->count; i-- > 0;) {
    tm_session *session = worker->sessions[i];
    tm_command close = {.kind = TM_COMMAND_CLOSE, .session = session};
    if (tm_stream_of(session)->codec.closing && tm_worker_send(&engine->house, &close)) tm_worker_remove(worker, session);
  }
}

static int64_t deadline_of(const tm_stream *stream, int64_t now)
{
  if (stream->codec.closing) return now + RETRY_MS * TM_NS_PER_MS;
  if (!stream->codec.configured)
    return tm_progress_sounds(&stream->codec.progress) ? stream->codec.tone_due_ns : TM_NEVER;
  return tm_stream_due(stream, stream->codec.next_unit) - TM_CODEC_LEAD_NS;
}

void *tm_codec_thread(void *context)
{
  tm_engine *engine = context;
  tm_worker *worker = &engine->codec;
  struct epoll_event none[1];
  tm_command command;
  while (!worker->quit) {
    (void)tm_loop_wait(&worker->loop, none, 1);
    for (unsigned i = 0; i < worker->count; i++) {
      tm_stream *stream = tm_stream_of(worker->sessions[i]);
      if (!stream->codec.closing) tm_codec_side_beat(stream, tm_now_ns());
    }
    while (tm_queue_pop(worker->commands, &command)) obey(engine, &command);
    pass_on_closed(engine, worker);
    int64_t deadline = TM_NEVER, now = tm_now_ns();
    for (unsigned i = 0; i < worker->count; i++) {
      int64_t one = deadline_of(tm_stream_const_of(worker->sessions[i]), now);
      if (one < deadline) deadline = one;
    }
    tm_loop_arm(&worker->loop, deadline);
  }
  return NULL;
}
