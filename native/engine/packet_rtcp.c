// Packet thread, RTCP (RFC 3550 6): reports in their time whatever the directions are, round trip and far loss from the peer's, BYE.
#include <string.h>
#include <time.h>

#include "engine_private.h"
#include "clock.h"
#include "tm_rtcp.h"

enum {
  MINIMUM_US = 5000000,  // RFC 3550 6.2, profile AVP
  TYPICAL_OCTETS = 120,  // first guess of a compound with its IP and UDP header
  HEADERS_V4 = 28,
  HEADERS_V6 = 48,
  MAX_DATAGRAMS = 8,
  MAX_IN_A_BEAT = 16,
};

// splitmix64: spreads the reports of many streams; nothing secret hangs on it.
static double uniform(uint64_t *state)
{
  uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (double)((z ^ (z >> 31)) >> 11) / (double)(UINT64_C(1) << 53);
}

static uint64_t ntp_now(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return tm_ntp_from_unix_ns((uint64_t)ts.tv_sec * (uint64_t)TM_NS_PER_S + (uint64_t)ts.tv_nsec);
}

static uint64_t packets_sent(const tm_stream *stream)
{
  return atomic_load_explicit(&stream->counters.packets_sent, memory_order_relaxed);
}

// RFC 3550 6.4: a sender is who sent since the last but one report.
static bool is_sender(const tm_stream *stream)
{
  return packets_sent(stream) > stream->packet.sent_at_report[0];
}

void tm_rtcp_schedule(tm_stream *stream, int64_t now)
{
  tm_packet_side *side = &stream->packet;
  if (side->rtcp_average <= 0) side->rtcp_average = TYPICAL_OCTETS;
  tm_rtcp_timing timing = {.rs_bits = side->config.rtcp_senders_bps,
                           .rr_bits = side->config.rtcp_receivers_bps,
                           .members = side->has_source ? 2 : 1,
                           .senders = (is_sender(stream) ? 1u : 0u) + (side->has_source ? 1u : 0u),
                           .we_sent = is_sender(stream),
                           .initial = !side->rtcp_any,
                           .average_bytes = side->rtcp_average,
                           .minimum_us = MINIMUM_US};
  uint64_t span = tm_rtcp_interval_us(&timing, uniform(&side->random));
  side->next_rtcp_ns = span == 0 ? TM_NEVER : now + (int64_t)span * TM_NS_PER_US;
}

// The moment `now` on the stream's RTP timeline.
static uint32_t timestamp_at(const tm_stream *stream, int64_t now)
{
  const tm_packet_side *side = &stream->packet;
  double seconds = (double)(now - side->last_due_ns) / (double)TM_NS_PER_S;
  return side->last_timestamp + (uint32_t)(int64_t)(seconds * side->config.clock_hz);
}

static void send_report(tm_stream *stream, int64_t now, bool bye)
{
  tm_packet_side *side = &stream->packet;
  uint8_t datagram[TM_DATAGRAM_OCTETS];
  size_t octets = 0;
  tm_rtcp_report report;
  tm_rtcp_sender_info sender = {
      .ntp = ntp_now(),
      .timestamp = timestamp_at(stream, now),
      .packets = (uint32_t)packets_sent(stream),
      .octets = (uint32_t)atomic_load_explicit(&stream->counters.octets_sent, memory_order_relaxed)};
  uint64_t received = atomic_load_explicit(&stream->counters.packets_received, memory_order_relaxed);
  bool reporting = side->has_source && received > side->received_at_report;
  if (reporting) tm_rtp_source_report(&side->source, (uint64_t)(now / TM_NS_PER_US), &report);
  tm_rtcp_content content = {.ssrc = stream->ssrc,
                             .sender = is_sender(stream) ? &sender : NULL,
                             .reports = reporting ? &report : NULL,
                             .report_count = reporting ? 1 : 0,
                             .cname = side->config.cname,
                             .bye = bye};
  if (tm_rtcp_build(&content, datagram, sizeof datagram, &octets) != TM_OK) return;
  if (!tm_address_unspecified(&side->config.remote_rtcp)) {
    bool sent = tm_socket_send(stream->sockets.rtcp, datagram, octets, &side->config.remote_rtcp);
    tm_count(sent ? &stream->counters.rtcp_sent : &stream->counters.send_errors, 1);
  }
  side->received_at_report = received;
  side->sent_at_report[0] = side->sent_at_report[1];
  side->sent_at_report[1] = packets_sent(stream);
  side->rtcp_any = true;
  size_t headers = stream->family == AF_INET6 ? HEADERS_V6 : HEADERS_V4;
  side->rtcp_average = tm_rtcp_average(side->rtcp_average, octets + headers);
}

void tm_rtcp_beat(tm_stream *stream, int64_t now)
{
  if (stream->packet.next_rtcp_ns > now) return;
  send_report(stream, now, false);
  tm_rtcp_schedule(stream, now);
}

void tm_rtcp_bye(tm_stream *stream, int64_t now)
{
  const tm_packet_side *side = &stream->packet;
  bool off = side->config.rtcp_senders_bps == 0 && side->config.rtcp_receivers_bps == 0;
  // RFC 3550 6.3.7: who never sent anything does not say goodbye.
  if (side->configured && !off && (side->sent_any || side->rtcp_any)) send_report(stream, now, true);
}

static void take_report(tm_stream *stream, const tm_rtcp_report *report)
{
  uint32_t rtt = 0;
  if (report->ssrc != stream->ssrc) return;
  atomic_store_explicit(&stream->counters.far_loss_256, report->fraction_lost, memory_order_relaxed);
  if (tm_rtcp_round_trip(report, ntp_now(), &rtt))
    atomic_store_explicit(&stream->counters.rtt_us, rtt, memory_order_relaxed);
}

static void take_compound(tm_stream *stream, const uint8_t *datagram, size_t octets, int64_t now)
{
  tm_packet_side *side = &stream->packet;
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  tm_rtcp_report report;
  tm_rtcp_sender_info info;
  uint32_t ssrc = 0;
  if (tm_rtcp_check_compound(datagram, octets, false) != TM_OK) {
    tm_count(&stream->counters.packets_discarded, 1);
    return;
  }
  tm_count(&stream->counters.rtcp_received, 1);
  size_t headers = stream->family == AF_INET6 ? HEADERS_V6 : HEADERS_V4;
  side->rtcp_average = tm_rtcp_average(side->rtcp_average, octets + headers);
  tm_rtcp_begin(&iterator, datagram, octets);
  while (tm_rtcp_next(&iterator, &packet) == TM_OK) {
    if (packet.type != TM_RTCP_SR && packet.type != TM_RTCP_RR) continue;
    if (packet.type == TM_RTCP_SR && side->has_source && tm_rtcp_sender_ssrc(&packet, &ssrc) == TM_OK &&
        ssrc == side->source.ssrc && tm_rtcp_read_sender_info(&packet, &info) == TM_OK)
      tm_rtp_source_sender_report(&side->source, info.ntp, (uint64_t)(now / TM_NS_PER_US));
    for (size_t i = 0; i < packet.count; i++)
      if (tm_rtcp_read_report(&packet, i, &report) == TM_OK) take_report(stream, &report);
  }
}

// Reports come from the host that RTP comes from or that the SDP names; who else sends some wants to mislead.
static bool is_welcome(const tm_packet_side *side, const tm_address *from)
{
  return tm_origin_shares_host(&side->origin, from) || tm_address_same_host(&side->config.remote_rtcp, from);
}

bool tm_rtcp_receive(tm_stream *stream)
{
  uint8_t datagram[TM_DATAGRAM_OCTETS];
  tm_packet_side *side = &stream->packet;
  tm_address from;
  for (int i = 0; i < MAX_DATAGRAMS; i++) {
    int64_t now = tm_now_ns();
    if (!tm_intake_take(&side->rtcp_intake, MAX_IN_A_BEAT, now)) return false;
    ssize_t octets = tm_socket_receive(stream->sockets.rtcp, datagram, sizeof datagram, &from);
    if (octets < 0) return true;
    if (!side->configured || side->closing) continue;
    if ((size_t)octets > sizeof datagram || !is_welcome(side, &from)) tm_count(&stream->counters.packets_discarded, 1);
    else take_compound(stream, datagram, (size_t)octets, now);
  }
  return true;
}
