// RFC 2046 5.1, RFC 5621 Multipart bodies: cut at the boundary, put together again.
import { err, ok, type Result } from '#src/base/result.ts';
import { type SyntaxFault, syntaxFault } from './fault.ts';
import { HeaderList } from './header-list.ts';
import type { SipMessage } from './message.ts';
import { readHeaderFields } from './parse.ts';
import { type MediaType, mediaType } from './values.ts';

export interface Part {
  readonly headers: HeaderList;
  readonly body: Buffer;
}

const MAX_PARTS = 64;
const MAX_PART_HEAD = 16 * 1024;
/** Blanks behind a boundary. */
const MAX_TAIL = 256;
const BLANK_LINE = Buffer.from('\r\n\r\n', 'latin1');

/** The type of a part; text/plain when it names none (RFC 2046 5.1). Undefined when it cannot be read. */
export const partType = (part: Part): MediaType | undefined =>
  mediaType(part.headers.get('Content-Type') ?? 'text/plain');

/** The first part of the type (lower case), or undefined. */
export const findPart = (parts: readonly Part[], type: string): Part | undefined =>
  parts.find((part) => partType(part)?.value === type);

/** The body of this type (lower case), or the part that has it. */
export function bodyOfType({ contentType, body }: SipMessage, wanted: string): Buffer | undefined {
  if (contentType?.value === wanted) return body;
  if (contentType?.type !== 'multipart') return undefined;
  const parts = parseMultipart(body, contentType.params.get('boundary') ?? '');
  return parts.ok ? findPart(parts.value, wanted)?.body : undefined;
}

/** `boundary` as in the Content-Type parameter. What stands before the first and after the last boundary is dropped. */
export function parseMultipart(body: Buffer, boundary: string): Result<Part[], SyntaxFault> {
  if (!/^[\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?]$/.test(boundary))
    return err(syntaxFault('Bad multipart boundary'));
  const parts: Part[] = [];
  let from = findDelimiter(body, boundary, 0);
  while (from && !from.last) {
    const to = findDelimiter(body, boundary, from.end);
    if (!to) return err(syntaxFault('Multipart body without its end'));
    const part = readPart(body.subarray(from.end, Math.max(from.end, to.start)));
    if (!part || parts.length === MAX_PARTS) return err(syntaxFault('Malformed multipart body'));
    parts.push(part);
    from = to;
  }
  return from ? ok(parts) : err(syntaxFault('Multipart body without its boundary'));
}

interface Delimiter {
  /** Where the part before it ends (its CRLF belongs to the delimiter). */
  readonly start: number;
  /** Where the next part begins. */
  readonly end: number;
  readonly last: boolean;
}

/** The next line that is `--boundary` or `--boundary--`, with blanks behind it. */
function findDelimiter(body: Buffer, boundary: string, from: number): Delimiter | undefined {
  const mark = Buffer.from(`--${boundary}`, 'latin1');
  for (let at = body.indexOf(mark, from); at >= 0; at = body.indexOf(mark, at + mark.length)) {
    const atLineStart = at === 0 || at === from || (body[at - 1] === 0x0a && body[at - 2] === 0x0d);
    if (!atLineStart) continue;
    // Bounded, so that a body full of boundaries without line ends stays linear.
    const tailEnd = Math.min(body.length, at + mark.length + MAX_TAIL);
    const tail = body.toString('latin1', at + mark.length, tailEnd);
    const cut = tail.indexOf('\r\n');
    const rest = cut < 0 ? tail : tail.slice(0, cut);
    if (!/^(--)?[ \t]*$/.test(rest)) continue;
    const lineEnd = cut < 0 ? -1 : at + mark.length + cut;
    const last = rest.startsWith('--');
    if (lineEnd < 0 && !last) return undefined;
    return { start: at - 2, end: lineEnd < 0 ? body.length : lineEnd + 2, last };
  }
  return undefined;
}

function readPart(bytes: Buffer): Part | undefined {
  // A part without header fields begins with the empty line.
  if (bytes[0] === 0x0d && bytes[1] === 0x0a) return { headers: new HeaderList([]), body: bytes.subarray(2) };
  const at = bytes.indexOf(BLANK_LINE);
  const headEnd = at < 0 ? bytes.length : at + 2;
  if (headEnd > MAX_PART_HEAD) return undefined;
  const headers = readHeaderFields(bytes.toString('latin1', 0, headEnd));
  return headers && { headers, body: at < 0 ? Buffer.alloc(0) : bytes.subarray(at + BLANK_LINE.length) };
}

/** The body of `multipart/...;boundary=...`; the boundary must not occur in a part, which a random one does not. */
export function buildMultipart(parts: readonly Part[], boundary: string): Buffer {
  const pieces = parts.flatMap(({ headers, body }) => [
    Buffer.from(`--${boundary}\r\n${headers.format()}\r\n`, 'latin1'),
    body,
    Buffer.from('\r\n', 'latin1'),
  ]);
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`, 'latin1')]);
}
