// ITU-T G.711: A-law and mu-law against 16-bit linear. Pure functions, any thread.
#ifndef TM_G711_H
#define TM_G711_H

#include <stddef.h>
#include <stdint.h>

uint8_t tm_ulaw_from_linear(int16_t sample);
int16_t tm_ulaw_to_linear(uint8_t code);
uint8_t tm_alaw_from_linear(int16_t sample);
int16_t tm_alaw_to_linear(uint8_t code);

/// `count` samples; buffers must not overlap.
void tm_ulaw_encode(const int16_t *pcm, uint8_t *out, size_t count);
void tm_ulaw_decode(const uint8_t *in, int16_t *pcm, size_t count);
void tm_alaw_encode(const int16_t *pcm, uint8_t *out, size_t count);
void tm_alaw_decode(const uint8_t *in, int16_t *pcm, size_t count);

#endif
