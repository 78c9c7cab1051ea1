// An INVITE that waits for somebody: its 180, how long it rings, its own end, signs of life (RFC 3261 13.3.1; 24.615 4.5.5.3).
import type { Timer } from '#src/base/clock.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { CALL_WAITING_ALERT } from './capabilities.ts';
import { NO_ANSWER_REASON } from './communication-waiting.ts';
import type { CallContext, HeaderPairs, Refusal } from './facts.ts';
import type { CallWorld } from './world.ts';

const RINGING = 180;
const TEMPORARILY_UNAVAILABLE = 480;

/** RFC 3261 13.3.1.1: a proxy gives up an INVITE that is quiet for three minutes; reliable ones are due less often (RFC 3262 3). */
const REFRESH = { plain: Seconds(60), reliable: Seconds(150) } as const;

/** How long conditions of the caller are waited for before a 580; nobody was told of the call yet. */
export const CONDITIONS_PATIENCE = Seconds(30);

/** How it rings, as the manager knows it. */
export interface Ringing {
  /** The owner hears of it as of a waiting call (24.615). */
  readonly waiting: boolean;
  /** Somebody talks at this device: no ring tone. */
  readonly quiet: boolean;
}

export interface AlertingOptions {
  readonly incoming: Incoming;
  /** Every 18x is sent reliably. */
  readonly isReliable: boolean;
  /** Of a response that makes the dialog. */
  readonly headers: () => HeaderPairs;
}

export class Alerting {
  readonly #world: CallWorld;
  readonly #call: CallContext;
  readonly #options: AlertingOptions;
  #patience: Timer | undefined;
  #refresh: Timer | undefined;
  #expiry: Timer | undefined;
  #isAlerted = false;
  /** A waiting call that is given back sooner than it would stop to ring. */
  #isWaiting = false;

  constructor(world: CallWorld, call: CallContext, options: AlertingOptions) {
    this.#world = world;
    this.#call = call;
    this.#options = options;
  }

  /** A 180 has left. */
  get isAlerted(): boolean {
    return this.#isAlerted;
  }

  /** 180 with our feature tags; a waiting call says so (24.615 4.5.5.3). */
  alert(waiting: boolean, body?: Buffer): void {
    const { incoming, isReliable, headers } = this.#options;
    const all = [...headers(), ...(waiting ? [['Alert-Info', CALL_WAITING_ALERT] as const] : [])];
    const fields = body ? { headers: all, body } : { headers: all };
    if (isReliable) incoming.respondReliably(RINGING, fields);
    else incoming.respond(RINGING, fields);
    this.#isAlerted = true;
  }

  /** Until the owner is waited for no more; the 180 leaves again meanwhile. */
  waitForOwner(waiting: boolean): void {
    const { ringTime, waitingTime } = this.#world.config;
    this.#isWaiting = waiting && waitingTime !== undefined && waitingTime < ringTime;
    const patience = this.#isWaiting ? (waitingTime ?? ringTime) : ringTime;
    this.#begin(patience, () => this.#call.dispatch('ring-timeout'));
    this.#refreshLater(waiting);
  }

  waitForConditions(): void {
    const patience = Seconds(Math.min(this.#world.config.ringTime, CONDITIONS_PATIENCE));
    this.#begin(patience, () => this.#call.dispatch('unready'));
  }

  /** RFC 3261 13.3.1: an invitation that ends by itself. */
  expire(): void {
    const after = this.#options.incoming.request.typed('Expires');
    if (after === undefined || this.#expiry) return;
    this.#expiry = this.#world.clock.after(toMilliseconds(Seconds(after)), () =>
      this.#call.dispatch('expired'),
    );
  }

  /** In place of what was waited for before. */
  #begin(patience: Seconds, onPatience: () => void): void {
    this.#patience?.cancel();
    this.#refresh?.cancel();
    this.#patience = this.#world.clock.after(toMilliseconds(patience), onPatience);
  }

  #refreshLater(waiting: boolean): void {
    const every = REFRESH[this.#options.isReliable ? 'reliable' : 'plain'];
    this.#refresh = this.#world.clock.after(toMilliseconds(every), () => {
      this.alert(waiting);
      this.#refreshLater(waiting);
    });
  }

  /** Nobody answered (24.615 4.5.5.3.4). */
  get unanswered(): Refusal {
    return { status: TEMPORARILY_UNAVAILABLE, ...(this.#isWaiting ? { headers: [NO_ANSWER_REASON] } : {}) };
  }

  stop(): void {
    for (const timer of [this.#patience, this.#refresh, this.#expiry]) timer?.cancel();
  }
}
