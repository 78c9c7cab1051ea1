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
  TM_COMMAND_CLOSE,
  TM_COMMAND_DISCARD,  // housekeeping: a coding that no one uses any more
  TM_COMMAND_QUIT,
} tm_command_kind;

typedef struct {
  tm_command_kind kind;
  tm_stream *stream;
  union {
    tm_packet_config packet;
    tm_codec_thread_config codec;
    tm_coding *discarded;
    struct {
      char digits[TM_ENGINE_MAX_DIGITS + 1];
      uint32_t duration_ms, gap_ms;
    } dtmf;
  };
} tm_command;

/** One thread: what it waits on, what it was asked, the streams it serves. */
typedef struct {
  pthread_t thread;
  bool started, realtime, quit;
  tm_loop loop;
  tm_queue *commands;
  tm_stream *streams[TM_ENGINE_MAX_STREAMS];
  unsigned count;
} tm_worker;

struct tm_engine {
  tm_engine_options options;
  int64_t epoch_ns;
  tm_worker packet, codec, house;
  tm_queue *events;
  tm_device_pool *devices;
  atomic_uint_fast64_t events_dropped, codings_leaked;
  atomic_bool events_wait;
  // control thread
  tm_stream *streams[TM_ENGINE_MAX_STREAMS];
  uint32_t generation;
  unsigned open;
};

void *tm_packet_thread(void *engine);
void *tm_codec_thread(void *engine);
void *tm_house_thread(void *engine);

/** Hands a command to a thread. False when its queue is full. Any thread, never waits. */
bool tm_worker_send(tm_worker *worker, const tm_command *command);
bool tm_worker_add(tm_worker *worker, tm_stream *stream);
void tm_worker_remove(tm_worker *worker, const tm_stream *stream);

/** Queues an event and wakes the housekeeping thread. False (and counted) when the queue is full. Any thread, never waits. */
bool tm_engine_emit(tm_engine *engine, const tm_event *event);
tm_device_pool *tm_engine_device_pool(tm_engine *engine);
/** Control thread. NULL for an id that is not open. */
tm_stream *tm_stream_by_id(const tm_engine *engine, uint32_t id);

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

// Packet thread, one stream at a time.
void tm_packet_configure(tm_stream *stream, const tm_packet_config *config, int64_t now);
void tm_packet_beat(tm_stream *stream, int64_t now);
/** Takes datagrams that wait, a few at a time. False: this beat has brought enough, listen again at the intake's refill_ns. */
bool tm_packet_receive(tm_stream *stream);
/** One datagram that came from `from`. */
void tm_packet_take(tm_stream *stream, const uint8_t *datagram, size_t octets, const tm_address *from, int64_t now);
void tm_packet_queue_dtmf(tm_stream *stream, const char *digits, uint32_t duration_ms, uint32_t gap_ms);
bool tm_rtcp_receive(tm_stream *stream);
/** One datagram out of at most `most` in a beat. False: none is left. */
bool tm_intake_take(tm_intake *intake, unsigned most, int64_t now);
void tm_rtcp_schedule(tm_stream *stream, int64_t now);
void tm_rtcp_beat(tm_stream *stream, int64_t now);
void tm_rtcp_bye(tm_stream *stream, int64_t now);

#endif
