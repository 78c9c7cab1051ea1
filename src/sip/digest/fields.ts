// RFC 3261 25.1 challenge, credentials, ainfo: reading and writing the digest header fields.

/** A challenge or credentials: the scheme and its parameters, names in lower case, values unquoted. */
export interface AuthField {
  /** As it came: `Digest`. */
  readonly scheme: string;
  readonly params: ReadonlyMap<string, string>;
}

const TOKEN = /[A-Za-z0-9\-.!%*_+`'~/]+/y;
const BARE_VALUE = /[^\s,"]+/y;
const BLANK = /[\s]*/y;

/** A cursor over one header value; every step is linear. */
class Cursor {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  blank(): void {
    this.match(BLANK);
  }

  take(char: string): boolean {
    if (this.text[this.at] !== char) return false;
    this.at += 1;
    return true;
  }

  /** The value after `=`: a quoted string without its quotes and escapes, or a token. Undefined when broken. */
  value(): string | undefined {
    if (!this.take('"')) return this.match(BARE_VALUE);
    const parts: string[] = [];
    let start = this.at;
    for (; this.at < this.text.length; this.at += 1) {
      const char = this.text[this.at];
      if (char === '"') {
        parts.push(this.text.slice(start, this.at));
        this.at += 1;
        return parts.join('');
      }
      if (char === '\\') {
        parts.push(this.text.slice(start, this.at));
        this.at += 1;
        start = this.at;
      }
    }
    return undefined;
  }
}

/**
 * Reads the values of one kind of authentication header: one challenge each, or several in one value
 * (RFC 7235 2.1 allows it, RFC 3261 7.3.1 does not; peers do it). What cannot be read ends its value.
 */
export function parseAuthFields(values: readonly string[]): AuthField[] {
  const fields: AuthField[] = [];
  for (const value of values) readFields(new Cursor(value), fields);
  return fields;
}

function readFields(cursor: Cursor, fields: AuthField[]): void {
  let params: Map<string, string> | undefined;
  while (!cursor.done) {
    cursor.blank();
    if (cursor.take(',')) continue;
    const word = cursor.match(TOKEN);
    if (word === '') return;
    const gap = cursor.match(BLANK);
    if (cursor.take('=')) {
      if (!params) return;
      cursor.blank();
      const text = cursor.value();
      if (text === undefined) return;
      const name = word.toLowerCase();
      if (!params.has(name)) params.set(name, text);
    } else {
      if (gap === '' && !cursor.done) return;
      params = new Map();
      fields.push({ scheme: word, params });
    }
  }
}

/** Authentication-Info and Proxy-Authentication-Info: parameters without a scheme (RFC 3261 25.1 ainfo). */
export function parseAuthInfo(value: string): ReadonlyMap<string, string> {
  return parseAuthFields([`Info ${value}`])[0]?.params ?? new Map();
}

/** A parameter to write; `bare` ones stand without quotes. */
export interface AuthParam {
  readonly name: string;
  readonly value: string;
  readonly bare?: boolean;
}

const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

export const formatAuthParams = (params: readonly AuthParam[]): string =>
  params.map(({ name, value, bare }) => `${name}=${bare ? value : quote(value)}`).join(', ');
