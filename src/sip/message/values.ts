// Typed values of header fields: what each grammar means, with the reader of one element. A reader takes a value that
// is unfolded and without blanks at its ends, and gives undefined when the text does not follow the grammar.
import {
  isToken,
  OPEN_PAREN,
  parseDecimal,
  SLASH,
  skipBlanks,
  skipClass,
  skipQuoted,
  splitOutside,
  TOKEN,
  trimBlanks,
  unquote,
} from './chars.ts';
import { toText } from './octets.ts';
import { Params } from './params.ts';
import { scanUri, type Uri } from './uri.ts';

export type Reader<Value> = (text: string) => Value | undefined;

/** RFC 3261 25.1 delta-seconds, CSeq: less than 2**32. */
const MAX_UINT32 = 2 ** 32 - 1;
/** RFC 3261 20.22. */
const MAX_MAX_FORWARDS = 255;

/** `value;param;param=x`: the shape of most header fields. */
export interface Parameterised<Value = string> {
  readonly value: Value;
  readonly params: Params;
}

export interface CSeq {
  readonly number: number;
  readonly method: string;
}

/** RFC 3261 20.15. */
export interface MediaType {
  /** In lower case: `application/sdp`. */
  readonly value: string;
  readonly type: string;
  readonly subtype: string;
  readonly params: Params;
}

/** RFC 6665 8.2.1. */
export interface EventType {
  /** Package with templates: `presence.winfo`. */
  readonly type: string;
  readonly id?: string;
  readonly params: Params;
}

/** RFC 6665 8.2.3. */
export interface SubscriptionState {
  /** In lower case: `active`, `pending`, `terminated`, or an extension. */
  readonly state: string;
  readonly reason?: string;
  /** Seconds. */
  readonly expires?: number;
  /** Seconds. */
  readonly retryAfter?: number;
  readonly params: Params;
}

/** RFC 3326 2. */
export interface Reason {
  readonly protocol: string;
  readonly cause?: number;
  readonly text?: string;
  readonly params: Params;
}

/** RFC 3261 20.43. */
export interface Warning {
  readonly code: number;
  readonly agent: string;
  readonly text: string;
}

/** RFC 3262 7.2. */
export interface RAck {
  readonly rseq: number;
  readonly cseq: number;
  readonly method: string;
}

/** RFC 3261 20.38, in seconds. */
export interface Timestamp {
  readonly value: number;
  readonly delay?: number;
}

/** RFC 3891 6.1 Replaces, RFC 3911 7.1 Join, RFC 4538 7 Target-Dialog. */
export interface DialogReference {
  readonly callId: string;
  readonly toTag?: string;
  readonly fromTag?: string;
  readonly earlyOnly: boolean;
  readonly params: Params;
}

/** RFC 3261 20.33, in seconds. */
export interface RetryAfter {
  readonly value: number;
  readonly comment?: string;
  readonly params: Params;
}

/** RFC 3261 20.7, 20.44: credentials or challenge; `params` are the comma-separated ones. */
export interface AuthValue {
  readonly scheme: string;
  readonly params: Params;
}

/** RFC 7315 5.4. */
export interface AccessNetwork {
  /** `IEEE-802.11`, `3GPP-E-UTRAN-FDD`, ... */
  readonly value: string;
  readonly params: Params;
  /** Written by the network, not by the phone. */
  readonly networkProvided: boolean;
}

export const rawText: Reader<string> = (text) => text;
export const token: Reader<string> = (text) => (isToken(text) ? text : undefined);
export const uint32: Reader<number> = (text) => parseDecimal(text, MAX_UINT32);
export const uint8: Reader<number> = (text) => parseDecimal(text, MAX_MAX_FORWARDS);
export const nonEmpty: Reader<string> = (text) => (text === '' ? undefined : text);
export const uriValue: Reader<Uri> = (text) => scanUri(text);

/** word [ "@" word ]: any visible text without blanks will do. */
export const callId: Reader<string> = (text) => (text === '' || /[ \t,;]/.test(text) ? undefined : text);

/** `head;params`, where the head is read by `reader`. */
function parameterised<Value>(reader: Reader<Value>): Reader<Parameterised<Value>> {
  return (text) => {
    const at = headEnd(text);
    const value = reader(trimBlanks(text.slice(0, at)));
    const params = value === undefined ? undefined : Params.scan(text, at);
    return value === undefined || params === undefined ? undefined : { value, params };
  };
}

/** The first `;` outside a leading quoted string. */
function headEnd(text: string): number {
  const from = text.startsWith('"') ? Math.max(0, skipQuoted(text, 0)) : 0;
  const at = text.indexOf(';', from);
  return at < 0 ? text.length : at;
}

export const tokenParams = parameterised(token);
export const numberParams = parameterised(uint32);
/** token / quoted-string, unquoted. */
export const tokenOrQuotedParams = parameterised<string>((text) => {
  if (!text.startsWith('"')) return token(text);
  return skipQuoted(text, 0) === text.length ? toText(unquote(text)) : undefined;
});

/** Parameters alone, the first without its semicolon: `icid-value=x;orig-ioi=y`. */
export const onlyParams: Reader<Params> = (text) => Params.scan(`;${text}`, 0);

/** Values joined by semicolons: Privacy (RFC 3323 4.2), in lower case. */
export const semicolonTokens: Reader<readonly string[]> = (text) => {
  const values = text.split(';').map((value) => trimBlanks(value).toLowerCase());
  return values.every(isToken) ? values : undefined;
};

export const cseq: Reader<CSeq> = (text) => {
  const space = skipClass(text, 0, TOKEN);
  const number = parseDecimal(text.slice(0, space), MAX_UINT32);
  const method = text.slice(skipBlanks(text, space));
  return number !== undefined && isToken(method) ? { number, method } : undefined;
};

export const rack: Reader<RAck> = (text) => {
  const match = /^([0-9]+)[ \t]+([0-9]+)[ \t]+([^ \t]+)$/.exec(text);
  const rseq = parseDecimal(match?.[1] ?? '', MAX_UINT32);
  const number = parseDecimal(match?.[2] ?? '', MAX_UINT32);
  const method = match?.[3] ?? '';
  return rseq !== undefined && number !== undefined && isToken(method)
    ? { rseq, cseq: number, method }
    : undefined;
};

export const mediaType: Reader<MediaType> = (text) => {
  const typeEnd = skipClass(text, 0, TOKEN);
  const slash = skipBlanks(text, typeEnd);
  const subtypeAt = skipBlanks(text, slash + 1);
  const subtypeEnd = skipClass(text, subtypeAt, TOKEN);
  if (typeEnd === 0 || text.charCodeAt(slash) !== SLASH || subtypeEnd === subtypeAt) return undefined;
  const params = Params.scan(text, subtypeEnd);
  if (!params) return undefined;
  const type = text.slice(0, typeEnd).toLowerCase();
  const subtype = text.slice(subtypeAt, subtypeEnd).toLowerCase();
  return { value: `${type}/${subtype}`, type, subtype, params };
};

export const eventType: Reader<EventType> = (text) => {
  const base = tokenParams(text);
  if (!base) return undefined;
  const id = base.params.get('id');
  return { type: base.value, params: base.params, ...(id ? { id } : {}) };
};

export const subscriptionState: Reader<SubscriptionState> = (text) => {
  const base = tokenParams(text);
  if (!base) return undefined;
  const reason = base.params.get('reason')?.toLowerCase();
  const expires = uint32(base.params.get('expires') ?? '');
  const retryAfter = uint32(base.params.get('retry-after') ?? '');
  return {
    state: base.value.toLowerCase(),
    params: base.params,
    ...(reason ? { reason } : {}),
    ...(expires === undefined ? {} : { expires }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
};

export const reason: Reader<Reason> = (text) => {
  const base = tokenParams(text);
  if (!base) return undefined;
  const cause = uint32(base.params.get('cause') ?? '');
  const words = base.params.get('text');
  return {
    protocol: base.value,
    params: base.params,
    ...(cause === undefined ? {} : { cause }),
    ...(words ? { text: toText(words) } : {}),
  };
};

export const warning: Reader<Warning> = (text) => {
  const match = /^([0-9]{3})[ \t]+([^ \t]+)[ \t]+(?=")/.exec(text);
  if (!match || skipQuoted(text, match[0].length) !== text.length) return undefined;
  return {
    code: Number(match[1]),
    agent: match[2] ?? '',
    text: toText(unquote(text.slice(match[0].length))),
  };
};

export const timestamp: Reader<Timestamp> = (text) => {
  const match = /^([0-9]+(?:\.[0-9]*)?)(?:[ \t]+([0-9]*(?:\.[0-9]*)?))?$/.exec(text);
  if (!match) return undefined;
  return match[2] ? { value: Number(match[1]), delay: Number(match[2]) } : { value: Number(match[1]) };
};

export const dialogReference: Reader<DialogReference> = (text) => {
  const base = parameterised(callId)(text);
  if (!base) return undefined;
  // RFC 4538 names them as its own side sees them.
  const toTag = base.params.get('to-tag') ?? base.params.get('remote-tag');
  const fromTag = base.params.get('from-tag') ?? base.params.get('local-tag');
  return {
    callId: base.value,
    params: base.params,
    earlyOnly: base.params.has('early-only'),
    ...(toTag ? { toTag } : {}),
    ...(fromTag ? { fromTag } : {}),
  };
};

export const retryAfter: Reader<RetryAfter> = (text) => {
  const match = /^([0-9]+)[ \t]*/.exec(text);
  const value = parseDecimal(match?.[1] ?? '', MAX_UINT32);
  if (!match || value === undefined) return undefined;
  let at = match[0].length;
  let comment: string | undefined;
  if (text.charCodeAt(at) === OPEN_PAREN) {
    const close = skipComment(text, at);
    if (close < 0) return undefined;
    comment = toText(text.slice(at + 1, close - 1));
    at = close;
  }
  const params = Params.scan(text, at);
  return params && { value, params, ...(comment === undefined ? {} : { comment }) };
};

/** Past the comment that opens at `at`; comments nest (RFC 3261 25.1), so depth is counted, not recursed. */
function skipComment(text: string, at: number): number {
  let depth = 0;
  for (let index = at; index < text.length; index += 1) {
    const character = text[index];
    if (character === '\\') index += 1;
    else if (character === '(') depth += 1;
    else if (character === ')') {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return -1;
}

/** `Digest a=b, c="d"`. A scheme with other content keeps it as one flag-less text in no parameter. */
export const authValue: Reader<AuthValue> = (text) => {
  const schemeEnd = skipClass(text, 0, TOKEN);
  if (schemeEnd === 0 || skipBlanks(text, schemeEnd) === schemeEnd) return undefined;
  const params = authParams(trimBlanks(text.slice(schemeEnd)));
  const scheme = text.slice(0, schemeEnd);
  if (params) return { scheme, params };
  // Basic and its like carry a bare token; only Digest must be well-formed here.
  return scheme.toLowerCase() === 'digest' ? undefined : { scheme, params: Params.none };
};

/** Comma-separated auth-params (RFC 3261 20.6, 20.7). */
export const authParams: Reader<Params> = (text) => {
  const parts = splitOutside(text, ','.charCodeAt(0))?.filter((part) => part !== '');
  return parts && Params.scan(parts.map((part) => `;${part}`).join(''), 0);
};

export const accessNetwork: Reader<AccessNetwork> = (text) => {
  const base = tokenParams(text);
  return base && { ...base, networkProvided: base.params.has('network-provided') };
};

/** RFC 3261 20.17: RFC 1123 date, always GMT. */
export const sipDate: Reader<Date> = (text) => {
  const form =
    /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;
  const at = form.test(text) ? new Date(text) : undefined;
  return at && !Number.isNaN(at.getTime()) ? at : undefined;
};
