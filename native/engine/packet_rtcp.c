// Packet thread, RTCP (RFC 3550 6) of every kind of stream: reports in their time whatever the directions are, feedback, BYE.
#include <string.h>
#include <time.h>

#include "engine_private.h"
#include "clock.h"
#include "secure.h"
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

static uint64_t packets_sent(const tm_session *session)
{
  return atomic_load_explicit(&session->counters.packets_sent, memory_order_relaxed);
}

// RFC 3550 6.4: a sender is who sent since the last but one report.
static bool is_sender(const tm_session *session)
{
  return session->media_sent > session->sent_at_report[0];
}

static uint64_t us(int64_t ns)
{
  return (uint64_t)(ns / TM_NS_PER_US);
}

static uint64_t interval(tm_session *session, uint32_t minimum_us)
{
  tm_rtcp_timing timing = {.rs_bits = session->config.rtcp_senders_bps,
                           .rr_bits = session->config.rtcp_receivers_bps,
                           .members = session->has_source ? 2 : 1,
                           .senders = (is_sender(session) ? 1u : 0u) + (session->has_source ? 1u : 0u),
                           .we_sent = is_sender(session),
                           .initial = !session->rtcp_any,
                           .average_bytes = session->rtcp_average,
                           .minimum_us = minimum_us};
  return tm_rtcp_interval_us(&timing, uniform(&session->random));
}

static void schedule_report(tm_session *session, int64_t now)
{
  uint64_t span = interval(session, MINIMUM_US);
  session->next_rtcp_ns = span == 0 || session->config.rtcp_early.avpf ? TM_NEVER : now + (int64_t)span * TM_NS_PER_US;
}

void tm_rtcp_schedule(tm_session *session, int64_t now)
{
  if (session->rtcp_average <= 0) session->rtcp_average = TYPICAL_OCTETS;
  tm_early_begin(&session->early, &session->config.rtcp_early, us(now), interval(session, session->rtcp_any ? 0 : TM_EARLY_FIRST_US));
  schedule_report(session, now);
}

int64_t tm_rtcp_deadline(const tm_session *session)
{
  uint64_t turn = tm_early_due(&session->early);
  if (turn == TM_EARLY_NEVER || (int64_t)turn >= session->next_rtcp_ns / TM_NS_PER_US) return session->next_rtcp_ns;
  return (int64_t)(turn + 1) * TM_NS_PER_US;
}

static bool is_off(const tm_session *session)
{
  return session->config.rtcp_senders_bps == 0 && session->config.rtcp_receivers_bps == 0;
}

/** What a compound of ours holds beside SR or RR and CNAME. */
typedef struct {
  bool blocks;  // of the source that was heard since the last scheduled report
  bool bye;
} contents;

// SR or RR, SDES [, BYE] into `datagram`. 0: it cannot be written.
static size_t compose(tm_session *session, const contents *what, uint8_t *datagram, size_t capacity, int64_t now)
{
  size_t octets = 0;
  tm_rtcp_report report;
  tm_rtcp_sender_info sender = {
      .ntp = ntp_now(),
      .timestamp = tm_session_timestamp_at(session, now),
      .packets = (uint32_t)packets_sent(session),
      .octets = (uint32_t)atomic_load_explicit(&session->counters.octets_sent, memory_order_relaxed)};
  uint64_t received = atomic_load_explicit(&session->counters.packets_received, memory_order_relaxed);
  bool reporting = what->blocks && session->has_source && received > session->received_at_report;
  if (reporting) tm_rtp_source_report(&session->source, (uint64_t)(now / TM_NS_PER_US), &report);
  uint8_t further[TM_MAX_EXTENSION];
  size_t further_octets = 0;
  if (reporting && session->kind->extend) further_octets = session->kind->extend(session, further, sizeof further, now);
  tm_rtcp_content content = {.ssrc = session->ssrc,
                             .sender = is_sender(session) ? &sender : NULL,
                             .reports = reporting ? &report : NULL,
                             .report_count = reporting ? 1 : 0,
                             .cname = session->config.cname,
                             .further = further,
                             .further_bytes = further_octets,
                             .bye = what->bye};
  return tm_rtcp_build(&content, datagram, capacity, &octets) == TM_OK ? octets : 0;
}

// `datagram` has room for TM_DATAGRAM_OCTETS.
static bool send_to(tm_session *session, uint8_t *datagram, size_t octets, const tm_address *to, const tm_shield *shield)
{
  if (tm_address_unspecified(to)) return false;
  bool sent = tm_secure_seal(session, shield, TM_PLAIN_RTCP, datagram, &octets, TM_DATAGRAM_OCTETS) &&
              tm_socket_send(session->sockets.rtcp, datagram, octets, to);
  tm_count(sent ? &session->counters.rtcp_sent : &session->counters.send_errors, 1);
  return sent;
}

static void take_average(tm_session *session, size_t octets)
{
  size_t headers = session->sockets.family == AF_INET6 ? HEADERS_V6 : HEADERS_V4;
  session->rtcp_average = tm_rtcp_average(session->rtcp_average, octets + headers);
}

// What had to wait goes along.
static size_t owed(tm_session *session, uint8_t *out, int64_t now)
{
  return session->kind->owed ? session->kind->owed(session, out, TM_MAX_FEEDBACK, now) : 0;
}

static void send_report(tm_session *session, int64_t now, bool bye)
{
  _Alignas(8) uint8_t datagram[TM_DATAGRAM_OCTETS];
  contents what = {.blocks = true, .bye = bye};
  size_t octets = compose(session, &what, datagram, sizeof datagram - TM_MAX_FEEDBACK - TM_SRTP_TRAILER, now);
  if (octets == 0) return;
  if (!bye) octets += owed(session, datagram + octets, now);
  (void)send_to(session, datagram, octets, &session->config.remote_rtcp, &session->config.shield);
  session->received_at_report = atomic_load_explicit(&session->counters.packets_received, memory_order_relaxed);
  session->sent_at_report[0] = session->sent_at_report[1];
  session->sent_at_report[1] = session->media_sent;
  session->rtcp_any = true;
  take_average(session, octets);
}

void tm_rtcp_open(tm_session *session, const tm_address *to, const tm_shield *shield, int64_t now)
{
  _Alignas(8) uint8_t datagram[TM_DATAGRAM_OCTETS];
  contents what = {.blocks = false};
  if (is_off(session)) return;
  size_t octets = compose(session, &what, datagram, sizeof datagram - TM_SRTP_TRAILER, now);
  if (octets > 0) (void)send_to(session, datagram, octets, to, shield);
}

static bool send_feedback(tm_session *session, const uint8_t *feedback, size_t octets, int64_t now)
{
  _Alignas(8) uint8_t datagram[TM_DATAGRAM_OCTETS];
  contents what = {.blocks = false};
  size_t before = 0;
  if (!session->config.rtcp_reduced) {
    before = compose(session, &what, datagram, sizeof datagram - TM_MAX_FEEDBACK - TM_SRTP_TRAILER, now);
    if (before == 0) return false;
  }
  memcpy(datagram + before, feedback, octets);
  take_average(session, before + octets);
  return send_to(session, datagram, before + octets, &session->config.remote_rtcp, &session->config.shield);
}

tm_feedback_fate tm_rtcp_feedback(tm_session *session, const uint8_t *feedback, size_t octets, bool urgent, int64_t now)
{
  if (!session->configured || session->closing || is_off(session) || octets > TM_MAX_FEEDBACK) return TM_FEEDBACK_LOST;
  if (!urgent && !tm_early_may(&session->early, us(now))) return TM_FEEDBACK_WAITS;
  if (!send_feedback(session, feedback, octets, now)) return TM_FEEDBACK_LOST;
  tm_early_sent(&session->early, us(now), interval(session, 0));
  return TM_FEEDBACK_LEFT;
}

static void take_turn(tm_session *session, int64_t now)
{
  uint8_t feedback[TM_MAX_FEEDBACK];
  bool avpf = session->config.rtcp_early.avpf;
  tm_early_step step = tm_early_tick(&session->early, us(now), interval(session, 0), uniform(&session->random));
  if (step == TM_EARLY_REGULAR) send_report(session, now, false);
  if (step != TM_EARLY_FEEDBACK) return;
  size_t octets = owed(session, feedback, now);
  if (octets > 0 && send_feedback(session, feedback, octets, now) && !avpf)
    tm_early_sent(&session->early, us(now), interval(session, 0));
}

void tm_rtcp_beat(tm_session *session, int64_t now)
{
  if (!session->configured) return;
  if (tm_early_due(&session->early) <= us(now)) take_turn(session, now);
  if (session->next_rtcp_ns > now) return;
  send_report(session, now, false);
  schedule_report(session, now);
}

void tm_rtcp_bye(tm_session *session, int64_t now)
{
  // RFC 3550 6.3.7: who never sent anything does not say goodbye.
  if (session->configured && !is_off(session) && (session->sent_any || session->rtcp_any)) send_report(session, now, true);
}

static void take_report(tm_session *session, const tm_rtcp_report *report, int64_t now)
{
  uint32_t rtt = 0;
  if (report->ssrc != session->ssrc) return;
  atomic_store_explicit(&session->counters.far_loss_256, report->fraction_lost, memory_order_relaxed);
  tm_count(&session->counters.far_reports, 1);
  if (tm_rtcp_round_trip(report, ntp_now(), &rtt))
    atomic_store_explicit(&session->counters.rtt_us, rtt, memory_order_relaxed);
  if (session->kind->report) session->kind->report(session, report, now);
}

static void take_bye(tm_session *session, const tm_rtcp_packet *packet, int64_t now)
{
  uint32_t ssrc = 0;
  if (!session->kind->left) return;
  for (size_t i = 0; i < packet->count; i++)
    if (tm_rtcp_read_bye(packet, i, &ssrc) == TM_OK) session->kind->left(session, ssrc, now);
}

static void take_compound(tm_session *session, uint8_t *datagram, size_t octets, int64_t now)
{
  tm_rtcp_iterator iterator;
  tm_rtcp_packet packet;
  tm_rtcp_report report;
  tm_rtcp_sender_info info;
  uint32_t ssrc = 0;
  if (!tm_secure_open(session, TM_PLAIN_RTCP, datagram, &octets, now) ||
      tm_rtcp_check_compound(datagram, octets, session->config.rtcp_reduced) != TM_OK) {
    tm_count(&session->counters.packets_discarded, 1);
    return;
  }
  tm_count(&session->counters.rtcp_received, 1);
  take_average(session, octets);
  tm_rtcp_begin(&iterator, datagram, octets);
  while (tm_rtcp_next(&iterator, &packet) == TM_OK) {
    bool feedback = packet.type == TM_RTCP_RTPFB || packet.type == TM_RTCP_PSFB;
    if (feedback && session->kind->feedback) session->kind->feedback(session, &packet, now);
    if (packet.type == TM_RTCP_XR && session->kind->extended) session->kind->extended(session, &packet, now);
    if (packet.type == TM_RTCP_BYE) take_bye(session, &packet, now);
    if (packet.type != TM_RTCP_SR && packet.type != TM_RTCP_RR) continue;
    if (packet.type == TM_RTCP_SR && session->has_source && tm_rtcp_sender_ssrc(&packet, &ssrc) == TM_OK &&
        ssrc == session->source.ssrc && tm_rtcp_read_sender_info(&packet, &info) == TM_OK)
      tm_rtp_source_sender_report(&session->source, info.ntp, (uint64_t)(now / TM_NS_PER_US));
    for (size_t i = 0; i < packet.count; i++)
      if (tm_rtcp_read_report(&packet, i, &report) == TM_OK) take_report(session, &report, now);
  }
}

// Reports come from the host that RTP comes from or that the SDP names; who else sends some wants to mislead.
static bool is_welcome(const tm_session *session, const tm_address *from)
{
  return tm_origin_shares_host(&session->origin, from) || tm_address_same_host(&session->config.remote_rtcp, from);
}

bool tm_rtcp_receive(tm_session *session)
{
  _Alignas(8) uint8_t datagram[TM_DATAGRAM_OCTETS];
  tm_address from;
  for (int i = 0; i < MAX_DATAGRAMS; i++) {
    int64_t now = tm_now_ns();
    if (!tm_intake_take(&session->rtcp_intake, MAX_IN_A_BEAT, now)) return false;
    ssize_t octets = tm_socket_receive(session->sockets.rtcp, datagram, sizeof datagram, &from);
    if (octets < 0) return true;
    if (!session->configured || session->closing) continue;
    if ((size_t)octets > sizeof datagram || !is_welcome(session, &from)) tm_count(&session->counters.packets_discarded, 1);
    else take_compound(session, datagram, (size_t)octets, now);
  }
  return true;
}
