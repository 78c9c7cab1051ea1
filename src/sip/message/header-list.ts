// RFC 3261 7.3 The header fields of a message, in order. A field that nobody changes leaves with the bytes it came with.
import { TandemError } from '#src/base/errors.ts';
import { isToken, splitList, trimBlanks } from './chars.ts';
import { canonicalName, type HeaderRow, headerKey, headerRow } from './headers.ts';
import { asOctets } from './octets.ts';

/** The reading of one kind of header field. */
export interface Reading {
  /** The value or the values; undefined when a single one is absent or bad. */
  readonly value: unknown;
  readonly fault: boolean;
}

/** Where the parts of a field stand in its text. */
export interface FieldPlaces {
  readonly name: number;
  readonly nameEnd: number;
  readonly value: number;
  /** The CRLF follows. */
  readonly end: number;
  readonly folded: boolean;
}

/** One header field. Immutable. */
export class HeaderField {
  readonly row: HeaderRow | undefined;
  readonly #text: string;
  readonly #start: number;
  readonly #nameEnd: number;
  readonly #valueStart: number;
  readonly #end: number;
  readonly #folded: boolean;
  readonly #made: boolean;
  #value: string | undefined;

  constructor(row: HeaderRow | undefined, text: string, places: FieldPlaces, made = false) {
    this.row = row;
    this.#text = text;
    this.#start = places.name;
    this.#nameEnd = places.nameEnd;
    this.#valueStart = places.value;
    this.#end = places.end;
    this.#folded = places.folded;
    this.#made = made;
  }

  static made(name: string, value: string): HeaderField {
    const octets = asOctets(value);
    if (!isToken(name) || /[\r\n]/.test(octets)) {
      throw new TandemError('ours', 'sip.header', 'A header field cannot hold this text.', {
        detail: { name },
      });
    }
    const line = `${name}: ${octets}\r\n`;
    const places = {
      name: 0,
      nameEnd: name.length,
      value: name.length + 2,
      end: line.length - 2,
      folded: false,
    };
    return new HeaderField(headerRow(name), line, places, true);
  }

  /** As it came: may be a compact form. */
  get name(): string {
    return this.#text.slice(this.#start, this.#nameEnd);
  }

  /** Identity: see `headerKey`. */
  get key(): string {
    return this.row ? this.row.key : this.name.toLowerCase();
  }

  is(key: string): boolean {
    return this.row ? this.row.key === key : this.name.toLowerCase() === key;
  }

  /** Unfolded, without blanks at its ends. A byte string. */
  get value(): string {
    if (this.#value === undefined) {
      const raw = this.#text.slice(this.#valueStart, this.#end);
      this.#value = this.#folded ? unfold(raw) : trimBlanks(raw);
    }
    return this.#value;
  }

  /** Whether this field stood right behind `other` in the same text. */
  follows(other: HeaderField): boolean {
    return !this.#made && this.#start === other.#end + 2 && this.#text === other.#text;
  }

  /** The lines from this field to `last`, CRLFs included; as they came when they came from outside. */
  lineUntil(last: HeaderField): string {
    return this.#text.slice(this.#start, last.#end + 2);
  }
}

/** A fold and the blanks around it are one blank (RFC 3261 7.3.1). */
const unfold = (raw: string): string =>
  raw
    .split('\r\n')
    .map(trimBlanks)
    .filter((line) => line !== '')
    .join(' ');

/** Ordered, mutable. Names are compared without regard to case, compact forms are the full names. */
export class HeaderList implements Iterable<readonly [name: string, value: string]> {
  #fields: HeaderField[];
  #changed: boolean;
  readonly #readings = new Map<string, Reading>();

  constructor(fields: HeaderField[] = [], changed = true) {
    this.#fields = fields;
    this.#changed = changed;
  }

  static of(pairs: Iterable<readonly [name: string, value: string]>): HeaderList {
    return new HeaderList(Array.from(pairs, ([name, value]) => HeaderField.made(name, value)));
  }

  /** Whether anything differs from the bytes that came. */
  get changed(): boolean {
    return this.#changed;
  }

  get size(): number {
    return this.#fields.length;
  }

  get fields(): readonly HeaderField[] {
    return this.#fields;
  }

  has(name: string): boolean {
    return this.first(headerKey(name)) !== undefined;
  }

  /** The value of the first field of that name. */
  get(name: string): string | undefined {
    return this.first(headerKey(name))?.value;
  }

  /** The value of every field of that name, one for each line. */
  getAll(name: string): string[] {
    return this.all(headerKey(name)).map((field) => field.value);
  }

  /** Every element: comma lists are cut where the field is a list. */
  values(name: string): string[] {
    const fields = this.all(headerKey(name));
    const isList = headerRow(name)?.form === 'list';
    return fields.flatMap(({ value }) => (isList ? (splitList(value) ?? [value]) : [value]));
  }

  /** By key (see `headerKey`). */
  first(key: string): HeaderField | undefined {
    for (const field of this.#fields) if (field.is(key)) return field;
    return undefined;
  }

  /** By key (see `headerKey`). */
  all(key: string): HeaderField[] {
    return this.#fields.filter((field) => field.is(key));
  }

  /** At the end. */
  add(name: string, value: string): void {
    this.#fields.push(HeaderField.made(name, value));
    this.#touch(headerKey(name));
  }

  /** Before the first field of that name, or else at the top: where a Via, Route or Record-Route goes. */
  prepend(name: string, value: string): void {
    const key = headerKey(name);
    const at = this.#fields.findIndex((field) => field.is(key));
    this.#fields.splice(Math.max(0, at), 0, HeaderField.made(name, value));
    this.#touch(key);
  }

  /** One field of that name and no other: in the place of the first one, or at the end. */
  set(name: string, value: string): void {
    const key = headerKey(name);
    const at = this.#fields.findIndex((field) => field.is(key));
    if (at < 0) {
      this.add(name, value);
      return;
    }
    this.#fields = this.#fields.filter((field, index) => index === at || !field.is(key));
    this.#fields[at] = HeaderField.made(canonicalName(name), value);
    this.#touch(key);
  }

  remove(name: string): void {
    const key = headerKey(name);
    if (!this.first(key)) return;
    this.#fields = this.#fields.filter((field) => !field.is(key));
    this.#touch(key);
  }

  /** Replaces the first element of a list (the topmost Via) and keeps the others. */
  replaceFirst(name: string, value: string): void {
    this.#editFirst(name, [value]);
  }

  /** Takes the first element of a list away (a proxy's own Via). */
  removeFirst(name: string): void {
    this.#editFirst(name, []);
  }

  #editFirst(name: string, put: readonly string[]): void {
    const key = headerKey(name);
    const at = this.#fields.findIndex((field) => field.is(key));
    const field = this.#fields[at];
    if (!field) {
      for (const value of put) this.add(name, value);
      return;
    }
    const elements = field.row?.form === 'list' ? (splitList(field.value) ?? [field.value]) : [field.value];
    const rest = [...put, ...elements.slice(1)].join(', ');
    if (rest === '') this.#fields.splice(at, 1);
    else this.#fields[at] = HeaderField.made(field.name, rest);
    this.#touch(key);
  }

  /** What was computed from the fields of `key`, kept until one of them changes. */
  kept(key: string): Reading | undefined {
    return this.#readings.get(key);
  }

  keep(key: string, reading: Reading): Reading {
    this.#readings.set(key, reading);
    return reading;
  }

  *[Symbol.iterator](): IterableIterator<readonly [name: string, value: string]> {
    for (const field of this.#fields) yield [field.name, field.value];
  }

  clone(): HeaderList {
    return new HeaderList([...this.#fields], this.#changed);
  }

  /** All lines. Neighbours that came together leave as one piece of the text that they came in. */
  format(): string {
    let text = '';
    let index = 0;
    const fields = this.#fields;
    while (index < fields.length) {
      const first = fields[index];
      if (!first) break;
      let last = first;
      for (index += 1; index < fields.length; index += 1) {
        const next = fields[index];
        if (!next?.follows(last)) break;
        last = next;
      }
      text += first.lineUntil(last);
    }
    return text;
  }

  #touch(key: string): void {
    this.#changed = true;
    this.#readings.delete(key);
  }
}
