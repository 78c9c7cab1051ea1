// RFC 6665 4.2: one subscription that somebody has with us, whatever made it: its time, and its NOTIFYs one after the other.
import type { Clock, Timer } from '#src/base/clock.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import { endsWhat } from '#src/sip/dialog/usage.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import type { SendingHandlers } from '#src/sip/ua/user-agent.ts';
import {
  type NotifierAction,
  type NotifierEvent,
  type NotifierState,
  notifierRow,
} from './notifier-table.ts';

export interface NotifyBody {
  readonly contentType: string;
  readonly body: Buffer | string;
}

export interface NotifierUsageParts {
  readonly clock: Clock;
  readonly dialog: Dialog;
  readonly state: 'active' | 'pending';
  /** As the header field says it: `refer;id=7`. */
  readonly event: string;
  /** For each NOTIFY. */
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined;
  /** What waits while a NOTIFY is out: everything, or the newest alone. */
  readonly waiting: 'all' | 'newest';
  /** The state as it is now; undefined for a NOTIFY without body. */
  body(): NotifyBody | undefined;
  send(request: SipRequest, handlers: Pick<SendingHandlers, 'onFinal' | 'onFailure'>): void;
  /** The subscription is over; its last NOTIFY may be on its way. */
  onEnded?(): void;
  /** Once: and nothing of it is left. */
  onOver(): void;
}

interface Note {
  readonly state: string;
  readonly content: NotifyBody | undefined;
}

export class NotifierUsage {
  readonly #parts: NotifierUsageParts;
  #state: NotifierState;
  #expiry: Timer | undefined;
  #expiresAt = 0;
  #queue: Note[] = [];
  #isBusy = false;
  #isOver = false;
  #ending: { readonly reason: string; readonly retryAfter?: Seconds | undefined } = { reason: 'timeout' };

  constructor(parts: NotifierUsageParts) {
    this.#parts = parts;
    this.#state = parts.state;
  }

  get state(): NotifierState {
    return this.#state;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Seconds left. */
  get expires(): Seconds {
    return Seconds(Math.max(0, Math.round((this.#expiresAt - this.#parts.clock.now()) / 1000)));
  }

  /** Granted from now on; 0 ends it. The state follows at once. */
  renew(expires: Seconds): void {
    this.#expiresAt = this.#parts.clock.now() + toMilliseconds(expires);
    this.#fire(expires > 0 ? 'refreshed' : 'unsubscribed');
  }

  /** The state has changed: sends what `body` says now. */
  notify(): void {
    this.#fire('state changed');
  }

  /** A pending subscription becomes active (4.2.1.4). */
  authorize(): void {
    this.#fire('authorized');
  }

  /** Sends the last NOTIFY with this reason (4.2.2). */
  terminate(reason: string, retryAfter?: Seconds): void {
    this.#ending = { reason, retryAfter };
    this.#fire('ended by us');
  }

  /** Over without a word. */
  drop(): void {
    this.#state = 'terminated';
    this.#queue = [];
    this.#isBusy = false;
    this.#release();
  }

  #fire(event: NotifierEvent): void {
    const row = notifierRow(this.#state, event);
    if (!row) return;
    this.#state = row.next;
    if (row.reason) this.#ending = { reason: row.reason };
    for (const action of row.actions) this.#perform(action);
  }

  #perform(action: NotifierAction): void {
    const { clock, body } = this.#parts;
    switch (action) {
      case 'arm':
        this.#expiry?.cancel();
        this.#expiry = clock.after(toMilliseconds(this.expires), () => this.#fire('expired'));
        break;
      case 'notify':
        this.#enqueue({
          state: `${this.#state};expires=${this.expires}`,
          content: this.#state === 'active' ? body() : undefined,
        });
        break;
      case 'last notify': {
        const { reason, retryAfter } = this.#ending;
        const after = retryAfter === undefined ? '' : `;retry-after=${retryAfter}`;
        this.#enqueue({ state: `terminated;reason=${reason}${after}`, content: body() });
        break;
      }
      case 'release':
        this.#release();
        break;
    }
  }

  #release(): void {
    this.#expiry?.cancel();
    this.#parts.onEnded?.();
    this.#rest();
  }

  #enqueue(note: Note): void {
    if (this.#parts.waiting === 'newest') this.#queue = [];
    this.#queue.push(note);
    if (!this.#isBusy) this.#sendNext();
  }

  #sendNext(): void {
    const note = this.#queue.shift();
    this.#isBusy = note !== undefined;
    if (!note) {
      this.#rest();
      return;
    }
    const { dialog, event, headers = [], send } = this.#parts;
    const request = dialog.createRequest('NOTIFY', {
      headers: [['Event', event], ['Subscription-State', note.state], ...headers],
      ...(note.content ?? {}),
    });
    send(request, {
      onFinal: ({ isSuccess, status }) => {
        if (!isSuccess && endsWhat(status, 'NOTIFY') !== 'transaction') this.#lost();
        this.#sendNext();
      },
      onFailure: () => {
        this.#lost();
        this.#sendNext();
      },
    });
  }

  /** Nobody listens. */
  #lost(): void {
    this.#queue = [];
    this.#fire('undeliverable');
  }

  #rest(): void {
    if (this.#isOver || this.#state !== 'terminated' || this.#isBusy || this.#queue.length > 0) return;
    this.#isOver = true;
    this.#parts.onOver();
  }
}
