// The codec thread's half of a stream.
#ifndef TM_ENGINE_CODEC_SIDE_H
#define TM_ENGINE_CODEC_SIDE_H

#include "engine_private.h"

/** A unit is coded this long before its packet is due: enough for ten AMR-WB frames on a small board, little as a delay. */
#define TM_CODEC_LEAD_NS (4 * INT64_C(1000000))

/** Takes a configuration over; returns the coding that it replaces, or NULL. */
tm_coding *tm_codec_side_configure(tm_stream *stream, const tm_codec_thread_config *config, int64_t now);

/** Takes another source or sink; what they replace goes to housekeeping. False: its queue is full, nothing was changed. */
bool tm_codec_side_attach(tm_stream *stream, const tm_ends *ends);

/** Begins a tone at the playback; NONE ends it. */
void tm_codec_side_tone(tm_stream *stream, tm_progress_tone tone, int64_t now);

/** Does every unit that is due. */
void tm_codec_side_beat(tm_stream *stream, int64_t now);

#endif
