// What our REFERs say beside Refer-To: by whom, under which identity, about which dialog (RFC 3892, RFC 4538, 24.629, 24.174 4.6).
import { TandemError } from '#src/base/errors.ts';
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { isGruu, parseUri, type Uri } from '#src/sip/message/uri.ts';
import type { Call } from '../call.ts';
import type { HeaderPairs } from '../facts.ts';
import type { ChosenIdentity, IdentityBook } from '../identity-book.ts';
import type { OutgoingCall } from '../outgoing-call.ts';
import { hides, OPEN, privacyOf } from '../privacy.ts';
import { shownDirection } from '../video-policy.ts';
import type { CallWorld } from '../world.ts';
import { type ReferWish, referTo, sipForm } from './refer-to.ts';

export interface ReferWhom extends ReferWish {
  readonly target: Uri;
}

/** Of a REFER about this call. The identity is that of the call (24.174 4.6.7.2.1); a call without name stays so. */
export function referHeaders(
  { line }: CallWorld,
  identities: IdentityBook,
  call: Call,
  { target, ...wish }: ReferWhom,
): HeaderPairs {
  const { identity } = call.snapshot;
  const isPrivate = hides(call.privacy ?? 'unsaid');
  const { additional } = identityOf(identities, call);
  return [
    ['Refer-To', referTo(target, wish)],
    // Nobody would take the name out of it again.
    ...(isPrivate && line.profile === 'sip' ? [] : ([['Referred-By', `<${identity}>`]] as const)),
    ...(isPrivate ? ([['Privacy', 'user']] as const) : []),
    ...(additional ? ([['Additional-Identity', NameAddr.of(additional.uri).toString()]] as const) : []),
  ];
}

/**
 * As whom a call is made because of this one: as whom this one runs, one that others share included (24.174 4.6.7.2.1,
 * 4.6.8.2.1). One that was switched off meanwhile gives way to the usual one. Throws TandemError `call.not-registered`.
 */
export function identityOf(identities: IdentityBook, call: Call): ChosenIdentity {
  try {
    return identities.choose(call.snapshot.identity);
  } catch (error) {
    if (TandemError.is(error, 'call.identity')) return { identity: identities.native() };
    throw error;
  }
}

/**
 * On what terms a call is made because of this one: under its identity, hidden and with video as it is. Throws as
 * `identityOf`.
 */
export function termsOf(
  world: CallWorld,
  identities: IdentityBook,
  call: Call,
): Pick<OutgoingCall, 'identity' | 'additional' | 'privacy' | 'video'> {
  return {
    ...identityOf(identities, call),
    privacy: call.privacy ?? privacyOf(undefined, world.config.privacy ?? OPEN),
    video: call.snapshot.video && shownDirection(world) !== 'none',
  };
}

/** RFC 4538 7, as we see the dialog. */
export const targetDialogHeaders = ({ callId, localTag, remoteTag }: Dialog): HeaderPairs => [
  ['Target-Dialog', `${callId};local-tag=${localTag};remote-tag=${remoteTag}`],
];

/**
 * How a third party reaches the far end of a call, as a SIP URI, because it will carry Replaces. In IMS its public address
 * (24.629 4.5.2.1); elsewhere its GRUU, or its public address if there is a server that knows it (RFC 5589 7.3), or its Contact.
 */
export function publicTarget(world: CallWorld, call: Call, dialog: Dialog): Uri {
  const { line } = world;
  const contact = dialog.remoteTarget;
  const remote = parseUri(call.snapshot.remote.uri);
  const address = remote.ok ? sipForm(remote.value, line.domain) : undefined;
  if (line.profile === 'ims') return address ?? contact;
  return isGruu(contact) || !line.register ? contact : (address ?? contact);
}
