// The packet thread: sockets and beats of all streams. Allocates nothing, waits for no lock.
#include "engine_private.h"
#include "clock.h"

enum {
  MAX_SOCKET_EVENTS = 64,
  RTCP_BIT = 1,
  CLOSE_RETRY_MS = 1,
};

static uint64_t tag_of(const tm_stream *stream, bool rtcp)
{
  return (uint64_t)stream->id << 1 | (rtcp ? RTCP_BIT : 0);
}

static tm_stream *by_id(const tm_worker *worker, uint32_t id)
{
  for (unsigned i = 0; i < worker->count; i++)
    if (worker->streams[i]->id == id) return worker->streams[i];
  return NULL;
}

// A socket that was flooded is listened to again with the next beat.
static void listen_again(tm_worker *worker, const tm_stream *stream, tm_intake *intake, bool rtcp, int64_t now)
{
  if (!intake->deaf || now < intake->refill_ns) return;
  intake->deaf = tm_loop_add(&worker->loop, rtcp ? stream->sockets.rtcp : stream->sockets.rtp, tag_of(stream, rtcp)) != 0;
}

static void receive(tm_worker *worker, tm_stream *stream, bool rtcp)
{
  tm_intake *intake = rtcp ? &stream->packet.rtcp_intake : &stream->packet.rtp_intake;
  intake->deaf = !(rtcp ? tm_rtcp_receive(stream) : tm_packet_receive(stream));
  if (intake->deaf) tm_loop_remove(&worker->loop, rtcp ? stream->sockets.rtcp : stream->sockets.rtp);
}

static void begin_close(tm_worker *worker, tm_stream *stream, int64_t now)
{
  tm_rtcp_bye(stream, now);
  tm_loop_remove(&worker->loop, stream->sockets.rtp);
  tm_loop_remove(&worker->loop, stream->sockets.rtcp);
  stream->packet.closing = true;
}

static void obey(tm_worker *worker, const tm_command *command, int64_t now)
{
  tm_stream *stream = command->stream;
  switch (command->kind) {
    case TM_COMMAND_ADD:
      (void)tm_worker_add(worker, stream);
      (void)tm_loop_add(&worker->loop, stream->sockets.rtp, tag_of(stream, false));
      (void)tm_loop_add(&worker->loop, stream->sockets.rtcp, tag_of(stream, true));
      return;
    case TM_COMMAND_CONFIGURE: tm_packet_configure(stream, &command->packet, now); return;
    case TM_COMMAND_DTMF:
      tm_packet_queue_dtmf(stream, command->dtmf.digits, command->dtmf.duration_ms, command->dtmf.gap_ms);
      return;
    case TM_COMMAND_CLOSE: begin_close(worker, stream, now); return;
    case TM_COMMAND_QUIT: worker->quit = true; return;
    case TM_COMMAND_DISCARD: return;
  }
}

static void beat(tm_worker *worker, tm_stream *stream, int64_t now)
{
  tm_dtmf_change change;
  tm_packet_side *side = &stream->packet;
  if (side->closing) return;
  tm_packet_beat(stream, now);
  tm_rtcp_beat(stream, now);
  listen_again(worker, stream, &side->rtp_intake, false, now);
  listen_again(worker, stream, &side->rtcp_intake, true, now);
  if (side->dtmf_in.active && tm_dtmf_receiver_tick(&side->dtmf_in, (uint64_t)(now / TM_NS_PER_US), &change)) {
    tm_event event = {.kind = TM_EVENT_DTMF,
                      .stream = stream->id,
                      .digit = tm_dtmf_digit(change.code),
                      .duration_ms = change.duration_ms};
    tm_count(&stream->counters.dtmf_received, 1);
    (void)tm_engine_emit(stream->engine, &event);
  }
}

static int64_t earlier(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static int64_t deadline_of(const tm_stream *stream, int64_t now)
{
  const tm_packet_side *side = &stream->packet;
  if (side->closing) return now + CLOSE_RETRY_MS * TM_NS_PER_MS;
  int64_t deadline = TM_NEVER;
  if (side->rtp_intake.deaf) deadline = earlier(deadline, side->rtp_intake.refill_ns);
  if (side->rtcp_intake.deaf) deadline = earlier(deadline, side->rtcp_intake.refill_ns);
  if (!side->configured) return deadline;
  deadline = earlier(deadline, earlier(side->next_rtcp_ns, side->retry_ns));
  if (side->config.send) deadline = earlier(deadline, tm_stream_due(stream, side->next_unit));
  if (side->dtmf_in.active) deadline = earlier(deadline, now + TM_UNIT_NS);
  return deadline;
}

// A stream leaves by way of the codec thread; its queue may be full for a moment.
static void pass_on_closed(tm_engine *engine, tm_worker *worker)
{
  for (unsigned i = worker->count; i-- > 0;) {
    tm_stream *stream = worker->streams[i];
    tm_command close = {.kind = TM_COMMAND_CLOSE, .stream = stream};
    if (stream->packet.closing && tm_worker_send(&engine->codec, &close)) tm_worker_remove(worker, stream);
  }
}

void *tm_packet_thread(void *context)
{
  tm_engine *engine = context;
  tm_worker *worker = &engine->packet;
  struct epoll_event events[MAX_SOCKET_EVENTS];
  tm_command command;
  while (!worker->quit) {
    int count = tm_loop_wait(&worker->loop, events, MAX_SOCKET_EVENTS);
    int64_t now = tm_now_ns();
    // Beats first: a packet that comes can wait, one that goes cannot.
    for (unsigned i = 0; i < worker->count; i++) beat(worker, worker->streams[i], now);
    for (int i = 0; i < count; i++) {
      tm_stream *stream = by_id(worker, (uint32_t)(events[i].data.u64 >> 1));
      if (stream) receive(worker, stream, events[i].data.u64 & RTCP_BIT);
    }
    while (tm_queue_pop(worker->commands, &command)) obey(worker, &command, tm_now_ns());
    pass_on_closed(engine, worker);
    now = tm_now_ns();
    int64_t deadline = TM_NEVER;
    for (unsigned i = 0; i < worker->count; i++) deadline = earlier(deadline, deadline_of(worker->streams[i], now));
    tm_loop_arm(&worker->loop, deadline);
  }
  return NULL;
}
