// RTP payloads that are a row of octets, one for each tick of the RTP clock (RFC 3551 4.5.2, 4.5.14): G.711, G.722.
// Cut into pieces of 5 ms, so that every ptime fits the jitter buffer. Pure functions, private to the codecs.
#ifndef TM_OCTET_PAYLOAD_H
#define TM_OCTET_PAYLOAD_H

#include "tm_codec_impl.h"

tm_status tm_octets_pack(tm_codec *codec, const tm_frame *frames, size_t count, uint8_t *out, size_t capacity,
                         size_t *written);
/// Pieces of decode_ticks; the last one may be shorter. Errors: MALFORMED (empty), SPACE.
tm_status tm_octets_unpack(tm_codec *codec, const uint8_t *payload, size_t bytes, tm_frame *frames, size_t capacity,
                           size_t *count);
/// Whether a frame can be decoded: TM_OK, UNSUPPORTED (no sound), ARGUMENT (length).
tm_status tm_octets_check(const tm_codec *codec, const tm_frame *frame);

#endif
