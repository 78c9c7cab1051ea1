// X.690: the few DER types that a certificate is made of. Writing only.

const TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OBJECT_IDENTIFIER: 0x06,
  UTF8_STRING: 0x0c,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

const LONG_FORM = 0x80;
const CONTEXT = 0x80;
const CONSTRUCTED = 0x20;

export function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < LONG_FORM) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const digits: number[] = [];
  for (let rest = body.length; rest > 0; rest >>= 8) digits.unshift(rest & 0xff);
  return Buffer.concat([Buffer.from([tag, LONG_FORM | digits.length, ...digits]), body]);
}

export const sequence = (...items: readonly Buffer[]): Buffer => der(TAG.SEQUENCE, ...items);
export const set = (...items: readonly Buffer[]): Buffer => der(TAG.SET, ...items);
export const boolean = (value: boolean): Buffer => der(TAG.BOOLEAN, Buffer.from([value ? 0xff : 0]));
export const octetString = (bytes: Buffer): Buffer => der(TAG.OCTET_STRING, bytes);
export const bitString = (bytes: Buffer): Buffer => der(TAG.BIT_STRING, Buffer.from([0]), bytes);
export const utf8 = (text: string): Buffer => der(TAG.UTF8_STRING, Buffer.from(text, 'utf8'));

/** Positive; `bytes` is big-endian. */
export function integer(bytes: Buffer): Buffer {
  const sign = (bytes[0] ?? 0) >= 0x80 ? Buffer.from([0]) : Buffer.alloc(0);
  return der(TAG.INTEGER, sign, bytes);
}

/** Context-specific tag, e.g. `[0]`. */
export const explicit = (number: number, ...items: readonly Buffer[]): Buffer =>
  der(CONTEXT | CONSTRUCTED | number, ...items);
export const implicit = (number: number, bytes: Buffer): Buffer => der(CONTEXT | number, bytes);

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((value) => {
    const groups = [value & 0x7f];
    for (let left = value >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return der(TAG.OBJECT_IDENTIFIER, Buffer.from(octets));
}

/** Whole seconds, UTC; two digits of the year until 2049 (RFC 5280 4.1.2.5). */
export function time(date: Date): Buffer {
  const text = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  const short = date.getUTCFullYear() < FIRST_LONG_YEAR;
  return short
    ? der(TAG.UTC_TIME, Buffer.from(text.slice(2), 'latin1'))
    : der(TAG.GENERALIZED_TIME, Buffer.from(text, 'latin1'));
}

const FIRST_LONG_YEAR = 2050;
