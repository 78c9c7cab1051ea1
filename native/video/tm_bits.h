// H.264 7.2, 9.1: bits of a NAL unit read over its emulation prevention octets, nothing copied. Beyond the end zeros come, and
// `overrun` is set.
#ifndef TM_BITS_H
#define TM_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tm_bits {
  const uint8_t *at;
  const uint8_t *end;
  unsigned zeros; // zero octets just before `at`
  unsigned left;  // bits of `octet` not yet read
  uint32_t octet;
  bool overrun;
} tm_bits;

static inline tm_bits tm_bits_of(const uint8_t *data, size_t bytes) { return (tm_bits){.at = data, .end = data + bytes}; }

static inline void tm_bits_fetch(tm_bits *bits) {
  if (bits->zeros >= 2 && bits->at < bits->end && *bits->at == 3) { // 7.4.1: emulation_prevention_three_byte
    bits->at++;
    bits->zeros = 0;
  }
  bits->left = 8;
  if (bits->at == bits->end) {
    bits->overrun = true;
    bits->octet = 0;
    return;
  }
  bits->octet = *bits->at++;
  bits->zeros = bits->octet == 0 ? bits->zeros + 1 : 0;
}

static inline uint32_t tm_bits_one(tm_bits *bits) {
  if (bits->left == 0) tm_bits_fetch(bits);
  bits->left--;
  return bits->octet >> bits->left & 1u;
}

// u(n), n <= 32
static inline uint32_t tm_bits_u(tm_bits *bits, unsigned count) {
  uint32_t value = 0;
  while (count > 0) {
    if (bits->left == 0) tm_bits_fetch(bits);
    unsigned take = bits->left < count ? bits->left : count;
    value = value << take | (bits->octet >> (bits->left - take) & ((1u << take) - 1u));
    bits->left -= take;
    count -= take;
  }
  return value;
}

// ue(v); a code longer than 32 bits counts as an overrun
static inline uint32_t tm_bits_ue(tm_bits *bits) {
  unsigned zeros = 0;
  while (!bits->overrun && tm_bits_one(bits) == 0) zeros++;
  if (zeros > 31) bits->overrun = true;
  if (bits->overrun) return 0;
  return (1u << zeros) - 1u + tm_bits_u(bits, zeros);
}

static inline int32_t tm_bits_se(tm_bits *bits) {
  uint32_t code = tm_bits_ue(bits);
  return (code & 1u) != 0 ? (int32_t)(code / 2) + 1 : -(int32_t)(code / 2);
}

#endif
