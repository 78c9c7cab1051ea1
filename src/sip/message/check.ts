// RFC 3261 8.2 What a user agent server looks at before it acts on a request, in the order of that clause.
import { hasToken, type SipRequest } from './message.ts';

/** What this user agent can do. */
export interface Abilities {
  readonly methods: readonly string[];
  /** Option tags (Require). */
  readonly extensions: readonly string[];
  /** URI schemes of a Request-URI. Default: sip, sips, tel, urn. */
  readonly schemes?: readonly string[];
  /** Media types of a body (lower case), by method or for all; undefined leaves the body to the method's own code. */
  readonly contentTypes?: readonly string[];
  /** Media types that answers may have to carry: 406 when Accept names none of them. */
  readonly answerTypes?: readonly string[];
}

/** The answer that ends the request. */
export interface Refusal {
  readonly status: number;
  readonly reason?: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const DEFAULT_SCHEMES = ['sip', 'sips', 'tel', 'urn'];

/** Undefined when the request may go on; an ACK is never answered, so it is only dropped. */
export function checkRequest(request: SipRequest, abilities: Abilities): Refusal | undefined {
  return (
    checkHeaders(request) ??
    checkMethod(request, abilities) ??
    checkScheme(request, abilities) ??
    checkRequire(request, abilities) ??
    checkContent(request, abilities) ??
    checkAccept(request, abilities)
  );
}

/** Header fields that a user agent needs and cannot read (RFC 4475 3.1.2). */
function checkHeaders(request: SipRequest): Refusal | undefined {
  const bad = request.faults().find((row) => row.weight === 'vital');
  if (bad) return { status: 400, reason: `Bad ${bad.name} header field`, headers: [] };
  if (request.contactIsStar && (request.typed('Contact').length > 1 || request.method !== 'REGISTER')) {
    return { status: 400, reason: 'Bad Contact header field', headers: [] };
  }
  // RFC 3891 3: it means nothing elsewhere, and what it might mean there would be dangerous.
  if (request.method !== 'INVITE' && request.headers.has('Replaces')) {
    return { status: 400, reason: 'Replaces outside INVITE', headers: [] };
  }
  return undefined;
}

/** RFC 3261 8.2.1: a method nobody knows is 501 at a proxy and 405 here. */
function checkMethod(request: SipRequest, { methods }: Abilities): Refusal | undefined {
  return methods.includes(request.method)
    ? undefined
    : { status: 405, headers: [['Allow', methods.join(', ')]] };
}

/** RFC 3261 8.2.2.1 */
function checkScheme(request: SipRequest, { schemes = DEFAULT_SCHEMES }: Abilities): Refusal | undefined {
  return schemes.includes(request.requestUri.scheme) ? undefined : { status: 416, headers: [] };
}

/** RFC 3261 8.2.2.3: not for ACK and CANCEL. */
function checkRequire(request: SipRequest, { extensions }: Abilities): Refusal | undefined {
  if (request.method === 'ACK' || request.method === 'CANCEL') return undefined;
  const unknown = request.require.filter((tag) => !hasToken(extensions, tag));
  return unknown.length === 0 ? undefined : { status: 420, headers: [['Unsupported', unknown.join(', ')]] };
}

/** RFC 3261 8.2.3: a body that cannot be read, and is not optional. */
function checkContent(request: SipRequest, { contentTypes }: Abilities): Refusal | undefined {
  if (request.body.length === 0 || contentTypes === undefined) return undefined;
  if (request.typed('Content-Disposition')?.params.get('handling')?.toLowerCase() === 'optional')
    return undefined;
  if (request.typed('Content-Encoding').some((coding) => coding.toLowerCase() !== 'identity')) {
    return { status: 415, headers: [['Accept-Encoding', 'identity']] };
  }
  const type = request.contentType?.value;
  if (type !== undefined && contentTypes.includes(type)) return undefined;
  return { status: 415, headers: [['Accept', contentTypes.join(', ')]] };
}

/** RFC 3261 8.2.6, 21.4.7: an Accept that leaves no answer. An absent one means application/sdp, an empty one nothing. */
function checkAccept(request: SipRequest, { answerTypes }: Abilities): Refusal | undefined {
  if (answerTypes === undefined || !request.headers.has('Accept')) return undefined;
  const ranges = request.typed('Accept').map((range) => range.value);
  const fits = answerTypes.some(
    (type) => ranges.includes(type) || ranges.includes(`${type.split('/')[0]}/*`) || ranges.includes('*/*'),
  );
  return fits ? undefined : { status: 406, headers: [] };
}
