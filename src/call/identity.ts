// When two URIs mean the same subscriber (24.229 4.2; details 1.5).
import { SipUri, TelUri, type Uri, uriEquals } from '#src/sip/message/uri.ts';

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
