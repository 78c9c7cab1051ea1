// RFC 3261 25.1 generic-param: an ordered list of `;name=value`, as it stands behind headers and in URIs.
import { err, ok, type Result } from '#src/base/result.ts';
import {
  EQUALS,
  GENERIC_VALUE,
  isToken,
  QUOTE,
  quote,
  SEMICOLON,
  skipBlanks,
  skipClass,
  skipQuoted,
  TOKEN,
  unquote,
} from './chars.ts';
import { type SyntaxFault, syntaxFault } from './fault.ts';
import { asOctets } from './octets.ts';

interface Param {
  readonly name: string;
  /** As it came, quotes included; undefined for a flag. */
  readonly raw: string | undefined;
}

const same = (a: string, b: string): boolean =>
  a === b || (a.length === b.length && a.toLowerCase() === b.toLowerCase());

/** Immutable. Names are compared without regard to case; the first of a repeated name counts. */
export class Params {
  static readonly none = new Params([]);
  readonly #items: readonly Param[];

  private constructor(items: readonly Param[]) {
    this.#items = items;
  }

  /** Parameters from pairs; undefined or '' makes a flag. Values are quoted when they are no token. */
  static of(pairs: Iterable<readonly [name: string, value?: string | undefined]>): Params {
    return new Params(Array.from(pairs, ([name, value]) => param(name, value)));
  }

  /** Reads `;a=b;c` from a header value; an empty text is no parameters. */
  static parse(text: string): Result<Params, SyntaxFault> {
    const params = Params.scan(text, 0);
    return params ? ok(params) : err(syntaxFault('Malformed parameters'));
  }

  /** Reads header parameters from `at` to the end of `text`; undefined when that is not all there is. */
  static scan(text: string, at: number): Params | undefined {
    const start = skipBlanks(text, at);
    if (start === text.length) return Params.none;
    const items: Param[] = [];
    return scanParams(text, start, items) ? new Params(items) : undefined;
  }

  /** The parameters before the first mistake. */
  static salvage(text: string, at: number): Params {
    const items: Param[] = [];
    scanParams(text, skipBlanks(text, at), items);
    return new Params(items);
  }

  /** Cuts the parameters of a URI, whose characters were checked before. Escapes stay as they came. */
  static fromUri(text: string): Params {
    if (text === '') return Params.none;
    return new Params(
      text
        .slice(1)
        .split(';')
        .map((part) => {
          const at = part.indexOf('=');
          return at < 0
            ? { name: part, raw: undefined }
            : { name: part.slice(0, at), raw: part.slice(at + 1) };
        }),
    );
  }

  get size(): number {
    return this.#items.length;
  }

  /** The value without its quotes, '' for a flag, undefined when it is not there. */
  get(name: string): string | undefined {
    for (const item of this.#items)
      if (same(item.name, name)) return item.raw === undefined ? '' : unquote(item.raw);
    return undefined;
  }

  /** The value with its quotes, as it came. */
  raw(name: string): string | undefined {
    return this.#items.find((item) => same(item.name, name))?.raw;
  }

  /** Every value of a repeated name (peers repeat `+g.3gpp.icsi-ref`). */
  all(name: string): string[] {
    return this.#items.filter((item) => same(item.name, name)).map((item) => unquote(item.raw ?? ''));
  }

  has(name: string): boolean {
    return this.#items.some((item) => same(item.name, name));
  }

  /** Name (as it came) and unquoted value ('' for a flag), in order. */
  *entries(): IterableIterator<[name: string, value: string]> {
    for (const item of this.#items) yield [item.name, unquote(item.raw ?? '')];
  }

  /** With the parameter set: in its old place, or at the end. Undefined or '' makes a flag. */
  with(name: string, value?: string): Params {
    return this.#with(param(name, value));
  }

  /** With the value always quoted, as some parameters must be (`+sip.instance`, `cnonce`). */
  withQuoted(name: string, value: string): Params {
    return this.withRaw(name, quote(asOctets(value)));
  }

  /** With the value written exactly so (the caller has escaped it). */
  withRaw(name: string, raw: string | undefined): Params {
    return this.#with({ name, raw });
  }

  #with(made: Param): Params {
    const at = this.#items.findIndex((item) => same(item.name, made.name));
    return new Params(at < 0 ? [...this.#items, made] : this.#items.with(at, made));
  }

  without(name: string): Params {
    return this.has(name) ? new Params(this.#items.filter((item) => !same(item.name, name))) : this;
  }

  toString(): string {
    let text = '';
    for (const { name, raw } of this.#items) text += raw === undefined ? `;${name}` : `;${name}=${raw}`;
    return text;
  }
}

/** token / host (RFC 3261 25.1 gen-value); anything else must be quoted. */
const isPlain = (text: string): boolean => isToken(text) || /^\[[0-9A-Fa-f:.]+\]$/.test(text);

function param(name: string, value: string | undefined): Param {
  if (value === undefined || value === '') return { name, raw: undefined };
  const octets = asOctets(value);
  return { name, raw: isPlain(octets) ? octets : quote(octets) };
}

/** Puts what it reads into `items`; whether it came to the end of the text. */
function scanParams(text: string, at: number, items: Param[]): boolean {
  let index = at;
  while (index < text.length) {
    if (text.charCodeAt(index) !== SEMICOLON) return false;
    const start = skipBlanks(text, index + 1);
    const nameEnd = skipClass(text, start, TOKEN);
    if (nameEnd === start) return false;
    index = skipBlanks(text, nameEnd);
    let raw: string | undefined;
    if (text.charCodeAt(index) === EQUALS) {
      const from = skipBlanks(text, index + 1);
      const to =
        text.charCodeAt(from) === QUOTE ? skipQuoted(text, from) : skipClass(text, from, GENERIC_VALUE);
      if (to < 0) return false;
      raw = text.slice(from, to);
      index = skipBlanks(text, to);
    }
    items.push({ name: text.slice(start, nameEnd), raw });
  }
  return true;
}
