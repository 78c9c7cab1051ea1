// The crypto attribute of security descriptions: `a=crypto:tag suite inline:key|lifetime|MKI:length param…` (RFC 4568 9.1, 9.2).
import { err, ok, type Result } from '#src/base/result.ts';
import { type SrtpSuite, suiteNamed } from './crypto-suites.ts';

/** What one line may hold at most; more is refused. */
export const CRYPTO_LIMITS = { octets: 4_096, keys: 16, parameters: 32, lines: 32 } as const;

export interface CryptoKey {
  /** Master key and salt in one, decoded. */
  readonly keySalt: Buffer;
  /** Packets that the key is good for; undefined is the default of RFC 3711 (2^48, and 2^31 for SRTCP). */
  readonly lifetime?: bigint;
  /** The master key identifier as it stands in the packets. */
  readonly mki?: Buffer;
}

export interface SessionParameter {
  readonly name: string;
  /** '' for a flag. */
  readonly value: string;
  /** A leading `-`: whoever does not know it may pass over it (RFC 4568 6.3.7). */
  readonly optional: boolean;
}

export interface CryptoLine {
  readonly tag: number;
  /** As written; `usableKey` tells whether it is one of ours. */
  readonly suite: string;
  readonly keys: readonly CryptoKey[];
  readonly parameters: readonly SessionParameter[];
}

export interface CryptoFault {
  readonly kind: 'too-large' | 'tag' | 'suite' | 'key' | 'lifetime' | 'mki' | 'parameter';
  readonly reason: string;
}

const fault = (kind: CryptoFault['kind'], reason: string): Result<never, CryptoFault> =>
  err({ kind, reason });

/** Reads the value behind `a=crypto:`. */
export function parseCrypto(value: string): Result<CryptoLine, CryptoFault> {
  if (value.length > CRYPTO_LIMITS.octets) return fault('too-large', 'the line is too long');
  const [tagText = '', suite = '', keyText = '', ...rest] = value.trim().split(/[ \t]+/);
  // A leading zero would make two spellings of one tag (RFC 4568 4.1); tags are compared as numbers here.
  if (!/^[0-9]{1,9}$/.test(tagText)) return fault('tag', 'a tag is one to nine digits');
  if (!/^[A-Za-z0-9_]+$/.test(suite)) return fault('suite', 'a suite is letters, digits and _');
  if (keyText === '') return fault('key', 'no key');
  const keyTexts = keyText.split(';');
  if (keyTexts.length > CRYPTO_LIMITS.keys || rest.length > CRYPTO_LIMITS.parameters) {
    return fault('too-large', 'too many keys or parameters');
  }
  const keys: CryptoKey[] = [];
  for (const text of keyTexts) {
    const key = parseKey(text);
    if (!key.ok) return key;
    keys.push(key.value);
  }
  const parameters: SessionParameter[] = [];
  for (const text of rest) {
    const parameter = parseParameter(text);
    if (!parameter) return fault('parameter', `no session parameter: ${text.slice(0, 40)}`);
    parameters.push(parameter);
  }
  return ok({ tag: Number(tagText), suite, keys, parameters });
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** `inline:KEY|2^20|1:4`, both tails optional. */
function parseKey(text: string): Result<CryptoKey, CryptoFault> {
  const inline = /^inline:(.*)$/i.exec(text)?.[1];
  if (inline === undefined) return fault('key', 'the key method is not inline');
  const [encoded = '', ...tail] = inline.split('|');
  if (!BASE64.test(encoded)) return fault('key', 'the key is not base64');
  const keySalt = Buffer.from(encoded, 'base64');
  // What a peer cut short must not be taken for a shorter key.
  if (keySalt.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')) {
    return fault('key', 'the key is not base64');
  }
  const mkiText = tail.at(-1)?.includes(':') ? tail.pop() : undefined;
  const [lifetimeText, ...more] = tail;
  if (more.length > 0) return fault('key', 'more than a lifetime and an MKI behind the key');
  const lifetime = lifetimeText === undefined ? undefined : parseLifetime(lifetimeText);
  if (lifetimeText !== undefined && lifetime === undefined) return fault('lifetime', 'no lifetime');
  const mki = mkiText === undefined ? undefined : parseMki(mkiText);
  if (mkiText !== undefined && mki === undefined) return fault('mki', 'no master key identifier');
  return ok({
    keySalt,
    ...(lifetime === undefined ? {} : { lifetime }),
    ...(mki === undefined ? {} : { mki }),
  });
}

const MAX_LIFETIME = 2n ** 48n;

function parseLifetime(text: string): bigint | undefined {
  const power = /^2\^([0-9]{1,2})$/.exec(text)?.[1];
  const lifetime = power === undefined ? decimal(text, 15) : 2n ** BigInt(power);
  return lifetime !== undefined && lifetime > 0n && lifetime <= MAX_LIFETIME ? lifetime : undefined;
}

const MAX_MKI_OCTETS = 128;
/** 2^1024 has so many digits. */
const MAX_MKI_DIGITS = 309;

/** `1:4` is 00 00 00 01. */
function parseMki(text: string): Buffer | undefined {
  const [valueText = '', lengthText = '', ...rest] = text.split(':');
  const value = decimal(valueText, MAX_MKI_DIGITS);
  const octets = Number(decimal(lengthText, 3) ?? 0n);
  if (value === undefined || rest.length > 0 || octets < 1 || octets > MAX_MKI_OCTETS) return undefined;
  const hex = value.toString(16).padStart(octets * 2, '0');
  return hex.length > octets * 2 ? undefined : Buffer.from(hex, 'hex');
}

const decimal = (text: string, digits: number): bigint | undefined =>
  text.length <= digits && /^[0-9]+$/.test(text) ? BigInt(text) : undefined;

function parseParameter(text: string): SessionParameter | undefined {
  const found = /^(-?)([A-Za-z0-9_]+)(?:=([\x21-\x7e]*))?$/.exec(text);
  if (!found) return undefined;
  const [, dash, name = '', value = ''] = found;
  return { name: name.toUpperCase(), value, optional: dash === '-' };
}

/** Session parameters that we know, and which values of them we can live with (RFC 4568 6.3). */
const PARAMETERS: Readonly<Record<string, (value: string) => boolean>> = {
  // A derivation rate: only "never again" is what the engine does.
  KDR: (value) => value === '' || /^0+$/.test(value),
  // Without encryption or authentication it is no protection (33.328 5.3).
  UNENCRYPTED_SRTP: () => false,
  UNENCRYPTED_SRTCP: () => false,
  UNAUTHENTICATED_SRTP: () => false,
  // No FEC is ever negotiated, so its order and key mean nothing here.
  FEC_ORDER: (value) => value === 'FEC_SRTP' || value === 'SRTP_FEC',
  FEC_KEY: () => true,
  // A hint: the peer may reorder that far.
  WSH: (value) => /^[0-9]{2,6}$/.test(value) && Number(value) >= 64,
};

/** The suite and the key that a line is used with, or undefined when it asks for what we do not do. */
export function usableKey(
  line: CryptoLine,
  allowed: readonly SrtpSuite[],
): { readonly suite: SrtpSuite; readonly key: CryptoKey } | undefined {
  const suite = suiteNamed(line.suite);
  const [key] = line.keys;
  if (!suite || !key || !allowed.includes(suite.name)) return undefined;
  if (line.keys.some(({ keySalt }) => keySalt.length !== suite.key + suite.salt)) return undefined;
  // Several keys are told apart by their MKIs alone (RFC 4568 6.1), all of one length.
  const lengths = new Set(line.keys.map(({ mki }) => mki?.length ?? 0));
  if (lengths.size > 1 || (line.keys.length > 1 && lengths.has(0))) return undefined;
  const understood = line.parameters.every(({ name, value, optional }) => {
    const takes = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    return takes ? takes(value) : optional;
  });
  return understood ? { suite: suite.name, key } : undefined;
}

/** The value that we write: no lifetime (33.328 7.2.1 NOTE 1), no MKI, no parameters. */
export const formatCrypto = (tag: number, suite: SrtpSuite, keySalt: Buffer): string =>
  `${tag} ${suite} inline:${keySalt.toString('base64')}`;
