// RFC 4235 3, RFC 6665 4.2: tells the other devices of the number which dialogs this one has.
import type { Clock, Timer } from '#src/base/clock.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import type { CallManager } from '#src/call/manager.ts';
import { ANONYMOUS } from '#src/call/privacy.ts';
import type { DialogName } from '#src/call/replaces.ts';
import { Notifier, type ServerSubscription } from '#src/sip/event/notifier.ts';
import type { NotifyBody } from '#src/sip/event/notifier-usage.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Incoming, UserAgent } from '#src/sip/ua/user-agent.ts';
import { DIALOG_INFO_TYPE, type DialogInfoEntry } from '../dialog-info/dialog-info.ts';
import { writeDialogInfo } from '../dialog-info/writer.ts';
import { DIALOG_EVENT } from './dialog-watch.ts';
import { fromOurselves, type OurselvesHome } from './ourselves.ts';
import { endingOf, ownEntries } from './own-dialogs.ts';

export interface AnnouncerHome extends OurselvesHome {
  readonly instance: string;
  contact(options: { readonly privacy: boolean; readonly to?: Target | Flow }): NameAddr;
}

export interface AnnouncerParts {
  readonly ua: UserAgent;
  readonly clock: Clock;
  readonly home: AnnouncerHome;
  readonly calls: CallManager;
}

/** What one subscriber was told. */
interface Told {
  version: number;
  readonly dialogs: Map<string, DialogInfoEntry>;
}

/** RFC 4235 3.10: not more often than once a second to one subscriber. */
const PAUSE = Milliseconds(1000);
const EXPIRES = { min: Seconds(60), max: Seconds(3600), usual: Seconds(3600) };
const FORBIDDEN = 403;

export class Announcer {
  readonly #parts: AnnouncerParts;
  readonly #notifier: Notifier;
  readonly #told = new WeakMap<ServerSubscription, Told>();
  readonly #off: () => void;
  #pause: Timer | undefined;
  #owed = false;
  #foretold: DialogInfoEntry | undefined;

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
    const { ua, clock, home, calls } = parts;
    this.#notifier = new Notifier({
      ua,
      clock,
      event: DIALOG_EVENT,
      expires: EXPIRES,
      contact: (incoming) => home.contact({ privacy: false, to: incoming.flow }),
      body: (subscription) => this.#document(subscription),
    });
    this.#off = calls.onChange.on(() => this.#changed());
  }

  /** Who asks now. */
  get subscribers(): number {
    return this.#notifier.subscriptions.length;
  }

  /** A SUBSCRIBE for `dialog` outside a dialog: only of those who are asserted to be ourselves. */
  take(incoming: Incoming): void {
    if (!fromOurselves(incoming, this.#parts.home)) {
      incoming.respond(FORBIDDEN);
      return;
    }
    this.#notifier.handle(incoming);
  }

  /** The subscribers are told that it is over. */
  stop(): void {
    this.#off();
    this.#pause?.cancel();
    for (const each of this.#notifier.subscriptions) each.terminate('deactivated');
  }

  /**
   * What an INVITE that leaves next will make: whoever has the dialog it replaces hears of it before the far end hangs up
   * there. It gives way to the call's own entry.
   */
  foretell(replaces: DialogName): void {
    if (this.subscribers === 0) return;
    const id = `next-${replaces.callId}`;
    this.#foretold = { id, state: 'trying', direction: 'initiator', replaces, local: {}, remote: {} };
    for (const each of this.#notifier.subscriptions) each.notify();
    this.#foretold = undefined;
  }

  /** As they are told now. */
  get entries(): readonly DialogInfoEntry[] {
    const { calls, home } = this.#parts;
    const { uri } = home.contact({ privacy: false });
    const target = { uri: uri.toString(), params: { '+sip.instance': `"<${home.instance}>"` } };
    const own = calls.live.flatMap((call) => ownEntries(call, target));
    return this.#foretold ? [...own, this.#foretold] : own;
  }

  #changed(): void {
    if (this.subscribers === 0) return;
    if (this.#pause) {
      this.#owed = true;
      return;
    }
    const now = JSON.stringify(this.entries);
    const behind = this.#notifier.subscriptions.filter((each) => this.#lastTold(each) !== now);
    if (behind.length === 0) return;
    for (const each of behind) each.notify();
    this.#pause = this.#parts.clock.after(PAUSE, () => {
      this.#pause = undefined;
      const owed = this.#owed;
      this.#owed = false;
      if (owed) this.#changed();
    });
  }

  #lastTold(subscription: ServerSubscription): string {
    return JSON.stringify([...(this.#told.get(subscription)?.dialogs.values() ?? [])]);
  }

  /** Everything that lives, and what has ended since this subscriber heard last. */
  #document(subscription: ServerSubscription): NotifyBody {
    const { calls, home } = this.#parts;
    const told = this.#told.get(subscription) ?? { version: 0, dialogs: new Map() };
    this.#told.set(subscription, told);
    const current = this.entries;
    const live = new Set(current.map(({ id }) => id));
    const ended = [...told.dialogs.values()]
      .filter(({ id }) => !live.has(id))
      .map((entry): DialogInfoEntry => {
        const call = calls.get(entry.id.split('-')[0] ?? '');
        return { ...entry, state: 'terminated', ...endingOf(call?.snapshot) };
      });
    told.dialogs.clear();
    for (const entry of current) told.dialogs.set(entry.id, entry);
    const body = writeDialogInfo({
      version: told.version,
      state: 'full',
      entity: (home.identities[0] ?? ANONYMOUS).uri.toString(),
      dialogs: [...current, ...ended],
    });
    told.version += 1;
    return { contentType: DIALOG_INFO_TYPE, body };
  }
}
