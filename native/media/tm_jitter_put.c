// Jitter buffer, arrival: which stream a packet belongs to, whether it is new, and where its frames go.
#include <string.h>

#include "tm_jitter_private.h"
#include "tm_rtp.h"

enum {
  MAX_DROPOUT = 3000, // RFC 3550 A.1
  MAX_MISORDER = 500,
  CANDIDATE_GAP = 3,  // sequence numbers between the two packets that prove a new stream
};
static const int64_t JUMP_BACK_US = 5000000;    // later than that: the sender's clock jumped back or stood still
static const int64_t JUMP_AHEAD_US = -1000000;  // earlier than the fastest by that: it jumped ahead
static const uint64_t LATE_ONLY_US = 300000;    // nothing in time for so long: start anew

static void mark_seen(tm_jitter *jitter, int64_t sequence) {
  for (int64_t next = jitter->highest_sequence + 1; next <= sequence; next++) {
    uint64_t bit = (uint64_t)next % TM_JITTER_SEEN;
    jitter->seen[bit / 64] &= ~((uint64_t)1 << bit % 64);
    jitter->useful[bit / 64] &= ~((uint64_t)1 << bit % 64);
  }
  if (sequence > jitter->highest_sequence) jitter->highest_sequence = sequence;
  uint64_t bit = (uint64_t)sequence % TM_JITTER_SEEN;
  jitter->seen[bit / 64] |= (uint64_t)1 << bit % 64;
}

static void mark_useful(tm_jitter *jitter, int64_t sequence) {
  uint64_t bit = (uint64_t)sequence % TM_JITTER_SEEN;
  jitter->useful[bit / 64] |= (uint64_t)1 << bit % 64;
}

static int64_t unwrap_sequence(const tm_jitter *jitter, uint16_t sequence) {
  return jitter->highest_sequence + tm_seq_diff(sequence, (uint16_t)jitter->highest_sequence);
}

static int64_t unwrap_timestamp(const tm_jitter *jitter, uint32_t timestamp) {
  return jitter->newest_ticks + tm_timestamp_diff(timestamp, (uint32_t)jitter->newest_ticks);
}

static int64_t transit_of(const tm_jitter *jitter, const tm_jitter_packet *packet) {
  return (int64_t)packet->arrival_us - tm_jitter_us_of(jitter, unwrap_timestamp(jitter, packet->timestamp));
}

static void start_stream(tm_jitter *jitter, const tm_jitter_packet *packet) {
  // Far from zero, so that unwrapping backwards stays positive.
  static const int64_t ORIGIN = (int64_t)1 << 40;
  tm_jitter_clear(jitter);
  jitter->has_stream = true;
  jitter->has_candidate = false;
  jitter->ssrc = packet->ssrc;
  jitter->highest_sequence = ORIGIN + packet->sequence - 1;
  jitter->newest_ticks = ORIGIN + packet->timestamp;
  jitter->counted_sequence = jitter->highest_sequence;
  memset(jitter->seen, 0, sizeof jitter->seen);
  memset(jitter->useful, 0, sizeof jitter->useful);
  jitter->late_only = false;
  jitter->playing = false;
  jitter->noting = false;
  jitter->unknown = 0;
  jitter->joint = true;
  tm_delay_rebase(&jitter->delay);
}

/// A jump inside the stream, of sequence number or time.
static bool jumps(const tm_jitter *jitter, const tm_jitter_packet *packet) {
  int64_t ahead = unwrap_sequence(jitter, packet->sequence) - jitter->highest_sequence;
  if (ahead > MAX_DROPOUT || ahead < -MAX_MISORDER) return true;
  if (packet->count == 0 || !jitter->delay.any) return false;
  int64_t delay = transit_of(jitter, packet) - jitter->delay.fastest_us;
  return delay > JUMP_BACK_US || delay < JUMP_AHEAD_US;
}

/// True when this packet continues the candidate, which proves the new stream; else it becomes the candidate.
static bool confirms_candidate(tm_jitter *jitter, const tm_jitter_packet *packet) {
  bool confirmed = false;
  if (jitter->has_candidate && jitter->candidate_ssrc == packet->ssrc) {
    int32_t ahead = tm_seq_diff(packet->sequence, jitter->candidate_sequence);
    int32_t ticks = tm_timestamp_diff(packet->timestamp, jitter->candidate_timestamp);
    confirmed = ahead > 0 && ahead <= CANDIDATE_GAP && ticks >= 0 && ticks <= (int32_t)jitter->config.clock_hz;
  }
  jitter->has_candidate = true;
  jitter->candidate_ssrc = packet->ssrc;
  jitter->candidate_sequence = packet->sequence;
  jitter->candidate_timestamp = packet->timestamp;
  return confirmed;
}

/// Puts a frame in its place; false when one with sound is there already.
static bool insert(tm_jitter *jitter, int64_t ticks, int64_t sequence, const tm_frame *frame) {
  size_t at = jitter->waiting;
  while (at > 0 && jitter->order[at - 1].ticks >= ticks) at--;
  if (at < jitter->waiting && jitter->order[at].ticks == ticks) {
    // Redundancy (RFC 4867 3.7.1): real sound takes the place of a hole, nothing else changes.
    tm_frame *there = &jitter->frames[jitter->order[at].slot];
    bool hole = there->kind == TM_FRAME_LOST || there->kind == TM_FRAME_NO_DATA;
    if (!hole || frame->kind == TM_FRAME_LOST || frame->kind == TM_FRAME_NO_DATA) return false;
    *there = *frame;
    return true;
  }
  if (jitter->waiting == jitter->config.capacity) {
    jitter->stats.overflow++;
    tm_jitter_pop(jitter);
    if (at > 0) at--;
  }
  uint16_t slot = jitter->free_slots[jitter->config.capacity - jitter->waiting - 1];
  memmove(jitter->order + at + 1, jitter->order + at, (jitter->waiting - at) * sizeof *jitter->order);
  jitter->order[at] = (tm_jitter_entry){.ticks = ticks, .sequence = sequence, .slot = slot};
  jitter->frames[slot] = *frame;
  jitter->waiting++;
  return true;
}

/// Stores the frames whose time has not come.
static tm_jitter_verdict store(tm_jitter *jitter, const tm_jitter_packet *packet, int64_t sequence) {
  int64_t ticks = unwrap_timestamp(jitter, packet->timestamp);
  if (ticks > jitter->newest_ticks) jitter->newest_ticks = ticks;
  bool any = false;
  bool late = false;
  for (size_t i = 0; i < packet->count; i++) {
    const tm_frame *frame = &packet->frames[i];
    if (jitter->playing && ticks + frame->ticks / 2 < jitter->cursor) {
      late = true;
      jitter->late_frames++;
    } else if (insert(jitter, ticks, sequence, frame)) {
      any = true;
    }
    ticks += frame->ticks;
  }
  jitter->stats.packet_us = (uint32_t)tm_jitter_us_of(jitter, ticks - unwrap_timestamp(jitter, packet->timestamp));
  if (any) return TM_JITTER_STORED;
  return late ? TM_JITTER_LATE : TM_JITTER_DUPLICATE;
}

/// True when packets have been nothing but late for a while: the delay has grown for good.
static bool hopelessly_late(tm_jitter *jitter, uint64_t arrival_us) {
  if (!jitter->late_only) {
    jitter->late_only = true;
    jitter->late_since_us = arrival_us;
  }
  return arrival_us - jitter->late_since_us >= LATE_ONLY_US;
}

tm_jitter_verdict tm_jitter_put(tm_jitter *jitter, const tm_jitter_packet *packet) {
  bool restarted = false;
  jitter->stats.packets++;
  if (!jitter->has_stream) {
    if (packet->count == 0) return TM_JITTER_STORED;
    start_stream(jitter, packet);
  } else if (packet->ssrc != jitter->ssrc || jumps(jitter, packet)) {
    if (packet->count == 0 || !confirms_candidate(jitter, packet)) {
      jitter->stats.suspect++;
      return TM_JITTER_SUSPECT;
    }
    start_stream(jitter, packet);
    restarted = true;
  }
  jitter->has_candidate = false;
  jitter->arrival_us = packet->arrival_us;

  int64_t sequence = unwrap_sequence(jitter, packet->sequence);
  if (tm_jitter_was_seen(jitter, sequence)) {
    jitter->stats.duplicate++;
    return TM_JITTER_DUPLICATE;
  }
  if (sequence < jitter->highest_sequence) jitter->stats.reordered++;
  if (sequence > jitter->highest_sequence) jitter->noting = packet->count == 0;
  mark_seen(jitter, sequence);
  if (packet->count == 0) {
    mark_useful(jitter, sequence);
    return TM_JITTER_STORED;
  }

  tm_delay_add(&jitter->delay, transit_of(jitter, packet), packet->arrival_us);
  tm_jitter_verdict verdict = store(jitter, packet, sequence);
  if (verdict == TM_JITTER_STORED) {
    jitter->late_only = false;
    mark_useful(jitter, sequence);
  }
  if (verdict == TM_JITTER_DUPLICATE) jitter->stats.duplicate++;
  if (verdict == TM_JITTER_LATE) {
    if (hopelessly_late(jitter, packet->arrival_us)) {
      start_stream(jitter, packet);
      mark_seen(jitter, unwrap_sequence(jitter, packet->sequence));
      tm_delay_add(&jitter->delay, transit_of(jitter, packet), packet->arrival_us);
      store(jitter, packet, jitter->highest_sequence);
      mark_useful(jitter, jitter->highest_sequence);
      restarted = true;
    } else {
      jitter->stats.late++;
    }
  }
  if (!restarted) return verdict;
  jitter->stats.restarts++;
  return TM_JITTER_RESTART;
}
