// What every request must pass before a route sees it: the right host, somebody who may, and no stranger's page behind it.
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError, unauthorized } from '../errors.ts';
import type { Sessions } from './session.ts';

/** The page sends it with every change; a form or a link of a stranger's page cannot. */
export const PAGE_HEADER = 'x-tandem-page';

/** OWASP secure headers; the page brings everything it needs from here. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; media-src blob:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'cache-control': 'no-store',
};

const SAFE_METHODS = new Set(['GET', 'HEAD']);

/** Cookies of one host are shared by its ports, so the name holds the port. */
export const cookieName = (port: number): string => `tandem_${port}`;

export class Guard {
  readonly #sessions: Sessions;
  readonly #names: ReadonlySet<string>;

  constructor(sessions: Sessions, listenHost: string) {
    this.#sessions = sessions;
    const own = hostname().toLowerCase();
    this.#names = new Set(['localhost', own, `${own}.local`, listenHost.toLowerCase()]);
  }

  /** Throws 421 for a name that is not ours: a page of that name must not reach us by DNS rebinding. */
  checkHost(request: FastifyRequest): void {
    const host = hostOf(request.headers.host);
    if (host !== undefined && (isIP(host) > 0 || this.#names.has(host))) return;
    throw new HttpError(421, 'host', 'This server does not answer under that name.');
  }

  /** Throws 401 without token or session, 403 when a session's change does not come from our own page. */
  checkCaller(request: FastifyRequest): void {
    if (this.#sessions.bears(request.headers.authorization)) return;
    if (!this.#sessions.knows(sessionCookie(request))) throw unauthorized();
    if (!SAFE_METHODS.has(request.method) && !fromOwnPage(request))
      throw new HttpError(403, 'origin', 'A change must come from the page itself.');
  }
}

/** The host name of a Host header without its port, in lower case and without brackets. */
function hostOf(header: string | undefined): string | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

export function sessionCookie(request: FastifyRequest): string | undefined {
  const name = cookieName(request.socket.localPort ?? 0);
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='));
  return pairs.find(([key]) => key === name)?.[1];
}

const fromOwnPage = ({ headers }: FastifyRequest): boolean =>
  headers[PAGE_HEADER] !== undefined && headers.origin === `http://${headers.host}`;

export function setSecurityHeaders(reply: FastifyReply): void {
  void reply.headers(SECURITY_HEADERS);
}
