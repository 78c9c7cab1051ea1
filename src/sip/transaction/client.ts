// RFC 3261 17.1 and RFC 6026: a client transaction, INVITE or not.
import { TandemError } from '#src/base/errors.ts';
import { SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import { isReliable, type Target } from '#src/sip/transport/address.ts';
import type { CounterSet } from '#src/sip/transport/counters.ts';
import { type Flow, isFlow } from '#src/sip/transport/flow.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import type { TransactionCounter } from './counters.ts';
import { type MachineParts, type OwnAction, TransactionMachine } from './machine.ts';
import { type ClientState, type Event, MACHINES } from './table.ts';
import type { ClientHandlers, ClientTransaction, RequestOptions } from './transaction.ts';

export interface ClientParts extends Pick<MachineParts, 'clock' | 'timers'> {
  readonly transport: Transport;
  readonly counters: CounterSet<TransactionCounter>;
  readonly request: SipRequest;
  readonly branch: string;
  readonly target: Target | Flow;
  readonly fresh: boolean;
  readonly prepare: RequestOptions['prepare'];
  readonly handlers: ClientHandlers;
  readonly onEnd: () => void;
}

/** 8.1.1.6. */
const MAX_FORWARDS = '70';

export class Client implements ClientTransaction {
  readonly request: SipRequest;
  readonly branch: string;
  readonly #parts: ClientParts;
  readonly #machine: TransactionMachine;
  #flow: Flow | undefined;
  #unwatch: (() => void)[] = [];
  #started = false;
  #response: SipResponse | undefined;
  #responseFlow: Flow | undefined;
  #error: TandemError | undefined;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.request = parts.request;
    this.branch = parts.branch;
    const { clock, timers, target } = parts;
    const table = this.request.method === 'INVITE' ? MACHINES.inviteClient : MACHINES.nonInviteClient;
    this.#machine = new TransactionMachine(table, {
      clock,
      timers,
      reliable: () => isReliable((this.#flow ?? target).transport),
      perform: (action) => this.#perform(action),
      onEnd: () => {
        for (const off of this.#unwatch) off();
        this.#unwatch = [];
        parts.onEnd();
      },
    });
  }

  get state(): ClientState {
    // The client tables hold client states only.
    return this.#machine.state as ClientState;
  }

  get flow(): Flow | undefined {
    return this.#flow;
  }

  begin(): void {
    this.#machine.begin();
  }

  abandon(): void {
    this.#machine.abandon();
  }

  receive(response: SipResponse, flow: Flow): void {
    this.#response = response;
    this.#responseFlow = flow;
    const event: Event = response.status < 200 ? '1xx' : response.status < 300 ? '2xx' : '3xx-6xx';
    const outcome = this.#machine.fire(event);
    if (event !== '1xx' && outcome.kind === 'taken' && !outcome.row.actions.includes('pass')) {
      this.#parts.counters.add('sip_retransmissions_received_total');
    }
  }

  #perform(action: OwnAction): void {
    const { handlers, counters } = this.#parts;
    if (action === 'send') this.#send();
    else if (action === 'ack') this.#acknowledge();
    else if (action === 'pass') {
      if (this.#response && this.#responseFlow) handlers.onResponse(this.#response, this.#responseFlow);
    } else if (action === 'report timeout') {
      counters.add('sip_client_timeouts_total');
      handlers.onFailure(timeout(this.request));
    } else {
      counters.add('sip_transport_failures_total');
      handlers.onFailure(undelivered(this.request, this.#error));
    }
  }

  #send(): void {
    const { transport, counters, target, fresh, prepare } = this.#parts;
    if (!this.#started) {
      this.#started = true;
      const exact = isFlow(target) && this.request.method === 'CANCEL';
      transport.send(this.request, target, { fresh, exact, ...(prepare ? { prepare } : {}) }).then(
        (flow) => this.#sent(flow),
        (error: unknown) => this.#failed(error),
      );
    } else if (this.#flow) {
      counters.add('sip_retransmissions_sent_total');
      transport
        .send(this.request, this.#flow, { exact: true })
        .catch((error: unknown) => this.#failed(error));
    }
  }

  #sent(flow: Flow): void {
    this.#flow = flow;
    if (this.#machine.state === 'terminated') return;
    if (isReliable(flow.transport)) this.#machine.becameReliable();
    if (!flow.alive) this.#failed(undefined);
    this.#unwatch.push(
      flow.onUnreachable.on((error) => this.#failed(error)),
      flow.onClose.on((error) => this.#failed(error)),
    );
  }

  #failed(error: unknown): void {
    this.#error = error === undefined ? undefined : TandemError.from(error, 'transport.send');
    this.#machine.fire('transport error');
  }

  /** 17.1.1.3: hop by hop, to where the INVITE went. */
  #acknowledge(): void {
    const response = this.#response;
    const flow = this.#flow ?? this.#responseFlow;
    if (!response || !flow) return;
    const { request } = this;
    const routes = request.headers.getAll('Route').map((value) => ['Route', value] as const);
    const ack = SipRequest.create({
      method: 'ACK',
      uri: request.requestUri,
      headers: [
        ['Via', request.topVia.toString()],
        ['Max-Forwards', MAX_FORWARDS],
        ...routes,
        ['From', request.header('From') ?? ''],
        ['To', response.header('To') ?? ''],
        ['Call-ID', request.callId],
        ['CSeq', `${request.cseq.number} ACK`],
        ['Content-Length', '0'],
      ],
    });
    this.#parts.transport.send(ack, flow, { exact: true }).catch((error: unknown) => this.#failed(error));
  }
}

const timeout = (request: SipRequest): TandemError =>
  new TandemError('network', 'sip.timeout', `Nobody answered the ${request.method} in time.`, {
    detail: { method: request.method, callId: request.callId },
  });

const undelivered = (request: SipRequest, cause: TandemError | undefined): TandemError =>
  new TandemError(
    cause?.fault ?? 'network',
    'sip.transport',
    cause?.message ?? `The connection closed before the ${request.method} was answered.`,
    { cause, detail: { ...cause?.detail, method: request.method, ...(cause ? { reason: cause.id } : {}) } },
  );
