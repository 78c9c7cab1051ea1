// RFC 6665 4.1, TS 24.229 5.1.1.3: a subscription that lives as long as the registration it was made under.
import type { Clock, Timer } from '#src/base/clock.ts';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import type { FederatedDevice } from '#src/ims/federation.ts';
import { type SubscribeParts, Subscription, type SubscriptionView } from '#src/sip/event/subscriber.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import type { TimerSettings } from '#src/sip/transaction/timers.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { UserAgent } from '#src/sip/ua/user-agent.ts';

/** What services need of an account; `ims/Registration` is one. */
export interface Home {
  readonly profile: 'ims' | 'sip';
  readonly onRegistered: Signal<void>;
  readonly onReleased: Signal<void>;
  /** Event packages that the registrar announced, in lower case. */
  readonly events: readonly string[];
  /** Devices of the number, as far as the network told. */
  readonly federation: readonly FederatedDevice[];
  subscribeParts(): SubscribeParts;
  trusts(flow: Flow): boolean;
}

/** `auto`: always for IMS, which asks for it; on a plain registrar when it announces the package. */
export const WATCH_POLICIES = ['auto', 'always', 'never'] as const;
export type WatchPolicy = (typeof WATCH_POLICIES)[number];

export interface WatchDeps {
  readonly ua: UserAgent;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly timers: TimerSettings;
  readonly retry: { readonly base: Seconds; readonly max: Seconds };
  readonly home: Home;
}

export interface WatchOptions {
  readonly event: string;
  readonly accept: readonly string[];
  readonly expires: Seconds;
  readonly policy: WatchPolicy;
  /** Beside the policy, asked at every `consider`; default: yes. */
  readonly wanted?: () => boolean;
  /** Default: those of the registration, to our own default identity. */
  readonly parts?: () => SubscribeParts;
}

/** First things first: who is registered is asked for before, and a call may be waiting already. */
const SETTLE = Seconds(2);
/** The network has not told who is registered: it is slow, or knows little of events. */
const SETTLE_UNTOLD = Seconds(8);

/**
 * Begins after each initial registration, once; what the network refuses for good (489, 405, 403 …) is not asked again
 * before the next one. Lifetimes: `stop` before the registration's.
 */
export class Watch {
  /** Every NOTIFY, answered already. `fresh`: the first one of a subscription. */
  readonly onNotify = new Signal<{ readonly request: SipRequest; readonly fresh: boolean }>();
  /** What was known under a registration that ended may no longer be so. */
  readonly onLost = new Signal<void>();
  readonly #options: WatchOptions;
  readonly #deps: WatchDeps;
  readonly #subscription: Subscription;
  readonly #off: (() => void)[];
  #settling: Timer | undefined;
  #phase: 'off' | 'ready' | 'begun' = 'off';
  #dialog: string | undefined;

  constructor(deps: WatchDeps, options: WatchOptions) {
    const { ua, clock, random, timers, log, retry, home } = deps;
    const { event, accept, expires } = options;
    this.#deps = deps;
    this.#options = options;
    this.#subscription = new Subscription({
      ...{ ua, clock, random, timers, log, retry, event, accept, expires },
      parts: options.parts ?? (() => home.subscribeParts()),
    });
    this.#subscription.onNotify.on((request) => this.#notified(request));
    this.#subscription.onState.on((view) => this.#changed(view));
    this.#off = [home.onRegistered.on(() => this.#registered()), home.onReleased.on(() => this.#released())];
  }

  get state(): Subscription['state'] {
    return this.#subscription.state;
  }

  /** Of the subscription that is there or was. */
  get callId(): string | undefined {
    return this.#subscription.callId;
  }

  /** Something that `wanted` asks about has changed. */
  consider(): void {
    if (this.#phase !== 'ready' || !this.#isWanted) return;
    this.#phase = 'begun';
    this.#subscription.start();
  }

  /** Asks for the full state again. */
  refresh(): void {
    this.#subscription.refresh();
  }

  /** Un-subscribes, and begins no more. */
  stop(): void {
    for (const off of this.#off) off();
    this.#settling?.cancel();
    this.#phase = 'off';
    this.#subscription.stop();
  }

  get #isWanted(): boolean {
    const { policy, event, wanted } = this.#options;
    const { profile, events } = this.#deps.home;
    const allowed =
      policy === 'always' || (policy === 'auto' && (profile === 'ims' || events.includes(event)));
    return allowed && (wanted?.() ?? true);
  }

  #registered(): void {
    this.#released();
    this.#settle(SETTLE, () => {
      if (this.#deps.home.federation.length > 0) this.#ready();
      else this.#settle(Seconds(SETTLE_UNTOLD - SETTLE), () => this.#ready());
    });
  }

  #settle(span: Seconds, then: () => void): void {
    this.#settling = this.#deps.clock.after(toMilliseconds(span), then);
  }

  #ready(): void {
    this.#phase = 'ready';
    this.consider();
  }

  /** Without a word: the registration it belonged to is gone. */
  #released(): void {
    this.#settling?.cancel();
    const had = this.#phase === 'begun';
    this.#phase = 'off';
    this.#subscription.drop();
    if (had) this.onLost.emit();
  }

  #notified(request: SipRequest): void {
    const dialog = `${request.callId} ${request.from.tag}`;
    const fresh = dialog !== this.#dialog;
    this.#dialog = dialog;
    this.onNotify.emit({ request, fresh });
  }

  #changed({ state, error }: SubscriptionView): void {
    const { log } = this.#deps;
    if (error) log.info({ state, error: error.id, ...error.detail }, `${this.#options.event}: subscription`);
    if (state === 'terminated' || state === 'waiting') this.onLost.emit();
  }
}
