// RFC 3261 18: what every SIP transport offers, real or in memory.
import type { Signal } from '#src/base/events.ts';
import type { Milliseconds } from '#src/base/units.ts';
import type { SipMessage, SipRequest } from '#src/sip/message/message.ts';
import type { MessageFault } from '#src/sip/message/parse.ts';
import type { ListenAddress, Target, TransportName } from './address.ts';
import type { CounterSet, TransportCounter } from './counters.ts';
import type { Flow } from './flow.ts';

export interface SendOptions {
  /** A new connection even when one to the target exists (TS 33.203 O.2.3: an initial registration). */
  readonly fresh?: boolean;
  /** The message as it is, on the given flow: no Via filled in, no size rule. For retransmissions, CANCEL and ACK. */
  readonly exact?: boolean;
  /** Called when the flow of a request is known and before its octets are made: for a Contact that names that flow. */
  readonly prepare?: (request: SipRequest, flow: Flow) => void;
}

export interface Received {
  readonly message: SipMessage;
  readonly flow: Flow;
  readonly receivedAt: Milliseconds;
}

/** Bytes that were no message. When the flow is a connection and framing is lost, it closes afterwards. */
export interface ReceivedFault {
  readonly fault: MessageFault;
  readonly flow: Flow;
}

/** What to write into a Contact. */
export interface LocalContact {
  readonly host: string;
  readonly port: number;
  readonly transport: TransportName;
}

export interface Transport {
  /** Opens every listen address. Throws TandemError `transport.listen` with `{address, code}`; nothing stays open then. */
  start(): Promise<void>;
  /** Closes every socket and flow. */
  stop(): Promise<void>;
  /** With the ports that were given. */
  readonly listening: readonly ListenAddress[];
  /**
   * Sends and says over which flow. A request gets its top Via's sent-by; over 1300 bytes it goes by TCP instead of UDP
   * unless that is refused (RFC 3261 18.1.1). A response to a flow that died goes by RFC 3261 18.2.2.
   * Rejects with TandemError `transport.connect`, `transport.tls`, `transport.closed`, `transport.congested`,
   * `transport.unreachable`, `transport.too-large` or `transport.unsupported`.
   */
  send(message: SipMessage, to: Target | Flow, options?: SendOptions): Promise<Flow>;
  readonly onMessage: Signal<Received>;
  readonly onFault: Signal<ReceivedFault>;
  /** A peer opened a connection, or we did, or the first datagram of a pair came. */
  readonly onFlow: Signal<Flow>;
  readonly counters: CounterSet<TransportCounter>;
  localContact(to: Target | Flow): LocalContact;
}
