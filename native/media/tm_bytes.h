// Network byte order (big-endian) fields in a buffer. The caller has checked the bounds.
#ifndef TM_BYTES_H
#define TM_BYTES_H

#include <stdint.h>

static inline uint16_t tm_get16(const uint8_t *at) { return (uint16_t)((unsigned)at[0] << 8 | at[1]); }

static inline uint32_t tm_get32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void tm_put16(uint8_t *at, uint16_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static inline void tm_put32(uint8_t *at, uint32_t value) {
  tm_put16(at, (uint16_t)(value >> 16));
  tm_put16(at + 2, (uint16_t)value);
}

#endif
