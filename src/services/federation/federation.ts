// NG.110 1.1 and a step beyond it: calls on other devices of the number are seen here, and can be taken from there.
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Call } from '#src/call/call.ts';
import type { ChosenIdentity } from '#src/call/identity-book.ts';
import type { CallManager } from '#src/call/manager.ts';
import { type DialogName, replacesValue } from '#src/call/replaces.ts';
import type { CallSnapshot } from '#src/call/snapshot.ts';
import type { CallWorld } from '#src/call/world.ts';
import type { FederatedDevice } from '#src/ims/federation.ts';
import { parseUri } from '#src/sip/message/uri.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import type { Home, WatchDeps, WatchPolicy } from '../watch.ts';
import { Announcer, type AnnouncerHome } from './announcer.ts';
import { DIALOG_EVENT, DialogWatch } from './dialog-watch.ts';
import {
  type FederationCall,
  isOurs,
  pullTarget,
  type Seen,
  seenCall,
  shownDevice,
  withTags,
} from './federation-call.ts';
import { type Offer, Offers, type PushPolicy } from './offers.ts';
import { ownCalls } from './own-calls.ts';
import { pullFailure } from './pull-failures.ts';
import { Push } from './push.ts';

export interface FederationHome extends Home, AnnouncerHome {
  readonly onFederation: Signal<readonly FederatedDevice[]>;
}

export interface FederationDeps extends WatchDeps {
  readonly home: FederationHome;
  readonly calls: CallManager;
  /** What calls are handed: REFERs of ours travel as they do. */
  readonly world: CallWorld;
  /** The loudspeaker rings for a call that was pushed here, or no more. */
  readonly ring: (on: boolean) => void;
}

export interface FederationConfig {
  readonly policy: WatchPolicy;
  readonly push: PushPolicy;
}

/** Which device has a call that rang here too, or was taken from here. */
export interface Taker {
  readonly uri: string;
  readonly instance?: string;
}

/** Calls answered elsewhere whose device is remembered. */
const MOST_TAKEN = 200;
const LOOP_DETECTED = 482;

export class Federation {
  readonly onChange = new Signal<readonly FederationCall[]>();
  readonly #deps: FederationDeps;
  readonly #watch: DialogWatch;
  readonly #off: (() => void)[];
  #seen: readonly Seen[] = [];
  #told = '[]';
  readonly #since = new Map<string, Date>();
  /** By Call-ID. */
  readonly #taken = new Map<string, Taker>();
  readonly #announcer: Announcer;
  readonly #offers: Offers;
  readonly #push: Push;

  constructor(deps: FederationDeps, config: FederationConfig) {
    this.#deps = deps;
    const { home, calls } = deps;
    this.#watch = new DialogWatch(deps, {
      policy: config.policy,
      // Where the devices are told, a device that is alone has nothing to ask.
      wanted: () => home.profile === 'sip' || config.policy === 'always' || this.#hasOthers,
    });
    this.#watch.onChange.on(() => this.#look());
    this.#announcer = new Announcer(deps);
    this.#offers = new Offers({ ...deps, policy: config.push });
    this.#offers.onChange.on(() => this.#look());
    this.#push = new Push({ ...deps, devices: () => home.federation });
    this.#off = [
      home.onFederation.on(() => {
        this.#watch.consider();
        this.#look();
      }),
      // What rings here as well is no call of another device; it may become one.
      calls.onChange.on((call) => this.#ownChanged(call)),
    ];
  }

  /** Oldest first; what was pushed here and is not told of otherwise comes last. */
  get list(): readonly FederationCall[] {
    const offers = this.#offers.list;
    const rows = this.#seen.map(({ call, name }): FederationCall => {
      const offered = offers.some((offer) => name !== undefined && sameDialog(offer.name, name));
      return offered ? { ...call, offered } : call;
    });
    const others = offers.filter(({ name }) => !this.#seenAs(name));
    return [...rows, ...others.map(({ row }) => row)];
  }

  /** A SUBSCRIBE or REFER outside a dialog. False: not for the federation. */
  handle(incoming: Incoming): boolean {
    const { request } = incoming;
    if (request.method === 'REFER') return this.#offers.take(incoming);
    if (request.method !== 'SUBSCRIBE' || request.event?.type.toLowerCase() !== DIALOG_EVENT) return false;
    // A proxy that asks every contact of the number asks us too.
    if (this.#watch.isOwn(request)) incoming.respond(LOOP_DETECTED);
    else this.#announcer.take(incoming);
    return true;
  }

  /** A call that was pushed here is not wanted. Throws TandemError `federation.unknown`. */
  decline(id: string): void {
    const seen = this.#seen.find(({ call }) => call.id === id);
    if (!this.#offers.decline(this.#offered(id, seen)?.row.id ?? id)) throw unknown(id);
  }

  #offered(id: string, seen: Seen | undefined): Offer | undefined {
    return this.#offers.list.find(
      ({ row, name }) => row.id === id || (seen?.name !== undefined && sameDialog(name, seen.name)),
    );
  }

  /** Hands an active call to another device. Throws as `Push.begin`. */
  push(call: string, instance: string): Call {
    return this.#push.begin(call, instance);
  }

  #seenAs(name: DialogName): Seen | undefined {
    return this.#seen.find((seen) => seen.name !== undefined && sameDialog(seen.name, name));
  }

  get subscription(): DialogWatch['state'] {
    return this.#watch.state;
  }

  /** Who answered a call that rang here too, or took it from here. */
  takenBy(callId: string): Taker | undefined {
    return this.#taken.get(callId);
  }

  /**
   * Takes a call from another device: INVITE to its far end, in the place of that dialog (RFC 3891). Throws TandemError
   * `federation.unknown`, `federation.not-pullable`, and what `CallManager.talk` throws. Whatever happens later ends the call.
   */
  pull(id: string): Call {
    const seen = this.#seen.find(({ call }) => call.id === id);
    const offer = this.#offered(id, seen);
    const replaced = offer?.name ?? seen?.name;
    if (replaced && (offer || seen?.call.pullable)) this.#announcer.foretell(replaced);
    const taken = offer && this.#offers.pull(offer.row.id);
    if (taken) return taken;
    if (!seen) throw unknown(id);
    const target = pullTarget(seen.entry);
    if (!seen.call.pullable || !seen.name || !target) throw notPullable(seen);
    const call = this.#deps.calls.talk({
      target,
      ...this.#identityOf(seen),
      privacy: 'unsaid',
      video: false,
      headers: [
        ['Replaces', replacesValue(seen.name)],
        ['Require', 'replaces'],
      ],
    });
    call.onEnded.on((row) => {
      const sentence = pullFailure(row.end, row.answered !== undefined);
      if (sentence !== undefined) call.notes.tell(sentence);
    });
    return call;
  }

  /** Un-subscribes. */
  stop(): void {
    for (const off of this.#off) off();
    this.#offers.stop();
    this.#announcer.stop();
    this.#watch.stop();
  }

  get #hasOthers(): boolean {
    return this.#deps.home.federation.some(({ self }) => !self);
  }

  /** The one that the other device uses, where it is ours as well. */
  #identityOf({ entry }: Seen): ChosenIdentity {
    const { identities } = this.#deps.calls;
    const used = parseUri(entry.local.identity?.uri ?? '');
    const own = used.ok ? identities.find(used.value) : undefined;
    return identities.choose(own && identities.isActive(own) ? own.toString() : undefined);
  }

  #ownChanged({ state }: CallSnapshot): void {
    if (this.#watch.dialogs.length > 0 || state === 'ended') this.#look();
  }

  /** Puts together what is known now. */
  #look(): void {
    const { home, calls, clock } = this.#deps;
    const { dialogs, entity } = this.#watch;
    const own = dialogs.length > 0 ? ownCalls(calls) : [];
    const devices = home.federation;
    const foreign = dialogs
      .map((entry) => withTags(entry, this.#watch.tagsOf(entry.id), own))
      .filter((entry) => !isOurs(entry, own));
    const seen = foreign.flatMap((entry): Seen[] => {
      const now = clock.date();
      const began = new Date(now.getTime() - (entry.duration ?? 0) * 1000);
      const found = seenCall(entity, entry, { devices, since: began });
      if (!found) return [];
      const since = this.#since.get(found.call.id) ?? began;
      this.#since.set(found.call.id, since);
      return [{ ...found, call: { ...found.call, since: since.toISOString() } }];
    });
    this.#seen = seen.sort((a, b) => a.call.since.localeCompare(b.call.since));
    const live = new Set(this.#seen.map(({ call }) => call.id));
    for (const id of this.#since.keys()) if (!live.has(id)) this.#since.delete(id);
    for (const each of seen) this.#noteTaker(each);
    this.#notePulled();
    const text = JSON.stringify(this.list);
    if (text === this.#told) return;
    this.#told = text;
    this.onChange.emit(this.list);
  }

  /** A dialog elsewhere says that it takes the place of ours: the BYE that follows is no hanging up. */
  #notePulled(): void {
    const replaced = this.#seen.flatMap(({ entry }) => entry.replaces ?? []);
    for (const call of this.#deps.calls.live) {
      if (call.ended) continue;
      const away = call.dialogNames.some((name) => replaced.some((each) => names(each, name)));
      call.pulled = away || this.#push.isLeaving(call.id);
    }
  }

  /** It rang here too (the same Call-ID), or was ours before (the dialog it replaced). */
  #noteTaker({ call, entry }: Seen): void {
    if (call.state !== 'active') return;
    const taker = {
      uri: shownDevice(call),
      ...(call.instance === undefined ? {} : { instance: call.instance }),
    };
    for (const callId of [entry.callId, entry.replaces?.callId]) {
      if (callId === undefined) continue;
      this.#taken.delete(callId);
      this.#taken.set(callId, taker);
    }
    const [oldest] = this.#taken.keys();
    if (this.#taken.size > MOST_TAKEN && oldest !== undefined) this.#taken.delete(oldest);
  }
}

const sameDialog = (a: DialogName, b: DialogName): boolean =>
  a.callId === b.callId && a.localTag === b.localTag && a.remoteTag === b.remoteTag;

const names = (replaced: DialogName, { callId, localTag, remoteTag }: DialogName): boolean =>
  replaced.callId === callId &&
  ((replaced.localTag === localTag && replaced.remoteTag === remoteTag) ||
    // Some write it as the Replaces header does, from the far end's side.
    (replaced.localTag === remoteTag && replaced.remoteTag === localTag));

const unknown = (id: string): TandemError =>
  new TandemError('caller', 'federation.unknown', 'There is no such call on another device.', {
    detail: { id },
  });

const notPullable = ({ call, entry }: Seen): TandemError => {
  const why =
    call.state === 'ringing'
      ? 'The call still rings there; it can be taken once it is answered.'
      : entry.exclusive === true
        ? 'The other device keeps this call to itself.'
        : 'The network does not tell enough about this call to take it.';
  return new TandemError('caller', 'federation.not-pullable', why, { detail: { id: call.id } });
};
