// Which of our identities a call uses (24.229 5.1.2A.1.1, NG.110 2.4.6.1; details 6.2).
import { TandemError } from '#src/base/errors.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { parseUri, SipUri, TelUri, type Uri, uriEquals } from '#src/sip/message/uri.ts';

/** RFC 3323 4.1: shown instead of us. */
export const ANONYMOUS = NameAddr.of(SipUri.of({ user: 'anonymous', host: 'anonymous.invalid' }), {
  displayName: 'Anonymous',
});

/**
 * Whether two URIs mean the same subscriber: equal, or the same global number as tel URI, or as SIP URI with
 * `user=phone` (24.229 4.2: each tel URI has such a companion).
 */
export function sameIdentity(a: Uri, b: Uri): boolean {
  if (uriEquals(a, b)) return true;
  const number = globalNumber(a);
  if (number === undefined || number !== globalNumber(b)) return false;
  return a instanceof TelUri || b instanceof TelUri;
}

/** `+46701234567` of a tel URI or of a SIP URI whose user part is one. */
function globalNumber(uri: Uri): string | undefined {
  const text =
    uri instanceof TelUri ? uri.number : uri instanceof SipUri ? uri.user?.split(';')[0] : undefined;
  const digits = text?.replace(/[().-]/g, '');
  return digits && /^\+[0-9]+$/.test(digits) ? digits : undefined;
}

/**
 * The identity for an outgoing call. Only those of the subscription may be used (MD-2.4.6.1a).
 * Throws TandemError `call.identity` for another one, `call.not-registered` while there is none.
 */
export function chooseIdentity(identities: readonly NameAddr[], wanted: string | undefined): NameAddr {
  const [first] = identities;
  if (!first) {
    throw new TandemError('operator', 'call.not-registered', 'No identity to call with: not registered.');
  }
  if (wanted === undefined) return first;
  const parsed = parseUri(/^[A-Za-z][\w+.-]*:/.test(wanted) ? wanted : `tel:${wanted}`);
  const found = parsed.ok && identities.find((identity) => sameIdentity(identity.uri, parsed.value));
  if (!found) {
    throw new TandemError('caller', 'call.identity', 'This identity does not belong to the account.', {
      detail: { identity: wanted },
    });
  }
  return found;
}
