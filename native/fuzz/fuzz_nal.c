// H.264 Annex B: any octets as a stream; sets in range, units inside the buffer and in order, none overlapping.
#include "tm_fuzz.h"
#include "tm_nal.h"
#include "tm_parameter_sets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static tm_h264_inspector inspector;
  static tm_parameter_sets sets;
  static uint8_t annexb[TM_SETS_MAX * (TM_SETS_MAX_BYTES + 4)];
  static char text[TM_SETS_MAX * (TM_SETS_MAX_BYTES * 2)];
  tm_h264_inspector_reset(&inspector);
  tm_parameter_sets_clear(&sets);
  tm_nal_scanner scanner;
  tm_nal nal;
  const uint8_t *last = data;
  tm_h264_slice before = {0};
  tm_nal_scan(&scanner, data, size);
  while (tm_nal_next(&scanner, &nal) == TM_OK) {
    tm_h264_unit unit;
    MUST(nal.bytes > 0 && nal.data >= last + 3 && nal.data + nal.bytes <= data + size);
    last = nal.data + nal.bytes;
    tm_status status = tm_h264_inspect(&inspector, &nal, &unit);
    MUST(unit.type == nal.type && (status == TM_OK || (!unit.is_slice && unit.sps == NULL && unit.pps == NULL)));
    if (unit.sps != NULL) {
      MUST(unit.sps->width >= 1 && unit.sps->width <= TM_H264_MAX_SIDE && unit.sps->height >= 1 && unit.sps->height <= TM_H264_MAX_SIDE);
      MUST(unit.sps->log2_max_frame_num >= 4 && unit.sps->log2_max_frame_num <= 16);
      tm_h264_suits(unit.sps, 0x42E01F);
    }
    if (unit.is_slice) {
      tm_h264_begins_picture(&before, &unit.slice);
      MUST(!unit.slice.complete || tm_h264_has_sets_for(&inspector, unit.slice.pps_id));
      before = unit.slice;
    }
  }
  // Sets that were kept come back the same as text.
  tm_parameter_sets_note_unit(&sets, data, size);
  size_t bytes = 0;
  MUST(tm_parameter_sets_annexb(&sets, annexb, sizeof annexb, &bytes) == TM_OK);
  MUST(tm_parameter_sets_compose(&sets, text, sizeof text) == TM_OK);
  static tm_parameter_sets again;
  tm_parameter_sets_clear(&again);
  if (sets.count > 0) MUST(tm_parameter_sets_parse(&again, text, strlen(text)) == TM_OK);
  MUST(again.count == sets.count && tm_parameter_sets_complete(&again) == tm_parameter_sets_complete(&sets));
  tm_parameter_sets_parse(&again, (const char *)data, size);
  return 0;
}
