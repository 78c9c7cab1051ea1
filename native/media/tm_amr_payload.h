// RFC 4867 4.3, 4.4: RTP payload of AMR-WB (and AMR), bandwidth-efficient and octet-aligned, one channel,
// without CRC, interleaving and robust sorting (26.114 never negotiates them). Pure functions, any thread.
#ifndef TM_AMR_PAYLOAD_H
#define TM_AMR_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_frame.h"
#include "tm_status.h"

enum {
  TM_AMR_CMR_NONE = 15,      // RFC 4867 4.3.1: no mode request
  TM_AMR_FT_LOST = 14,       // SPEECH_LOST (AMR-WB only)
  TM_AMR_FT_NO_DATA = 15,
  TM_AMR_MAX_FRAMES = 12,    // 26.114 7.4.2: 240 ms
  TM_AMR_MAX_FRAME_BYTES = 60,
};

/// What differs between the two codecs, as data.
typedef struct tm_amr_family {
  const char *name;          // encoding name of the rtpmap
  uint32_t clock_hz;
  uint16_t frame_samples;    // 20 ms
  uint8_t speech_modes;      // FT 0 .. speech_modes-1 are speech
  uint8_t sid_type;          // FT of the comfort noise frame
  bool has_speech_lost;      // FT 14 is defined
  uint16_t bits[16];         // speech bits for each FT; 0 for FT 14, 15 and reserved ones
} tm_amr_family;

extern const tm_amr_family TM_AMR_WB; // TS 26.201
extern const tm_amr_family TM_AMR_NB; // TS 26.101

/// Octets that hold the bits of a frame type; 0 for LOST, NO_DATA and reserved types.
size_t tm_amr_frame_bytes(const tm_amr_family *family, uint8_t type);
/// Whether FT may stand in a table of contents.
bool tm_amr_type_valid(const tm_amr_family *family, uint8_t type);

/// Reads a payload into up to `capacity` frames. Frame data is left-aligned, unused bits of the last octet are zero.
/// Q = 0 makes a frame TM_FRAME_LOST (its type kept). *cmr is 0..15 as received; the caller ignores reserved values.
/// Errors: TRUNCATED, UNSUPPORTED (reserved FT: the whole packet is dropped, 4.3.2), SPACE (more frames than capacity),
/// MALFORMED (no frames). More octets than needed are accepted and ignored.
tm_status tm_amr_unpack(const tm_amr_family *family, bool octet_aligned, const uint8_t *payload, size_t bytes,
                        uint8_t *cmr, tm_frame *frames, size_t capacity, size_t *count);

/// Writes 1..TM_AMR_MAX_FRAMES frames. A TM_FRAME_LOST frame with a speech type is written with Q = 0.
/// Errors: ARGUMENT (count, type, length that does not fit the type), SPACE.
tm_status tm_amr_pack(const tm_amr_family *family, bool octet_aligned, uint8_t cmr, const tm_frame *frames,
                      size_t count, uint8_t *out, size_t capacity, size_t *written);

#endif
