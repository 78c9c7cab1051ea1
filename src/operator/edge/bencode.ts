// Bencode, the coding of rtpengine's control protocol "ng": byte strings, integers, lists, dictionaries.
import { err, ok, type Result } from '#src/base/result.ts';

/** Strings are octets, one character each (ISO 8859-1): a session description passes as it is. */
export type Bencoded = string | number | readonly Bencoded[] | BencodedDictionary;
export interface BencodedDictionary {
  readonly [key: string]: Bencoded;
}

const DEEPEST = 32;
const LONGEST = 1 << 20;

export const isDictionary = (value: Bencoded | undefined): value is BencodedDictionary =>
  typeof value === 'object' && !Array.isArray(value);

/** Throws RangeError for a number that is no whole one: a defect of ours. */
export function bencode(value: Bencoded): string {
  if (typeof value === 'string') return `${value.length}:${value}`;
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no whole number`);
    return `i${value}e`;
  }
  if (!isDictionary(value)) return `l${value.map(bencode).join('')}e`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `d${entries.map(([key, entry]) => bencode(key) + bencode(entry)).join('')}e`;
}

/** The whole text must be one value. */
export function parseBencode(text: string): Result<Bencoded, string> {
  if (text.length > LONGEST) return err(`more than ${LONGEST} octets`);
  const reader = new Reader(text);
  const value = reader.value(0);
  if (value === undefined) return err(`unreadable at ${reader.at}`);
  return reader.at === text.length ? ok(value) : err(`something follows at ${reader.at}`);
}

class Reader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Undefined for anything that is no value. */
  value(depth: number): Bencoded | undefined {
    const kind = this.#text[this.at];
    if (depth > DEEPEST) return undefined;
    if (kind === 'i') return this.#number('i', 'e');
    if (kind === 'l') return this.#list(depth);
    if (kind === 'd') return this.#dictionary(depth);
    return this.#string();
  }

  #number(before: string, after: string): number | undefined {
    const end = this.#text.indexOf(after, this.at);
    const digits = end < 0 || end - this.at > 20 ? '' : this.#text.slice(this.at + before.length, end);
    if (!/^-?\d+$/.test(digits) || !Number.isSafeInteger(Number(digits))) return undefined;
    this.at = end + after.length;
    return Number(digits);
  }

  #string(): string | undefined {
    const length = this.#number('', ':');
    if (length === undefined || length < 0 || this.at + length > this.#text.length) return undefined;
    this.at += length;
    return this.#text.slice(this.at - length, this.at);
  }

  #list(depth: number): readonly Bencoded[] | undefined {
    const list: Bencoded[] = [];
    for (this.at += 1; this.#text[this.at] !== 'e'; ) {
      const entry = this.value(depth + 1);
      if (entry === undefined) return undefined;
      list.push(entry);
    }
    this.at += 1;
    return list;
  }

  #dictionary(depth: number): BencodedDictionary | undefined {
    const entries: [string, Bencoded][] = [];
    for (this.at += 1; this.#text[this.at] !== 'e'; ) {
      const key = this.#string();
      const entry = key === undefined ? undefined : this.value(depth + 1);
      if (key === undefined || entry === undefined) return undefined;
      entries.push([key, entry]);
    }
    this.at += 1;
    return Object.fromEntries(entries);
  }
}
