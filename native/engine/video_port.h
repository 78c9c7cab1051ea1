// Where a video source meets a stream: access units become packets on the source's thread, and leave the ring at their times on the packet
// thread. What the packet thread wants of the source (a key frame, a rate) crosses by atomics.
#ifndef TM_ENGINE_VIDEO_PORT_H
#define TM_ENGINE_VIDEO_PORT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "video.h"
#include "tm_h264_payload.h"
#include "tm_parameter_sets.h"
#include "tm_ring.h"

/** How one stream wants its video: agreed in the SDP. Handed over by value. */
typedef struct {
  bool send;
  tm_h264_payload_config packing;
  tm_orientation orientation;
  uint8_t level_idc;             // highest; 9 is 1b
  unsigned max_width, max_height;  // 0: as the level allows
} tm_video_wish;

/** One RTP packet in the ring; extension and payload follow. */
typedef struct {
  int64_t due_ns;   // when it leaves
  int64_t time_ns;  // of the picture: the same for all of its packets
  uint16_t octets;
  uint8_t extension_octets;
  bool first, marker;
  bool key, sets, new_sets;  // of the access unit
} tm_video_record;

/** Called on the source's thread; must not wait. */
typedef struct {
  void (*packets)(void *context);  // packets wait
  void (*trouble)(void *context, const tm_error *error);
  void (*recovered)(void *context);
  void *context;
} tm_video_listener;

typedef struct {
  tm_video_listener listener;
  tm_ring *ring;
  // packet thread to source
  atomic_uint key_requests;
  atomic_bool sets_wanted, paused;
  atomic_uint_fast32_t rate_bps;
  // source to anyone
  atomic_uint_fast64_t frames_dropped;
  atomic_uint_fast32_t width, height;
  // control thread to source, under the lock
  pthread_mutex_t lock;
  tm_video_wish next_wish;
  bool has_next;
  // source's thread
  tm_video_wish wish;
  unsigned keys_served;
  bool wants_key;       // nothing goes out before a key frame
  bool refused, in_trouble;
  bool beyond_level;    // the last SPS, for who takes it now
  uint8_t foreign_profile;  // likewise: its profile_idc; 0: baseline, as agreed
  tm_parameter_sets sets;
  tm_h264_payload payload;
  uint8_t *unit;        // an access unit with its sets before it
} tm_video_port;

enum {
  TM_VIDEO_RING_OCTETS = 1 << 20,
  TM_VIDEO_UNIT_OCTETS = 1 << 19,  // largest access unit that is sent
};

tm_engine_status tm_video_port_init(tm_video_port *port, const tm_video_listener *listener, tm_error *error);
void tm_video_port_release(tm_video_port *port);

/** Control thread: from the next picture on. */
void tm_video_port_wish(tm_video_port *port, const tm_video_wish *wish);

/** Whether a stream of this SPS may be sent as what we negotiate (26.114 5.2.2). */
bool tm_video_is_baseline(const tm_h264_sps *sps);

// Source's thread.
/** Takes over a new wish; true when there was one. */
bool tm_video_port_follow(tm_video_port *port);
/** Whether the next access unit has to be a key frame. */
bool tm_video_port_key_due(const tm_video_port *port);
/**
 * Packs an access unit (Annex B) of the moment `time_ns` and spreads its packets over `span_ns` at most. What cannot be sent (before the
 * first key frame, ring full, slices too large for the packetization mode, a level above the wish's,
 * another profile than baseline) is dropped, and a key frame is wanted then.
 */
void tm_video_port_put(tm_video_port *port, const uint8_t *unit, size_t octets, bool key, int64_t time_ns, int64_t span_ns);
void tm_video_port_trouble(tm_video_port *port, const tm_error *error);
void tm_video_port_fine(tm_video_port *port);

// Packet thread.
/** When the next packet is due; INT64_MAX: none waits. */
int64_t tm_video_port_due(const tm_video_port *port);
/** Takes the packet that is due; `packet` points into `data`. False: none is. */
bool tm_video_port_take(tm_video_port *port, int64_t now, tm_video_record *record, tm_rtp_packet *packet, uint8_t *data, size_t capacity);
void tm_video_port_ask_key(tm_video_port *port);

#endif
