// RFC 3261 20.10, 25.1 name-addr / addr-spec with header parameters: From, To, Contact, Route and their kin.
import { err, ok, type Result } from '#src/base/result.ts';
import { isClass, LESS, QUOTE, quote, skipBlanks, skipQuoted, TOKEN, trimBlanks, unquote } from './chars.ts';
import { type SyntaxFault, syntaxFault } from './fault.ts';
import { toOctets, toText } from './octets.ts';
import { Params } from './params.ts';
import { scanUri, type Uri } from './uri.ts';

export interface NameAddrOptions {
  /** Unicode, without quotes. */
  readonly displayName?: string | undefined;
  readonly params?: Params;
}

const FIRST_NON_ASCII = 0x80;

/** Immutable. */
export class NameAddr {
  readonly uri: Uri;
  readonly params: Params;
  /** As it came, with its quotes; '' for none. */
  readonly #rawName: string;
  #text: string | undefined;

  private constructor(rawName: string, uri: Uri, params: Params, text?: string) {
    this.#rawName = rawName;
    this.uri = uri;
    this.params = params;
    this.#text = text;
  }

  static of(uri: Uri, options: NameAddrOptions = {}): NameAddr {
    const { displayName } = options;
    const rawName = displayName === undefined || displayName === '' ? '' : quote(toOctets(displayName));
    return new NameAddr(rawName, uri, options.params ?? Params.none);
  }

  static parse(text: string): Result<NameAddr, SyntaxFault> {
    const value = NameAddr.scan(trimBlanks(text));
    return value ? ok(value) : err(syntaxFault('Malformed address'));
  }

  /** Reads one element, already unfolded and without blanks at its ends. */
  static scan(text: string): NameAddr | undefined {
    const open = findOpen(text);
    if (open === -1) return undefined;
    if (open === NO_BRACKETS) return scanAddrSpec(text);
    const close = text.indexOf('>', open);
    if (close < 0) return undefined;
    const uri = scanUri(text.slice(open + 1, close));
    const params = uri && Params.scan(text, close + 1);
    return params ? new NameAddr(trimBlanks(text.slice(0, open)), uri, params, text) : undefined;

    // Without <> every parameter belongs to the header field, and `?` or `,` may not stand (RFC 3261 20.10).
    function scanAddrSpec(spec: string): NameAddr | undefined {
      const end = spec.search(/[; \t]/);
      const address = end < 0 ? spec : spec.slice(0, end);
      if (address.includes('?') || address.includes(',')) return undefined;
      const bare = scanUri(address);
      const rest = bare && Params.scan(spec, address.length);
      return rest ? new NameAddr('', bare, rest, spec) : undefined;
    }
  }

  /** Unquoted, read as UTF-8; undefined when there is none or it is empty. */
  get displayName(): string | undefined {
    return this.#rawName === '' ? undefined : toText(unquote(this.#rawName)) || undefined;
  }

  get tag(): string | undefined {
    return this.params.get('tag') || undefined;
  }

  withTag(tag: string): NameAddr {
    return this.withParams(this.params.with('tag', tag));
  }

  withParams(params: Params): NameAddr {
    return new NameAddr(this.#rawName, this.uri, params);
  }

  /** As it came; always with <> when made here. A byte string. */
  toString(): string {
    if (this.#text === undefined) {
      const name = this.#rawName === '' ? '' : `${this.#rawName} `;
      this.#text = `${name}<${this.uri.toString()}>${this.params.toString()}`;
    }
    return this.#text;
  }
}

const NO_BRACKETS = -2;

/** Where `<` stands behind a quoted or token display name; NO_BRACKETS for an addr-spec, -1 for neither. */
function findOpen(text: string): number {
  if (text.charCodeAt(0) === QUOTE) {
    const end = skipQuoted(text, 0);
    const open = end < 0 ? -1 : skipBlanks(text, end);
    return open >= 0 && text.charCodeAt(open) === LESS ? open : -1;
  }
  let index = 0;
  for (;;) {
    index = skipBlanks(text, index);
    if (text.charCodeAt(index) === LESS) return index;
    // UTF-8 without quotes is against the grammar, but phones send it.
    if (!isClass(text, index, TOKEN) && !(text.charCodeAt(index) >= FIRST_NON_ASCII)) break;
    index += 1;
  }
  return index < text.length ? NO_BRACKETS : -1;
}
