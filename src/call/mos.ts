// Listening quality from loss and codec, the E-model cut down to what a receiver knows (ITU-T G.107, G.113).
import type { CodecName } from '#src/sdp/codecs.ts';

/** Equipment impairment and robustness against random loss (G.113 appendix I; AMR-WB mapped to the narrowband scale). */
const IMPAIRMENT: Readonly<Record<CodecName, { readonly ie: number; readonly bpl: number }>> = {
  PCMU: { ie: 0, bpl: 25.1 },
  PCMA: { ie: 0, bpl: 25.1 },
  'AMR-WB': { ie: 1, bpl: 13 },
  AMR: { ie: 5, bpl: 10 },
  G722: { ie: 0, bpl: 25.1 },
  opus: { ie: 0, bpl: 20 },
};
/** Rating of a call without any impairment (G.107 annex B). */
const BEST_RATING = 93.2;

/** 1 (bad) to 4.4. */
export function meanOpinionScore(codec: CodecName, received: number, lost: number): number {
  const expected = received + lost;
  const lossPercent = expected > 0 ? (100 * lost) / expected : 0;
  const { ie, bpl } = IMPAIRMENT[codec];
  const rating = BEST_RATING - (ie + ((95 - ie) * lossPercent) / (lossPercent + bpl));
  const score = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6;
  return Math.round(Math.min(4.5, Math.max(1, score)) * 100) / 100;
}
