// H.264 encoder: constrained baseline, real time, no reordering, SPS and PPS with each IDR. Two behind one face: openh264 (software) and a
// V4L2 memory-to-memory device of the board. One thread at a time.
#ifndef TM_ENCODER_H
#define TM_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_picture.h"

typedef enum { TM_ENCODER_SOFTWARE, TM_ENCODER_BOARD } tm_encoder_kind;

typedef struct {
  unsigned width, height;     // even
  unsigned fps;               // 1 to 60
  uint32_t bits_per_second;
  uint8_t level_idc;          // level * 10: 12, 31 ...
  size_t slice_octets;        // NAL units stay below this (packetization-mode 0); 0: no limit
} tm_encoder_config;

typedef struct {
  const uint8_t *data;  // Annex B; the encoder's own, until its next call
  size_t octets;        // 0: the rate control left this frame out
  bool key;             // IDR with SPS and PPS before it
} tm_encoded;

typedef struct tm_encoder tm_encoder;

/** Errors: ARGUMENT, MEMORY, CODEC (the library refused), NOT_FOUND (no such hardware), UNSUPPORTED (hardware cannot limit slices). */
tm_status tm_encoder_create(tm_encoder_kind kind, const tm_encoder_config *config, tm_encoder **encoder);
void tm_encoder_destroy(tm_encoder *encoder);

/** From the next frame on. CODEC: the library refused; the old values go on. */
tm_status tm_encoder_set_rate(tm_encoder *encoder, uint32_t bits_per_second, unsigned fps);
/** The next frame becomes an IDR. */
void tm_encoder_force_key(tm_encoder *encoder);

/** One picture of the configured size, `time_ms` on any clock that grows. CODEC: the library failed; nothing was written. */
tm_status tm_encoder_encode(tm_encoder *encoder, const tm_picture *picture, int64_t time_ms, tm_encoded *out);

/** SPS and PPS as Annex B, as they will go out (for sprop-parameter-sets). The encoder's own, until its next call. */
tm_status tm_encoder_parameter_sets(tm_encoder *encoder, const uint8_t **data, size_t *octets);

const tm_encoder_config *tm_encoder_get_config(const tm_encoder *encoder);

#endif
