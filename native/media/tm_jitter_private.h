// The state of the jitter buffer, shared by its two halves: tm_jitter_put.c (arrival) and tm_jitter_get.c (playout).
// All media times are RTP timestamps unwrapped to 64 bits ("ticks"), all sequence numbers likewise.
#ifndef TM_JITTER_PRIVATE_H
#define TM_JITTER_PRIVATE_H

#include "tm_delay.h"
#include "tm_jitter.h"

enum { TM_JITTER_SEEN = 1024 }; // sequence numbers remembered

/// A waiting frame.
typedef struct tm_jitter_entry {
  int64_t ticks;
  int64_t sequence;
  uint16_t slot; // in frames
} tm_jitter_entry;

struct tm_jitter {
  tm_jitter_config config;
  tm_jitter_stats stats;
  tm_frame *frames;         // capacity of them
  tm_jitter_entry *order;   // waiting frames by time
  uint16_t *free_slots;
  size_t waiting;

  bool has_stream;
  uint32_t ssrc;
  int64_t highest_sequence;
  int64_t newest_ticks;     // reference for unwrapping
  uint64_t seen[TM_JITTER_SEEN / 64]; // by sequence number modulo TM_JITTER_SEEN
  uint64_t useful[TM_JITTER_SEEN / 64]; // of these, what came in time
  tm_bursts bursts;
  int64_t counted_sequence; // up to here in bursts
  uint64_t arrival_us;      // of the last packet
  bool late_only;           // since late_since_us nothing came in time
  uint64_t late_since_us;
  tm_delay delay;

  bool has_candidate;       // a packet that would start another stream
  uint32_t candidate_ssrc;
  uint16_t candidate_sequence;
  uint32_t candidate_timestamp;

  bool playing;
  bool joint;               // the next frame does not continue the last one
  int64_t cursor;           // ticks of the next frame to play
  int64_t played_sequence;  // of the last played frame
  int64_t played_end;       // ticks where it ended
  uint64_t late_frames;     // came after their time, also those of packets that were late in part
  uint64_t late_before;     // late_frames at that time
  bool quiet;               // the last played frame was SID or NO_DATA
  bool noting;              // the newest packet holds no sound: an event runs
  bool missing;             // the last frame was not there in time
  uint64_t unknown;         // frames played with nothing there: lost or silence, the next packet tells
  int64_t lead_us;          // how long before its playout a packet's first frame is taken out, at most
  int64_t least_lead_us;    // and at least
};

int64_t tm_jitter_us_of(const tm_jitter *jitter, int64_t ticks);
bool tm_jitter_was_seen(const tm_jitter *jitter, int64_t sequence);
bool tm_jitter_was_useful(const tm_jitter *jitter, int64_t sequence);
/// Takes the oldest waiting frame out.
void tm_jitter_pop(tm_jitter *jitter);
/// Takes all out.
void tm_jitter_clear(tm_jitter *jitter);

#endif
