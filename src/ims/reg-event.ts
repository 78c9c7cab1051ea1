// TS 24.229 5.1.1.3, RFC 3680, NG.110 2.2.2: the subscription to the reg event package.
import type { Clock } from '#src/base/clock.ts';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import { Seconds } from '#src/base/units.ts';
import { type SubscribeParts, Subscription } from '#src/sip/event/subscriber.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import type { TimerSettings } from '#src/sip/transaction/timers.ts';
import type { UserAgent } from '#src/sip/ua/user-agent.ts';
import type { BackoffSettings } from './backoff.ts';
import { type FederatedDevice, federation, type OwnChange, ownChange, type Self } from './federation.ts';
import { refreshAfter } from './refresh.ts';
import { parseRegInfo, REGINFO_TYPE } from './reg-info.ts';
import { RegInfoTable } from './reg-info-table.ts';

export interface RegEventDeps {
  readonly ua: UserAgent;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly timers: TimerSettings;
  readonly retry: BackoffSettings;
  readonly self: Self;
  /** Route, identity, flow and credentials of the registration, asked for at each new subscription. */
  readonly parts: () => SubscribeParts;
}

/** TS 24.229 5.1.1.3. */
const EXPIRES = Seconds(600_000);

/** Lives as long as the binding it was made under; made anew with each initial registration. */
export class RegEvent {
  /** The devices have changed. */
  readonly onFederation = new Signal<readonly FederatedDevice[]>();
  /** The network says something about our own binding. */
  readonly onOwn = new Signal<OwnChange>();
  readonly #deps: RegEventDeps;
  readonly #subscription: Subscription;
  readonly #table = new RegInfoTable();
  #dialog: string | undefined;
  #federation: readonly FederatedDevice[] = [];

  constructor(deps: RegEventDeps) {
    this.#deps = deps;
    const { ua, clock, random, timers, log, retry, parts } = deps;
    this.#subscription = new Subscription({
      ua,
      clock,
      random,
      timers,
      log,
      event: 'reg',
      accept: [REGINFO_TYPE],
      expires: EXPIRES,
      parts,
      refreshAfter,
      retry,
    });
    this.#subscription.onNotify.on((request) => this.#notified(request));
    this.#subscription.onState.on(({ state, error }) => {
      // A registrar without the package (489, say) is no trouble: the federation just stays unknown.
      if (error) log.info({ state, error: error.id, ...error.detail }, 'reg event subscription');
    });
  }

  get federation(): readonly FederatedDevice[] {
    return this.#federation;
  }

  start(): void {
    this.#subscription.start();
  }

  /** Without a word: the registration it belonged to is gone. */
  stop(): void {
    this.#subscription.drop();
  }

  #notified(request: SipRequest): void {
    if (request.body.length === 0) return;
    const { log, self } = this.#deps;
    if (request.contentType?.value !== REGINFO_TYPE) {
      log.info({ type: request.contentType?.value }, 'reg event: another type of body than was asked for');
      return;
    }
    const parsed = parseRegInfo(request.body);
    if (!parsed.ok) {
      log.warn({ reason: parsed.error }, 'reg event: a document could not be read');
      this.#subscription.refresh();
      return;
    }
    // Versions count within one subscription (RFC 3680 5.1).
    const dialog = `${request.callId} ${request.from.tag}`;
    if (dialog !== this.#dialog) this.#table.reset();
    this.#dialog = dialog;
    const applied = this.#table.apply(parsed.value);
    if (applied === 'stale') return;
    this.#tell();
    const change = ownChange(parsed.value, this.#table, self);
    // What we say about ourselves may end this subscription, so it comes last.
    if (applied === 'gap') this.#subscription.refresh();
    if (change.kind !== 'none') this.onOwn.emit(change);
  }

  #tell(): void {
    const devices = federation(this.#table, this.#deps.self);
    if (JSON.stringify(devices) === JSON.stringify(this.#federation)) return;
    this.#federation = devices;
    this.onFederation.emit(devices);
  }
}
