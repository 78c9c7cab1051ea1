// How good a call sounds: the E-model, ITU-T G.107 (narrowband) and G.107.1 (wideband), cut down to what an endpoint knows: codec, loss and
// its burstiness, delay. Everything else (noise, loudness, echo) has the values of a good terminal. Pure functions, any thread.
#ifndef TM_QUALITY_H
#define TM_QUALITY_H

#include <stdbool.h>
#include <stdint.h>

#include "tm_codec.h"

/// A codec at a rate, as G.113 lists it.
typedef struct tm_impairment {
  tm_codec_id codec;
  uint8_t mode;       // AMR, AMR-WB: frame type; else 0
  bool wideband;      // values are on the scale of G.107.1 (best 129), else on that of G.107 (best 93.2)
  double ie;          // equipment impairment without loss
  double bpl;         // robustness against loss: percent that halves what is left
  double lookahead_ms;// algorithmic delay beyond the frame
} tm_impairment;

/// The row for a codec; AMR modes by number, unknown ones as the next lower. Static storage.
const tm_impairment *tm_impairment_of(tm_codec_id codec, uint8_t mode);

typedef struct tm_quality_input {
  const tm_impairment *impairment;
  double loss;        // share of packets lost or too late, 0..1
  double burst_ratio; // G.107 BurstR, 1 random
  double delay_ms;    // one way, mouth to ear; negative: not known, the conversation counts as listening
} tm_quality_input;

typedef struct tm_quality {
  double r_listening;    // 0..93.2, wideband 0..129: without the effect of delay
  double r_conversation;
  double mos_listening;  // 1..4.5
  double mos_conversation;
} tm_quality;

tm_quality tm_quality_rate(const tm_quality_input *input);
/// R as RFC 3611 4.7.5 wants it, 0..100: wideband ratings are brought to the narrowband scale (G.107.1 annex A).
double tm_quality_r_narrow(const tm_impairment *impairment, double r);
/// G.107 annex B: R of 0..100 to MOS.
double tm_quality_mos(double r);

#endif
