// RFC 6665 4.1 Subscriber: one subscription of ours, kept alive until it is stopped.
import type { Clock, Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import { type Random, randomToken, randomUuid } from '#src/base/random.ts';
import { Milliseconds, Seconds, toMilliseconds, toSeconds } from '#src/base/units.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import type { DigestClient } from '#src/sip/digest/client.ts';
import { SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { TimerSettings } from '#src/sip/transaction/timers.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Incoming, Sending, SendingHandlers, UserAgent } from '#src/sip/ua/user-agent.ts';
import {
  afterRefusal,
  afterTermination,
  type SubscriptionAction,
  type SubscriptionEvent,
  type SubscriptionStateName,
  subscriptionRow,
} from './subscription-table.ts';

/** Where and as whom; asked for anew each time a subscription begins. */
export interface SubscribeParts {
  readonly uri: Uri;
  /** Without tag. */
  readonly from: NameAddr;
  readonly to: NameAddr;
  readonly contact: NameAddr;
  readonly routes?: readonly NameAddr[];
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly digest?: DigestClient | undefined;
  readonly flow?: Flow | undefined;
}

export interface SubscriptionOptions {
  readonly ua: UserAgent;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerSettings;
  readonly log: Logger;
  /** The package with its parameters as the Event header says: `reg`, `dialog;id=7`. */
  readonly event: string;
  readonly accept: readonly string[];
  /** Asked for. */
  readonly expires: Seconds;
  readonly parts: () => SubscribeParts;
  /** When to refresh, counted from the grant. Default: TS 24.229 5.1.1.3, half up to 1200 s, else 600 s before the end. */
  readonly refreshAfter?: (granted: Seconds) => Seconds;
  /** Between tries after trouble: doubled from `base` to `max`, shortened by up to half at random. */
  readonly retry?: { readonly base: Seconds; readonly max: Seconds };
}

export interface SubscriptionView {
  readonly state: SubscriptionStateName;
  /** Why it is `waiting` or `terminated`. */
  readonly error?: TandemError;
}

const HALF_UP_TO = 1200;
const MARGIN = 600;
const DEFAULT_RETRY = { base: Seconds(30), max: Seconds(1800) };
/** A subscription that ended sooner than this is not renewed at once. */
const SETTLED = Seconds(5);

export const defaultRefreshAfter = (granted: Seconds): Seconds =>
  Seconds(granted > HALF_UP_TO ? granted - MARGIN : granted / 2);

export class Subscription {
  /** Every NOTIFY that belongs to it, already answered 200; before the change of state that it may bring. */
  readonly onNotify = new Signal<SipRequest>();
  readonly onState = new Signal<SubscriptionView>();
  readonly #options: SubscriptionOptions;
  readonly #eventType: string;
  #state: SubscriptionStateName = 'idle';
  #error: TandemError | undefined;
  #wanted: Seconds;
  #granted: Seconds;
  #grantedAt = Milliseconds(0);
  #begun = Milliseconds(0);
  #activeSince: Milliseconds | undefined;
  #retryAfter: Seconds | undefined;
  #failures = 0;
  #turn = 0;
  #sending: Sending | undefined;
  #dialog: Dialog | undefined;
  #digest: DigestClient | undefined;
  #stopExpecting: (() => void) | undefined;
  readonly #timers = new Map<'N' | 'refresh' | 'expiry' | 'retry', Timer>();

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#eventType = options.event.split(';')[0]?.trim().toLowerCase() ?? '';
    this.#wanted = options.expires;
    this.#granted = options.expires;
  }

  get state(): SubscriptionStateName {
    return this.#state;
  }

  get error(): TandemError | undefined {
    return this.#error;
  }

  get dialog(): Dialog | undefined {
    return this.#dialog;
  }

  /** Of the SUBSCRIBE that began it. */
  get callId(): string | undefined {
    return this.#sending?.request.callId;
  }

  /** Subscribes; whatever there was before is let go without a word. */
  start(): void {
    this.#failures = 0;
    this.#fire('start');
  }

  /** Asks for the full state again. */
  refresh(): void {
    this.#fire('refresh due');
  }

  /** Un-subscribes; `onState` tells `terminated` when the last NOTIFY came or is overdue. */
  stop(): void {
    this.#fire(this.#dialog ? 'stop' : 'stop early');
  }

  /** Lets go without a word, as when the registration it was made under is gone. */
  drop(): void {
    this.#fire('drop');
  }

  #fire(event: SubscriptionEvent): void {
    const row = subscriptionRow(this.#state, event);
    if (!row) return;
    const before = this.#state;
    this.#state = row.next;
    if (row.next === 'active') {
      this.#activeSince ??= this.#options.clock.now();
      if (event !== 'busy') this.#error = undefined;
    }
    for (const action of row.actions) this.#perform(action);
    // An action may have moved on already.
    if (before !== row.next && this.#state === row.next) {
      this.onState.emit({ state: this.#state, ...(this.#error ? { error: this.#error } : {}) });
    }
  }

  #perform(action: SubscriptionAction): void {
    switch (action) {
      case 'subscribe':
        this.#subscribe();
        break;
      case 'refresh':
        this.#sendInDialog(this.#wanted);
        break;
      case 'unsubscribe':
        this.#clear('refresh');
        this.#sendInDialog(Seconds(0));
        break;
      case 'arm':
        this.#arm();
        break;
      case 'postpone':
        this.#after('refresh', this.#pause(), 'refresh due');
        break;
      case 'wait':
        this.#after('retry', this.#pause(), 'retry due');
        break;
      case 'start N':
        this.#after('N', toSeconds(Milliseconds(64 * this.#options.timers.t1)), 'timer N');
        break;
      case 'stop N':
        this.#clear('N');
        break;
      case 'release':
        this.#release();
        break;
    }
  }

  /** 4.1.2.1: each new subscription has a Call-ID of its own. */
  #subscribe(): void {
    const { ua, random, event, accept, clock } = this.#options;
    const parts = this.#options.parts();
    const request = SipRequest.create({
      method: 'SUBSCRIBE',
      uri: parts.uri,
      headers: [
        ['Max-Forwards', '70'],
        ...(parts.routes ?? []).map((route) => ['Route', route.toString()] as const),
        ['From', parts.from.withTag(randomToken(random)).toString()],
        ['To', parts.to.toString()],
        ['Call-ID', randomUuid(random)],
        ['CSeq', '1 SUBSCRIBE'],
        ['Contact', parts.contact.toString()],
        ['Event', event],
        ['Expires', String(this.#wanted)],
        ['Accept', accept.join(', ')],
        ['Allow', ua.allow.join(', ')],
        ['Supported', ua.supported.join(', ')],
        ...(parts.headers ?? []),
      ],
    });
    this.#digest = parts.digest;
    this.#granted = this.#wanted;
    this.#grantedAt = clock.now();
    this.#begun = clock.now();
    const half = { callId: request.callId, localTag: request.from.tag ?? '', method: 'NOTIFY' };
    this.#stopExpecting = ua.expect(half, (incoming) => this.#firstNotify(incoming));
    this.#sending = ua.send(request, this.#handlers(), { digest: parts.digest, flow: parts.flow });
  }

  #sendInDialog(expires: Seconds): void {
    const { ua, event, accept } = this.#options;
    const dialog = this.#dialog;
    if (!dialog) return;
    const request = dialog.createRequest('SUBSCRIBE', {
      headers: [
        ['Event', event],
        ['Expires', String(expires)],
        ['Accept', accept.join(', ')],
        ...(this.#options.parts().headers ?? []),
      ],
    });
    ua.sendInDialog(dialog, request, this.#handlers(), { digest: this.#digest });
  }

  /** What was sent before the subscription was let go is answered to nobody. */
  #handlers(): SendingHandlers {
    const turn = this.#turn;
    return {
      onFinal: (response) => {
        if (turn === this.#turn) this.#answered(response);
      },
      onFailure: (error) => {
        if (turn === this.#turn) this.#failed(error);
      },
    };
  }

  #answered(response: SipResponse): void {
    const { status } = response;
    if (response.isSuccess) {
      // The dialog of the first NOTIFY counts; until then that of the 2xx does (4.4.1).
      const subscribe = this.#sending?.request;
      if (!this.#dialog && subscribe && response.to.tag) this.#adopt(Dialog.uac(subscribe, response));
      if (response.expires !== undefined && response.expires > 0) this.#grant(Seconds(response.expires));
      this.#fire('2xx');
      return;
    }
    this.#retryAfter = response.retryAfter === undefined ? undefined : Seconds(response.retryAfter);
    this.#error = new TandemError('operator', 'sip.subscribe', `The subscription was refused (${status}).`, {
      detail: { status, event: this.#options.event },
    });
    let event: SubscriptionEvent = afterRefusal(status);
    if (event === 'too brief') {
      const least = response.minExpires ?? 0;
      // A server that refuses what it asked for will do so for ever.
      if (least > this.#wanted) this.#wanted = Seconds(least);
      else event = 'refused';
    }
    this.#fire(event);
  }

  #failed(error: TandemError): void {
    this.#error = error;
    this.#retryAfter = undefined;
    this.#fire(error.id.startsWith('auth.') ? 'refused' : 'busy');
  }

  /** 4.4.1: a NOTIFY outside every dialog we know: it makes ours, unless another fork was first. */
  #firstNotify(incoming: Incoming): void {
    const subscribe = this.#sending?.request;
    if (!subscribe || !this.#isOurs(incoming)) return;
    const dialog = Dialog.fromNotify(subscribe, incoming.request);
    dialog.receive(incoming.request);
    if (this.#dialog) this.#options.ua.detach(this.#dialog);
    this.#adopt(dialog);
    this.#notified(incoming);
  }

  #adopt(dialog: Dialog): void {
    dialog.flow = this.#options.parts().flow;
    this.#dialog = dialog;
    this.#options.ua.attach(dialog, {
      onRequest: (incoming) => {
        if (incoming.request.method !== 'NOTIFY') incoming.respond(481);
        else if (this.#isOurs(incoming)) this.#notified(incoming);
      },
    });
  }

  /** 4.1.3: answers what is not for us. */
  #isOurs(incoming: Incoming): boolean {
    const { event, subscriptionState } = incoming.request;
    if (event?.type.toLowerCase() !== this.#eventType) incoming.respond(489);
    else if (!subscriptionState) incoming.respond(400, { reason: 'Missing Subscription-State' });
    else return true;
    return false;
  }

  #notified(incoming: Incoming): void {
    const { request } = incoming;
    // A second fork finds no one any more and gets 481.
    this.#stopExpecting?.();
    incoming.respond(200);
    this.onNotify.emit(request);
    const said = request.subscriptionState;
    if (!said || this.#state === 'terminated') return;
    if (said.state === 'terminated') {
      this.#retryAfter = said.retryAfter === undefined ? undefined : Seconds(said.retryAfter);
      this.#error = new TandemError('operator', 'sip.subscription', 'The server ended the subscription.', {
        detail: { reason: said.reason ?? '', event: this.#options.event },
      });
      this.#fire(this.#afterTermination(said.reason));
      return;
    }
    if (said.expires !== undefined) this.#grant(Seconds(said.expires));
    this.#fire('notify');
  }

  #afterTermination(reason: string | undefined): SubscriptionEvent {
    const event = afterTermination(reason);
    const age = this.#options.clock.now() - this.#begun;
    const hurried = this.#retryAfter !== undefined || age < toMilliseconds(SETTLED);
    return event === 'ended, now' && hurried ? 'ended, later' : event;
  }

  #grant(expires: Seconds): void {
    this.#granted = expires;
    this.#grantedAt = this.#options.clock.now();
  }

  #arm(): void {
    const passed = toSeconds(Milliseconds(this.#options.clock.now() - this.#grantedAt));
    const { refreshAfter = defaultRefreshAfter } = this.#options;
    const left = (span: number): Seconds => Seconds(Math.max(0, span - passed));
    this.#after('expiry', left(this.#granted), 'expired');
    this.#after('refresh', left(refreshAfter(this.#granted)), 'refresh due');
  }

  /** What the server asked for, else ever longer. */
  #pause(): Seconds {
    const asked = this.#retryAfter;
    this.#retryAfter = undefined;
    if (asked !== undefined) return asked;
    const { retry = DEFAULT_RETRY, random, clock } = this.#options;
    if (this.#activeSince !== undefined && clock.now() - this.#activeSince >= toMilliseconds(SETTLED)) {
      this.#failures = 0;
    }
    this.#activeSince = undefined;
    const span = Math.min(retry.max, retry.base * 2 ** this.#failures);
    this.#failures += 1;
    return Seconds(span * (1 - random.uniform() / 2));
  }

  #after(name: 'N' | 'refresh' | 'expiry' | 'retry', span: Seconds, event: SubscriptionEvent): void {
    this.#clear(name);
    const timer = this.#options.clock.after(toMilliseconds(span), () => {
      this.#timers.delete(name);
      if (name === 'N') this.#error = noNotify(this.#options.event);
      this.#fire(event);
    });
    this.#timers.set(name, timer);
  }

  #clear(name: 'N' | 'refresh' | 'expiry' | 'retry'): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }

  #release(): void {
    this.#turn += 1;
    this.#stopExpecting?.();
    this.#stopExpecting = undefined;
    if (this.#dialog) {
      this.#dialog.terminate();
      this.#options.ua.detach(this.#dialog);
      this.#dialog = undefined;
    }
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}

const noNotify = (event: string): TandemError =>
  new TandemError('operator', 'sip.no-notify', 'The server accepted the subscription but sent nothing.', {
    detail: { event },
  });
