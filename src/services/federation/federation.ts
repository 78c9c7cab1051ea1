// NG.110 1.1 and a step beyond it: calls on other devices of the number are seen here, and can be taken from there.
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { Call } from '#src/call/call.ts';
import type { ChosenIdentity } from '#src/call/identity-book.ts';
import type { CallManager } from '#src/call/manager.ts';
import { type DialogName, replacesValue } from '#src/call/replaces.ts';
import type { CallSnapshot } from '#src/call/snapshot.ts';
import type { FederatedDevice } from '#src/ims/federation.ts';
import { parseUri } from '#src/sip/message/uri.ts';
import type { Home, WatchDeps, WatchPolicy } from '../watch.ts';
import { DialogWatch } from './dialog-watch.ts';
import {
  type FederationCall,
  isOurs,
  pullTarget,
  type Seen,
  seenCall,
  shownDevice,
} from './federation-call.ts';
import { known, ownCalls } from './own-calls.ts';
import { pullFailure } from './pull-failures.ts';

export interface FederationHome extends Home {
  readonly federation: readonly FederatedDevice[];
  readonly onFederation: Signal<readonly FederatedDevice[]>;
}

export interface FederationDeps extends WatchDeps {
  readonly home: FederationHome;
  readonly calls: CallManager;
}

export interface FederationConfig {
  readonly policy: WatchPolicy;
}

/** Which device has a call that rang here too, or was taken from here. */
export interface Taker {
  readonly uri: string;
  readonly instance?: string;
}

/** Calls answered elsewhere whose device is remembered. */
const MOST_TAKEN = 200;

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

  constructor(deps: FederationDeps, config: FederationConfig) {
    this.#deps = deps;
    const { home, calls } = deps;
    this.#watch = new DialogWatch(deps, {
      policy: config.policy,
      // Where the devices are told, a device that is alone has nothing to ask.
      wanted: () => home.profile === 'sip' || config.policy === 'always' || this.#hasOthers,
    });
    this.#watch.onChange.on(() => this.#look());
    this.#off = [
      home.onFederation.on(() => {
        this.#watch.consider();
        this.#look();
      }),
      // What rings here as well is no call of another device; it may become one.
      calls.onChange.on((call) => this.#ownChanged(call)),
    ];
  }

  /** Oldest first. */
  get list(): readonly FederationCall[] {
    return this.#seen.map(({ call }) => call);
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
   * `federation.unknown`, `federation.not-pullable`, and what `CallManager.place` throws. Whatever happens later ends the call.
   */
  pull(id: string): Call {
    const seen = this.#seen.find(({ call }) => call.id === id);
    if (!seen) {
      throw new TandemError('caller', 'federation.unknown', 'There is no such call on another device.', {
        detail: { id },
      });
    }
    const target = pullTarget(seen.entry);
    if (!seen.call.pullable || !seen.name || !target) throw notPullable(seen);
    const call = this.#deps.calls.place({
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
      if (sentence !== undefined) call.tell(sentence);
    });
    return call;
  }

  /** Un-subscribes. */
  stop(): void {
    for (const off of this.#off) off();
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
    const own = ownCalls(calls);
    const { dialogs, entity } = this.#watch;
    const devices = home.federation;
    const foreign = dialogs.filter((entry) => !isOurs(entry, own));
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
    for (const call of known(this.#deps.calls)) {
      if (!(call instanceof Call) || call.ended) continue;
      call.pulled = call.dialogNames.some((name) => replaced.some((each) => names(each, name)));
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

const names = (replaced: DialogName, { callId, localTag, remoteTag }: DialogName): boolean =>
  replaced.callId === callId &&
  ((replaced.localTag === localTag && replaced.remoteTag === remoteTag) ||
    // Some write it as the Replaces header does, from the far end's side.
    (replaced.localTag === remoteTag && replaced.remoteTag === localTag));

const notPullable = ({ call, entry }: Seen): TandemError => {
  const why =
    call.state === 'ringing'
      ? 'The call still rings there; it can be taken once it is answered.'
      : entry.exclusive === true
        ? 'The other device keeps this call to itself.'
        : 'The network does not tell enough about this call to take it.';
  return new TandemError('caller', 'federation.not-pullable', why, { detail: { id: call.id } });
};
