// RFC 6184 8.1, H.264 A.3: sets as text, levels, profiles.
#include "tm_parameter_sets.h"
#include "tm_video_fixture.h"

static const char SPROP[] = "J0LgDJWgUH6Af1A=,KM46gA=="; // TS 26.114 A.4.2a
static tm_parameter_sets sets;
static tm_fixture stream;

static void sprop(void) {
  static const uint8_t ANNEXB[] = {0, 0, 0, 1, 0x27, 0x42, 0xE0, 0x0C, 0x95, 0xA0, 0x50, 0x7E, 0x80, 0x7F, 0x50, 0, 0, 0, 1, 0x28, 0xCE, 0x3A, 0x80};
  char text[64];
  uint8_t out[64];
  size_t written = 0;
  tm_parameter_sets_clear(&sets);
  CHECK(!tm_parameter_sets_complete(&sets));
  CHECK_INT(tm_parameter_sets_parse(&sets, SPROP, strlen(SPROP)), TM_OK);
  CHECK(tm_parameter_sets_complete(&sets));
  CHECK_INT(tm_parameter_sets_annexb(&sets, out, sizeof out, &written), TM_OK);
  CHECK_INT(written, sizeof ANNEXB);
  CHECK_BYTES(out, ANNEXB, sizeof ANNEXB);
  CHECK_INT(tm_parameter_sets_compose(&sets, text, sizeof text), TM_OK);
  CHECK(strcmp(text, SPROP) == 0);
  CHECK_INT(tm_parameter_sets_compose(&sets, text, strlen(SPROP)), TM_ERR_SPACE);
  CHECK_INT(tm_parameter_sets_annexb(&sets, out, 22, &written), TM_ERR_SPACE);
}

static void bad_sprop(void) {
  static const char *const BAD[] = {"", ",", "J0LgDJWgUH6Af1A=,", "J0Lg*JWg", "J", "AAAA", "J0LgDA=="};
  for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) CHECK(tm_parameter_sets_parse(&sets, BAD[i], strlen(BAD[i])) != TM_OK);
  tm_parameter_sets_clear(&sets);
  CHECK_INT(tm_parameter_sets_parse(&sets, "J0LgDJWgUH6Af1A", 15), TM_OK); // without its padding
}

static void from_a_stream(void) {
  bool changed = true;
  CHECK(tm_fixture_load(&stream, "aud-slices.h264"));
  tm_parameter_sets_clear(&sets);
  CHECK(tm_parameter_sets_note_unit(&sets, stream.data, stream.bytes));
  CHECK(!tm_parameter_sets_note_unit(&sets, stream.data, stream.bytes)); // the same again
  CHECK_INT(sets.count, 2);
  CHECK(tm_parameter_sets_complete(&sets));
  CHECK(tm_fixture_load(&stream, "high.h264"));
  CHECK(tm_parameter_sets_note_unit(&sets, stream.data, stream.bytes)); // replaced
  CHECK_INT(sets.count, 2);
  CHECK_INT(tm_parameter_sets_note(&sets, (const uint8_t[]){0x65, 0x88}, 2, &changed), TM_ERR_ARGUMENT);
}

static void levels(void) {
  const tm_h264_level *l12 = tm_h264_level_limits(12, false);
  const tm_h264_level *l31 = tm_h264_level_limits(31, false);
  CHECK(l12 != NULL && l31 != NULL);
  CHECK(tm_h264_level_limits(33, false) == NULL);
  CHECK_INT(tm_h264_level_limits(11, true)->bits_per_second, 128000);
  CHECK_INT(tm_h264_level_limits(11, false)->bits_per_second, 192000);
  CHECK(tm_h264_fits_level(l12, 320, 240, 20000));
  CHECK(!tm_h264_fits_level(l12, 320, 240, 20001));
  CHECK(tm_h264_fits_level(l12, 352, 288, 15000));
  CHECK(!tm_h264_fits_level(l12, 640, 480, 1000));
  CHECK(tm_h264_fits_level(l31, 1280, 720, 30000));
  CHECK(tm_h264_fits_level(l31, 640, 480, 30000));
  CHECK(!tm_h264_fits_level(l31, 1920, 1080, 1000));
  CHECK(!tm_h264_fits_level(l12, 1600, 16, 1000)); // sides by sqrt(8 * MaxFS)
  CHECK(!tm_h264_fits_level(l31, 0, 480, 1));
  CHECK_INT(tm_h264_level_millifps(l12, 320, 240, 30000), 20000);
  CHECK_INT(tm_h264_level_millifps(l31, 320, 240, 30000), 30000);
  CHECK_INT(tm_h264_level_for(320, 240, 20000, 300000)->level_idc, 12);
  CHECK_INT(tm_h264_level_for(640, 480, 30000, 1000000)->level_idc, 30);
  CHECK_INT(tm_h264_level_for(1280, 720, 30000, 2000000)->level_idc, 31);
  CHECK(tm_h264_level_for(16384, 16384, 1000, 1) == NULL);
}

// The table rises from level to level, but for rates within a generation.
static void levels_rise(void) {
  static const uint8_t ORDER[] = {10, 9, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62};
  for (size_t i = 1; i < sizeof ORDER; i++) {
    const tm_h264_level *low = tm_h264_level_limits(ORDER[i - 1], false);
    const tm_h264_level *high = tm_h264_level_limits(ORDER[i], false);
    CHECK(low != NULL && high != NULL);
    CHECK(high->macroblocks >= low->macroblocks && high->macroblocks_per_second >= low->macroblocks_per_second);
    CHECK(high->bits_per_second >= low->bits_per_second && high->dpb_macroblocks >= low->dpb_macroblocks);
  }
}

static void profiles(void) {
  static const struct {
    uint8_t profile, constraints, level;
    uint32_t asked;
    bool suits;
  } ROWS[] = {
      {66, 0xE0, 12, 0x42E00C, true},  {66, 0xE0, 31, 0x42E00C, false}, {66, 0xE0, 12, 0x42E01F, true},
      {66, 0x40, 12, 0x42E01F, true},  {66, 0x00, 12, 0x42E01F, false}, // baseline with its tools does not suit constrained
      {66, 0x00, 12, 0x42001F, true},  {77, 0x80, 12, 0x42E01F, true},  {77, 0x00, 12, 0x42E01F, false},
      {77, 0x00, 12, 0x64001F, true},  {100, 0x00, 31, 0x42E01F, false}, {100, 0x0C, 31, 0x640C1F, true},
      {100, 0x00, 31, 0x640C1F, false}, {66, 0xF0, 11, 0x42E00B, true}, // 1b below 1.1
      {66, 0xE0, 11, 0x42F00B, false}, {122, 0x00, 31, 0x7A001F, true}, {122, 0x00, 31, 0x64001F, false},
  };
  for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
    tm_h264_sps sps = {.profile_idc = ROWS[i].profile, .constraints = ROWS[i].constraints, .level_idc = ROWS[i].level};
    if (tm_h264_suits(&sps, ROWS[i].asked) != ROWS[i].suits) printf("# row %zu\n", i);
    CHECK(tm_h264_suits(&sps, ROWS[i].asked) == ROWS[i].suits);
  }
}

int main(void) {
  tm_test_run("sprop-parameter-sets of TS 26.114 both ways", sprop);
  tm_test_run("what is no sprop-parameter-sets", bad_sprop);
  tm_test_run("sets of a stream, replaced by newer ones", from_a_stream);
  tm_test_run("levels and picture sizes", levels);
  tm_test_run("the level table rises", levels_rise);
  tm_test_run("profiles that suit each other", profiles);
  return tm_test_end();
}
