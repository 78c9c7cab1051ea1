// When two URIs are the same: RFC 3261 19.1.4 (sip, sips), RFC 3966 5 (tel), RFC 8141 3 (urn).
import type { Params } from './params.ts';
import type { SipUri, TelUri, Uri, UrnUri } from './uri.ts';

/** A parameter of these that only one of the two has makes them different. */
const DECISIVE_PARAMS = ['user', 'ttl', 'method', 'maddr', 'transport'];

export function uriEquals(a: Uri, b: Uri): boolean {
  if (a.toString() === b.toString()) return true;
  if (a.scheme === 'tel' && b.scheme === 'tel') return telEquals(a, b);
  if (a.scheme === 'urn' && b.scheme === 'urn') return urnEquals(a, b);
  if (isSip(a) && isSip(b)) return sipEquals(a, b);
  return false;
}

const isSip = (uri: Uri): uri is SipUri => uri.scheme === 'sip' || uri.scheme === 'sips';

function sipEquals(a: SipUri, b: SipUri): boolean {
  return (
    a.scheme === b.scheme &&
    unescaped(a.user) === unescaped(b.user) &&
    unescaped(a.password) === unescaped(b.password) &&
    a.host.toLowerCase() === b.host.toLowerCase() &&
    a.port === b.port &&
    sipParamsMatch(a.params, b.params) &&
    sameHeaders(a.headers, b.headers)
  );
}

/** Other parameters count only when both have them. */
function sipParamsMatch(a: Params, b: Params): boolean {
  for (const [name, value] of a.entries()) {
    const other = b.get(name);
    if (other !== undefined && fold(value) !== fold(other)) return false;
  }
  return DECISIVE_PARAMS.every((name) => a.has(name) === b.has(name));
}

/** Header components are never ignored; their order does not matter. */
const sameHeaders = (a: string | undefined, b: string | undefined): boolean => headerSet(a) === headerSet(b);

const headerSet = (text: string | undefined): string =>
  (text ?? '')
    .split('&')
    .map((pair) => {
      const at = pair.indexOf('=');
      return `${fold(pair.slice(0, at))}=${unescaped(pair.slice(at + 1))}`;
    })
    .sort()
    .join('&');

function telEquals(a: TelUri, b: TelUri): boolean {
  return a.digits.toLowerCase() === b.digits.toLowerCase() && telParams(a.params) === telParams(b.params);
}

/** In phone-context the visual separators of a number do not count either. */
const telParams = (params: Params): string =>
  Array.from(params.entries(), ([name, value]) => {
    const folded = fold(value);
    return `${name.toLowerCase()}=${folded.startsWith('+') ? folded.replace(/[-.()]/g, '') : folded}`;
  })
    .sort()
    .join(';');

const urnEquals = (a: UrnUri, b: UrnUri): boolean =>
  a.nid.toLowerCase() === b.nid.toLowerCase() && upperEscapes(a.nss) === upperEscapes(b.nss);

const upperEscapes = (text: string): string => text.replace(/%[0-9a-f]{2}/gi, (hex) => hex.toUpperCase());

/** `%61` is `a`; an escaped reserved character is not the character (RFC 3261 19.1.4, RFC 2396 2.2). */
function unescaped(text: string | undefined): string | undefined {
  return text?.replace(/%([0-9A-Fa-f]{2})/g, (whole, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9\-_.!~*'()]/.test(character) ? character : whole.toUpperCase();
  });
}

const fold = (text: string): string => (unescaped(text) ?? '').toLowerCase();
