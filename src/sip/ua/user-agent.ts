// RFC 3261 8 User agent core: requests out and in, and the dialogs they belong to.
import type { Clock } from '#src/base/clock.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import type { Dialog, InDialogFields } from '#src/sip/dialog/dialog.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { TransactionLayer } from '#src/sip/transaction/layer.ts';
import type { TimerSettings } from '#src/sip/transaction/timers.ts';
import { CounterSet } from '#src/sip/transport/counters.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import { AckKeeper } from './ack-keeper.ts';
import type { Core, Decorate, TargetResolver } from './core.ts';
import { UA_COUNTERS, type UaCounter } from './counters.ts';
import type { Incoming } from './incoming.ts';
import { Reception } from './reception.ts';
import { OutgoingRequest, type Sending, type SendingHandlers, type SendingOptions } from './sending.ts';

export type { Decorate, TargetResolver } from './core.ts';
export type { AnswerFields, Incoming } from './incoming.ts';
export type { Sending, SendingHandlers, SendingOptions } from './sending.ts';

export interface UserAgentOptions {
  readonly transport: Transport;
  readonly resolver: TargetResolver;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerSettings;
  readonly log: Logger;
  /** Product tokens for User-Agent and Server; '' for none. */
  readonly userAgent: string;
  /** Methods that are understood; any other is answered 405. */
  readonly allow: readonly string[];
  /** Option tags that are understood; any other in Require is answered 420. */
  readonly supported: readonly string[];
}

export interface UaLoad {
  readonly dialogs: number;
  readonly transactions: number;
  /** ACKs kept for a 2xx that may come again. */
  readonly acks: number;
  /** 2xx of ours that wait for their ACK. */
  readonly answers: number;
  /** Requests of ours without a final answer. */
  readonly sendings: number;
}

/** The owner of a dialog. */
export interface DialogUser {
  /** Every request in it but ACK and CANCEL, in order of CSeq. */
  onRequest(incoming: Incoming): void;
}

/** Owns its transaction layer; starts and stops the transport it was given. */
export class UserAgent {
  readonly transport: Transport;
  readonly allow: readonly string[];
  readonly supported: readonly string[];
  readonly counters = new CounterSet<UaCounter>(UA_COUNTERS);
  readonly transactions: TransactionLayer;
  /** Set by whoever adds header fields to everything that leaves. */
  decorate: Decorate | undefined;
  readonly #core: Core;
  readonly #acks: AckKeeper;
  readonly #reception: Reception;
  readonly #userAgent: string;
  readonly #sendings = new Set<OutgoingRequest>();

  constructor(options: UserAgentOptions) {
    const { transport, resolver, clock, random, timers, log } = options;
    this.transport = transport;
    this.allow = options.allow;
    this.supported = options.supported;
    this.#userAgent = options.userAgent;
    this.transactions = new TransactionLayer({ transport, clock, random, timers, log });
    this.#core = {
      layer: this.transactions,
      resolver,
      clock,
      random,
      timers,
      log,
      counters: this.counters,
      decorate: (message, to) => {
        const name = 'method' in message ? 'User-Agent' : 'Server';
        if (this.#userAgent !== '' && !message.headers.has(name)) message.headers.add(name, this.#userAgent);
        this.decorate?.(message, to);
      },
    };
    this.#acks = new AckKeeper(this.#core);
    this.#reception = new Reception(this.#core, { methods: this.allow, extensions: this.supported });
  }

  /** Opens the transport; throws `transport.listen`. */
  async start(): Promise<void> {
    await this.transport.start();
  }

  /** Ends every transaction without a word and closes the transport. Owners end their calls before. */
  async stop(): Promise<void> {
    for (const sending of this.#sendings) sending.abandon();
    this.#sendings.clear();
    this.#reception.stop();
    this.#acks.stop();
    this.transactions.stop();
    await this.transport.stop();
  }

  /** What is alive: all but the dialogs, which their owners detach, falls to zero by itself. */
  get load(): UaLoad {
    const { dialogs, answers } = this.#reception;
    const { size: transactions } = this.transactions;
    return { dialogs, transactions, acks: this.#acks.size, answers, sendings: this.#sendings.size };
  }

  /**
   * Sends a request outside a dialog; it belongs to the core from now on. It goes over `options.flow`, to
   * `options.targets`, or to where its first Route, else its Request-URI leads (RFC 3263). The next address is tried
   * after 503, time-out or transport error; with a digest client 401 and 407 are answered. 3xx comes to the owner.
   */
  send(request: SipRequest, handlers: SendingHandlers, options: SendingOptions = {}): Sending {
    const sending = new OutgoingRequest(this.#core, this.#acks, request, handlers, options, (settled) =>
      this.#sendings.delete(settled),
    );
    this.#sendings.add(sending);
    sending.begin();
    return sending;
  }

  /** Sends a request made by `dialog.createRequest`; the dialog learns from the answers (target, route set, CSeq). */
  sendInDialog(
    dialog: Dialog,
    request: SipRequest,
    handlers: SendingHandlers,
    options: SendingOptions = {},
  ): Sending {
    const flow = options.flow ?? dialog.flow;
    return this.send(
      request,
      {
        onProvisional: (response, from) => {
          dialog.update(response);
          handlers.onProvisional?.(response, from);
        },
        onFinal: (response, from) => {
          dialog.update(response);
          handlers.onFinal(response, from);
        },
        onFailure: (error) => handlers.onFailure(error),
      },
      {
        ...options,
        flow,
        hop: dialog.strictHop,
        nextCseq: () => {
          dialog.noteSent(dialog.localSeq + 1);
          return dialog.localSeq;
        },
      },
    );
  }

  /** Acknowledges a 2xx through the route set of its dialog, and again whenever that 2xx is repeated. */
  ack(
    dialog: Dialog,
    invite: SipRequest,
    fields: InDialogFields & { readonly flow?: Flow | undefined } = {},
  ): void {
    const { flow = dialog.flow, ...rest } = fields;
    this.#acks.send(dialog, invite, rest, flow);
  }

  /** Requests outside any dialog. One handler; returns the function that takes it off. Without one: 480. */
  onRequest(handler: (incoming: Incoming) => void): () => void {
    return this.#reception.setHandler(handler);
  }

  /** OPTIONS outside a dialog; without a handler it is answered 200 with Allow and Supported (RFC 3261 11.2). */
  onOptions(handler: (incoming: Incoming) => void): () => void {
    return this.#reception.setOptionsHandler(handler);
  }

  /**
   * A NOTIFY that nobody subscribed to, as plain servers send it: the handler answers it and says true, or leaves it to its
   * 481 (RFC 6665 4.1.3). One handler; returns the function that takes it off.
   */
  onUnaskedNotify(handler: (incoming: Incoming) => boolean): () => void {
    return this.#reception.setUnaskedHandler(handler);
  }

  /** Requests of this dialog go to its user; call `detach` when the dialog is over. */
  attach(dialog: Dialog, user: DialogUser): void {
    this.#reception.attach(dialog, user);
  }

  detach(dialog: Dialog): void {
    this.#reception.detach(dialog);
  }

  dialog(id: string): Dialog | undefined {
    return this.#reception.dialog(id);
  }

  /**
   * RFC 6665 4.4.1: until taken off, requests of this method that carry our tag but belong to no dialog yet (a NOTIFY
   * before the 2xx to SUBSCRIBE, or of another fork) go to the handler instead of being answered 481.
   */
  expect(
    half: { readonly callId: string; readonly localTag: string; readonly method: string },
    handler: (incoming: Incoming) => void,
  ): () => void {
    return this.#reception.expect(half, handler);
  }
}
