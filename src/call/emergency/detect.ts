// Whether what an owner dials is an emergency number, in whatever form (24.229 5.1.6.1, RFC 5031; MD-2.6b).
import { isIP } from 'node:net';
import { parseUri, SipUri, TelUri, UrnUri } from '#src/sip/message/uri.ts';
import { plainDigits } from '../plain-digits.ts';
import { EVERYWHERE, numbersOf } from './numbers.ts';

export interface EmergencyRules {
  readonly country?: string | undefined;
  readonly domain?: string | undefined;
  /** Further numbers that mean an emergency here. */
  readonly numbers: readonly string[];
}

export interface Emergency {
  /** `urn:service:sos`, or one of its kind. */
  readonly urn: UrnUri;
  /** As dialled; undefined for a URN. */
  readonly number?: string;
}

/** What people write between digits. */
const SEPARATORS = /[\s().\-/]/g;
/** `#` to send, as on a desk telephone, and pauses. */
const TRAILERS = /[#,;]+$/;
const SOS = /^service:sos(?:\.[a-z0-9.-]+)?$/i;

export function emergencyOf(input: string, rules: EmergencyRules): Emergency | undefined {
  // However long: what follows a number in an address must not hide it.
  const text = plainDigits(input).trim();
  if (text === '') return undefined;
  if (/^urn:/i.test(text)) return fromUrn(text);
  const number = numberOf(text, rules);
  if (number === undefined) return undefined;
  const known = numbersOf(rules.country);
  const extra = rules.numbers.some((each) => each.replace(SEPARATORS, '') === number);
  const service = known.get(number) ?? (extra ? 'any' : undefined);
  if (service === undefined) return undefined;
  return { urn: new UrnUri('service', service === 'any' ? 'sos' : `sos.${service}`), number };
}

function fromUrn(text: string): Emergency | undefined {
  const parsed = parseUri(text);
  if (!parsed.ok || !(parsed.value instanceof UrnUri)) return undefined;
  const { nid, nss } = parsed.value;
  if (!SOS.test(`${nid}:${nss}`)) return undefined;
  return { urn: new UrnUri('service', nss.toLowerCase()) };
}

/** The digits that a telephone would see. */
function numberOf(text: string, rules: EmergencyRules): string | undefined {
  const parsed = /^(?:tel|sips?):/i.test(text) ? parseUri(text) : undefined;
  if (parsed?.ok && parsed.value instanceof TelUri) return parsed.value.number.replace(SEPARATORS, '');
  if (parsed?.ok && parsed.value instanceof SipUri) return ofSip(parsed.value, rules);
  if (text.includes('@')) {
    const address = parseUri(`sip:${text}`);
    return address.ok && address.value instanceof SipUri ? ofSip(address.value, rules) : undefined;
  }
  // `10.1.1.1` is an intercom, not 10111.
  return isIP(text) === 0 ? text.replace(SEPARATORS, '').replace(TRAILERS, '') : undefined;
}

/** At another device on the LAN a short number may be somebody's name; the numbers of the whole world may not. */
function ofSip(uri: SipUri, { domain }: EmergencyRules): string | undefined {
  const [digits = ''] = plainDigits(decode(uri.user ?? '')).split(';');
  const user = digits.replace(SEPARATORS, '').replace(TRAILERS, '');
  const isNumber = uri.params.get('user')?.toLowerCase() === 'phone';
  const isDevice = isIP(uri.host) !== 0 && uri.host !== domain && !isNumber;
  return isDevice && !EVERYWHERE.includes(user) ? undefined : user;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
