// The layout of RIFF WAVE, shared by reader and writer. Little-endian.
#ifndef TM_WAV_FORMAT_H
#define TM_WAV_FORMAT_H

#include <stdint.h>

enum {
  WAV_RIFF_HEADER_BYTES = 12,  // "RIFF" size "WAVE"
  WAV_CHUNK_HEADER_BYTES = 8,  // id size
  WAV_FMT_BYTES = 16,          // fields of the plain fmt chunk
  WAV_FMT_EXTENSIBLE_BYTES = 40,
  WAV_SUBFORMAT_OFFSET = 24,   // in the extensible fmt chunk: first two octets of the GUID are a format tag
  WAV_TAG_PCM = 1,
  WAV_TAG_EXTENSIBLE = 0xFFFE,
  WAV_SAMPLE_BYTES = 2,
  WAV_SAMPLE_BITS = 16,
};

static inline uint16_t wav_get16(const uint8_t *at) { return (uint16_t)(at[0] | (unsigned)at[1] << 8); }

static inline uint32_t wav_get32(const uint8_t *at) { return wav_get16(at) | (uint32_t)wav_get16(at + 2) << 16; }

static inline void wav_put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)value;
  at[1] = (uint8_t)(value >> 8);
}

static inline void wav_put32(uint8_t *at, uint32_t value) {
  wav_put16(at, value);
  wav_put16(at + 2, value >> 16);
}

#endif
