// The engine's video streams: H.264 (RFC 6184) between a network address and a camera or file on one side, a file and whoever looks on the
// other. They share ids, tm_stream_port, tm_stream_close and events with those of sound; threads as told in engine.h.
#ifndef TM_ENGINE_VIDEO_H
#define TM_ENGINE_VIDEO_H

#include "engine.h"

enum { TM_ENGINE_SETS_OCTETS = 512 };  // of sprop-parameter-sets (RFC 6184 8.1) with the final zero

typedef struct {
  const char *address;  // local IP literal
  uint16_t port_from, port_to;
} tm_video_options;

typedef struct {
  const char *remote_address;
  uint16_t remote_port;
  const char *remote_rtcp_address;  // as in tm_stream_config
  uint16_t remote_rtcp_port;
  uint8_t payload_type, receive_payload_type;
  uint8_t packetization_mode;    // of what is sent: 0 or 1; both are received
  uint32_t profile_level_id;     // of what is sent, e.g. 0x42E01F
  uint32_t max_unit_octets;      // largest NAL unit that the peer would like (max-rcmd-nalu-size); 0: as it comes
  unsigned max_width, max_height;  // largest picture that the peer wants (imageattr); 0: as the level allows
  uint32_t bandwidth_kbps;       // b=AS of the peer; 0: none
  const char *parameter_sets;    // sprop-parameter-sets of the peer; NULL or "": none
  bool nack, pli, fir, tmmbr;    // feedback that was agreed (RFC 4585, RFC 5104)
  bool fir_always;               // one FIR for each need though it was not agreed (NG.110 2.9.1)
  bool avpf;                     // RTCP timing of RFC 4585
  bool reduced_size;             // RFC 5506
  uint32_t trr_interval_ms;      // trr-int
  uint8_t cvo_id;                // extmap id of urn:3gpp:video-orientation; 0: not agreed
  uint16_t rotation;             // of what is sent: degrees clockwise that the receiver has to turn it
  bool mirrored, back_camera;
  tm_path_config path;
  bool send, receive;
  bool frames;  // received pictures wait for tm_video_next_frame
  uint32_t rtcp_senders_bps, rtcp_receivers_bps;
  char cname[TM_ENGINE_MAX_CNAME];
} tm_video_config;

/** All counters run from the opening of the stream. */
typedef struct {
  uint64_t packets_sent, octets_sent, packets_received, octets_received;
  uint64_t packets_lost, packets_discarded;
  uint64_t rtcp_sent, rtcp_received, send_errors, keepalives_sent;
  uint64_t srtp_failures;  // as in tm_stream_stats
  const char *srtp_suite;
  uint64_t frames_sent, key_frames_sent, frames_not_sent;  // not sent: before the first key frame, or no room
  uint64_t frames_received, key_frames_received;           // that can be decoded
  uint64_t frames_dropped;                                 // damaged, or of no use without what is missing
  uint64_t frames_missed;                                  // nobody took them in time, or the disk was too slow
  uint64_t fir_sent, fir_received, pli_sent, pli_received, nack_sent, nack_received;
  uint64_t tmmbr_received, retransmitted;
  double jitter_ms;
  double rtt_ms, far_loss;   // negative: not known yet
  double first_frame_ms;     // from the first packet to the first picture; negative: none yet
  uint32_t target_bps;       // of what is sent
  uint32_t width, height;    // received; 0: unknown
  uint32_t sent_width, sent_height;
  uint16_t rotation;         // received, degrees clockwise
  bool mirrored;
  uint32_t ssrc, remote_ssrc;
} tm_video_stats;

/** A received picture: an access unit in Annex B, its parameter sets before it when it is a key frame. */
typedef struct {
  size_t octets;
  uint32_t timestamp;  // RTP, 90 kHz
  bool key;
  uint32_t width, height;
  uint16_t rotation;  // to be turned so far clockwise, then mirrored
  bool mirrored;
} tm_video_frame;

/** What a source would send, before there is a stream. */
typedef struct {
  uint32_t profile_level_id;
  uint32_t width, height, fps;
  char sets[TM_ENGINE_SETS_OCTETS];  // sprop-parameter-sets; "": known with the first picture only
  bool fragments;                    // some of its slices need packetization-mode 1
} tm_video_description;

/** Opens ports; nothing is sent before tm_video_configure. */
tm_engine_status tm_video_open(tm_engine *engine, const tm_video_options *options, uint32_t *stream, tm_error *error);

/**
 * Sets or changes where video comes from and goes to; NULL leaves it, kind NULL takes it away. `capture`: FILE (H.264 Annex B, in a loop)
 * or DEVICE (V4L2). `sink`: FILE, emptied when it exists; whole when the stream is closed or another sink is set. When it fails, all stays.
 */
tm_engine_status tm_video_attach(tm_engine *engine, uint32_t stream, const tm_endpoint *capture, const tm_endpoint *sink, tm_error *error);
tm_engine_status tm_video_configure(tm_engine *engine, uint32_t stream, const tm_video_config *config, tm_error *error);
/** A viewer came: the peer is asked for a key frame, by the rules of the key-frame policy. */
tm_engine_status tm_video_request_key(tm_engine *engine, uint32_t stream);
tm_engine_status tm_video_stats_get(const tm_engine *engine, uint32_t stream, tm_video_stats *stats);

/** The next picture that waits: false when none does. Its octets are taken by tm_video_take_frame, at once. */
bool tm_video_next_frame(tm_engine *engine, uint32_t stream, tm_video_frame *frame);
/** Exactly frame->octets of the picture that tm_video_next_frame told of. */
void tm_video_take_frame(tm_engine *engine, uint32_t stream, const tm_video_frame *frame, uint8_t *data);

/** What a capture would send at this level (level_idc, e.g. 31). May take milliseconds. */
tm_engine_status tm_video_describe(tm_engine *engine, const tm_endpoint *capture, uint8_t level_idc, tm_video_description *description,
                                   tm_error *error);

/** Cameras of this host by stable name. */
void tm_engine_cameras(void (*each)(void *context, const char *name, const char *description), void *context);

#endif
