// RFC 3261 18 and RFC 5626: the TCP and TLS connections, ours and those of peers, within their limits.
import { createServer as createTcpServer, isIP, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import { Milliseconds } from '#src/base/units.ts';
import { canonicalAddress, type Endpoint, type ListenAddress, plainAddress, type Target } from './address.ts';
import type { FlowParts } from './base-flow.ts';
import { makeSelfSigned } from './certificate.ts';
import { dialTcp, shakeHands } from './dial.ts';
import type { TransportSettings } from './settings.ts';
import { LINGER, StreamFlow, type StreamSinks } from './stream-flow.ts';
import { SessionStore, serverOptions, type TlsSettings } from './tls.ts';

export interface ConnectionsParts extends Omit<FlowParts, 'transport' | 'local' | 'remote' | 'serverName'> {
  readonly settings: TransportSettings;
  readonly tls: TlsSettings;
  readonly sinks: StreamSinks;
  readonly log: Logger;
}

interface Identity {
  readonly certificate: string;
  readonly key: string;
}

export class Connections {
  readonly onFlow = new Signal<StreamFlow>();
  readonly #parts: ConnectionsParts;
  readonly #sessions: SessionStore;
  readonly #servers: Server[] = [];
  readonly #flows = new Set<StreamFlow>();
  /** Connections that a target may be sent over: those we opened, and TCP ones of peers by their address. */
  readonly #byTarget = new Map<string, StreamFlow>();
  readonly #connecting = new Map<string, Promise<StreamFlow>>();
  /** Sockets of peers, also those whose handshake is not over. */
  readonly #accepted = new Set<Socket>();
  #identity: Identity | undefined;
  #open = true;

  constructor(parts: ConnectionsParts) {
    this.#parts = parts;
    this.#sessions = new SessionStore(parts.clock);
  }

  /** Listens; returns the port. Rejects with Node's system error. */
  async listen(at: ListenAddress, ipv6Only: boolean): Promise<number> {
    const server = at.transport === 'tls' ? this.#tlsServer() : createTcpServer();
    server.on('connection', (socket) => this.#admit(socket));
    server.on(at.transport === 'tls' ? 'secureConnection' : 'connection', (socket: Socket) => {
      if (!socket.destroyed) this.#accept(socket, at.transport);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: at.host, port: at.port, ipv6Only, exclusive: true }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#servers.push(server);
    // Accepting failed (no file handle left): the peer sees a reset and tries again.
    server.on('error', (error) => this.#parts.log.warn({ err: error }, 'a connection could not be accepted'));
    const address = server.address();
    return typeof address === 'object' && address ? address.port : at.port;
  }

  async open(target: Target, fresh: boolean, localAddress: string | undefined): Promise<StreamFlow> {
    const key = keyOf(target);
    const known = this.#byTarget.get(key);
    if (known?.alive && !fresh) return known;
    const underWay = fresh ? undefined : this.#connecting.get(key);
    if (underWay) return await underWay;
    const attempt = this.#connect(target, localAddress);
    this.#connecting.set(key, attempt);
    try {
      return await attempt;
    } finally {
      if (this.#connecting.get(key) === attempt) this.#connecting.delete(key);
    }
  }

  async close(): Promise<void> {
    this.#open = false;
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const flow of [...this.#flows]) flow.close();
    await Promise.allSettled(this.#connecting.values());
    // Flows end by themselves within that time; what is left is in a handshake that nobody waits for.
    const { clock } = this.#parts;
    const cut = clock.after(Milliseconds(2 * LINGER), () => {
      for (const socket of this.#accepted) socket.destroy();
    });
    await Promise.all(closed);
    cut.cancel();
  }

  async #connect(target: Target, localAddress: string | undefined): Promise<StreamFlow> {
    const { clock, settings, counters, tls } = this.#parts;
    const key = keyOf(target);
    let socket: Socket;
    try {
      socket = await dialTcp(target, localAddress, clock, settings.connectTimeout);
    } catch (error) {
      counters.add('sip_connects_failed_total');
      throw error;
    }
    if (target.transport === 'tls') {
      try {
        const session = this.#sessions.find(key);
        const secure = await shakeHands(socket, target, tls, session, clock, settings.handshakeTimeout);
        if (secure.isSessionReused()) counters.add('sip_tls_resumed_total');
        const kept = secure.getSession();
        if (kept) this.#sessions.keep(key, kept);
        secure.on('session', (fresh) => this.#sessions.keep(key, fresh));
        socket = secure;
      } catch (error) {
        counters.add('sip_tls_failures_total');
        throw error;
      }
    }
    counters.add('sip_connections_opened_total');
    const flow = this.#flowOf(socket, target, target.transport, false, target.serverName);
    this.#byTarget.set(key, flow);
    return flow;
  }

  /** Limits are kept before a handshake costs anything. */
  #admit(socket: Socket): void {
    const { settings, counters } = this.#parts;
    const from = socket.remoteAddress;
    const same = [...this.#accepted].filter((each) => each.remoteAddress === from).length;
    if (
      !this.#open ||
      from === undefined ||
      this.#accepted.size >= settings.maxConnections ||
      same >= settings.maxConnectionsPerAddress
    ) {
      counters.add('sip_connections_refused_total');
      socket.destroy();
      return;
    }
    this.#accepted.add(socket);
    socket.once('close', () => this.#accepted.delete(socket));
    // Before there is a flow that listens; without a listener Node would throw it.
    socket.on('error', () => undefined);
  }

  #accept(socket: Socket, transport: 'tcp' | 'tls' | 'udp'): void {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) return void socket.destroy();
    this.#parts.counters.add('sip_connections_accepted_total');
    const remote = { host: plainAddress(remoteAddress), port: remotePort };
    const flow = this.#flowOf(socket, remote, transport, true);
    // RFC 5923 5: without the peer's name proven, only its TCP connections serve requests to its address.
    if (transport === 'tcp') this.#byTarget.set(keyOf({ transport, ...remote }), flow);
  }

  #flowOf(
    socket: Socket,
    remote: Endpoint,
    transport: Target['transport'],
    accepted: boolean,
    serverName?: string,
  ): StreamFlow {
    const { clock, random, counters, settings, sinks } = this.#parts;
    const local = { host: plainAddress(socket.localAddress ?? ''), port: socket.localPort ?? 0 };
    const flow = new StreamFlow(socket, {
      ...{ clock, random, counters, settings, sinks, accepted, transport, local, serverName },
      remote: { host: canonicalAddress(remote.host), port: remote.port },
    });
    this.#flows.add(flow);
    flow.onClose.on(() => this.#forget(flow));
    if (this.#open) this.onFlow.emit(flow);
    else flow.close();
    return flow;
  }

  #forget(flow: StreamFlow): void {
    this.#flows.delete(flow);
    for (const [key, each] of this.#byTarget) if (each === flow) this.#byTarget.delete(key);
  }

  #tlsServer(): Server {
    const { settings, counters, tls, log, clock } = this.#parts;
    const { certificate, key } = tls;
    this.#identity ??=
      certificate !== undefined && key !== undefined ? { certificate, key } : makeSelfSigned(clock.date());
    const server = createTlsServer(serverOptions(this.#identity, settings.handshakeTimeout));
    server.on('tlsClientError', (error, socket) => {
      counters.add('sip_tls_failures_total');
      log.debug({ err: error }, 'a peer failed in the TLS handshake');
      socket.destroy();
    });
    return server;
  }
}

/** The name belongs to it: what was proven for one name is not good for another. */
function keyOf(target: Target): string {
  const host = isIP(target.host) ? canonicalAddress(target.host) : target.host;
  return [target.transport, host, target.port, target.serverName?.toLowerCase() ?? ''].join(' ');
}
