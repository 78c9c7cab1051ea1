// Packet thread, sending: RTP by absolute beats (RFC 3550 5.1), telephone events in place of sound (RFC 4733 2.5.1).
#include "packet_sound.h"
#include "clock.h"

enum {
  MAX_BEATS_LATE = 5,  // further behind, time is given up instead of sent in a burst
  RETRY_MS = 1,        // the codec thread is late: look again
  RETRY_LIMIT_MS = 12,
};

void tm_packet_configure(tm_stream *stream, const tm_packet_config *config, int64_t now)
{
  tm_session *session = &stream->session;
  tm_packet_side *side = &stream->packet;
  bool first = !session->configured;
  bool clock_changed = first || side->config.dtmf_clock_hz != config->dtmf_clock_hz;
  if (!session->config.send || side->config.coding != config->coding) side->marker = true;
  if (first || !session->config.send) {
    side->next_unit = tm_stream_beat_after(stream, now);
    side->flowing = false;
  }
  // The codec thread counts from the drawn timestamp on, beginning with this beat.
  if (first) tm_session_timeline(session, session->timestamp, tm_stream_due(stream, side->next_unit));
  tm_session_configure(session, &config->session, now);
  side->config = *config;
  if (config->dtmf_payload_type < 0) {
    tm_dtmf_sender_init(&side->dtmf_out, config->session.clock_hz);
    tm_dtmf_receiver_init(&side->dtmf_in, config->session.clock_hz);
    side->dtmf_pending = 0;
  } else if (clock_changed) {
    tm_dtmf_sender_init(&side->dtmf_out, config->dtmf_clock_hz);
    tm_dtmf_receiver_init(&side->dtmf_in, config->dtmf_clock_hz);
    side->dtmf_pending = 0;
  }
}

void tm_packet_queue_dtmf(tm_stream *stream, const char *digits, uint32_t duration_ms, uint32_t gap_ms)
{
  tm_packet_side *side = &stream->packet;
  if (side->config.dtmf_payload_type < 0) return;
  if (tm_dtmf_send(&side->dtmf_out, digits, duration_ms, gap_ms) == TM_OK) {
    side->dtmf_pending = tm_dtmf_pending(&side->dtmf_out);
    return;
  }
  tm_event event = {.kind = TM_EVENT_TROUBLE, .stream = stream->session.id};
  (void)tm_error_set(&event.error, TM_ENGINE_LIMIT, 0, "more digits than can wait: \"%s\" not sent", digits);
  (void)tm_engine_emit(stream->session.engine, &event);
}

// True when an event packet took the place of the sound.
static bool send_event(tm_stream *stream, const tm_tx_record *record)
{
  tm_packet_side *side = &stream->packet;
  const tm_packet_config *config = &side->config;
  tm_dtmf_packet event;
  if (config->dtmf_payload_type < 0 || side->dtmf_pending == 0) return false;
  bool same_clock = config->dtmf_clock_hz == record->clock_hz;
  uint32_t ticks = (uint32_t)((uint64_t)record->duration * config->dtmf_clock_hz / record->clock_hz);
  uint32_t position = same_clock ? record->timestamp : side->dtmf_clock_position;
  side->dtmf_clock_position += ticks;
  tm_dtmf_action action = tm_dtmf_sender_tick(&side->dtmf_out, position, ticks, &event);
  size_t pending = tm_dtmf_pending(&side->dtmf_out);
  if (pending < side->dtmf_pending) tm_count(&stream->counters.dtmf_sent, side->dtmf_pending - pending);
  side->dtmf_pending = pending;
  if (action != TM_DTMF_SEND) return false;
  if (same_clock) side->dtmf_rtp_timestamp = event.timestamp;
  // Other clock than the sound's: durations count in the event's clock, the packet keeps the timeline of the SSRC (RFC 7160).
  else if (event.marker || event.timestamp != side->dtmf_segment) side->dtmf_rtp_timestamp = record->timestamp;
  side->dtmf_segment = event.timestamp;
  tm_rtp_packet packet = {.payload_type = (uint8_t)config->dtmf_payload_type,
                          .marker = event.marker,
                          .timestamp = side->dtmf_rtp_timestamp,
                          .payload = event.payload,
                          .payload_bytes = sizeof event.payload};
  (void)tm_session_send(&stream->session, &packet);
  side->marker = true;
  return true;
}

static void send_record(tm_stream *stream, const tm_tx_record *record, const uint8_t *payload)
{
  tm_packet_side *side = &stream->packet;
  tm_session_timeline(&stream->session, record->timestamp, tm_stream_due(stream, record->unit));
  if (!stream->session.config.send || send_event(stream, record)) return;
  if (record->octets == 0) return;
  // A description of silence never begins a talkspurt.
  tm_rtp_packet packet = {.payload_type = record->payload_type,
                          .marker = record->speech && (side->marker || record->talkspurt),
                          .timestamp = record->timestamp,
                          .payload = payload,
                          .payload_bytes = record->octets};
  if (record->speech) side->marker = false;
  (void)tm_session_send(&stream->session, &packet);
}

// Sends what is due up to `unit`. True when the packet of `unit` itself was there.
static bool serve(tm_stream *stream, uint64_t unit)
{
  tm_packet_side *side = &stream->packet;
  tm_tx_record record;
  uint8_t payload[TM_TX_PAYLOAD_OCTETS];
  bool found = false;
  while (tm_ring_peek(stream->tx, &record, sizeof record) == TM_OK && record.unit <= unit) {
    (void)tm_ring_read(stream->tx, &record, sizeof record);
    if (record.octets > 0 && tm_ring_read(stream->tx, payload, record.octets) != TM_OK) return found;
    if (record.unit + MAX_BEATS_LATE > unit) send_record(stream, &record, payload);
    found = record.unit == unit;
    side->flowing = side->flowing || found;
  }
  return found;
}

static void retry(tm_stream *stream, int64_t now)
{
  tm_packet_side *side = &stream->packet;
  uint64_t unit = side->next_unit - 1;
  side->retry_ns = TM_NEVER;
  if (serve(stream, unit)) return;
  if (now < tm_stream_due(stream, unit) + RETRY_LIMIT_MS * TM_NS_PER_MS) side->retry_ns = now + RETRY_MS * TM_NS_PER_MS;
  else if (side->flowing) tm_count(&stream->counters.ticks_missed, 1);
}

void tm_packet_beat(tm_stream *stream, int64_t now)
{
  tm_packet_side *side = &stream->packet;
  if (!stream->session.configured) return;
  if (!stream->session.config.send) {
    side->retry_ns = TM_NEVER;
    return;
  }
  if (side->retry_ns <= now) retry(stream, now);
  if (now - tm_stream_due(stream, side->next_unit) > MAX_BEATS_LATE * TM_UNIT_NS) {
    uint64_t unit = (uint64_t)((now - stream->base_ns) / TM_UNIT_NS);
    tm_count(&stream->counters.ticks_missed, unit - side->next_unit);
    side->next_unit = unit;
  }
  while (tm_stream_due(stream, side->next_unit) <= now) {
    uint64_t unit = side->next_unit++;
    if (!tm_packet_ends(unit, &side->config.packing)) continue;
    if (!serve(stream, unit)) side->retry_ns = now + RETRY_MS * TM_NS_PER_MS;
  }
}
