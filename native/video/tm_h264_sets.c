// H.264 7.3.2.1.1, 7.3.2.2, E.1: sequence and picture parameter sets.
#include <string.h>

#include "tm_bits.h"
#include "tm_nal.h"

enum {
  MAX_FORMAT_IDC = 3,
  MAX_BIT_DEPTH = 14,
  MAX_LOG2 = 16,
  MAX_POC_CYCLE = 255,
  MAX_REF_FRAMES = 16,
  MAX_CPB_COUNT = 32,
  SAR_EXTENDED = 255,
  MACROBLOCK = 16,
};

// 7.3.2.1.1: profiles whose SPS has chroma format, bit depth and scaling lists.
static const uint8_t HIGH_PROFILES[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};

// Table E-1.
static const uint8_t SAMPLE_ASPECTS[][2] = {{0, 0},   {1, 1},   {12, 11}, {10, 11}, {16, 11}, {40, 33}, {24, 11}, {20, 11}, {32, 11},
                                            {80, 33}, {18, 11}, {15, 11}, {64, 33}, {160, 99}, {4, 3},   {3, 2},   {2, 1}};

static bool has_chroma_fields(uint8_t profile) { return memchr(HIGH_PROFILES, profile, sizeof HIGH_PROFILES) != NULL; }

static void skip_scaling_list(tm_bits *bits, unsigned size) {
  int32_t last = 8;
  int32_t next = 8;
  for (unsigned i = 0; i < size && !bits->overrun; i++) {
    if (next != 0) next = (last + tm_bits_se(bits) % 256 + 256) % 256;
    if (next != 0) last = next;
  }
}

static void read_chroma(tm_bits *bits, tm_h264_sps *sps, bool *bad) {
  uint32_t format = tm_bits_ue(bits);
  *bad |= format > MAX_FORMAT_IDC;
  sps->chroma_format_idc = (uint8_t)(format & MAX_FORMAT_IDC);
  if (format == 3) sps->separate_colour_planes = tm_bits_one(bits);
  uint32_t luma = tm_bits_ue(bits);
  uint32_t chroma = tm_bits_ue(bits);
  if (luma > MAX_BIT_DEPTH - 8 || chroma > MAX_BIT_DEPTH - 8) {
    *bad = true;
    return;
  }
  sps->bit_depth_luma = (uint8_t)(8 + luma);
  sps->bit_depth_chroma = (uint8_t)(8 + chroma);
  tm_bits_one(bits); // qpprime_y_zero_transform_bypass_flag
  sps->scaling_lists = tm_bits_one(bits);
  if (!sps->scaling_lists) return;
  unsigned lists = format == 3 ? 12 : 8;
  for (unsigned i = 0; i < lists && !bits->overrun; i++)
    if (tm_bits_one(bits)) skip_scaling_list(bits, i < 6 ? 16 : 64);
}

static void read_order_count(tm_bits *bits, tm_h264_sps *sps, bool *bad) {
  uint32_t type = tm_bits_ue(bits);
  *bad |= type > 2;
  sps->pic_order_cnt_type = (uint8_t)(type & 3);
  if (type == 0) {
    uint32_t log2 = tm_bits_ue(bits) + 4;
    *bad |= log2 > MAX_LOG2;
    sps->log2_max_pic_order_cnt_lsb = (uint8_t)(log2 & 31);
  } else if (type == 1) {
    sps->delta_pic_order_always_zero = tm_bits_one(bits);
    tm_bits_se(bits); // offset_for_non_ref_pic
    tm_bits_se(bits); // offset_for_top_to_bottom_field
    uint32_t cycle = tm_bits_ue(bits);
    *bad |= cycle > MAX_POC_CYCLE;
    for (uint32_t i = 0; i < cycle && !*bad && !bits->overrun; i++) tm_bits_se(bits);
  }
}

// E.1.2
static bool skip_hrd(tm_bits *bits) {
  uint32_t count = tm_bits_ue(bits) + 1;
  if (count > MAX_CPB_COUNT) return false;
  tm_bits_u(bits, 8); // scales
  for (uint32_t i = 0; i < count; i++) {
    tm_bits_ue(bits);
    tm_bits_ue(bits);
    tm_bits_one(bits);
  }
  tm_bits_u(bits, 20); // lengths of delays and time offset
  return !bits->overrun;
}

// E.1.1; false when it is cut or senseless: some encoders write it so, and a decoder needs none of it.
static bool read_vui(tm_bits *bits, tm_h264_sps *sps) {
  if (tm_bits_one(bits)) {
    uint32_t aspect = tm_bits_u(bits, 8);
    if (aspect == SAR_EXTENDED) {
      sps->sar_width = (uint16_t)tm_bits_u(bits, 16);
      sps->sar_height = (uint16_t)tm_bits_u(bits, 16);
    } else if (aspect < sizeof SAMPLE_ASPECTS / sizeof *SAMPLE_ASPECTS) {
      sps->sar_width = SAMPLE_ASPECTS[aspect][0];
      sps->sar_height = SAMPLE_ASPECTS[aspect][1];
    }
  }
  if (tm_bits_one(bits)) tm_bits_one(bits); // overscan
  if (tm_bits_one(bits)) {
    tm_bits_u(bits, 3); // video_format
    sps->full_range = tm_bits_one(bits);
    if (tm_bits_one(bits)) tm_bits_u(bits, 24); // colour description
  }
  if (tm_bits_one(bits)) { // chroma location
    tm_bits_ue(bits);
    tm_bits_ue(bits);
  }
  if (tm_bits_one(bits)) {
    sps->units_in_tick = tm_bits_u(bits, 32);
    sps->time_scale = tm_bits_u(bits, 32);
    sps->fixed_frame_rate = tm_bits_one(bits);
    sps->has_timing = sps->units_in_tick != 0 && sps->time_scale != 0;
  }
  bool nal_hrd = tm_bits_one(bits);
  if (nal_hrd && !skip_hrd(bits)) return false;
  bool vcl_hrd = tm_bits_one(bits);
  if (vcl_hrd && !skip_hrd(bits)) return false;
  if (nal_hrd || vcl_hrd) tm_bits_one(bits); // low_delay_hrd_flag
  tm_bits_one(bits);                         // pic_struct_present_flag
  if (tm_bits_one(bits)) {
    tm_bits_one(bits); // motion_vectors_over_pic_boundaries_flag
    for (int i = 0; i < 4; i++) tm_bits_ue(bits);
    uint32_t reorder = tm_bits_ue(bits);
    uint32_t buffered = tm_bits_ue(bits);
    if (reorder > MAX_REF_FRAMES || buffered > MAX_REF_FRAMES) return false;
    sps->num_reorder_frames = (uint8_t)reorder;
    sps->max_dec_frame_buffering = (uint8_t)buffered;
    sps->has_restriction = true;
  }
  return !bits->overrun;
}

typedef struct crop {
  uint32_t left, right, top, bottom; // crop units
} crop;

// 7.4.2.1.1 equations 7-19 to 7-22
static tm_status take_size(tm_h264_sps *sps, const crop *cut) {
  const uint32_t most = TM_H264_MAX_SIDE / MACROBLOCK;
  if (sps->mbs_wide > most || sps->mbs_high > most) return TM_ERR_UNSUPPORTED;
  bool planar = sps->chroma_format_idc == 0 || sps->separate_colour_planes; // ChromaArrayType 0
  uint64_t unit_x = !planar && sps->chroma_format_idc != 3 ? 2 : 1;
  uint64_t unit_y = (!planar && sps->chroma_format_idc == 1 ? 2u : 1u) * (sps->frame_mbs_only ? 1u : 2u);
  uint64_t width = (uint64_t)sps->mbs_wide * MACROBLOCK;
  uint64_t height = (uint64_t)sps->mbs_high * MACROBLOCK;
  uint64_t off_x = unit_x * ((uint64_t)cut->left + cut->right);
  uint64_t off_y = unit_y * ((uint64_t)cut->top + cut->bottom);
  if (off_x >= width || off_y >= height) return TM_ERR_MALFORMED;
  sps->width = (uint32_t)(width - off_x);
  sps->height = (uint32_t)(height - off_y);
  return TM_OK;
}

tm_status tm_h264_read_sps(const tm_nal *nal, tm_h264_sps *sps) {
  if (nal->type != TM_NAL_SPS) return TM_ERR_ARGUMENT;
  memset(sps, 0, sizeof *sps);
  tm_bits bits = tm_bits_of(nal->data + 1, nal->bytes - 1);
  bool bad = false;
  sps->profile_idc = (uint8_t)tm_bits_u(&bits, 8);
  sps->constraints = (uint8_t)tm_bits_u(&bits, 8);
  sps->level_idc = (uint8_t)tm_bits_u(&bits, 8);
  uint32_t id = tm_bits_ue(&bits);
  bad |= id >= TM_H264_SPS_COUNT;
  sps->id = (uint8_t)(id & (TM_H264_SPS_COUNT - 1));
  sps->chroma_format_idc = 1;
  sps->bit_depth_luma = sps->bit_depth_chroma = 8;
  if (has_chroma_fields(sps->profile_idc)) read_chroma(&bits, sps, &bad);
  uint32_t log2 = bad ? 4 : tm_bits_ue(&bits) + 4;
  bad |= log2 > MAX_LOG2;
  sps->log2_max_frame_num = (uint8_t)(log2 & 31);
  if (!bad) read_order_count(&bits, sps, &bad);
  if (bits.overrun) return TM_ERR_TRUNCATED;
  if (bad) return TM_ERR_MALFORMED;
  uint32_t refs = tm_bits_ue(&bits);
  if (refs > MAX_REF_FRAMES) return TM_ERR_MALFORMED;
  sps->max_ref_frames = (uint8_t)refs;
  sps->frame_num_gaps_allowed = tm_bits_one(&bits);
  uint32_t wide = tm_bits_ue(&bits);
  uint32_t map_high = tm_bits_ue(&bits);
  sps->frame_mbs_only = tm_bits_one(&bits);
  if (!sps->frame_mbs_only) tm_bits_one(&bits); // mb_adaptive_frame_field_flag
  tm_bits_one(&bits);                           // direct_8x8_inference_flag
  if (wide >= TM_H264_MAX_SIDE || map_high >= TM_H264_MAX_SIDE) return TM_ERR_UNSUPPORTED;
  sps->mbs_wide = wide + 1;
  sps->mbs_high = (map_high + 1) * (sps->frame_mbs_only ? 1 : 2);
  crop cut = {0};
  if (tm_bits_one(&bits)) {
    cut.left = tm_bits_ue(&bits);
    cut.right = tm_bits_ue(&bits);
    cut.top = tm_bits_ue(&bits);
    cut.bottom = tm_bits_ue(&bits);
  }
  bool vui = tm_bits_one(&bits);
  if (bits.overrun) return TM_ERR_TRUNCATED;
  tm_status status = take_size(sps, &cut);
  if (status != TM_OK || !vui) return status;
  tm_h264_sps with_vui = *sps;
  if (read_vui(&bits, &with_vui)) {
    *sps = with_vui;
    sps->has_vui = true;
  }
  return TM_OK;
}

tm_status tm_h264_read_pps(const tm_nal *nal, tm_h264_pps *pps) {
  if (nal->type != TM_NAL_PPS) return TM_ERR_ARGUMENT;
  tm_bits bits = tm_bits_of(nal->data + 1, nal->bytes - 1);
  uint32_t id = tm_bits_ue(&bits);
  uint32_t sps_id = tm_bits_ue(&bits);
  pps->cabac = tm_bits_one(&bits);
  pps->pic_order_present = tm_bits_one(&bits);
  if (bits.overrun) return TM_ERR_TRUNCATED;
  if (id >= TM_H264_PPS_COUNT || sps_id >= TM_H264_SPS_COUNT) return TM_ERR_MALFORMED;
  pps->id = (uint8_t)id;
  pps->sps_id = (uint8_t)sps_id;
  return TM_OK;
}
