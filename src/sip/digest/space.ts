// RFC 7616 3.6 protection spaces: what the client remembers of a challenge, apart for each header, realm and use.
import { type Random, randomToken } from '#src/base/random.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { type DigestAlgorithm, digestAlgorithm } from './algorithms.ts';
import { credentialHash, digestResponse, nonceCount, sessionKey } from './compute.ts';
import { type AuthField, type AuthParam, formatAuthParams } from './fields.ts';

export type Kind = 'www' | 'proxy';

/** RFC 3261 22.2, 22.3: the header fields of the two kinds. */
export const AUTH_HEADERS = {
  www: { challenge: 'WWW-Authenticate', credentials: 'Authorization', info: 'Authentication-Info' },
  proxy: {
    challenge: 'Proxy-Authenticate',
    credentials: 'Proxy-Authorization',
    info: 'Proxy-Authentication-Info',
  },
} as const;

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** A challenge that can be answered. */
export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: DigestAlgorithm;
  /** As it came; not repeated when it did not stand there. */
  readonly algorithmName: string | undefined;
  readonly qop: 'auth' | 'auth-int' | undefined;
  readonly opaque: string | undefined;
  readonly stale: boolean;
}

/** Undefined when the scheme, algorithm or every qop offered is unknown, or realm or nonce is missing. */
function readChallenge({ scheme, params }: AuthField): Challenge | undefined {
  const algorithmName = params.get('algorithm');
  const algorithm = digestAlgorithm(algorithmName);
  const realm = params.get('realm');
  const nonce = params.get('nonce');
  if (scheme.toLowerCase() !== 'digest' || !algorithm || realm === undefined || !nonce) return undefined;
  const offered = params
    .get('qop')
    ?.split(',')
    .map((value) => value.trim().toLowerCase());
  // TS 33.203 N.2.1: IMS uses auth; auth-int only where nothing else is offered.
  const qop = (['auth', 'auth-int'] as const).find((value) => offered?.includes(value));
  if (offered && !qop) return undefined;
  const stale = params.get('stale')?.toLowerCase() === 'true';
  return { realm, nonce, algorithm, algorithmName, qop, opaque: params.get('opaque'), stale };
}

/** RFC 8760 2.4 with the local policy "strongest first": one challenge for each realm, equals in the order they came. */
export function chooseChallenges(fields: readonly AuthField[]): Challenge[] {
  const chosen = new Map<string, Challenge>();
  for (const field of fields) {
    const challenge = readChallenge(field);
    if (!challenge) continue;
    const best = chosen.get(challenge.realm);
    if (!best || challenge.algorithm.strength > best.algorithm.strength)
      chosen.set(challenge.realm, challenge);
  }
  return [...chosen.values()];
}

/** Credentials as they were sent, kept to check the answer. */
export interface Sent {
  readonly space: Space;
  readonly nonce: string;
  readonly ha1: string;
  readonly nc: string;
  readonly cnonce: string;
  readonly uri: string;
}

/** One nonce with its count, and the key made of it. */
export class Space {
  readonly kind: Kind;
  readonly challenge: Challenge;
  readonly #username: string;
  readonly #random: Random;
  readonly #ha1: string;
  #nonce: string;
  #cnonce: string;
  #count = 0;

  constructor(kind: Kind, challenge: Challenge, credentials: Credentials, random: Random) {
    this.kind = kind;
    this.challenge = challenge;
    this.#username = credentials.username;
    this.#random = random;
    this.#nonce = challenge.nonce;
    this.#cnonce = randomToken(random);
    const { algorithm, realm, nonce } = challenge;
    const hash = credentialHash(algorithm, credentials.username, realm, credentials.password);
    this.#ha1 = sessionKey(algorithm, hash, nonce, this.#cnonce);
  }

  /** RFC 7616 3.5: the count starts again; the key of a `-sess` algorithm stays. */
  useNext(nonce: string): void {
    this.#nonce = nonce;
    this.#count = 0;
    if (!this.challenge.algorithm.session) this.#cnonce = randomToken(this.#random);
  }

  /** Adds the credentials header to the request, counting the nonce up. */
  apply(request: SipRequest): Sent {
    const { algorithm, algorithmName, realm, qop, opaque } = this.challenge;
    this.#count += 1;
    const uri = request.requestUri.toString();
    const nc = nonceCount(this.#count);
    const [nonce, cnonce, ha1] = [this.#nonce, this.#cnonce, this.#ha1];
    const { method, body } = request;
    const response = digestResponse({ algorithm, ha1, method, uri, nonce, qop, nc, cnonce, body });
    const params: AuthParam[] = [
      { name: 'username', value: this.#username },
      { name: 'realm', value: realm },
      { name: 'nonce', value: nonce },
      { name: 'uri', value: uri },
      { name: 'response', value: response },
    ];
    if (algorithmName !== undefined) params.push({ name: 'algorithm', value: algorithmName, bare: true });
    // Without qop there is no cnonce (RFC 2617 3.2.2), but a `-sess` key cannot be checked without it.
    if (qop !== undefined || algorithm.session) params.push({ name: 'cnonce', value: cnonce });
    if (opaque !== undefined) params.push({ name: 'opaque', value: opaque });
    if (qop !== undefined) {
      params.push({ name: 'qop', value: qop, bare: true }, { name: 'nc', value: nc, bare: true });
    }
    request.headers.add(AUTH_HEADERS[this.kind].credentials, `Digest ${formatAuthParams(params)}`);
    return { space: this, nonce, ha1, nc, cnonce, uri };
  }
}
