// How good an audio stream is at both ends: RFC 3611 VoIP metrics out and in, ratings after ITU-T G.107. Reads counters only: any thread.
#ifndef TM_ENGINE_QUALITY_H
#define TM_ENGINE_QUALITY_H

#include "stream.h"
#include "tm_quality.h"

/** What is heard here. */
typedef struct {
  bool heard;               // anything yet
  tm_burst_totals bursts;
  double delay_ms;          // mouth to ear, one way; negative: the peer has not reported, so the network's part is not known
  double end_system_ms;     // of it, and of the way back, inside this end
  const tm_impairment *impairment;
  tm_quality rating;
} tm_heard;

void tm_quality_here(const tm_stream *stream, tm_heard *heard);

/** What the peer hears of us, by its own extended report, else rated from the loss that it reports. Negative values: not known. */
typedef struct {
  double mos, discard, playout_ms;
} tm_heard_far;

void tm_quality_there(const tm_stream *stream, tm_heard_far *far);

// Packet thread: the hooks of the session.
size_t tm_quality_extend(tm_session *session, uint8_t *out, size_t capacity, int64_t now);
void tm_quality_extended(tm_session *session, const tm_rtcp_packet *packet, int64_t now);

#endif
