// The SRTP crypto suites of SDES as data (RFC 4568 6.2, RFC 6188, RFC 7714).
import { Octets } from '#src/base/units.ts';

export const SRTP_SUITES = [
  'AES_CM_128_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_32',
  'AES_256_CM_HMAC_SHA1_80',
  'AES_256_CM_HMAC_SHA1_32',
  'AEAD_AES_128_GCM',
  'AEAD_AES_256_GCM',
] as const;
export type SrtpSuite = (typeof SRTP_SUITES)[number];

export interface SuiteRow {
  readonly name: SrtpSuite;
  /** Of the master key and the master salt; the `inline` value is both in one. */
  readonly key: Octets;
  readonly salt: Octets;
  /** What a packet grows by: the tag of SRTP, and of SRTCP. */
  readonly tag: Octets;
  readonly rtcpTag: Octets;
  readonly clause: string;
}

const row = (
  name: SrtpSuite,
  key: number,
  salt: number,
  tag: number,
  rtcpTag: number,
  clause: string,
): SuiteRow => ({
  name,
  key: Octets(key),
  salt: Octets(salt),
  tag: Octets(tag),
  rtcpTag: Octets(rtcpTag),
  clause,
});

export const SUITE_TABLE: readonly SuiteRow[] = [
  row('AES_CM_128_HMAC_SHA1_80', 16, 14, 10, 10, 'RFC 4568 6.2.1'),
  row('AES_CM_128_HMAC_SHA1_32', 16, 14, 4, 10, 'RFC 4568 6.2.2'),
  row('AES_256_CM_HMAC_SHA1_80', 32, 14, 10, 10, 'RFC 6188 4'),
  row('AES_256_CM_HMAC_SHA1_32', 32, 14, 4, 10, 'RFC 6188 4'),
  row('AEAD_AES_128_GCM', 16, 12, 16, 16, 'RFC 7714 14.2'),
  row('AEAD_AES_256_GCM', 32, 12, 16, 16, 'RFC 7714 14.2'),
];

/**
 * The order of an offer, best first: what 33.328 5.4.1 and every phone have stands first behind the authenticated
 * ciphers, the short tag last (33.328 does not want it for video; RFC 4568 6.2.2 calls it weaker).
 */
export const OFFERED_SUITES: readonly SrtpSuite[] = [
  'AEAD_AES_256_GCM',
  'AEAD_AES_128_GCM',
  'AES_CM_128_HMAC_SHA1_80',
  'AES_256_CM_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_32',
  'AES_256_CM_HMAC_SHA1_32',
];

/** The row of a suite as a peer wrote it, if it is one of ours. */
export const suiteNamed = (name: string): SuiteRow | undefined =>
  SUITE_TABLE.find((entry) => entry.name === name.toUpperCase());
