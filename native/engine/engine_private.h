// The engine as its own files see it: threads, queues, the stream table.
#ifndef TM_ENGINE_PRIVATE_H
#define TM_ENGINE_PRIVATE_H

#include "device.h"
#include "engine.h"
#include "loop.h"
#include "queue.h"
#include "stream.h"
#include "thread.h"

typedef enum {
  TM_COMMAND_ADD,
  TM_COMMAND_CONFIGURE,
  TM_COMMAND_DTMF,
  TM_COMMAND_ATTACH,  // codec thread: another source or sink; from there to housekeeping: what was replaced
  TM_COMMAND_TONE,
  TM_COMMAND_VIDEO_SETUP,   // packet thread: a configuration, allocated
  TM_COMMAND_VIDEO_ATTACH,  // packet thread: other ends, allocated; from there to housekeeping: what was replaced
  TM_COMMAND_VIDEO_KEY,     // packet thread: somebody wants a key frame of the peer
  TM_COMMAND_MOVE,     // packet thread: other sockets, at another address of this host
  TM_COMMAND_CLOSE,
  TM_COMMAND_DISCARD,  // housekeeping: something that no one uses any more
  TM_COMMAND_QUIT,
} tm_command_kind;

typedef struct tm_command {
  tm_command_kind kind;
  tm_session *session;
  union {
    tm_packet_config packet;
    tm_codec_thread_config codec;
    tm_ends ends;
    struct tm_video_setup *video_setup;
    struct tm_video_ends *video_ends;
    struct {
      void (*destroy)(void *object);
      void *object;
    } discard;
    struct {
      char digits[TM_ENGINE_MAX_DIGITS + 1];
      uint32_t duration_ms, gap_ms;
    } dtmf;
    tm_progress_tone tone;
    tm_socket_pair sockets;
  };
} tm_command;

/** One thread: what it waits on, what it was asked, the sessions it serves. */
typedef struct {
  pthread_t thread;
  bool started, realtime, quit;
  tm_loop loop;
  tm_queue *commands;
  tm_session *sessions[TM_ENGINE_MAX_STREAMS];
  unsigned count;
} tm_worker;

struct tm_engine {
  tm_engine_options options;
  int64_t epoch_ns;
  tm_worker packet, codec, house;
  tm_queue *events;
  tm_device_pool *devices;
  tm_bridge_pool *bridges;
  struct tm_video_pool *cameras;
  atomic_bool ending;  // what measures gives up
  atomic_uint holds;   // until which the engine is not destroyed
  atomic_uint_fast64_t events_dropped, objects_leaked;
  atomic_bool events_wait;
  // control thread
  tm_session *sessions[TM_ENGINE_MAX_STREAMS];
  uint32_t generation;
  unsigned open;
};

void *tm_packet_thread(void *engine);
void *tm_codec_thread(void *engine);
void *tm_house_thread(void *engine);

/** Hands a command to a thread. False when its queue is full. Any thread, never waits. */
bool tm_worker_send(tm_worker *worker, const tm_command *command);
bool tm_worker_add(tm_worker *worker, tm_session *session);
void tm_worker_remove(tm_worker *worker, const tm_session *session);

/** Queues an event and wakes the housekeeping thread. False (and counted) when the queue is full. Any thread, never waits. */
bool tm_engine_emit(tm_engine *engine, const tm_event *event);
/**
 * Gives to the housekeeping thread what a real-time thread may not free. Never waits; its queue has room for all there can be at a time
 * (else the object is leaked, and counted).
 */
void tm_engine_discard(tm_engine *engine, void (*destroy)(void *object), void *object);
tm_device_pool *tm_engine_device_pool(tm_engine *engine);
tm_audio_pools tm_engine_audio_pools(const tm_engine *engine);
/** Control thread. NULL for an id that is not open, or (second one) is no audio stream. */
tm_session *tm_session_by_id(const tm_engine *engine, uint32_t id);
tm_stream *tm_stream_by_id(const tm_engine *engine, uint32_t id);
/** Control thread: the id that the next stream will have, 0 when no place is free. */
uint32_t tm_engine_next_id(tm_engine *engine);
/** Control thread: makes a stream known to the housekeeping and packet threads; from now on it ends by TM_COMMAND_CLOSE only. */
void tm_engine_adopt(tm_engine *engine, tm_session *session);
/** Control thread: asks the packet thread to close. Idempotent. LIMIT: its queue is full. */
tm_engine_status tm_session_close(tm_session *session);
/** Where the beats of a stream stand among those of others, from its id. */
int64_t tm_engine_phase_of(const tm_engine *engine, uint32_t id);

/** The beat after `now` of a stream. */
uint64_t tm_stream_beat_after(const tm_stream *stream, int64_t now);
static inline int64_t tm_stream_due(const tm_stream *stream, uint64_t unit)
{
  return stream->base_ns + (int64_t)unit * TM_UNIT_NS;
}

/** True when a packet starts with this beat; it ends with the one before the next. The same rule in both threads. */
static inline bool tm_packet_starts(uint64_t unit, const tm_packing *packing)
{
  return unit % packing->units == packing->phase;
}
static inline bool tm_packet_ends(uint64_t unit, const tm_packing *packing)
{
  return tm_packet_starts(unit + 1, packing);
}

#endif
