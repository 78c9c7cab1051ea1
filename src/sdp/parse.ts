// Reads a session description (RFC 8866 5): tolerant of what peers get wrong, strict about what would mislead.
import { err, ok, type Result } from '#src/base/result.ts';
import {
  type Line,
  MediaDescription,
  type MediaLine,
  parseConnection,
  parseMediaLine,
  SDP_LIMITS,
  SessionDescription,
} from './model.ts';

/** Why a description is refused. `line` counts from 1. */
export interface SdpFault {
  readonly kind: 'too-large' | 'syntax' | 'version' | 'media-line' | 'connection';
  readonly line: number;
  readonly reason: string;
}

const fault = (kind: SdpFault['kind'], at: number, reason: string): Result<never, SdpFault> =>
  err({ kind, line: at, reason });

/**
 * Taken as they come: LF instead of CRLF, blank lines, missing `o=`, `s=`, `t=`, unknown types, lines out of order.
 * Refused: more than `SDP_LIMITS`, no `v=0` in front, a line that is not `x=…`, an `m=` or `c=` line that cannot be read.
 */
export function parseSdp(body: Buffer): Result<SessionDescription, SdpFault> {
  if (body.length > SDP_LIMITS.octets) return fault('too-large', 0, `more than ${SDP_LIMITS.octets} octets`);
  const texts = body.toString('latin1').split('\n');
  if (texts.length > SDP_LIMITS.lines) return fault('too-large', 0, `more than ${SDP_LIMITS.lines} lines`);

  const session: Line[] = [];
  const media: MediaDescription[] = [];
  let section = session;
  let open: MediaLine | undefined;
  const close = (): void => {
    if (open) media.push(new MediaDescription(open, section));
  };

  for (const [index, raw] of texts.entries()) {
    const text = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (text.trim() === '') continue;
    const at = index + 1;
    if (!/^[A-Za-z]=/.test(text)) return fault('syntax', at, 'a line is a letter, = and a value');
    const entry: Line = { type: text.slice(0, 1), value: text.slice(2) };
    if (session.length === 0 && (entry.type !== 'v' || entry.value.trim() !== '0')) {
      return fault('version', at, 'a description begins with v=0');
    }
    if (entry.type === 'c' && !parseConnection(entry.value)) {
      return fault('connection', at, 'a connection is IN IP4 or IN IP6 and an address of that family');
    }
    if (entry.type === 'm') {
      const parsed = parseMediaLine(entry.value);
      if (!parsed) return fault('media-line', at, 'a media line is kind, port, protocol and formats');
      if (media.length + 1 >= SDP_LIMITS.media) return fault('too-large', at, 'too many media');
      close();
      open = parsed;
      section = [];
    }
    section.push(entry);
  }
  close();
  return session.length === 0
    ? fault('version', 0, 'nothing in it')
    : ok(new SessionDescription(session, media));
}
