// H.264 A.2, A.3: levels as a table, and which stream suits which profile-level-id (RFC 6184 table 5).
#include "tm_parameter_sets.h"

enum {
  LEVEL_1B = 9,
  LEVEL_1_1 = 11,
  MACROBLOCK = 16,
  MILLI = 1000,
  SET0 = 0x80,
  SET1 = 0x40,
  SET3 = 0x10,
  SET4_5 = 0x0C,
};

// H.264 table A-1: level, MaxMBPS, MaxFS, MaxBR * 1000, MaxDpbMbs
static const tm_h264_level LEVELS[] = {
    {10, 1485, 99, 64000, 396},
    {LEVEL_1B, 1485, 99, 128000, 396},
    {11, 3000, 396, 192000, 900},
    {12, 6000, 396, 384000, 2376},
    {13, 11880, 396, 768000, 2376},
    {20, 11880, 396, 2000000, 2376},
    {21, 19800, 792, 4000000, 4752},
    {22, 20250, 1620, 4000000, 8100},
    {30, 40500, 1620, 10000000, 8100},
    {31, 108000, 3600, 14000000, 18000},
    {32, 216000, 5120, 20000000, 20480},
    {40, 245760, 8192, 20000000, 32768},
    {41, 245760, 8192, 50000000, 32768},
    {42, 522240, 8704, 50000000, 34816},
    {50, 589824, 22080, 135000000, 110400},
    {51, 983040, 36864, 240000000, 184320},
    {52, 2073600, 36864, 240000000, 184320},
    {60, 4177920, 139264, 240000000, 696320},
    {61, 8355840, 139264, 480000000, 696320},
    {62, 16711680, 139264, 800000000, 696320},
};
enum { LEVEL_COUNT = sizeof LEVELS / sizeof *LEVELS };

const tm_h264_level *tm_h264_level_limits(uint8_t level_idc, bool level_1b) {
  uint8_t wanted = level_idc == LEVEL_1_1 && level_1b ? LEVEL_1B : level_idc;
  for (size_t i = 0; i < LEVEL_COUNT; i++)
    if (LEVELS[i].level_idc == wanted) return &LEVELS[i];
  return NULL;
}

uint32_t tm_h264_level_millifps(const tm_h264_level *level, uint32_t width, uint32_t height, uint32_t wanted) {
  if (width == 0 || height == 0 || width > TM_H264_MAX_SIDE || height > TM_H264_MAX_SIDE) return 0;
  uint64_t wide = (width + MACROBLOCK - 1) / MACROBLOCK;
  uint64_t high = (height + MACROBLOCK - 1) / MACROBLOCK;
  uint64_t side = 8u * (uint64_t)level->macroblocks; // A.3.1 f, g: squared
  if (wide * high > level->macroblocks || wide * wide > side || high * high > side) return 0;
  uint64_t most = (uint64_t)level->macroblocks_per_second * MILLI / (wide * high);
  return most < wanted ? (uint32_t)most : wanted;
}

bool tm_h264_fits_level(const tm_h264_level *level, uint32_t width, uint32_t height, uint32_t millifps) {
  uint32_t allowed = tm_h264_level_millifps(level, width, height, millifps == 0 ? 1 : millifps);
  return allowed != 0 && allowed >= millifps;
}

const tm_h264_level *tm_h264_level_for(uint32_t width, uint32_t height, uint32_t millifps, uint32_t bits_per_second) {
  for (size_t i = 0; i < LEVEL_COUNT; i++)
    if (tm_h264_fits_level(&LEVELS[i], width, height, millifps) && bits_per_second <= LEVELS[i].bits_per_second) return &LEVELS[i];
  return NULL;
}

// RFC 6184 table 5: the sub-profile; a set of bits.
typedef enum subprofile { OTHER = 0, CONSTRAINED = 1, BASELINE = 2, EXTENDED = 4, MAIN = 8, CONSTRAINED_HIGH = 16, HIGH = 32 } subprofile;

static subprofile subprofile_of(uint8_t profile, uint8_t constraints) {
  switch (profile) {
    case 66:
      return (constraints & SET1) != 0 ? CONSTRAINED : BASELINE;
    case 77:
      return (constraints & SET0) != 0 ? CONSTRAINED : MAIN;
    case 88:
      return (constraints & (SET0 | SET1)) == (SET0 | SET1) ? CONSTRAINED : EXTENDED;
    case 100:
      return (constraints & SET4_5) == SET4_5 ? CONSTRAINED_HIGH : HIGH;
    default:
      return OTHER;
  }
}

static unsigned decodable_by(subprofile receiver) {
  switch (receiver) {
    case CONSTRAINED:
      return CONSTRAINED;
    case BASELINE:
      return CONSTRAINED | BASELINE;
    case EXTENDED:
      return CONSTRAINED | BASELINE | EXTENDED;
    case MAIN:
      return CONSTRAINED | MAIN;
    case CONSTRAINED_HIGH:
      return CONSTRAINED | CONSTRAINED_HIGH;
    case HIGH:
      return CONSTRAINED | MAIN | CONSTRAINED_HIGH | HIGH;
    default:
      return CONSTRAINED;
  }
}

// Levels in their order, 1b between 1 and 1.1.
static unsigned level_rank(uint8_t profile, uint8_t constraints, uint8_t level) {
  bool old = profile == 66 || profile == 77 || profile == 88;
  bool level_1b = level == LEVEL_1B || (old && level == LEVEL_1_1 && (constraints & SET3) != 0);
  return level_1b ? 21 : 2u * level;
}

bool tm_h264_suits(const tm_h264_sps *sps, uint32_t profile_level_id) {
  const uint8_t profile = (uint8_t)(profile_level_id >> 16);
  const uint8_t constraints = (uint8_t)(profile_level_id >> 8);
  const uint8_t level = (uint8_t)profile_level_id;
  if (level_rank(sps->profile_idc, sps->constraints, sps->level_idc) > level_rank(profile, constraints, level)) return false;
  subprofile stream = subprofile_of(sps->profile_idc, sps->constraints);
  if (stream == OTHER) return sps->profile_idc == profile;
  return ((unsigned)stream & decodable_by(subprofile_of(profile, constraints))) != 0;
}
