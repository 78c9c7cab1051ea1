// Jitter buffer, playout: which frame is due, whether a hole is loss or silence, and how the delay stands to its target.
#include "tm_jitter_private.h"

static const int64_t STEADY_US = 2000;           // beyond a whole beat: no swinging between longer and shorter
static const int64_t MARGIN_US = 2000;           // lengthening begins before it is too late
static const int64_t SMALLEST_US = 2500;     // less is not worth a joint
static const int64_t SKIP_ABOVE_US = 250000;     // too much to stretch away: cut
static const uint64_t IDLE_US = 1000000;         // without a packet: the stream has stopped, fill anew
static const int64_t LEAD_DECAY = 8;

/// Delay above the fastest packet that a frame at `ticks` has when it is played after what is pending.
static int64_t delay_at(const tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks, int64_t ticks) {
  int64_t playout_us = (int64_t)now_us + tm_jitter_us_of(jitter, pending_ticks);
  return playout_us - tm_jitter_us_of(jitter, ticks) - jitter->delay.fastest_us;
}

static int64_t target_us(const tm_jitter *jitter) {
  int64_t target = tm_delay_needed_us(&jitter->delay) + jitter->lead_us + MARGIN_US;
  if (target < (int64_t)jitter->config.min_ms * 1000) target = (int64_t)jitter->config.min_ms * 1000;
  if (target > (int64_t)jitter->config.max_ms * 1000) target = (int64_t)jitter->config.max_ms * 1000;
  return target;
}

static int64_t excess_at(const tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks, int64_t ticks) {
  return delay_at(jitter, now_us, pending_ticks, ticks) - target_us(jitter);
}

int64_t tm_jitter_excess_us(const tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks) {
  return jitter->playing ? excess_at(jitter, now_us, pending_ticks, jitter->cursor) : 0;
}

// Sound is taken out at beats only. What a packet waits between its coming and its beat is what jitter may eat up; where in the beat it
// then begins (the lead) is delay without use. So the lead may always go, and more only when a whole beat is too much.
int64_t tm_jitter_spare_us(const tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks) {
  int64_t beat_us = (int64_t)jitter->config.beat_ms * 1000;
  int64_t excess = tm_jitter_excess_us(jitter, now_us, pending_ticks);
  if (!jitter->playing || excess < 0) return 0;
  return jitter->least_lead_us + (excess < beat_us + STEADY_US ? 0 : excess / beat_us * beat_us);
}

int64_t tm_jitter_lack_us(const tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks) {
  if (tm_jitter_excess_us(jitter, now_us, pending_ticks) >= 0) return 0;
  int64_t lack = (int64_t)jitter->config.beat_ms * 1000 - jitter->lead_us;
  return lack < SMALLEST_US ? SMALLEST_US : lack;
}

void tm_jitter_shortened(tm_jitter *jitter, int64_t us) {
  jitter->lead_us = us < jitter->lead_us ? jitter->lead_us - us : 0;
  jitter->least_lead_us = us < jitter->least_lead_us ? jitter->least_lead_us - us : 0;
}

tm_jitter_advice tm_jitter_advise(const tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks) {
  if (tm_jitter_excess_us(jitter, now_us, pending_ticks) < 0) return TM_JITTER_LENGTHEN;
  return tm_jitter_spare_us(jitter, now_us, pending_ticks) >= SMALLEST_US ? TM_JITTER_SHORTEN : TM_JITTER_KEEP;
}

/// Throws out what lies before the cursor.
static void drop_passed(tm_jitter *jitter) {
  while (jitter->waiting > 0) {
    const tm_jitter_entry *first = &jitter->order[0];
    if (first->ticks + jitter->frames[first->slot].ticks / 2 >= jitter->cursor) return;
    tm_jitter_pop(jitter);
  }
}

/// RFC 3551 4.1: no sequence number is missing before the next frame, so the sender was silent. What came too late is as good as missing.
static bool sender_was_silent(const tm_jitter *jitter) {
  int64_t next = jitter->order[0].sequence;
  if (jitter->quiet) return true;
  if (jitter->late_frames > jitter->late_before) return false;
  if (next - jitter->played_sequence >= TM_JITTER_SEEN) return false;
  for (int64_t between = jitter->played_sequence + 1; between < next; between++) {
    if (!tm_jitter_was_seen(jitter, between)) return false;
  }
  return true;
}

/// A frame waits again: what was there while none did? Silence leaves a hole in the media time; what made up for a network that
/// stood still does not, and counts as lost.
static void settle_unknown(tm_jitter *jitter) {
  if (jitter->unknown == 0) return;
  int64_t hole = (jitter->order[0].ticks - jitter->played_end) / jitter->config.frame_ticks;
  uint64_t silent = hole > 0 && sender_was_silent(jitter) ? (uint64_t)hole : 0;
  if (silent > jitter->unknown) silent = jitter->unknown;
  jitter->stats.frames_dtx += silent;
  jitter->stats.frames_lost += jitter->unknown - silent;
  jitter->unknown = 0;
}

/// Begins to play once the oldest frame has waited for the target delay.
static bool begin_playing(tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks) {
  if (jitter->waiting == 0) return false;
  int64_t ticks = jitter->order[0].ticks;
  if (excess_at(jitter, now_us, pending_ticks, ticks) < 0 && jitter->waiting < jitter->config.capacity) return false;
  settle_unknown(jitter);
  jitter->playing = true;
  jitter->joint = true;
  jitter->quiet = false;
  jitter->cursor = ticks;
  jitter->played_sequence = jitter->order[0].sequence - 1;
  jitter->played_end = ticks;
  jitter->late_before = jitter->late_frames;
  return true;
}

/// Cuts when the delay is far beyond what stretching can mend.
static void skip_excess(tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks) {
  int64_t excess = tm_jitter_excess_us(jitter, now_us, pending_ticks);
  if (excess <= SKIP_ABOVE_US || jitter->waiting == 0) return;
  int64_t frame_us = tm_jitter_us_of(jitter, jitter->config.frame_ticks);
  jitter->cursor += excess / frame_us * jitter->config.frame_ticks;
  if (jitter->cursor > jitter->order[jitter->waiting - 1].ticks) {
    jitter->cursor = jitter->order[jitter->waiting - 1].ticks;
  }
  jitter->joint = true;
  drop_passed(jitter);
}

/// RFC 3611 4.7.2: every packet up to this one was useful or not.
static void count_packets(tm_jitter *jitter, int64_t sequence) {
  if (sequence - jitter->counted_sequence > TM_JITTER_SEEN) jitter->counted_sequence = sequence - TM_JITTER_SEEN;
  while (jitter->counted_sequence < sequence) {
    tm_bursts_add(&jitter->bursts, !tm_jitter_was_useful(jitter, ++jitter->counted_sequence));
  }
}

static tm_jitter_result play_first(tm_jitter *jitter, tm_frame *frame, bool *restarted) {
  const tm_jitter_entry *first = &jitter->order[0];
  *frame = jitter->frames[first->slot];
  jitter->cursor = first->ticks + frame->ticks;
  jitter->played_sequence = first->sequence;
  count_packets(jitter, first->sequence);
  jitter->played_end = jitter->cursor;
  jitter->late_before = jitter->late_frames;
  tm_jitter_pop(jitter);
  jitter->quiet = frame->kind == TM_FRAME_SID || frame->kind == TM_FRAME_NO_DATA;
  switch (frame->kind) {
    case TM_FRAME_LOST: jitter->stats.frames_lost++; return TM_JITTER_LOST;
    case TM_FRAME_NO_DATA: jitter->stats.frames_dtx++; return TM_JITTER_DTX;
    case TM_FRAME_SPEECH:
    case TM_FRAME_SID: break;
  }
  jitter->stats.frames_played++;
  *restarted = jitter->joint;
  jitter->joint = false;
  return TM_JITTER_FRAME;
}

/// Nothing waits. The media time stands still while the delay is below its target, else it runs on.
static tm_jitter_result play_nothing(tm_jitter *jitter, uint64_t now_us, int64_t excess) {
  if (now_us > jitter->arrival_us + IDLE_US) {
    jitter->playing = false;
    return TM_JITTER_NONE;
  }
  if (excess >= 0) jitter->cursor += jitter->config.frame_ticks;
  if (jitter->quiet || jitter->noting) {
    jitter->stats.frames_dtx++;
    return TM_JITTER_DTX;
  }
  jitter->unknown++;
  return TM_JITTER_LOST;
}

/// A frame waits, but its time is later.
static tm_jitter_result play_hole(tm_jitter *jitter, int64_t excess, tm_frame *frame, bool *restarted) {
  int64_t step = jitter->config.frame_ticks;
  int64_t step_us = tm_jitter_us_of(jitter, step);
  if (!sender_was_silent(jitter)) {
    jitter->cursor += step;
    jitter->stats.frames_lost++;
    return TM_JITTER_LOST;
  }
  // Silence is where the delay is brought to its target unheard: it is cut short or drawn out.
  while (excess >= step_us && jitter->order[0].ticks - jitter->cursor >= step) {
    jitter->cursor += step;
    excess -= step_us;
  }
  if (jitter->order[0].ticks - jitter->cursor < step / 2) return play_first(jitter, frame, restarted);
  if (excess > -step_us) jitter->cursor += step;
  jitter->stats.frames_dtx++;
  return TM_JITTER_DTX;
}

/// Sound that is taken out while other sound is pending is needed earlier by that. It matters where a packet begins;
/// of a packet that is missing, its first frame counts.
static void note_lead(tm_jitter *jitter, int64_t pending_us) {
  bool there = jitter->waiting > 0 && jitter->order[0].ticks - jitter->cursor < jitter->config.frame_ticks / 2;
  bool begins = there ? jitter->order[0].sequence != jitter->played_sequence : !jitter->missing;
  jitter->missing = !there;
  if (!begins) return;
  jitter->lead_us -= jitter->lead_us / LEAD_DECAY;
  if (pending_us > jitter->lead_us) jitter->lead_us = pending_us;
  jitter->least_lead_us += (pending_us - jitter->least_lead_us) / LEAD_DECAY;
  if (pending_us < jitter->least_lead_us) jitter->least_lead_us = pending_us;
}

tm_jitter_result tm_jitter_get(tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks, tm_frame *frame,
                               bool *restarted) {
  *restarted = false;
  int64_t pending_us = tm_jitter_us_of(jitter, pending_ticks);
  if (!jitter->has_stream) return TM_JITTER_NONE;
  if (!jitter->playing && !begin_playing(jitter, now_us, pending_ticks)) return TM_JITTER_NONE;
  skip_excess(jitter, now_us, pending_ticks);
  drop_passed(jitter);

  int64_t excess = tm_jitter_excess_us(jitter, now_us, pending_ticks);
  jitter->stats.target_us = (uint32_t)target_us(jitter);
  int64_t delay = excess + target_us(jitter);
  jitter->stats.delay_us = delay > 0 ? (uint32_t)delay : 0;
  note_lead(jitter, pending_us);
  if (jitter->waiting == 0) return play_nothing(jitter, now_us, excess);
  settle_unknown(jitter);
  if (jitter->order[0].ticks - jitter->cursor >= jitter->config.frame_ticks / 2) {
    return play_hole(jitter, excess, frame, restarted);
  }
  return play_first(jitter, frame, restarted);
}

const tm_frame *tm_jitter_next(const tm_jitter *jitter) {
  if (!jitter->playing || jitter->waiting == 0) return NULL;
  int64_t ahead = jitter->order[0].ticks - jitter->cursor;
  int64_t slack = jitter->config.frame_ticks / 2;
  return ahead < slack && ahead > -slack ? &jitter->frames[jitter->order[0].slot] : NULL;
}
