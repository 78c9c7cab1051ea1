// What an owner may type or say, as a Request-URI (IR.92 2.2.3, RFC 3966 5, RFC 3261 19.1.6).
import { isIP } from 'node:net';
import { TandemError } from '#src/base/errors.ts';
import { Params } from '#src/sip/message/params.ts';
import { escapeUser, parseUri, SipUri, TelUri, type Uri } from '#src/sip/message/uri.ts';
import { globalNumber, numberingPlan } from './numbering-plans.ts';
import { plainDigits } from './plain-digits.ts';

export interface DialingRules {
  /** `ims` dials numbers as tel URIs, `sip` as users of the registrar. */
  readonly profile: 'ims' | 'sip';
  /** Home domain: the context of local numbers. Without it only full addresses can be dialled. */
  readonly domain?: string | undefined;
  /** Where the owner lives: "SE" or "46". Without it a number without `+` stays as it was dialled. */
  readonly country?: string | undefined;
}

/** RFC 3966 3: allowed between digits for people's eyes; blanks and slashes are what people type. */
const VISUAL_SEPARATORS = /[\s().\-/]/g;
const GLOBAL_NUMBER = /^\+[0-9]{1,15}$/;
const LOCAL_NUMBER = /^[0-9*#]{1,32}$/;
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?$/;
const MAX_INPUT = 512;

/** Throws TandemError `call.target` (the caller's fault) for what cannot be dialled. */
export function dialTarget(input: string, rules: DialingRules): Uri {
  const text = input.trim();
  if (text === '' || text.length > MAX_INPUT) throw undiallable(input, 'Nothing to dial was given.');
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'sip' || scheme === 'sips' || scheme === 'tel') return fromUri(input, text, rules);
  if (scheme !== undefined && ['urn', 'mailto', 'http', 'https', 'im', 'pres'].includes(scheme)) {
    throw undiallable(input, `An address that begins with ${scheme}: cannot be called.`);
  }
  const host = bareHost(text, rules);
  if (host) return host;
  const number = worldwide(plainDigits(text), rules);
  if (GLOBAL_NUMBER.test(number) || LOCAL_NUMBER.test(number)) return fromNumber(input, number, rules);
  return fromName(input, text, rules);
}

function fromUri(input: string, text: string, rules: DialingRules): Uri {
  const parsed = parseUri(text);
  if (!parsed.ok) throw undiallable(input, 'This address is not written as it must be.');
  const uri = parsed.value;
  if (uri instanceof TelUri) return normalTel(input, uri, rules);
  if (!(uri instanceof SipUri)) throw undiallable(input, 'This address cannot be called.');
  // A method or header fields in a dialled address would let a web link write our request (RFC 3261 19.1.5).
  if (uri.headers !== undefined || uri.params.has('method')) {
    throw undiallable(input, 'An address with header fields in it is not dialled.');
  }
  return uri;
}

/**
 * Without visual separators, and with `+` where the country's prefixes tell what is meant. `(0)` in a number with `+` is
 * for people inside the country (E.123 2.5).
 */
function worldwide(text: string, { country }: DialingRules): string {
  const isGlobal = text.trimStart().startsWith('+');
  const number = (isGlobal ? text.replace('(0)', '') : text).replace(VISUAL_SEPARATORS, '');
  const plan = country === undefined ? undefined : numberingPlan(country);
  return (plan && globalNumber(number, plan)) ?? number;
}

/** Without visual separators; a local number gets the context it lacks. */
function normalTel(input: string, uri: TelUri, rules: DialingRules): TelUri {
  const hasContext = uri.params.has('phone-context');
  const number = hasContext ? uri.number.replace(VISUAL_SEPARATORS, '') : worldwide(uri.number, rules);
  if (GLOBAL_NUMBER.test(number)) return new TelUri(number, uri.params);
  if (!LOCAL_NUMBER.test(number)) throw undiallable(input, 'This is not a telephone number.');
  if (hasContext) return new TelUri(number, uri.params);
  return new TelUri(number, uri.params.with('phone-context', domainOf(input, rules)));
}

function fromNumber(input: string, number: string, rules: DialingRules): Uri {
  if (rules.profile === 'ims') {
    if (GLOBAL_NUMBER.test(number)) return new TelUri(number);
    return new TelUri(number, Params.of([['phone-context', domainOf(input, rules)]]));
  }
  return SipUri.of({ user: escapeUser(number), host: domainOf(input, rules) });
}

/** RFC 3261 19.1.6: the same number for who takes SIP URIs only; its context goes into the user part (IR.92 2.2.3). */
export const numberAtDomain = ({ digits, params }: TelUri, domain: string): SipUri =>
  SipUri.of({
    user: escapeUser(`${digits}${params.toString()}`),
    host: domain,
    params: Params.of([['user', 'phone']]),
  });

/** `192.0.2.1`, `[2001:db8::1]:5062`, `door.example.com:5062`: an intercom by its address. */
function bareHost(text: string, rules: DialingRules): SipUri | undefined {
  if (isIP(text) !== 0) return SipUri.of({ host: text });
  if (!HOST.test(text)) return undefined;
  const hasPort = /:\d+$/.test(text);
  // With a home domain `john.doe` is a name there; without one it can only be a host.
  const isNamed = /[A-Za-z]/.test(text) && text.includes('.') && rules.domain === undefined;
  if (!hasPort && !isNamed) return undefined;
  const parsed = parseUri(`sip:${text}`);
  return parsed.ok && parsed.value instanceof SipUri ? parsed.value : undefined;
}

/** `alice` or `alice@example.com`. */
function fromName(input: string, text: string, rules: DialingRules): SipUri {
  if (text.includes('@')) {
    const parsed = parseUri(`sip:${text}`);
    const uri = parsed.ok && parsed.value instanceof SipUri ? parsed.value : undefined;
    if (uri && uri.headers === undefined && !uri.params.has('method')) return uri;
    throw undiallable(input, 'This address is not written as it must be.');
  }
  if (/[\s<>"\p{C}]/u.test(text)) throw undiallable(input, 'This is neither a number nor an address.');
  return SipUri.of({ user: escapeUser(text), host: domainOf(input, rules) });
}

function domainOf(input: string, rules: DialingRules): string {
  if (rules.domain === undefined) {
    throw undiallable(input, 'Without an account only full addresses can be dialled.');
  }
  return rules.domain;
}

const undiallable = (input: string, message: string): TandemError =>
  new TandemError('caller', 'call.target', message, { detail: { to: input.slice(0, MAX_INPUT) } });
