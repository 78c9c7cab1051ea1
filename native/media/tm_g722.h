// ITU-T G.722 (09/2012), 64 kbit/s: 16 kHz sound in two sub-bands, one octet for two samples. Plain structs, one thread.
#ifndef TM_G722_H
#define TM_G722_H

#include <stddef.h>
#include <stdint.h>

enum {
  TM_G722_ZEROS = 6, // of the adaptive predictor
  TM_G722_TAPS = 24, // of the quadrature mirror filters
};

/// One sub-band's adaptive predictor and quantizer scale; the names are those of clause 6.2.
typedef struct tm_g722_band {
  int32_t s, sz;                  // predicted signal; its part from the zeros
  int32_t r[2];                   // reconstructed signal, newest first
  int32_t p[2];                   // partially reconstructed signal
  int32_t a[2];                   // pole coefficients
  int32_t d[TM_G722_ZEROS];       // quantized difference signal
  int32_t b[TM_G722_ZEROS];       // zero coefficients
  int32_t nb, det;                // logarithmic and linear scale factor
} tm_g722_band;

/// An encoder or a decoder.
typedef struct tm_g722 {
  tm_g722_band low, high;
  int32_t line[TM_G722_TAPS];     // delay line of the mirror filter, oldest first
} tm_g722;

void tm_g722_init(tm_g722 *state);
/// `octets` octets from 2 * octets samples.
void tm_g722_encode(tm_g722 *state, const int16_t *pcm, uint8_t *out, size_t octets);
/// 2 * octets samples.
void tm_g722_decode(tm_g722 *state, const uint8_t *in, int16_t *pcm, size_t octets);

#endif
