// A transport that writes down what goes through it.
import type { Clock } from '#src/base/clock.ts';
import { type SipMessage, SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { LocalContact, SendOptions, Transport } from '#src/sip/transport/transport.ts';
import type { TraceRing } from './ring.ts';

/** The same transport to everybody else. */
export class TracedTransport implements Transport {
  readonly #inner: Transport;
  readonly #ring: TraceRing;
  readonly #clock: Clock;

  constructor(inner: Transport, ring: TraceRing, clock: Clock) {
    this.#inner = inner;
    this.#ring = ring;
    this.#clock = clock;
    // First of the listeners: the answer to a message is written down after it.
    inner.onMessage.on(({ message, flow }) => this.#write('in', message, flow, clock.date()));
  }

  get listening(): Transport['listening'] {
    return this.#inner.listening;
  }
  get onMessage(): Transport['onMessage'] {
    return this.#inner.onMessage;
  }
  get onFault(): Transport['onFault'] {
    return this.#inner.onFault;
  }
  get onFlow(): Transport['onFlow'] {
    return this.#inner.onFlow;
  }
  get counters(): Transport['counters'] {
    return this.#inner.counters;
  }

  start(): Promise<void> {
    return this.#inner.start();
  }

  stop(): Promise<void> {
    return this.#inner.stop();
  }

  async send(message: SipMessage, to: Target | Flow, options?: SendOptions): Promise<Flow> {
    const at = this.#clock.date();
    const flow = await this.#inner.send(message, to, options);
    this.#write('out', message, flow, at);
    return flow;
  }

  localContact(to: Target | Flow): LocalContact {
    return this.#inner.localContact(to);
  }

  #write(direction: 'in' | 'out', message: SipMessage, flow: Flow, at: Date): void {
    const { number, method } = message.cseq;
    this.#ring.add(
      {
        direction,
        transport: flow.transport,
        local: flow.local,
        remote: flow.remote,
        callId: message.callId,
        summary: summaryOf(message),
        cseq: `${number} ${method}`,
        bytes: message.toBuffer(),
      },
      at,
    );
  }
}

function summaryOf(message: SipMessage): string {
  if (message instanceof SipRequest) return message.method;
  // Nothing else derives from SipMessage.
  const { status, reason } = message as SipResponse;
  return `${status} ${reason}`;
}
