// RFC 3261 18 over UDP: one listen address, the flows over it, and a connected socket for each peer that we ask.
import type { RemoteInfo, Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import type { Timer } from '#src/base/clock.ts';
import { describe, systemCode, TandemError } from '#src/base/errors.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import {
  canonicalAddress,
  type Endpoint,
  familyOf,
  formatEndpoint,
  isWildcard,
  plainAddress,
} from './address.ts';
import { BaseFlow, type FlowParts } from './base-flow.ts';
import type { TransportSettings } from './settings.ts';
import { bindUdp, closeUdp, connectUdp, sendUdp } from './udp-socket.ts';

export interface UdpParts extends Omit<FlowParts, 'transport' | 'local' | 'remote'> {
  readonly settings: TransportSettings;
  readonly datagram: (flow: UdpFlow, bytes: Buffer) => void;
  readonly onFlow: (flow: UdpFlow) => void;
}

/** A connected socket that nobody used for this long is closed; replies reach the main socket as well. */
const PEER_LIFE = Seconds(300);

type RemoteAddress = ReturnType<Socket['remoteAddress']>;

/**
 * The kernel reports ICMP errors to connected sockets only. So the requests to a peer leave through a socket of its own
 * on the same local port, and an error is known to be that peer's; everybody else uses the main socket.
 */
interface Peer {
  readonly socket: Promise<Socket>;
  expiry: Timer;
}

export class UdpPort {
  readonly #main: Socket;
  readonly #parts: UdpParts;
  readonly #local: Endpoint;
  readonly #flows = new Map<string, UdpFlow>();
  readonly #peers = new Map<string, Peer>();
  #open = true;

  constructor(main: Socket, parts: UdpParts) {
    this.#main = main;
    this.#parts = parts;
    const { address, port } = main.address();
    this.#local = { host: address, port };
    main.on('message', (bytes, from) => this.#receive(bytes, from));
    // An unconnected socket hears of no peer's fate; what comes here concerns no message in particular.
    main.on('error', () => parts.counters.add('sip_unreachable_total'));
  }

  get local(): Endpoint {
    return this.#local;
  }

  /** Whether a packet to this address can leave here. */
  reaches(host: string): boolean {
    return familyOf(host) === familyOf(this.#local.host) || canonicalAddress(this.#local.host) === '::';
  }

  async close(): Promise<void> {
    this.#open = false;
    for (const flow of [...this.#flows.values()]) flow.close();
    const peers = [...this.#peers.keys()].map((key) => this.#dropPeer(key));
    await Promise.all([...peers, closeUdp(this.#main)]);
  }

  flow(remote: Endpoint): UdpFlow {
    const key = keyOf(remote);
    const known = this.#flows.get(key);
    if (known?.alive) return known;
    const plain = { host: canonicalAddress(remote.host), port: remote.port };
    const flow = new UdpFlow(this, { ...this.#parts, transport: 'udp', local: this.#local, remote: plain });
    this.#flows.set(key, flow);
    if (this.#flows.size > this.#parts.settings.maxUdpFlows) this.#forgetOne(key);
    this.#parts.onFlow(flow);
    return flow;
  }

  forget(flow: UdpFlow): void {
    const key = keyOf(flow.remote);
    if (this.#flows.get(key) === flow) this.#flows.delete(key);
  }

  /**
   * What was sent from an address that this host does not have any more, or by a link that does not lead to the peer any
   * more, is sent from another one from now on. A connected socket keeps the address that it left from first.
   */
  async readdress(own: ReadonlySet<string>): Promise<void> {
    for (const [key, { socket }] of [...this.#peers]) {
      const opened = await socket.catch(() => undefined);
      if (!opened) continue;
      const from = plainAddress(opened.address().address);
      if (!own.has(from) || (await this.#sourceTo(opened.remoteAddress(), from)) !== from)
        await this.#dropPeer(key);
    }
  }

  /** The address that the kernel would send from now; as it was, where nothing leads there or there is no choice. */
  async #sourceTo(remote: RemoteAddress, before: string): Promise<string> {
    if (!isWildcard(this.#local.host)) return before;
    const host = familyOf(remote.address) === 6 ? '::' : '0.0.0.0';
    const probe = await bindUdp({ host, port: 0 }, { shared: false, ipv6Only: true });
    try {
      await connectUdp(probe, { host: remote.address, port: remote.port });
      return plainAddress(probe.address().address);
    } catch {
      // No way to it just now; another change of the network will bring one.
      return before;
    } finally {
      await closeUdp(probe);
    }
  }

  /** Opens the peer's own socket; returns the local address as the kernel chose it. */
  async connect(remote: Endpoint): Promise<Endpoint> {
    const key = keyOf(remote);
    const known = this.#peers.get(key);
    if (known) {
      this.#refresh(key, known);
    } else {
      const socket = this.#openPeer(remote);
      // Awaited below and by `write`; here only an unused one must not count as unhandled.
      socket.catch(() => undefined);
      this.#peers.set(key, { socket, expiry: this.#expire(key) });
      if (this.#peers.size > this.#parts.settings.maxUdpPeers) this.#dropOldestPeer(key);
    }
    try {
      const socket = await this.#peers.get(key)?.socket;
      const { address, port } = (socket ?? this.#main).address();
      return { host: plainAddress(address), port };
    } catch (error) {
      await this.#dropPeer(key);
      throw udpError(remote, error);
    }
  }

  async write(remote: Endpoint, bytes: Buffer): Promise<void> {
    const peer = this.#peers.get(keyOf(remote));
    try {
      const own = await peer?.socket;
      if (own && this.#peers.has(keyOf(remote))) await this.#sendOver(own, remote, bytes);
      else await sendUdp(this.#main, bytes, this.#addressed(remote));
    } catch (error) {
      throw udpError(remote, error);
    }
  }

  // A send reports the error of an earlier one instead of sending: that is told to those concerned, and sending repeated.
  async #sendOver(socket: Socket, remote: Endpoint, bytes: Buffer): Promise<void> {
    try {
      await sendUdp(socket, bytes);
    } catch (error) {
      if (systemCode(error) !== 'ECONNREFUSED') throw error;
      this.#unreachable(remote, error);
      await sendUdp(socket, bytes);
    }
  }

  /** A dual-stack socket knows IPv4 addresses as mapped ones. */
  #addressed(remote: Endpoint): Endpoint {
    const mapped = isIPv4(remote.host) && familyOf(this.#local.host) === 6;
    return mapped ? { host: `::ffff:${remote.host}`, port: remote.port } : remote;
  }

  async #openPeer(remote: Endpoint): Promise<Socket> {
    const wildcard = familyOf(remote.host) === 6 ? '::' : '0.0.0.0';
    const host = isWildcard(this.#local.host) ? wildcard : this.#local.host;
    const socket = await bindUdp({ host, port: this.#local.port }, { shared: true, ipv6Only: true });
    socket.on('message', (bytes, from) => this.#receive(bytes, from));
    socket.on('error', (error) => this.#unreachable(remote, error));
    try {
      await connectUdp(socket, remote);
    } catch (error) {
      await closeUdp(socket);
      throw error;
    }
    return socket;
  }

  #unreachable(remote: Endpoint, cause: unknown): void {
    this.#parts.counters.add('sip_unreachable_total');
    this.#flows.get(keyOf(remote))?.onUnreachable.emit(udpError(remote, cause));
  }

  #receive(bytes: Buffer, from: RemoteInfo): void {
    if (!this.#open) return;
    const remote = { host: plainAddress(from.address), port: from.port };
    this.#parts.datagram(this.flow(remote), bytes);
  }

  #forgetOne(except: string): void {
    for (const [key, flow] of this.#flows) {
      if (key === except || flow.isKept) continue;
      this.#flows.delete(key);
      return;
    }
  }

  #expire(key: string): Timer {
    // Closing a socket cannot fail in a way that matters.
    return this.#parts.clock.after(toMilliseconds(PEER_LIFE), () => void this.#dropPeer(key));
  }

  #refresh(key: string, peer: Peer): void {
    peer.expiry.cancel();
    peer.expiry = this.#expire(key);
    // Youngest last.
    this.#peers.delete(key);
    this.#peers.set(key, peer);
  }

  #dropOldestPeer(except: string): void {
    const [oldest] = this.#peers.keys();
    if (oldest !== undefined && oldest !== except) void this.#dropPeer(oldest);
  }

  async #dropPeer(key: string): Promise<void> {
    const peer = this.#peers.get(key);
    this.#peers.delete(key);
    peer?.expiry.cancel();
    const socket = await peer?.socket.catch(() => undefined);
    if (socket) await closeUdp(socket);
  }
}

/** A pair of UDP addresses. Sends no datagram by itself and holds nothing. */
export class UdpFlow extends BaseFlow {
  readonly #port: UdpPort;

  constructor(port: UdpPort, parts: FlowParts) {
    super(parts);
    this.#port = port;
  }

  async prepare(): Promise<void> {
    this.local = await this.#port.connect(this.remote);
  }

  async write(bytes: Buffer): Promise<void> {
    await this.#port.write(this.remote, bytes);
  }

  protected release(): void {
    this.#port.forget(this);
  }
}

const keyOf = (remote: Endpoint): string => `${canonicalAddress(remote.host)} ${remote.port}`;

const SENTENCES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nobody listens at the address that was asked.',
  EMSGSIZE: 'The message is too large for UDP.',
};

function udpError(remote: Endpoint, cause: unknown): TandemError {
  const code = systemCode(cause) ?? describe(cause);
  const id = code === 'EMSGSIZE' ? 'transport.too-large' : 'transport.unreachable';
  const sentence = SENTENCES[code] ?? 'The network has no way to the address that was asked.';
  return new TandemError('network', id, sentence, {
    cause,
    detail: { remote: formatEndpoint(remote), code },
  });
}
