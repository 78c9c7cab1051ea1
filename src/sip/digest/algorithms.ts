// RFC 8760 2.1, RFC 7616 6.1: the digest algorithms as data.
import { createHash } from 'node:crypto';

export interface DigestAlgorithm {
  /** As it stands on the wire. */
  readonly name: string;
  /** Name of the hash in OpenSSL. */
  readonly hash: 'md5' | 'sha256' | 'sha512-256';
  /** `-sess`: A1 holds the first nonce and cnonce (RFC 7616 3.4.2). */
  readonly session: boolean;
  /** Higher is preferred; equals keep the order of the server (RFC 8760 2.4). */
  readonly strength: number;
  readonly clause: string;
}

export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = [
  { name: 'MD5', hash: 'md5', session: false, strength: 1, clause: 'RFC 2617 3.2.1' },
  { name: 'MD5-sess', hash: 'md5', session: true, strength: 1, clause: 'RFC 2617 3.2.1' },
  { name: 'SHA-256', hash: 'sha256', session: false, strength: 2, clause: 'RFC 8760 2.1' },
  { name: 'SHA-256-sess', hash: 'sha256', session: true, strength: 2, clause: 'RFC 7616 3.3' },
  { name: 'SHA-512-256', hash: 'sha512-256', session: false, strength: 2, clause: 'RFC 8760 2.1' },
  { name: 'SHA-512-256-sess', hash: 'sha512-256', session: true, strength: 2, clause: 'RFC 7616 3.3' },
];

/** The algorithm named; none named is MD5 (RFC 7616 3.3). Names are compared without case. */
export function digestAlgorithm(name = 'MD5'): DigestAlgorithm | undefined {
  const wanted = name.toLowerCase();
  return DIGEST_ALGORITHMS.find((algorithm) => algorithm.name.toLowerCase() === wanted);
}

/** Lower-case hex of the hash; a string is a byte string, one character an octet. */
export const digestHash = (algorithm: DigestAlgorithm, data: string | Buffer): string =>
  createHash(algorithm.hash)
    .update(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
    .digest('hex');
