// A transport that loses or delays what arrives, as long as the faults say so.
import type { Clock } from '#src/base/clock.ts';
import { Signal } from '#src/base/events.ts';
import { toMilliseconds } from '#src/base/units.ts';
import type { SipMessage } from '#src/sip/message/message.ts';
import type { ListenAddress, Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { LocalContact, Received, SendOptions, Transport } from '#src/sip/transport/transport.ts';
import type { Faults } from './faults.ts';

export class FaultyTransport implements Transport {
  readonly onMessage = new Signal<Received>();
  readonly onFault: Transport['onFault'];
  readonly onFlow: Transport['onFlow'];
  readonly counters: Transport['counters'];
  readonly #inner: Transport;

  constructor(inner: Transport, faults: Faults, clock: Clock) {
    this.#inner = inner;
    this.onFault = inner.onFault;
    this.onFlow = inner.onFlow;
    this.counters = inner.counters;
    inner.onMessage.on((received) => {
      const { silent, delay } = faults.settings;
      if (silent) return;
      if (delay === undefined) this.onMessage.emit(received);
      else clock.after(toMilliseconds(delay), () => this.onMessage.emit(received));
    });
  }

  get listening(): readonly ListenAddress[] {
    return this.#inner.listening;
  }

  start(): Promise<void> {
    return this.#inner.start();
  }

  stop(): Promise<void> {
    return this.#inner.stop();
  }

  send(message: SipMessage, to: Target | Flow, options?: SendOptions): Promise<Flow> {
    return this.#inner.send(message, to, options);
  }

  localContact(to: Target | Flow): LocalContact {
    return this.#inner.localContact(to);
  }
}
