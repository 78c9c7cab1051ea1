// ITU-T H.264 7.3, Annex B, Annex E: NAL units found, their headers, SPS, PPS and slice headers read. Constant memory, any
// input is safe. Pure functions; an inspector belongs to one thread at a time.
#ifndef TM_NAL_H
#define TM_NAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

enum { // H.264 table 7-1, and RFC 6184 table 1 from 24 on
  TM_NAL_SLICE = 1,
  TM_NAL_PARTITION_A = 2,
  TM_NAL_PARTITION_C = 4,
  TM_NAL_IDR = 5,
  TM_NAL_SEI = 6,
  TM_NAL_SPS = 7,
  TM_NAL_PPS = 8,
  TM_NAL_AUD = 9,
  TM_NAL_END_OF_SEQUENCE = 10,
  TM_NAL_END_OF_STREAM = 11,
  TM_NAL_FILLER = 12,
  TM_NAL_STAP_A = 24,
  TM_NAL_FU_A = 28,
};

enum {
  TM_H264_CLOCK_HZ = 90000,  // RFC 6184 8.2.1
  TM_H264_SPS_COUNT = 32,    // seq_parameter_set_id 0..31
  TM_H264_PPS_COUNT = 256,   // pic_parameter_set_id 0..255
  TM_H264_MAX_SIDE = 16384,  // samples; larger pictures are UNSUPPORTED (level 6.2 ends at 16,880 x 16,880 by ratio)
};

/// One NAL unit without start code and trailing zeros, inside somebody else's buffer.
typedef struct tm_nal {
  const uint8_t *data; // header octet first; emulation prevention still in
  size_t bytes;        // at least 1
  uint8_t ref_idc;     // 0..3
  uint8_t type;        // 0..31
} tm_nal;

/// Annex B: walks a buffer of NAL units behind 3- or 4-octet start codes. What stands before the first start code is skipped.
typedef struct tm_nal_scanner {
  const uint8_t *at;
  const uint8_t *end;
} tm_nal_scanner;

void tm_nal_scan(tm_nal_scanner *scanner, const uint8_t *data, size_t bytes);
/// Next NAL unit; END when there is none. Empty units are skipped.
tm_status tm_nal_next(tm_nal_scanner *scanner, tm_nal *nal);
/// First octet of the next start code (its 00 00 01; a zero before it is not part) in [at, end), or `end`.
const uint8_t *tm_nal_find_start(const uint8_t *at, const uint8_t *end);
/// Fills header fields of a NAL unit that came without start code. TRUNCATED when empty, MALFORMED when its forbidden bit is set.
tm_status tm_nal_header(const uint8_t *data, size_t bytes, tm_nal *nal);

/// H.264 7.3.2.1.1, E.1: what we use of a sequence parameter set, units resolved.
typedef struct tm_h264_sps {
  uint8_t profile_idc;
  uint8_t constraints; // constraint_set0_flag is 0x80
  uint8_t level_idc;
  uint8_t id;
  uint8_t chroma_format_idc; // 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4
  bool separate_colour_planes;
  uint8_t bit_depth_luma, bit_depth_chroma; // 8..14
  bool scaling_lists;
  uint8_t log2_max_frame_num; // 4..16
  uint8_t pic_order_cnt_type; // 0..2
  uint8_t log2_max_pic_order_cnt_lsb; // 4..16, type 0 only
  bool delta_pic_order_always_zero;   // type 1 only
  uint8_t max_ref_frames;
  bool frame_num_gaps_allowed;
  bool frame_mbs_only;
  uint32_t mbs_wide, mbs_high; // of a frame
  uint32_t width, height;      // samples, cropping taken off
  bool has_vui;
  uint16_t sar_width, sar_height; // 0:0 unspecified
  bool full_range;
  bool has_timing;
  uint32_t units_in_tick, time_scale; // frames a second = time_scale / (2 * units_in_tick)
  bool fixed_frame_rate;
  bool has_restriction;        // bitstream_restriction_flag; without it the two below are unknown (0)
  uint8_t num_reorder_frames;
  uint8_t max_dec_frame_buffering;
} tm_h264_sps;

/// H.264 7.3.2.2: the head of a picture parameter set.
typedef struct tm_h264_pps {
  uint8_t id;
  uint8_t sps_id;
  bool cabac;
  bool pic_order_present;
} tm_h264_pps;

typedef enum tm_slice_type { TM_SLICE_P = 0, TM_SLICE_B = 1, TM_SLICE_I = 2, TM_SLICE_SP = 3, TM_SLICE_SI = 4 } tm_slice_type;

/// H.264 7.3.3: the head of a slice. Fields after `pps_id` need the sets: valid only when `complete`.
typedef struct tm_h264_slice {
  uint32_t first_mb;
  tm_slice_type type;
  uint8_t pps_id;
  bool complete;
  uint8_t sps_id;
  uint16_t frame_num;
  bool field, bottom;
  uint16_t idr_pic_id;        // IDR only
  uint16_t pic_order_cnt_lsb; // POC type 0
  bool idr;
  uint8_t ref_idc;
} tm_h264_slice;

/// Errors of the readers: TRUNCATED (data ends early), MALFORMED (value out of range), UNSUPPORTED (picture beyond TM_H264_MAX_SIDE).
/// `nal` must be of the right type: ARGUMENT.
tm_status tm_h264_read_sps(const tm_nal *nal, tm_h264_sps *sps);
tm_status tm_h264_read_pps(const tm_nal *nal, tm_h264_pps *pps);

/// What a bit stream has shown so far: its parameter sets. About 6 KB, embed it or make it on the stack.
typedef struct tm_h264_inspector {
  bool has_sps[TM_H264_SPS_COUNT];
  bool has_pps[TM_H264_PPS_COUNT];
  tm_h264_sps sps[TM_H264_SPS_COUNT];
  tm_h264_pps pps[TM_H264_PPS_COUNT];
} tm_h264_inspector;

/// What one NAL unit is; the member of its kind is filled.
typedef struct tm_h264_unit {
  uint8_t type;
  uint8_t ref_idc;
  bool is_slice;          // types 1, 2 and 5: `slice` is filled
  bool recovery_point;    // SEI with a recovery point message (D.1.8)
  uint16_t recovery_frames;
  const tm_h264_sps *sps; // SPS: the stored set
  const tm_h264_pps *pps; // PPS: the stored set
  tm_h264_slice slice;
} tm_h264_unit;

/// Knows no sets afterwards.
void tm_h264_inspector_reset(tm_h264_inspector *inspector);
/// Reads one NAL unit, from the stream or from sprop-parameter-sets; sets are kept, the newest of an id wins. A set that can't be
/// read leaves what was known. A slice needs only its first dozen octets (a first FU-A fragment will do).
/// Errors as above; `unit` has type and ref_idc even then.
tm_status tm_h264_inspect(tm_h264_inspector *inspector, const tm_nal *nal, tm_h264_unit *unit);
/// Whether the sets that this slice refers to are known.
bool tm_h264_has_sets_for(const tm_h264_inspector *inspector, uint8_t pps_id);
/// The SPS behind a PPS, or NULL.
const tm_h264_sps *tm_h264_active_sps(const tm_h264_inspector *inspector, uint8_t pps_id);
/// H.264 7.4.1.2.4: whether `now` begins another picture than `before`. Slices whose sets are unknown: by first_mb 0.
bool tm_h264_begins_picture(const tm_h264_slice *before, const tm_h264_slice *now);

#endif
