// RFC 3261 25.1 character classes, and the few scanners that every rule needs.
// Head text is held as a byte string: one JavaScript character (0..255) for each octet, so nothing is lost.

export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const QUOTE = 0x22;
export const OPEN_PAREN = 0x28;
export const COMMA = 0x2c;
export const SLASH = 0x2f;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const LESS = 0x3c;
export const EQUALS = 0x3d;
export const QUESTION = 0x3f;
export const AT = 0x40;
export const OPEN_BRACKET = 0x5b;
export const BACKSLASH = 0x5c;
const DELETE = 0x7f;
const OCTETS = 256;
/** One entry for every code unit, so that no look-up is out of bounds: text from our own API may be any Unicode. */
const CODE_UNITS = 65_536;

/** Bits of the class table. */
export const TOKEN = 1;
export const USER = 2;
export const PASSWORD = 4;
export const URI_PARAM = 8;
export const URI_HEADER = 16;
export const HOST = 32;
export const GENERIC_VALUE = 64;
export const WORD = 128;

const ALNUM = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const UNRESERVED = `${ALNUM}-_.!~*'()`;

/** Escapes (`%41`) are let through by class and checked by `escapesAreWhole`. */
const CLASSES: readonly (readonly [number, string])[] = [
  [TOKEN, `${ALNUM}-.!%*_+\`'~`],
  [USER, `${UNRESERVED}%&=+$,;?/`],
  [PASSWORD, `${UNRESERVED}%&=+$,`],
  [URI_PARAM, `${UNRESERVED}%[]/:&+$`],
  [URI_HEADER, `${UNRESERVED}%[]/?:+$`],
  // `_` is no host character in RFC 3261, but names with it are in the field.
  [HOST, `${ALNUM}-._`],
  // Wider than token / host: RFC 5118 4.5 wants an IPv6 address without brackets, and peers send more.
  [GENERIC_VALUE, `${UNRESERVED}%+\`[]:/@$&=?|^{}#`],
  [WORD, `${ALNUM}-.!%*_+\`'~()<>:\\"/[]?{}@`],
];

const CLASS_OF = new Uint8Array(CODE_UNITS);
for (const [bit, characters] of CLASSES) {
  for (const character of characters) {
    const code = character.charCodeAt(0);
    CLASS_OF[code] = (CLASS_OF[code] ?? 0) | bit;
  }
}
// UTF-8 outside quotes is against the grammar but harmless.
for (let code = DELETE + 1; code < OCTETS; code += 1) CLASS_OF[code] = (CLASS_OF[code] ?? 0) | GENERIC_VALUE;

/** Whether the character at `at` belongs to the class; false past the end. */
export const isClass = (text: string, at: number, bit: number): boolean =>
  at < text.length && ((CLASS_OF[text.charCodeAt(at)] ?? 0) & bit) !== 0;

/** The end of the run of characters of the class that begins at `at`. */
export function skipClass(text: string, at: number, bit: number): number {
  const { length } = text;
  let end = at;
  while (end < length && ((CLASS_OF[text.charCodeAt(end)] ?? 0) & bit) !== 0) end += 1;
  return end;
}

export const isAll = (text: string, bit: number): boolean => skipClass(text, 0, bit) === text.length;
export const isToken = (text: string): boolean => text.length > 0 && isAll(text, TOKEN);

/** The end of a run of blanks (folding is gone by then). */
export function skipBlanks(text: string, at: number): number {
  let end = at;
  while (end < text.length && isBlankCode(text.charCodeAt(end))) end += 1;
  return end;
}

export const isBlankCode = (code: number): boolean => code === SPACE || code === TAB;

/**
 * Without blanks at its ends. Not `trim`: that takes U+00A0 too, which in a byte string is the second half of a letter.
 */
export function trimBlanks(text: string): string {
  const start = skipBlanks(text, 0);
  const end = trimEnd(text, start, text.length);
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

/** Where the text from `start` to `end` ends when blanks at its end do not count. */
export function trimEnd(text: string, start: number, end: number): number {
  let last = end;
  while (last > start && isBlankCode(text.charCodeAt(last - 1))) last -= 1;
  return last;
}

/** Where the quoted string that opens at `at` has ended (past the closing quote), or -1. */
export function skipQuoted(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === BACKSLASH) index += 1;
    else if (code === QUOTE) return index + 1;
  }
  return -1;
}

/** `"a\"b"` → `a"b`; text without quotes comes back as it is. */
export function unquote(text: string): string {
  if (text.charCodeAt(0) !== QUOTE) return text;
  const inner = text.slice(1, -1);
  return inner.includes('\\') ? inner.replace(/\\([\s\S])/g, '$1') : inner;
}

/** A quoted string; control characters, which cannot stand in one, become blanks. */
export const quote = (text: string): string =>
  `"${text.replace(/[\r\n\0]/g, ' ').replace(/["\\]/g, '\\$&')}"`;

/** Every `%` is followed by two hexadecimal digits (RFC 3261 25.1 `escaped`). */
export const escapesAreWhole = (text: string): boolean =>
  !text.includes('%') || !/%(?![0-9A-Fa-f]{2})/.test(text);

/** 1*DIGIT up to `limit`; undefined for anything else. */
export function parseDecimal(text: string, limit: number): number | undefined {
  if (text.length === 0) return undefined;
  let value = 0;
  for (let index = 0; index < text.length; index += 1) {
    const digit = text.charCodeAt(index) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    value = value * 10 + digit;
    if (value > limit) return undefined;
  }
  return value;
}

/** Where `character` stands from `at` on; past the end when nowhere. */
function find(text: string, character: string, at: number): number {
  const found = text.indexOf(character, at);
  return found < 0 ? text.length : found;
}

/** Cuts at `separator`, but not inside quotes or `<>`; undefined when a quote or bracket stays open. Linear. */
export function splitOutside(text: string, separator: number): string[] | undefined {
  const parts: string[] = [];
  const sought = String.fromCharCode(separator);
  let start = 0;
  let at = 0;
  // Hops: each is looked for again only when it has been passed.
  let next = find(text, sought, 0);
  let quoted = find(text, '"', 0);
  let bracket = find(text, '<', 0);
  for (;;) {
    if (next < at) next = find(text, sought, at);
    if (quoted < at) quoted = find(text, '"', at);
    if (bracket < at) bracket = find(text, '<', at);
    if (quoted < next && quoted < bracket) {
      at = skipQuoted(text, quoted);
      if (at < 0) return undefined;
    } else if (bracket < next) {
      at = text.indexOf('>', bracket) + 1;
      if (at === 0) return undefined;
    } else if (next < text.length) {
      parts.push(trimBlanks(text.slice(start, next)));
      start = next + 1;
      at = start;
    } else {
      parts.push(trimBlanks(text.slice(start)));
      return parts;
    }
  }
}

/** A comma list (RFC 3261 7.3.1). Empty elements are dropped, as they mean nothing. */
export function splitList(text: string): string[] | undefined {
  if (!text.includes(',')) return text === '' ? [] : [text];
  return splitOutside(text, COMMA)?.filter((part) => part !== '');
}
