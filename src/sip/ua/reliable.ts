// RFC 3262 3: provisional responses of ours that must arrive: numbered, repeated until their PRACK, one after the other.
import type { Timer } from '#src/base/clock.ts';
import { Milliseconds } from '#src/base/units.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { type Core, transactionSpan } from './core.ts';
import {
  type ReliableAction,
  type ReliableEvent,
  type ReliableState,
  reliableRow,
} from './reliable-table.ts';

/** RFC 3262 3: the first RSeq is chosen from 1 to 2^31 - 1, so that adding one never wraps. */
const MOST_FIRST = 2 ** 31 - 1;

export interface ReliableHandlers {
  /** Leaves now, and again. */
  send(response: SipResponse): void;
  /** 64·T1 without a PRACK: the INVITE is to be refused with a 5xx. */
  onTimeout(): void;
}

export class ReliableResponses {
  readonly #core: Core;
  readonly #request: SipRequest;
  readonly #handlers: ReliableHandlers;
  readonly #queue: SipResponse[] = [];
  #state: ReliableState = 'idle';
  #rseq = 0;
  /** Sent and not acknowledged. */
  #out: SipResponse | undefined;
  #interval: Milliseconds;
  #repeat: Timer | undefined;
  #limit: Timer | undefined;

  constructor(core: Core, request: SipRequest, handlers: ReliableHandlers) {
    this.#core = core;
    this.#request = request;
    this.#handlers = handlers;
    this.#interval = core.timers.t1;
  }

  /** False when nothing reliable may be sent any more. */
  give(response: SipResponse): boolean {
    if (!reliableRow(this.#state, 'give')) return false;
    // In one field, for readers that look at the first one only.
    response.headers.set('Require', ['100rel', ...response.require].join(', '));
    this.#queue.push(response);
    this.#fire('give');
    return true;
  }

  /** Whether the PRACK acknowledges what is out; anything else is answered 481 by the owner. */
  acknowledge(prack: SipRequest): boolean {
    const rack = prack.typed('RAck');
    const { number, method } = this.#request.cseq;
    const matches =
      this.#out !== undefined && rack?.rseq === this.#rseq && rack.cseq === number && rack.method === method;
    if (!matches) return false;
    this.#out = undefined;
    this.#fire('PRACK');
    return true;
  }

  /** A description waits to be acknowledged, or to be sent: a 2xx must wait for it (RFC 3262 3). */
  get holdsSuccess(): boolean {
    if (!this.isWaiting) return false;
    return [this.#out, ...this.#queue].some((response) => response !== undefined && response.body.length > 0);
  }

  /** Something is out, or waits to be sent. */
  get isWaiting(): boolean {
    return this.#state === 'unacknowledged';
  }

  /** The final response leaves. */
  close(): void {
    this.#fire('final');
  }

  stop(): void {
    this.#repeat?.cancel();
    this.#limit?.cancel();
  }

  #fire(event: ReliableEvent): void {
    const row = reliableRow(this.#state, event);
    if (!row) return;
    this.#state = row.next;
    for (const action of row.actions) this.#perform(action);
  }

  #perform(action: ReliableAction): void {
    switch (action) {
      case 'number and send':
        this.#number();
        return;
      case 'queue':
        // It stands there already.
        return;
      case 'send again':
        this.#core.counters.add('sip_provisional_repeats_total');
        this.#interval = Milliseconds(2 * this.#interval);
        this.#send();
        return;
      case 'stop timers':
        this.stop();
        return;
      case 'forget the queue':
        this.#queue.length = 0;
        return;
      case 'next of the queue':
        if (this.#queue.length > 0) this.#fire('give');
        return;
      case 'tell timeout':
        this.#core.counters.add('sip_provisional_unacknowledged_total');
        this.#handlers.onTimeout();
        return;
    }
  }

  #number(): void {
    const response = this.#queue.shift();
    if (!response) return;
    this.#rseq =
      this.#rseq === 0 ? 1 + Math.floor(this.#core.random.uniform() * (MOST_FIRST - 1)) : this.#rseq + 1;
    response.headers.add('RSeq', `${this.#rseq}`);
    this.#out = response;
    this.#interval = this.#core.timers.t1;
    this.#limit = this.#core.clock.after(transactionSpan(this.#core), () => this.#fire('give up'));
    this.#send();
  }

  /** Over reliable transports too: the PRACK goes from end to end (RFC 3262 3). */
  #send(): void {
    this.#repeat = this.#core.clock.after(this.#interval, () => this.#fire('repeat'));
    if (this.#out) this.#handlers.send(this.#out);
  }
}
