// ITU-T G.722: sub-band ADPCM. Functions carry the names of clause 6.2 where that has one.
#include "tm_g722.h"

#include <stdbool.h>
#include <string.h>

enum {
  LOW_LEVELS = 30,
  LOW_START = 32,
  HIGH_START = 8,
  LOW_MAX_SCALE = 18432,
  HIGH_MAX_SCALE = 22528,
  LOW_SHIFT = 8,
  HIGH_SHIFT = 10,
  HIGH_THRESHOLD = 564,
  BAND_LIMIT = 16384,  // 15 bits in each band
};

// Table 11: the mirror filter, first half; the second is its mirror image.
static const int16_t MIRROR[TM_G722_TAPS / 2] = {3, -11, -11, 53, 12, -156, 32, 362, -210, -805, 951, 3876};
// Table 14: decision levels of the 6-bit quantizer.
static const int16_t Q6[LOW_LEVELS] = {0,   35,  72,  110, 150, 190, 233, 276,  323,  370,  422,  473,  530,  587,  650,
                                       714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919};
// Tables 17, 18: inverse quantizers by code word, 4 and 6 bit.
static const int16_t QM4[16] = {0,     -20456, -12896, -8968, -6288, -4240, -2584, -1200,
                                20456, 12896,  8968,   6288,  4240,  2584,  1200,  0};
static const int16_t QM6[64] = {
  -136,  -136,  -136,  -136,  -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
  -7192, -6576, -6000, -5456, -4944,  -4464,  -4008,  -3576,  -3168,  -2776,  -2400,  -2032,  -1688,  -1360, -1040, -728,
  24808, 21904, 19008, 16704, 14984,  13512,  12280,  11192,  10232,  9360,   8576,   7856,   7192,   6576,  6000,  5456,
  4944,  4464,  4008,  3576,  3168,   2776,   2400,   2032,   1688,   1360,   1040,   728,    432,    136,   -432,  -136};
// Tables 15, 19: step of the logarithmic scale by 4-bit code word (W of RL42), by 2-bit code word (W of RH2).
static const int16_t LOW_STEP[16] = {-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60};
static const int16_t HIGH_STEP[4] = {798, -214, 798, -214};
static const int16_t QM2[4] = {-7408, -1616, 7408, 1616};
// Table 16: the scale's mantissa, 2^(i/32) in steps of 1/2048.
static const int16_t MANTISSA[32] = {2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543,
                                     2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025, 3091, 3158, 3228,
                                     3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008};

static int32_t clamp(int32_t value, int32_t low, int32_t high) {
  if (value < low) return low;
  return value > high ? high : value;
}

static int32_t saturate(int32_t value) { return clamp(value, INT16_MIN, INT16_MAX); }

/// 16-bit fractional product.
static int32_t times(int32_t a, int32_t b) { return (a * b) >> 15; }

static int32_t doubled(int32_t value) { return saturate(2 * value); }

static bool same_sign(int32_t a, int32_t b) { return (a < 0) == (b < 0); }

/// SCALEL, SCALEH: the linear scale factor of a logarithmic one.
static int32_t scale(int32_t nb, int shift) {
  int32_t mantissa = MANTISSA[nb >> 6 & 31];
  int right = shift - (nb >> 11);
  return (right < 0 ? mantissa << -right : mantissa >> right) << 2;
}

/// LOGSCL, LOGSCH: what a code word does to the scale.
static void adapt_scale(tm_g722_band *band, int32_t step, int32_t limit, int shift) {
  band->nb = clamp((band->nb * 127 >> 7) + step, 0, limit);
  band->det = scale(band->nb, shift);
}

/// UPPOL2, UPPOL1: the two pole coefficients.
static void adapt_poles(tm_g722_band *band, int32_t p) {
  int32_t swing = saturate(4 * band->a[0]);
  if (same_sign(p, band->p[0])) swing = -swing;
  if (swing > INT16_MAX) swing = INT16_MAX;
  int32_t nudge = same_sign(p, band->p[1]) ? 128 : -128;
  int32_t second = clamp(nudge + (swing >> 7) + times(band->a[1], 32512), -12288, 12288);
  int32_t first = saturate((same_sign(p, band->p[0]) ? 192 : -192) + times(band->a[0], 32640));
  int32_t bound = saturate(15360 - second);
  band->a[0] = clamp(first, -bound, bound);
  band->a[1] = second;
}

/// UPZERO, DELAYA: the six zero coefficients and their delay line.
static void adapt_zeros(tm_g722_band *band, int32_t d) {
  int32_t gain = d == 0 ? 0 : 128;
  for (int i = 0; i < TM_G722_ZEROS; i++) {
    band->b[i] = saturate((same_sign(d, band->d[i]) ? gain : -gain) + times(band->b[i], 32640));
  }
  memmove(band->d + 1, band->d, (TM_G722_ZEROS - 1) * sizeof *band->d);
  band->d[0] = d;
}

/// Block 4: takes the quantized difference in and predicts the next value.
static void predict(tm_g722_band *band, int32_t d) {
  int32_t r = saturate(band->s + d);  // RECONS
  int32_t p = saturate(band->sz + d); // PARREC
  adapt_poles(band, p);
  adapt_zeros(band, d);
  band->r[1] = band->r[0];
  band->r[0] = r;
  band->p[1] = band->p[0];
  band->p[0] = p;
  int32_t sp = saturate(times(band->a[0], doubled(band->r[0])) + times(band->a[1], doubled(band->r[1]))); // FILTEP
  int32_t sz = 0;                                                                                         // FILTEZ
  for (int i = TM_G722_ZEROS - 1; i >= 0; i--) sz = saturate(sz + times(band->b[i], doubled(band->d[i])));
  band->sz = sz;
  band->s = saturate(sp + sz); // PREDIC
}

/// What an encoder and a decoder do alike with a code word of the lower band; its two low bits do not count.
static void follow_low(tm_g722_band *band, unsigned word) {
  int32_t d = times(band->det, QM4[word >> 2]);
  adapt_scale(band, LOW_STEP[word >> 2], LOW_MAX_SCALE, LOW_SHIFT);
  predict(band, d);
}

static int32_t follow_high(tm_g722_band *band, unsigned word) {
  int32_t d = times(band->det, QM2[word]);
  adapt_scale(band, HIGH_STEP[word], HIGH_MAX_SCALE, HIGH_SHIFT);
  int32_t r = band->s + d;
  predict(band, d);
  return clamp(r, -BAND_LIMIT, BAND_LIMIT - 1);
}

static int32_t magnitude(int32_t error) { return error >= 0 ? error : -(error + 1); }

/// QUANTL: the 6-bit code word. The words of tables 12 and 13 run down from 61 (positive) and 31, with 63 and 62 for the
/// two smallest negative values.
static unsigned quantize_low(const tm_g722_band *band, int32_t x) {
  int32_t error = saturate(x - band->s);
  int32_t size = magnitude(error);
  unsigned level = 1;
  while (level < LOW_LEVELS && size >= (Q6[level] * band->det) >> 12) level++;
  if (error >= 0) return 62 - level;
  return level <= 2 ? 64 - level : 34 - level;
}

static unsigned quantize_high(const tm_g722_band *band, int32_t x) {
  int32_t error = saturate(x - band->s);
  bool large = magnitude(error) >= (HIGH_THRESHOLD * band->det) >> 12;
  if (error < 0) return large ? 0 : 1;
  return large ? 2 : 3;
}

/// Both halves of the mirror filter over the delay line, after two new values.
static void filter(tm_g722 *state, int32_t older, int32_t newer, int32_t *even, int32_t *odd) {
  memmove(state->line, state->line + 2, (TM_G722_TAPS - 2) * sizeof *state->line);
  state->line[TM_G722_TAPS - 2] = older;
  state->line[TM_G722_TAPS - 1] = newer;
  *even = 0;
  *odd = 0;
  for (int i = 0; i < TM_G722_TAPS; i += 2) {
    int tap = i < TM_G722_TAPS / 2 ? i : TM_G722_TAPS - 1 - i;
    int mirrored = i < TM_G722_TAPS / 2 ? i + 1 : TM_G722_TAPS - 2 - i;
    *even += state->line[i] * MIRROR[tap];
    *odd += state->line[i + 1] * MIRROR[mirrored];
  }
}

void tm_g722_init(tm_g722 *state) {
  memset(state, 0, sizeof *state);
  state->low.det = LOW_START;
  state->high.det = HIGH_START;
}

void tm_g722_encode(tm_g722 *state, const int16_t *pcm, uint8_t *out, size_t octets) {
  for (size_t i = 0; i < octets; i++) {
    int32_t even = 0;
    int32_t odd = 0;
    filter(state, pcm[2 * i], pcm[2 * i + 1], &even, &odd);
    unsigned low = quantize_low(&state->low, (even + odd) >> 14);
    unsigned high = quantize_high(&state->high, (odd - even) >> 14);
    follow_low(&state->low, low);
    (void)follow_high(&state->high, high);
    out[i] = (uint8_t)(high << 6 | low);
  }
}

void tm_g722_decode(tm_g722 *state, const uint8_t *in, int16_t *pcm, size_t octets) {
  for (size_t i = 0; i < octets; i++) {
    unsigned word = in[i] & 0x3F;
    int32_t low = clamp(state->low.s + times(state->low.det, QM6[word]), -BAND_LIMIT, BAND_LIMIT - 1);
    follow_low(&state->low, word);
    int32_t high = follow_high(&state->high, in[i] >> 6);
    int32_t even = 0;
    int32_t odd = 0;
    filter(state, low + high, low - high, &even, &odd);
    pcm[2 * i] = (int16_t)saturate(odd >> 11);
    pcm[2 * i + 1] = (int16_t)saturate(even >> 11);
  }
}
