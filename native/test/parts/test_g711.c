// ITU-T G.711: values of tables 1a to 2b, and properties over the whole range.
#include "tm_g711.h"
#include "tm_test.h"

static void alaw_values(void) {
  // Table 1a: character signal with even bits inverted, value in 13 bits, here times 8.
  static const struct {
    uint8_t code;
    int linear;
  } rows[] = {
    {0xD5, 8},          // smallest positive step
    {0x55, -8},
    {0x80 ^ 0x55 ^ 0x7F, 32256}, // largest: decision value 4096 - 64
    {0x55 ^ 0x7F, -32256},
    {0xC5, 264},        // segment 2 begins: 33 * 8
    {0xF5, 528},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    CHECK_INT(tm_alaw_to_linear(rows[i].code), rows[i].linear);
  }
}

static void ulaw_values(void) {
  static const struct {
    uint8_t code;
    int linear;
  } rows[] = {
    {0xFF, 0}, {0x7F, 0}, // both zeros
    {0xFE, 8}, {0x7E, -8},
    {0x80, 32124}, {0x00, -32124}, // 8031 in 14 bits, times 4
    {0xEF, 132}, // 33 * 4
    {0x8F, 16764}, // 4191 * 4
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    CHECK_INT(tm_ulaw_to_linear(rows[i].code), rows[i].linear);
  }
}

/// Codes come back; the nearest code is chosen; the law is symmetric and monotonic.
static void whole_range(uint8_t (*compress)(int16_t), int16_t (*expand)(uint8_t), bool two_zeros) {
  for (int code = 0; code < 256; code++) {
    uint8_t back = compress(expand((uint8_t)code));
    if (two_zeros && code == 0x7F) continue; // minus zero comes back as plus zero
    CHECK_INT(back, code);
  }
  int previous = -32769;
  for (int sample = -32768; sample <= 32767; sample++) {
    int decoded = expand(compress((int16_t)sample));
    CHECK(decoded >= previous);
    previous = decoded;
    int magnitude = sample < 0 ? -sample : sample;
    int error = decoded - sample;
    if (error < 0) error = -error;
    // Half a step of the segment: a 32nd of the magnitude, at least half of the smallest step; more where it clips.
    if (magnitude < 32124) CHECK_RANGE(error, 0, magnitude / 32 + 8);
  }
}

static void alaw_range(void) { whole_range(tm_alaw_from_linear, tm_alaw_to_linear, false); }
static void ulaw_range(void) { whole_range(tm_ulaw_from_linear, tm_ulaw_to_linear, true); }

/// The test sequence of G.711 section 4 table 5/6: a 1 kHz sine of 0 dBm0 has the rms level 3.14 (A) or 3.17 (mu) dB
/// below the overload point of the law.
static void digital_milliwatt(void) {
  static const uint8_t alaw[] = {0x34, 0x21, 0x21, 0x34, 0xB4, 0xA1, 0xA1, 0xB4};
  static const uint8_t ulaw[] = {0x1E, 0x0B, 0x0B, 0x1E, 0x9E, 0x8B, 0x8B, 0x9E};
  double sum_a = 0;
  double sum_u = 0;
  for (int i = 0; i < 8; i++) {
    sum_a += pow(tm_alaw_to_linear(alaw[i]), 2);
    sum_u += pow(tm_ulaw_to_linear(ulaw[i]), 2);
  }
  double overload_a = 4096 * 8;
  double overload_u = 8159 * 4;
  CHECK_RANGE(20 * log10(sqrt(sum_a / 8) * sqrt(2) / overload_a), -3.19, -3.09);
  CHECK_RANGE(20 * log10(sqrt(sum_u / 8) * sqrt(2) / overload_u), -3.22, -3.12);
}

static void blocks(void) {
  int16_t pcm[160];
  uint8_t codes[160];
  int16_t back[160];
  for (int i = 0; i < 160; i++) pcm[i] = (int16_t)(i * 200 - 16000);
  tm_alaw_encode(pcm, codes, 160);
  tm_alaw_decode(codes, back, 160);
  for (int i = 0; i < 160; i++) CHECK_INT(back[i], tm_alaw_to_linear(tm_alaw_from_linear(pcm[i])));
  tm_ulaw_encode(pcm, codes, 160);
  tm_ulaw_decode(codes, back, 160);
  for (int i = 0; i < 160; i++) CHECK_INT(back[i], tm_ulaw_to_linear(tm_ulaw_from_linear(pcm[i])));
}

int main(void) {
  tm_test_run("A-law has the values of G.711 table 1", alaw_values);
  tm_test_run("mu-law has the values of G.711 table 2", ulaw_values);
  tm_test_run("A-law is monotonic, close and reversible over all samples", alaw_range);
  tm_test_run("mu-law is monotonic, close and reversible over all samples", ulaw_range);
  tm_test_run("the digital milliwatt of tables 5 and 6 has its level", digital_milliwatt);
  tm_test_run("blocks are coded as single samples are", blocks);
  return tm_test_end();
}
