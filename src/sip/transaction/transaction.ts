// RFC 3261 17: what a transaction shows to its user.
import type { TandemError } from '#src/base/errors.ts';
import type { Signal } from '#src/base/events.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { ClientState, ServerState } from './table.ts';

export interface ClientHandlers {
  /** Every provisional and final response once; of an INVITE every 2xx, also those of other forks (RFC 6026). */
  onResponse(response: SipResponse, flow: Flow): void;
  /** At most once, and only before a final response: `sip.timeout` or `sip.transport`. The transaction is over. */
  onFailure(error: TandemError): void;
}

export interface RequestOptions {
  /** Parameters for the top Via beside branch and rport, e.g. `[['keep', undefined]]` (RFC 6223). */
  readonly viaParams?: readonly (readonly [name: string, value?: string])[];
  /** A new connection even when one exists (TS 33.203 O.2.3). */
  readonly fresh?: boolean;
  /** As `SendOptions.prepare`: once, before the request leaves for the first time. */
  readonly prepare?: (request: SipRequest, flow: Flow) => void;
}

export interface ClientTransaction {
  /** The request as sent, with its Via. */
  readonly request: SipRequest;
  readonly branch: string;
  readonly state: ClientState;
  /** Known once the request was handed to the network; a CANCEL goes there. */
  readonly flow: Flow | undefined;
  /** Forgets the transaction: no more retransmissions, no handler is called again. */
  abandon(): void;
}

export interface ServerTransaction {
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly state: ServerState;
  /** Sends, and repeats as the clause asks. A response that the state does not allow is dropped and counted. */
  respond(response: SipResponse): void;
  /** `sip.timeout`: no ACK came (Timer H). `sip.transport`: a response could not be sent; for INVITE it lives on (RFC 6026 8.8). */
  readonly onFailure: Signal<TandemError>;
  /** Terminated; every timer is gone. */
  readonly onEnd: Signal<void>;
}
