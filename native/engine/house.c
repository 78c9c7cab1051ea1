// The housekeeping thread, no real-time one: writes files, frees what streams leave, tells that events wait.
#include "engine_private.h"
#include "clock.h"

enum { FLUSH_MS = 50 };

static void file_trouble(tm_stream *stream, const char *reason)
{
  tm_event event = {.kind = TM_EVENT_TROUBLE, .stream = stream->id};
  (void)tm_error_set(&event.error, TM_ENGINE_FILE, 0, "the sound file cannot be written: %s", reason);
  (void)tm_engine_emit(stream->engine, &event);
}

static void flush(tm_stream *stream)
{
  tm_status status = tm_sink_flush(&stream->sink);
  if (status != TM_OK) file_trouble(stream, tm_status_text(status));
  if (tm_sink_fell_behind(&stream->sink)) file_trouble(stream, "the disk is too slow, sound is missing");
}

// The last station of a stream: nobody but the control thread knows it afterwards, and that one frees it.
static void finish(tm_engine *engine, tm_stream *stream)
{
  tm_event closed = {.kind = TM_EVENT_CLOSED, .stream = stream->id};
  tm_worker_remove(&engine->house, stream);
  tm_status status = tm_sink_close(&stream->sink, engine->devices);
  if (status != TM_OK) file_trouble(stream, tm_status_text(status));
  tm_source_close(&stream->source, engine->devices);
  tm_socket_pair_close(&stream->sockets);
  // The one event that may not be lost. Somebody has to take events for the queue to have room.
  while (!tm_engine_emit(engine, &closed)) {
    struct timespec pause = tm_timespec(TM_NS_PER_MS);
    if (engine->options.notify) engine->options.notify(engine->options.context);
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
  }
}

static void obey(tm_engine *engine, const tm_command *command)
{
  switch (command->kind) {
    case TM_COMMAND_ADD: (void)tm_worker_add(&engine->house, command->stream); return;
    case TM_COMMAND_CLOSE: finish(engine, command->stream); return;
    case TM_COMMAND_DISCARD: tm_coding_destroy(command->discarded); return;
    case TM_COMMAND_QUIT: engine->house.quit = true; return;
    case TM_COMMAND_CONFIGURE:
    case TM_COMMAND_DTMF: return;
  }
}

void *tm_house_thread(void *context)
{
  tm_engine *engine = context;
  tm_worker *worker = &engine->house;
  struct epoll_event none[1];
  tm_command command;
  while (!worker->quit) {
    (void)tm_loop_wait(&worker->loop, none, 1);
    bool files = false;
    for (unsigned i = 0; i < worker->count; i++) {
      flush(worker->streams[i]);
      files = files || worker->streams[i]->sink.kind == TM_ENDPOINT_FILE;
    }
    while (tm_queue_pop(worker->commands, &command)) {
      obey(engine, &command);
      files = true;
    }
    if (atomic_exchange(&engine->events_wait, false) && engine->options.notify)
      engine->options.notify(engine->options.context);
    tm_loop_arm(&worker->loop, files ? tm_now_ns() + FLUSH_MS * TM_NS_PER_MS : TM_NEVER);
  }
  return NULL;
}
