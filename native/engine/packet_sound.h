// The packet thread's half of an audio stream, behind the hooks of session.h.
#ifndef TM_ENGINE_PACKET_SOUND_H
#define TM_ENGINE_PACKET_SOUND_H

#include "engine_private.h"

tm_packet_class tm_sound_classify(const tm_session *session, const tm_rtp_packet *packet);
void tm_sound_take(tm_session *session, const tm_rtp_packet *packet, tm_packet_class class, int64_t now);
/** A telephone event whose end never came. */
void tm_sound_event_timeout(tm_stream *stream, int64_t now);

void tm_packet_configure(tm_stream *stream, const tm_packet_config *config, int64_t now);
void tm_packet_queue_dtmf(tm_stream *stream, const char *digits, uint32_t duration_ms, uint32_t gap_ms);
void tm_packet_beat(tm_stream *stream, int64_t now);

#endif
