// Real sockets on loopback: transports that are closed at the end, raw peers, certificates.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { SystemClock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import type { Signal } from '#src/base/events.ts';
import { silentLogger } from '#src/base/log.ts';
import { SystemRandom } from '#src/base/random.ts';
import { type SipMessage, SipRequest } from '#src/sip/message/message.ts';
import {
  type ListenAddress,
  parseListen,
  type Target,
  type TransportName,
} from '#src/sip/transport/address.ts';
import { type CertificateRequest, type Issuer, makeCertificate } from '#src/sip/transport/certificate.ts';
import { SipTransport, type SipTransportOptions } from '#src/sip/transport/sip-transport.ts';

export function listen(text: string): ListenAddress {
  const parsed = parseListen(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const open: { stop(): Promise<void> }[] = [];
const raw: (Socket | UdpSocket)[] = [];

/** A started transport; `closeAll` stops it. */
export async function started(
  addresses: readonly string[],
  options: Partial<SipTransportOptions> = {},
): Promise<SipTransport> {
  const transport = new SipTransport({
    clock: new SystemClock(),
    random: new SystemRandom(),
    log: silentLogger(),
    listen: addresses.map(listen),
    ...options,
  });
  open.push(transport);
  await transport.start();
  return transport;
}

export async function closeAll(): Promise<void> {
  for (const socket of raw.splice(0)) {
    if ('destroy' in socket) socket.destroy();
    else socket.close();
  }
  await Promise.all(open.splice(0).map((each) => each.stop()));
}

/** Where a transport listens, as a target. */
export function targetOf(transport: SipTransport, name: TransportName, host?: string): Target {
  const at = transport.listening.find(
    (each) => each.transport === name && (host === undefined || each.host === host),
  );
  if (!at) throw new Error(`not listening on ${name}`);
  return { transport: name, host: at.host, port: at.port };
}

/** Narrows; anything but a request fails the test. */
export function asRequest(message: SipMessage): SipRequest {
  if (message instanceof SipRequest) return message;
  throw new Error('a response came where a request should');
}

/** The error of something that must fail. */
export async function failure(attempt: Promise<unknown>): Promise<TandemError> {
  const outcome = await attempt.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof TandemError) return outcome;
  throw outcome ?? new Error('it did not fail');
}

/** The next value of a signal that fits. */
export function next<Value>(
  signal: Signal<Value>,
  fits: (value: Value) => boolean = () => true,
): Promise<Value> {
  return new Promise((resolve) => {
    const off = signal.on((value) => {
      if (!fits(value)) return;
      off();
      resolve(value);
    });
  });
}

export interface RawStream {
  readonly socket: Socket;
  /** Everything received so far, once `pattern` is in it or the far end closed. */
  until(pattern: RegExp): Promise<string>;
  readonly closed: Promise<unknown>;
}

export async function rawTcp(target: Target): Promise<RawStream> {
  const socket = connect(target.port, target.host);
  raw.push(socket);
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  const closed = once(socket, 'close').catch(() => undefined);
  await once(socket, 'connect');
  const until = async (pattern: RegExp): Promise<string> => {
    while (!pattern.test(text) && !socket.destroyed) {
      await Promise.race([once(socket, 'data').catch(() => undefined), closed]);
    }
    return text;
  };
  return { socket, until, closed };
}

export async function rawUdp(host = '127.0.0.1'): Promise<UdpSocket> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  raw.push(socket);
  await new Promise<void>((resolve) => socket.bind(0, host, resolve));
  return socket;
}

export async function datagram(socket: UdpSocket): Promise<{ bytes: Buffer; port: number }> {
  const [bytes, from] = await once(socket, 'message');
  return { bytes, port: from.port };
}

/** A port where nobody listens. */
export async function deadPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

export const authority = (): Issuer =>
  makeCertificate({ commonName: 'Test authority', authority: true, now: new Date() });

export const issued = (
  issuer: Issuer,
  names: readonly string[],
  more: Partial<CertificateRequest> = {},
): Issuer => makeCertificate({ commonName: 'server', names, issuer, now: new Date(), ...more });
