// ITU-T G.107 7, G.107.1 7: the E-model with the default values of everything but codec, loss and delay.
#include "tm_quality.h"

#include <math.h>
#include <stddef.h>

static const double BEST_NARROW = 93.2; // G.107 7.7, defaults
static const double BEST_WIDE = 129;    // G.107.1 7.2
static const double WIDE_TO_NARROW = 1.29; // G.107.1 annex A
static const double WORST_IMPAIRMENT = 95; // G.107 7.5, G.107.1 7.5
static const double HARMLESS_MS = 100;     // G.107 7.4
static const double MAX_MOS = 4.5;

// Ie and Bpl: G.711 with concealment, AMR 12.2 (as GSM EFR): G.113 appendix I. Wideband Ie: G.113 appendix IV. What these tables lack is
// estimated: lower modes of AMR after the narrowband listening tests of TR 26.975, Bpl of G.722, the upper AMR-WB modes and Opus after
// their nearest kin; Opus at 24 kbit/s as AMR-WB 23.05.
static const tm_impairment IMPAIRMENTS[] = {
  {TM_CODEC_PCMU, 0, false, 0, 25.1, 0},
  {TM_CODEC_PCMA, 0, false, 0, 25.1, 0},
  {TM_CODEC_AMR, 0, false, 26, 10, 5},
  {TM_CODEC_AMR, 1, false, 23, 10, 5},
  {TM_CODEC_AMR, 2, false, 20, 10, 5},
  {TM_CODEC_AMR, 3, false, 17, 10, 5},
  {TM_CODEC_AMR, 4, false, 14, 10, 5},
  {TM_CODEC_AMR, 5, false, 10, 10, 5},
  {TM_CODEC_AMR, 6, false, 7, 10, 5},
  {TM_CODEC_AMR, 7, false, 5, 10, 0},
  {TM_CODEC_AMR_WB, 0, true, 41, 13, 5},
  {TM_CODEC_AMR_WB, 1, true, 26, 13, 5},
  {TM_CODEC_AMR_WB, 2, true, 13, 13, 5},
  {TM_CODEC_AMR_WB, 3, true, 10, 13, 5},
  {TM_CODEC_AMR_WB, 4, true, 7, 13, 5},
  {TM_CODEC_AMR_WB, 5, true, 5, 13, 5},
  {TM_CODEC_AMR_WB, 6, true, 3, 13, 5},
  {TM_CODEC_AMR_WB, 7, true, 1, 13, 5},
  {TM_CODEC_AMR_WB, 8, true, 8, 13, 5},
  {TM_CODEC_G722, 0, true, 13, 13, 1.5},
  {TM_CODEC_OPUS, 0, true, 1, 13, 6.5},
};

const tm_impairment *tm_impairment_of(tm_codec_id codec, uint8_t mode) {
  const tm_impairment *found = &IMPAIRMENTS[0];
  for (size_t i = 0; i < sizeof IMPAIRMENTS / sizeof IMPAIRMENTS[0]; i++) {
    const tm_impairment *row = &IMPAIRMENTS[i];
    if (row->codec == codec && (found->codec != codec || row->mode <= mode)) found = row;
  }
  return found;
}

double tm_quality_mos(double r) {
  if (r <= 0) return 1;
  if (r >= 100) return MAX_MOS;
  double mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
  return mos < 1 ? 1 : mos > MAX_MOS ? MAX_MOS : mos; // the polynomial dips below 1 near R = 3
}

/// G.107 equation 7-27 (Idd; default sensitivity), the same in G.107.1.
static double delay_impairment(double delay_ms) {
  if (delay_ms <= HARMLESS_MS) return 0;
  double x = log2(delay_ms / HARMLESS_MS);
  return 25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2);
}

/// G.107 equation 7-29; G.107.1 has it without BurstR, which random loss makes 1.
static double equipment_impairment(const tm_quality_input *input) {
  double percent = input->loss * 100;
  double ie = input->impairment->ie;
  if (percent <= 0) return ie;
  double ratio = input->burst_ratio < 1 ? 1 : input->burst_ratio;
  return ie + (WORST_IMPAIRMENT - ie) * percent / (percent / ratio + input->impairment->bpl);
}

double tm_quality_r_narrow(const tm_impairment *impairment, double r) {
  double narrow = impairment->wideband ? r / WIDE_TO_NARROW : r;
  return narrow < 0 ? 0 : narrow > 100 ? 100 : narrow;
}

tm_quality tm_quality_rate(const tm_quality_input *input) {
  double best = input->impairment->wideband ? BEST_WIDE : BEST_NARROW;
  tm_quality quality;
  quality.r_listening = fmax(0, best - equipment_impairment(input));
  quality.r_conversation = fmax(0, quality.r_listening - delay_impairment(input->delay_ms));
  quality.mos_listening = tm_quality_mos(tm_quality_r_narrow(input->impairment, quality.r_listening));
  quality.mos_conversation = tm_quality_mos(tm_quality_r_narrow(input->impairment, quality.r_conversation));
  return quality;
}
