// NG.110 2.9.1, RFC 5104 3.5.1, 4.3.1, TS 26.114 7.3.3: when to ask for a key frame, and when to make one. Two small objects, one
// table; time (monotonic microseconds) is handed in. One thread each, no allocation; embed them.
//
// Receiver: note every packet as it comes (tm_keyframe_heard), every gap (tm_keyframe_missing), every access unit
// (tm_keyframe_frame: is it to be shown?), and the clock (tm_keyframe_tick, at tm_keyframe_due_us); each answers with what to send.
#ifndef TM_KEYFRAME_H
#define TM_KEYFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_h264_depay.h"

typedef enum tm_keyframe_state {
  TM_KEYFRAME_FRESH = 0, // nothing heard
  TM_KEYFRAME_HOPEFUL,   // began with sets or an I-frame; its first whole picture is on its way
  TM_KEYFRAME_FLOWING,   // pictures can be decoded
  TM_KEYFRAME_ASKING,    // can't be decoded until a key frame comes; asked, or waiting for the moment to ask
} tm_keyframe_state;

typedef enum tm_keyframe_request {
  TM_REQUEST_NONE = 0,
  TM_REQUEST_NACK, // for what is missing
  TM_REQUEST_PLI,
  TM_REQUEST_FIR,  // with tm_keyframe_ask.fir_number
} tm_keyframe_request;

typedef struct tm_keyframe_ask {
  tm_keyframe_request request;
  uint8_t fir_number; // RFC 5104 4.3.1.1: the same in a repetition, one more for a new need
  bool repeated;
} tm_keyframe_ask;

typedef struct tm_keyframe_settings {
  bool nack, pli, fir;  // agreed in the SDP
  bool fir_always;      // a FIR for each need though it was not agreed ([media] fir_always)
  uint8_t first_number; // of the first FIR; any value will do
} tm_keyframe_settings;

enum {
  TM_KEYFRAME_SPACING_US = 500000,   // between messages at least, or 2 * RTT
  TM_KEYFRAME_EAGER_US = 5000000,    // a need unanswered for so long is asked for once in this time, as is what was not agreed
  TM_KEYFRAME_PATIENCE_US = 3000000, // a stream that flowed is shown again after this, key frame or not: a blemish beats a still
  TM_KEYFRAME_NACK_RTT_US = 150000,  // a longer round trip makes a repeated packet come too late
  TM_KEYFRAME_NACK_TIMES = 3,        // for the same packets
};

/// Fields are private but for `state`, `asks` and `frames_dropped`.
typedef struct tm_keyframe_receiver {
  tm_keyframe_settings settings;
  tm_keyframe_state state;
  uint64_t asks, frames_dropped;
  uint32_t rtt_us;
  uint8_t number;            // of the next new FIR
  bool need;                 // a key frame is wanted
  bool need_fir;             // it is a need that FIR is for (nothing decodable yet), not a loss
  bool begun;                // it was asked for at least once
  bool new_number;           // the next FIR takes one
  bool said;                 // any request was ever sent
  bool flowed;               // pictures were shown once
  tm_keyframe_request asked; // for the present need; NONE: not yet, or the answer was broken
  uint64_t begun_us;
  uint64_t said_us;          // the last message
  uint64_t stopped_us;       // when the picture stopped
  bool has_frame_num;
  uint16_t frame_num; // of the last reference picture shown
  bool nacked;
  uint16_t nacked_to;
  uint8_t nack_times;
  uint64_t nacked_us;
} tm_keyframe_receiver;

void tm_keyframe_receiver_init(tm_keyframe_receiver *r, const tm_keyframe_settings *settings);
/// A change of agreement (re-INVITE) keeps the state and the running number.
void tm_keyframe_receiver_set(tm_keyframe_receiver *r, const tm_keyframe_settings *settings);
/// A new source (SSRC): as after init, but the number goes on.
void tm_keyframe_receiver_restart(tm_keyframe_receiver *r);
void tm_keyframe_set_rtt(tm_keyframe_receiver *r, uint32_t rtt_us); // 0: unknown

tm_keyframe_ask tm_keyframe_heard(tm_keyframe_receiver *r, const tm_h264_glance *glance, uint64_t now_us);
/// What tm_h264_depay_missing gives, after each put that leaves something missing. NACK: send one for all of them.
tm_keyframe_ask tm_keyframe_missing(tm_keyframe_receiver *r, const uint16_t *sequences, size_t count, uint64_t now_us);
/// `*show`: whether the frame can be decoded, or should be dropped.
tm_keyframe_ask tm_keyframe_frame(tm_keyframe_receiver *r, const tm_h264_frame *frame, uint64_t now_us, bool *show);
/// The owner of the sink wants a fresh start (a viewer came, the decoder complained).
tm_keyframe_ask tm_keyframe_wanted(tm_keyframe_receiver *r, uint64_t now_us);
tm_keyframe_ask tm_keyframe_tick(tm_keyframe_receiver *r, uint64_t now_us);
uint64_t tm_keyframe_due_us(const tm_keyframe_receiver *r); // UINT64_MAX: no clock needed
/// A key frame is wanted.
bool tm_keyframe_needs(const tm_keyframe_receiver *r);
/// How long the depacketiser should wait for missing packets: for a NACK's answer, or only for reordering.
uint32_t tm_keyframe_wait_us(const tm_keyframe_receiver *r);

enum {
  TM_KEYFRAME_REQUESTERS = 4,          // FIR numbers remembered for so many SSRC, the longest unheard makes room
  TM_KEYFRAME_FORCED_US = 1000000,     // at most one forced key frame in this time
  TM_KEYFRAME_SETS_TIMES = 3,          // TS 26.114 5.2.2: new sets three times, spacing at most 0.5 s
  TM_KEYFRAME_SETS_SPACING_US = 400000,
};

/// Fields are private but for the counters.
typedef struct tm_keyframe_sender {
  uint64_t requests, ignored, forced;
  uint32_t rtt_us, frame_us;
  struct {
    bool used;
    uint32_t ssrc;
    uint8_t number;
    uint64_t heard_us;
  } requesters[TM_KEYFRAME_REQUESTERS];
  bool pending;   // a key frame is owed
  bool requested; // by the peer
  bool answered;  // a peer's request was ever answered
  uint64_t answered_us;
  uint8_t sets_left;
  uint64_t sets_us;
} tm_keyframe_sender;

/// `frame_us`: duration of a frame, e.g. 33333. The first frame is always a key frame: pending after init.
void tm_keyframe_sender_init(tm_keyframe_sender *s, uint32_t frame_us);
void tm_keyframe_sender_set(tm_keyframe_sender *s, uint32_t rtt_us, uint32_t frame_us);
/// A FIR entry for our SSRC. Returns whether a key frame is owed for it: a number that was obeyed already is ignored, and all that
/// comes within RTT + 2 frames of an answer (TS 26.114 7.3.3).
bool tm_keyframe_sender_fir(tm_keyframe_sender *s, uint32_t requester, uint8_t number, uint64_t now_us);
bool tm_keyframe_sender_pli(tm_keyframe_sender *s, uint64_t now_us);
/// Our own wish: the stream begins anew, the source changed.
void tm_keyframe_sender_restart(tm_keyframe_sender *s);
/// Whether the next frame has to be an IDR with SPS and PPS. Ask before each frame; stays true until a key frame was told as sent.
bool tm_keyframe_sender_key_due(const tm_keyframe_sender *s, uint64_t now_us);
/// Whether the sets should go before the next frame though it is no key frame (repetition of new sets).
bool tm_keyframe_sender_sets_due(const tm_keyframe_sender *s, uint64_t now_us);
/// A frame went out. `new_sets`: its sets differ from those before.
void tm_keyframe_sender_sent(tm_keyframe_sender *s, bool key, bool sets, bool new_sets, uint64_t now_us);

#endif
