// NG.110 2.9.1, RFC 5104 4.3.1: the receiver's side of the key-frame policy, one table.
#include "tm_keyframe.h"

#include <string.h>

#include "tm_rtp.h"

enum {
  REORDER_WAIT_US = 40000,
  NACK_WAIT_UNKNOWN_US = 120000,
  NACK_WAIT_MOST_US = 350000,
  NACK_GAP_US = 10000,    // new holes within this share a message
  NACK_AGAIN_US = 60000,  // or 1.5 RTT
};

typedef enum event {
  BEGINS_WELL,   // first packet: sets or an I-frame
  BEGINS_BADLY,  // first packet: neither (MD-2.9.1d)
  KEY,           // whole key frame, sets known
  KEY_BARE,      // whole key frame, sets nowhere
  WHOLE,         // another picture that has all it refers to
  BROKEN,        // damaged, or what it refers to is lost
  BROKEN_KEY,    // a damaged key frame
  WANTED,        // the owner asks
  PATIENCE,      // no key frame for long
  EVENTS,
} event;

typedef enum action {
  NOTHING,
  NEED_FIR,     // nothing decodable: FIR is the message
  NEED_REFRESH, // after loss: PLI is the message
  RENEW,        // the answer came, but broken: a new need
  RENEW_FIR,    // the answer came, but without sets
  SATISFIED,
  GIVE_IN,      // go on as well as may be; what was agreed goes on being asked
} action;

typedef struct step {
  tm_keyframe_state next;
  action action;
} step;

enum { STATES = TM_KEYFRAME_ASKING + 1 };

// The table's short names.
#define FRESH TM_KEYFRAME_FRESH
#define HOPEFUL TM_KEYFRAME_HOPEFUL
#define FLOWING TM_KEYFRAME_FLOWING
#define ASKING TM_KEYFRAME_ASKING

// clang-format off
static const step TABLE[STATES][EVENTS] = {
  [FRESH] = {
    [BEGINS_WELL] = {HOPEFUL, NOTHING},     [BEGINS_BADLY] = {ASKING, NEED_FIR},
    [KEY] = {FLOWING, SATISFIED},           [KEY_BARE] = {ASKING, NEED_FIR},
    [WHOLE] = {ASKING, NEED_FIR},           [BROKEN] = {ASKING, NEED_FIR},     [BROKEN_KEY] = {ASKING, NEED_REFRESH},
    [WANTED] = {FRESH, NOTHING},            [PATIENCE] = {FRESH, NOTHING},
  },
  [HOPEFUL] = {
    [BEGINS_WELL] = {HOPEFUL, NOTHING},     [BEGINS_BADLY] = {HOPEFUL, NOTHING}, // only the first packet counts
    [KEY] = {FLOWING, SATISFIED},           [KEY_BARE] = {ASKING, NEED_FIR},     // our addition to NG.110
    [WHOLE] = {ASKING, NEED_REFRESH},       [BROKEN] = {ASKING, NEED_REFRESH}, [BROKEN_KEY] = {ASKING, NEED_REFRESH},
    [WANTED] = {HOPEFUL, NOTHING},          [PATIENCE] = {HOPEFUL, NOTHING},
  },
  [FLOWING] = {
    [BEGINS_WELL] = {FLOWING, NOTHING},     [BEGINS_BADLY] = {FLOWING, NOTHING},
    [KEY] = {FLOWING, SATISFIED},           [KEY_BARE] = {ASKING, NEED_FIR},
    [WHOLE] = {FLOWING, NOTHING},           [BROKEN] = {ASKING, NEED_REFRESH}, [BROKEN_KEY] = {ASKING, NEED_REFRESH},
    [WANTED] = {FLOWING, NEED_REFRESH},     [PATIENCE] = {FLOWING, NOTHING},
  },
  [ASKING] = {
    [BEGINS_WELL] = {ASKING, NOTHING},      [BEGINS_BADLY] = {ASKING, NOTHING},
    [KEY] = {FLOWING, SATISFIED},           [KEY_BARE] = {ASKING, RENEW_FIR},
    [WHOLE] = {ASKING, NOTHING},            [BROKEN] = {ASKING, NOTHING},      [BROKEN_KEY] = {ASKING, RENEW},
    [WANTED] = {ASKING, NOTHING},           [PATIENCE] = {FLOWING, GIVE_IN},
  },
};
// clang-format on

static const tm_keyframe_ask SILENCE = {TM_REQUEST_NONE, 0, false};

void tm_keyframe_receiver_init(tm_keyframe_receiver *r, const tm_keyframe_settings *settings) {
  memset(r, 0, sizeof *r);
  r->settings = *settings;
  r->number = settings->first_number;
}

void tm_keyframe_receiver_set(tm_keyframe_receiver *r, const tm_keyframe_settings *settings) { r->settings = *settings; }

void tm_keyframe_receiver_restart(tm_keyframe_receiver *r) {
  tm_keyframe_receiver old = *r;
  tm_keyframe_receiver_init(r, &old.settings);
  r->number = old.number;
  r->rtt_us = old.rtt_us;
  r->said = old.said;
  r->said_us = old.said_us;
  r->asks = old.asks;
  r->frames_dropped = old.frames_dropped;
}

void tm_keyframe_set_rtt(tm_keyframe_receiver *r, uint32_t rtt_us) { r->rtt_us = rtt_us; }

static bool agreed(const tm_keyframe_receiver *r) { return r->settings.fir || r->settings.pli; }

static tm_keyframe_request choose(const tm_keyframe_receiver *r) {
  const tm_keyframe_settings *s = &r->settings;
  // A FIR that nobody agreed to is said once: who does not know it (baresip) may well know the PLI that was agreed.
  bool told = s->pli && !s->fir && r->asked != TM_REQUEST_NONE;
  bool fir = s->fir || (s->fir_always && !told && (r->need_fir || !s->pli));
  if (s->pli && !(r->need_fir && fir)) return TM_REQUEST_PLI;
  return fir ? TM_REQUEST_FIR : TM_REQUEST_NONE;
}

// What will be sent is a FIR that nobody agreed to: the project's choice, once for a need.
static bool unagreed(const tm_keyframe_receiver *r) { return !agreed(r) || (choose(r) == TM_REQUEST_FIR && !r->settings.fir); }

static uint64_t spacing(const tm_keyframe_receiver *r) {
  uint64_t twice = 2u * (uint64_t)r->rtt_us;
  return twice > TM_KEYFRAME_SPACING_US ? twice : TM_KEYFRAME_SPACING_US;
}

// The moment of the next message for the present need.
static uint64_t next_us(const tm_keyframe_receiver *r) {
  if (!r->need || choose(r) == TM_REQUEST_NONE) return UINT64_MAX;
  if (!r->said) return 0;
  if (unagreed(r)) return r->asked == TM_REQUEST_NONE ? r->said_us + TM_KEYFRAME_EAGER_US : UINT64_MAX;
  bool eager = !r->begun || r->said_us - r->begun_us + spacing(r) <= TM_KEYFRAME_EAGER_US;
  return r->said_us + (eager ? spacing(r) : TM_KEYFRAME_EAGER_US);
}

static tm_keyframe_ask speak(tm_keyframe_receiver *r, uint64_t now_us) {
  uint64_t next = next_us(r);
  if (next == UINT64_MAX || now_us < next) return SILENCE;
  tm_keyframe_ask ask = {.request = choose(r), .repeated = r->asked != TM_REQUEST_NONE};
  // A number that a sender obeyed already draws nothing (RFC 5104 4.3.1): after long silence the answer itself was lost.
  if (ask.repeated && now_us - r->said_us >= TM_KEYFRAME_EAGER_US) r->new_number = true;
  if (ask.request == TM_REQUEST_FIR) {
    if (r->new_number) r->number++;
    r->new_number = false;
    ask.fir_number = (uint8_t)(r->number - 1);
  }
  if (!r->begun) r->begun_us = now_us;
  r->begun = true;
  r->asked = ask.request;
  r->said = true;
  r->said_us = now_us;
  r->asks++;
  return ask;
}

static void take_need(tm_keyframe_receiver *r, bool fir) {
  r->need_fir = fir || (r->need && r->need_fir);
  if (r->need) return;
  r->need = true;
  r->begun = false;
  r->new_number = true;
  r->asked = TM_REQUEST_NONE;
}

static void renew(tm_keyframe_receiver *r) {
  if (r->asked == TM_REQUEST_NONE) return;
  r->asked = TM_REQUEST_NONE;
  r->new_number = true;
}

static tm_keyframe_ask turn(tm_keyframe_receiver *r, event what, uint64_t now_us) {
  const step to = TABLE[r->state][what];
  if (to.next == TM_KEYFRAME_ASKING && r->state != TM_KEYFRAME_ASKING) r->stopped_us = now_us;
  r->state = to.next;
  switch (to.action) {
    case NEED_FIR:
    case NEED_REFRESH:
      take_need(r, to.action == NEED_FIR);
      break;
    case RENEW_FIR:
      r->need_fir = true;
      renew(r);
      break;
    case RENEW:
      renew(r);
      break;
    case SATISFIED:
      r->need = false;
      break;
    case GIVE_IN:
      if (unagreed(r) && r->asked != TM_REQUEST_NONE) r->need = false;
      break;
    case NOTHING:
      break;
  }
  return speak(r, now_us);
}

tm_keyframe_ask tm_keyframe_heard(tm_keyframe_receiver *r, const tm_h264_glance *glance, uint64_t now_us) {
  bool well = glance->sps || glance->pps || glance->idr || glance->intra;
  bool badly = glance->inter || glance->middle;
  if (!well && !badly) return SILENCE; // delimiter, SEI: says nothing yet
  return turn(r, well ? BEGINS_WELL : BEGINS_BADLY, now_us);
}

// Whether NACK is of use at all.
static bool nacks(const tm_keyframe_receiver *r) { return r->settings.nack && r->rtt_us <= TM_KEYFRAME_NACK_RTT_US; }

bool tm_keyframe_needs(const tm_keyframe_receiver *r) { return r->need; }

uint32_t tm_keyframe_wait_us(const tm_keyframe_receiver *r) {
  if (!nacks(r)) return REORDER_WAIT_US;
  if (r->rtt_us == 0) return NACK_WAIT_UNKNOWN_US;
  uint32_t wait = REORDER_WAIT_US + 2 * r->rtt_us;
  return wait > NACK_WAIT_MOST_US ? NACK_WAIT_MOST_US : wait;
}

tm_keyframe_ask tm_keyframe_missing(tm_keyframe_receiver *r, const uint16_t *sequences, size_t count, uint64_t now_us) {
  if (count == 0 || !nacks(r) || r->state == TM_KEYFRAME_FRESH) return SILENCE;
  uint16_t newest = sequences[count - 1];
  uint64_t since = r->nacked ? now_us - r->nacked_us : UINT64_MAX;
  bool fresh = !r->nacked || tm_seq_diff(newest, r->nacked_to) > 0;
  if (fresh) {
    if (since < NACK_GAP_US) return SILENCE;
    r->nack_times = 0;
  } else {
    uint64_t again = r->rtt_us + r->rtt_us / 2;
    if (since < (again > NACK_AGAIN_US ? again : NACK_AGAIN_US) || r->nack_times >= TM_KEYFRAME_NACK_TIMES) return SILENCE;
  }
  r->nack_times++;
  r->nacked = true;
  r->nacked_to = newest;
  r->nacked_us = now_us;
  return (tm_keyframe_ask){.request = TM_REQUEST_NACK, .repeated = !fresh};
}

// H.264 7.4.3: the frame_num after a reference picture is one more; so nothing that is referred to was lost.
static bool follows(const tm_keyframe_receiver *r, const tm_h264_frame *frame) {
  if (!r->has_frame_num || !frame->has_frame_num) return false;
  uint16_t mask = (uint16_t)((1u << frame->log2_max_frame_num) - 1u);
  return frame->frame_num == ((r->frame_num + 1) & mask);
}

static event judge(const tm_keyframe_receiver *r, const tm_h264_frame *frame) {
  if (frame->damaged) return frame->key ? BROKEN_KEY : BROKEN;
  if (frame->key) return frame->sets_known ? KEY : KEY_BARE;
  if (!frame->sets_known) return BROKEN;
  bool starting = r->state == TM_KEYFRAME_FRESH || r->state == TM_KEYFRAME_HOPEFUL;
  if (frame->recovery_point || (frame->intra && starting)) return KEY;
  return frame->loss_before && !follows(r, frame) ? BROKEN : WHOLE;
}

tm_keyframe_ask tm_keyframe_frame(tm_keyframe_receiver *r, const tm_h264_frame *frame, uint64_t now_us, bool *show) {
  if (!frame->has_picture && !frame->damaged) { // sets on their own
    *show = true;
    return speak(r, now_us);
  }
  if (frame->damaged && frame->has_picture && !frame->reference && !frame->key) { // nothing refers to it
    *show = false;
    r->frames_dropped++;
    return speak(r, now_us);
  }
  event what = judge(r, frame);
  tm_keyframe_ask ask = turn(r, what, now_us);
  *show = r->state == TM_KEYFRAME_FLOWING && !frame->damaged;
  if (!*show) {
    r->frames_dropped++;
    return ask;
  }
  r->flowed = true;
  if (frame->reference && frame->has_frame_num) {
    r->frame_num = frame->frame_num;
    r->has_frame_num = true;
  }
  return ask;
}

tm_keyframe_ask tm_keyframe_wanted(tm_keyframe_receiver *r, uint64_t now_us) { return turn(r, WANTED, now_us); }

static uint64_t patience_us(const tm_keyframe_receiver *r) {
  return r->state == TM_KEYFRAME_ASKING && r->flowed ? r->stopped_us + TM_KEYFRAME_PATIENCE_US : UINT64_MAX;
}

tm_keyframe_ask tm_keyframe_tick(tm_keyframe_receiver *r, uint64_t now_us) {
  if (now_us >= patience_us(r)) return turn(r, PATIENCE, now_us);
  return speak(r, now_us);
}

uint64_t tm_keyframe_due_us(const tm_keyframe_receiver *r) {
  uint64_t next = next_us(r);
  uint64_t patience = patience_us(r);
  return next < patience ? next : patience;
}
