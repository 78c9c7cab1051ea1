// RFC 5389: the binding request and its answer, as much of STUN as RFC 5626 4.4.2 needs.
import { isIPv6 } from 'node:net';
import { crc32 } from 'node:zlib';
import { err, ok, type Result } from '#src/base/result.ts';
import { type Endpoint, packAddress, unpackAddress } from './address.ts';

export type StunKind = 'request' | 'success' | 'error';

export interface StunMessage {
  readonly kind: StunKind;
  /** 12 octets. */
  readonly id: Buffer;
  /** XOR-MAPPED-ADDRESS of a success. */
  readonly mapped?: Endpoint;
  /** Attributes that a receiver must understand and we do not (RFC 5389 7.3.1). */
  readonly unknown: readonly number[];
}

/** RFC 5389 6, figure 2. */
const HEADER_OCTETS = 20;
export const STUN_ID_OCTETS = 12;
const COOKIE = 0x2112a442;
/** RFC 5389 18.1, binding method. */
const TYPES: Readonly<Record<StunKind, number>> = { request: 0x0001, success: 0x0101, error: 0x0111 };
/** RFC 5389 18.2. */
const ATTRIBUTE = {
  MAPPED_ADDRESS: 0x0001,
  USERNAME: 0x0006,
  MESSAGE_INTEGRITY: 0x0008,
  ERROR_CODE: 0x0009,
  UNKNOWN_ATTRIBUTES: 0x000a,
  XOR_MAPPED_ADDRESS: 0x0020,
  FINGERPRINT: 0x8028,
} as const;
const KNOWN: ReadonlySet<number> = new Set(Object.values(ATTRIBUTE));
/** From here on a receiver may ignore what it does not know. */
const OPTIONAL_FROM = 0x8000;
/** RFC 5389 15.5: "STUN" in ASCII. */
const FINGERPRINT_XOR = 0x5354554e;
const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;

/** Whether a datagram is STUN: two zero bits and the magic cookie. No SIP message begins so. */
export const isStun = (bytes: Buffer): boolean =>
  bytes.length >= HEADER_OCTETS && bytes.readUInt8(0) < 4 && bytes.readUInt32BE(4) === COOKIE;

export const bindingRequest = (id: Buffer): Buffer => build('request', id, []);

export const bindingSuccess = (id: Buffer, mapped: Endpoint): Buffer =>
  build('success', id, [attribute(ATTRIBUTE.XOR_MAPPED_ADDRESS, xorAddress(mapped, id))]);

/** RFC 5389 7.3.1: 420 with the list of what was not understood. */
export function bindingRefusal(id: Buffer, unknown: readonly number[]): Buffer {
  const code = Buffer.concat([Buffer.from([0, 0, 4, 20]), Buffer.from('Unknown Attribute')]);
  const list = Buffer.alloc(unknown.length * 2);
  for (const [index, type] of unknown.entries()) list.writeUInt16BE(type, index * 2);
  return build('error', id, [
    attribute(ATTRIBUTE.ERROR_CODE, code),
    attribute(ATTRIBUTE.UNKNOWN_ATTRIBUTES, list),
  ]);
}

/** Reads a binding message; the error is a short reason. */
export function parseStun(bytes: Buffer): Result<StunMessage, string> {
  if (!isStun(bytes)) return err('no STUN message');
  const type = bytes.readUInt16BE(0);
  const kind = (['request', 'success', 'error'] as const).find((name) => TYPES[name] === type);
  if (!kind) return err('not a binding message');
  if (bytes.readUInt16BE(2) !== bytes.length - HEADER_OCTETS || bytes.length % 4 !== 0)
    return err('wrong length');
  const id = Buffer.from(bytes.subarray(8, HEADER_OCTETS));
  const unknown: number[] = [];
  let mapped: Endpoint | undefined;
  for (let at = HEADER_OCTETS; at < bytes.length; ) {
    if (at + 4 > bytes.length) return err('cut attribute');
    const name = bytes.readUInt16BE(at);
    const length = bytes.readUInt16BE(at + 2);
    const value = bytes.subarray(at + 4, at + 4 + length);
    if (value.length < length) return err('cut attribute');
    if (name === ATTRIBUTE.XOR_MAPPED_ADDRESS) {
      mapped = readXorAddress(value, id);
      if (!mapped) return err('bad mapped address');
    } else if (name === ATTRIBUTE.FINGERPRINT) {
      if (value.length !== 4 || value.readUInt32BE(0) !== fingerprint(bytes.subarray(0, at))) {
        return err('wrong fingerprint');
      }
    } else if (name < OPTIONAL_FROM && !KNOWN.has(name)) unknown.push(name);
    at += 4 + length + padding(length);
  }
  return ok({ kind, id, unknown, ...(mapped ? { mapped } : {}) });
}

function build(kind: StunKind, id: Buffer, attributes: readonly Buffer[]): Buffer {
  const fingerprintOctets = 8;
  const length = attributes.reduce((sum, each) => sum + each.length, 0);
  const header = Buffer.alloc(HEADER_OCTETS);
  header.writeUInt16BE(TYPES[kind], 0);
  // RFC 5389 15.5: the length already counts the fingerprint when it is computed.
  header.writeUInt16BE(length + fingerprintOctets, 2);
  header.writeUInt32BE(COOKIE, 4);
  id.copy(header, 8);
  const before = Buffer.concat([header, ...attributes]);
  const value = Buffer.alloc(4);
  value.writeUInt32BE(fingerprint(before), 0);
  return Buffer.concat([before, attribute(ATTRIBUTE.FINGERPRINT, value)]);
}

const fingerprint = (bytes: Buffer): number => (crc32(bytes) ^ FINGERPRINT_XOR) >>> 0;
const padding = (length: number): number => (4 - (length % 4)) % 4;

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc(padding(value.length))]);
}

/** RFC 5389 15.2: XOR with the cookie and, for IPv6, the transaction id. */
function xorKey(id: Buffer): Buffer {
  const cookie = Buffer.alloc(4);
  cookie.writeUInt32BE(COOKIE, 0);
  return Buffer.concat([cookie, id]);
}

function xorBytes(bytes: Buffer, key: Buffer): Buffer {
  return Buffer.from(bytes.map((octet, index) => octet ^ (key[index] ?? 0)));
}

function xorAddress(at: Endpoint, id: Buffer): Buffer {
  const six = isIPv6(at.host);
  const head = Buffer.from([0, six ? FAMILY_IPV6 : FAMILY_IPV4, 0, 0]);
  head.writeUInt16BE(at.port ^ (COOKIE >>> 16), 2);
  return Buffer.concat([head, xorBytes(packAddress(at.host), xorKey(id))]);
}

function readXorAddress(value: Buffer, id: Buffer): Endpoint | undefined {
  const family = value[1];
  const octets = family === FAMILY_IPV4 ? 4 : family === FAMILY_IPV6 ? 16 : 0;
  if (octets === 0 || value.length !== 4 + octets) return undefined;
  const port = value.readUInt16BE(2) ^ (COOKIE >>> 16);
  const address = xorBytes(value.subarray(4), xorKey(id));
  return { host: unpackAddress(address), port };
}
