// Reads URIs: sip and sips (RFC 3261 25.1), tel (RFC 3966 3), urn (RFC 8141 2), any other as it came.
import { isIPv6 } from 'node:net';
import { err, ok, type Result } from '#src/base/result.ts';
import {
  COLON,
  escapesAreWhole,
  HOST,
  isAll,
  OPEN_BRACKET,
  PASSWORD,
  parseDecimal,
  QUESTION,
  SEMICOLON,
  skipClass,
  URI_HEADER,
  URI_PARAM,
  USER,
} from './chars.ts';
import { type SyntaxFault, syntaxFault } from './fault.ts';
import { Params } from './params.ts';
import { OtherUri, SipUri, TelUri, type Uri, UrnUri } from './uri.ts';

export const MAX_PORT = 65_535;
const USUAL = 'sip:';

/** Reads any URI; a scheme that is not known comes back as `OtherUri`. */
export function parseUri(text: string): Result<Uri, SyntaxFault> {
  const uri = scanUri(text);
  return uri ? ok(uri) : err(syntaxFault('Malformed URI'));
}

/** The same without the wrapping, for the parsers of header fields. */
export function scanUri(text: string): Uri | undefined {
  // The usual writing of the usual scheme needs no folding.
  if (text.startsWith(USUAL)) return scanSipUri('sip', text, USUAL.length);
  const colon = text.indexOf(':');
  if (colon <= 0) return undefined;
  const scheme = text.slice(0, colon).toLowerCase();
  switch (scheme) {
    case 'sip':
    case 'sips':
      return scanSipUri(scheme, text, colon + 1);
    case 'tel':
      return scanTelUri(text, colon + 1);
    case 'urn':
      return scanUrn(text, colon + 1);
    default:
      return /^[a-z][a-z0-9+.-]*$/.test(scheme) && isOpaque(text, colon + 1)
        ? new OtherUri(scheme, text)
        : undefined;
  }
}

function scanSipUri(scheme: 'sip' | 'sips', text: string, start: number): SipUri | undefined {
  if (!escapesAreWhole(text)) return undefined;
  let index = start;
  let user: string | undefined;
  let password: string | undefined;
  // `@` stands nowhere else in a SIP URI: an `@` in the user part must be escaped.
  const at = text.indexOf('@', start);
  if (at >= 0) {
    const userEnd = skipClass(text, start, USER);
    if (userEnd === start) return undefined;
    user = text.slice(start, userEnd);
    if (userEnd < at) {
      if (text.charCodeAt(userEnd) !== COLON || skipClass(text, userEnd + 1, PASSWORD) !== at)
        return undefined;
      password = text.slice(userEnd + 1, at);
    }
    index = at + 1;
  }
  const place = scanHostPort(text, index);
  if (!place) return undefined;
  index = place.end;
  const paramsEnd = scanUriParams(text, index);
  if (paramsEnd < 0) return undefined;
  const paramText = text.slice(index, paramsEnd);
  let headers: string | undefined;
  if (paramsEnd < text.length) {
    headers = text.slice(paramsEnd + 1);
    if (text.charCodeAt(paramsEnd) !== QUESTION || !isHeaderList(headers)) return undefined;
  }
  return new SipUri({ scheme, user, password, host: place.host, port: place.port, paramText, headers }, text);
}

/** hname "=" hvalue, joined by "&" (RFC 3261 25.1 `headers`). */
const isHeaderList = (text: string): boolean =>
  text.split('&').every((pair) => {
    const equals = pair.indexOf('=');
    return (
      equals > 0 && isAll(pair.slice(0, equals), URI_HEADER) && isAll(pair.slice(equals + 1), URI_HEADER)
    );
  });

/** The end of `;name[=value]...`, or -1 when a name is missing. */
function scanUriParams(text: string, at: number): number {
  let index = at;
  while (text.charCodeAt(index) === SEMICOLON) {
    const nameEnd = skipClass(text, index + 1, URI_PARAM);
    if (nameEnd === index + 1) return -1;
    index = text[nameEnd] === '=' ? skipClass(text, nameEnd + 1, URI_PARAM) : nameEnd;
  }
  return index;
}

export interface HostPort {
  readonly host: string;
  readonly port: number | undefined;
  /** Where the text goes on. */
  readonly end: number;
}

/** host [":" port] at `at` (RFC 3261 25.1); IPv6 references lose their brackets. */
export function scanHostPort(text: string, at: number): HostPort | undefined {
  let index: number;
  let host: string;
  if (text.charCodeAt(at) === OPEN_BRACKET) {
    const close = text.indexOf(']', at);
    if (close < 0) return undefined;
    const address = ipv6Of(text.slice(at + 1, close));
    if (address === undefined) return undefined;
    host = address;
    index = close + 1;
  } else {
    index = skipClass(text, at, HOST);
    if (index === at) return undefined;
    host = text.slice(at, index);
  }
  if (text.charCodeAt(index) !== COLON) return { host, port: undefined, end: index };
  let end = index + 1;
  while (text.charCodeAt(end) >= 0x30 && text.charCodeAt(end) <= 0x39) end += 1;
  const port = parseDecimal(text.slice(index + 1, end), MAX_PORT);
  return port === undefined ? undefined : { host, port, end };
}

/**
 * The IPv6 address of a reference, or undefined. RFC 3261's own ABNF allows a third colon before an embedded IPv4
 * address, and only there; it is taken out (RFC 5118 4.10). No zones.
 */
export function ipv6Of(text: string): string | undefined {
  if (text.includes('%')) return undefined;
  const address = text.replace(/:::(?=\d+\.\d+\.\d+\.\d+$)/, '::');
  return isIPv6(address) ? address : undefined;
}

function scanTelUri(text: string, start: number): TelUri | undefined {
  const paramsAt = text.indexOf(';', start);
  const number = text.slice(start, paramsAt < 0 ? text.length : paramsAt);
  const paramText = paramsAt < 0 ? '' : text.slice(paramsAt);
  // Global: "+" and digits; local: also letters a-f, "*", "#", with at least one of them.
  if (!/^(\+[-.()]*[0-9][0-9\-.()]*|[-.()]*[0-9A-Fa-f*#][0-9A-Fa-f*#\-.()]*)$/.test(number)) return undefined;
  if (!escapesAreWhole(paramText) || scanUriParams(paramText, 0) !== paramText.length) return undefined;
  return new TelUri(number, Params.fromUri(paramText), text);
}

function scanUrn(text: string, start: number): UrnUri | undefined {
  const colon = text.indexOf(':', start);
  const nid = text.slice(start, colon);
  if (colon < 0 || colon + 1 === text.length || !/^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/.test(nid))
    return undefined;
  return isOpaque(text, colon + 1) ? new UrnUri(nid, text.slice(colon + 1), text) : undefined;
}

/** Visible characters without delimiters; enough for a URI that we only carry. */
const isOpaque = (text: string, start: number): boolean =>
  start < text.length && /^[!#-;=?-Z[\]_a-z~]+$/.test(text.slice(start)) && escapesAreWhole(text);
