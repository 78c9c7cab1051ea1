// The packet thread: sockets and beats of all streams of every kind. Allocates nothing, waits for no lock.
#include "engine_private.h"
#include "clock.h"

enum {
  MAX_SOCKET_EVENTS = 64,
  RTCP_BIT = 1,
  CLOSE_RETRY_MS = 1,
};

static uint64_t tag_of(const tm_session *session, bool rtcp)
{
  return (uint64_t)session->id << 1 | (rtcp ? RTCP_BIT : 0);
}

static tm_session *by_id(const tm_worker *worker, uint32_t id)
{
  for (unsigned i = 0; i < worker->count; i++)
    if (worker->sessions[i]->id == id) return worker->sessions[i];
  return NULL;
}

// A socket that was flooded is listened to again with the next beat.
static void listen_again(tm_worker *worker, const tm_session *session, tm_intake *intake, bool rtcp, int64_t now)
{
  if (!intake->deaf || now < intake->refill_ns) return;
  intake->deaf = tm_loop_add(&worker->loop, rtcp ? session->sockets.rtcp : session->sockets.rtp, tag_of(session, rtcp)) != 0;
}

static void receive(tm_worker *worker, tm_session *session, bool rtcp)
{
  tm_intake *intake = rtcp ? &session->rtcp_intake : &session->rtp_intake;
  intake->deaf = !(rtcp ? tm_rtcp_receive(session) : tm_session_receive(session));
  if (intake->deaf) tm_loop_remove(&worker->loop, rtcp ? session->sockets.rtcp : session->sockets.rtp);
}

// A descriptor closes only once it is out of the loop, where the new one may get its number. What is told of the old ones in this turn
// is looked for at the new ones, where there is none: they do not block.
static void move(tm_worker *worker, tm_session *session, const tm_socket_pair *to, int64_t now)
{
  tm_socket_pair unused = *to;
  if (session->closing) {
    tm_socket_pair_close(&unused);
    return;
  }
  if (!session->rtp_intake.deaf) tm_loop_remove(&worker->loop, session->sockets.rtp);
  if (!session->rtcp_intake.deaf) tm_loop_remove(&worker->loop, session->sockets.rtcp);
  tm_session_adopt(session, to, now);
  (void)tm_loop_add(&worker->loop, session->sockets.rtp, tag_of(session, false));
  (void)tm_loop_add(&worker->loop, session->sockets.rtcp, tag_of(session, true));
}

static void begin_close(tm_worker *worker, tm_session *session, int64_t now)
{
  tm_rtcp_bye(session, now);
  tm_loop_remove(&worker->loop, session->sockets.rtp);
  tm_loop_remove(&worker->loop, session->sockets.rtcp);
  session->closing = true;
}

static void obey(tm_worker *worker, const tm_command *command, int64_t now)
{
  tm_session *session = command->session;
  switch (command->kind) {
    case TM_COMMAND_ADD:
      (void)tm_worker_add(worker, session);
      // A peer may well send before its answer is here (RFC 3264 5.1). Its first picture waits in the socket: without it nothing could be
      // shown until the next key frame. Sound that waits would only be late.
      if (session->kind->media == TM_MEDIA_VIDEO) {
        session->rtp_intake.deaf = true;
        session->rtp_intake.refill_ns = TM_NEVER;
      } else {
        (void)tm_loop_add(&worker->loop, session->sockets.rtp, tag_of(session, false));
      }
      (void)tm_loop_add(&worker->loop, session->sockets.rtcp, tag_of(session, true));
      return;
    case TM_COMMAND_MOVE: move(worker, session, &command->sockets, now); return;
    case TM_COMMAND_CLOSE: begin_close(worker, session, now); return;
    case TM_COMMAND_QUIT: worker->quit = true; return;
    case TM_COMMAND_DISCARD: return;
    default: session->kind->obey(session, command, now); return;
  }
}

static void beat(tm_worker *worker, tm_session *session, int64_t now)
{
  if (session->closing) return;
  session->kind->beat(session, now);
  tm_session_beat(session, now);
  tm_rtcp_beat(session, now);
  listen_again(worker, session, &session->rtp_intake, false, now);
  listen_again(worker, session, &session->rtcp_intake, true, now);
}

static int64_t earlier(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static int64_t deadline_of(const tm_session *session, int64_t now)
{
  if (session->closing) return now + CLOSE_RETRY_MS * TM_NS_PER_MS;
  int64_t deadline = session->kind->deadline(session, now);
  if (session->rtp_intake.deaf) deadline = earlier(deadline, session->rtp_intake.refill_ns);
  if (session->rtcp_intake.deaf) deadline = earlier(deadline, session->rtcp_intake.refill_ns);
  deadline = earlier(deadline, tm_session_deadline(session));
  return session->configured ? earlier(deadline, tm_rtcp_deadline(session)) : deadline;
}

// A stream leaves by way of the thread that comes next; its queue may be full for a moment.
static void pass_on_closed(tm_worker *worker)
{
  for (unsigned i = worker->count; i-- > 0;) {
    tm_session *session = worker->sessions[i];
    if (session->closing && session->kind->pass_on(session)) tm_worker_remove(worker, session);
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
    for (unsigned i = 0; i < worker->count; i++) beat(worker, worker->sessions[i], now);
    for (int i = 0; i < count; i++) {
      tm_session *session = by_id(worker, (uint32_t)(events[i].data.u64 >> 1));
      if (session) receive(worker, session, events[i].data.u64 & RTCP_BIT);
    }
    while (tm_queue_pop(worker->commands, &command)) obey(worker, &command, tm_now_ns());
    pass_on_closed(worker);
    now = tm_now_ns();
    int64_t deadline = TM_NEVER;
    for (unsigned i = 0; i < worker->count; i++) deadline = earlier(deadline, deadline_of(worker->sessions[i], now));
    tm_loop_arm(&worker->loop, deadline);
  }
  return NULL;
}
