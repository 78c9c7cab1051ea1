// Packet thread, receiving: RTP of the peer and nobody else (origin.h), statistics (RFC 3550 A), telephone events (RFC 4733 2.5.2).
#include <string.h>

#include "engine_private.h"
#include "clock.h"
#include "tm_rtp.h"

enum {
  MAX_DATAGRAMS = 16,   // in one go, so that a flood does not hold up the beats
  MAX_IN_A_BEAT = 400,  // 20,000 a second: some percent of a core, whatever comes
  PRESENT_MS = 100,     // a source that was heard since is not replaced
};

static void discard(tm_stream *stream)
{
  tm_count(&stream->counters.packets_discarded, 1);
}

// RFC 3550 8.2: another SSRC of the same peer is followed when its packets are in sequence and the present one has fallen silent.
static bool succeeds(tm_packet_side *side, const tm_rtp_packet *packet, int64_t now)
{
  bool in_sequence = side->has_candidate && side->candidate_ssrc == packet->ssrc &&
                     packet->sequence == (uint16_t)(side->candidate_sequence + 1);
  side->has_candidate = true;
  side->candidate_ssrc = packet->ssrc;
  side->candidate_sequence = packet->sequence;
  return in_sequence && now - side->source_heard_ns >= PRESENT_MS * TM_NS_PER_MS;
}

static void begin_source(tm_stream *stream, const tm_rtp_packet *packet)
{
  tm_packet_side *side = &stream->packet;
  if (side->has_source) side->lost_before += tm_rtp_source_lost(&side->source);
  tm_rtp_source_init(&side->source, packet->ssrc, packet->sequence, side->config.clock_hz);
  side->has_source = true;
  atomic_store_explicit(&stream->counters.remote_ssrc, packet->ssrc, memory_order_relaxed);
}

// True when the packet is one of the source that the stream listens to. Only what was negotiated makes a source.
static bool follow_source(tm_stream *stream, const tm_rtp_packet *packet, const tm_address *from, bool known, int64_t now)
{
  tm_packet_side *side = &stream->packet;
  bool same_place = tm_origin_is(&side->origin, from);
  if (!same_place && !known) return false;
  if (!side->has_source || side->source.ssrc != packet->ssrc) {
    if (!known || (side->has_source && same_place && !succeeds(side, packet, now))) return false;
    begin_source(stream, packet);
  }
  side->has_candidate = false;
  side->source_heard_ns = now;
  tm_origin_heard(&side->origin, from, now);
  if (tm_origin_certain(&side->origin) && !side->connected)
    side->connected = tm_socket_connect(stream->sockets.rtp, &side->config.remote);
  return true;
}

static void account(tm_stream *stream, const tm_rtp_packet *packet, bool event, int64_t now)
{
  tm_packet_side *side = &stream->packet;
  tm_counters *counters = &stream->counters;
  tm_rtp_source before = side->source;
  (void)tm_rtp_source_receive(&side->source, packet->sequence, packet->timestamp, (uint64_t)(now / TM_NS_PER_US),
                              packet->payload_bytes);
  if (event) {
    // All packets of an event carry the timestamp of its start: no measure of transit.
    side->source.jitter = before.jitter;
    side->source.transit = before.transit;
    side->source.has_transit = before.has_transit;
  }
  tm_count(&counters->packets_received, 1);
  tm_count(&counters->octets_received, packet->payload_bytes);
  atomic_store_explicit(&counters->packets_lost, side->lost_before + tm_rtp_source_lost(&side->source),
                        memory_order_relaxed);
  atomic_store_explicit(&counters->jitter_us, (uint_fast32_t)(tm_rtp_source_jitter_ms(&side->source) * 1000.0),
                        memory_order_relaxed);
}

static void emit_digits(tm_stream *stream, const tm_dtmf_change *changes, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (!changes[i].ended) continue;
    tm_event event = {.kind = TM_EVENT_DTMF,
                      .stream = stream->id,
                      .digit = tm_dtmf_digit(changes[i].code),
                      .duration_ms = changes[i].duration_ms};
    if (event.digit == '\0') continue;
    tm_count(&stream->counters.dtmf_received, 1);
    (void)tm_engine_emit(stream->engine, &event);
  }
}

static void take_event(tm_stream *stream, const tm_rtp_packet *packet, int64_t now)
{
  tm_dtmf_change changes[TM_DTMF_MAX_RECEIVED];
  size_t count = 0;
  tm_status status = tm_dtmf_receive(&stream->packet.dtmf_in, packet->timestamp, packet->payload, packet->payload_bytes,
                                     (uint64_t)(now / TM_NS_PER_US), changes, &count);
  if (status == TM_OK) emit_digits(stream, changes, count);
  else discard(stream);
}

static void hand_over(tm_stream *stream, const tm_rtp_packet *packet, bool sound, int64_t now)
{
  struct {
    tm_rx_record record;
    uint8_t payload[TM_DATAGRAM_OCTETS];
  } item;
  item.record = (tm_rx_record){.coding = stream->packet.config.coding,
                               .ssrc = packet->ssrc,
                               .timestamp = packet->timestamp,
                               .sequence = packet->sequence,
                               .octets = sound ? (uint16_t)packet->payload_bytes : 0,
                               .payload_type = packet->payload_type,
                               .marker = packet->marker,
                               .sound = sound,
                               .arrival_ns = now};
  if (item.record.octets > 0) memcpy(item.payload, packet->payload, item.record.octets);
  if (tm_ring_write(stream->rx, &item, sizeof item.record + item.record.octets) != TM_OK) discard(stream);
}

void tm_packet_take(tm_stream *stream, const uint8_t *datagram, size_t octets, const tm_address *from, int64_t now)
{
  tm_packet_side *side = &stream->packet;
  tm_rtp_packet packet;
  if (!tm_origin_takes(&side->origin, from, now) || tm_rtp_parse(datagram, octets, &packet) != TM_OK) {
    discard(stream);
    return;
  }
  bool sound = packet.payload_type == side->config.receive_payload_type && packet.payload_bytes > 0;
  bool event = packet.payload_type == side->config.dtmf_receive_payload_type;
  if (!follow_source(stream, &packet, from, sound || event, now)) {
    discard(stream);
    return;
  }
  account(stream, &packet, event, now);
  if (!side->config.receive) return;
  if (event) take_event(stream, &packet, now);
  else if (!sound && packet.payload_bytes > 0) discard(stream);
  if (sound && !side->heard) {
    tm_event first = {.kind = TM_EVENT_FIRST_PACKET, .stream = stream->id};
    side->heard = tm_engine_emit(stream->engine, &first);
  }
  hand_over(stream, &packet, sound, now);
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

bool tm_packet_receive(tm_stream *stream)
{
  uint8_t datagram[TM_DATAGRAM_OCTETS];
  tm_packet_side *side = &stream->packet;
  tm_address from;
  for (int i = 0; i < MAX_DATAGRAMS; i++) {
    int64_t now = tm_now_ns();
    if (!tm_intake_take(&side->rtp_intake, MAX_IN_A_BEAT, now)) return false;
    ssize_t octets = tm_socket_receive(stream->sockets.rtp, datagram, sizeof datagram, &from);
    if (octets < 0) return true;
    // Before the first offer or answer nobody knows what these octets mean.
    if (!side->configured || side->closing) continue;
    if ((size_t)octets > sizeof datagram) discard(stream);
    else tm_packet_take(stream, datagram, (size_t)octets, &from, now);
  }
  return true;
}
