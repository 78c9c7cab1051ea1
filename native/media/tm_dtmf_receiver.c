// RFC 4733 2.5.2: receiving telephone events. One event is one timestamp (and its continuing segments).
#include <string.h>

#include "tm_bytes.h"
#include "tm_dtmf.h"
#include "tm_rtp.h"

enum {
  FLAG_END = 0x80,
  LAST_DIGIT = 15,
  CHANGES_AN_EVENT = 3, // the one before ends, this one begins, and ends
  PACKETS_PER_SECOND = 50,
};
static const uint64_t SILENT_US = 200000;   // all end packets lost
static const uint64_t FORGET_US = 5000000;  // after that an older timestamp is a new stream, not an old packet

void tm_dtmf_receiver_init(tm_dtmf_receiver *receiver, uint32_t clock_hz) {
  memset(receiver, 0, sizeof *receiver);
  receiver->clock_hz = clock_hz;
}

static void finish(tm_dtmf_receiver *receiver, tm_dtmf_change *change) {
  uint64_t ticks = (uint64_t)receiver->before + receiver->duration;
  uint64_t ms = receiver->clock_hz == 0 ? 0 : ticks * 1000 / receiver->clock_hz;
  *change = (tm_dtmf_change){.ended = true, .code = receiver->code, .duration_ms = (uint32_t)ms};
  receiver->active = false;
  receiver->has_last = true;
  receiver->last = receiver->segment;
  receiver->last_ticks = receiver->duration;
  receiver->last_code = receiver->code;
}

static void begin(tm_dtmf_receiver *receiver, uint32_t timestamp, uint8_t code, tm_dtmf_change *change) {
  receiver->active = true;
  receiver->segment = timestamp;
  receiver->before = 0;
  receiver->duration = 0;
  receiver->code = code;
  *change = (tm_dtmf_change){.ended = false, .code = code, .duration_ms = 0};
}

/// 2.5.1.3: a later segment of the running event starts a whole number of full segments on.
static bool continues(const tm_dtmf_receiver *receiver, uint32_t timestamp, uint8_t code) {
  int32_t ahead = tm_timestamp_diff(timestamp, receiver->segment);
  return code == receiver->code && ahead > 0 && ahead % TM_DTMF_SEGMENT_TICKS == 0;
}

/// Senders whose timestamp runs on within a press (diago beside speech) begin the same digit while it is down: no finger does.
static bool runs_on(const tm_dtmf_receiver *receiver, uint32_t timestamp, uint8_t code) {
  int32_t ahead = tm_timestamp_diff(timestamp, receiver->segment);
  uint32_t packet = receiver->clock_hz / PACKETS_PER_SECOND;
  return code == receiver->code && ahead > 0 && (uint32_t)ahead <= receiver->duration + packet;
}

/// The end of the last press once more, its timestamp run on.
static bool ends_again(const tm_dtmf_receiver *receiver, uint32_t timestamp, uint8_t code, uint32_t duration) {
  int32_t ahead = tm_timestamp_diff(timestamp, receiver->last);
  return receiver->has_last && code == receiver->last_code && duration == receiver->last_ticks && ahead > 0 &&
         (uint32_t)ahead < receiver->last_ticks;
}

static void receive_event(tm_dtmf_receiver *receiver, uint32_t timestamp, const uint8_t *event,
                          tm_dtmf_change *changes, size_t *count) {
  uint8_t code = event[0];
  bool end = (event[1] & FLAG_END) != 0;
  uint32_t duration = tm_get16(event + 2);
  if (code > LAST_DIGIT) return;
  if (receiver->active && continues(receiver, timestamp, code)) {
    receiver->before += timestamp - receiver->segment;
    receiver->segment = timestamp;
    receiver->duration = 0;
  }
  if (receiver->active && runs_on(receiver, timestamp, code)) receiver->segment = timestamp;
  if (!receiver->active && end && ends_again(receiver, timestamp, code, duration)) return;
  if (receiver->active && timestamp != receiver->segment) {
    if (tm_timestamp_diff(timestamp, receiver->segment) < 0) return;
    finish(receiver, &changes[(*count)++]);
  }
  if (!receiver->active) {
    if (receiver->has_last && tm_timestamp_diff(timestamp, receiver->last) <= 0) return;
    begin(receiver, timestamp, code, &changes[(*count)++]);
  }
  if (code != receiver->code) return;
  if (duration > receiver->duration) receiver->duration = duration;
  if (end) finish(receiver, &changes[(*count)++]);
}

tm_status tm_dtmf_receive(tm_dtmf_receiver *receiver, uint32_t timestamp, const uint8_t *payload, size_t bytes,
                          uint64_t arrival_us, tm_dtmf_change *changes, size_t *count) {
  *count = 0;
  if (bytes == 0 || bytes % TM_DTMF_PAYLOAD_BYTES != 0) return TM_ERR_MALFORMED;
  if (!receiver->active && arrival_us - receiver->heard_us > FORGET_US) receiver->has_last = false;
  receiver->heard_us = arrival_us;
  // 2.5.1.5: further events in the packet follow one another in time.
  for (size_t at = 0; at < bytes && *count + CHANGES_AN_EVENT <= TM_DTMF_MAX_RECEIVED; at += TM_DTMF_PAYLOAD_BYTES) {
    receive_event(receiver, timestamp, payload + at, changes, count);
    timestamp += tm_get16(payload + at + 2);
  }
  return TM_OK;
}

bool tm_dtmf_receiver_tick(tm_dtmf_receiver *receiver, uint64_t now_us, tm_dtmf_change *change) {
  if (!receiver->active || now_us < receiver->heard_us + SILENT_US) return false;
  finish(receiver, change);
  return true;
}
