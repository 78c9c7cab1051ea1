// RFC 5280: a certificate of our own, when a TLS address is listened on and none was given; and authorities for tests.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { packAddress } from './address.ts';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  octetString,
  oid,
  sequence,
  set,
  time,
  utf8,
} from './der.ts';

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface Issuer extends Certificate {
  readonly name: string;
  readonly privateKey: KeyObject;
}

export interface CertificateRequest {
  readonly commonName: string;
  /** Subject alternatives: domains, numeric addresses, `sip:` URIs. */
  readonly names?: readonly string[];
  /** Self-signed when absent. */
  readonly issuer?: Issuer;
  readonly authority?: boolean;
  readonly now: Date;
  readonly notAfter?: Date;
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  subjectAltName: '2.5.29.17',
} as const;

const VERSION_3 = Buffer.from([2]);
const SERIAL_OCTETS = 16;
const DAY_MS = 86_400_000;
const LIFE_DAYS = 3650;
/** RFC 5280 4.2.1.6 GeneralName. */
const GENERAL_NAME = { dns: 2, uri: 6, ip: 7 } as const;

const nameOf = (commonName: string): Buffer => sequence(set(sequence(oid(OID.commonName), utf8(commonName))));
const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));

function generalName(name: string): Buffer {
  if (/^sips?:/.test(name)) return implicit(GENERAL_NAME.uri, Buffer.from(name, 'latin1'));
  if (isIP(name)) return implicit(GENERAL_NAME.ip, packAddress(name));
  return implicit(GENERAL_NAME.dns, Buffer.from(name, 'latin1'));
}

const pem = (bytes: Buffer): string => {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
};

/** An ECDSA P-256 certificate, valid from yesterday for ten years unless told otherwise. */
export function makeCertificate(request: CertificateRequest): Issuer {
  const { commonName, names = [], issuer, authority = false } = request;
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = request.now.getTime();
  const until = request.notAfter ?? new Date(now + LIFE_DAYS * DAY_MS);
  const extensions = [extension(OID.basicConstraints, true, sequence(...(authority ? [boolean(true)] : [])))];
  if (names.length > 0) {
    extensions.push(extension(OID.subjectAltName, false, sequence(...names.map(generalName))));
  }
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const toBeSigned = sequence(
    explicit(0, integer(VERSION_3)),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(SERIAL_OCTETS)])),
    algorithm,
    nameOf(issuer?.name ?? commonName),
    sequence(time(new Date(Math.min(now, until.getTime()) - DAY_MS)), time(until)),
    nameOf(commonName),
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, issuer?.privateKey ?? pair.privateKey);
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const certificate = pem(sequence(toBeSigned, algorithm, bitString(signature)));
  return { name: commonName, certificate, key, privateKey: pair.privateKey };
}

/** Encrypts, but proves nothing: for peers that check no name. */
export function makeSelfSigned(now: Date): Certificate {
  return makeCertificate({ commonName: 'tandem', now });
}
