// RFC 3261 7.3 What requests and responses share: header fields read when they are asked for, and the way to the wire.
import { TandemError } from '#src/base/errors.ts';
import { splitList } from './chars.ts';
import type { HeaderList, Reading } from './header-list.ts';
import { type HeaderName, type HeaderRow, type HeaderValue, headerRow } from './headers.ts';
import type { NameAddr } from './name-addr.ts';
import type { AuthValue, CSeq, EventType, MediaType, Reason, SubscriptionState } from './values.ts';
import type { Via } from './via.ts';

export type { Reading } from './header-list.ts';

export const SIP_VERSION = 'SIP/2.0';

const EMPTY = Buffer.alloc(0);

/** What requests and responses share. Header text is byte strings: one character an octet; `toText` reads UTF-8. */
export abstract class SipMessage {
  readonly headers: HeaderList;
  #body: Buffer;
  /** The bytes it came in, kept so that an unchanged message leaves as it came. */
  readonly #origin: Buffer | undefined;
  #bodyChanged = false;

  protected constructor(headers: HeaderList, body: Buffer = EMPTY, origin?: Buffer) {
    this.headers = headers;
    this.#body = body;
    this.#origin = origin;
  }

  /** The first line without its CRLF. */
  abstract get startLine(): string;

  protected abstract get startLineChanged(): boolean;

  get body(): Buffer {
    return this.#body;
  }

  /** Content-Length follows when the message is written. */
  set body(body: Buffer) {
    this.#body = body;
    this.#bodyChanged = true;
  }

  /** Sets the body and its Content-Type together. */
  setBody(contentType: string, body: Buffer | string): void {
    this.headers.set('Content-Type', contentType);
    this.body = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  }

  /**
   * The bytes on the wire. An unchanged message leaves as it came; in a changed one every untouched line does.
   * Content-Length is put right or added.
   */
  toBuffer(): Buffer {
    if (this.#origin && !this.headers.changed && !this.#bodyChanged && !this.startLineChanged)
      return this.#origin;
    if (this.contentLength !== this.#body.length)
      this.headers.set('Content-Length', String(this.#body.length));
    const head = `${this.startLine}\r\n${this.headers.format()}\r\n`;
    const bytes = Buffer.allocUnsafe(head.length + this.#body.length);
    bytes.write(head, 0, 'latin1');
    this.#body.copy(bytes, head.length);
    return bytes;
  }

  toString(): string {
    return this.toBuffer().toString('utf8');
  }

  /** The first raw value under any name of the field; undefined when it is not there. */
  header(name: string): string | undefined {
    return this.headers.get(name);
  }

  /** All raw values, comma lists cut where the field is a list. */
  headerValues(name: string): string[] {
    return this.headers.values(name);
  }

  /**
   * The typed value of a field of the table, read once: the value or undefined for a single one, the values for a
   * list. What does not follow its grammar is left out; `faults` names it.
   */
  typed<Name extends HeaderName>(name: Name): HeaderValue<Name> {
    const row = headerRow(name);
    // The row of that name carries the reader whose type HeaderValue is made of.
    return (row ? readingOf(this.headers, row).value : undefined) as HeaderValue<Name>;
  }

  /** The header fields that stand there but cannot be read, or stand more often than they may. */
  faults(): HeaderRow[] {
    const rows = new Set<HeaderRow>();
    for (const { row } of this.headers.fields) if (row && readingOf(this.headers, row).fault) rows.add(row);
    return [...rows];
  }

  get callId(): string {
    return this.typed('Call-ID') ?? '';
  }

  get cseq(): CSeq {
    return this.typed('CSeq') ?? absent('CSeq');
  }

  get from(): NameAddr {
    return this.typed('From') ?? absent('From');
  }

  get to(): NameAddr {
    return this.typed('To') ?? absent('To');
  }

  get vias(): readonly Via[] {
    return this.typed('Via');
  }

  get topVia(): Via {
    return this.vias[0] ?? absent('Via');
  }

  /** Without `*`; see `contactIsStar`. */
  get contacts(): readonly NameAddr[] {
    return this.typed('Contact').filter((contact) => contact !== '*');
  }

  get contactIsStar(): boolean {
    return this.typed('Contact').includes('*');
  }

  get maxForwards(): number | undefined {
    return this.typed('Max-Forwards');
  }

  get contentType(): MediaType | undefined {
    return this.typed('Content-Type');
  }

  get contentLength(): number | undefined {
    return this.typed('Content-Length');
  }

  get routes(): readonly NameAddr[] {
    return this.typed('Route');
  }

  get recordRoutes(): readonly NameAddr[] {
    return this.typed('Record-Route');
  }

  get paths(): readonly NameAddr[] {
    return this.typed('Path');
  }

  get serviceRoutes(): readonly NameAddr[] {
    return this.typed('Service-Route');
  }

  /** Option tags; compare them with `hasToken`. */
  get supported(): readonly string[] {
    return this.typed('Supported');
  }

  get require(): readonly string[] {
    return this.typed('Require');
  }

  get proxyRequire(): readonly string[] {
    return this.typed('Proxy-Require');
  }

  get unsupported(): readonly string[] {
    return this.typed('Unsupported');
  }

  get allow(): readonly string[] {
    return this.typed('Allow');
  }

  /** Seconds. */
  get expires(): number | undefined {
    return this.typed('Expires');
  }

  /** Seconds. */
  get minExpires(): number | undefined {
    return this.typed('Min-Expires');
  }

  /** Seconds. */
  get retryAfter(): number | undefined {
    return this.typed('Retry-After')?.value;
  }

  get event(): EventType | undefined {
    return this.typed('Event');
  }

  get subscriptionState(): SubscriptionState | undefined {
    return this.typed('Subscription-State');
  }

  get reasons(): readonly Reason[] {
    return this.typed('Reason');
  }

  get assertedIdentities(): readonly NameAddr[] {
    return this.typed('P-Asserted-Identity');
  }

  get associatedUris(): readonly NameAddr[] {
    return this.typed('P-Associated-URI');
  }

  get calledParty(): NameAddr | undefined {
    return this.typed('P-Called-Party-ID');
  }

  /** The first value counts. */
  get additionalIdentity(): NameAddr | undefined {
    return this.typed('Additional-Identity')[0];
  }

  /** In lower case. */
  get privacy(): readonly string[] {
    return this.typed('Privacy') ?? [];
  }

  /** Directions in lower case, in order. */
  get earlyMedia(): readonly string[] {
    return this.typed('P-Early-Media').map((word) => word.toLowerCase());
  }

  get rseq(): number | undefined {
    return this.typed('RSeq');
  }

  challenges(name: 'WWW-Authenticate' | 'Proxy-Authenticate'): readonly AuthValue[] {
    return this.typed(name);
  }

  authorizations(name: 'Authorization' | 'Proxy-Authorization'): readonly AuthValue[] {
    return this.typed(name);
  }

  get authenticationInfo(): HeaderValue<'Authentication-Info'> {
    return this.typed('Authentication-Info');
  }
}

/** Option tags and methods of a list, compared without regard to case. */
export const hasToken = (tokens: readonly string[], wanted: string): boolean =>
  tokens.some((token) => token.length === wanted.length && token.toLowerCase() === wanted.toLowerCase());

function absent(name: string): never {
  throw new TandemError('ours', 'sip.message', `The message has no readable ${name} header field.`);
}

/** Reads all fields of one kind. */
function read(headers: HeaderList, row: HeaderRow): Reading {
  if (row.form === 'single') return readSingle(headers, row);
  const values: unknown[] = [];
  let fault = false;
  for (const field of headers.fields) {
    if (field.row !== row) continue;
    const elements = row.form === 'list' ? splitList(field.value) : [field.value];
    if (!elements) {
      fault = true;
      continue;
    }
    for (const element of elements) {
      const value = row.read(element);
      if (value === undefined) fault = true;
      else values.push(value);
    }
  }
  return { value: values, fault };
}

function readSingle(headers: HeaderList, row: HeaderRow): Reading {
  let value: unknown;
  let count = 0;
  for (const field of headers.fields) {
    if (field.row !== row) continue;
    count += 1;
    if (count === 1) value = row.read(field.value);
  }
  return { value, fault: count > 1 || (count === 1 && value === undefined) };
}

/** The reading of a field of the table, done once. */
export const readingOf = (headers: HeaderList, row: HeaderRow): Reading =>
  headers.kept(row.key) ?? headers.keep(row.key, read(headers, row));
