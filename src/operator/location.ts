// RFC 3261 10.3, RFC 5626 5: the bindings of every account, and what happens to them.
import type { Clock, Timer } from '#src/base/clock.ts';
import { Signal } from '#src/base/events.ts';
import { Milliseconds, type Seconds, toMilliseconds, toSeconds } from '#src/base/units.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { type Uri, uriEquals } from '#src/sip/message/uri.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { type Account, type Accounts, sameIdentity } from './accounts.ts';
import type { Place } from './services/place.ts';

/** RFC 3680 5.3.2. */
export type BindingEvent =
  | 'registered'
  | 'refreshed'
  | 'shortened'
  | 'expired'
  | 'unregistered'
  | 'deactivated'
  | 'rejected'
  | 'probation';

export interface Binding {
  readonly id: string;
  readonly account: Account;
  /** As registered, with its parameters. */
  readonly contact: NameAddr;
  readonly instance: string | undefined;
  readonly regId: string | undefined;
  /** Requests to the device go over it while it lives. */
  readonly flow: Flow;
  readonly callId: string;
  readonly cseq: number;
  readonly pubGruu: string | undefined;
  /** Announced end-to-access-edge protection, and so did we (24.229 5.2.2). */
  readonly mediaSecurity: boolean;
  /** Where the device is, as its latest request tells. */
  readonly place: Place;
  readonly ends: Milliseconds;
}

export interface BindingChange {
  readonly binding: Binding;
  readonly event: BindingEvent;
  /** Of probation. */
  readonly retryAfter?: Seconds;
}

export type BindingFields = Omit<Binding, 'id' | 'ends'>;

export class Location {
  readonly onChange = new Signal<BindingChange>();
  readonly #clock: Clock;
  readonly #accounts: Accounts;
  readonly #bindings = new Map<string, { binding: Binding; timer: Timer }>();
  #count = 0;

  constructor(clock: Clock, accounts: Accounts) {
    this.#clock = clock;
    this.#accounts = accounts;
  }

  get all(): readonly Binding[] {
    return [...this.#bindings.values()].map(({ binding }) => binding);
  }

  /** Of one device or softphone (one IMPI may have several). */
  ofAccount(account: Account): readonly Binding[] {
    return this.all.filter((binding) => binding.account === account);
  }

  /** Of everyone who shares the identity. */
  ofIdentity(identity: Uri): readonly Binding[] {
    const sharing = new Set(this.#accounts.byIdentity(identity));
    return this.all.filter(({ account }) => sharing.has(account));
  }

  /** Of those to whom somebody else's identity is lent. */
  ofShared(identity: Uri): readonly Binding[] {
    const sharing = new Set(this.#accounts.sharingWith(identity));
    return this.all.filter(({ account }) => sharing.has(account));
  }

  /** RFC 5626 6: by instance and reg-id, else by contact address; within one account. */
  find(account: Account, fields: Pick<Binding, 'contact' | 'instance' | 'regId'>): Binding | undefined {
    return this.ofAccount(account).find((binding) =>
      fields.instance !== undefined && fields.regId !== undefined
        ? binding.instance === fields.instance && binding.regId === fields.regId
        : uriEquals(binding.contact.uri, fields.contact.uri),
    );
  }

  byContact(uri: Uri): Binding | undefined {
    return this.all.find((binding) => uriEquals(binding.contact.uri, uri));
  }

  byGruu(uri: Uri): Binding | undefined {
    const text = uri.toString();
    return this.all.find(({ pubGruu }) => pubGruu === text);
  }

  byFlow(flow: Flow): Binding | undefined {
    return this.all.find((binding) => binding.flow === flow);
  }

  byId(id: string): Binding | undefined {
    return this.#bindings.get(id)?.binding;
  }

  /** Makes or refreshes a binding. */
  bind(fields: BindingFields, expires: Seconds): Binding {
    const known = this.find(fields.account, fields);
    this.#count += 1;
    return this.#keep(
      { ...fields, id: known?.id ?? `c${this.#count}` },
      expires,
      known ? 'refreshed' : 'registered',
    );
  }

  /** The device has moved, or tells for the first time where it is. */
  moved(binding: Binding, place: Place): void {
    const entry = this.#bindings.get(binding.id);
    if (entry) this.#bindings.set(binding.id, { ...entry, binding: { ...entry.binding, place } });
  }

  shorten(binding: Binding, expires: Seconds): Binding {
    return this.#keep(binding, expires, 'shortened');
  }

  remove(binding: Binding, event: BindingEvent, retryAfter?: Seconds): void {
    const entry = this.#bindings.get(binding.id);
    if (!entry) return;
    entry.timer.cancel();
    this.#bindings.delete(binding.id);
    this.onChange.emit({
      binding: entry.binding,
      event,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    });
  }

  /** Seconds until it ends. */
  left(binding: Binding): Seconds {
    return toSeconds(Milliseconds(Math.max(0, binding.ends - this.#clock.now())));
  }

  /** Whether an identity has any binding. */
  isRegistered(identity: Uri): boolean {
    return this.#accounts.byIdentity(identity).some((account) => this.ofAccount(account).length > 0);
  }

  stop(): void {
    for (const { timer } of this.#bindings.values()) timer.cancel();
    this.#bindings.clear();
  }

  #keep(fields: Omit<Binding, 'ends'>, expires: Seconds, event: BindingEvent): Binding {
    this.#bindings.get(fields.id)?.timer.cancel();
    const span = toMilliseconds(expires);
    const binding: Binding = { ...fields, ends: Milliseconds(this.#clock.now() + span) };
    const timer = this.#clock.after(span, () => this.remove(binding, 'expired'));
    this.#bindings.set(fields.id, { binding, timer });
    this.onChange.emit({ binding, event });
    return binding;
  }
}

export const shares = (account: Account, identity: Uri): boolean =>
  account.identities.some((own) => sameIdentity(own, identity));
