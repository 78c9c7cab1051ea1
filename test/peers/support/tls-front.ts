// TLS for a peer that has none (Debian builds SIPp without): each connection goes on as TCP of its own, octet by octet.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Certificate } from './certificates.ts';

/** A device closes as soon as its last answer is there; a SIPp whose scenario has steps left takes that for a failure. */
const LINGER_MS = 500;

export class TlsFront {
  readonly #server: Server;
  readonly #open = new Set<TLSSocket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(certificate: Certificate, tcpPort: number): Promise<TlsFront> {
    const keys = { cert: readFileSync(certificate.certificate), key: readFileSync(certificate.key) };
    const front = new TlsFront(createServer(keys));
    front.#server.on('secureConnection', (socket) => {
      const inside = connect(tcpPort, '127.0.0.1');
      front.#open.add(socket);
      socket.on('close', () => {
        front.#open.delete(socket);
        setTimeout(() => inside.destroy(), LINGER_MS);
      });
      inside.on('close', () => socket.destroy());
      for (const each of [socket, inside]) each.on('error', () => each.destroy());
      socket.pipe(inside, { end: false });
      inside.pipe(socket);
    });
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
