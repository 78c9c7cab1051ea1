// Datagram sockets as promises, and the way a SIP port is taken.
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Endpoint } from './address.ts';

const PORT_ATTEMPTS = 20;

export interface BindOptions {
  /** Leave IPv4 to another socket on the same port. */
  readonly ipv6Only: boolean;
  /** Lets further sockets of ours share the port. */
  readonly shared: boolean;
}

/** Rejects with Node's system error (`EADDRINUSE`). */
export async function bindUdp(at: Endpoint, options: BindOptions): Promise<Socket> {
  const six = isIPv6(at.host);
  const socket = createSocket({
    type: six ? 'udp6' : 'udp4',
    reuseAddr: options.shared,
    ipv6Only: six && options.ipv6Only,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: at.host, port: at.port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  return socket;
}

export const closeUdp = (socket: Socket): Promise<void> => new Promise((resolve) => socket.close(resolve));

/**
 * A socket on a port that is ours alone, which further sockets of ours can share. Linux shares a port among all that
 * ask for it, strangers too; so we ask once without sharing, which fails when anybody is there, and then take it.
 */
export async function claimUdp(at: Endpoint, ipv6Only: boolean): Promise<Socket> {
  for (let attempt = 1; ; attempt += 1) {
    const probe = await bindUdp(at, { ipv6Only, shared: false });
    const { port } = probe.address();
    await closeUdp(probe);
    try {
      return await bindUdp({ host: at.host, port }, { ipv6Only, shared: true });
    } catch (error) {
      // Somebody was quicker; with port 0 another will do.
      if (at.port !== 0 || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** Connects, so that the kernel reports ICMP errors for this peer and tells our address as it sees it. */
export function connectUdp(socket: Socket, to: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    // With a callback Node hands over the error there and nowhere else.
    socket.connect(to.port, to.host, (error?: Error) => (error ? reject(error) : resolve()));
  });
}

export function sendUdp(socket: Socket, bytes: Buffer, to?: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null): void => (error ? reject(error) : resolve());
    if (to) socket.send(bytes, to.port, to.host, done);
    else socket.send(bytes, done);
  });
}
