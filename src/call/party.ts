// Who calls, and whom they called (IR.92 2.2.3, NG.110 2.3.12 and 2.4.6.2; details 1.5).
import type { SipMessage } from '#src/sip/message/message.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { SipUri, TelUri, type Uri } from '#src/sip/message/uri.ts';
import { sameIdentity } from './identity.ts';
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

/** The caller: what the P-CSCF asserts, else the unverified From. Assertions of anybody else are not read. */
export function callingParty(request: SipMessage, trusted: boolean): CallParty {
  const asserted = trusted ? bestAsserted(request.assertedIdentities) : undefined;
  return partyOf(asserted ?? request.from);
}

export interface CalledIdentity {
  /** Our identity that the call runs under. */
  readonly identity: string;
  /** As the network or the caller named it. */
  readonly called: string;
}

/** Which of our identities was called: P-Called-Party-ID of a trusted hop, else To (RFC 7315 4.2). */
export function calledIdentity(
  request: SipMessage,
  trusted: boolean,
  identities: readonly NameAddr[],
): CalledIdentity {
  const called = (trusted ? request.calledParty : undefined) ?? request.to;
  const own = identities.find((identity) => sameIdentity(identity.uri, called.uri)) ?? identities[0];
  const text = shownUri(called.uri);
  return { identity: own ? shownUri(own.uri) : text, called: text };
}
