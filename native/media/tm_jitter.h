// Adaptive jitter buffer: orders frames by RTP timestamp, decides when each is played, and tells loss from silence.
//
// Times are microseconds of one monotonic clock. The delay follows the 98 % quantile of the observed delay variation,
// within bounds. One thread; nothing allocates after creation. Codec-agnostic: tm_receiver.h joins it with a codec.
#ifndef TM_JITTER_H
#define TM_JITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_bursts.h"
#include "tm_frame.h"
#include "tm_status.h"

typedef struct tm_jitter tm_jitter;

typedef struct tm_jitter_config {
  uint32_t clock_hz;      // of RTP timestamps
  uint16_t frame_ticks;   // usual length of a frame
  uint16_t capacity;      // frames, 16..1024; must hold max_ms and more
  uint16_t min_ms;        // bounds of the target delay; 0: 10
  uint16_t initial_ms;    // 0: 60
  uint16_t max_ms;        // 0: 400
  uint16_t beat_ms;       // who plays takes so much at a time; 0: 20
} tm_jitter_config;

typedef struct tm_jitter_packet {
  uint32_t ssrc;
  uint16_t sequence;
  uint32_t timestamp;     // of frames[0]
  bool marker;
  uint64_t arrival_us;
  const tm_frame *frames; // copied
  size_t count;           // 0: a packet of the stream without sound of this codec (RFC 4733 event, keep-alive):
                          // its sequence number is not missing, its timestamp is not used
} tm_jitter_packet;

typedef enum tm_jitter_verdict {
  TM_JITTER_STORED = 0, // at least one frame is new
  TM_JITTER_LATE,       // its time is over
  TM_JITTER_DUPLICATE,  // sequence number seen before, or no frame new (redundancy)
  TM_JITTER_SUSPECT,    // jump of SSRC, sequence or time: dropped until a second packet confirms it
  TM_JITTER_RESTART,    // stored; the buffer was emptied for a new SSRC or after a jump
} tm_jitter_verdict;

typedef enum tm_jitter_result {
  TM_JITTER_NONE = 0, // no stream yet, or filling up: play silence
  TM_JITTER_FRAME,    // *frame is to be decoded
  TM_JITTER_LOST,     // conceal frame_ticks
  TM_JITTER_DTX,      // the sender is silent: comfort noise for frame_ticks
} tm_jitter_result;

/// What the playout should do to bring the delay to its target.
typedef enum tm_jitter_advice {
  TM_JITTER_KEEP = 0,
  TM_JITTER_SHORTEN,
  TM_JITTER_LENGTHEN,
} tm_jitter_advice;

/// Counters since creation; packets unless said otherwise.
typedef struct tm_jitter_stats {
  uint64_t packets;        // put in
  uint64_t late;
  uint64_t duplicate;
  uint64_t reordered;      // came after a higher sequence number
  uint64_t suspect;
  uint64_t restarts;       // changes of SSRC, jumps
  uint64_t overflow;       // frames thrown out because the buffer was full
  uint64_t frames_played;
  uint64_t frames_lost;    // not there at playout, and not known as silence: what nothing is known of yet counts when
                           // the next packet tells
  uint64_t frames_dtx;     // silence of the sender
  uint32_t target_us;      // present target delay
  uint32_t delay_us;       // present delay above the fastest packet; 0 before playing
  uint32_t buffered;       // frames waiting
  uint32_t position;       // RTP timestamp of the next frame to be taken out
  uint32_t packet_us;      // length of the newest packet with sound
  tm_burst_totals bursts;  // of packets that were lost or late, as far as it was played
} tm_jitter_stats;

/// Errors: ARGUMENT, MEMORY.
tm_status tm_jitter_create(const tm_jitter_config *config, tm_jitter **jitter);
void tm_jitter_destroy(tm_jitter *jitter);

tm_jitter_verdict tm_jitter_put(tm_jitter *jitter, const tm_jitter_packet *packet);

/// Next frame for the playout moment now_us. `pending_ticks`: sound already taken out but not yet played.
/// *restarted is set when this frame does not continue the last one (cross-fade).
tm_jitter_result tm_jitter_get(tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks, tm_frame *frame,
                               bool *restarted);

/// The frame that comes right after what tm_jitter_get gave last, when it is there already; else NULL. Valid until the next
/// call of another function.
const tm_frame *tm_jitter_next(const tm_jitter *jitter);

/// Advice for the same moment and pending_ticks, before tm_jitter_get.
tm_jitter_advice tm_jitter_advise(const tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks);
/// Present excess of delay over the target in microseconds (negative: too little).
int64_t tm_jitter_excess_us(const tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks);
/// How much of the pending sound may be taken out, in microseconds: all that keeps no packet from being in time.
int64_t tm_jitter_spare_us(const tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks);
/// How much sound must be added for a packet to be taken out a beat later; 0: none. At least 2.5 ms.
int64_t tm_jitter_lack_us(const tm_jitter *jitter, uint64_t now_us, uint32_t pending_ticks);
/// So much of the pending sound was taken out, in microseconds.
void tm_jitter_shortened(tm_jitter *jitter, int64_t us);

void tm_jitter_read_stats(const tm_jitter *jitter, tm_jitter_stats *stats);
/// Forgets the stream, keeps the counters.
void tm_jitter_reset(tm_jitter *jitter);

#endif
