// The session description in a message: the body itself or a part of it (RFC 3261 7.4, 8.2.3, 20.11; RFC 5621).
import { isRequest, type SipMessage } from '#src/sip/message/message.ts';
import { bodyOfType, type Part, parseMultipart, partType } from '#src/sip/message/multipart.ts';
import type { MediaType } from '#src/sip/message/values.ts';
import { CALL_WAITING_TYPE, SDP_TYPE } from './capabilities.ts';
import type { Refusal } from './facts.ts';

/** `none`: no body, or none that must be understood. `foreign`: one that must be and is not. */
export type SdpBody =
  | { readonly kind: 'sdp'; readonly bytes: Buffer }
  | { readonly kind: 'none' }
  | { readonly kind: 'foreign' };

/** RFC 3261 8.2.3: what we would have taken. */
export const UNSUPPORTED_BODY: Refusal = {
  status: 415,
  headers: [
    ['Accept', `${SDP_TYPE}, ${CALL_WAITING_TYPE}`],
    ['Accept-Encoding', 'identity'],
  ],
};

const PLAIN = /^(?:identity)?$/i;
/** Parts in parts; deeper ones are nobody's descriptions. */
const MOST_DEPTH = 3;
const FOREIGN: SdpBody = { kind: 'foreign' };
const NONE: SdpBody = { kind: 'none' };

interface Disposition {
  readonly type: string | undefined;
  readonly optional: boolean;
}

/** RFC 3261 20.11: `session;handling=optional`; what is not optional must be understood. */
function dispositionOf(value: string | undefined): Disposition {
  const [type = '', ...params] = (value ?? '').toLowerCase().split(';');
  const optional = params.some((param) => /^\s*handling\s*=\s*"?optional"?\s*$/.test(param));
  return { type: type.trim() || undefined, optional };
}

export function sdpBody(message: SipMessage): SdpBody {
  if (message.body.length === 0) return NONE;
  const type = message.contentType;
  const header = (name: string): string | undefined => message.header(name);
  // A body without Content-Type is what some intercoms send; it can only be a description.
  if (type === undefined) return isPlain(header) ? { kind: 'sdp', bytes: message.body } : FOREIGN;
  const found = bodyOf(type, message.body, header, MOST_DEPTH);
  if (found.kind !== 'foreign' || (isRequest(message) && message.method !== 'ACK')) return found;
  // Nobody can refuse a response or an ACK for what stands beside the description.
  const bytes = bodyOfType(message, SDP_TYPE);
  return bytes && isPlain(header) ? { kind: 'sdp', bytes } : found;
}

const isPlain = (header: (name: string) => string | undefined): boolean =>
  // RFC 3261 20.12: what is encoded we cannot read.
  PLAIN.test(header('Content-Encoding')?.trim() ?? '');

function bodyOf(
  type: MediaType,
  body: Buffer,
  header: (name: string) => string | undefined,
  depth: number,
): SdpBody {
  const disposition = dispositionOf(header('Content-Disposition'));
  const unknown = disposition.optional ? NONE : FOREIGN;
  if (!isPlain(header)) return unknown;
  if (type.value === SDP_TYPE) {
    // RFC 3959 has descriptions that are not the session's.
    const isSession = disposition.type === undefined || disposition.type === 'session';
    return isSession ? { kind: 'sdp', bytes: body } : unknown;
  }
  if (type.value === CALL_WAITING_TYPE) return NONE;
  if (type.type !== 'multipart' || depth === 0) return unknown;
  const parts = parseMultipart(body, type.params.get('boundary') ?? '');
  if (!parts.ok) return unknown;
  const found = parts.value.map((part) => bodyOfPart(part, depth - 1));
  const described = found.find(({ kind }) => kind === 'sdp');
  // Of alternatives one is enough (RFC 5621 3.1.1).
  if (type.value === 'multipart/alternative')
    return described ?? found.find(({ kind }) => kind === 'none') ?? unknown;
  return found.some(({ kind }) => kind === 'foreign') ? unknown : (described ?? NONE);
}

function bodyOfPart(part: Part, depth: number): SdpBody {
  const type = partType(part);
  const header = (name: string): string | undefined => part.headers.get(name);
  if (type === undefined) return dispositionOf(header('Content-Disposition')).optional ? NONE : FOREIGN;
  return bodyOf(type, part.body, header, depth);
}

/** The bytes of a description, if there is one. */
export function sdpBytes(message: SipMessage): Buffer | undefined {
  const body = sdpBody(message);
  return body.kind === 'sdp' ? body.bytes : undefined;
}
