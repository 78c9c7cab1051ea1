// The UDP socket to rtpengine.
import { createSocket } from 'node:dgram';
import { describe, TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import type { NgSocket } from './ng-client.ts';

/** `udp:HOST:PORT`, the host a literal. Throws TandemError `config.invalid`. */
export function openNgSocket(address: string, log: Logger): NgSocket {
  const [, bracketed, plain, port] = /^udp:(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address) ?? [];
  const host = bracketed ?? plain;
  if (!host || !port)
    throw new TandemError('caller', 'config.invalid', `edge.rtpengine: "${address}" is no address.`);
  const socket = createSocket(bracketed ? 'udp6' : 'udp4');
  const onMessage = new Signal<Buffer>();
  socket.on('message', (message, from) => {
    if (from.port === Number(port)) onMessage.emit(message);
  });
  socket.on('error', (error) => log.warn({ reason: describe(error) }, 'edge: the socket to rtpengine'));
  let open = true;
  return {
    onMessage,
    send: (message) => {
      if (!open) return;
      socket.send(message, Number(port), host, (error) => {
        if (error) log.info({ reason: describe(error) }, 'edge: rtpengine cannot be reached');
      });
    },
    close: () => {
      if (open) socket.close();
      open = false;
    },
  };
}
