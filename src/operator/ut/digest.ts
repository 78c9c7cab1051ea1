// RFC 7616, TS 24.623 5.2.3.2.1: the side that asks for HTTP digest, for the accounts of the operator.
import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '#src/base/clock.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import { digestAlgorithm } from '#src/sip/digest/algorithms.ts';
import { credentialHash, digestResponse } from '#src/sip/digest/compute.ts';
import { type AuthField, formatAuthParams, parseAuthFields } from '#src/sip/digest/fields.ts';
import { toOctets } from '#src/sip/message/octets.ts';
import type { Account } from '../accounts.ts';

export interface HttpDigestOptions {
  readonly realm: string;
  readonly account: (username: string) => Account | undefined;
  readonly algorithms: () => readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

export interface AskedBy {
  readonly authorization: string | undefined;
  readonly method: string;
  /** As it came: what follows the authority. */
  readonly path: string;
  readonly body: Buffer;
}

export type HttpVerdict =
  | { readonly account: Account; readonly info: string }
  | { readonly account?: undefined; readonly challenges: readonly string[] };

const LIFETIME = toMilliseconds(Seconds(300));
const MOST_NONCES = 1_000;

interface Nonce {
  readonly until: number;
  highest: number;
}

export class HttpDigestServer {
  readonly #options: HttpDigestOptions;
  readonly #nonces = new Map<string, Nonce>();

  constructor(options: HttpDigestOptions) {
    this.#options = options;
  }

  judge(asked: AskedBy): HttpVerdict {
    const [field] = parseAuthFields(asked.authorization === undefined ? [] : [asked.authorization]);
    if (field?.scheme.toLowerCase() !== 'digest') return this.#challenge(false);
    return this.#check(asked, field) ?? this.#challenge(false);
  }

  #check({ method, path, body }: AskedBy, { params }: AuthField): HttpVerdict | undefined {
    const algorithm = digestAlgorithm(params.get('algorithm'));
    const username = params.get('username') ?? '';
    const account = this.#options.account(username);
    const offered = this.#options.algorithms().some((name) => digestAlgorithm(name) === algorithm);
    const [nonce = '', nc = '', cnonce = ''] = ['nonce', 'nc', 'cnonce'].map((name) => params.get(name));
    const qop = params.get('qop')?.toLowerCase();
    if (!algorithm || algorithm.session || !offered || !account) return undefined;
    if (params.get('uri') !== path || (qop !== 'auth' && qop !== 'auth-int')) return undefined;
    if (params.get('realm') !== toOctets(this.#options.realm) || !/^[0-9a-f]{8}$/i.test(nc)) return undefined;
    const ha1 = credentialHash(
      algorithm,
      username,
      toOctets(this.#options.realm),
      toOctets(account.password),
    );
    const input = { algorithm, ha1, uri: path, nonce, qop, nc, cnonce } as const;
    const wanted = digestResponse({ ...input, method, body });
    if (!same(wanted, (params.get('response') ?? '').toLowerCase())) return undefined;
    if (!this.#counts(nonce, Number.parseInt(nc, 16))) return this.#challenge(true);
    const rspauth = digestResponse({ ...input, qop: 'auth', method: '' });
    const info = formatAuthParams([
      { name: 'qop', value: 'auth', bare: true },
      { name: 'rspauth', value: rspauth },
      { name: 'cnonce', value: cnonce },
      { name: 'nc', value: nc, bare: true },
    ]);
    return { account, info };
  }

  #counts(nonce: string, count: number): boolean {
    const known = this.#nonces.get(nonce);
    if (!known || known.until < this.#options.clock.now() || count <= known.highest) return false;
    known.highest = count;
    return true;
  }

  #challenge(stale: boolean): HttpVerdict {
    const { realm, algorithms, clock, random } = this.#options;
    const nonce = randomToken(random, 16);
    this.#nonces.set(nonce, { until: clock.now() + LIFETIME, highest: 0 });
    const [oldest] = this.#nonces.keys();
    if (this.#nonces.size > MOST_NONCES && oldest !== undefined) this.#nonces.delete(oldest);
    const challenges = algorithms().map((name) => {
      const params = [
        { name: 'realm', value: toOctets(realm) },
        { name: 'nonce', value: nonce },
        { name: 'algorithm', value: name, bare: true },
        { name: 'qop', value: 'auth,auth-int' },
        ...(stale ? [{ name: 'stale', value: 'true', bare: true }] : []),
      ];
      return `Digest ${formatAuthParams(params)}`;
    });
    return { challenges };
  }
}

function same(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}
