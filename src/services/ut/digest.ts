// RFC 7616, RFC 2617 (TS 24.623 5.2.1.1): digest for HTTP. The hashes are those of SIP, the rules of HTTP.
import { type Random, randomToken } from '#src/base/random.ts';
import { type DigestAlgorithm, digestAlgorithm } from '#src/sip/digest/algorithms.ts';
import { credentialHash, digestResponse, nonceCount, sessionKey } from '#src/sip/digest/compute.ts';
import { type AuthParam, formatAuthParams, parseAuthFields, parseAuthInfo } from '#src/sip/digest/fields.ts';
import { toOctets } from '#src/sip/message/octets.ts';
import type { HttpRequest, HttpResponse } from './http.ts';
import { pathOf } from './http.ts';

export interface HttpCredentials {
  readonly username: string;
  readonly password: string;
}

interface Challenge {
  readonly algorithm: DigestAlgorithm;
  /** As the server wrote it: it is not written when the server did not (RFC 2617 3.2.2). */
  readonly named: boolean;
  readonly realm: string;
  readonly opaque: string | undefined;
  readonly qop: 'auth' | 'auth-int' | undefined;
  nonce: string;
  count: number;
  readonly stale: boolean;
  /** H(A1) of a `-sess` algorithm, from the first nonce and cnonce. */
  session?: string;
}

/** What was sent last, for the judgement of the answer. */
interface Sent {
  readonly challenge: Challenge;
  readonly ha1: string;
  readonly uri: string;
  readonly nonce: string;
  readonly nc: string;
  readonly cnonce: string;
}

const words = (text: string): string[] => text.toLowerCase().split(/[\s,]+/);

function challengesOf(response: HttpResponse): Challenge[] {
  const fields = parseAuthFields(response.headers['www-authenticate'] ?? []);
  return fields.flatMap(({ scheme, params }): Challenge[] => {
    const algorithm = digestAlgorithm(params.get('algorithm'));
    const [realm, nonce, offered] = [params.get('realm'), params.get('nonce'), params.get('qop')];
    if (scheme.toLowerCase() !== 'digest' || !algorithm || realm === undefined || !nonce) return [];
    const known = offered === undefined ? [] : words(offered);
    const qop = known.includes('auth') ? 'auth' : known.includes('auth-int') ? 'auth-int' : undefined;
    if (offered !== undefined && qop === undefined) return [];
    return [
      {
        ...{ algorithm, realm, nonce, qop, count: 0, opaque: params.get('opaque') },
        named: params.has('algorithm'),
        stale: params.get('stale')?.toLowerCase() === 'true',
      },
    ];
  });
}

/** The credentials of one account at one server. */
export class HttpDigest {
  readonly #credentials: HttpCredentials;
  readonly #random: Random;
  #challenge: Challenge | undefined;
  #sent: Sent | undefined;

  constructor(credentials: HttpCredentials, random: Random) {
    this.#credentials = credentials;
    this.#random = random;
  }

  /** Header fields for a request, by what the last challenge taught; none before there was one. */
  authorize({ method, url, body }: HttpRequest): Readonly<Record<string, string>> {
    const challenge = this.#challenge;
    this.#sent = undefined;
    if (!challenge) return {};
    const { algorithm, realm, nonce, qop, opaque } = challenge;
    const username = toOctets(this.#credentials.username);
    const uri = pathOf(url);
    const cnonce = randomToken(this.#random);
    challenge.count += 1;
    const nc = nonceCount(challenge.count);
    const hash = credentialHash(algorithm, username, realm, toOctets(this.#credentials.password));
    const ha1 = challenge.session ?? sessionKey(algorithm, hash, nonce, cnonce);
    if (algorithm.session) challenge.session = ha1;
    const response = digestResponse({
      ...{ algorithm, ha1, method, uri, nonce, qop, nc, cnonce },
      body: body ?? Buffer.alloc(0),
    });
    this.#sent = { challenge, ha1, uri, nonce, nc, cnonce };
    const params: AuthParam[] = [
      { name: 'username', value: username },
      { name: 'realm', value: realm },
      { name: 'nonce', value: nonce },
      { name: 'uri', value: uri },
      ...(challenge.named ? [{ name: 'algorithm', value: algorithm.name, bare: true }] : []),
      ...(qop === undefined
        ? []
        : [
            { name: 'qop', value: qop, bare: true },
            { name: 'nc', value: nc, bare: true },
            { name: 'cnonce', value: cnonce },
          ]),
      ...(opaque === undefined ? [] : [{ name: 'opaque', value: opaque }]),
      { name: 'response', value: response },
    ];
    return { authorization: `Digest ${formatAuthParams(params)}` };
  }

  /** A 401 came. `fresh`: it can be answered. `stale`: that, and only the nonce of the last answer was too old. */
  challenged(response: HttpResponse): 'fresh' | 'stale' | 'unknown' {
    const [best] = challengesOf(response).sort((a, b) => b.algorithm.strength - a.algorithm.strength);
    this.#challenge = best;
    if (!best) return 'unknown';
    return best.stale ? 'stale' : 'fresh';
  }

  /** The server knows the password as well, as far as it says so (RFC 7616 3.5), and may name the next nonce. */
  trusts(response: HttpResponse): boolean {
    const sent = this.#sent;
    const info = parseAuthInfo(response.headers['authentication-info']?.join(', ') ?? '');
    if (!sent) return true;
    const { challenge, ha1, uri, nonce, nc, cnonce } = sent;
    const rspauth = info.get('rspauth');
    if (rspauth !== undefined) {
      const { algorithm } = challenge;
      const said = info.get('qop')?.toLowerCase();
      const qop = said === 'auth' || said === 'auth-int' ? said : challenge.qop;
      const wanted = digestResponse({
        ...{ algorithm, ha1, method: '', uri, nonce, qop, nc, cnonce },
        body: response.body,
      });
      if (wanted !== rspauth.toLowerCase()) return false;
    }
    const next = info.get('nextnonce');
    if (next !== undefined && next !== challenge.nonce) {
      challenge.nonce = next;
      challenge.count = 0;
    }
    return true;
  }
}
