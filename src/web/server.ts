// The HTTP server: one list of routes, one guard before all of them, one shape of error after all of them.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Clock } from '#src/base/clock.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import { answerFor, badRequest, listenError, notFound } from './errors.ts';
import { EventHub } from './events.ts';
import { describeApi } from './openapi.ts';
import { loadPage, type PageFiles, pageRoutes } from './page.ts';
import type { WebPorts } from './ports.ts';
import { buttonRoutes } from './routes/buttons.ts';
import { callRoutes } from './routes/calls.ts';
import { configRoutes } from './routes/config.ts';
import { demoRoutes } from './routes/demo.ts';
import { laterRoutes } from './routes/later.ts';
import { mediaRoutes } from './routes/media.ts';
import { observeRoutes } from './routes/observe.ts';
import { addAll, type Route } from './routes/route.ts';
import { serviceRoutes } from './routes/services.ts';
import { statusRoutes } from './routes/status.ts';
import { describeUt, utRoutes } from './routes/ut.ts';
import { Guard, SECURITY_HEADERS, setSecurityHeaders } from './security/guard.ts';
import type { Sessions } from './security/session.ts';

export interface WebOptions {
  readonly host: string;
  /** 0 means any. */
  readonly port: number;
  /** Who may speak; its owner closes it. */
  readonly sessions: Sessions;
  readonly ports: WebPorts;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Default: the built page. */
  readonly page?: PageFiles;
}

/** What the API takes is small. */
const BODY_LIMIT = 64 * 1024;
const HEADER_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const MOST_CONNECTIONS = 256;
/** RFC 9110: a malformed request before any route or guard could see it. */
const MALFORMED = JSON.stringify({
  error: { id: 'bad-request', message: 'This is no HTTP request.', detail: {} },
});

/** Serves the API and the page until `stop`. */
export class WebServer {
  readonly #options: WebOptions;
  readonly #sessions: Sessions;
  readonly #hub: EventHub;
  #app: FastifyInstance | undefined;
  #off: (() => void)[] = [];
  #url = '';

  constructor(options: WebOptions) {
    this.#options = options;
    this.#sessions = options.sessions;
    const { ports } = options;
    this.#hub = new EventHub(options.clock, options.random, {
      snapshot: () => [
        { name: 'status', data: ports.status() },
        { name: 'federation-calls', data: ports.federation.list() },
        { name: 'mwi', data: ports.mailbox() },
        ...ports.calls.list().map((data) => ({ name: 'call' as const, data })),
        ...(ports.demo ? [{ name: 'demo' as const, data: ports.demo.phones() }] : []),
      ],
    });
  }

  /** `http://127.0.0.1:8080`, with the port that was given. */
  get url(): string {
    return this.#url;
  }

  /** A link that opens the page once within ten minutes. */
  makeLink(): string {
    return `${this.#url}/open?once=${this.#sessions.makeLink()}`;
  }

  /** Throws TandemError `web.listen` with `{address, code}`. */
  async start(): Promise<void> {
    const { host, port, ports } = this.#options;
    const app = await this.#build();
    try {
      await app.listen({ host, port });
    } catch (error) {
      await app.close();
      const address = `${host}:${port}`;
      throw listenError(address, error);
    }
    this.#app = app;
    const given = app.server.address();
    const name = host.includes(':') ? `[${host}]` : host;
    this.#url = `http://${name}:${typeof given === 'object' && given ? given.port : port}`;
    const { onStatus, onCall, onLog, onConfig, onFederationCalls, onMailbox, onNotice, onServices } =
      ports.events;
    this.#off = [
      onStatus.on((data) => this.#hub.emit('status', data)),
      onCall.on((data) => this.#hub.emit('call', data)),
      onLog.on((data) => this.#hub.emit('log', data)),
      onConfig.on((data) => this.#hub.emit('config', data)),
      onFederationCalls.on((data) => this.#hub.emit('federation-calls', data)),
      onMailbox.on((data) => this.#hub.emit('mwi', data)),
      onNotice.on((data) => this.#hub.emit('notice', data)),
      onServices.on((view) => this.#hub.emit('services', describeUt(view))),
      ...(ports.demo ? [ports.demo.onChange.on((data) => this.#hub.emit('demo', data))] : []),
    ];
  }

  /** Ends every connection. */
  async stop(): Promise<void> {
    for (const off of this.#off) off();
    this.#hub.close();
    await this.#app?.close();
    this.#app = undefined;
  }

  async #build(): Promise<FastifyInstance> {
    const { log, host, ports } = this.#options;
    const guard = new Guard(this.#sessions, host);
    const fail = (error: unknown, reply: FastifyReply): void => {
      const answer = answerFor(error, (defect) => log.error({ err: defect }, 'a request failed'));
      setSecurityHeaders(reply);
      void reply.code(answer.status).headers(answer.headers).type('application/json').send(answer.body);
    };
    const app = fastify({
      ajv: {
        customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: true },
      },
      bodyLimit: BODY_LIMIT,
      forceCloseConnections: true,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // A request without Host is refused by the guard, in words.
      http: { headersTimeout: HEADER_TIMEOUT_MS, requireHostHeader: false },
      routerOptions: { maxParamLength: 1024, querystringParser: readQuery },
      return503OnClosing: false,
      clientErrorHandler: refuseMalformed,
      frameworkErrors: (error, request, reply) => {
        try {
          guard.checkHost(request);
          guard.checkCaller(request);
          fail(error, reply);
        } catch (refused) {
          fail(refused, reply);
        }
      },
    });
    app.server.maxConnections = MOST_CONNECTIONS;
    app.server.on('checkExpectation', refuseExpectation);
    // Nothing is dropped from an answer: the shapes are for openapi.json, the objects are sent as they are.
    app.setSerializerCompiler(() => (data) => JSON.stringify(data));
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, readJson(app));
    app.setErrorHandler((error, _request, reply) => fail(error, reply));
    app.setNotFoundHandler((request) => {
      throw notFound('route', { method: request.method, path: request.url.split('?', 1)[0] });
    });
    app.addHook('onRequest', async (request, reply) => {
      setSecurityHeaders(reply);
      guard.checkHost(request);
      if (!request.routeOptions.config.open) guard.checkCaller(request);
    });
    const context = {
      ports,
      hub: this.#hub,
      log,
      openapi: () => describeApi(routes),
      makeLink: () => this.makeLink(),
    };
    const routes: Route[] = [
      statusRoutes,
      callRoutes,
      mediaRoutes,
      observeRoutes,
      configRoutes,
      serviceRoutes,
      utRoutes,
      buttonRoutes,
      laterRoutes,
      demoRoutes,
    ].flatMap((make) => make(context));
    const page = this.#options.page ?? loadPage();
    app.register(async (scope) =>
      addAll(scope, [
        ...routes,
        ...pageRoutes({ sessions: this.#sessions, page, demo: ports.demo !== undefined }),
      ]),
    );
    await app.ready();
    return app;
  }
}

/** A parameter given twice becomes a list, which no shape takes. */
function readQuery(text: string): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = Object.create(null);
  for (const [key, value] of new URLSearchParams(text)) {
    const before = out[key];
    out[key] = before === undefined ? value : [before, value].flat();
  }
  return out;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** An empty body is `{}`; a shape says whether that will do. */
function readJson(app: FastifyInstance) {
  const parse = app.getDefaultJsonParser('error', 'error');
  return async (request: FastifyRequest, body: Buffer): Promise<unknown> => {
    if (body.length === 0) return {};
    const text = decode(body);
    return new Promise((resolve, reject) => {
      void parse(request, text, (error, value) =>
        error ? reject(badRequest('The body is not JSON.')) : resolve(value),
      );
    });
  };
}

function decode(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw badRequest('The body is not UTF-8.');
  }
}

/** RFC 9110 10.1.1: anything but `100-continue`, which Node answers itself. */
function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const error = { id: 'expectation', message: 'This server cannot do what is expected.', detail: {} };
  const body = JSON.stringify({ error });
  response.writeHead(417, { ...SECURITY_HEADERS, 'content-type': 'application/json', connection: 'close' });
  response.end(body);
}

/** What Node's HTTP parser refused. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const line =
    error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  socket.end(
    `HTTP/1.1 ${line}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(MALFORMED)}\r\nConnection: close\r\n\r\n${MALFORMED}`,
  );
}
