// Packet thread: a video stream's commands and moments.
#include "clock.h"
#include "engine_private.h"
#include "video_stream.h"

enum { KEY_POLL_US = 20000 };

uint64_t tm_video_heard(const tm_video_stream *stream)
{
  const tm_session_counters *counters = &stream->session.counters;
  return atomic_load_explicit(&counters->packets_received, memory_order_relaxed) +
         atomic_load_explicit(&counters->packets_discarded, memory_order_relaxed);
}

static void take_over(tm_video_stream *stream, tm_video_setup *setup)
{
  tm_h264_depay *old = NULL;
  if (setup->depay) {
    old = stream->depay;
    stream->depay = setup->depay;
  }
  setup->depay = old;  // leaves with the setup
  if (setup->cache) stream->cache = setup->cache;
  setup->cache = NULL;
  for (size_t i = 0; i < setup->sets.count; i++) {
    (void)tm_h264_depay_note_set(stream->depay, setup->sets.sets[i].data, setup->sets.sets[i].bytes);
    (void)tm_parameter_sets_note(&stream->sets, setup->sets.sets[i].data, setup->sets.sets[i].bytes, NULL);
  }
  tm_video_note_size(stream);
}

static void set_up(tm_video_stream *stream, tm_video_setup *setup, int64_t now)
{
  tm_video_setup *old = stream->setup;
  tm_session *session = &stream->session;
  bool first = !old, moved = first || !tm_address_equal(&session->config.remote, &setup->session.remote);
  bool begins = first || moved || !session->config.send;
  take_over(stream, setup);
  tm_session_configure(session, &setup->session, now);
  setup->session.further = NULL;  // the session's now
  if (moved) {
    stream->far_heard = false;
    stream->heard_before = tm_video_heard(stream);
    tm_rate_forget_all(&stream->rate);
  }
  if (first) {
    tm_keyframe_receiver_init(&stream->asker, &setup->asks);
    (void)tm_rate_init(&stream->rate, &setup->rate);
  } else {
    tm_keyframe_receiver_set(&stream->asker, &setup->asks);
    (void)tm_rate_configure(&stream->rate, &setup->rate);
  }
  if (begins) {
    tm_keyframe_sender_init(&stream->maker, setup->frame_us);
    stream->key_sent_ns = 0;
    tm_video_expect_key(stream, now);
  }
  stream->setup = setup;
  tm_h264_depay_set_wait(stream->depay, tm_keyframe_wait_us(&stream->asker));
  tm_video_apply_rate(stream);
  if (old) tm_engine_discard(session->engine, tm_video_setup_free, old);
}

// The packets of the old source that wait go with it; the new one begins with a key frame.
static void attach(tm_video_stream *stream, tm_video_ends *ends, int64_t now)
{
  tm_command replaced = {.kind = TM_COMMAND_VIDEO_ATTACH, .session = &stream->session, .video_ends = ends};
  if (ends->has_feed) {
    tm_video_feed *old = stream->feed;
    stream->feed = ends->feed;
    ends->feed = old;
    tm_video_expect_key(stream, now);
    tm_keyframe_sender_restart(&stream->maker);
    if (stream->setup) tm_video_apply_rate(stream);
  }
  if (ends->has_sink) {
    ends->new_sink = ends->sink;
    ends->sink = stream->sink;
    stream->sink = ends->new_sink;
  }
  if (!tm_worker_send(&stream->session.engine->house, &replaced)) atomic_fetch_add(&stream->session.engine->objects_leaked, 1);
}

void tm_video_obey(tm_session *session, const tm_command *command, int64_t now)
{
  tm_video_stream *stream = tm_video_of(session);
  if (command->kind == TM_COMMAND_VIDEO_SETUP) set_up(stream, command->video_setup, now);
  if (command->kind == TM_COMMAND_VIDEO_ATTACH) attach(stream, command->video_ends, now);
  if (command->kind == TM_COMMAND_VIDEO_KEY && session->configured) {
    tm_keyframe_ask ask = tm_keyframe_wanted(&stream->asker, tm_video_us(now));
    tm_video_act(stream, &ask, now);
  }
}

void tm_video_beat(tm_session *session, int64_t now)
{
  tm_video_stream *stream = tm_video_of(session);
  tm_video_send_beat(stream, now);
  if (!session->configured) return;
  tm_video_tell_bound(stream, now);
  tm_video_receive_beat(stream, now);
}

static int64_t sooner(int64_t at, uint64_t us)
{
  if (us >= (uint64_t)(INT64_MAX / TM_NS_PER_US)) return at;
  int64_t ns = (int64_t)us * TM_NS_PER_US;
  return ns < at ? ns : at;
}

int64_t tm_video_deadline(const tm_session *session, int64_t now)
{
  const tm_video_stream *stream = tm_video_const_of(session);
  int64_t at = stream->feed ? tm_video_port_due(&stream->feed->port) : TM_NEVER;
  if (!session->configured) return at;
  // A key frame that was asked for too soon after another one.
  if (stream->feed && stream->maker.pending && !stream->key_asked)
    at = sooner(at, tm_video_us(now) + KEY_POLL_US);
  if (stream->bound_untold && stream->bound_due_ns < at) at = stream->bound_due_ns;
  if (!session->config.receive) return at;
  at = sooner(at, tm_h264_depay_due_us(stream->depay));
  return sooner(at, tm_keyframe_due_us(&stream->asker));
}
