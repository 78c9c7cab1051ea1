// RFC 4733: telephone events as sender and receiver. Plain structs owned by the caller, one thread each, no allocation.
#ifndef TM_DTMF_H
#define TM_DTMF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

enum {
  TM_DTMF_PAYLOAD_BYTES = 4,
  TM_DTMF_QUEUE = 64,           // digits that may wait
  TM_DTMF_END_PACKETS = 3,      // RFC 4733 2.5.1.4
  TM_DTMF_VOLUME = 10,          // -10 dBm0
  TM_DTMF_MIN_MS = 65,          // 26.114: shortest event and gap
  TM_DTMF_DEFAULT_MS = 100,
  TM_DTMF_DEFAULT_GAP_MS = 80,
  TM_DTMF_MAX_MS = 60000,
  TM_DTMF_SEGMENT_TICKS = 0xFFFF, // longest event in one timestamp (2.5.1.3)
  TM_DTMF_MAX_RECEIVED = 8,     // changes that one packet can report
};

/// Code of a digit 0-9 * # A-D (also a-d), or -1; and back, '\0' for codes above 15.
int tm_dtmf_code(char digit);
char tm_dtmf_digit(uint8_t code);

typedef struct tm_dtmf_sender {
  uint32_t clock_hz;
  uint8_t queue[TM_DTMF_QUEUE];
  uint32_t event_ticks[TM_DTMF_QUEUE];
  uint32_t gap_ticks[TM_DTMF_QUEUE];
  size_t head, count;
  int phase;            // tm_dtmf_phase, see tm_dtmf.c
  uint32_t start;       // RTP time of the event's (segment's) start
  uint32_t total;       // ticks of the whole event
  uint32_t before;      // ticks in finished segments
  uint32_t gap_start, gap;
  uint32_t frozen;      // duration in the end packets
  int ends_left;
  uint8_t code;
} tm_dtmf_sender;

/// An event packet to send now.
typedef struct tm_dtmf_packet {
  uint32_t timestamp; // of the event (segment) start
  bool marker;        // first packet of the event
  uint8_t payload[TM_DTMF_PAYLOAD_BYTES];
} tm_dtmf_packet;

typedef enum tm_dtmf_action {
  TM_DTMF_IDLE = 0, // send sound as usual (also in the gap between digits)
  TM_DTMF_SEND,     // send *packet in place of the sound of this tick
} tm_dtmf_action;

void tm_dtmf_sender_init(tm_dtmf_sender *sender, uint32_t clock_hz);
/// Queues all digits or none. Durations below TM_DTMF_MIN_MS are raised to it; 0: default.
/// Errors: ARGUMENT (a character that is no digit, duration above TM_DTMF_MAX_MS), SPACE.
tm_status tm_dtmf_send(tm_dtmf_sender *sender, const char *digits, uint32_t duration_ms, uint32_t gap_ms);
/// Call for every packet interval (20 ms), with the RTP timestamp (event clock) that the sound of this interval has.
tm_dtmf_action tm_dtmf_sender_tick(tm_dtmf_sender *sender, uint32_t timestamp, uint32_t interval_ticks,
                                   tm_dtmf_packet *packet);
/// Digits that are waiting or in the air.
size_t tm_dtmf_pending(const tm_dtmf_sender *sender);

typedef struct tm_dtmf_receiver {
  uint32_t clock_hz;
  bool active;
  bool has_last;        // an event was finished before
  uint32_t last;        // timestamp of the newest finished event
  uint32_t last_ticks;  // and its length, of its last segment
  uint8_t last_code;
  uint32_t segment;     // timestamp of the running segment
  uint32_t before;      // ticks in finished segments
  uint32_t duration;    // of the running segment
  uint8_t code;
  uint64_t heard_us;    // arrival of the last packet
} tm_dtmf_receiver;

/// One change: a key went down or up.
typedef struct tm_dtmf_change {
  bool ended;           // false: began; true: over, duration_ms is final
  uint8_t code;         // 0..15
  uint32_t duration_ms;
} tm_dtmf_change;

void tm_dtmf_receiver_init(tm_dtmf_receiver *receiver, uint32_t clock_hz);
/// An event packet came. Writes up to TM_DTMF_MAX_RECEIVED changes. Every event gives one begin and one end, whichever of its
/// packets were lost; repetitions and old timestamps give none. Errors: MALFORMED (length no multiple of 4, or 0).
tm_status tm_dtmf_receive(tm_dtmf_receiver *receiver, uint32_t timestamp, const uint8_t *payload, size_t bytes,
                          uint64_t arrival_us, tm_dtmf_change *changes, size_t *count);
/// Ends an event whose end packets were all lost: 200 ms without a packet. True when *change was written.
bool tm_dtmf_receiver_tick(tm_dtmf_receiver *receiver, uint64_t now_us, tm_dtmf_change *change);

#endif
