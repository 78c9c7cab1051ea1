// TS 24.229 5.1.1.2, RFC 3261 10.2.4, RFC 5626, RFC 5627, RFC 6223: what a 200 (OK) to REGISTER grants.
import { Seconds } from '#src/base/units.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { isSipUri, type Uri, uriEquals } from '#src/sip/message/uri.ts';
import { bareInstance } from './reg-info.ts';

export interface Grant {
  /** 0: no binding was made. */
  readonly expires: Seconds;
  /** Replaces what was before; empty when the header is absent. */
  readonly serviceRoute: readonly NameAddr[];
  /** The proxies between us and the registrar (RFC 3327 5.3). */
  readonly path: readonly NameAddr[];
  /** Undefined without the header. */
  readonly associated: readonly NameAddr[] | undefined;
  readonly pubGruu: string | undefined;
  readonly tempGruu: string | undefined;
  /** `Require: outbound`: the registrar keeps the flow (RFC 5626 6). */
  readonly outbound: boolean;
  /** Longest pause between keep-alives; undefined when nobody would answer them. */
  readonly keepAlive: Seconds | undefined;
  /** Event packages that the registrar announces, in lower case. */
  readonly events: readonly string[];
}

/** RFC 5626 4.4.1 and 4.4.2: pauses when the registrar names none. */
const KEEP_ALIVE_RELIABLE = Seconds(120);
const KEEP_ALIVE_UDP = Seconds(29);

/** `requested` is the interval asked for: it stands when the registrar says nothing. */
export function readGrant(
  response: SipResponse,
  contact: NameAddr,
  requested: Seconds,
  transport: 'udp' | 'tcp' | 'tls',
): Grant {
  const own = ownContact(response.contacts, contact);
  const outbound = response.require.some((tag) => tag.toLowerCase() === 'outbound');
  return {
    expires: grantedExpires(response, own, requested),
    serviceRoute: response.serviceRoutes.map(uncompressed),
    path: response.paths,
    associated: response.header('P-Associated-URI') === undefined ? undefined : response.associatedUris,
    pubGruu: own?.params.get('pub-gruu') || undefined,
    tempGruu: own?.params.get('temp-gruu') || undefined,
    outbound,
    keepAlive: keepAlive(response, outbound, transport === 'udp' ? KEEP_ALIVE_UDP : KEEP_ALIVE_RELIABLE),
    events: response.headerValues('Allow-Events').map((name) => name.toLowerCase()),
  };
}

/** NG.110 2.2.7: a wish for compression is passed over, and not repeated in our Route. */
const uncompressed = (route: NameAddr): NameAddr =>
  isSipUri(route.uri) && route.uri.params.has('comp')
    ? NameAddr.of(route.uri.withoutParam('comp'), { displayName: route.displayName, params: route.params })
    : route;

/** Whether the registrar still holds this very contact. */
export const isListed = (response: SipResponse, contact: NameAddr): boolean =>
  response.contacts.some(({ uri, params }) => uriEquals(uri, contact.uri) && params.get('expires') !== '0');

/**
 * The binding that is ours: by address, else by instance id, else by its user part, which nobody else has (NAT and
 * border controllers rewrite the rest), else the only one.
 */
function ownContact(contacts: readonly NameAddr[], contact: NameAddr): NameAddr | undefined {
  const instance = contact.params.get('+sip.instance');
  return (
    contacts.find(({ uri }) => uriEquals(uri, contact.uri)) ??
    contacts.find(({ params }) => sameInstance(params.get('+sip.instance'), instance)) ??
    contacts.find(({ uri }) => sameUser(uri, contact.uri)) ??
    (contacts.length === 1 ? contacts[0] : undefined)
  );
}

const sameUser = (a: Uri, b: Uri): boolean =>
  isSipUri(a) && isSipUri(b) && a.user !== undefined && a.user === b.user;

const sameInstance = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined && b !== undefined && bareInstance(a)?.toLowerCase() === bareInstance(b)?.toLowerCase();

function grantedExpires(response: SipResponse, own: NameAddr | undefined, requested: Seconds): Seconds {
  const stated = own?.params.get('expires');
  if (stated !== undefined && /^\d{1,10}$/.test(stated)) return Seconds(Number(stated));
  return Seconds(response.expires ?? requested);
}

function keepAlive(response: SipResponse, outbound: boolean, usual: Seconds): Seconds | undefined {
  const flowTimer = Number(response.header('Flow-Timer') ?? Number.NaN);
  if (flowTimer > 0) return Seconds(flowTimer);
  const keep = response.topVia.params.get('keep');
  if (keep !== undefined && Number(keep) > 0) return Seconds(Number(keep));
  // RFC 6223 4.3: `keep=0` leaves the pause to us. A flag without a value is only our own offer come back.
  return outbound || keep === '0' ? usual : undefined;
}
