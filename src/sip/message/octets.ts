// Byte strings and text: head text is one character an octet (latin1), people read UTF-8 (RFC 3261 7.3.1, 25.1).
import { isUtf8 } from 'node:buffer';

const isAscii = (text: string): boolean => !/[\u0080-\uffff]/.test(text);

/** The text a person reads: UTF-8 when the octets are UTF-8, else each octet as latin1. */
export function toText(octets: string): string {
  if (isAscii(octets)) return octets;
  const bytes = Buffer.from(octets, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : octets;
}

/** The octets (as a byte string) of a text in UTF-8. */
export const toOctets = (text: string): string =>
  isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');

/** A byte string as it is; text that cannot be one (a character above 255) in UTF-8. */
export const asOctets = (text: string): string => (/[\u0100-\uffff]/.test(text) ? toOctets(text) : text);
