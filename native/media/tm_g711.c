// ITU-T G.711 tables 1 and 2: companding by segment and step.
#include "tm_g711.h"

enum {
  ULAW_BIAS = 132, // 33 of the 14-bit scale
  ULAW_CLIP = 32635,
  ALAW_INVERT = 0x55, // even bits inverted
  SIGN = 0x80,
};

/// Position of the highest set bit above bit 7: 0..7.
static int segment_of(int magnitude) {
  int segment = 0;
  for (int rest = magnitude >> 8; rest > 0; rest >>= 1) segment++;
  return segment;
}

uint8_t tm_ulaw_from_linear(int16_t sample) {
  int magnitude = sample < 0 ? -(int)sample : sample;
  if (magnitude > ULAW_CLIP) magnitude = ULAW_CLIP;
  magnitude += ULAW_BIAS;
  int segment = segment_of(magnitude);
  int code = segment << 4 | (magnitude >> (segment + 3) & 0x0F);
  return (uint8_t)(~code & (sample < 0 ? 0x7F : 0xFF));
}

int16_t tm_ulaw_to_linear(uint8_t code) {
  int bits = ~code & 0xFF;
  int segment = bits >> 4 & 7;
  int magnitude = (((bits & 0x0F) << 3) + ULAW_BIAS) << segment;
  magnitude -= ULAW_BIAS;
  return (int16_t)((bits & SIGN) != 0 ? -magnitude : magnitude);
}

uint8_t tm_alaw_from_linear(int16_t sample) {
  // 13-bit scale; the one's complement makes -1 the first negative step.
  int magnitude = (sample < 0 ? ~(int)sample : sample) >> 3;
  int segment = segment_of(magnitude << 3);
  int step = segment <= 1 ? magnitude >> 1 : magnitude >> segment;
  int code = segment << 4 | (step & 0x0F);
  return (uint8_t)((code | (sample < 0 ? 0 : SIGN)) ^ ALAW_INVERT);
}

int16_t tm_alaw_to_linear(uint8_t code) {
  int bits = code ^ ALAW_INVERT;
  int segment = bits >> 4 & 7;
  int magnitude = (bits & 0x0F) << 4;
  if (segment == 0) {
    magnitude += 8;
  } else {
    magnitude = (magnitude + 0x108) << (segment - 1);
  }
  return (int16_t)((bits & SIGN) != 0 ? magnitude : -magnitude);
}

void tm_ulaw_encode(const int16_t *pcm, uint8_t *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = tm_ulaw_from_linear(pcm[i]);
}

void tm_ulaw_decode(const uint8_t *in, int16_t *pcm, size_t count) {
  for (size_t i = 0; i < count; i++) pcm[i] = tm_ulaw_to_linear(in[i]);
}

void tm_alaw_encode(const int16_t *pcm, uint8_t *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = tm_alaw_from_linear(pcm[i]);
}

void tm_alaw_decode(const uint8_t *in, int16_t *pcm, size_t count) {
  for (size_t i = 0; i < count; i++) pcm[i] = tm_alaw_to_linear(in[i]);
}
