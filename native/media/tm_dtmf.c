// RFC 4733 telephone events: digits and the sender. The receiver: tm_dtmf_receiver.c.
#include "tm_dtmf.h"

#include <string.h>

#include "tm_bytes.h"
#include "tm_rtp.h"

enum { FLAG_END = 0x80, MASK_VOLUME = 0x3F };

typedef enum tm_dtmf_phase {
  PHASE_IDLE = 0,
  PHASE_ACTIVE, // the key is down
  PHASE_ENDING, // repeating the end packet
  PHASE_GAP,    // pause before the next digit
} tm_dtmf_phase;

static const char DIGITS[] = "0123456789*#ABCD"; // RFC 4733 table 3: the index is the code

int tm_dtmf_code(char digit) {
  if (digit >= 'a' && digit <= 'd') digit = (char)(digit - 'a' + 'A');
  const char *at = digit == '\0' ? NULL : strchr(DIGITS, digit);
  return at == NULL ? -1 : (int)(at - DIGITS);
}

char tm_dtmf_digit(uint8_t code) { return code < sizeof DIGITS - 1 ? DIGITS[code] : '\0'; }

void tm_dtmf_sender_init(tm_dtmf_sender *sender, uint32_t clock_hz) {
  memset(sender, 0, sizeof *sender);
  sender->clock_hz = clock_hz;
}

static uint32_t at_least(uint32_t ms, uint32_t if_zero) {
  if (ms == 0) return if_zero;
  return ms < TM_DTMF_MIN_MS ? TM_DTMF_MIN_MS : ms;
}

static uint32_t ticks_of(const tm_dtmf_sender *sender, uint32_t ms) {
  return (uint32_t)((uint64_t)sender->clock_hz * ms / 1000);
}

tm_status tm_dtmf_send(tm_dtmf_sender *sender, const char *digits, uint32_t duration_ms, uint32_t gap_ms) {
  size_t count = strlen(digits);
  if (duration_ms > TM_DTMF_MAX_MS || gap_ms > TM_DTMF_MAX_MS) return TM_ERR_ARGUMENT;
  for (size_t i = 0; i < count; i++) {
    if (tm_dtmf_code(digits[i]) < 0) return TM_ERR_ARGUMENT;
  }
  if (count > TM_DTMF_QUEUE - sender->count) return TM_ERR_SPACE;
  for (size_t i = 0; i < count; i++) {
    size_t at = (sender->head + sender->count) % TM_DTMF_QUEUE;
    sender->queue[at] = (uint8_t)tm_dtmf_code(digits[i]);
    sender->event_ticks[at] = ticks_of(sender, at_least(duration_ms, TM_DTMF_DEFAULT_MS));
    sender->gap_ticks[at] = ticks_of(sender, at_least(gap_ms, TM_DTMF_DEFAULT_GAP_MS));
    sender->count++;
  }
  return TM_OK;
}

static void begin_event(tm_dtmf_sender *sender, uint32_t timestamp) {
  sender->code = sender->queue[sender->head];
  sender->total = sender->event_ticks[sender->head];
  sender->gap = sender->gap_ticks[sender->head];
  sender->head = (sender->head + 1) % TM_DTMF_QUEUE;
  sender->count--;
  sender->start = timestamp;
  sender->before = 0;
  sender->phase = PHASE_ACTIVE;
}

static tm_dtmf_action give(const tm_dtmf_sender *sender, bool marker, bool end, uint32_t duration,
                           tm_dtmf_packet *packet) {
  packet->timestamp = sender->start;
  packet->marker = marker;
  packet->payload[0] = sender->code;
  packet->payload[1] = (uint8_t)((end ? FLAG_END : 0) | (TM_DTMF_VOLUME & MASK_VOLUME));
  tm_put16(packet->payload + 2, (uint16_t)duration);
  return TM_DTMF_SEND;
}

/// The key is down: a growing duration, a new segment when the field is full, or the first end packet.
static tm_dtmf_action go_on(tm_dtmf_sender *sender, bool marker, uint32_t duration, tm_dtmf_packet *packet) {
  uint32_t left = sender->total - sender->before;
  if (duration >= left && left <= TM_DTMF_SEGMENT_TICKS) {
    sender->frozen = left;
    sender->ends_left = TM_DTMF_END_PACKETS - 1;
    sender->phase = PHASE_ENDING;
    return give(sender, marker, true, left, packet);
  }
  if (duration < TM_DTMF_SEGMENT_TICKS) return give(sender, marker, false, duration, packet);
  tm_dtmf_action action = give(sender, marker, false, TM_DTMF_SEGMENT_TICKS, packet);
  sender->start += TM_DTMF_SEGMENT_TICKS;
  sender->before += TM_DTMF_SEGMENT_TICKS;
  return action;
}

tm_dtmf_action tm_dtmf_sender_tick(tm_dtmf_sender *sender, uint32_t timestamp, uint32_t interval_ticks,
                                   tm_dtmf_packet *packet) {
  if (sender->phase == PHASE_ENDING) {
    tm_dtmf_action action = give(sender, false, true, sender->frozen, packet);
    if (--sender->ends_left == 0) {
      sender->phase = PHASE_GAP;
      sender->gap_start = sender->start + sender->frozen;
    }
    return action;
  }
  if (sender->phase == PHASE_ACTIVE) {
    int32_t elapsed = tm_timestamp_diff(timestamp, sender->start) + (int32_t)interval_ticks;
    return go_on(sender, false, elapsed < 0 ? 0 : (uint32_t)elapsed, packet);
  }
  if (sender->phase == PHASE_GAP) {
    if (tm_timestamp_diff(timestamp, sender->gap_start) < (int32_t)sender->gap) return TM_DTMF_IDLE;
    sender->phase = PHASE_IDLE;
  }
  if (sender->count == 0) return TM_DTMF_IDLE;
  begin_event(sender, timestamp);
  return go_on(sender, true, interval_ticks, packet);
}

size_t tm_dtmf_pending(const tm_dtmf_sender *sender) {
  bool in_air = sender->phase == PHASE_ACTIVE || sender->phase == PHASE_ENDING;
  return sender->count + (in_air ? 1 : 0);
}
