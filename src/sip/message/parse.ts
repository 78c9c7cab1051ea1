// RFC 3261 7, 18.3 From bytes to a message, or to the reason why not. One pass over the head, linear in its length.
import { err, ok, type Result } from '#src/base/result.ts';
import { CR, isBlankCode, isToken, LF, parseDecimal, skipClass, TOKEN, trimEnd } from './chars.ts';
import { HeaderField, HeaderList } from './header-list.ts';
import { type HeaderRow, headerRow, rowAt } from './headers.ts';
import { readingOf, type SipMessage, SipRequest, SipResponse } from './message.ts';
import { OtherUri, scanUri, type Uri } from './uri.ts';
import { uint32 } from './values.ts';
import { Via } from './via.ts';

/** What is too much, in octets and lines. */
export interface MessageLimits {
  /** Start line, header fields and the empty line. */
  readonly head: number;
  readonly body: number;
  readonly headerLines: number;
  readonly requestUri: number;
}

export const DEFAULT_LIMITS: MessageLimits = {
  head: 64 * 1024,
  body: 1024 * 1024,
  headerLines: 256,
  requestUri: 8 * 1024,
};

/** Why bytes are no message that can be used. */
export interface MessageFault {
  /** Fit for a reason phrase and a log line: no text of the peer in it. */
  readonly reason: string;
  /** The status that a server answers; undefined when no answer is possible and the bytes are dropped and counted. */
  readonly status?: number;
  /** What could be read: enough to answer when there is a `status`. */
  readonly partial?: SipRequest | SipResponse;
}

export interface ParseOptions {
  readonly limits?: Partial<MessageLimits>;
  /** Bytes of one datagram: what follows the body is dropped (RFC 3261 18.3). */
  readonly datagram?: boolean;
}

const BAD_REQUEST = 400;
const URI_TOO_LONG = 414;
const VERSION_NOT_SUPPORTED = 505;
const TOO_LARGE = 513;
const STATUS_DIGITS = 3;
const HEAD_END = Buffer.from('\r\n\r\n', 'latin1');
const EMPTY = Buffer.alloc(0);

/** Must be there, must be readable and may stand only once (Max-Forwards and Content-Length may be absent). */
const rowsOf = (names: readonly string[]): readonly HeaderRow[] =>
  names.flatMap((name) => headerRow(name) ?? []);
const REQUIRED = rowsOf(['Via', 'To', 'From', 'Call-ID', 'CSeq']);
const OPTIONAL = rowsOf(['Max-Forwards', 'Content-Length']);

/** The first line of a message. */
export type StartLine =
  | { readonly kind: 'request'; readonly method: string; readonly uri: Uri }
  | { readonly kind: 'response'; readonly status: number; readonly reason: string };

interface Head {
  readonly start: StartLine | undefined;
  readonly headers: HeaderList;
  /** The first thing found wrong, with its status. */
  readonly fault: { readonly reason: string; readonly status: number } | undefined;
}

/** Reads one whole message. Never throws. */
export function parseMessage(bytes: Buffer, options: ParseOptions = {}): Result<SipMessage, MessageFault> {
  const limits = options.limits ? { ...DEFAULT_LIMITS, ...options.limits } : DEFAULT_LIMITS;
  const start = skipLeadingLines(bytes);
  const end = bytes.indexOf(HEAD_END, start);
  const headEnd = end < 0 ? bytes.length : end + 2;
  if (headEnd + 2 - start > limits.head) return err(oversizedHead(bytes.subarray(start), limits));
  const head = readHead(bytes.toString('latin1', start, headEnd), limits);
  if (head.fault) return err(fault(head, head.fault.reason, head.fault.status));
  if (end < 0) return err(fault(head, 'Missing empty line after the header', BAD_REQUEST));
  return withBody(head, bytes, start, end + HEAD_END.length, limits, options.datagram === true);
}

/** The octets of the body that a head (without its empty line) announces; on a stream it must (RFC 3261 20.14). */
export function measureBody(bytes: Buffer, limits: MessageLimits): Result<number, MessageFault> {
  const head = readHead(bytes.toString('latin1'), limits);
  const lengths = head.headers.all('content-length');
  const [field] = lengths;
  if (!field)
    return err(fault(head, head.fault?.reason ?? 'Missing Content-Length header field', BAD_REQUEST));
  const length = uint32(field.value);
  if (length === undefined || lengths.length > 1) {
    return err(fault(head, 'Bad Content-Length header field', BAD_REQUEST));
  }
  return length > limits.body ? err(fault(head, 'Message body too large', TOO_LARGE)) : ok(length);
}

/** The fault of a head that has passed its limit; `bytes` begins with it. */
export function oversizedHead(bytes: Buffer, limits: MessageLimits): MessageFault {
  return fault(
    readHead(bytes.toString('latin1', 0, limits.head), limits),
    'Message header too large',
    TOO_LARGE,
  );
}

/** CRLFs before the start line are skipped (RFC 3261 7.5). */
function skipLeadingLines(bytes: Buffer): number {
  let start = 0;
  while (bytes[start] === CR && bytes[start + 1] === LF) start += 2;
  return start;
}

function withBody(
  head: Head,
  bytes: Buffer,
  start: number,
  bodyAt: number,
  limits: MessageLimits,
  datagram: boolean,
): Result<SipMessage, MessageFault> {
  const wrong = firstProblem(head.headers);
  if (wrong) return err(fault(head, wrong, BAD_REQUEST));
  const there = bytes.length - bodyAt;
  const length = contentLengthOf(head.headers) ?? there;
  if (length > limits.body) return err(fault(head, 'Message body too large', TOO_LARGE));
  if (length > there) return err(fault(head, 'Body shorter than Content-Length', BAD_REQUEST));
  if (length < there && !datagram) return err(fault(head, 'Body longer than Content-Length', BAD_REQUEST));
  const end = bodyAt + length;
  const origin = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
  const message = build(head, bytes.subarray(bodyAt, end), origin);
  if (message instanceof SipRequest && message.cseq.method !== message.method) {
    return err(fault(head, 'CSeq method does not match', BAD_REQUEST));
  }
  return message ? ok(message) : err({ reason: 'Malformed start line' });
}

const CONTENT_LENGTH = headerRow('Content-Length');

/** Read by the row's own reader, which gives numbers. */
const contentLengthOf = (headers: HeaderList): number | undefined => {
  const value = CONTENT_LENGTH && readingOf(headers, CONTENT_LENGTH).value;
  return typeof value === 'number' ? value : undefined;
};

function build(head: Head, body: Buffer, origin?: Buffer): SipRequest | SipResponse | undefined {
  const { start, headers } = head;
  if (!start) return undefined;
  return start.kind === 'request'
    ? new SipRequest(start.method, start.uri, headers, body, origin)
    : new SipResponse(start.status, start.reason, headers, body, origin);
}

/** What is wrong with the mandatory header fields; undefined when nothing is. */
function firstProblem(headers: HeaderList): string | undefined {
  for (const row of REQUIRED) {
    const { value, fault: bad } = readingOf(headers, row);
    if (bad) return `Bad ${row.name} header field`;
    if (value === undefined || (Array.isArray(value) && value.length === 0))
      return `Missing ${row.name} header field`;
  }
  for (const row of OPTIONAL) if (readingOf(headers, row).fault) return `Bad ${row.name} header field`;
  return undefined;
}

/** A fault with a status only when an answer can be made: a request, not ACK, whose top Via can be used. */
function fault(head: Head, reason: string, status: number): MessageFault {
  const partial = build(head, EMPTY);
  if (!partial) return { reason };
  salvageVia(partial);
  const answerable = partial instanceof SipRequest && partial.method !== 'ACK' && partial.vias.length > 0;
  return answerable ? { reason, status, partial } : { reason, partial };
}

/** A top Via with broken parameters still says where an answer goes. */
function salvageVia(partial: SipMessage): void {
  if (partial.vias.length > 0) return;
  const via = Via.salvage(partial.header('Via') ?? '');
  if (via) partial.headers.set('Via', via.toString());
}

/** `text` is the head without its empty line. */
function readHead(text: string, limits: MessageLimits): Head {
  const lineEnd = text.indexOf('\r\n');
  const firstEnd = lineEnd < 0 ? text.length : lineEnd;
  const first = readStartLine(text.slice(0, firstEnd), limits);
  const read = readFields(text, firstEnd + 2, limits.headerLines);
  return { start: first.line, headers: new HeaderList(read.fields, false), fault: first.fault ?? read.fault };
}

/** Header fields alone: of a body part, or of a message/sipfrag. Undefined when a line is none. */
export function readHeaderFields(text: string): HeaderList | undefined {
  const { fields, fault: problem } = readFields(text, 0, DEFAULT_LIMITS.headerLines);
  return problem ? undefined : new HeaderList(fields, false);
}

interface Fields {
  readonly fields: HeaderField[];
  readonly fault: Head['fault'];
}

/** Reads lines from `at` on. A line that is no header field is a fault, but the others are still read. */
function readFields(text: string, start: number, limit: number): Fields {
  const fields: HeaderField[] = [];
  let problem: Head['fault'];
  let at = start;
  while (at < text.length) {
    if (fields.length === limit)
      return { fields, fault: { reason: 'Too many header fields', status: TOO_LARGE } };
    const line = findLine(text, at);
    if (line.stray) problem ??= { reason: 'Bare CR or LF in the header', status: BAD_REQUEST };
    const colon = text.indexOf(':', at);
    const nameEnd = trimEnd(text, at, colon);
    const named = colon > at && colon < line.end;
    const row = named ? rowAt(text, at, nameEnd) : undefined;
    if (row || (named && skipClass(text, at, TOKEN) === nameEnd && nameEnd > at)) {
      const { end, folded } = line;
      fields.push(new HeaderField(row, text, { name: at, nameEnd, value: colon + 1, end, folded }));
    } else problem ??= { reason: 'Malformed header line', status: BAD_REQUEST };
    at = line.end + 2;
  }
  return { fields, fault: problem };
}

interface Line {
  /** Where its CRLF stands, or the end of the text. */
  readonly end: number;
  /** It goes on behind a CRLF that blanks follow. */
  readonly folded: boolean;
  /** A CR or LF stands alone in it. */
  readonly stray: boolean;
}

function findLine(text: string, at: number): Line {
  let folded = false;
  let stray = false;
  for (let from = at; ; folded = true) {
    let end = text.indexOf('\r', from);
    const feed = text.indexOf('\n', from);
    if (feed !== end + 1 || end < 0) {
      stray ||= end >= 0 || feed >= 0;
      end = text.indexOf('\r\n', from);
    }
    if (end < 0) return { end: text.length, folded, stray };
    from = end + 2;
    if (from >= text.length || !isBlankCode(text.charCodeAt(from))) return { end, folded, stray };
  }
}

export interface FirstLine {
  readonly line: StartLine | undefined;
  readonly fault: Head['fault'];
}

const malformed = (line: StartLine | undefined, reason: string, status = BAD_REQUEST): FirstLine => ({
  line,
  fault: { reason, status },
});

/** Reads a first line without its CRLF. What could be read is given with the fault. */
export function readStartLine(line: string, limits: MessageLimits): FirstLine {
  if (/^SIP\//i.test(line)) return readStatusLine(line);
  const methodEnd = line.indexOf(' ');
  const method = methodEnd < 0 ? line : line.slice(0, methodEnd);
  if (methodEnd < 0 || !isToken(method)) return malformed(undefined, 'Malformed start line');
  const uriEnd = line.lastIndexOf(' ');
  const uriText = uriEnd > methodEnd ? line.slice(methodEnd + 1, uriEnd) : '';
  const version = line.slice(uriEnd + 1);
  if (uriText.length > limits.requestUri)
    return malformed(unreadable(method), 'Request-URI too long', URI_TOO_LONG);
  const uri = scanUri(uriText);
  const start: StartLine = uri ? { kind: 'request', method, uri } : unreadable(method);
  if (version.toUpperCase() !== 'SIP/2.0') {
    return /^SIP\/[0-9]+\.[0-9]+$/i.test(version)
      ? malformed(start, 'Version not supported', VERSION_NOT_SUPPORTED)
      : malformed(start, 'Malformed request line');
  }
  if (!uri) return malformed(start, 'Malformed Request-URI');
  if ((uri.scheme === 'sip' || uri.scheme === 'sips') && uri.headers !== undefined) {
    return malformed(start, 'Header fields in the Request-URI');
  }
  return { line: start, fault: undefined };
}

/** Stands in for a Request-URI that cannot be read, so that the request can be answered. */
const unreadable = (method: string): StartLine => ({
  kind: 'request',
  method,
  uri: new OtherUri('invalid', 'invalid:'),
});

function readStatusLine(line: string): FirstLine {
  const match = /^SIP\/([0-9]+\.[0-9]+) ([0-9]+)(?: (.*))?$/i.exec(line);
  const status = parseDecimal(match?.[2] ?? '', 699) ?? 0;
  if (match?.[1] !== '2.0' || match[2]?.length !== STATUS_DIGITS || status < 100) {
    return malformed(undefined, 'Malformed status line');
  }
  return { line: { kind: 'response', status, reason: match[3] ?? '' }, fault: undefined };
}
