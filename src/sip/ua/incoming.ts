// RFC 3261 8.2, 13.3: one request to us and our answers to it.
import type { Timer } from '#src/base/clock.ts';
import { Signal } from '#src/base/events.ts';
import { Milliseconds } from '#src/base/units.ts';
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import type { Refusal } from '#src/sip/message/check.ts';
import { type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { ServerTransaction } from '#src/sip/transaction/transaction.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { type Core, transactionSpan } from './core.ts';
import {
  type IncomingAction,
  type IncomingEvent,
  type IncomingState,
  incomingRow,
} from './incoming-table.ts';
import { ReliableResponses } from './reliable.ts';

export interface AnswerFields {
  readonly reason?: string | undefined;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: Buffer | string;
  /** Of the body; default `application/sdp`. */
  readonly contentType?: string;
  /** Another To tag than `localTag`: for the test operator, which answers for many phones. */
  readonly toTag?: string;
}

export interface Incoming {
  readonly request: SipRequest;
  readonly flow: Flow;
  /** The To tag of every answer; in a dialog that of the dialog. */
  readonly localTag: string;
  /** The dialog it came in, if any. */
  readonly dialog: Dialog | undefined;
  readonly state: IncomingState;
  /** A CANCEL came before the final answer. */
  readonly cancelled: boolean;
  /** Nothing more will happen: answered, and for an INVITE with 2xx acknowledged or given up. */
  readonly ended: boolean;
  /**
   * Sends an answer: a status with what goes into it, or a ready response. A 2xx to INVITE is repeated until its ACK
   * (13.3.1.4). False when the state allows no such answer any more; nothing is sent then.
   */
  respond(answer: number | SipResponse, fields?: AnswerFields): boolean;
  /**
   * Sends a provisional response to an INVITE reliably (RFC 3262 3), or keeps it until the one before is acknowledged.
   * The owner knows that the caller understands 100rel.
   */
  respondReliably(status: number, fields?: AnswerFields): boolean;
  /** Whether a PRACK acknowledges the reliable response that is out; its answer (200, or 481) is the owner's duty. */
  acknowledgeProvisional(prack: SipRequest): boolean;
  /** A description in a reliable response is not yet acknowledged: a 2xx is not sent before (RFC 3262 3). */
  readonly holdsSuccess: boolean;
  /** Any reliable response is not yet acknowledged. */
  readonly awaitsPrack: boolean;
  /** Sends what a check said (`checkRequest`). */
  refuse(refusal: Refusal): boolean;
  /** The CANCEL; it is answered already, the 487 to the INVITE is the owner's duty (9.2). */
  readonly onCancel: Signal<SipRequest>;
  /** The ACK to the 2xx, once; it may carry the answer to our offer. */
  readonly onAck: Signal<SipRequest>;
  /** No ACK within 64*T1: the owner ends the dialog with BYE (13.3.1.4). */
  readonly onAckTimeout: Signal<void>;
  /** No PRACK within 64*T1: the owner refuses the INVITE with a 5xx (RFC 3262 3). */
  readonly onPrackTimeout: Signal<void>;
  /** When `ended` becomes true. */
  readonly onEnd: Signal<void>;
}

export class IncomingRequest implements Incoming {
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly localTag: string;
  readonly dialog: Dialog | undefined;
  readonly onCancel = new Signal<SipRequest>();
  readonly onAck = new Signal<SipRequest>();
  readonly onAckTimeout = new Signal<void>();
  readonly onPrackTimeout = new Signal<void>();
  readonly onEnd = new Signal<void>();
  readonly #core: Core;
  readonly #transaction: ServerTransaction;
  readonly #onState: (incoming: IncomingRequest) => void;
  readonly #reliable: ReliableResponses;
  #state: IncomingState = 'open';
  #cancelled = false;
  #response: SipResponse | undefined;
  #message: SipRequest;
  #interval: Milliseconds;
  #repeat: Timer | undefined;
  #limit: Timer | undefined;

  constructor(
    core: Core,
    transaction: ServerTransaction,
    options: {
      readonly localTag: string;
      readonly dialog: Dialog | undefined;
      /** Told after each change of state, before the owner is. */
      readonly onState: (incoming: IncomingRequest) => void;
    },
  ) {
    this.#core = core;
    this.#transaction = transaction;
    this.request = transaction.request;
    this.flow = transaction.flow;
    this.localTag = options.localTag;
    this.dialog = options.dialog;
    this.#onState = options.onState;
    this.#message = transaction.request;
    this.#interval = core.timers.t1;
    this.#reliable = new ReliableResponses(core, transaction.request, {
      send: (response) => this.#give(response),
      onTimeout: () => this.onPrackTimeout.emit(),
    });
  }

  get state(): IncomingState {
    return this.#state;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  get ended(): boolean {
    return this.#state !== 'open' && this.#state !== 'awaiting ACK';
  }

  /** The To tag of the 2xx that waits for its ACK. */
  get answeredTag(): string {
    return this.#response?.to.tag ?? this.localTag;
  }

  respond(answer: number | SipResponse, fields: AnswerFields = {}): boolean {
    const response = typeof answer === 'number' ? this.#reply(answer, fields) : answer;
    const event = this.#eventOf(response);
    if (!incomingRow(this.#state, event) || (event === 'success' && this.holdsSuccess)) {
      this.#core.log.debug({ status: response.status, state: this.#state }, 'an answer came out of time');
      return false;
    }
    if (event !== 'provisional') this.#reliable.close();
    this.#core.decorate(response, this.flow);
    this.#give(response);
    return true;
  }

  #give(response: SipResponse): void {
    this.#response = response;
    this.#fire(this.#eventOf(response));
  }

  respondReliably(status: number, fields: AnswerFields = {}): boolean {
    if (!incomingRow(this.#state, 'provisional')) return false;
    const response = this.#reply(status, fields);
    this.#core.decorate(response, this.flow);
    return this.#reliable.give(response);
  }

  acknowledgeProvisional(prack: SipRequest): boolean {
    return this.#reliable.acknowledge(prack);
  }

  get awaitsPrack(): boolean {
    return this.#reliable.isWaiting;
  }

  get holdsSuccess(): boolean {
    return this.#reliable.holdsSuccess;
  }

  refuse(refusal: Refusal): boolean {
    return this.respond(refusal.status, { reason: refusal.reason, headers: refusal.headers });
  }

  /** The core answered the CANCEL. */
  cancel(request: SipRequest): void {
    this.#message = request;
    this.#fire('CANCEL');
  }

  acknowledge(request: SipRequest): void {
    this.#message = request;
    this.#fire('ACK');
  }

  /** The user agent closes. */
  stop(): void {
    this.#stopRepeats();
    this.#reliable.stop();
  }

  #stopRepeats(): void {
    this.#repeat?.cancel();
    this.#limit?.cancel();
  }

  #reply(status: number, fields: AnswerFields): SipResponse {
    const { reason, headers = [], body, contentType = 'application/sdp', toTag = this.localTag } = fields;
    const response = SipResponse.reply(this.request, status, { reason, toTag, headers });
    if (body !== undefined && body.length > 0) response.setBody(contentType, body);
    return response;
  }

  #eventOf(response: SipResponse): IncomingEvent {
    if (response.isProvisional) return 'provisional';
    return response.isSuccess && this.request.method === 'INVITE' ? 'success' : 'final';
  }

  #fire(event: IncomingEvent): void {
    const row = incomingRow(this.#state, event);
    if (!row) return;
    this.#state = row.next;
    this.#onState(this);
    for (const action of row.actions) this.#perform(action);
  }

  #perform(action: IncomingAction): void {
    switch (action) {
      case 'send':
        if (this.#response) this.#transaction.respond(this.#response);
        return;
      case 'start repeats':
        this.#limit = this.#core.clock.after(transactionSpan(this.#core), () => this.#fire('give up'));
        this.#arm();
        return;
      case 'next repeat':
        this.#core.counters.add('sip_success_repeats_total');
        this.#interval = Milliseconds(Math.min(2 * this.#interval, this.#core.timers.t2));
        this.#arm();
        return;
      case 'stop repeats':
        this.#stopRepeats();
        return;
      case 'tell CANCEL':
        this.#cancelled = true;
        this.onCancel.emit(this.#message);
        return;
      case 'tell ACK':
        this.onAck.emit(this.#message);
        return;
      case 'tell timeout':
        this.#core.counters.add('sip_success_unacknowledged_total');
        this.onAckTimeout.emit();
        return;
      case 'tell end':
        this.onEnd.emit();
        this.#release();
        return;
    }
  }

  /** The transaction lives on for 64*T1; who has listened need not. */
  #release(): void {
    for (const signal of [this.onCancel, this.onAck, this.onAckTimeout, this.onPrackTimeout, this.onEnd])
      signal.clear();
  }

  /** 13.3.1.4: over reliable transports too, for a proxy may lose the ACK behind them. */
  #arm(): void {
    this.#repeat = this.#core.clock.after(this.#interval, () => this.#fire('repeat'));
  }
}
