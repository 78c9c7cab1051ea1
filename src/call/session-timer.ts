// RFC 4028: the session timer of one call: agrees with every exchange, has the session refreshed, ends it when nobody did.
import type { Clock, Timer } from '#src/base/clock.ts';
import { type Milliseconds, Seconds, toMilliseconds } from '#src/base/units.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { HeaderPairs, Refusal } from './facts.ts';
import {
  afterTooSmall,
  agreedSession,
  answerSession,
  type SessionSettings,
  type SessionTerms,
  sessionRequestHeaders,
  tooSmall,
} from './session-expires.ts';
import {
  SESSION_TIMER_TABLE,
  type SessionTimerAction,
  type SessionTimerEvent,
  type SessionTimerState,
} from './session-timer-table.ts';

export interface SessionTimerOwner {
  /** Sends a request that refreshes the session, as soon as the dialog lets it. */
  refresh(): void;
  /** Nobody refreshed it: BYE. */
  expired(): void;
}

/** RFC 4028 10: whoever waits gives up 32 seconds before the end, or a third of the interval, whichever is less. */
const GUARD = { most: Seconds(32), share: 1 / 3 } as const;
/** A refused refresh is tried again in a tenth of the interval, so that some tries are left before its end. */
const RETRY_SHARE = 1 / 10;
/** A peer may raise its Min-SE so often before it is taken for a refusal. */
const MOST_RAISES = 5;

export class SessionTimer {
  readonly #clock: Clock;
  readonly #owner: SessionTimerOwner;
  #settings: SessionSettings;
  #state: SessionTimerState = 'off';
  #terms: SessionTerms | undefined;
  /** Of our request that is out. */
  #asked: Seconds;
  #raises = 0;
  /** How long the last refusal has us wait, where it says so. */
  #wait: Milliseconds | undefined;
  #due: Timer | undefined;
  #end: Timer | undefined;

  constructor(clock: Clock, settings: SessionSettings, owner: SessionTimerOwner) {
    this.#clock = clock;
    this.#settings = settings;
    this.#owner = owner;
    this.#asked = settings.interval;
  }

  get state(): SessionTimerState {
    return this.#state;
  }

  /** What is in force. */
  get terms(): SessionTerms | undefined {
    return this.#terms;
  }

  /** For a request of ours: in a call whoever refreshes goes on to do so; the first one leaves the choice to the peer. */
  requestHeaders(): HeaderPairs {
    const { interval = this.#settings.interval, refresher } = this.#terms ?? {};
    this.#asked = interval;
    // A peer that has agreed to less than it may is asked for no more.
    const fields = { interval, least: Seconds(Math.min(interval, this.#settings.least)) };
    if (this.#state === 'refreshing') return sessionRequestHeaders(fields, 'uac');
    return sessionRequestHeaders(fields, refresher && (refresher === 'us' ? 'uac' : 'uas'));
  }

  /** A request of the peer that we cannot take. */
  refusalOf(request: SipRequest): Refusal | undefined {
    return tooSmall(request, this.#settings);
  }

  /** For our 2xx to a request of the peer that sets up or refreshes the session; the time begins now. */
  answerHeaders(request: SipRequest): HeaderPairs {
    const { terms, headers } = answerSession(request, this.#settings, this.#terms);
    this.#agree(terms);
    return headers;
  }

  /** A 2xx to a request of ours. */
  accepted(response: SipResponse): void {
    this.#agree(agreedSession(response, this.#asked, this.#settings));
  }

  /**
   * Any other final response. True: it was a 422, and the same request is worth another try at once. `wait`: when a refresh
   * is to be tried again.
   */
  refused(response: SipResponse, wait?: Milliseconds): boolean {
    this.#wait = wait;
    const next = afterTooSmall(response, { ...this.#settings, interval: this.#asked });
    if (next && this.#raises < MOST_RAISES) {
      this.#raises += 1;
      this.#settings = next;
      if (this.#terms) this.#terms = { ...this.#terms, interval: next.interval };
      return true;
    }
    this.#fire('refused');
    return false;
  }

  /** No time runs any more. */
  stop(): void {
    this.#fire('stop');
  }

  #agree(terms: SessionTerms | undefined): void {
    this.#raises = 0;
    this.#terms = terms;
    this.#fire(
      terms === undefined ? 'agreed-none' : terms.refresher === 'us' ? 'agreed-ours' : 'agreed-theirs',
    );
  }

  #fire(event: SessionTimerEvent): void {
    const found = SESSION_TIMER_TABLE[this.#state][event];
    if (found === 'ignored') return;
    this.#state = found.next;
    for (const action of found.actions) this.#actions[action]();
  }

  readonly #actions: Readonly<Record<SessionTimerAction, () => void>> = {
    arm: () => {
      const { interval } = this.#terms ?? this.#settings;
      this.#dueIn(Seconds(interval / 2));
      this.#endIn(interval);
    },
    guard: () => {
      const { interval } = this.#terms ?? this.#settings;
      this.#due?.cancel();
      this.#endIn(Seconds(interval - Math.min(GUARD.most, interval * GUARD.share)));
    },
    disarm: () => {
      this.#due?.cancel();
      this.#end?.cancel();
    },
    refresh: () => this.#owner.refresh(),
    retry: () => {
      const { interval } = this.#terms ?? this.#settings;
      this.#dueAfter(this.#wait ?? toMilliseconds(Seconds(interval * RETRY_SHARE)));
    },
    release: () => this.#owner.expired(),
  };

  #dueIn(span: Seconds): void {
    this.#dueAfter(toMilliseconds(span));
  }

  #dueAfter(span: Milliseconds): void {
    this.#due?.cancel();
    this.#due = this.#clock.after(span, () => this.#fire('due'));
  }

  #endIn(span: Seconds): void {
    this.#end?.cancel();
    this.#end = this.#clock.after(toMilliseconds(span), () => this.#fire('expired'));
  }
}
