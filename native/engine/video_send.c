// Packet thread, video out: paced packets, key frames when the peer needs them (RFC 4585, RFC 5104), rate.
#include <string.h>

#include "clock.h"
#include "engine_private.h"
#include "tm_feedback.h"
#include "video_stream.h"

enum {
  REPEAT_AFTER_MS = 50,  // a first key frame that left so long before the peer was heard may have met a closed path
  RESEND_SPACING_MS = 10,
  ASK_AGAIN_MS = 1000,   // a source that gave no key frame is asked again
  TMMBN_SPACING_MS = 100,  // between two answers: many requests do not make a storm
};

void tm_video_apply_rate(tm_video_stream *stream)
{
  uint32_t target = tm_rate_target(&stream->rate);
  atomic_store_explicit(&stream->counters.target_bps, target, memory_order_relaxed);
  if (!stream->feed) return;
  atomic_store_explicit(&stream->feed->port.rate_bps, target, memory_order_relaxed);
  atomic_store_explicit(&stream->feed->port.paused, tm_rate_paused(&stream->rate), memory_order_relaxed);
}

static void keep(tm_video_stream *stream, const tm_rtp_packet *packet, int64_t now)
{
  if (!stream->cache) return;
  tm_video_cached *cached = &stream->cache[packet->sequence % TM_VIDEO_CACHED];
  cached->sequence = packet->sequence;
  cached->used = true;
  cached->sent_ns = now;
  cached->packet = *packet;
  size_t extension = packet->has_extension ? packet->extension_bytes : 0;
  if (extension > 0) memcpy(cached->data, packet->extension, extension);
  memcpy(cached->data + extension, packet->payload, packet->payload_bytes);
  cached->packet.extension = cached->data;
  cached->packet.payload = cached->data + extension;
}

void tm_video_resend(tm_video_stream *stream, uint16_t sequence, int64_t now)
{
  if (!stream->cache) return;
  tm_video_cached *cached = &stream->cache[sequence % TM_VIDEO_CACHED];
  // Asked for twice in one breath: it is on its way.
  if (!cached->used || cached->sequence != sequence || now - cached->sent_ns < RESEND_SPACING_MS * TM_NS_PER_MS) return;
  cached->sent_ns = now;
  if (tm_session_send_again(&stream->session, &cached->packet)) tm_count(&stream->counters.retransmitted, 1);
}

static void account(tm_video_stream *stream, const tm_video_record *record, int64_t now)
{
  if (!record->marker) return;
  tm_keyframe_sender_sent(&stream->maker, record->key, record->sets, record->new_sets, tm_video_us(now));
  tm_count(&stream->counters.frames_sent, 1);
  if (!record->key) return;
  tm_count(&stream->counters.key_frames_sent, 1);
  stream->key_asked = false;
  stream->key_sent_ns = now;
}

static void send_due(tm_video_stream *stream, int64_t now)
{
  uint8_t data[TM_CVO_EXTENSION_BYTES + TM_MAX_SENT_PAYLOAD];
  tm_video_record record;
  tm_rtp_packet packet;
  while (tm_video_port_take(&stream->feed->port, now, &record, &packet, data, sizeof data)) {
    if (!stream->session.configured || !stream->session.config.send) continue;
    // All packets of a picture bear one timestamp, whatever happens to the timeline between them.
    if (record.first) stream->frame_timestamp = tm_session_timestamp_at(&stream->session, record.time_ns);
    packet.timestamp = stream->frame_timestamp;
    packet.payload_type = stream->setup->payload_type;
    if (!tm_session_send(&stream->session, &packet)) continue;
    keep(stream, &packet, now);
    account(stream, &record, now);
  }
}

// MD-2.9.1f: who was not heard yet may not be reachable yet. The first sign of life makes the first key frame go out again.
static void greet(tm_video_stream *stream, int64_t now)
{
  if (stream->far_heard || tm_video_heard(stream) == stream->heard_before) return;
  stream->far_heard = true;
  if (stream->key_sent_ns == 0 || now - stream->key_sent_ns < REPEAT_AFTER_MS * TM_NS_PER_MS) return;
  tm_keyframe_sender_restart(&stream->maker);
}

void tm_video_expect_key(tm_video_stream *stream, int64_t now)
{
  stream->key_asked = true;
  stream->key_asked_ns = now;
}

void tm_video_serve_keys(tm_video_stream *stream, int64_t now)
{
  if (!stream->feed || !stream->setup) return;
  bool waiting = stream->key_asked && now - stream->key_asked_ns < ASK_AGAIN_MS * TM_NS_PER_MS;
  if (!waiting && tm_keyframe_sender_key_due(&stream->maker, tm_video_us(now))) {
    tm_video_expect_key(stream, now);
    tm_video_port_ask_key(&stream->feed->port);
  }
  if (tm_keyframe_sender_sets_due(&stream->maker, tm_video_us(now)))
    atomic_store_explicit(&stream->feed->port.sets_wanted, true, memory_order_relaxed);
}

void tm_video_send_beat(tm_video_stream *stream, int64_t now)
{
  if (!stream->feed) return;
  send_due(stream, now);
  if (!stream->session.configured || !stream->session.config.send) return;
  greet(stream, now);
  tm_video_serve_keys(stream, now);
}

static void take_nack(tm_video_stream *stream, const tm_feedback *feedback, int64_t now)
{
  uint16_t sequences[TM_VIDEO_CACHED];
  if (feedback->media_ssrc != stream->session.ssrc) return;
  tm_count(&stream->counters.nack_received, 1);
  size_t count = tm_feedback_nack_list(feedback, sequences, TM_VIDEO_CACHED);
  for (size_t i = 0; i < count; i++) tm_video_resend(stream, sequences[i], now);
}

size_t tm_video_build_bound(tm_video_stream *stream, uint8_t *out, size_t capacity)
{
  tm_bitrate_bound set[TM_RATE_OWNERS];
  size_t octets = 0, count = tm_rate_bounding_set(&stream->rate, set);
  if (!stream->setup->tmmbr ||
      tm_feedback_build_bounds(TM_FEEDBACK_TMMBN, stream->session.ssrc, set, count, out, capacity, &octets) != TM_OK)
    return 0;
  return octets;
}

void tm_video_tell_bound(tm_video_stream *stream, int64_t now)
{
  if (!stream->bound_untold || now < stream->bound_due_ns) return;
  stream->bound_untold = false;
  stream->bound_due_ns = now + TMMBN_SPACING_MS * TM_NS_PER_MS;
  uint8_t out[TM_MAX_FEEDBACK];
  size_t octets = tm_video_build_bound(stream, out, sizeof out);
  if (octets > 0 && tm_rtcp_feedback(&stream->session, out, octets, false, now) == TM_FEEDBACK_WAITS) stream->owes_bound = true;
}

static void notify_bound(tm_video_stream *stream, int64_t now)
{
  stream->bound_untold = true;
  tm_video_tell_bound(stream, now);
}

static void take_bound(tm_video_stream *stream, const tm_feedback *feedback, int64_t now)
{
  tm_bitrate_bound bound;
  if (!tm_feedback_bound_for(feedback, stream->session.ssrc, &bound)) return;
  tm_count(&stream->counters.tmmbr_received, 1);
  (void)tm_rate_bound(&stream->rate, feedback->sender_ssrc, &bound);
  tm_video_apply_rate(stream);
  notify_bound(stream, now);
}

void tm_video_left(tm_session *session, uint32_t ssrc, int64_t now)
{
  tm_video_stream *stream = tm_video_of(session);
  if (!tm_rate_forget(&stream->rate, ssrc)) return;
  tm_video_apply_rate(stream);
  notify_bound(stream, now);
}

void tm_video_feedback(tm_session *session, const tm_rtcp_packet *packet, int64_t now)
{
  tm_video_stream *stream = tm_video_of(session);
  tm_feedback feedback;
  uint8_t number = 0;
  if (tm_feedback_read(packet, &feedback) != TM_OK) {
    tm_count(&session->counters.packets_discarded, 1);
    return;
  }
  switch (feedback.kind) {
    case TM_FEEDBACK_NACK: take_nack(stream, &feedback, now); break;
    case TM_FEEDBACK_TMMBR: take_bound(stream, &feedback, now); break;
    case TM_FEEDBACK_PLI:
      if (feedback.media_ssrc != session->ssrc) break;
      tm_count(&stream->counters.pli_received, 1);
      (void)tm_keyframe_sender_pli(&stream->maker, tm_video_us(now));
      break;
    case TM_FEEDBACK_FIR:
      if (!tm_feedback_fir_for(&feedback, session->ssrc, &number)) break;
      tm_count(&stream->counters.fir_received, 1);
      (void)tm_keyframe_sender_fir(&stream->maker, feedback.sender_ssrc, number, tm_video_us(now));
      break;
    case TM_FEEDBACK_TMMBN:
    case TM_FEEDBACK_SLI:
    case TM_FEEDBACK_OTHER: break;
  }
  tm_video_serve_keys(stream, now);
}

void tm_video_report(tm_session *session, const tm_rtcp_report *report, int64_t now)
{
  tm_video_stream *stream = tm_video_of(session);
  int64_t rtt = atomic_load_explicit(&session->counters.rtt_us, memory_order_relaxed);
  if (rtt >= 0) {
    tm_keyframe_set_rtt(&stream->asker, (uint32_t)rtt);
    tm_keyframe_sender_set(&stream->maker, (uint32_t)rtt, stream->setup->frame_us);
  }
  tm_rate_loss(&stream->rate, report->fraction_lost, tm_video_us(now));
  tm_video_apply_rate(stream);
}
