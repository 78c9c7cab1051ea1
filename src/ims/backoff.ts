// RFC 5626 4.5: how long to wait after registrations that failed in a row.
import type { Random } from '#src/base/random.ts';
import type { Seconds } from '#src/base/units.ts';
import { BACK_OFF_BASE_ALL_FAILED, BACK_OFF_MAX, backOff } from '#src/sip/transport/back-off.ts';

export interface BackoffSettings {
  /** `retry_base`: base-time (all flows failed) of RFC 5626 4.5. */
  readonly base: Seconds;
  /** `retry_max`: max-time of RFC 5626 4.5. */
  readonly max: Seconds;
}

/** TS 24.167 RegRetryBaseTime and RegRetryMaxTime have no defaults of their own. */
export const DEFAULT_BACKOFF: BackoffSettings = { base: BACK_OFF_BASE_ALL_FAILED, max: BACK_OFF_MAX };

/** Counts the failures in a row. */
export class Backoff {
  readonly #settings: BackoffSettings;
  readonly #random: Random;
  #failures = 0;

  constructor(settings: BackoffSettings, random: Random) {
    this.#settings = settings;
    this.#random = random;
  }

  /** Notes one more failure; the wait before the next attempt. */
  failed(): Seconds {
    this.#failures += 1;
    return backOff({ ...this.#settings, failures: this.#failures, random: this.#random });
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
