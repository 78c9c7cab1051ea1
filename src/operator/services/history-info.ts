// RFC 7044, RFC 4458, TS 24.604 4.5.2.6.2: who was called first, and why the call went on to somebody else.
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { Params } from '#src/sip/message/params.ts';
import { isSipUri, parseUri, SipUri as Sip, type SipUri, type Uri } from '#src/sip/message/uri.ts';

/** A diversion as it is written down. */
export interface DiversionEntry {
  /** Who diverts. */
  readonly from: Uri;
  readonly to: Uri;
  /** RFC 4458 cause-param. */
  readonly cause: number;
  /** The answer of the one who diverts, when it came to that (Reason, escaped). */
  readonly status: number | undefined;
  /** The next one may see who diverted. */
  readonly reveal: boolean;
}

/** A tel URI as the SIP URI that 4.5.2.6.2.2 asks for. */
export function asSip(uri: Uri, domain: string): SipUri | undefined {
  if (isSipUri(uri)) return uri;
  if (uri.scheme !== 'tel') return undefined;
  return Sip.of({ user: uri.number, host: domain, params: Params.of([['user', 'phone']]) });
}

const ANONYMOUS = Sip.of({ user: 'anonymous', host: 'anonymous.invalid' });

/** Its cause stays: diversions are counted by it. */
function anonymousAs(uri: SipUri): SipUri {
  const cause = uri.params.get('cause');
  return cause === undefined ? ANONYMOUS : ANONYMOUS.withParam('cause', cause);
}

/** The Request-URI of the diverted call. */
export const withCause = (uri: SipUri, cause: number): SipUri =>
  uri.withoutHeaders().withoutParam('cause').withParam('cause', String(cause));

const escaped = (text: string): string => encodeURIComponent(text);

/** With header fields in the URI. */
function withFields(uri: SipUri, fields: readonly string[]): string {
  const bare = uri.withoutHeaders().toString();
  return fields.length === 0 ? bare : `${bare}?${fields.join('&')}`;
}

/** The diversions so far: entries with a cause (4.5.2.6.1). */
export const diversions = (entries: readonly NameAddr[]): number =>
  entries.filter(({ uri }) => isSipUri(uri) && uri.params.has('cause')).length;

/**
 * The History-Info of the diverted call: the entry of who diverts is made or completed, one for the target is added.
 * Undefined when a URI is neither SIP nor tel.
 */
export function extended(
  history: readonly NameAddr[],
  entry: DiversionEntry,
  domain: string,
): readonly NameAddr[] | undefined {
  const from = asSip(entry.from, domain);
  const to = asSip(entry.to, domain);
  if (!from || !to) return undefined;
  const last = history.at(-1);
  const kept = last ? history.slice(0, -1) : [];
  const index = last?.params.get('index') ?? '1';
  const fields = [
    ...(entry.status === undefined ? [] : [`Reason=${escaped(`SIP;cause=${entry.status}`)}`]),
    ...(entry.reveal ? [] : [`Privacy=history`]),
  ];
  const known = last && isSipUri(last.uri) ? last.uri : from;
  const base = entry.reveal ? known : anonymousAs(known);
  const own = read(withFields(base, fields), last ? last.params : Params.of([['index', index]]));
  const next = `${index}.1`;
  const target = read(
    withCause(to, entry.cause).toString(),
    Params.of([
      ['index', next],
      ['mp', index],
    ]),
  );
  return own && target ? [...kept, own, target] : undefined;
}

/** The last entry without its URI, for a caller who may not see where the call went (4.5.2.6.4 c 3). */
export function hiddenTarget(history: readonly NameAddr[]): readonly NameAddr[] {
  const last = history.at(-1);
  if (!last) return history;
  const uri = isSipUri(last.uri) ? anonymousAs(last.uri) : ANONYMOUS;
  const hidden = read(withFields(uri, ['Privacy=history']), last.params);
  return hidden ? [...history.slice(0, -1), hidden] : history;
}

function read(text: string, params: Params): NameAddr | undefined {
  const uri = parseUri(text);
  return uri.ok ? NameAddr.of(uri.value, { params }) : undefined;
}
