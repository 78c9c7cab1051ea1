// RFC 5104 4.3.1, TS 26.114 5.2.2, 7.3.3: the sender's side of the key-frame policy.
#include <string.h>

#include "tm_keyframe.h"

void tm_keyframe_sender_init(tm_keyframe_sender *s, uint32_t frame_us) {
  memset(s, 0, sizeof *s);
  s->frame_us = frame_us;
  s->pending = true;
}

void tm_keyframe_sender_set(tm_keyframe_sender *s, uint32_t rtt_us, uint32_t frame_us) {
  s->rtt_us = rtt_us;
  s->frame_us = frame_us;
}

void tm_keyframe_sender_restart(tm_keyframe_sender *s) { s->pending = true; }

static bool within_response(const tm_keyframe_sender *s, uint64_t now_us) {
  return s->answered && now_us < s->answered_us + s->rtt_us + 2u * (uint64_t)s->frame_us;
}

// The answer to it is still on its way, or a key frame is owed.
static bool request(tm_keyframe_sender *s, uint64_t now_us) {
  s->requests++;
  if (within_response(s, now_us)) {
    s->ignored++;
    return false;
  }
  s->pending = true;
  s->requested = true;
  return true;
}

bool tm_keyframe_sender_pli(tm_keyframe_sender *s, uint64_t now_us) { return request(s, now_us); }

bool tm_keyframe_sender_fir(tm_keyframe_sender *s, uint32_t requester, uint8_t number, uint64_t now_us) {
  size_t place = 0;
  bool known = false;
  for (size_t i = 0; i < TM_KEYFRAME_REQUESTERS && !known; i++) {
    known = s->requesters[i].used && s->requesters[i].ssrc == requester;
    bool free_or_older = !s->requesters[i].used || (s->requesters[place].used && s->requesters[i].heard_us < s->requesters[place].heard_us);
    if (known || free_or_older) place = i;
  }
  if (known && s->requesters[place].number == number) {
    s->requesters[place].heard_us = now_us;
    s->requests++;
    s->ignored++;
    return false;
  }
  // What is ignored now is not remembered: its repetition will be heard.
  if (!request(s, now_us)) return false;
  s->requesters[place].used = true;
  s->requesters[place].ssrc = requester;
  s->requesters[place].number = number;
  s->requesters[place].heard_us = now_us;
  return true;
}

bool tm_keyframe_sender_key_due(const tm_keyframe_sender *s, uint64_t now_us) {
  if (!s->pending) return false;
  return !s->requested || !s->answered || now_us >= s->answered_us + TM_KEYFRAME_FORCED_US;
}

bool tm_keyframe_sender_sets_due(const tm_keyframe_sender *s, uint64_t now_us) {
  return s->sets_left > 0 && now_us >= s->sets_us + TM_KEYFRAME_SETS_SPACING_US;
}

void tm_keyframe_sender_sent(tm_keyframe_sender *s, bool key, bool sets, bool new_sets, uint64_t now_us) {
  if (key) {
    if (s->requested) {
      s->forced++;
      s->answered = true;
      s->answered_us = now_us;
    }
    s->pending = s->requested = false;
  }
  if (new_sets) s->sets_left = TM_KEYFRAME_SETS_TIMES;
  if (sets && s->sets_left > 0) {
    s->sets_left--;
    s->sets_us = now_us;
  }
}
