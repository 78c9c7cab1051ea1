// Opening one TCP or TLS connection, in bounded time.
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Clock } from '#src/base/clock.ts';
import { describe, systemCode, TandemError } from '#src/base/errors.ts';
import { type Seconds, toMilliseconds } from '#src/base/units.ts';
import { formatEndpoint, type Target } from './address.ts';
import { clientOptions, type TlsSettings, tlsError } from './tls.ts';

/** Resolves when `event` comes, rejects on an error, a close, or after `limit`; the socket is destroyed then. */
function awaitEvent(socket: Socket, event: string, clock: Clock, limit: Seconds): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      timer.cancel();
      socket.off(event, onEvent).off('error', settle).off('close', onClose);
      if (error) {
        // A late error of a socket given up has nobody to tell.
        socket.on('error', () => undefined).destroy();
        reject(error);
      } else resolve();
    };
    const onEvent = (): void => settle();
    const onClose = (): void => settle(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    const onTime = (): void => settle(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }));
    const timer = clock.after(toMilliseconds(limit), onTime);
    socket.once(event, onEvent).once('error', settle).once('close', onClose);
  });
}

/** Rejects with TandemError `transport.connect`, detail `{remote, code}`. */
export async function dialTcp(
  target: Target,
  localAddress: string | undefined,
  clock: Clock,
  limit: Seconds,
): Promise<Socket> {
  const { host, port } = target;
  const socket = connectTcp({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });
  try {
    await awaitEvent(socket, 'connect', clock, limit);
    return socket;
  } catch (error) {
    const detail = { remote: formatEndpoint(target), code: systemCode(error) ?? describe(error) };
    const sentence = `No connection to ${formatEndpoint(target)} could be made.`;
    throw new TandemError('network', 'transport.connect', sentence, { cause: error, detail });
  }
}

/** The handshake over a connection. Rejects with TandemError `transport.tls`. */
export async function shakeHands(
  tcp: Socket,
  target: Target,
  settings: TlsSettings,
  session: Buffer | undefined,
  clock: Clock,
  limit: Seconds,
): Promise<TLSSocket> {
  try {
    const socket = connectTls({ ...clientOptions(target, settings, session), socket: tcp });
    await awaitEvent(socket, 'secureConnect', clock, limit);
    return socket;
  } catch (error) {
    tcp.destroy();
    throw tlsError(target, error);
  }
}
