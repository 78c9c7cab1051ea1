// Control side: a snapshot of a video stream's counters.
#include "engine_private.h"
#include "tm_cvo.h"
#include "video_stream.h"

#define READ(name) atomic_load_explicit(&counters->name, memory_order_relaxed)

static uint64_t missed(const tm_video_stream *stream)
{
  return atomic_load_explicit(&stream->pictures.missed, memory_order_relaxed);
}

static void read_session(const tm_session *session, tm_video_stats *stats)
{
  const tm_session_counters *counters = &session->counters;
  int_fast64_t rtt = READ(rtt_us), loss = READ(far_loss_256);
  stats->packets_sent = READ(packets_sent);
  stats->octets_sent = READ(octets_sent);
  stats->packets_received = READ(packets_received);
  stats->octets_received = READ(octets_received);
  stats->packets_lost = READ(packets_lost);
  stats->packets_discarded = READ(packets_discarded);
  stats->rtcp_sent = READ(rtcp_sent);
  stats->rtcp_received = READ(rtcp_received);
  stats->send_errors = READ(send_errors);
  stats->keepalives_sent = READ(keepalives_sent);
  stats->srtp_failures = READ(srtp_failures);
  stats->srtp_suite = tm_session_suite(session);
  stats->jitter_ms = (double)READ(jitter_us) / 1000.0;
  stats->rtt_ms = rtt < 0 ? -1.0 : (double)rtt / 1000.0;
  stats->far_loss = loss < 0 ? -1.0 : (double)loss / 256.0;
  stats->ssrc = session->ssrc;
  stats->remote_ssrc = (uint32_t)READ(remote_ssrc);
}

static void read_source(const tm_video_stream *stream, tm_video_stats *stats)
{
  if (!stream->control_feed) return;
  const tm_video_port *counters = &stream->control_feed->port;
  stats->frames_not_sent = READ(frames_dropped);
  stats->sent_width = (uint32_t)READ(width);
  stats->sent_height = (uint32_t)READ(height);
}

tm_engine_status tm_video_stats_get(const tm_engine *engine, uint32_t id, tm_video_stats *stats)
{
  const tm_video_stream *stream = tm_video_by_id(engine, id);
  if (!stream) return TM_ENGINE_ARGUMENT;
  const tm_video_counters *counters = &stream->counters;
  tm_orientation orientation;
  int_fast64_t first = READ(first_frame_us);
  tm_cvo_unpack((uint8_t)READ(orientation), &orientation);
  *stats = (tm_video_stats){.frames_sent = READ(frames_sent),
                            .key_frames_sent = READ(key_frames_sent),
                            .frames_received = READ(frames_received),
                            .key_frames_received = READ(key_frames_received),
                            .frames_dropped = READ(frames_dropped),
                            .frames_missed = missed(stream),
                            .fir_sent = READ(fir_sent),
                            .fir_received = READ(fir_received),
                            .pli_sent = READ(pli_sent),
                            .pli_received = READ(pli_received),
                            .nack_sent = READ(nack_sent),
                            .nack_received = READ(nack_received),
                            .tmmbr_received = READ(tmmbr_received),
                            .retransmitted = READ(retransmitted),
                            .first_frame_ms = first < 0 ? -1.0 : (double)first / 1000.0,
                            .target_bps = (uint32_t)READ(target_bps),
                            .width = (uint32_t)READ(width),
                            .height = (uint32_t)READ(height),
                            .rotation = orientation.rotation,
                            .mirrored = orientation.mirrored};
  read_session(&stream->session, stats);
  read_source(stream, stats);
  return TM_ENGINE_OK;
}
