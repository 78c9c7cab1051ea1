// Refer-To (RFC 3515 2.1, RFC 3261 19.1.5): whom a REFER asks to be called, read with care and written.
import { err, ok, type Result } from '#src/base/result.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { SipUri, TelUri, type Uri } from '#src/sip/message/uri.ts';
import { numberAtDomain } from '../dial.ts';
import type { HeaderPairs } from '../facts.ts';
import { type DialogName, replacesValue } from '../replaces.ts';

export interface ReferTarget {
  /** Without method and header fields. */
  readonly uri: SipUri | TelUri;
  /** For the INVITE, as the Refer-To has them: Replaces and its Require among them. */
  readonly headers: HeaderPairs;
}

export interface ReferFault {
  readonly status: number;
  readonly reason: string;
}

/** RFC 3261 19.1.5 lets us decide; what names, routes, authenticates or fills a request is ours alone. */
const HONOURED: readonly string[] = [
  'replaces',
  'require',
  'accept-contact',
  'reject-contact',
  'request-disposition',
  'subject',
  'priority',
  'organization',
  'in-reply-to',
  'user-to-user',
];
/** Left out without harm: they change nothing about whom we call and as whom. */
const HARMLESS = /^x-/;
/** The option tags that an INVITE may be made to demand. */
const DEMANDS: readonly string[] = ['replaces'];
const MOST_HEADERS = 16;

const fault = (status: number, reason: string): Result<ReferTarget, ReferFault> => err({ status, reason });

/** What we are asked for: to call somebody; anything else is refused. */
export function readReferTo(request: SipRequest): Result<ReferTarget, ReferFault> {
  const uri = request.typed('Refer-To')?.uri;
  if (!uri) return fault(400, 'Refer-To missing');
  if (uri instanceof TelUri) return ok({ uri, headers: [] });
  if (!(uri instanceof SipUri)) return fault(416, 'Unsupported Refer-To scheme');
  const method = uri.params.get('method') ?? 'INVITE';
  if (method !== 'INVITE') return fault(403, 'Only INVITE may be referred to');
  const headers = readHeaders(uri.headers ?? '');
  return headers.ok
    ? ok({ uri: uri.withoutHeaders().withoutParam('method'), headers: headers.value })
    : headers;
}

function readHeaders(text: string): Result<HeaderPairs, ReferFault> {
  const found: (readonly [string, string])[] = [];
  const parts = text === '' ? [] : text.split('&');
  if (parts.length > MOST_HEADERS) return err({ status: 400, reason: 'Too much in Refer-To' });
  for (const part of parts) {
    const at = part.indexOf('=');
    const name = plainText(at < 0 ? part : part.slice(0, at));
    const value = plainText(at < 0 ? '' : part.slice(at + 1));
    if (!name || value === undefined) return err({ status: 400, reason: 'Bad Refer-To' });
    const key = name.toLowerCase();
    if (HARMLESS.test(key)) continue;
    if (!HONOURED.includes(key)) return err({ status: 403, reason: 'Forbidden header field in Refer-To' });
    if (found.some(([other]) => other.toLowerCase() === key))
      return err({ status: 400, reason: 'Bad Refer-To' });
    if (key === 'require' && !value.split(',').every((tag) => DEMANDS.includes(tag.trim().toLowerCase())))
      return err({ status: 403, reason: 'Unsupported demand in Refer-To' });
    found.push([name, value]);
  }
  return ok(found);
}

/** Undefined for broken escapes, and for what would begin a new line in our request. */
function plainText(text: string): string | undefined {
  try {
    const plain = decodeURIComponent(text);
    return /[\r\n\0]/.test(plain) ? undefined : plain;
  } catch {
    return undefined;
  }
}

export interface ReferWish {
  /** Default: none is written, which means INVITE. */
  readonly method?: 'INVITE' | 'BYE';
  /** The dialog that the call is to take the place of, as we name it. */
  readonly replaces?: DialogName;
}

/** As it stands in the header field. */
export function referTo(target: Uri, { method, replaces }: ReferWish = {}): string {
  if (!(target instanceof SipUri)) return `<${target.toString()}>`;
  const clean = target.withoutHeaders().withoutParam('method');
  const uri = method ? clean.withParam('method', method) : clean;
  const query = replaces ? `?Replaces=${encodeURIComponent(replacesValue(replaces))}&Require=replaces` : '';
  return `<${uri.toString()}${query}>`;
}

/** As a SIP URI, for where no tel URI may stand (24.147 5.3.1.5.3: with Replaces). */
export function sipForm(uri: Uri, domain: string | undefined): SipUri | undefined {
  if (uri instanceof SipUri) return uri;
  return uri instanceof TelUri && domain !== undefined ? numberAtDomain(uri, domain) : undefined;
}
