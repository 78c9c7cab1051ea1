// RFC 3261 17: the transaction layer between a transport and its user.
import type { Clock } from '#src/base/clock.ts';
import type { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { CounterSet } from '#src/sip/transport/counters.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import type { TransactionCounter } from './counters.ts';
import type { TimerSettings } from './timers.ts';
import type { ClientHandlers, ClientTransaction, RequestOptions, ServerTransaction } from './transaction.ts';

export interface TransactionLayerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerSettings;
  readonly log: Logger;
}

export declare class TransactionLayer {
  constructor(options: TransactionLayerOptions);
  readonly counters: CounterSet<TransactionCounter>;
  /** A new request; retransmissions and ACKs do not come here. */
  readonly onRequest: Signal<ServerTransaction>;
  /** An ACK that matches no non-2xx response: it acknowledges a 2xx, or nothing. */
  readonly onAck: Signal<{ request: SipRequest; flow: Flow }>;
  readonly onStrayResponse: Signal<{ response: SipResponse; flow: Flow }>;
  /** Live transactions. */
  readonly size: number;
  /** Adds the top Via and sends. A CANCEL keeps the Via it has, which must be that of its INVITE (9.1). */
  request(
    request: SipRequest,
    target: Target | Flow,
    handlers: ClientHandlers,
    options?: RequestOptions,
  ): ClientTransaction;
  /** Sends an ACK for a 2xx: a transaction of its own without an answer (13.2.2.4). Rejects as `Transport.send`. */
  sendAck(request: SipRequest, target: Target | Flow): Promise<Flow>;
  /** The INVITE server transaction that a CANCEL means (9.2). */
  findInvite(cancel: SipRequest): ServerTransaction | undefined;
  /** Ends every transaction without a word. */
  stop(): void;
}
