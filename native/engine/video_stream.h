// One video stream as its threads see it: the packet thread's half, and what crosses.
#ifndef TM_ENGINE_VIDEO_STREAM_H
#define TM_ENGINE_VIDEO_STREAM_H

#include "session.h"
#include "tm_h264_depay.h"
#include "tm_keyframe.h"
#include "tm_parameter_sets.h"
#include "tm_rate.h"
#include "video_sink.h"
#include "video_source.h"

enum {
  TM_VIDEO_CACHED = 256,       // packets kept for who asks for them again; a power of two
  TM_VIDEO_SETS_ANNEXB = 4608, // TM_SETS_MAX sets with their start codes
};

/** A configuration on its way to the packet thread, which gives the one before back to be freed. */
typedef struct tm_video_setup {
  tm_session_config session;
  uint8_t payload_type, receive_payload_type;
  tm_keyframe_settings asks;
  tm_rate_config rate;
  uint32_t frame_us;
  bool tmmbr, frames;
  tm_parameter_sets sets;  // of the peer's SDP
  tm_h264_depay *depay;    // NULL: the present one stays
  struct tm_video_cached *cache;  // likewise
} tm_video_setup;

/** Other ends of the stream, allocated; goes on to housekeeping with those that they replace. */
typedef struct tm_video_ends {
  bool has_feed, has_sink;
  tm_video_feed *feed;
  tm_video_sink *sink;
  tm_video_sink *new_sink;
} tm_video_ends;

typedef struct tm_video_cached {
  uint16_t sequence;
  bool used;
  int64_t sent_ns;
  tm_rtp_packet packet;  // extension and payload point into data
  uint8_t data[TM_CVO_EXTENSION_BYTES + TM_MAX_SENT_PAYLOAD];
} tm_video_cached;

/** Written by the packet thread. */
typedef struct {
  atomic_uint_fast64_t frames_sent, key_frames_sent, frames_received, key_frames_received, frames_dropped;
  atomic_uint_fast64_t fir_sent, fir_received, pli_sent, pli_received, nack_sent, nack_received, tmmbr_received, retransmitted;
  atomic_uint_fast32_t target_bps, width, height, orientation;
  atomic_int_fast64_t first_frame_us;  // negative: none yet
} tm_video_counters;

typedef struct {
  tm_session session;
  tm_video_counters counters;
  tm_picture_ring pictures;  // packet thread to control thread
  atomic_bool pictures_told;
  // packet thread
  tm_video_setup *setup;
  tm_video_feed *feed;
  tm_video_sink *sink;
  tm_h264_depay *depay;
  tm_keyframe_receiver asker;
  tm_keyframe_sender maker;
  tm_rate rate;
  tm_parameter_sets sets;
  uint8_t sets_annexb[TM_VIDEO_SETS_ANNEXB];
  bool key_asked, far_heard, first_shown, bound_untold;
  bool owes_nack, owes_pli, owes_fir, owes_bound;  // feedback that waits for its turn
  uint8_t owed_fir_number;
  uint32_t frame_timestamp, remote_ssrc;
  int64_t first_packet_ns, key_asked_ns, key_sent_ns, bound_due_ns;
  uint64_t heard_before;  // packets of any kind when the remote was set
  uint8_t orientation;
  tm_video_cached *cache;
  // housekeeping thread
  tm_video_sink *flushed_sink;
  bool told_missed;
  // control thread
  tm_video_feed *control_feed;
  tm_video_wish wish;
  bool has_depay, has_cache;
  uint8_t depay_cvo_id;
} tm_video_stream;

static inline tm_video_stream *tm_video_of(tm_session *session)
{
  return (tm_video_stream *)(void *)session;  // its first member
}
static inline const tm_video_stream *tm_video_const_of(const tm_session *session)
{
  return (const tm_video_stream *)(const void *)session;
}

// Control thread.
/** NULL for an id that is not open or is no video stream. */
tm_video_stream *tm_video_by_id(const tm_engine *engine, uint32_t id);
void tm_video_tell_wish(tm_video_stream *stream);
/** A setup and what came back with it. Any thread that may free. */
void tm_video_setup_free(void *setup);

// Packet thread.
tm_packet_class tm_video_classify(const tm_session *session, const tm_rtp_packet *packet);
void tm_video_take(tm_session *session, const tm_rtp_packet *packet, tm_packet_class class, int64_t now);
void tm_video_feedback(tm_session *session, const tm_rtcp_packet *packet, int64_t now);
size_t tm_video_owed(tm_session *session, uint8_t *out, size_t capacity, int64_t now);
/** TMMBN as it is now; 0: there is none to send. */
size_t tm_video_build_bound(tm_video_stream *stream, uint8_t *out, size_t capacity);
/** RFC 5104 4.2.1.2: whoever asked for a limit and has left binds no more: BYE, or another source in its place. */
void tm_video_left(tm_session *session, uint32_t ssrc, int64_t now);
void tm_video_report(tm_session *session, const tm_rtcp_report *report, int64_t now);
void tm_video_obey(tm_session *session, const struct tm_command *command, int64_t now);
void tm_video_beat(tm_session *session, int64_t now);
int64_t tm_video_deadline(const tm_session *session, int64_t now);

/** The source owes a key frame from now on, by itself or because it was asked. */
void tm_video_expect_key(tm_video_stream *stream, int64_t now);
void tm_video_note_size(tm_video_stream *stream);
/** RTP that ever came, keep-alives and what was thrown away too: whoever sent it has opened the path. */
uint64_t tm_video_heard(const tm_video_stream *stream);
/** Sends what the key-frame policy wants. */
void tm_video_act(tm_video_stream *stream, const tm_keyframe_ask *ask, int64_t now);
void tm_video_receive_beat(tm_video_stream *stream, int64_t now);
void tm_video_send_beat(tm_video_stream *stream, int64_t now);
void tm_video_resend(tm_video_stream *stream, uint16_t sequence, int64_t now);
/** A key frame is owed to the peer: the source is asked when the policy's moment has come. */
/** Who binds now: the answer to every TMMBR, to many together, and told when it changes (RFC 5104 4.2.2). */
void tm_video_tell_bound(tm_video_stream *stream, int64_t now);
void tm_video_serve_keys(tm_video_stream *stream, int64_t now);
void tm_video_apply_rate(tm_video_stream *stream);

static inline uint64_t tm_video_us(int64_t ns)
{
  return (uint64_t)(ns / 1000);
}

#endif
