// RFC 3261 17: the transaction layer between a transport and its user.
import type { Clock } from '#src/base/clock.ts';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { type SipMessage, SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { Params } from '#src/sip/message/params.ts';
import type { MessageFault } from '#src/sip/message/parse.ts';
import { BRANCH_COOKIE, Via } from '#src/sip/message/via.ts';
import type { Target } from '#src/sip/transport/address.ts';
import { CounterSet } from '#src/sip/transport/counters.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import { Client } from './client.ts';
import { TRANSACTION_COUNTERS, type TransactionCounter } from './counters.ts';
import { clientKey, responseKey, serverKey } from './keys.ts';
import { Server } from './server.ts';
import type { TimerSettings } from './timers.ts';
import type { ClientHandlers, ClientTransaction, RequestOptions, ServerTransaction } from './transaction.ts';

export interface TransactionLayerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerSettings;
  readonly log: Logger;
}

/** Stands in the sent-by until the transport knows the local address (RFC 3261 18.1.1). */
const UNKNOWN_HOST = 'invalid';

/** Uses a transport that its owner starts and stops; stop the layer first. */
export class TransactionLayer {
  readonly counters = new CounterSet<TransactionCounter>(TRANSACTION_COUNTERS);
  /** A new request; retransmissions and ACKs do not come here. */
  readonly onRequest = new Signal<ServerTransaction>();
  /** An ACK that acknowledges a 2xx, or matches nothing. */
  readonly onAck = new Signal<{ request: SipRequest; flow: Flow }>();
  /** 18.1.2 and RFC 6026: for a look only; such a response changes nothing. */
  readonly onStrayResponse = new Signal<{ response: SipResponse; flow: Flow }>();
  readonly #options: TransactionLayerOptions;
  readonly #clients = new Map<string, Client>();
  readonly #servers = new Map<string, Server>();
  readonly #off: (() => void)[];

  constructor(options: TransactionLayerOptions) {
    this.#options = options;
    this.#off = [
      options.transport.onMessage.on(({ message, flow }) => this.#receive(message, flow)),
      options.transport.onFault.on(({ fault, flow }) => this.#refuse(fault, flow)),
    ];
  }

  /** Live transactions. */
  get size(): number {
    return this.#clients.size + this.#servers.size;
  }

  /**
   * Puts a Via with a new branch on top and sends. A CANCEL keeps the Via it has, which must be that of its INVITE, and
   * goes to that one's flow (9.1). The request belongs to the transaction from now on: try again with a clone.
   */
  request(
    request: SipRequest,
    target: Target | Flow,
    handlers: ClientHandlers,
    options: RequestOptions = {},
  ): ClientTransaction {
    if (request.method !== 'CANCEL') this.#addVia(request, target, options.viaParams);
    const { transport, clock, timers } = this.#options;
    const branch = request.topVia.branch ?? '';
    const key = clientKey(branch, request.method);
    const fresh = options.fresh === true;
    const onEnd = (): void => void this.#clients.delete(key);
    const { counters } = this;
    const { prepare } = options;
    const parts = {
      transport,
      clock,
      timers,
      counters,
      request,
      branch,
      target,
      fresh,
      prepare,
      handlers,
      onEnd,
    };
    const client = new Client(parts);
    this.#clients.set(key, client);
    counters.add('sip_client_transactions_total');
    client.begin();
    return client;
  }

  /** Sends an ACK for a 2xx: a transaction of its own without an answer (13.2.2.4). Rejects as `Transport.send`. */
  async sendAck(request: SipRequest, target: Target | Flow): Promise<Flow> {
    if (!request.headers.has('Via')) this.#addVia(request, target);
    return await this.#options.transport.send(request, target);
  }

  /** The INVITE server transaction that a CANCEL means (9.2). */
  findInvite(cancel: SipRequest): ServerTransaction | undefined {
    return this.#servers.get(serverKey(cancel, 'INVITE'));
  }

  /** Ends every transaction without a word and lets go of the transport. */
  stop(): void {
    for (const off of this.#off) off();
    for (const each of [...this.#clients.values(), ...this.#servers.values()]) each.abandon();
  }

  #addVia(request: SipRequest, target: Target | Flow, extra: RequestOptions['viaParams'] = []): void {
    const branch = `${BRANCH_COOKIE}${randomToken(this.#options.random)}`;
    const params = Params.of([['branch', branch], ...extra]);
    const transport = target.transport.toUpperCase();
    request.headers.prepend('Via', Via.of({ transport, host: UNKNOWN_HOST, params }).toString());
  }

  #receive(message: SipMessage, flow: Flow): void {
    if (message instanceof SipResponse) this.#receiveResponse(message, flow);
    else if (!(message instanceof SipRequest)) return;
    else if (message.method === 'ACK') this.#receiveAck(message, flow);
    else this.#receiveRequest(message, flow);
  }

  #receiveResponse(response: SipResponse, flow: Flow): void {
    const client = this.#clients.get(responseKey(response));
    if (client && !isLate(client, response)) client.receive(response, flow);
    else {
      this.counters.add('sip_stray_responses_total');
      this.onStrayResponse.emit({ response, flow });
    }
  }

  #receiveAck(request: SipRequest, flow: Flow): void {
    if (this.#servers.get(serverKey(request))?.acknowledge(request, flow)) return;
    this.#passAck(request, flow);
  }

  #passAck(request: SipRequest, flow: Flow): void {
    this.counters.add('sip_acks_passed_total');
    this.onAck.emit({ request, flow });
  }

  #receiveRequest(request: SipRequest, flow: Flow): void {
    const key = serverKey(request);
    const known = this.#servers.get(key);
    if (known) {
      known.repeat();
      return;
    }
    const { transport, clock, timers } = this.#options;
    const { counters } = this;
    const server: Server = new Server({
      transport,
      clock,
      timers,
      counters,
      request,
      flow,
      pass: (message, from) => {
        if (message.method === 'ACK') this.#passAck(message, from);
        else this.onRequest.emit(server);
      },
      onEnd: () => void this.#servers.delete(key),
    });
    this.#servers.set(key, server);
    counters.add('sip_server_transactions_total');
    server.begin();
  }

  /** RFC 4475: a request too broken for a transaction is answered once, without state (8.2.7). */
  #refuse(fault: MessageFault, flow: Flow): void {
    const { partial, status, reason } = fault;
    this.#options.log.debug({ reason, status, remote: flow.remote }, 'a message could not be read');
    if (status === undefined || !(partial instanceof SipRequest) || partial.method === 'ACK') return;
    this.counters.add('sip_bad_requests_answered_total');
    const answer = SipResponse.reply(partial, status, { reason, toTag: randomToken(this.#options.random) });
    this.#options.transport
      .send(answer, flow)
      .catch((error: unknown) => this.#options.log.debug({ err: error }, 'a refusal could not be sent'));
  }
}

/** 16.7: a proxy passes on a 2xx to an INVITE even after a refusal; no transaction has a row for it. */
const isLate = (client: Client, response: SipResponse): boolean =>
  client.state === 'completed' && client.request.method === 'INVITE' && response.isSuccess;
