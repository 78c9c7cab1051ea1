// The table of header fields: name, compact form, shape, reader and clause, for every field of RFC 3261 and of the
// extensions that IMS uses. What is not here is carried untouched.
import { NameAddr } from './name-addr.ts';
import {
  accessNetwork,
  authParams,
  authValue,
  callId,
  cseq,
  dialogReference,
  eventType,
  mediaType,
  nonEmpty,
  numberParams,
  onlyParams,
  type Reader,
  rack,
  rawText,
  reason,
  retryAfter,
  semicolonTokens,
  sipDate,
  subscriptionState,
  timestamp,
  token,
  tokenOrQuotedParams,
  tokenParams,
  uint8,
  uint32,
  uriValue,
  warning,
} from './values.ts';
import { Via } from './via.ts';

/** Header fields in which a mistake makes the message useless to a user agent: 400. Others are then taken as absent. */
type Weight = 'vital' | 'plain';

interface RowBase<Name extends string, Value> {
  readonly name: Name;
  /** In lower case: the identity of the field. */
  readonly key: string;
  /** In lower case; '' when there is none (RFC 3261 7.3.3). */
  readonly compact: string;
  readonly clause: string;
  readonly weight: Weight;
  /** Reads one element. */
  readonly read: Reader<Value>;
}

/** One value; the field may stand only once. */
export interface SingleRow<Name extends string = string, Value = unknown> extends RowBase<Name, Value> {
  readonly form: 'single';
}

/** `list`: a comma list, spread over any number of fields. `lines`: repeated fields whose commas do not separate. */
export interface MultiRow<Name extends string = string, Value = unknown> extends RowBase<Name, Value> {
  readonly form: 'list' | 'lines';
}

export type HeaderRow = SingleRow | MultiRow;

function single<const Name extends string, Value>(
  name: Name,
  compact: string,
  read: Reader<Value>,
  clause: string,
  weight: Weight = 'plain',
): SingleRow<Name, Value> {
  return { name, key: name.toLowerCase(), compact, form: 'single', read, clause, weight };
}

function list<const Name extends string, Value>(
  name: Name,
  compact: string,
  read: Reader<Value>,
  clause: string,
  weight: Weight = 'plain',
): MultiRow<Name, Value> {
  return { name, key: name.toLowerCase(), compact, form: 'list', read, clause, weight };
}

function lines<const Name extends string, Value>(
  name: Name,
  compact: string,
  read: Reader<Value>,
  clause: string,
  weight: Weight = 'plain',
): MultiRow<Name, Value> {
  return { name, key: name.toLowerCase(), compact, form: 'lines', read, clause, weight };
}

const address: Reader<NameAddr> = (text) => NameAddr.scan(text);
/** `*` or an address (RFC 3261 20.10). */
const contact: Reader<NameAddr | '*'> = (text) => (text === '*' ? '*' : NameAddr.scan(text));
const via: Reader<Via> = (text) => Via.scan(text);

const HEADER_TABLE = [
  // RFC 3261 20, in the order of its chapter
  list('Accept', '', mediaType, 'RFC 3261 20.1'),
  list('Accept-Encoding', '', tokenParams, 'RFC 3261 20.2'),
  list('Accept-Language', '', tokenParams, 'RFC 3261 20.3'),
  list('Alert-Info', '', address, 'RFC 3261 20.4, RFC 7462'),
  list('Allow', '', token, 'RFC 3261 20.5'),
  single('Authentication-Info', '', authParams, 'RFC 3261 20.6'),
  lines('Authorization', '', authValue, 'RFC 3261 20.7'),
  single('Call-ID', 'i', callId, 'RFC 3261 20.8', 'vital'),
  list('Call-Info', '', address, 'RFC 3261 20.9'),
  list('Contact', 'm', contact, 'RFC 3261 20.10', 'vital'),
  single('Content-Disposition', '', tokenParams, 'RFC 3261 20.11', 'vital'),
  list('Content-Encoding', 'e', token, 'RFC 3261 20.12', 'vital'),
  list('Content-Language', '', token, 'RFC 3261 20.13'),
  single('Content-Length', 'l', uint32, 'RFC 3261 20.14', 'vital'),
  single('Content-Type', 'c', mediaType, 'RFC 3261 20.15', 'vital'),
  single('CSeq', '', cseq, 'RFC 3261 20.16', 'vital'),
  single('Date', '', sipDate, 'RFC 3261 20.17', 'vital'),
  list('Error-Info', '', address, 'RFC 3261 20.18'),
  single('Expires', '', uint32, 'RFC 3261 20.19'),
  single('From', 'f', address, 'RFC 3261 20.20', 'vital'),
  list('In-Reply-To', '', callId, 'RFC 3261 20.21'),
  single('Max-Forwards', '', uint8, 'RFC 3261 20.22', 'vital'),
  single('Min-Expires', '', uint32, 'RFC 3261 20.23'),
  single('MIME-Version', '', nonEmpty, 'RFC 3261 20.24'),
  single('Organization', '', rawText, 'RFC 3261 20.25'),
  single('Priority', '', token, 'RFC 3261 20.26'),
  lines('Proxy-Authenticate', '', authValue, 'RFC 3261 20.27'),
  lines('Proxy-Authorization', '', authValue, 'RFC 3261 20.28'),
  list('Proxy-Require', '', token, 'RFC 3261 20.29', 'vital'),
  list('Record-Route', '', address, 'RFC 3261 20.30', 'vital'),
  single('Reply-To', '', address, 'RFC 3261 20.31'),
  list('Require', '', token, 'RFC 3261 20.32', 'vital'),
  single('Retry-After', '', retryAfter, 'RFC 3261 20.33'),
  list('Route', '', address, 'RFC 3261 20.34', 'vital'),
  single('Server', '', rawText, 'RFC 3261 20.35'),
  single('Subject', 's', rawText, 'RFC 3261 20.36'),
  list('Supported', 'k', token, 'RFC 3261 20.37'),
  single('Timestamp', '', timestamp, 'RFC 3261 20.38'),
  single('To', 't', address, 'RFC 3261 20.39', 'vital'),
  list('Unsupported', '', token, 'RFC 3261 20.40'),
  single('User-Agent', '', rawText, 'RFC 3261 20.41'),
  list('Via', 'v', via, 'RFC 3261 20.42', 'vital'),
  list('Warning', '', warning, 'RFC 3261 20.43'),
  lines('WWW-Authenticate', '', authValue, 'RFC 3261 20.44'),
  // Extensions of the IETF
  single('RAck', '', rack, 'RFC 3262 7.2', 'vital'),
  single('RSeq', '', uint32, 'RFC 3262 7.1', 'vital'),
  single('Privacy', '', semicolonTokens, 'RFC 3323 4.2'),
  list('P-Asserted-Identity', '', address, 'RFC 3325 9.1'),
  list('P-Preferred-Identity', '', address, 'RFC 3325 9.2'),
  list('Reason', '', reason, 'RFC 3326 2'),
  list('Path', '', address, 'RFC 3327 4'),
  list('Security-Client', '', tokenParams, 'RFC 3329 2.2'),
  list('Security-Server', '', tokenParams, 'RFC 3329 2.2'),
  list('Security-Verify', '', tokenParams, 'RFC 3329 2.2'),
  list('P-Media-Authorization', '', token, 'RFC 3313 5'),
  single('Refer-To', 'r', address, 'RFC 3515 2.1', 'vital'),
  list('Service-Route', '', address, 'RFC 3608 5'),
  single('P-DCS-Trace-Party-ID', '', address, 'RFC 5503 5'),
  single('P-DCS-OSPS', '', token, 'RFC 5503 6'),
  single('P-DCS-Billing-Info', '', rawText, 'RFC 5503 7'),
  single('P-DCS-LAES', '', rawText, 'RFC 5503 8'),
  single('P-DCS-Redirect', '', rawText, 'RFC 5503 9'),
  list('Accept-Contact', 'a', tokenParams, 'RFC 3841 9.2'),
  list('Reject-Contact', 'j', tokenParams, 'RFC 3841 9.2'),
  list('Request-Disposition', 'd', token, 'RFC 3841 9.1'),
  single('Replaces', '', dialogReference, 'RFC 3891 6.1', 'vital'),
  single('Referred-By', 'b', address, 'RFC 3892 3'),
  single('SIP-ETag', '', token, 'RFC 3903 11.3.1'),
  single('SIP-If-Match', '', token, 'RFC 3903 11.3.2'),
  single('Join', '', dialogReference, 'RFC 3911 7.1', 'vital'),
  single('Session-Expires', 'x', numberParams, 'RFC 4028 4', 'vital'),
  single('Min-SE', '', numberParams, 'RFC 4028 5', 'vital'),
  list('Resource-Priority', '', token, 'RFC 4412 3.1'),
  list('Accept-Resource-Priority', '', token, 'RFC 4412 3.2'),
  single('Identity', 'y', rawText, 'RFC 8224 4'),
  single('Identity-Info', 'n', rawText, 'RFC 4474 9'),
  list('History-Info', '', address, 'RFC 7044 5'),
  single('P-Profile-Key', '', address, 'RFC 5002 6'),
  single('P-User-Database', '', address, 'RFC 4457 4'),
  single('P-Answer-State', '', tokenParams, 'RFC 4964 7'),
  single('Refer-Sub', '', tokenParams, 'RFC 4488 4'),
  single('Target-Dialog', '', dialogReference, 'RFC 4538 7'),
  list('P-Early-Media', '', token, 'RFC 5009 8'),
  single('Answer-Mode', '', tokenParams, 'RFC 5373 4.1'),
  single('Priv-Answer-Mode', '', tokenParams, 'RFC 5373 4.1'),
  list('P-Refused-URI-List', '', address, 'RFC 5318 3'),
  list('Permission-Missing', '', address, 'RFC 5360 5.9'),
  list('Trigger-Consent', '', address, 'RFC 5360 5.11'),
  single('Max-Breadth', '', uint32, 'RFC 5393 5.3.1'),
  single('P-Served-User', '', address, 'RFC 5502 6, RFC 8498'),
  single('Flow-Timer', '', uint32, 'RFC 5626 10'),
  single('Suppress-If-Match', '', token, 'RFC 5839 4.1'),
  list('Diversion', '', address, 'RFC 5806 7'),
  list('P-Asserted-Service', '', uriValue, 'RFC 6050 4.1'),
  list('P-Preferred-Service', '', uriValue, 'RFC 6050 4.2'),
  single('Info-Package', '', tokenParams, 'RFC 6086 7.2', 'vital'),
  list('Recv-Info', '', tokenParams, 'RFC 6086 7.3'),
  list('Geolocation', '', address, 'RFC 6442 4.1'),
  single('Geolocation-Routing', '', tokenParams, 'RFC 6442 4.2'),
  single('Geolocation-Error', '', numberParams, 'RFC 6442 4.3'),
  single('Event', 'o', eventType, 'RFC 6665 8.2.1', 'vital'),
  list('Allow-Events', 'u', token, 'RFC 6665 8.2.2'),
  single('Subscription-State', '', subscriptionState, 'RFC 6665 8.2.3', 'vital'),
  single('Policy-Contact', '', address, 'RFC 6794 5'),
  single('Policy-ID', '', tokenOrQuotedParams, 'RFC 6794 5'),
  list('Feature-Caps', '', tokenParams, 'RFC 6809 6.3'),
  list('User-to-User', '', tokenOrQuotedParams, 'RFC 7433 4.1'),
  single('Refer-Events-At', '', address, 'RFC 7614 4.1'),
  single('Session-ID', '', tokenParams, 'RFC 7989 5'),
  single('P-Charge-Info', '', address, 'RFC 8496 4'),
  single('Content-ID', '', rawText, 'RFC 8262 3'),
  single('AlertMsg-Error', '', numberParams, 'RFC 8876 4'),
  // IMS: RFC 7315 and 3GPP TS 24.229
  list('P-Associated-URI', '', address, 'RFC 7315 4.1'),
  single('P-Called-Party-ID', '', address, 'RFC 7315 4.2'),
  list('P-Visited-Network-ID', '', tokenOrQuotedParams, 'RFC 7315 4.3'),
  list('P-Access-Network-Info', '', accessNetwork, 'RFC 7315 4.4'),
  single('P-Charging-Function-Addresses', '', onlyParams, 'RFC 7315 4.5'),
  single('P-Charging-Vector', '', onlyParams, 'RFC 7315 4.6'),
  single('P-Private-Network-Indication', '', tokenParams, 'RFC 7316 7'),
  single('Restoration-Info', '', tokenOrQuotedParams, 'TS 24.229 7.2.11'),
  single('Relayed-Charge', '', tokenOrQuotedParams, 'TS 24.229 7.2.12'),
  single('Resource-Share', '', tokenOrQuotedParams, 'TS 24.229 7.2.13'),
  list('Service-Interact-Info', '', tokenParams, 'TS 24.229 7.2.14'),
  single('Cellular-Network-Info', '', accessNetwork, 'TS 24.229 7.2.15'),
  single('Priority-Share', '', tokenParams, 'TS 24.229 7.2.16'),
  single('Response-Source', '', onlyParams, 'TS 24.229 7.2.17'),
  single('Attestation-Info', '', tokenParams, 'TS 24.229 7.2.18'),
  single('Origination-Id', '', tokenParams, 'TS 24.229 7.2.19'),
  list('Additional-Identity', '', address, 'TS 24.229 7.2.20'),
  single('Priority-Verstat', '', tokenParams, 'TS 24.229 7.2.21'),
  single('DC-Info', '', rawText, 'TS 24.229 7.2'),
  single('Reason-Phrase', '', rawText, 'RFC 3261 21'),
  single('Response-Key', '', rawText, 'RFC 2543 6.34'),
  single('Encryption', '', rawText, 'RFC 2543 6.19'),
  single('Hide', '', rawText, 'RFC 2543 6.22'),
] as const;

type TableRow = (typeof HEADER_TABLE)[number];
/** A header field that the table knows. */
export type HeaderName = TableRow['name'];
type RowOf<Name extends HeaderName> = Extract<TableRow, { readonly name: Name }>;
type Unwrapped<Value> = Exclude<Value, undefined>;
/** What `typed(name)` gives: the value or undefined, or the values. */
export type HeaderValue<Name extends HeaderName> =
  RowOf<Name> extends { readonly form: 'single'; readonly read: Reader<infer Value> }
    ? Unwrapped<Value> | undefined
    : RowOf<Name> extends { readonly read: Reader<infer Value> }
      ? readonly Unwrapped<Value>[]
      : never;

/** The rows, for those who walk them. */
export const HEADERS: readonly HeaderRow[] = HEADER_TABLE;

const BY_KEY = new Map<string, HeaderRow>();
for (const row of HEADERS) {
  BY_KEY.set(row.key, row);
  // The usual writing needs no folding.
  BY_KEY.set(row.name, row);
  if (row.compact !== '') BY_KEY.set(row.compact, row);
}

/** The row of a header field under any of its names, or undefined. */
export const headerRow = (name: string): HeaderRow | undefined =>
  BY_KEY.get(name) ?? BY_KEY.get(name.toLowerCase());

// The parser finds the row of a name in the text without making a string of it: by length and three of its letters.
/** Turns an ASCII capital into its small letter; what it does to other token characters matches no name. */
const FOLD = 0x20;
const FIRST_LETTER = 0x61;
const BY_HASH = new Map<number, { readonly name: string; readonly row: HeaderRow }[]>();
for (const row of HEADERS) {
  for (const name of [row.name, row.compact]) {
    if (name === '') continue;
    const hash = hashOf(name, 0, name.length);
    BY_HASH.set(hash, [...(BY_HASH.get(hash) ?? []), { name, row }]);
  }
}

function hashOf(text: string, start: number, end: number): number {
  const first = text.charCodeAt(start) | FOLD;
  const middle = text.charCodeAt((start + end) >> 1) | FOLD;
  const last = text.charCodeAt(end - 1) | FOLD;
  return ((((end - start) << 8) | first) << 16) ^ (middle << 8) ^ last;
}

/** The row of the name that stands in `text` from `start` to `end`, in any case; undefined for a name not known. */
export function rowAt(text: string, start: number, end: number): HeaderRow | undefined {
  const candidates = end > start ? BY_HASH.get(hashOf(text, start, end)) : undefined;
  if (!candidates) return undefined;
  for (const { name, row } of candidates) {
    if (name.length === end - start && isName(name, text, start)) return row;
  }
  return undefined;
}

function isName(name: string, text: string, start: number): boolean {
  for (let index = 0; index < name.length; index += 1) {
    const code = text.charCodeAt(start + index);
    const wanted = name.charCodeAt(index);
    // A hyphen folded is a hyphen, but so is a CR: only letters may differ.
    if (code !== wanted && ((code | FOLD) !== (wanted | FOLD) || (wanted | FOLD) < FIRST_LETTER))
      return false;
  }
  return true;
}

/** The identity of a field: compact forms unified, lower case. */
export const headerKey = (name: string): string => headerRow(name)?.key ?? name.toLowerCase();

/** The full name in its usual writing; an unknown one as it is. */
export const canonicalName = (name: string): string => headerRow(name)?.name ?? name;
