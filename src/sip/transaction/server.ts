// RFC 3261 17.2 and RFC 6026: a server transaction, INVITE or not.
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { isReliable } from '#src/sip/transport/address.ts';
import type { CounterSet } from '#src/sip/transport/counters.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import type { TransactionCounter } from './counters.ts';
import { ackMatches } from './keys.ts';
import { type MachineParts, type OwnAction, TransactionMachine } from './machine.ts';
import { type Event, MACHINES, type ServerState } from './table.ts';
import type { ServerTransaction } from './transaction.ts';

export interface ServerParts extends Pick<MachineParts, 'clock' | 'timers'> {
  readonly transport: Transport;
  readonly counters: CounterSet<TransactionCounter>;
  readonly request: SipRequest;
  readonly flow: Flow;
  /** The request, or an ACK that the accepted state lets through. */
  readonly pass: (message: SipRequest, flow: Flow) => void;
  readonly onEnd: () => void;
}

export class Server implements ServerTransaction {
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly onFailure = new Signal<TandemError>();
  readonly onEnd = new Signal<void>();
  readonly #parts: ServerParts;
  readonly #machine: TransactionMachine;
  #last: SipResponse | undefined;
  #sends = 0;
  #incoming: { readonly message: SipRequest; readonly flow: Flow };
  #error: TandemError | undefined;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.request = parts.request;
    this.flow = parts.flow;
    this.#incoming = { message: parts.request, flow: parts.flow };
    const table = this.request.method === 'INVITE' ? MACHINES.inviteServer : MACHINES.nonInviteServer;
    this.#machine = new TransactionMachine(table, {
      clock: parts.clock,
      timers: parts.timers,
      reliable: () => isReliable(parts.flow.transport),
      perform: (action) => this.#perform(action),
      onEnd: () => {
        parts.onEnd();
        this.onEnd.emit();
      },
    });
  }

  get state(): ServerState {
    // The server tables hold server states only.
    return this.#machine.state as ServerState;
  }

  begin(): void {
    this.#machine.begin();
  }

  abandon(): void {
    this.#machine.abandon();
  }

  /** The request came again, maybe over another connection. */
  repeat(): void {
    this.#parts.counters.add('sip_retransmissions_received_total');
    this.#machine.fire('request');
  }

  /** False when the ACK is not for this transaction. */
  acknowledge(ack: SipRequest, flow: Flow): boolean {
    if (!ackMatches(ack, this.#last)) return false;
    this.#incoming = { message: ack, flow };
    return this.#machine.fire('ACK').kind === 'taken';
  }

  respond(response: SipResponse): void {
    const { status } = response;
    const event: Event = status < 200 ? 'user 1xx' : status < 300 ? 'user 2xx' : 'user 3xx-6xx';
    if (!this.#machine.row(event)?.actions.includes('send')) {
      this.#parts.counters.add('sip_responses_out_of_state_total');
      return;
    }
    this.#last = response;
    this.#sends = 0;
    this.#machine.fire(event);
  }

  #perform(action: OwnAction): void {
    if (action === 'send') this.#send();
    else if (action === 'pass') this.#parts.pass(this.#incoming.message, this.#incoming.flow);
    else if (action === 'report timeout') {
      this.#parts.counters.add('sip_ack_timeouts_total');
      this.onFailure.emit(noAck(this.request));
    } else if (action === 'report transport') {
      this.#parts.counters.add('sip_transport_failures_total');
      this.onFailure.emit(unsent(this.request, this.#error));
    }
  }

  #send(): void {
    // 17.2.1: Timer "trying" ran out, or the INVITE came again before the user said anything.
    if (!this.#last && this.request.method === 'INVITE') this.#last = SipResponse.reply(this.request, 100);
    if (!this.#last) return;
    const { transport, counters } = this.#parts;
    if (this.#sends > 0) counters.add('sip_retransmissions_sent_total');
    this.#sends += 1;
    transport.send(this.#last, this.flow).catch((error: unknown) => {
      this.#error = TandemError.from(error, 'transport.send');
      this.#machine.fire('transport error');
    });
  }
}

const noAck = (request: SipRequest): TandemError =>
  new TandemError('peer', 'sip.timeout', 'The caller did not acknowledge the final answer.', {
    detail: { method: 'ACK', callId: request.callId },
  });

const unsent = (request: SipRequest, cause: TandemError | undefined): TandemError =>
  new TandemError('network', 'sip.transport', `An answer to the ${request.method} could not be sent.`, {
    cause,
    detail: { ...cause?.detail, method: request.method },
  });
