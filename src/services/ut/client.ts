// RFC 4825 7, 8, TS 24.623 5.3.1: an XCAP client for one document: read it, write a part of it when it is still as it was read.
import type { TandemError } from '#src/base/errors.ts';
import type { Random } from '#src/base/random.ts';
import { type HttpCredentials, HttpDigest } from './digest.ts';
import { utError } from './errors.ts';
import { firstHeader, type HttpExchange, type HttpRequest, type HttpResponse } from './http.ts';
import type { Write } from './write.ts';
import { readXcapError } from './xcap-error.ts';

export interface XcapPlace {
  /** URL of the document. */
  readonly document: string;
  /** X-3GPP-Intended-Identity (24.109 4.4): whose document this is about. */
  readonly identity?: string;
}

export interface XcapSettings {
  readonly exchange: HttpExchange;
  readonly random: Random;
  /** Asked for each time: whose document it is may become known by the registration. */
  readonly place: () => XcapPlace;
  readonly credentials: HttpCredentials | undefined;
  readonly userAgent?: string;
}

export interface ReadDocument {
  readonly body: Buffer;
  /** Undefined: the server does not tell versions apart. */
  readonly etag: string | undefined;
}

/** `changed`: somebody else wrote meanwhile (412). */
export type WriteOutcome = 'written' | 'changed';

/** One, and another when it says that only the nonce was stale (RFC 7616 3.3). */
const MOST_CHALLENGES = 2;

export class XcapClient {
  readonly #settings: XcapSettings;
  readonly #digest: HttpDigest | undefined;

  constructor(settings: XcapSettings) {
    this.#settings = settings;
    this.#digest = settings.credentials && new HttpDigest(settings.credentials, settings.random);
  }

  /** The whole document, or the node behind it. Throws TandemError `ut.…`. */
  async read(node = ''): Promise<ReadDocument> {
    const response = await this.#ask({ method: 'GET', node, headers: {} });
    if (response.status !== 200) throw this.#refusal(response, 'read');
    return { body: response.body, etag: firstHeader(response, 'etag') };
  }

  /** Only onto the version that was read. Throws TandemError `ut.…`; then nothing was written as far as the server says. */
  async write({ method, node, type, body }: Write, etag: string | undefined): Promise<WriteOutcome> {
    const response = await this.#ask({
      method,
      node,
      headers: {
        ...(type === undefined ? {} : { 'content-type': type }),
        ...(etag === undefined ? {} : { 'if-match': etag }),
      },
      ...(body === undefined ? {} : { body: Buffer.from(body, 'utf8') }),
    });
    if (response.status === 412) return 'changed';
    // RFC 4825 7.10: what another client deleted is gone as it should be.
    if (response.status === 404 && method === 'DELETE') return 'written';
    if (response.status < 200 || response.status > 299) throw this.#refusal(response, 'write');
    return 'written';
  }

  async #ask({ node, ...rest }: Omit<HttpRequest, 'url'> & { readonly node: string }): Promise<HttpResponse> {
    const { exchange, place, userAgent } = this.#settings;
    const { document, identity } = place();
    const request: HttpRequest = { ...rest, url: document + node };
    const common = {
      ...(identity === undefined
        ? {}
        : { 'x-3gpp-intended-identity': `"${identity.replace(/["\\\r\n]/g, '')}"` }),
      ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
    };
    for (let challenges = 0; ; challenges += 1) {
      const authorization = this.#digest?.authorize(request) ?? {};
      const asked = { ...request, headers: { ...common, ...request.headers, ...authorization } };
      const response = await exchange(asked);
      if (response.status !== 401) {
        if (this.#digest?.trusts(response) === false)
          throw utError('unauthorized', 'The server for your services does not know your password itself.');
        return response;
      }
      const challenge = this.#digest?.challenged(response) ?? 'unknown';
      const useful = challenge === 'stale' || (challenge === 'fresh' && challenges === 0);
      if (challenges >= MOST_CHALLENGES || !useful) return response;
    }
  }

  #refusal(response: HttpResponse, doing: 'read' | 'write'): TandemError {
    const { status } = response;
    const detail = { status };
    switch (status) {
      case 401:
        return utError(
          'unauthorized',
          'The server for your services does not take the user name or the password.',
          { detail },
        );
      case 403:
        return utError('forbidden', 'Your operator does not let you change your services from here.', {
          detail,
        });
      case 404:
        return doing === 'read'
          ? utError('absent', 'Your operator has set up no services for you here.', { detail })
          : utError('not-provisioned', 'Your operator has not set up this service for you.', { detail });
      case 409: {
        const { name, phrase, words } = readXcapError(response.body);
        const quoted = phrase === undefined ? '' : ` It says: ${phrase}`;
        return utError('conflict', `The operator's server refuses the change: ${words}.${quoted}`, {
          detail: {
            status,
            ...(name === undefined ? {} : { reason: name }),
            ...(phrase === undefined ? {} : { phrase }),
          },
        });
      }
      default:
        return utError('refused', `The server for your services answers ${status}.`, { detail });
    }
  }
}
