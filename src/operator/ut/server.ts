// TS 24.623 5.3.2: the XCAP server of the operator on its own address, over HTTP or HTTPS, behind digest.
import {
  createServer as createPlain,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { Clock } from '#src/base/clock.ts';
import { webAddress } from '#src/base/config/rules.ts';
import { describe } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import { MOST_OCTETS } from '#src/services/ut/vocabulary.ts';
import type { TlsSettings } from '#src/sip/transport/tls.ts';
import { listenError } from '#src/web/errors.ts';
import type { Accounts } from '../accounts.ts';
import { answerXcap, type XcapAnswer } from './answer.ts';
import { HttpDigestServer } from './digest.ts';
import type { Documents } from './documents.ts';

export interface UtServerOptions {
  readonly listen: string;
  /** Of the SIP addresses; undefined: plain HTTP. */
  readonly tls: TlsSettings | undefined;
  readonly accounts: Accounts;
  readonly documents: Documents;
  readonly algorithms: () => readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const REQUEST_TIMEOUT_MS = 30_000;

export class UtServer {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** Throws TandemError `web.listen`. */
  static async start(options: UtServerOptions): Promise<UtServer> {
    const { listen, tls, accounts, log } = options;
    const digest = new HttpDigestServer({
      ...options,
      realm: accounts.domain,
      account: (name) => accounts.byUserName(name),
    });
    const take = (request: IncomingMessage, response: ServerResponse): void => {
      serve(request, response, digest, options).catch((error: unknown) => {
        log.error({ err: error }, 'operator: a Ut request failed');
        if (!response.headersSent) response.writeHead(500);
        response.end();
      });
    };
    const { host, port } = webAddress(listen);
    const server = tls ? createSecure({ cert: tls.certificate, key: tls.key }, take) : createPlain(take);
    server.requestTimeout = REQUEST_TIMEOUT_MS;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(listenError(listen, error)));
      server.listen(port, host, resolve);
    });
    server.on('error', (error) => log.warn({ reason: describe(error) }, 'operator: Ut'));
    const given = server.address();
    const actual = typeof given === 'object' && given ? given.port : port;
    const name = host.includes(':') ? `[${host}]` : host;
    return new UtServer(server, `${tls ? 'https' : 'http'}://${name}:${actual}`);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  digest: HttpDigestServer,
  { accounts, documents, log }: UtServerOptions,
): Promise<void> {
  const body = await bodyOf(request);
  if (!body) {
    response.writeHead(413, { connection: 'close' });
    response.end();
    return;
  }
  const { method = '', url: path = '', headers } = request;
  const verdict = digest.judge({ authorization: headers.authorization, method, path, body });
  if (!verdict.account) {
    response.writeHead(401, { 'www-authenticate': [...verdict.challenges] });
    response.end();
    return;
  }
  const asked = {
    ...{ method, path, body },
    type: headers['content-type'],
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
  };
  const answer: XcapAnswer = answerXcap(asked, verdict.account, documents);
  log.debug({ method, path, status: answer.status, realm: accounts.domain }, 'operator: Ut');
  response.writeHead(answer.status, { ...answer.headers, 'authentication-info': verdict.info });
  response.end(answer.body);
}

/** Undefined when there is more than a document can be. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let octets = 0;
  for await (const part of request) {
    // A server's request gives buffers as long as nobody asks for text.
    const bytes = part as Buffer;
    octets += bytes.length;
    if (octets > MOST_OCTETS) return undefined;
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}
