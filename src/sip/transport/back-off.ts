// RFC 5626 4.5: how long to wait before a failed flow or registration is tried again.
import type { Random } from '#src/base/random.ts';
import { Seconds } from '#src/base/units.ts';

export interface BackOffOptions {
  /** Upper bound before the first doubling. */
  readonly base: Seconds;
  /** The bound never exceeds this. */
  readonly max: Seconds;
  /** Consecutive failures so far; 0 and 1 differ by one doubling. */
  readonly failures: number;
  readonly random: Random;
}

/** Defaults of RFC 5626 4.5: no flow is left, longest wait. */
export const BACK_OFF_BASE_ALL_FAILED = Seconds(30);
export const BACK_OFF_MAX = Seconds(1800);

/** Uniform between half and all of min(max, base * 2^failures). */
export function backOff(options: BackOffOptions): Seconds {
  const bound = Math.min(options.max, options.base * 2 ** Math.max(0, options.failures));
  return Seconds(bound * (0.5 + options.random.uniform() / 2));
}
