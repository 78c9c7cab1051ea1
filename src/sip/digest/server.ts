// RFC 3261 22.4, RFC 7616 3.3 to 3.5: the side that asks, for the test operator.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#src/base/clock.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { toOctets } from '#src/sip/message/octets.ts';
import { parseUri, type Uri, uriEquals } from '#src/sip/message/uri.ts';
import { type DigestAlgorithm, digestAlgorithm } from './algorithms.ts';
import { credentialHash, digestResponse, sessionKey } from './compute.ts';
import { type AuthField, type AuthParam, formatAuthParams, parseAuthFields } from './fields.ts';
import { AUTH_HEADERS, type Kind } from './space.ts';

export interface DigestServerOptions {
  readonly realm: string;
  /** The password of a user, undefined for an unknown one. */
  readonly password: (username: string) => string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** In order of preference, one challenge each; default `['SHA-256', 'MD5']`. */
  readonly algorithms?: readonly string[];
  /** Empty: challenges without qop, as RFC 2069 had them. Default `['auth']`. */
  readonly qop?: readonly ('auth' | 'auth-int')[];
  /** How long a nonce may be used; default 300 s. */
  readonly lifetime?: Seconds;
  /** Whether the `uri` of the credentials is that of the request (RFC 7616 3.4.6); default: as RFC 3261 19.1.4 compares. */
  readonly sameUri?: (uri: Uri, request: SipRequest) => boolean;
}

/**
 * `ok`: `info` gives the Authentication-Info for the answer. `missing`: no credentials yet; `username` when the first
 * REGISTER announced one. `stale`: right, but the nonce is old or its count was used: ask again with `stale`.
 */
export type Verdict =
  | {
      readonly outcome: 'ok';
      readonly username: string;
      readonly info: (options?: { body?: Buffer; nextNonce?: boolean }) => [name: string, value: string];
    }
  | { readonly outcome: 'missing'; readonly username?: string }
  | { readonly outcome: 'stale'; readonly username: string }
  | { readonly outcome: 'rejected'; readonly reason: 'user' | 'password' | 'uri' | 'nonce' | 'algorithm' };

const DEFAULT_LIFETIME = Seconds(300);
/** Counts that may arrive out of order. */
const REPLAY_WINDOW = 64;
/** Nonces in use that are remembered; an older one is stale. */
const MAX_NONCES = 10_000;

interface Use {
  /** Of a `-sess` algorithm whose session goes on under this nonce. */
  key?: string;
  highest: number;
  readonly seen: Set<number>;
}

export class DigestServer {
  readonly #options: DigestServerOptions;
  readonly #secret: Buffer;
  readonly #uses = new Map<string, Use>();

  constructor(options: DigestServerOptions) {
    this.#options = options;
    this.#secret = options.random.bytes(32);
  }

  /** The header fields of a 401 (`www`) or 407 (`proxy`), strongest first. */
  challenge(kind: Kind, options: { readonly stale?: boolean } = {}): [name: string, value: string][] {
    const { realm, qop = ['auth'], algorithms = ['SHA-256', 'MD5'] } = this.#options;
    const nonce = this.#newNonce();
    return algorithms.map((name) => {
      const params: AuthParam[] = [
        { name: 'realm', value: toOctets(realm) },
        { name: 'nonce', value: nonce },
        { name: 'algorithm', value: name, bare: true },
      ];
      if (qop.length > 0) params.push({ name: 'qop', value: qop.join(',') });
      if (options.stale) params.push({ name: 'stale', value: 'true', bare: true });
      return [AUTH_HEADERS[kind].challenge, `Digest ${formatAuthParams(params)}`];
    });
  }

  verify(request: SipRequest, kind: Kind): Verdict {
    const realm = toOctets(this.#options.realm);
    const fields = parseAuthFields(request.headers.getAll(AUTH_HEADERS[kind].credentials));
    const field = fields.find(
      ({ scheme, params }) => scheme.toLowerCase() === 'digest' && params.get('realm') === realm,
    );
    const username = field?.params.get('username');
    if (!field || username === undefined) return { outcome: 'missing' };
    if (!field.params.get('response')) return { outcome: 'missing', username };
    return this.#judge(request, kind, field, username);
  }

  #judge(request: SipRequest, kind: Kind, { params }: AuthField, username: string): Verdict {
    const { algorithms = ['SHA-256', 'MD5'], qop: offered = ['auth'] } = this.#options;
    const algorithm = digestAlgorithm(params.get('algorithm'));
    if (!algorithm || !algorithms.some((name) => digestAlgorithm(name) === algorithm)) {
      return { outcome: 'rejected', reason: 'algorithm' };
    }
    const password = this.#options.password(username);
    if (password === undefined) return { outcome: 'rejected', reason: 'user' };
    const uri = params.get('uri') ?? '';
    if (!this.#isUriOf(uri, request)) return { outcome: 'rejected', reason: 'uri' };
    const nonce = params.get('nonce') ?? '';
    const age = this.#judgeNonce(nonce);
    if (age === 'foreign') return { outcome: 'rejected', reason: 'nonce' };
    const qop = offered.find((value) => value === params.get('qop')?.toLowerCase());
    if (offered.length > 0 && !qop) return { outcome: 'rejected', reason: 'password' };
    const [nc, cnonce] = [params.get('nc') ?? '', params.get('cnonce') ?? ''];
    const ha1 = this.#key(algorithm, username, password, nonce, cnonce);
    const input = { algorithm, ha1, uri, nonce, qop, nc, cnonce };
    const wanted = digestResponse({ ...input, method: request.method, body: request.body });
    if (!sameText(wanted, params.get('response')?.toLowerCase() ?? '')) {
      return { outcome: 'rejected', reason: 'password' };
    }
    if (age === 'old' || (qop && !this.#count(nonce, nc))) return { outcome: 'stale', username };
    const info = (options: { body?: Buffer; nextNonce?: boolean } = {}): [string, string] => {
      const rspauth = digestResponse({ ...input, method: '', body: options.body });
      const fields: AuthParam[] = [];
      if (options.nextNonce) {
        const next = this.#newNonce();
        // RFC 7616 3.4.2: the key of a session is made once, from the first nonce.
        if (algorithm.session) this.#use(next).key = ha1;
        fields.push({ name: 'nextnonce', value: next });
      }
      if (qop) fields.push({ name: 'qop', value: qop, bare: true });
      fields.push({ name: 'rspauth', value: rspauth });
      if (qop) fields.push({ name: 'cnonce', value: cnonce }, { name: 'nc', value: nc, bare: true });
      return [AUTH_HEADERS[kind].info, formatAuthParams(fields)];
    };
    return { outcome: 'ok', username, info };
  }

  #isUriOf(text: string, request: SipRequest): boolean {
    const uri = parseUri(text);
    const { sameUri = (one, { requestUri }) => uriEquals(one, requestUri) } = this.#options;
    return uri.ok && sameUri(uri.value, request);
  }

  #key(algorithm: DigestAlgorithm, user: string, password: string, nonce: string, cnonce: string): string {
    const kept = algorithm.session ? this.#uses.get(nonce)?.key : undefined;
    if (kept !== undefined) return kept;
    const hash = credentialHash(algorithm, user, toOctets(this.#options.realm), toOctets(password));
    return sessionKey(algorithm, hash, nonce, cnonce);
  }

  /** Its time of expiry is in it, signed, so that a flood of challenges costs no memory. */
  #newNonce(): string {
    const { clock, random, lifetime = DEFAULT_LIFETIME } = this.#options;
    const expires = Math.round(clock.now() + toMilliseconds(lifetime)).toString(36);
    const text = `${expires}.${randomToken(random)}`;
    return `${text}.${this.#sign(text)}`;
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('hex').slice(0, 32);
  }

  #judgeNonce(nonce: string): 'fresh' | 'old' | 'foreign' {
    const [expires = '', salt = '', sign = ''] = nonce.split('.');
    if (!sameText(this.#sign(`${expires}.${salt}`), sign)) return 'foreign';
    return Number.parseInt(expires, 36) > this.#options.clock.now() ? 'fresh' : 'old';
  }

  /** False when this count was used before. */
  #count(nonce: string, nc: string): boolean {
    if (!/^[0-9a-f]{8}$/i.test(nc)) return false;
    const count = Number.parseInt(nc, 16);
    const use = this.#use(nonce);
    if (use.seen.has(count) || count <= use.highest - REPLAY_WINDOW) return false;
    use.seen.add(count);
    use.highest = Math.max(use.highest, count);
    for (const each of use.seen) if (each <= use.highest - REPLAY_WINDOW) use.seen.delete(each);
    return true;
  }

  #use(nonce: string): Use {
    const known = this.#uses.get(nonce);
    if (known) return known;
    const use: Use = { highest: 0, seen: new Set() };
    this.#uses.set(nonce, use);
    const [oldest] = this.#uses.keys();
    if (this.#uses.size > MAX_NONCES && oldest !== undefined) this.#uses.delete(oldest);
    return use;
  }
}

function sameText(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}
