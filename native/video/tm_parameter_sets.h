// RFC 6184 8.1 sprop-parameter-sets and profile-level-id; H.264 A.3 level limits as a table. Pure functions, any thread.
#ifndef TM_PARAMETER_SETS_H
#define TM_PARAMETER_SETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_nal.h"
#include "tm_status.h"

enum {
  TM_SETS_MAX = 8,         // sets kept at a time: SPS and PPS together
  TM_SETS_MAX_BYTES = 512, // of one set
};

/// The raw sets of a stream, to send in-band, to write at the head of a file, or to put into an SDP. About 4 KB; embed it.
typedef struct tm_parameter_sets {
  size_t count;
  struct {
    uint8_t type; // TM_NAL_SPS or TM_NAL_PPS
    uint8_t id;
    uint16_t bytes;
    uint8_t data[TM_SETS_MAX_BYTES];
  } sets[TM_SETS_MAX];
} tm_parameter_sets;

void tm_parameter_sets_clear(tm_parameter_sets *sets);
/// Keeps an SPS or PPS (no start code); one of the same kind and id is replaced. `*changed` (may be NULL): it is new or differs.
/// Errors: ARGUMENT (another type), SPACE (too long or too many), errors of the readers.
tm_status tm_parameter_sets_note(tm_parameter_sets *sets, const uint8_t *nal, size_t bytes, bool *changed);
/// Notes every SPS and PPS of an Annex B access unit; units that can't be kept are passed over. Returns whether anything changed.
bool tm_parameter_sets_note_unit(tm_parameter_sets *sets, const uint8_t *unit, size_t bytes);
/// At least one SPS and a PPS that refers to it.
bool tm_parameter_sets_complete(const tm_parameter_sets *sets);
/// SPS first, then PPS, each behind a 4-octet start code. SPACE.
tm_status tm_parameter_sets_annexb(const tm_parameter_sets *sets, uint8_t *out, size_t capacity, size_t *written);
/// sprop-parameter-sets: base64 of SPS and PPS, comma between, terminated with zero. SPACE.
tm_status tm_parameter_sets_compose(const tm_parameter_sets *sets, char *out, size_t capacity);
/// Reads the value of sprop-parameter-sets and notes what it holds. MALFORMED (base64, an empty element), errors of note.
tm_status tm_parameter_sets_parse(tm_parameter_sets *sets, const char *text, size_t length);

/// H.264 table A-1. `level_idc` 9 is level 1b (as is 11 with constraint_set3 in the baseline, main and extended profiles).
typedef struct tm_h264_level {
  uint8_t level_idc;
  uint32_t macroblocks_per_second; // MaxMBPS
  uint32_t macroblocks;            // MaxFS, of a frame
  uint32_t bits_per_second;        // MaxBR for baseline and main, VCL: 1000 * table
  uint32_t dpb_macroblocks;        // MaxDpbMbs
} tm_h264_level;

/// NULL when there is no such level.
enum { TM_H264_HIGHEST_LEVEL = 62 };
const tm_h264_level *tm_h264_level_limits(uint8_t level_idc, bool level_1b);
/// Whether pictures of this size (samples) and rate (thousandths of frames a second) are within the level, sides by A.3.1 (sqrt(8 * MaxFS)).
bool tm_h264_fits_level(const tm_h264_level *level, uint32_t width, uint32_t height, uint32_t millifps);
/// Highest rate (thousandths of frames a second, at most `wanted`) that the level allows for this size; 0: the size does not fit.
uint32_t tm_h264_level_millifps(const tm_h264_level *level, uint32_t width, uint32_t height, uint32_t wanted);
/// The lowest level for this; NULL: none.
const tm_h264_level *tm_h264_level_for(uint32_t width, uint32_t height, uint32_t millifps, uint32_t bits_per_second);
/// Whether a stream with this SPS may be sent to who asked for this profile-level-id (24 bits, e.g. 0x42E01F): its profile is
/// decodable there (RFC 6184 table 5) and its level not above.
bool tm_h264_suits(const tm_h264_sps *sps, uint32_t profile_level_id);

#endif
