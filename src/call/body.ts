// The session description in a message: the body itself or a part of it (RFC 3261 7.4, RFC 5621 6).
import type { SipMessage } from '#src/sip/message/message.ts';
import { findPart, parseMultipart } from '#src/sip/message/multipart.ts';
import { SDP_TYPE } from './capabilities.ts';

/** `none`: no body. `foreign`: a body of another kind, in which no description was found. */
export type SdpBody =
  | { readonly kind: 'sdp'; readonly bytes: Buffer }
  | { readonly kind: 'none' }
  | { readonly kind: 'foreign' };

const PLAIN = /^(?:identity)?$/i;

export function sdpBody(message: SipMessage): SdpBody {
  if (message.body.length === 0) return { kind: 'none' };
  // RFC 3261 20.12: what is encoded we cannot read.
  if (!PLAIN.test(message.header('Content-Encoding') ?? '')) return { kind: 'foreign' };
  const type = message.contentType;
  // A body without Content-Type is what some intercoms send; it can only be a description.
  if (type === undefined || type.value === SDP_TYPE) return { kind: 'sdp', bytes: message.body };
  if (!type.value.startsWith('multipart/')) return { kind: 'foreign' };
  const parts = parseMultipart(message.body, type.params.get('boundary') ?? '');
  const part = parts.ok ? findPart(parts.value, SDP_TYPE) : undefined;
  return part ? { kind: 'sdp', bytes: part.body } : { kind: 'foreign' };
}

/** The bytes of a description, if there is one. */
export function sdpBytes(message: SipMessage): Buffer | undefined {
  const body = sdpBody(message);
  return body.kind === 'sdp' ? body.bytes : undefined;
}
