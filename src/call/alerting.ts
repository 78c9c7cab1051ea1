// The times of an INVITE that waits for somebody: ringing, its own end, signs of life (RFC 3261 13.3.1; 24.615 4.5.5.3.4).
import type { Clock, Timer } from '#src/base/clock.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';

/** RFC 3261 13.3.1.1: a proxy gives up an INVITE that is quiet for three minutes; reliable ones are due less often (RFC 3262 3). */
const REFRESH = { plain: Seconds(60), reliable: Seconds(150) } as const;

/** How long conditions of the caller are waited for before a 580; nobody was told of the call yet. */
export const CONDITIONS_PATIENCE = Seconds(30);

export interface AlertingTimes {
  /** Until nobody is waited for any more. */
  readonly patience: Seconds;
  readonly onPatience: () => void;
  /** The 180 leaves again. */
  readonly refresh?: { readonly every: keyof typeof REFRESH; readonly send: () => void };
}

export class AlertingTimers {
  readonly #clock: Clock;
  #patience: Timer | undefined;
  #refresh: Timer | undefined;
  #expiry: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The `Expires` of the INVITE, from its arrival on. */
  expire(after: number | undefined, onExpired: () => void): void {
    if (after === undefined || this.#expiry) return;
    this.#expiry = this.#clock.after(toMilliseconds(Seconds(after)), onExpired);
  }

  /** In place of what was waited for before. */
  begin({ patience, onPatience, refresh }: AlertingTimes): void {
    this.#end();
    this.#patience = this.#clock.after(toMilliseconds(patience), onPatience);
    if (refresh) this.#again(refresh);
  }

  #again(refresh: NonNullable<AlertingTimes['refresh']>): void {
    this.#refresh = this.#clock.after(toMilliseconds(REFRESH[refresh.every]), () => {
      refresh.send();
      this.#again(refresh);
    });
  }

  #end(): void {
    this.#patience?.cancel();
    this.#refresh?.cancel();
  }

  stop(): void {
    this.#end();
    this.#expiry?.cancel();
  }
}
