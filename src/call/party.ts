// Who calls, and whom they called (IR.92 2.2.3, NG.110 2.3.12 and 2.4.6.2; details 1.5).
import type { SipMessage } from '#src/sip/message/message.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { SipUri, TelUri, type Uri } from '#src/sip/message/uri.ts';
import type { IdentityBook } from './identity-book.ts';
import type { CallParty } from './snapshot.ts';

/** The URI as people see and call it: without transport and other parameters of a route. */
export const shownUri = (uri: Uri): string => (uri instanceof SipUri ? uri.bare() : uri).toString();

const MAX_NAME = 128;

/** Text from the network is shown as one line of printable text; undefined when nothing of it is left. */
export function printableLine(text: string | undefined, most: number): string | undefined {
  const line = (text ?? '').replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line === '' ? undefined : line.slice(0, most);
}

export function partyOf(address: NameAddr): CallParty {
  const name = printableLine(address.displayName, MAX_NAME);
  return { uri: shownUri(address.uri), ...(name === undefined ? {} : { name }) };
}

/** Of several asserted identities: the telephone number, in any of its forms, before a name. */
function bestAsserted(identities: readonly NameAddr[]): NameAddr | undefined {
  return (
    identities.find(({ uri }) => uri instanceof TelUri) ??
    identities.find(
      ({ uri }) => uri instanceof SipUri && uri.params.get('user')?.toLowerCase() === 'phone',
    ) ??
    identities[0]
  );
}

/** With one of these the caller does not want the asserted identity shown (RFC 3325 7, 24.607 4.5.2.12). */
const HIDING: readonly string[] = ['id', 'user', 'header'];

/** Who is asserted to have sent this, unless that is not to be shown. Assertions of anybody but the P-CSCF are not read. */
export function assertedParty(message: SipMessage, trusted: boolean): CallParty | undefined {
  if (!trusted || message.privacy.some((word) => HIDING.includes(word))) return undefined;
  const asserted = bestAsserted(message.assertedIdentities);
  return asserted && partyOf(asserted);
}

/** The caller: what the P-CSCF asserts, else the unverified From. */
export const callingParty = (request: SipMessage, trusted: boolean): CallParty =>
  assertedParty(request, trusted) ?? partyOf(request.from);

/** The user part of our Contact is made by chance: whoever names it means this device. */
const isSameUser = (uri: Uri, contact: Uri | undefined): boolean =>
  uri instanceof SipUri && contact instanceof SipUri && uri.user !== undefined && uri.user === contact.user;

export interface CalledIdentity {
  /** Our identity that the call runs under. */
  readonly identity: string;
  /** As the network or the caller named it. */
  readonly called: string;
  /** False: the owner switched it off on this device. */
  readonly active: boolean;
}

/**
 * Which of our identities was called: Additional-Identity (24.174 4.5.3.6; what P-Called-Party-ID says beside it is where
 * the network took the call), else P-Called-Party-ID (RFC 7315 4.2), both of a trusted hop only, else To. `contact` is where
 * we are reached, which is nobody's name: a PBX that calls the binding (Asterisk) writes it into To as well.
 */
export function calledIdentity(
  request: SipMessage,
  trusted: boolean,
  book: IdentityBook,
  contact?: Uri,
): CalledIdentity {
  const additional = trusted ? request.additionalIdentity : undefined;
  const named = (additional ?? (trusted ? request.calledParty : undefined) ?? request.to).uri;
  const called = book.usual !== undefined && isSameUser(named, contact) ? book.usual.uri : named;
  const text = shownUri(called);
  const own = book.find(called);
  if (own) return { identity: shownUri(own), called: text, active: book.isActive(own) };
  // An identity that nobody told us of is called all the same when the network says so.
  const usual = additional ? undefined : book.usual;
  return { identity: usual ? shownUri(usual.uri) : text, called: text, active: true };
}
