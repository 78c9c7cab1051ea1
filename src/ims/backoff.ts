// RFC 5626 4.5: how long to wait after registrations that failed.
import type { Random } from '#src/base/random.ts';
import { Seconds } from '#src/base/units.ts';

export interface BackoffSettings {
  /** `retry_base`: base-time (all flows failed) of RFC 5626 4.5. */
  readonly base: Seconds;
  /** `retry_max`: max-time of RFC 5626 4.5. */
  readonly max: Seconds;
}

/** RFC 5626 4.5 defaults (TS 24.167 RegRetryBaseTime and RegRetryMaxTime have none of their own). */
export const DEFAULT_BACKOFF: BackoffSettings = { base: Seconds(30), max: Seconds(1800) };

/** Beyond this power the wait is `max` anyway; it keeps the number finite. */
const LARGEST_POWER = 30;

/** Counts failures in a row and gives the wait after each: 50 to 100 % of min(max, base × 2^failures). */
export class Backoff {
  readonly #settings: BackoffSettings;
  readonly #random: Random;
  #failures = 0;

  constructor(settings: BackoffSettings, random: Random) {
    this.#settings = settings;
    this.#random = random;
  }

  /** Failures in a row so far. */
  get failures(): number {
    return this.#failures;
  }

  /** Notes one more failure; the wait before the next attempt. */
  failed(): Seconds {
    this.#failures += 1;
    const { base, max } = this.#settings;
    const upper = Math.min(max, base * 2 ** Math.min(this.#failures, LARGEST_POWER));
    return Seconds(upper * (0.5 + this.#random.uniform() / 2));
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
