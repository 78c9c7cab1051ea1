// RFC 4235 3.7: the dialogs of every call that passes the operator, as its messages show them.
import { Signal } from '#src/base/events.ts';
import type { DialogInfoEntry, DialogParty, NamedUri } from '#src/services/dialog-info/dialog-info.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { isSipUri } from '#src/sip/message/uri.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { type Account, sameIdentity } from '../accounts.ts';
import type { Binding, Location } from '../location.ts';

interface Side {
  readonly account: Account | undefined;
  readonly binding: Binding | undefined;
  readonly tag: string;
  readonly shown: NamedUri;
}

interface Known {
  readonly callId: string;
  readonly caller: Side;
  readonly called: Side;
  readonly replaces: DialogInfoEntry['replaces'];
  confirmed: boolean;
}

const ANONYMOUS: NamedUri = { uri: 'sip:anonymous@anonymous.invalid' };
const EARLY_DIALOG_TERMINATED = 199;
/** A party that vanishes says no BYE; such dialogs must not pile up. As many as one document may tell of. */
const MOST = 500;

export class DialogLedger {
  /** True: somebody is about to lose a dialog, and should hear of it before. */
  readonly onChange = new Signal<boolean>();
  readonly #location: Location;
  readonly #known = new Map<string, Known>();

  constructor(location: Location) {
    this.#location = location;
  }

  /** An INVITE that takes the place of a dialog is told at once: whoever has that dialog is about to lose it. */
  invited(invite: SipRequest, account: Account | undefined): void {
    if (invite.method !== 'INVITE' || !invite.headers.has('Replaces')) return;
    const tags = { from: invite.from.tag ?? '', to: '' };
    this.#keep(keyOf(invite.callId, tags.from, ''), this.#make(invite, account, tags, undefined));
    this.onChange.emit(true);
  }

  /** A 1xx or 2xx with a tag to an INVITE of this account, if it is one of ours; it came over `flow`. */
  answered(invite: SipRequest, caller: Account | undefined, response: SipResponse, flow: Flow): void {
    const { callId } = invite;
    const tags = { from: invite.from.tag ?? '', to: response.to.tag ?? '' };
    if (invite.method !== 'INVITE' || response.status <= 100 || tags.to === '') return;
    const key = keyOf(callId, tags.from, tags.to);
    if (response.status === EARLY_DIALOG_TERMINATED) {
      if (this.#known.delete(key)) this.onChange.emit(false);
      return;
    }
    this.#known.delete(keyOf(callId, tags.from, ''));
    const known = this.#known.get(key) ?? this.#make(invite, caller, tags, { response, flow });
    this.#keep(key, known);
    if (response.isSuccess) {
      known.confirmed = true;
      this.#drop((each) => each !== known && !each.confirmed && sameInvite(each, known));
    }
    this.onChange.emit(false);
  }

  /** The INVITE is over: what is early now will not be confirmed. */
  settled({ callId, from }: SipRequest): void {
    const gone = this.#drop(
      (each) => !each.confirmed && each.callId === callId && each.caller.tag === from.tag,
    );
    if (gone) this.onChange.emit(false);
  }

  /** A BYE passed. */
  released({ callId, from, to }: SipRequest): void {
    const tags = [from.tag ?? '', to.tag ?? ''] as const;
    const gone = this.#drop(
      (each) => each.callId === callId && tags.includes(each.caller.tag) && tags.includes(each.called.tag),
    );
    if (gone) this.onChange.emit(false);
  }

  /** Those of everybody who shares an identity with this account. */
  of(account: Account): readonly DialogInfoEntry[] {
    return [...this.#known.values()].flatMap((known) => [
      ...(shares(known.caller.account, account) ? [entry(known, 'initiator')] : []),
      ...(shares(known.called.account, account) ? [entry(known, 'recipient')] : []),
    ]);
  }

  #make(
    invite: SipRequest,
    account: Account | undefined,
    tags: { from: string; to: string },
    answer: { readonly response: SipResponse; readonly flow: Flow } | undefined,
  ): Known {
    // A large INVITE comes over another connection than the registration.
    const caller = this.#at(invite);
    const called = answer && (this.#location.byFlow(answer.flow) ?? this.#at(answer.response));
    const hidden = invite.privacy.some((value) => value !== 'none');
    const reference = invite.typed('Replaces');
    const replaces =
      reference?.fromTag && reference.toTag
        ? { callId: reference.callId, localTag: reference.fromTag, remoteTag: reference.toTag }
        : undefined;
    return {
      callId: invite.callId,
      caller: {
        ...{ account: account ?? caller?.account, binding: caller, tag: tags.from },
        shown: hidden ? ANONYMOUS : named(invite.assertedIdentities[0] ?? invite.from),
      },
      called: {
        ...{ account: called?.account, binding: called, tag: tags.to },
        shown: named(invite.to),
      },
      replaces,
      confirmed: false,
    };
  }

  #at({ contacts }: SipRequest | SipResponse): Binding | undefined {
    const uri = contacts[0]?.uri;
    if (!uri) return undefined;
    const gruu = this.#location.byGruu(uri);
    // RFC 5626 4.3: `ob` says only which flow a request is to take.
    return gruu ?? this.#location.byContact(isSipUri(uri) ? uri.withoutParam('ob') : uri);
  }

  /** The oldest is forgotten. */
  #keep(key: string, known: Known): void {
    this.#known.set(key, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST && oldest !== undefined) this.#known.delete(oldest);
  }

  #drop(which: (known: Known) => boolean): boolean {
    const gone = [...this.#known].filter(([, known]) => which(known));
    for (const [key] of gone) this.#known.delete(key);
    return gone.length > 0;
  }
}

function entry(known: Known, direction: 'initiator' | 'recipient'): DialogInfoEntry {
  const { callId, caller, called, replaces, confirmed } = known;
  const [own, other] = direction === 'initiator' ? [caller, called] : [called, caller];
  return {
    // The same dialog is there twice when the number calls itself.
    id: `${direction === 'initiator' ? 'i' : 'r'}-${keyOf(callId, caller.tag, called.tag)}`,
    ...{ callId, direction },
    ...(called.tag === '' ? {} : { localTag: own.tag, remoteTag: other.tag }),
    state: confirmed ? 'confirmed' : called.tag === '' ? 'trying' : 'early',
    ...(replaces && direction === 'initiator' ? { replaces } : {}),
    local: party(own),
    remote: party(other),
  };
}

function party({ binding, shown }: Side): DialogParty {
  if (!binding) return { identity: shown };
  const uri = binding.pubGruu ?? binding.contact.uri.toString();
  const params: Record<string, string> =
    binding.instance === undefined ? {} : { '+sip.instance': `"<${binding.instance}>"` };
  return { identity: shown, target: { uri, params } };
}

const named = ({ uri, displayName }: NameAddr): NamedUri => ({
  uri: uri.toString(),
  ...(displayName ? { name: displayName } : {}),
});
const keyOf = (callId: string, from: string, to: string): string => `${callId}|${from}|${to}`;
const sameInvite = (a: Known, b: Known): boolean => a.callId === b.callId && a.caller.tag === b.caller.tag;
const shares = (a: Account | undefined, b: Account): boolean =>
  a?.identities.some((identity) => b.identities.some((other) => sameIdentity(identity, other))) ?? false;
