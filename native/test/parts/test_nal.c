// H.264 7.3, Annex B: NAL units, sets and slices, from hand-made octets and from streams of libx264.
#include "tm_nal.h"
#include "tm_video_fixture.h"

static tm_fixture stream;

static void start_codes(void) {
  // clang-format off
  static const uint8_t DATA[] = {
    0x55,                         // what stands before the first start code is nobody's
    0, 0, 0, 1, 0x67, 0x11, 0, 0, // SPS, two trailing zeros
    0, 0, 1, 0x68, 0, 0, 3, 1,    // PPS with an emulation prevention octet: no start code
    0, 0, 1,                      // empty
    0, 0, 1, 0x09, 0xF0,          // delimiter
  };
  // clang-format on
  tm_nal_scanner scanner;
  tm_nal nal;
  tm_nal_scan(&scanner, DATA, sizeof DATA);
  CHECK_INT(tm_nal_next(&scanner, &nal), TM_OK);
  CHECK_INT(nal.type, TM_NAL_SPS);
  CHECK_INT(nal.ref_idc, 3);
  CHECK_INT(nal.bytes, 2);
  CHECK_INT(tm_nal_next(&scanner, &nal), TM_OK);
  CHECK_INT(nal.type, TM_NAL_PPS);
  CHECK_INT(nal.bytes, 5);
  CHECK_INT(tm_nal_next(&scanner, &nal), TM_OK);
  CHECK_INT(nal.type, TM_NAL_AUD);
  CHECK_INT(nal.bytes, 2);
  CHECK_INT(tm_nal_next(&scanner, &nal), TM_ERR_END);
  for (size_t bytes = 0; bytes < 4; bytes++) {
    tm_nal_scan(&scanner, DATA + 1, bytes);
    CHECK_INT(tm_nal_next(&scanner, &nal), TM_ERR_END);
  }
  CHECK_INT(tm_nal_header(DATA, 0, &nal), TM_ERR_TRUNCATED);
  CHECK_INT(tm_nal_header((const uint8_t[]){0x87}, 1, &nal), TM_ERR_MALFORMED);
}

// The sample of TS 26.114 A.4.2a: sprop-parameter-sets=J0LgDJWgUH6Af1A=,KM46gA==
static void sets_of_26114(void) {
  static const uint8_t SPS[] = {0x27, 0x42, 0xE0, 0x0C, 0x95, 0xA0, 0x50, 0x7E, 0x80, 0x7F, 0x50};
  static const uint8_t PPS[] = {0x28, 0xCE, 0x3A, 0x80};
  tm_nal nal;
  tm_h264_sps sps;
  tm_h264_pps pps;
  CHECK_INT(tm_nal_header(SPS, sizeof SPS, &nal), TM_OK);
  CHECK_INT(tm_h264_read_sps(&nal, &sps), TM_OK);
  CHECK_INT(sps.profile_idc, 66);
  CHECK_INT(sps.constraints, 0xE0);
  CHECK_INT(sps.level_idc, 12);
  CHECK_INT(sps.width, 320);
  CHECK_INT(sps.height, 240);
  CHECK(sps.has_vui && sps.has_restriction);
  CHECK_INT(sps.num_reorder_frames, 0);
  CHECK_INT(tm_nal_header(PPS, sizeof PPS, &nal), TM_OK);
  CHECK_INT(tm_h264_read_pps(&nal, &pps), TM_OK);
  CHECK_INT(pps.id, 0);
  CHECK_INT(pps.sps_id, 0);
  CHECK_INT(tm_h264_read_sps(&nal, &sps), TM_ERR_ARGUMENT);
}

typedef struct expected {
  const char *file;
  uint8_t profile, level, chroma, depth;
  uint32_t width, height;
  uint8_t reorder;
  uint32_t millifps;
  bool lists, frames_only;
  size_t idr, intra, inter; // slices
} expected;

// What ffprobe says of the same files, and what libx264 was told.
static const expected STREAMS[] = {
    {"baseline.h264", 66, 12, 1, 8, 176, 144, 0, 15000, false, true, 2, 2, 10},
    {"aud-slices.h264", 66, 12, 1, 8, 176, 144, 0, 15000, false, true, 6, 6, 30},
    {"high.h264", 100, 11, 1, 8, 180, 100, 2, 25000, false, true, 1, 1, 11},
    {"high422-interlaced.h264", 122, 21, 2, 10, 178, 98, 2, 30000, false, false, 1, 1, 3},
    {"high444.h264", 244, 11, 3, 8, 160, 120, 2, 29970, false, true, 1, 1, 2},
};

static bool matches(const expected *want) {
  static tm_h264_inspector inspector;
  tm_nal_scanner scanner;
  tm_nal nal;
  const tm_h264_sps *sps = NULL;
  size_t idr = 0, intra = 0, inter = 0;
  if (!tm_fixture_load(&stream, want->file)) return false;
  tm_h264_inspector_reset(&inspector);
  tm_nal_scan(&scanner, stream.data, stream.bytes);
  while (tm_nal_next(&scanner, &nal) == TM_OK) {
    tm_h264_unit unit;
    if (tm_h264_inspect(&inspector, &nal, &unit) != TM_OK) return false;
    if (unit.sps != NULL) sps = unit.sps;
    if (!unit.is_slice) continue;
    if (!unit.slice.complete) return false;
    idr += unit.slice.idr;
    if (unit.slice.type == TM_SLICE_I) intra++;
    else inter++;
  }
  if (sps == NULL || !sps->has_timing) return false;
  uint64_t millifps = 1000u * (uint64_t)sps->time_scale / (2u * (uint64_t)sps->units_in_tick);
  printf("# %s: %u.%u %ux%u chroma %u depth %u reorder %u fps %u slices %zu %zu %zu lists %d\n", want->file, sps->profile_idc,
         sps->level_idc, sps->width, sps->height, sps->chroma_format_idc, sps->bit_depth_luma, sps->num_reorder_frames,
         (unsigned)millifps, idr, intra, inter, sps->scaling_lists);
  return sps->profile_idc == want->profile && sps->level_idc == want->level && sps->width == want->width && sps->height == want->height &&
         sps->chroma_format_idc == want->chroma && sps->bit_depth_luma == want->depth && sps->num_reorder_frames == want->reorder &&
         millifps == want->millifps && sps->scaling_lists == want->lists && sps->frame_mbs_only == want->frames_only &&
         idr == want->idr && intra == want->intra && inter == want->inter;
}

static void streams_of_libx264(void) {
  for (size_t i = 0; i < sizeof STREAMS / sizeof *STREAMS; i++) CHECK(matches(&STREAMS[i]));
}

// Every cut and every flipped bit of real sets: an answer, and never a set out of range.
static void damage(void) {
  static tm_h264_inspector inspector;
  uint8_t copy[256];
  tm_h264_inspector_reset(&inspector);
  CHECK(tm_fixture_load(&stream, "high.h264"));
  tm_nal_scanner scanner;
  tm_nal nal;
  tm_nal_scan(&scanner, stream.data, stream.bytes);
  while (tm_nal_next(&scanner, &nal) == TM_OK && nal.type != TM_NAL_IDR) {
    CHECK(nal.bytes <= sizeof copy);
    for (size_t cut = 1; cut < nal.bytes; cut++) {
      tm_h264_unit unit;
      tm_nal part = nal;
      part.bytes = cut;
      tm_h264_inspect(&inspector, &part, &unit);
    }
    for (size_t bit = 0; bit < 8 * nal.bytes; bit++) {
      tm_h264_unit unit;
      tm_nal bad = nal;
      memcpy(copy, nal.data, nal.bytes);
      copy[bit / 8] = (uint8_t)(copy[bit / 8] ^ 1u << bit % 8);
      bad.data = copy;
      if (tm_h264_inspect(&inspector, &bad, &unit) != TM_OK || unit.sps == NULL) continue;
      CHECK_RANGE(unit.sps->width, 1, TM_H264_MAX_SIDE);
      CHECK_RANGE(unit.sps->height, 1, TM_H264_MAX_SIDE);
      CHECK_RANGE(unit.sps->log2_max_frame_num, 4, 16);
    }
  }
}

// A set that can't be read leaves what was known.
static void bad_set_changes_nothing(void) {
  static tm_h264_inspector inspector;
  static const uint8_t SPS[] = {0x27, 0x42, 0xE0, 0x0C, 0x95, 0xA0, 0x50, 0x7E, 0x80, 0x7F, 0x50};
  tm_nal nal;
  tm_h264_unit unit;
  tm_h264_inspector_reset(&inspector);
  CHECK_INT(tm_nal_header(SPS, sizeof SPS, &nal), TM_OK);
  CHECK_INT(tm_h264_inspect(&inspector, &nal, &unit), TM_OK);
  nal.bytes = 5;
  CHECK(tm_h264_inspect(&inspector, &nal, &unit) != TM_OK);
  CHECK(inspector.has_sps[0] && inspector.sps[0].width == 320);
}

static void recovery_point(void) {
  static tm_h264_inspector inspector;
  // SEI: user data of 4 octets, then a recovery point (6, 1 octet): recovery_frame_cnt 2 = 011, exact, not broken, 0
  static const uint8_t SEI[] = {0x06, 5, 4, 1, 2, 3, 4, 6, 1, 0x70, 0x80};
  tm_nal nal;
  tm_h264_unit unit;
  CHECK_INT(tm_nal_header(SEI, sizeof SEI, &nal), TM_OK);
  CHECK_INT(tm_h264_inspect(&inspector, &nal, &unit), TM_OK);
  CHECK(unit.recovery_point);
  CHECK_INT(unit.recovery_frames, 2);
  nal.bytes = 7;
  CHECK_INT(tm_h264_inspect(&inspector, &nal, &unit), TM_OK);
  CHECK(!unit.recovery_point);
}

typedef struct bit_writer {
  uint8_t data[128];
  size_t bits;
} bit_writer;

static void put_u(bit_writer *w, uint32_t value, unsigned count) {
  while (count-- > 0) {
    if ((value >> count & 1u) != 0) w->data[w->bits / 8] = (uint8_t)(w->data[w->bits / 8] | 0x80u >> w->bits % 8);
    w->bits++;
  }
}

static void put_ue(bit_writer *w, uint32_t value) {
  unsigned length = 0;
  while ((value + 1) >> (length + 1) != 0) length++;
  put_u(w, 0, length);
  put_u(w, value + 1, length + 1);
}

// 7.3.2.1.1.1: lists that end early, that are flat, that are whole; then the fields behind them are found.
static void scaling_lists(void) {
  bit_writer w = {.data = {0}};
  put_u(&w, 0x67640029, 32); // SPS, high, no constraints, level 4.1
  put_ue(&w, 3);             // id
  put_ue(&w, 1);             // 4:2:0
  put_ue(&w, 0);
  put_ue(&w, 0);
  put_u(&w, 0, 1);
  put_u(&w, 1, 1); // scaling lists
  put_u(&w, 1, 1);
  put_ue(&w, 16); // first of list 0: -8, the next scale is 0: the default
  put_u(&w, 1, 1);
  for (int i = 0; i < 8; i++) put_ue(&w, 2); // list 1: -1 each, from 8 to 0: the rest is not written
  put_u(&w, 0, 6); // lists 2 to 7: none
  put_ue(&w, 4);   // log2_max_frame_num 8
  put_ue(&w, 2);   // order count type 2
  put_ue(&w, 1);
  put_u(&w, 0, 1);
  put_ue(&w, 119); // 1920
  put_ue(&w, 67);  // 1088
  put_u(&w, 3, 2); // frames only, direct 8x8
  put_u(&w, 1, 1);
  put_ue(&w, 0);
  put_ue(&w, 0);
  put_ue(&w, 0);
  put_ue(&w, 4); // eight lines off
  put_u(&w, 0, 1);
  put_u(&w, 1, 1);
  tm_nal nal;
  tm_h264_sps sps;
  CHECK_INT(tm_nal_header(w.data, (w.bits + 7) / 8, &nal), TM_OK);
  CHECK_INT(tm_h264_read_sps(&nal, &sps), TM_OK);
  CHECK_INT(sps.id, 3);
  CHECK(sps.scaling_lists && !sps.has_vui);
  CHECK_INT(sps.log2_max_frame_num, 8);
  CHECK_INT(sps.pic_order_cnt_type, 2);
  CHECK_INT(sps.width, 1920);
  CHECK_INT(sps.height, 1080);
}

int main(void) {
  tm_test_run("start codes of both lengths, trailing zeros, emulation prevention", start_codes);
  tm_test_run("the sample sets of TS 26.114", sets_of_26114);
  tm_test_run("streams of libx264: baseline, high, 4:2:2 interlaced, 4:4:4", streams_of_libx264);
  tm_test_run("cut and flipped sets are survived", damage);
  tm_test_run("a bad set changes nothing", bad_set_changes_nothing);
  tm_test_run("recovery point SEI", recovery_point);
  tm_test_run("scaling lists", scaling_lists);
  return tm_test_end();
}
