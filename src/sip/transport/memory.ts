// A network in memory for tests of every layer above: virtual time, loss, repetition, delay, re-ordering, ICMP.
import type { Clock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import type { Random } from '#src/base/random.ts';
import { Milliseconds, toMilliseconds } from '#src/base/units.ts';
import {
  type Endpoint,
  formatEndpoint,
  formatListen,
  isWildcard,
  type ListenAddress,
  sameAddress,
  type Target,
  type TransportName,
} from './address.ts';
import { TransportCore } from './core.ts';
import { MemoryConnection, MemoryPair } from './memory-flow.ts';
import { DEFAULT_TRANSPORT_SETTINGS, type TransportSettings } from './settings.ts';
import type { Transport } from './transport.ts';

/** One thing on its way. A connection attempt is a packet without octets. */
export interface Packet {
  readonly transport: TransportName;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly bytes: Buffer;
}

/**
 * What the network does to a packet. Connections (TCP, TLS) keep their order and lose nothing: there only `delay`
 * counts, and `drop` of the attempt to connect, which then times out.
 */
export interface Verdict {
  readonly drop?: boolean;
  /** How many arrive; default 1. */
  readonly copies?: number;
  readonly delay?: Milliseconds;
}

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** One way; default 1 ms. */
  readonly delay?: Milliseconds;
  /** Whether a datagram to a port where nobody listens comes back as an ICMP error; default true. */
  readonly icmp?: boolean;
  readonly settings?: Partial<TransportSettings>;
}

const FIRST_EPHEMERAL = 49_152;
const DEFAULT_DELAY = Milliseconds(1);

export class MemoryNetwork {
  /** Asked for each packet; undefined lets it pass. */
  rule: ((packet: Packet) => Verdict | undefined) | undefined;
  /** Everything that was sent, in order, dropped packets included. */
  readonly packets: Packet[] = [];
  readonly options: MemoryNetworkOptions;
  readonly #bound = new Map<string, MemoryTransport>();
  #nextPort = FIRST_EPHEMERAL;

  constructor(options: MemoryNetworkOptions) {
    this.options = options;
  }

  /** `host` is the address that stands for a wildcard. */
  transport(listen: readonly ListenAddress[], host = '127.0.0.1'): Transport {
    return new MemoryTransport(this, listen, host);
  }

  freePort(): number {
    this.#nextPort += 1;
    return this.#nextPort;
  }

  bind(at: ListenAddress, owner: MemoryTransport): void {
    const key = formatListen(at);
    if (this.#bound.has(key)) {
      throw new TandemError('caller', 'transport.listen', `The address ${key} is already in use.`, {
        detail: { address: key, code: 'EADDRINUSE' },
      });
    }
    this.#bound.set(key, owner);
  }

  unbind(owner: MemoryTransport): void {
    for (const [key, each] of this.#bound) if (each === owner) this.#bound.delete(key);
  }

  at(transport: TransportName, to: Endpoint): MemoryTransport | undefined {
    const exact = this.#bound.get(formatListen({ transport, ...to }));
    if (exact) return exact;
    return [...new Set(this.#bound.values())].find((each) => each.hears(transport, to));
  }

  /** Sends one packet and calls `arrive` for each copy; returns how long the first one takes, undefined when lost. */
  carry(packet: Packet, arrive: () => void, notBefore = 0): number | undefined {
    this.packets.push(packet);
    const { clock, delay = DEFAULT_DELAY } = this.options;
    const verdict = this.rule?.(packet) ?? {};
    const stream = packet.transport !== 'udp';
    if (verdict.drop && (!stream || packet.bytes.length === 0)) return undefined;
    const due = Math.max(clock.now() + (verdict.delay ?? delay), notBefore);
    const copies = stream ? 1 : (verdict.copies ?? 1);
    for (let copy = 0; copy < copies; copy += 1) clock.after(Milliseconds(due - clock.now()), arrive);
    return due;
  }
}

/** One host's transport in a `MemoryNetwork`. */
export class MemoryTransport extends TransportCore {
  readonly network: MemoryNetwork;
  readonly #wanted: readonly ListenAddress[];
  readonly #host: string;
  #listening: ListenAddress[] = [];
  readonly #pairs = new Map<string, MemoryPair>();
  readonly #connections = new Map<string, MemoryConnection>();

  constructor(network: MemoryNetwork, listen: readonly ListenAddress[], host: string) {
    super({
      clock: network.options.clock,
      random: network.options.random,
      settings: { ...DEFAULT_TRANSPORT_SETTINGS, ...network.options.settings },
    });
    this.network = network;
    this.#wanted = listen;
    this.#host = host;
  }

  get listening(): readonly ListenAddress[] {
    return this.#listening;
  }

  async start(): Promise<void> {
    const given = this.#wanted.map((at) => (at.port === 0 ? { ...at, port: this.network.freePort() } : at));
    try {
      for (const at of given) this.network.bind(at, this);
    } catch (error) {
      this.network.unbind(this);
      throw error;
    }
    this.#listening = given;
  }

  async stop(): Promise<void> {
    this.network.unbind(this);
    for (const flow of [...this.#pairs.values(), ...this.#connections.values()]) flow.close();
    this.#pairs.clear();
    this.#connections.clear();
  }

  hears(transport: TransportName, to: Endpoint): boolean {
    return this.#listening.some(
      (at) =>
        at.transport === transport &&
        at.port === to.port &&
        (sameAddress(at.host, to.host) || (isWildcard(at.host) && sameAddress(this.#host, to.host))),
    );
  }

  protected localAddress(_remote: string): string {
    const own = this.#listening.find((at) => !isWildcard(at.host));
    return own?.host ?? this.#host;
  }

  protected override async open(target: Target, fresh: boolean): Promise<MemoryPair | MemoryConnection> {
    if (target.transport === 'udp') {
      const socket = this.#listening.find((at) => at.transport === 'udp');
      if (!socket) throw unsupported(target);
      return this.pair({ host: this.localAddress(target.host), port: socket.port }, target);
    }
    const key = `${target.transport} ${formatEndpoint(target)} ${target.serverName ?? ''}`;
    const known = this.#connections.get(key);
    if (known?.alive && !fresh) return known;
    const flow = await this.#connect(target);
    this.#connections.set(key, flow);
    this.counters.add('sip_connections_opened_total');
    this.onFlow.emit(flow);
    return flow;
  }

  protected override sibling(flow: MemoryPair, remote: Endpoint): MemoryPair {
    return this.pair(flow.local, remote);
  }

  /** The flow between a UDP socket of ours and a remote address. */
  pair(local: Endpoint, remote: Endpoint): MemoryPair {
    const key = `${formatEndpoint(local)} ${formatEndpoint(remote)}`;
    const known = this.#pairs.get(key);
    if (known?.alive) return known;
    const flow = new MemoryPair(this.#flowParts('udp', local, remote), this.network);
    this.#pairs.set(key, flow);
    this.onFlow.emit(flow);
    return flow;
  }

  deliver(packet: Packet): void {
    this.datagram(this.pair(packet.to, packet.from), Buffer.from(packet.bytes));
  }

  #flowParts(transport: TransportName, local: Endpoint, remote: Endpoint, serverName?: string) {
    const { clock, random } = this.parts;
    const plain = { host: remote.host, port: remote.port };
    return { transport, local, remote: plain, clock, random, counters: this.counters, serverName };
  }

  /** The end of a connection on this side. */
  end(transport: TransportName, local: Endpoint, remote: Endpoint, serverName?: string): MemoryConnection {
    return new MemoryConnection(this.#flowParts(transport, local, remote, serverName), this.network, {
      message: (flow, bytes) => this.message(flow, bytes, false),
      fault: (flow, fault) => this.fault(flow, fault),
    });
  }

  accept(flow: MemoryConnection): void {
    this.counters.add('sip_connections_accepted_total');
    this.#connections.set(`${flow.transport} ${formatEndpoint(flow.remote)} `, flow);
    this.onFlow.emit(flow);
  }

  async #connect(target: Target): Promise<MemoryConnection> {
    const { clock, settings } = this.parts;
    const local = { host: this.localAddress(target.host), port: this.network.freePort() };
    const remote = { host: target.host, port: target.port };
    const packet = { transport: target.transport, from: local, to: remote, bytes: Buffer.alloc(0) };
    const arrived = await new Promise<boolean>((resolve) => {
      const due = this.network.carry(packet, () => resolve(true));
      if (due === undefined) clock.after(toMilliseconds(settings.connectTimeout), () => resolve(false));
    });
    const peer = arrived ? this.network.at(target.transport, target) : undefined;
    if (!peer) {
      this.counters.add('sip_connects_failed_total');
      throw new TandemError('network', 'transport.connect', `No connection to ${formatEndpoint(target)}.`, {
        detail: { remote: formatEndpoint(target), code: arrived ? 'ECONNREFUSED' : 'ETIMEDOUT' },
      });
    }
    const near = this.end(target.transport, local, remote, target.serverName);
    const far = peer.end(target.transport, remote, local);
    near.join(far);
    far.join(near);
    peer.accept(far);
    return near;
  }
}

const unsupported = (target: Target): TandemError =>
  new TandemError(
    'caller',
    'transport.unsupported',
    'No UDP address is listened on, so nothing can be sent by UDP.',
    {
      detail: { remote: formatEndpoint(target) },
    },
  );
