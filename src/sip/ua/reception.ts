// RFC 3261 8.2, 9.2, 12.2.2: who gets a request that came in, or which answer it gets at once.
import type { Signal } from '#src/base/events.ts';
import { randomToken } from '#src/base/random.ts';
import { type Dialog, dialogId } from '#src/sip/dialog/dialog.ts';
import { type Abilities, checkRequest } from '#src/sip/message/check.ts';
import { type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { ServerTransaction } from '#src/sip/transaction/transaction.ts';
import type { Core } from './core.ts';
import { type Incoming, IncomingRequest } from './incoming.ts';
import type { DialogUser } from './user-agent.ts';

/** RFC 3261 15, RFC 3311 5, RFC 3262 3, RFC 6086 4.2, RFC 6665 4.1.3: these mean nothing without a dialog. */
const IN_DIALOG_ONLY: ReadonlySet<string> = new Set(['BYE', 'UPDATE', 'PRACK', 'INFO', 'NOTIFY']);

type Handler = (incoming: Incoming) => void;

export class Reception {
  readonly #core: Core;
  readonly #abilities: Abilities;
  readonly #dialogs = new Map<string, { readonly dialog: Dialog; readonly user: DialogUser }>();
  readonly #halves = new Map<string, Handler>();
  /** INVITEs by their server transaction, for CANCEL. */
  readonly #invites = new Map<ServerTransaction, IncomingRequest>();
  /** 2xx that wait for their ACK. */
  readonly #awaiting = new Map<string, IncomingRequest>();
  /** Requests in progress outside dialogs, for 8.2.2.2. */
  readonly #first = new Map<string, ServerTransaction>();
  readonly #off: (() => void)[];
  #handler: Handler | undefined;
  #optionsHandler: Handler | undefined;
  #unasked: ((incoming: Incoming) => boolean) | undefined;

  constructor(core: Core, abilities: Abilities) {
    this.#core = core;
    this.#abilities = abilities;
    this.#off = [
      core.layer.onRequest.on((transaction) => this.#receive(transaction)),
      core.layer.onAck.on(({ request }) => this.#acknowledge(request)),
    ];
  }

  get dialogs(): number {
    return this.#dialogs.size;
  }

  get answers(): number {
    return this.#awaiting.size;
  }

  stop(): void {
    for (const off of this.#off) off();
    for (const incoming of [...this.#awaiting.values(), ...this.#invites.values()]) incoming.stop();
    this.#awaiting.clear();
    this.#invites.clear();
    this.#first.clear();
  }

  setHandler(handler: Handler): () => void {
    this.#handler = handler;
    return () => {
      if (this.#handler === handler) this.#handler = undefined;
    };
  }

  setUnaskedHandler(handler: (incoming: Incoming) => boolean): () => void {
    this.#unasked = handler;
    return () => {
      if (this.#unasked === handler) this.#unasked = undefined;
    };
  }

  setOptionsHandler(handler: Handler): () => void {
    this.#optionsHandler = handler;
    return () => {
      if (this.#optionsHandler === handler) this.#optionsHandler = undefined;
    };
  }

  attach(dialog: Dialog, user: DialogUser): void {
    this.#dialogs.set(dialog.id, { dialog, user });
  }

  detach(dialog: Dialog): void {
    if (this.#dialogs.get(dialog.id)?.dialog === dialog) this.#dialogs.delete(dialog.id);
  }

  dialog(id: string): Dialog | undefined {
    return this.#dialogs.get(id)?.dialog;
  }

  expect(half: { callId: string; localTag: string; method: string }, handler: Handler): () => void {
    const key = halfKey(half.method, half.callId, half.localTag);
    this.#halves.set(key, handler);
    return () => {
      if (this.#halves.get(key) === handler) this.#halves.delete(key);
    };
  }

  #receive(transaction: ServerTransaction): void {
    const { request } = transaction;
    if (request.method === 'CANCEL') {
      this.#cancel(transaction);
      return;
    }
    const refusal = checkRequest(request, this.#abilities);
    if (refusal) {
      const { status, reason, headers } = refusal;
      this.#core.counters.add('sip_requests_answered_by_core_total');
      const toTag = this.#newTag();
      this.#answer(transaction, SipResponse.reply(request, status, { reason, headers, toTag }));
      return;
    }
    if (request.to.tag === undefined) this.#receiveFirst(transaction);
    else this.#receiveInDialog(transaction, request.to.tag);
  }

  #receiveFirst(transaction: ServerTransaction): void {
    const { request } = transaction;
    const key = mergeKey(request);
    if (this.#first.has(key)) {
      this.#core.counters.add('sip_merged_requests_total');
      this.#answer(transaction, SipResponse.reply(request, 482, { toTag: this.#newTag() }));
      return;
    }
    this.#first.set(key, transaction);
    once(transaction.onEnd, () => this.#first.delete(key));
    const incoming = this.#incoming(transaction, this.#newTag());
    if (request.method === 'OPTIONS') {
      if (this.#optionsHandler) this.#optionsHandler(incoming);
      else this.#answerOptions(incoming);
    } else if (IN_DIALOG_ONLY.has(request.method)) {
      if (request.method !== 'NOTIFY' || !this.#unasked?.(incoming)) this.#unknownDialog(incoming);
    } else if (this.#handler) this.#handler(incoming);
    else incoming.respond(480);
  }

  /** 11.2: who nobody rings can still say what it can do. */
  #answerOptions(incoming: Incoming): void {
    const { methods, extensions } = this.#abilities;
    incoming.respond(200, {
      headers: [
        ['Allow', methods.join(', ')],
        ['Supported', extensions.join(', ')],
        ['Accept-Encoding', 'identity'],
      ],
    });
  }

  #receiveInDialog(transaction: ServerTransaction, localTag: string): void {
    const { request } = transaction;
    const known = this.#dialogs.get(dialogId(request.callId, localTag, request.from.tag ?? ''));
    const incoming = this.#incoming(transaction, localTag, known?.dialog);
    if (known) {
      if (known.dialog.receive(request) === 'out-of-order') {
        this.#core.counters.add('sip_out_of_order_total');
        incoming.respond(500);
      } else known.user.onRequest(incoming);
      return;
    }
    const half = this.#halves.get(halfKey(request.method, request.callId, localTag));
    if (half) half(incoming);
    else this.#unknownDialog(incoming);
  }

  #unknownDialog(incoming: Incoming): void {
    this.#core.counters.add('sip_unknown_dialog_total');
    if (incoming.request.method === 'NOTIFY') this.#core.counters.add('sip_unknown_notify_total');
    incoming.respond(481);
  }

  #incoming(transaction: ServerTransaction, localTag: string, dialog?: Dialog): IncomingRequest {
    let waiting: string | undefined;
    const incoming = new IncomingRequest(this.#core, transaction, {
      localTag,
      dialog,
      onState: (self) => {
        if (self.state === 'awaiting ACK' && waiting === undefined) {
          waiting = ackKey(self.request, self.answeredTag);
          this.#awaiting.set(waiting, self);
        } else if (self.ended && waiting !== undefined) this.#awaiting.delete(waiting);
      },
    });
    if (transaction.request.method === 'INVITE') {
      this.#invites.set(transaction, incoming);
      once(transaction.onEnd, () => this.#invites.delete(transaction));
    }
    return incoming;
  }

  /** 9.2: 200 when there is such an INVITE, whatever its state, with its To tag. */
  #cancel(transaction: ServerTransaction): void {
    const { request } = transaction;
    const invite = this.#core.layer.findInvite(request);
    const incoming = invite && this.#invites.get(invite);
    const status = invite ? 200 : 481;
    if (!invite) this.#core.counters.add('sip_unmatched_cancels_total');
    transaction.respond(SipResponse.reply(request, status, { toTag: incoming?.localTag ?? this.#newTag() }));
    incoming?.cancel(request);
  }

  #acknowledge(ack: SipRequest): void {
    const incoming = this.#awaiting.get(ackKey(ack, ack.to.tag ?? ''));
    if (incoming) incoming.acknowledge(ack);
    else this.#core.counters.add('sip_unmatched_acks_total');
  }

  #answer(transaction: ServerTransaction, response: SipResponse): void {
    this.#core.decorate(response, transaction.flow);
    transaction.respond(response);
  }

  #newTag(): string {
    return randomToken(this.#core.random);
  }
}

/** 8.2.2.2: the same request over another path has another branch and the rest alike. */
const mergeKey = ({ callId, from, cseq }: SipRequest): string =>
  `${callId}\n${from.tag ?? ''}\n${cseq.number} ${cseq.method}`;

const halfKey = (method: string, callId: string, localTag: string): string =>
  `${method}\n${callId}\n${localTag}`;

const ackKey = ({ callId, from, cseq }: SipRequest, localTag: string): string =>
  `${callId}\n${from.tag ?? ''}\n${localTag}\n${cseq.number}`;

/** Listens for the first emission only. */
function once(signal: Signal<void>, action: () => void): void {
  const off = signal.on(() => {
    off();
    action();
  });
}
