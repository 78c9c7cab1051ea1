// Packet thread, received packets of an audio stream: sound to the codec thread, telephone events (RFC 4733 2.5.2) to whoever listens.
#include <string.h>

#include "packet_sound.h"
#include "clock.h"

tm_packet_class tm_sound_classify(const tm_session *session, const tm_rtp_packet *packet)
{
  const tm_packet_config *config = &tm_stream_const_of(session)->packet.config;
  if (packet->payload_type == config->dtmf_receive_payload_type) return TM_PACKET_EVENT;
  return packet->payload_type == config->receive_payload_type && packet->payload_bytes > 0 ? TM_PACKET_MEDIA
                                                                                          : TM_PACKET_UNKNOWN;
}

static void discard(tm_stream *stream)
{
  tm_count(&stream->session.counters.packets_discarded, 1);
}

static void emit_digit(tm_stream *stream, const tm_dtmf_change *change)
{
  tm_event event = {.kind = TM_EVENT_DTMF,
                    .stream = stream->session.id,
                    .digit = tm_dtmf_digit(change->code),
                    .duration_ms = change->duration_ms};
  if (event.digit == '\0') return;
  tm_count(&stream->counters.dtmf_received, 1);
  (void)tm_engine_emit(stream->session.engine, &event);
}

static void take_event(tm_stream *stream, const tm_rtp_packet *packet, int64_t now)
{
  tm_dtmf_change changes[TM_DTMF_MAX_RECEIVED];
  size_t count = 0;
  if (tm_dtmf_receive(&stream->packet.dtmf_in, packet->timestamp, packet->payload, packet->payload_bytes,
                      (uint64_t)(now / TM_NS_PER_US), changes, &count) != TM_OK) {
    discard(stream);
    return;
  }
  for (size_t i = 0; i < count; i++)
    if (changes[i].ended) emit_digit(stream, &changes[i]);
}

void tm_sound_event_timeout(tm_stream *stream, int64_t now)
{
  tm_dtmf_change change;
  tm_dtmf_receiver *receiver = &stream->packet.dtmf_in;
  if (receiver->active && tm_dtmf_receiver_tick(receiver, (uint64_t)(now / TM_NS_PER_US), &change)) emit_digit(stream, &change);
}

void tm_sound_take(tm_session *session, const tm_rtp_packet *packet, tm_packet_class class, int64_t now)
{
  tm_stream *stream = tm_stream_of(session);
  struct {
    tm_rx_record record;
    uint8_t payload[TM_DATAGRAM_OCTETS];
  } item;
  bool sound = class == TM_PACKET_MEDIA;
  if (class == TM_PACKET_EVENT) take_event(stream, packet, now);
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
