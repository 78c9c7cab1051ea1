// RFC 6184: the reorder window before the assembler, and loss.
#include "tm_h264_depay.h"

#include <stdlib.h>
#include <string.h>

#include "tm_h264_assemble.h"

enum {
  WAIT_US = 40000,
  WINDOW_MASK = TM_H264_DEPAY_WINDOW - 1,
  OVERFLOW_SPAN = 16 * TM_H264_DEPAY_WINDOW, // farther ahead is a jump that has to be confirmed
  BIG_BYTES = 65536,
};

typedef struct slot {
  bool used;
  bool marker, has_cvo;
  uint8_t cvo;
  uint16_t sequence;
  uint32_t timestamp, ssrc;
  uint64_t arrived_us;
  size_t bytes;
  uint8_t *data; // `room`, or the one big buffer
  uint8_t room[TM_H264_DEPAY_PACKET_BYTES];
} slot;

typedef enum parked { PARKED_NOTHING, PARKED_CANDIDATE, PARKED_OVERFLOW } parked;

struct tm_h264_depay {
  uint32_t wait_us;
  uint8_t cvo_id;
  bool started;
  uint32_t ssrc;
  uint16_t expected;
  size_t waiting; // used slots
  bool big_used;
  parked parked;
  bool gap;  // something was given up since the last payload
  bool loss; // for loss_before of the next access unit
  bool delivered;
  tm_h264_depay_stats stats;
  tm_h264_assembler assembler;
  slot side; // a packet that has no place in the window yet
  slot window[TM_H264_DEPAY_WINDOW];
  uint8_t big[BIG_BYTES];
};

tm_status tm_h264_depay_create(const tm_h264_depay_config *config, tm_h264_depay **out) {
  if (config->cvo_id > TM_CVO_MAX_ID) return TM_ERR_ARGUMENT;
  tm_h264_depay *d = calloc(1, sizeof *d);
  if (d == NULL) return TM_ERR_MEMORY;
  d->wait_us = config->wait_us == 0 ? WAIT_US : config->wait_us;
  d->cvo_id = config->cvo_id;
  d->assembler.capacity = config->max_frame == 0 ? TM_H264_DEPAY_FRAME_BYTES : config->max_frame;
  d->assembler.buffer = malloc(d->assembler.capacity);
  if (d->assembler.buffer == NULL) {
    free(d);
    return TM_ERR_MEMORY;
  }
  tm_h264_assemble_begin(&d->assembler, true, false);
  *out = d;
  return TM_OK;
}

void tm_h264_depay_destroy(tm_h264_depay *d) {
  if (d == NULL) return;
  free(d->assembler.buffer);
  free(d);
}

tm_status tm_h264_depay_note_set(tm_h264_depay *d, const uint8_t *nal, size_t bytes) {
  tm_nal unit;
  tm_h264_unit seen;
  tm_status status = tm_nal_header(nal, bytes, &unit);
  return status == TM_OK ? tm_h264_inspect(&d->assembler.inspector, &unit, &seen) : status;
}

void tm_h264_depay_set_wait(tm_h264_depay *d, uint32_t wait_us) { d->wait_us = wait_us; }

static void clear_window(tm_h264_depay *d) {
  for (size_t i = 0; i < TM_H264_DEPAY_WINDOW; i++) d->window[i].used = false;
  d->waiting = 0;
  d->big_used = false;
}

static void start_at(tm_h264_depay *d, uint32_t ssrc, uint16_t sequence, bool loss) {
  clear_window(d);
  d->started = true;
  d->ssrc = ssrc;
  d->expected = sequence;
  d->gap = false;
  d->loss = loss;
  tm_h264_assemble_begin(&d->assembler, true, loss);
}

static bool fill(tm_h264_depay *d, slot *to, const tm_rtp_packet *packet, uint64_t now_us, bool may_be_big) {
  to->data = to->room;
  if (packet->payload_bytes > sizeof to->room) {
    if (!may_be_big || d->big_used || packet->payload_bytes > sizeof d->big) return false;
    d->big_used = true;
    to->data = d->big;
  }
  if (packet->payload_bytes > 0) memcpy(to->data, packet->payload, packet->payload_bytes);
  to->bytes = packet->payload_bytes;
  to->used = true;
  to->marker = packet->marker;
  to->sequence = packet->sequence;
  to->timestamp = packet->timestamp;
  to->ssrc = packet->ssrc;
  to->arrived_us = now_us;
  to->cvo = 0;
  to->has_cvo = d->cvo_id != 0 && tm_cvo_find(packet, d->cvo_id, &to->cvo) == TM_OK;
  return true;
}

static tm_status store(tm_h264_depay *d, const tm_rtp_packet *packet, uint64_t now_us) {
  slot *to = &d->window[packet->sequence & WINDOW_MASK];
  if (to->used) {
    d->stats.duplicates++;
    return TM_OK;
  }
  if (!fill(d, to, packet, now_us, packet->sequence == d->expected)) return TM_ERR_SPACE;
  d->waiting++;
  d->stats.packets++;
  return TM_OK;
}

static void move_side(tm_h264_depay *d) {
  const slot *from = &d->side;
  slot *to = &d->window[from->sequence & WINDOW_MASK];
  *to = *from;
  to->data = to->room;
  d->waiting++;
  d->stats.packets++;
  d->parked = PARKED_NOTHING;
}

// A stray packet changes nothing: the second in a row makes it a new start, from the first of the two.
static tm_status candidate(tm_h264_depay *d, const tm_rtp_packet *packet, uint64_t now_us) {
  bool confirmed = d->parked == PARKED_CANDIDATE && d->side.ssrc == packet->ssrc && packet->sequence == (uint16_t)(d->side.sequence + 1);
  if (!confirmed) {
    d->parked = PARKED_NOTHING;
    if (!fill(d, &d->side, packet, now_us, false)) return TM_ERR_SPACE;
    d->parked = PARKED_CANDIDATE;
    return TM_OK;
  }
  bool same = packet->ssrc == d->ssrc;
  start_at(d, packet->ssrc, d->side.sequence, same && d->delivered);
  if (!same) d->delivered = false;
  move_side(d);
  return store(d, packet, now_us);
}

tm_status tm_h264_depay_put(tm_h264_depay *d, const tm_rtp_packet *packet, uint64_t now_us) {
  if (!d->started) start_at(d, packet->ssrc, packet->sequence, false);
  int32_t ahead = tm_seq_diff(packet->sequence, d->expected);
  if (packet->ssrc != d->ssrc || ahead <= -OVERFLOW_SPAN || ahead >= OVERFLOW_SPAN) return candidate(d, packet, now_us);
  if (d->parked == PARKED_CANDIDATE) d->parked = PARKED_NOTHING;
  if (ahead < 0) {
    d->stats.late++;
    return TM_OK;
  }
  if (ahead < TM_H264_DEPAY_WINDOW) return store(d, packet, now_us);
  if (d->parked != PARKED_NOTHING || !fill(d, &d->side, packet, now_us, false)) return TM_ERR_SPACE;
  d->parked = PARKED_OVERFLOW;
  return TM_OK;
}

// How far the next packet at hand is, 0: the expected one; a window's length: none.
static uint16_t distance(const tm_h264_depay *d) {
  uint16_t away = 0;
  if (d->waiting == 0) return TM_H264_DEPAY_WINDOW;
  while (away < TM_H264_DEPAY_WINDOW && !d->window[(d->expected + away) & WINDOW_MASK].used) away++;
  return away;
}

static void give_up(tm_h264_depay *d, uint16_t count) {
  d->stats.lost += count;
  d->expected = (uint16_t)(d->expected + count);
  d->gap = true;
  tm_h264_assemble_gap(&d->assembler);
  if (!d->assembler.open) {
    d->assembler.gap_at_start = true;
    if (d->delivered) d->assembler.frame.loss_before = true;
  }
}

static void deliver(tm_h264_depay *d, tm_h264_frame *frame, bool gap_follows) {
  tm_h264_assemble_end(&d->assembler, frame);
  d->stats.frames++;
  if (frame->damaged) d->stats.damaged++;
  d->delivered = true;
  tm_h264_assemble_begin(&d->assembler, gap_follows, gap_follows);
}

static void release(tm_h264_depay *d, slot *at) {
  if (at->data == d->big) d->big_used = false;
  at->used = false;
  d->waiting--;
  d->expected++;
}

// Takes the expected packet. True: an access unit is complete.
static bool take(tm_h264_depay *d, slot *at, tm_h264_frame *frame) {
  tm_h264_assembler *a = &d->assembler;
  if (at->bytes == 0) { // RFC 6263: a keep-alive has a number, but no part in a picture
    release(d, at);
    return false;
  }
  if (a->open && a->frame.timestamp != at->timestamp) { // the packet with the marker is missing, or was sent without
    bool gap = d->gap;
    d->gap = false;
    deliver(d, frame, gap);
    return true;
  }
  if (!a->open) {
    a->frame.timestamp = at->timestamp;
    a->frame.arrived_us = at->arrived_us;
  }
  d->gap = false;
  if (at->has_cvo) {
    a->frame.has_orientation = true;
    a->frame.orientation_octet = at->cvo;
  }
  tm_h264_assemble_feed(a, at->data, at->bytes);
  bool marker = at->marker;
  release(d, at);
  if (marker) deliver(d, frame, false);
  return marker;
}

tm_status tm_h264_depay_get(tm_h264_depay *d, uint64_t now_us, tm_h264_frame *frame) {
  for (;;) {
    uint16_t away = distance(d);
    slot *at = &d->window[(d->expected + away) & WINDOW_MASK];
    if (away == 0) {
      if (take(d, at, frame)) return TM_OK;
      continue;
    }
    if (d->parked == PARKED_OVERFLOW) {
      uint16_t room = (uint16_t)(d->side.sequence - d->expected);
      if (room < TM_H264_DEPAY_WINDOW) {
        move_side(d);
      } else {
        uint16_t least = (uint16_t)(room - TM_H264_DEPAY_WINDOW + 1);
        give_up(d, away < least ? away : least);
      }
      continue;
    }
    if (away == TM_H264_DEPAY_WINDOW || now_us < at->arrived_us + d->wait_us) return TM_ERR_END;
    give_up(d, away);
  }
}

uint64_t tm_h264_depay_due_us(const tm_h264_depay *d) {
  uint16_t away = distance(d);
  if (away == 0) return 0;
  if (away == TM_H264_DEPAY_WINDOW) return UINT64_MAX;
  return d->window[(d->expected + away) & WINDOW_MASK].arrived_us + d->wait_us;
}

size_t tm_h264_depay_missing(const tm_h264_depay *d, uint16_t *sequences, size_t capacity) {
  size_t count = 0;
  size_t left = d->waiting;
  for (uint16_t away = 0; left > 0 && away < TM_H264_DEPAY_WINDOW; away++) {
    uint16_t sequence = (uint16_t)(d->expected + away);
    if (d->window[sequence & WINDOW_MASK].used) {
      left--;
    } else if (count < capacity) {
      sequences[count++] = sequence;
    }
  }
  return count;
}

const tm_h264_inspector *tm_h264_depay_inspector(const tm_h264_depay *d) { return &d->assembler.inspector; }

void tm_h264_depay_read_stats(const tm_h264_depay *d, tm_h264_depay_stats *stats) {
  *stats = d->stats;
  stats->malformed = d->assembler.malformed;
  stats->overflows = d->assembler.overflows;
}
