// RFC 7616 3.4.1 to 3.4.3: the digest itself, for requests and, with an empty method, for rspauth.
import { type DigestAlgorithm, digestHash } from './algorithms.ts';

export interface DigestInput {
  readonly algorithm: DigestAlgorithm;
  /** H(A1) as `sessionKey` gives it. */
  readonly ha1: string;
  /** Empty for rspauth (RFC 7616 3.5). */
  readonly method: string;
  readonly uri: string;
  readonly nonce: string;
  /** Without it the form of RFC 2069 is used, and `nc` and `cnonce` are not. */
  readonly qop?: 'auth' | 'auth-int' | undefined;
  /** Eight hex digits. */
  readonly nc?: string | undefined;
  readonly cnonce?: string | undefined;
  /** Hashed for auth-int. */
  readonly body?: Buffer | undefined;
}

/** H(username:realm:password): what a server stores instead of the password. */
export const credentialHash = (
  algorithm: DigestAlgorithm,
  username: string,
  realm: string,
  password: string,
): string => digestHash(algorithm, `${username}:${realm}:${password}`);

/** H(A1): the credential hash, bound to the first nonce and cnonce for the `-sess` algorithms. */
export const sessionKey = (
  algorithm: DigestAlgorithm,
  hash: string,
  nonce: string,
  cnonce: string,
): string => (algorithm.session ? digestHash(algorithm, `${hash}:${nonce}:${cnonce}`) : hash);

/** The value of `response`, or of `rspauth` when the method is empty. */
export function digestResponse(input: DigestInput): string {
  const { algorithm, ha1, method, uri, nonce, qop } = input;
  const hash = (data: string | Buffer): string => digestHash(algorithm, data);
  const a2 =
    qop === 'auth-int' ? `${method}:${uri}:${hash(input.body ?? Buffer.alloc(0))}` : `${method}:${uri}`;
  if (qop === undefined) return hash(`${ha1}:${nonce}:${hash(a2)}`);
  return hash(`${ha1}:${nonce}:${input.nc ?? ''}:${input.cnonce ?? ''}:${qop}:${hash(a2)}`);
}

/** `nc` on the wire: eight hex digits. */
export const nonceCount = (count: number): string => count.toString(16).padStart(8, '0');
