// Control side: a snapshot of a stream's counters.
#include "engine_private.h"
#include "quality.h"

static double share(uint64_t part, uint64_t whole)
{
  return whole > 0 ? (double)part / (double)whole : 0;
}

static void add_quality(const tm_stream *stream, tm_stream_stats *stats)
{
  tm_heard here;
  tm_heard_far there;
  tm_quality_here(stream, &here);
  tm_quality_there(stream, &there);
  const tm_burst_totals *bursts = &here.bursts;
  stats->delay_ms = here.heard ? here.delay_ms : -1;
  stats->r_local = here.heard ? here.rating.r_conversation : -1;
  stats->mos_local = here.heard ? here.rating.mos_conversation : -1;
  stats->mos_far = there.mos;
  stats->far_discard = there.discard;
  stats->far_playout_ms = there.playout_ms;
  stats->bursts = bursts->bursts;
  stats->burst_density = share(bursts->burst_impaired, bursts->burst_packets);
  stats->gap_density = share(bursts->impaired - bursts->burst_impaired, bursts->packets - bursts->burst_packets);
}

#define READ(name) atomic_load_explicit(&counters->name, memory_order_relaxed)
#define OWN(name) atomic_load_explicit(&own->name, memory_order_relaxed)

tm_engine_status tm_stream_stats_get(const tm_engine *engine, uint32_t id, tm_stream_stats *stats)
{
  const tm_stream *stream = tm_stream_by_id(engine, id);
  if (!stream) return TM_ENGINE_ARGUMENT;
  const tm_counters *own = &stream->counters;
  const tm_session_counters *counters = &stream->session.counters;
  int_fast64_t rtt = READ(rtt_us), loss = READ(far_loss_256);
  *stats = (tm_stream_stats){
      .packets_sent = READ(packets_sent),
      .octets_sent = READ(octets_sent),
      .packets_received = READ(packets_received),
      .octets_received = READ(octets_received),
      .packets_lost = READ(packets_lost),
      .packets_late = OWN(packets_late),
      .packets_discarded = READ(packets_discarded) + OWN(codec_discarded),
      .rtcp_sent = READ(rtcp_sent),
      .rtcp_received = READ(rtcp_received),
      .concealed_ms = OWN(concealed_us) / 1000,
      .ticks_missed = OWN(ticks_missed),
      .send_errors = READ(send_errors),
      .dtmf_sent = OWN(dtmf_sent),
      .dtmf_received = OWN(dtmf_received),
      .srtp_failures = READ(srtp_failures),
      .srtp_suite = tm_session_suite(&stream->session),
      .keepalives_sent = READ(keepalives_sent),
      .jitter_ms = (double)READ(jitter_us) / 1000.0,
      .playout_ms = (double)OWN(playout_us) / 1000.0,
      .rtt_ms = rtt < 0 ? -1.0 : (double)rtt / 1000.0,
      .far_loss = loss < 0 ? -1.0 : (double)loss / 256.0,
      .level_in_dbov = (double)OWN(level_in_centi) / 100.0,
      .level_out_dbov = (double)OWN(level_out_centi) / 100.0,
      .echo_known = OWN(echo_known),
      .erl_db = (double)OWN(erl_centi) / 100.0,
      .erle_db = (double)OWN(erle_centi) / 100.0,
      .echo_delay_ms = (int)OWN(echo_delay_ms),
      .ssrc = stream->session.ssrc,
      .remote_ssrc = (uint32_t)READ(remote_ssrc),
  };
  add_quality(stream, stats);
  return TM_ENGINE_OK;
}
