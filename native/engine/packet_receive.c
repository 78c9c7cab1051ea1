// Packet thread, receiving for every kind of stream: RTP of the peer and nobody else (origin.h), statistics (RFC 3550 A).
#include "engine_private.h"
#include "clock.h"
#include "secure.h"

enum {
  MAX_DATAGRAMS = 16,   // in one go, so that a flood does not hold up the beats
  MAX_IN_A_BEAT = 400,  // 20,000 a second: some percent of a core, whatever comes
  PRESENT_MS = 100,     // a source that was heard since is not replaced
  TELL_AGAIN_MS = 1000, // that another early dialog sends
};

static void discard(tm_session *session)
{
  tm_count(&session->counters.packets_discarded, 1);
}

// RFC 3550 8.2: another SSRC of the same peer is followed when its packets are in sequence and the present one has fallen silent.
static bool succeeds(tm_session *session, const tm_rtp_packet *packet, int64_t now)
{
  bool in_sequence = session->has_candidate && session->candidate_ssrc == packet->ssrc &&
                     packet->sequence == (uint16_t)(session->candidate_sequence + 1);
  session->has_candidate = true;
  session->candidate_ssrc = packet->ssrc;
  session->candidate_sequence = packet->sequence;
  return in_sequence && now - session->source_heard_ns >= PRESENT_MS * TM_NS_PER_MS;
}

static void begin_source(tm_session *session, const tm_rtp_packet *packet)
{
  if (session->has_source) session->lost_before += tm_rtp_source_lost(&session->source);
  tm_rtp_source_init(&session->source, packet->ssrc, packet->sequence, session->config.clock_hz);
  session->has_source = true;
  atomic_store_explicit(&session->counters.remote_ssrc, packet->ssrc, memory_order_relaxed);
}

// True when the packet is one of the source that the stream listens to. Only what was negotiated makes a source.
static bool follow_source(tm_session *session, const tm_rtp_packet *packet, const tm_address *from, bool known, int64_t now)
{
  bool same_place = tm_origin_is(&session->origin, from);
  if (!same_place && !known) return false;
  if (!session->has_source || session->source.ssrc != packet->ssrc) {
    if (!known || (session->has_source && same_place && !succeeds(session, packet, now))) return false;
    begin_source(session, packet);
  }
  session->has_candidate = false;
  session->source_heard_ns = now;
  tm_origin_heard(&session->origin, from, now);
  if (tm_origin_certain(&session->origin) && !session->connected && !session->config.further)
    session->connected = tm_socket_connect(session->sockets.rtp, &session->config.remote);
  return true;
}

static void account(tm_session *session, const tm_rtp_packet *packet, tm_packet_class class, int64_t now)
{
  tm_session_counters *counters = &session->counters;
  tm_rtp_source before = session->source;
  (void)tm_rtp_source_receive(&session->source, packet->sequence, packet->timestamp, (uint64_t)(now / TM_NS_PER_US),
                              packet->payload_bytes);
  if (class == TM_PACKET_EVENT) {
    // All packets of an event carry the timestamp of its start: no measure of transit.
    session->source.jitter = before.jitter;
    session->source.transit = before.transit;
    session->source.has_transit = before.has_transit;
  }
  tm_count(&counters->packets_received, 1);
  tm_count(&counters->octets_received, packet->payload_bytes);
  atomic_store_explicit(&counters->packets_lost, session->lost_before + tm_rtp_source_lost(&session->source),
                        memory_order_relaxed);
  atomic_store_explicit(&counters->jitter_us, (uint_fast32_t)(tm_rtp_source_jitter_ms(&session->source) * 1000.0),
                        memory_order_relaxed);
}

static bool is_further(const tm_session *session, const tm_address *from)
{
  const tm_further_paths *further = session->config.further;
  for (unsigned i = 0; further && i < further->count; i++)
    if (tm_address_equal(&further->paths[i].remote, from)) return !tm_address_equal(&session->config.remote, from);
  return false;
}

// Media of another early dialog of the same offer, whose codec and keys are others: who set the stream decides whom it follows.
static void elsewhere(tm_session *session, const uint8_t *datagram, size_t octets, const tm_address *from, int64_t now)
{
  tm_rtp_packet packet;
  if (tm_rtp_parse(datagram, octets, &packet) != TM_OK || packet.payload_bytes == 0) return;
  if (packet.payload_type == session->config.keepalive.payload_type || !session->config.receive) return;
  if (session->elsewhere_told_ns && now - session->elsewhere_told_ns < TELL_AGAIN_MS * TM_NS_PER_MS) return;
  bool present = session->has_source && now - session->source_heard_ns < PRESENT_MS * TM_NS_PER_MS;
  tm_event event = {.kind = TM_EVENT_ELSEWHERE, .stream = session->id, .present = present};
  if (tm_address_write(from, event.address, sizeof event.address, &event.port) && tm_engine_emit(session->engine, &event))
    session->elsewhere_told_ns = now;
}

void tm_session_take(tm_session *session, uint8_t *datagram, size_t octets, const tm_address *from, int64_t now)
{
  tm_rtp_packet packet;
  if (is_further(session, from)) {
    elsewhere(session, datagram, octets, from, now);
    discard(session);
    return;
  }
  // Opened before it may mean anything: a forged or replayed one makes no source and no origin.
  if (!tm_origin_takes(&session->origin, from, now) || !tm_secure_open(session, TM_PLAIN_RTP, datagram, &octets, now) ||
      tm_rtp_parse(datagram, octets, &packet) != TM_OK) {
    discard(session);
    return;
  }
  tm_packet_class class = session->kind->classify(session, &packet);
  if (!follow_source(session, &packet, from, class != TM_PACKET_UNKNOWN, now)) {
    discard(session);
    return;
  }
  account(session, &packet, class, now);
  if (!session->config.receive) return;
  if (class == TM_PACKET_MEDIA) tm_keepalive_heard(&session->keepalive);
  if (class == TM_PACKET_UNKNOWN && packet.payload_bytes > 0) discard(session);
  if (class == TM_PACKET_MEDIA && !session->heard) {
    tm_event first = {.kind = TM_EVENT_FIRST_PACKET, .stream = session->id};
    session->heard = tm_engine_emit(session->engine, &first);
  }
  session->kind->take(session, &packet, class, now);
}

bool tm_intake_take(tm_intake *intake, unsigned most, int64_t now)
{
  if (now >= intake->refill_ns) {
    intake->left = most;
    intake->refill_ns = now + TM_UNIT_NS;
  }
  if (intake->left == 0) return false;
  intake->left--;
  return true;
}

bool tm_session_receive(tm_session *session)
{
  _Alignas(8) uint8_t datagram[TM_DATAGRAM_OCTETS];
  unsigned most = session->config.intake ? session->config.intake : MAX_IN_A_BEAT;
  tm_address from;
  for (int i = 0; i < MAX_DATAGRAMS; i++) {
    int64_t now = tm_now_ns();
    if (!tm_intake_take(&session->rtp_intake, most, now)) return false;
    ssize_t octets = tm_socket_receive(session->sockets.rtp, datagram, sizeof datagram, &from);
    if (octets < 0) return true;
    // Before the first offer or answer nobody knows what these octets mean.
    if (!session->configured || session->closing) continue;
    if ((size_t)octets > sizeof datagram) discard(session);
    else tm_session_take(session, datagram, (size_t)octets, &from, now);
  }
  return true;
}
