// H.264 7.3.3, 7.4.1.2.4, D.1.8: what a NAL unit is, and where a picture begins.
#include <string.h>

#include "tm_bits.h"
#include "tm_nal.h"

enum {
  MAX_MACROBLOCKS = 1u << 20, // above every level, and (TM_H264_MAX_SIDE / 16)^2
  MAX_SLICE_TYPE = 9,
  SLICE_TYPES = 5,
  MAX_IDR_PIC_ID = 65535,
  SEI_RECOVERY_POINT = 6,
  SEI_MORE = 0xFF,
};

void tm_h264_inspector_reset(tm_h264_inspector *inspector) { memset(inspector, 0, sizeof *inspector); }

bool tm_h264_has_sets_for(const tm_h264_inspector *inspector, uint8_t pps_id) { return tm_h264_active_sps(inspector, pps_id) != NULL; }

const tm_h264_sps *tm_h264_active_sps(const tm_h264_inspector *inspector, uint8_t pps_id) {
  if (!inspector->has_pps[pps_id]) return NULL;
  uint8_t sps_id = inspector->pps[pps_id].sps_id;
  return inspector->has_sps[sps_id] ? &inspector->sps[sps_id] : NULL;
}

static tm_status read_slice(const tm_h264_inspector *inspector, const tm_nal *nal, tm_h264_slice *slice) {
  tm_bits bits = tm_bits_of(nal->data + 1, nal->bytes - 1);
  slice->idr = nal->type == TM_NAL_IDR;
  slice->ref_idc = nal->ref_idc;
  slice->first_mb = tm_bits_ue(&bits);
  uint32_t type = tm_bits_ue(&bits);
  uint32_t pps_id = tm_bits_ue(&bits);
  if (bits.overrun) return TM_ERR_TRUNCATED;
  if (slice->first_mb >= MAX_MACROBLOCKS || type > MAX_SLICE_TYPE || pps_id >= TM_H264_PPS_COUNT) return TM_ERR_MALFORMED;
  slice->type = (tm_slice_type)(type % SLICE_TYPES);
  slice->pps_id = (uint8_t)pps_id;
  const tm_h264_sps *sps = tm_h264_active_sps(inspector, slice->pps_id);
  if (sps == NULL) return TM_OK;
  slice->sps_id = sps->id;
  if (sps->separate_colour_planes) tm_bits_u(&bits, 2);
  slice->frame_num = (uint16_t)tm_bits_u(&bits, sps->log2_max_frame_num);
  if (!sps->frame_mbs_only) {
    slice->field = tm_bits_one(&bits);
    if (slice->field) slice->bottom = tm_bits_one(&bits);
  }
  if (slice->idr) {
    uint32_t id = tm_bits_ue(&bits);
    if (id > MAX_IDR_PIC_ID) return TM_ERR_MALFORMED;
    slice->idr_pic_id = (uint16_t)id;
  }
  if (sps->pic_order_cnt_type == 0) slice->pic_order_cnt_lsb = (uint16_t)tm_bits_u(&bits, sps->log2_max_pic_order_cnt_lsb);
  slice->complete = !bits.overrun;
  return TM_OK;
}

// 7.3.2.3.1: type and size are runs of FF and a last octet.
static uint32_t sei_number(tm_bits *bits) {
  uint32_t value = 0;
  uint32_t octet = SEI_MORE;
  while (octet == SEI_MORE && !bits->overrun) value += octet = tm_bits_u(bits, 8);
  return value;
}

static void read_sei(const tm_nal *nal, tm_h264_unit *unit) {
  tm_bits bits = tm_bits_of(nal->data + 1, nal->bytes - 1);
  while (bits.end - bits.at > 2 && !bits.overrun) {
    uint32_t type = sei_number(&bits);
    uint32_t size = sei_number(&bits);
    if (type == SEI_RECOVERY_POINT && !bits.overrun) {
      tm_bits message = bits;
      uint32_t frames = tm_bits_ue(&message);
      if (message.overrun || frames > UINT16_MAX) return;
      unit->recovery_point = true;
      unit->recovery_frames = (uint16_t)frames;
    }
    for (uint32_t i = 0; i < size && !bits.overrun; i++) tm_bits_u(&bits, 8);
  }
}

tm_status tm_h264_inspect(tm_h264_inspector *inspector, const tm_nal *nal, tm_h264_unit *unit) {
  memset(unit, 0, sizeof *unit);
  unit->type = nal->type;
  unit->ref_idc = nal->ref_idc;
  tm_status status = TM_OK;
  switch (nal->type) {
    case TM_NAL_SLICE:
    case TM_NAL_PARTITION_A:
    case TM_NAL_IDR:
      status = read_slice(inspector, nal, &unit->slice);
      unit->is_slice = status == TM_OK;
      break;
    case TM_NAL_SEI:
      read_sei(nal, unit);
      break;
    case TM_NAL_SPS: {
      tm_h264_sps sps;
      status = tm_h264_read_sps(nal, &sps);
      if (status != TM_OK) break;
      inspector->sps[sps.id] = sps;
      inspector->has_sps[sps.id] = true;
      unit->sps = &inspector->sps[sps.id];
      break;
    }
    case TM_NAL_PPS: {
      tm_h264_pps pps;
      status = tm_h264_read_pps(nal, &pps);
      if (status != TM_OK) break;
      inspector->pps[pps.id] = pps;
      inspector->has_pps[pps.id] = true;
      unit->pps = &inspector->pps[pps.id];
      break;
    }
    default:
      break;
  }
  return status;
}

bool tm_h264_begins_picture(const tm_h264_slice *before, const tm_h264_slice *now) {
  if (!before->complete || !now->complete) return now->first_mb == 0;
  return before->frame_num != now->frame_num || before->pps_id != now->pps_id || before->sps_id != now->sps_id ||
         before->field != now->field || before->bottom != now->bottom || (before->ref_idc == 0) != (now->ref_idc == 0) ||
         before->pic_order_cnt_lsb != now->pic_order_cnt_lsb || before->idr != now->idr ||
         (now->idr && before->idr_pic_id != now->idr_pic_id) || now->first_mb == 0;
}
