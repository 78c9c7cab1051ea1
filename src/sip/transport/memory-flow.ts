// The two kinds of flow in a network in memory: a pair of UDP addresses and one end of a connection.
import { TandemError } from '#src/base/errors.ts';
import { Milliseconds } from '#src/base/units.ts';
import { StreamFramer } from '#src/sip/message/framing.ts';
import type { MessageFault } from '#src/sip/message/parse.ts';
import { formatEndpoint } from './address.ts';
import { BaseFlow, type FlowParts } from './base-flow.ts';
import type { MemoryNetwork } from './memory.ts';

export class MemoryPair extends BaseFlow {
  readonly #network: MemoryNetwork;

  constructor(parts: FlowParts, network: MemoryNetwork) {
    super(parts);
    this.#network = network;
  }

  async prepare(): Promise<void> {
    // A datagram needs no connection.
  }

  async write(bytes: Buffer): Promise<void> {
    const packet = {
      transport: this.transport,
      from: this.local,
      to: this.remote,
      bytes: Buffer.from(bytes),
    };
    this.#network.carry(packet, () => {
      const peer = this.#network.at('udp', packet.to);
      if (peer) peer.deliver(packet);
      else if (this.#network.options.icmp !== false) this.#unreachable();
    });
  }

  #unreachable(): void {
    this.parts.counters.add('sip_unreachable_total');
    const detail = { remote: formatEndpoint(this.remote), code: 'ECONNREFUSED' };
    const sentence = 'Nobody listens at the address that was asked.';
    this.onUnreachable.emit(new TandemError('network', 'transport.unreachable', sentence, { detail }));
  }

  protected release(): void {
    // Nothing is held.
  }
}

export interface ConnectionSinks {
  readonly message: (flow: MemoryConnection, bytes: Buffer) => void;
  readonly fault: (flow: MemoryConnection, fault: MessageFault) => void;
}

export class MemoryConnection extends BaseFlow {
  readonly #network: MemoryNetwork;
  readonly #sinks: ConnectionSinks;
  readonly #framer = new StreamFramer();
  #peer: MemoryConnection | undefined;
  /** Octets keep their order. */
  #lastDue = 0;

  constructor(parts: FlowParts, network: MemoryNetwork, sinks: ConnectionSinks) {
    super(parts);
    this.#network = network;
    this.#sinks = sinks;
  }

  join(peer: MemoryConnection): void {
    this.#peer = peer;
  }

  async prepare(): Promise<void> {
    // Connected when it was made.
  }

  async write(bytes: Buffer): Promise<void> {
    const packet = {
      transport: this.transport,
      from: this.local,
      to: this.remote,
      bytes: Buffer.from(bytes),
    };
    const due = this.#network.carry(packet, () => this.#peer?.receive(packet.bytes), this.#lastDue);
    this.#lastDue = due ?? this.#lastDue;
  }

  receive(bytes: Buffer): void {
    for (const event of this.alive ? this.#framer.push(bytes) : []) {
      if (event.kind === 'message') this.#sinks.message(this, event.bytes);
      else if (event.kind === 'ping') this.pinged();
      else if (event.kind === 'pong') this.ponged();
      else {
        this.#sinks.fault(this, event.fault);
        this.close();
      }
    }
  }

  protected release(): void {
    const { clock, delay } = this.#network.options;
    const due = Math.max(this.#lastDue - clock.now(), delay ?? 1);
    clock.after(Milliseconds(due), () =>
      this.#peer?.end(
        new TandemError('network', 'transport.closed', 'The far end closed the connection.', {
          detail: { remote: formatEndpoint(this.local), transport: this.transport },
        }),
      ),
    );
  }
}
