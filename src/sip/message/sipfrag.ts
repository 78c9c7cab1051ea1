// RFC 3420 message/sipfrag: the beginning of a message, as the NOTIFY of a REFER carries it (RFC 3515 2.4.5).
import { err, ok, type Result } from '#src/base/result.ts';
import { type SyntaxFault, syntaxFault } from './fault.ts';
import { HeaderList } from './header-list.ts';
import { DEFAULT_LIMITS, readHeaderFields, readStartLine, type StartLine } from './parse.ts';

export interface SipFragment {
  /** Undefined when the fragment begins with a header field. */
  readonly start: StartLine | undefined;
  readonly headers: HeaderList;
  readonly body: Buffer;
}

/** Of a status line that is worth reading. */
const MOST_LINE = 1024;
const BLANK_LINE = Buffer.from('\r\n\r\n', 'latin1');

/** Reads a fragment. The last line may lack its CRLF. */
export function parseSipFragment(bytes: Buffer): Result<SipFragment, SyntaxFault> {
  const blank = bytes.indexOf(BLANK_LINE);
  const headEnd = blank < 0 ? bytes.length : blank + 2;
  if (headEnd > DEFAULT_LIMITS.head) return err(syntaxFault('SIP fragment too large'));
  const head = bytes.toString('latin1', 0, headEnd);
  const lineEnd = head.indexOf('\r\n');
  const firstLine = lineEnd < 0 ? head : head.slice(0, lineEnd);
  const start = readStartLine(firstLine, DEFAULT_LIMITS);
  const rest = start.fault ? head : head.slice(firstLine.length + 2);
  const headers = rest === '' ? new HeaderList() : readHeaderFields(rest);
  if (!headers || head === '') return err(syntaxFault('Malformed SIP fragment'));
  const body = blank < 0 ? Buffer.alloc(0) : bytes.subarray(blank + BLANK_LINE.length);
  return ok({ start: start.fault ? undefined : start.line, headers, body });
}

/**
 * The status that a fragment reports, with its phrase; undefined when it is no response. Only the first line is looked at,
 * and a bare LF ends it as well: baresip writes one.
 */
export function fragmentStatus(
  bytes: Buffer,
): { readonly status: number; readonly reason: string } | undefined {
  const [line = ''] = bytes.toString('latin1', 0, MOST_LINE).trimStart().split(/\r?\n/, 1);
  const { line: start } = readStartLine(line, DEFAULT_LIMITS);
  return start?.kind === 'response' ? { status: start.status, reason: start.reason } : undefined;
}
