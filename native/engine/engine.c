// The control side of the engine: what the one control thread calls.
#include "engine.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "engine_private.h"
#include "clock.h"

enum {
  COMMANDS = 1024,
  EVENTS = 1024,
  GENERATION_SHIFT = 8,  // TM_ENGINE_MAX_STREAMS slots below
  SLOT_MASK = TM_ENGINE_MAX_STREAMS - 1,
};

const char *tm_engine_status_text(tm_engine_status status)
{
  switch (status) {
    case TM_ENGINE_OK: return "ok";
    case TM_ENGINE_MEMORY: return "memory";
    case TM_ENGINE_THREAD: return "thread";
    case TM_ENGINE_LIMIT: return "limit";
    case TM_ENGINE_ARGUMENT: return "argument";
    case TM_ENGINE_ADDRESS: return "address";
    case TM_ENGINE_PORTS: return "ports";
    case TM_ENGINE_CODEC: return "codec";
    case TM_ENGINE_FILE: return "file";
    case TM_ENGINE_DEVICE: return "device";
  }
  return "unknown";
}

bool tm_worker_send(tm_worker *worker, const tm_command *command)
{
  if (!tm_queue_push(worker->commands, command)) return false;
  tm_loop_wake(&worker->loop);
  return true;
}

bool tm_worker_add(tm_worker *worker, tm_stream *stream)
{
  if (worker->count == TM_ENGINE_MAX_STREAMS) return false;
  worker->streams[worker->count++] = stream;
  return true;
}

void tm_worker_remove(tm_worker *worker, const tm_stream *stream)
{
  for (unsigned i = 0; i < worker->count; i++) {
    if (worker->streams[i] != stream) continue;
    worker->streams[i] = worker->streams[--worker->count];
    return;
  }
}

bool tm_engine_emit(tm_engine *engine, const tm_event *event)
{
  bool queued = tm_queue_push(engine->events, event);
  if (!queued) atomic_fetch_add(&engine->events_dropped, 1);
  if (!atomic_exchange(&engine->events_wait, true)) tm_loop_wake(&engine->house.loop);
  return queued;
}

tm_device_pool *tm_engine_device_pool(tm_engine *engine)
{
  return engine->devices;
}

uint64_t tm_stream_beat_after(const tm_stream *stream, int64_t now)
{
  int64_t since = now - stream->base_ns;
  return since < 0 ? 0 : (uint64_t)(since / TM_UNIT_NS) + 1;
}

static int worker_start(tm_engine *engine, tm_worker *worker, const char *name, int priority, void *(*body)(void *))
{
  worker->commands = tm_queue_create(COMMANDS, sizeof(tm_command));
  int error = worker->commands ? tm_loop_open(&worker->loop) : -ENOMEM;
  if (error) return error;
  error = tm_thread_start(&worker->thread, name, engine->options.realtime ? priority : TM_PRIORITY_NONE, body, engine,
                          &worker->realtime);
  worker->started = error == 0;
  return error;
}

static void worker_stop(tm_worker *worker)
{
  tm_command quit = {.kind = TM_COMMAND_QUIT};
  if (worker->started) {
    while (!tm_worker_send(worker, &quit)) tm_loop_wake(&worker->loop);
    pthread_join(worker->thread, NULL);
  }
  if (worker->commands) tm_loop_close(&worker->loop);
  tm_queue_destroy(worker->commands);
}

static void release(tm_engine *engine)
{
  worker_stop(&engine->packet);
  worker_stop(&engine->codec);
  worker_stop(&engine->house);
  tm_device_pool_destroy(engine->devices);
  tm_queue_destroy(engine->events);
  free(engine);
}

tm_engine *tm_engine_create(const tm_engine_options *options, tm_error *error)
{
  tm_engine *engine = calloc(1, sizeof *engine);
  if (!engine) {
    (void)tm_error_set(error, TM_ENGINE_MEMORY, 0, "no memory for the engine");
    return NULL;
  }
  engine->options = *options;
  engine->epoch_ns = tm_now_ns();
  engine->packet.loop = engine->codec.loop = engine->house.loop = (tm_loop){-1, -1, -1, TM_NEVER};
  engine->events = tm_queue_create(EVENTS, sizeof(tm_event));
  engine->devices = tm_device_pool_create(options->realtime);
  int code = engine->events && engine->devices ? 0 : -ENOMEM;
  if (!code) code = worker_start(engine, &engine->house, "tm-house", TM_PRIORITY_NONE, tm_house_thread);
  if (!code) code = worker_start(engine, &engine->codec, "tm-codec", TM_PRIORITY_CODEC, tm_codec_thread);
  if (!code) code = worker_start(engine, &engine->packet, "tm-packet", TM_PRIORITY_PACKET, tm_packet_thread);
  if (!code) return engine;
  (void)tm_error_set(error, TM_ENGINE_THREAD, code, "the engine's threads: %s", strerror(-code));
  release(engine);
  return NULL;
}

bool tm_engine_is_realtime(const tm_engine *engine)
{
  return engine->packet.realtime;
}

tm_stream *tm_stream_by_id(const tm_engine *engine, uint32_t id)
{
  tm_stream *stream = engine->streams[id & SLOT_MASK];
  return stream && stream->id == id ? stream : NULL;
}

// Beats of different streams are spread over the 20 ms (van der Corput), so that many streams do not all want to send at once.
static int64_t phase_of(unsigned slot)
{
  int64_t phase = 0, part = TM_UNIT_NS / 2;
  for (; slot > 0; slot >>= 1, part /= 2)
    if (slot & 1) phase += part;
  return phase;
}

static int free_slot(const tm_engine *engine)
{
  for (int i = 0; i < TM_ENGINE_MAX_STREAMS; i++)
    if (!engine->streams[i]) return i;
  return -1;
}

tm_engine_status tm_stream_open(tm_engine *engine, const tm_stream_options *options, uint32_t *id, tm_error *error)
{
  int slot = free_slot(engine);
  if (slot < 0) return tm_error_set(error, TM_ENGINE_LIMIT, 0, "%d streams are open already", TM_ENGINE_MAX_STREAMS);
  tm_error reason = {.status = TM_ENGINE_MEMORY};
  tm_stream *stream = tm_stream_create(engine, options, (uint32_t)slot | ++engine->generation << GENERATION_SHIFT, &reason);
  if (!stream) {
    if (error) *error = reason;
    return reason.status;
  }
  stream->base_ns = engine->epoch_ns + phase_of((unsigned)slot);
  tm_command add = {.kind = TM_COMMAND_ADD, .stream = stream};
  // House first: the others only know a stream that can be finished. Queues hold more than streams can fill.
  while (!tm_worker_send(&engine->house, &add)) sched_yield();
  while (!tm_worker_send(&engine->codec, &add)) sched_yield();
  while (!tm_worker_send(&engine->packet, &add)) sched_yield();
  engine->streams[slot] = stream;
  engine->open++;
  *id = stream->id;
  return TM_ENGINE_OK;
}

uint16_t tm_stream_port(const tm_engine *engine, uint32_t id)
{
  const tm_stream *stream = tm_stream_by_id(engine, id);
  return stream ? stream->port : 0;
}

tm_engine_status tm_stream_send_dtmf(tm_engine *engine, uint32_t id, const char *digits, uint32_t duration_ms,
                                     uint32_t gap_ms, tm_error *error)
{
  tm_stream *stream = tm_stream_by_id(engine, id);
  if (!stream || stream->close_asked) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "the stream is closed");
  if (!stream->has_dtmf) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "no telephone-event was negotiated");
  size_t length = strlen(digits);
  if (length == 0 || length > TM_ENGINE_MAX_DIGITS)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "1 to %d digits, not %zu", TM_ENGINE_MAX_DIGITS, length);
  for (size_t i = 0; i < length; i++)
    if (tm_dtmf_code(digits[i]) < 0) return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "no digit: '%c'", digits[i]);
  if (duration_ms > TM_DTMF_MAX_MS || gap_ms > TM_DTMF_MAX_MS)
    return tm_error_set(error, TM_ENGINE_ARGUMENT, 0, "longer than %d ms", TM_DTMF_MAX_MS);
  tm_command command = {.kind = TM_COMMAND_DTMF, .stream = stream, .dtmf = {.duration_ms = duration_ms, .gap_ms = gap_ms}};
  memcpy(command.dtmf.digits, digits, length + 1);
  if (tm_worker_send(&engine->packet, &command)) return TM_ENGINE_OK;
  return tm_error_set(error, TM_ENGINE_LIMIT, 0, "the packet thread's queue is full");
}

tm_engine_status tm_stream_close(tm_engine *engine, uint32_t id)
{
  tm_stream *stream = tm_stream_by_id(engine, id);
  if (!stream || stream->close_asked) return TM_ENGINE_OK;
  tm_command close = {.kind = TM_COMMAND_CLOSE, .stream = stream};
  if (!tm_worker_send(&engine->packet, &close)) return TM_ENGINE_LIMIT;
  stream->close_asked = true;
  return TM_ENGINE_OK;
}

bool tm_engine_next_event(tm_engine *engine, tm_event *event)
{
  if (!tm_queue_pop(engine->events, event)) return false;
  if (event->kind != TM_EVENT_CLOSED) return true;
  tm_stream *stream = tm_stream_by_id(engine, event->stream);
  if (stream) {
    engine->streams[event->stream & SLOT_MASK] = NULL;
    engine->open--;
    tm_stream_free(stream);
  }
  return true;
}

void tm_engine_destroy(tm_engine *engine)
{
  tm_event event;
  if (!engine) return;
  for (int i = 0; i < TM_ENGINE_MAX_STREAMS; i++)
    while (engine->streams[i] && tm_stream_close(engine, engine->streams[i]->id) != TM_ENGINE_OK) sched_yield();
  while (engine->open > 0) {
    struct timespec pause = tm_timespec(TM_NS_PER_MS);
    while (tm_engine_next_event(engine, &event)) continue;
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
  }
  release(engine);
}
