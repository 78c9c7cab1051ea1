// The control side of the engine: what the one control thread calls.
#include "engine.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "engine_private.h"
#include "clock.h"
#include "video_source.h"

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

bool tm_worker_add(tm_worker *worker, tm_session *session)
{
  if (worker->count == TM_ENGINE_MAX_STREAMS) return false;
  worker->sessions[worker->count++] = session;
  return true;
}

void tm_worker_remove(tm_worker *worker, const tm_session *session)
{
  for (unsigned i = 0; i < worker->count; i++) {
    if (worker->sessions[i] != session) continue;
    worker->sessions[i] = worker->sessions[--worker->count];
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

void tm_engine_discard(tm_engine *engine, void (*destroy)(void *object), void *object)
{
  tm_command command = {.kind = TM_COMMAND_DISCARD, .discard = {.destroy = destroy, .object = object}};
  if (!tm_worker_send(&engine->house, &command)) atomic_fetch_add(&engine->objects_leaked, 1);
}

tm_device_pool *tm_engine_device_pool(tm_engine *engine)
{
  return engine->devices;
}

tm_audio_pools tm_engine_audio_pools(const tm_engine *engine)
{
  return (tm_audio_pools){.devices = engine->devices, .bridges = engine->bridges};
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
  tm_bridge_pool_destroy(engine->bridges);
  tm_video_pool_destroy(engine->cameras);
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
  engine->devices = tm_device_pool_create(options->realtime, &options->room);
  engine->cameras = tm_video_pool_create(NULL);
  if (engine->cameras && options->video_width && options->video_height)
    tm_video_pool_limit(engine->cameras, options->video_width, options->video_height);
  engine->bridges = tm_bridge_pool_create();
  int code = engine->events && engine->devices && engine->cameras && engine->bridges ? 0 : -ENOMEM;
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

tm_session *tm_session_by_id(const tm_engine *engine, uint32_t id)
{
  tm_session *session = engine->sessions[id & SLOT_MASK];
  return session && session->id == id ? session : NULL;
}

tm_stream *tm_stream_by_id(const tm_engine *engine, uint32_t id)
{
  tm_session *session = tm_session_by_id(engine, id);
  return session && session->kind->media == TM_MEDIA_AUDIO ? tm_stream_of(session) : NULL;
}

// Beats of different streams are spread over the 20 ms (van der Corput), so that many streams do not all want to send at once.
int64_t tm_engine_phase_of(const tm_engine *engine, uint32_t id)
{
  int64_t phase = engine->epoch_ns, part = TM_UNIT_NS / 2;
  for (unsigned slot = id & SLOT_MASK; slot > 0; slot >>= 1, part /= 2)
    if (slot & 1) phase += part;
  return phase;
}

uint32_t tm_engine_next_id(tm_engine *engine)
{
  for (uint32_t slot = 0; slot < TM_ENGINE_MAX_STREAMS; slot++)
    if (!engine->sessions[slot]) return slot | ++engine->generation << GENERATION_SHIFT;
  return 0;
}

void tm_engine_adopt(tm_engine *engine, tm_session *session)
{
  tm_command add = {.kind = TM_COMMAND_ADD, .session = session};
  // House first: the others only know a stream that can be finished. Queues hold more than streams can fill.
  while (!tm_worker_send(&engine->house, &add)) sched_yield();
  if (session->kind->media == TM_MEDIA_AUDIO)
    while (!tm_worker_send(&engine->codec, &add)) sched_yield();
  while (!tm_worker_send(&engine->packet, &add)) sched_yield();
  engine->sessions[session->id & SLOT_MASK] = session;
  engine->open++;
}

tm_engine_status tm_session_close(tm_session *session)
{
  tm_command close = {.kind = TM_COMMAND_CLOSE, .session = session};
  if (session->close_asked) return TM_ENGINE_OK;
  if (!tm_worker_send(&session->engine->packet, &close)) return TM_ENGINE_LIMIT;
  session->close_asked = true;
  return TM_ENGINE_OK;
}

bool tm_engine_next_event(tm_engine *engine, tm_event *event)
{
  if (!tm_queue_pop(engine->events, event)) return false;
  if (event->kind != TM_EVENT_CLOSED) return true;
  tm_session *session = tm_session_by_id(engine, event->stream);
  if (session) {
    engine->sessions[event->stream & SLOT_MASK] = NULL;
    engine->open--;
    session->kind->free(session);
  }
  return true;
}

tm_engine_status tm_engine_measure_delay(tm_engine *engine, const char *capture, const char *playback, tm_delay_measure *result,
                                         tm_error *error)
{
  return tm_device_measure(engine->devices, capture, playback, &engine->ending, result, error);
}

void tm_engine_hold(tm_engine *engine)
{
  atomic_fetch_add(&engine->holds, 1);
}

void tm_engine_release(tm_engine *engine)
{
  atomic_fetch_sub(&engine->holds, 1);
}

tm_engine_status tm_engine_set_delay(tm_engine *engine, int delay_ms)
{
  if (delay_ms < TM_ROOM_DELAY_UNKNOWN || delay_ms > TM_ROOM_MAX_DELAY_MS) return TM_ENGINE_ARGUMENT;
  tm_device_pool_set_delay(engine->devices, delay_ms);
  return TM_ENGINE_OK;
}

void tm_engine_destroy(tm_engine *engine)
{
  tm_event event;
  if (!engine) return;
  atomic_store(&engine->ending, true);
  while (atomic_load(&engine->holds) > 0) {
    struct timespec pause = tm_timespec(TM_NS_PER_MS);
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
  }
  for (int i = 0; i < TM_ENGINE_MAX_STREAMS; i++)
    while (engine->sessions[i] && tm_session_close(engine->sessions[i]) != TM_ENGINE_OK) sched_yield();
  while (engine->open > 0) {
    struct timespec pause = tm_timespec(TM_NS_PER_MS);
    while (tm_engine_next_event(engine, &event)) continue;
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
  }
  release(engine);
}
