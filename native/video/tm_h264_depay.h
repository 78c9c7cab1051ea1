// RFC 6184: RTP packets into access units: single NAL units, STAP-A, FU-A, a small reorder window, loss told. All memory is taken at
// create. One thread; time is monotonic microseconds handed in.
//
//   tm_h264_depay_put(d, &packet, now);
//   while (tm_h264_depay_get(d, now, &frame) == TM_OK) …            frame.data lives until the next call
#ifndef TM_H264_DEPAY_H
#define TM_H264_DEPAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_cvo.h"
#include "tm_nal.h"
#include "tm_rtp.h"
#include "tm_status.h"

enum {
  TM_H264_DEPAY_FRAME_BYTES = 1024 * 1024, // default bound of an access unit
  TM_H264_DEPAY_WINDOW = 128,              // packets that may wait for a missing one; a power of two
  TM_H264_DEPAY_PACKET_BYTES = 2048,       // largest payload that can wait; larger ones (fragmented by IP) only in order
  TM_H264_DEPAY_MAX_MISSING = TM_H264_DEPAY_WINDOW,
};

typedef struct tm_h264_depay tm_h264_depay;

typedef struct tm_h264_depay_config {
  size_t max_frame; // octets of an access unit; 0: the default
  uint32_t wait_us; // how long a missing packet is waited for; 0: 40 ms. Changed by tm_h264_depay_set_wait
  uint8_t cvo_id;   // extmap id; 0: not agreed
} tm_h264_depay_config;

/// What a single payload shows without its neighbours: the key-frame policy hears it the moment a packet comes.
typedef struct tm_h264_glance {
  bool sps, pps;
  bool idr;    // an IDR slice, or the first fragment of one
  bool intra;  // an I slice that begins here (IDR or not)
  bool inter;  // a P or B slice that begins here
  bool middle; // a later fragment: its beginning is missing
  bool middle_of_idr;
} tm_h264_glance;

/// Errors: TRUNCATED, MALFORMED, UNSUPPORTED (STAP-B, MTAP, FU-B: mode 2). Pure.
tm_status tm_h264_glance_at(const uint8_t *payload, size_t bytes, tm_h264_glance *glance);

/// One access unit as Annex B (4-octet start codes). With damage: what came of it, whole NAL units only.
typedef struct tm_h264_frame {
  const uint8_t *data;
  size_t bytes;         // may be 0 when nothing whole was left
  uint32_t timestamp;   // RTP ticks
  uint64_t arrived_us;  // of its first packet
  bool key;             // holds an IDR slice
  bool intra;           // all its slices are I
  bool recovery_point;  // SEI
  bool has_sps, has_pps;
  bool sets_known;      // sets of its slices were seen, in the stream so far or by tm_h264_depay_note_set
  bool reference;       // nal_ref_idc is not 0
  bool has_picture;     // has slices at all
  bool damaged;         // part of it is missing, malformed or did not fit
  bool loss_before;     // packets between the frame before and this one are missing
  bool has_frame_num;
  uint16_t frame_num;
  uint8_t log2_max_frame_num;
  uint8_t orientation_octet; // last CVO octet heard, see tm_cvo_unpack; 0 before the first
  bool has_orientation;      // this frame carried one
} tm_h264_frame;

/// Running sums since create.
typedef struct tm_h264_depay_stats {
  uint64_t packets;    // taken
  uint64_t late;       // came after their place was given up
  uint64_t duplicates;
  uint64_t lost;       // given up
  uint64_t malformed;  // payloads that could not be read
  uint64_t frames;     // handed out
  uint64_t damaged;    // of these
  uint64_t overflows;  // frames cut at max_frame
} tm_h264_depay_stats;

/// Errors: ARGUMENT, MEMORY.
tm_status tm_h264_depay_create(const tm_h264_depay_config *config, tm_h264_depay **out);
void tm_h264_depay_destroy(tm_h264_depay *d); // NULL is fine

/// A set known from the SDP (sprop-parameter-sets), without start code. Errors of tm_h264_inspect.
tm_status tm_h264_depay_note_set(tm_h264_depay *d, const uint8_t *nal, size_t bytes);
/// How long missing packets are waited for from now on: longer while a NACK is on its way.
void tm_h264_depay_set_wait(tm_h264_depay *d, uint32_t wait_us);

/// Takes a packet of the video payload type; keep-alives (no payload) too, so that their numbers are no loss. Call get until END before
/// the next put. A new SSRC, or a jump of the sequence that two packets in a row confirm, starts anew (sets are kept).
/// Errors: SPACE (a payload larger than may wait came out of order), else TM_OK, also for late ones and duplicates.
tm_status tm_h264_depay_put(tm_h264_depay *d, const tm_rtp_packet *packet, uint64_t now_us);

/// Next access unit, whole or damaged. END when nothing is ready.
tm_status tm_h264_depay_get(tm_h264_depay *d, uint64_t now_us, tm_h264_frame *frame);

/// When get should be called again though no packet came (a wait runs out); UINT64_MAX: not before the next packet.
uint64_t tm_h264_depay_due_us(const tm_h264_depay *d);

/// Sequence numbers missing now and still waited for, oldest first; returns how many of `capacity` were written.
size_t tm_h264_depay_missing(const tm_h264_depay *d, uint16_t *sequences, size_t capacity);

/// Sets and sizes seen; lives as long as the depacketiser.
const tm_h264_inspector *tm_h264_depay_inspector(const tm_h264_depay *d);
void tm_h264_depay_read_stats(const tm_h264_depay *d, tm_h264_depay_stats *stats);

#endif
