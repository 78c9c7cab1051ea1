// Quality of an audio stream from its counters, and RFC 3611 4.7 of both ends.
#include "quality.h"

#include <math.h>

#include "tm_xr.h"

enum {
  SINK_MS = TM_UNIT_MS,        // what waits in a sound device
  USUAL_PLAYOUT_MS = 40,       // of a peer that does not tell
  ADJUSTMENT = 15,             // RFC 3611 4.7.7: 30 packets of 20 ms from 30 to 100 ms of jitter
  LARGEST_PLAYOUT_MS = 400,    // the jitter buffer's default
  MOS_TENTHS = 10,
  SILENCE_DBOV = -127,
};
static const double US_IN_MS = 1000;
static const double LOSS_UNITS = 256;
static const double DBM0_OF_DBOV = 6.15;  // G.711: a full-scale sine is 3.14 dBm0, -3.01 dBov

#define READ(counters, name) atomic_load_explicit(&(counters)->name, memory_order_relaxed)

// One word for what the last extended report of the peer said.
enum { FAR_VALID = 1, FAR_MOS_SHIFT = 8, FAR_DISCARD_SHIFT = 16, FAR_NOMINAL_SHIFT = 24, OCTET = 0xFF, WORD = 0xFFFF };

static double ms_of(uint_fast64_t us)
{
  return (double)us / US_IN_MS;
}

static const tm_impairment *impairment(const tm_stream *stream, bool sent)
{
  const tm_counters *own = &stream->counters;
  return tm_impairment_of((tm_codec_id)READ(own, codec), (uint8_t)(sent ? READ(own, mode_sent) : READ(own, mode_heard)));
}

void tm_quality_here(const tm_stream *stream, tm_heard *heard)
{
  const tm_counters *own = &stream->counters;
  int_fast64_t rtt = READ(&stream->session.counters, rtt_us);
  double playout = ms_of(READ(own, playout_us));
  *heard = (tm_heard){.bursts = {.packets = READ(own, judged),
                                 .impaired = READ(own, impaired),
                                 .bursts = READ(own, bursts),
                                 .burst_packets = READ(own, burst_packets),
                                 .burst_impaired = READ(own, burst_impaired),
                                 .gaps = READ(own, gaps),
                                 .runs = READ(own, impaired_runs)},
                      .impairment = impairment(stream, false)};
  heard->heard = heard->bursts.packets > 0;
  double packet = ms_of(READ(own, packet_us));
  double coding = packet + heard->impairment->lookahead_ms;
  heard->delay_ms = rtt < 0 ? -1 : coding + (double)rtt / US_IN_MS / 2 + playout + SINK_MS;
  heard->end_system_ms = coding + playout + SINK_MS;
  tm_quality_input input = {.impairment = heard->impairment,
                            .loss = tm_bursts_loss(&heard->bursts),
                            .burst_ratio = tm_bursts_ratio(&heard->bursts),
                            .delay_ms = heard->delay_ms};
  heard->rating = tm_quality_rate(&input);
}

void tm_quality_there(const tm_stream *stream, tm_heard_far *far)
{
  const tm_session_counters *counters = &stream->session.counters;
  uint64_t told = READ(&stream->counters, far_voip);
  int_fast64_t rtt = READ(counters, rtt_us), loss = READ(counters, far_loss_256);
  *far = (tm_heard_far){.mos = -1, .discard = -1, .playout_ms = -1};
  if (told & FAR_VALID) {
    unsigned mos = told >> FAR_MOS_SHIFT & OCTET;
    if (mos != TM_XR_UNAVAILABLE) far->mos = mos / (double)MOS_TENTHS;
    far->discard = (double)(told >> FAR_DISCARD_SHIFT & OCTET) / LOSS_UNITS;
    far->playout_ms = (double)(told >> FAR_NOMINAL_SHIFT & WORD);
  }
  if (far->mos >= 0 || loss < 0) return;
  double playout = far->playout_ms >= 0 ? far->playout_ms : USUAL_PLAYOUT_MS;
  const tm_impairment *ours = impairment(stream, true);
  tm_quality_input input = {.impairment = ours,
                            .loss = (double)loss / LOSS_UNITS + (far->discard > 0 ? far->discard : 0),
                            .burst_ratio = 1,
                            .delay_ms = rtt < 0 ? -1 : TM_UNIT_MS + ours->lookahead_ms + (double)rtt / US_IN_MS / 2 + playout + SINK_MS};
  far->mos = tm_quality_rate(&input).mos_conversation;
}

static uint16_t whole_ms(double ms)
{
  return ms <= 0 ? 0 : ms >= UINT16_MAX ? UINT16_MAX : (uint16_t)lround(ms);
}

static uint8_t tenths(double mos)
{
  return (uint8_t)lround(mos * MOS_TENTHS);
}

size_t tm_quality_extend(tm_session *session, uint8_t *out, size_t capacity, int64_t now)
{
  const tm_stream *stream = tm_stream_const_of(session);
  const tm_session_counters *counters = &session->counters;
  tm_heard heard;
  size_t octets = 0;
  (void)now;
  if (!stream->packet.config.extended_reports) return 0;
  tm_quality_here(stream, &heard);
  if (!heard.heard) return 0;
  int_fast64_t rtt = READ(counters, rtt_us);
  uint64_t lost = READ(counters, packets_lost), late = READ(&stream->counters, packets_late);
  uint64_t expected = READ(counters, packets_received) + lost;
  double level = (double)READ(&stream->counters, level_out_centi) / 100;
  double narrow = tm_quality_r_narrow(heard.impairment, heard.rating.r_conversation);
  double playout = ms_of(READ(&stream->counters, playout_us));
  tm_xr_voip voip = {.ssrc = session->source.ssrc,
                     .loss_rate = tm_xr_fraction(lost, expected),
                     .discard_rate = tm_xr_fraction(late, expected),
                     .round_trip_ms = rtt < 0 ? 0 : whole_ms((double)rtt / US_IN_MS),
                     .end_system_ms = whole_ms(heard.end_system_ms),
                     .signal_dbm0 = level <= SILENCE_DBOV ? TM_XR_UNAVAILABLE : (int8_t)lround(level + DBM0_OF_DBOV),
                     .noise_dbm0 = TM_XR_UNAVAILABLE,
                     .rerl_db = TM_XR_UNAVAILABLE,
                     .r_factor = (uint8_t)lround(narrow),
                     .external_r_factor = TM_XR_UNAVAILABLE,
                     .mos_listening = tenths(heard.rating.mos_listening),
                     .mos_conversation = tenths(heard.rating.mos_conversation),
                     .concealment = TM_XR_PLC_STANDARD,
                     .jitter_buffer = TM_XR_JB_ADAPTIVE,
                     .jitter_buffer_rate = ADJUSTMENT,
                     .nominal_ms = whole_ms(playout),
                     .maximum_ms = whole_ms(playout),
                     .absolute_ms = LARGEST_PLAYOUT_MS};
  tm_xr_take_bursts(&voip, &heard.bursts, ms_of(READ(&stream->counters, packet_us)));
  return tm_xr_write_voip(session->ssrc, &voip, out, capacity, &octets) == TM_OK ? octets : 0;
}

void tm_quality_extended(tm_session *session, const tm_rtcp_packet *packet, int64_t now)
{
  tm_stream *stream = tm_stream_of(session);
  tm_xr_voip voip;
  (void)now;
  if (tm_xr_read_voip(packet, session->ssrc, &voip) != TM_OK) return;
  uint64_t told = FAR_VALID | (uint64_t)voip.mos_conversation << FAR_MOS_SHIFT | (uint64_t)voip.discard_rate << FAR_DISCARD_SHIFT |
                  (uint64_t)voip.nominal_ms << FAR_NOMINAL_SHIFT;
  atomic_store_explicit(&stream->counters.far_voip, told, memory_order_relaxed);
}
