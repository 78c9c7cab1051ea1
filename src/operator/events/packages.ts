// RFC 6665 4.2: what the operator tells of beside who is registered: dialogs (RFC 4235) and the mailbox (RFC 3842, 24.606).
import type { Clock, Timer } from '#src/base/clock.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { DIALOG_INFO_TYPE } from '#src/services/dialog-info/dialog-info.ts';
import { writeDialogInfo } from '#src/services/dialog-info/writer.ts';
import { type MessageSummary, SUMMARY_TYPE, writeSummary } from '#src/services/message-waiting/summary.ts';
import { type Asking, Notifier, type ServerSubscription } from '#src/sip/event/notifier.ts';
import { type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { TransactionLayer } from '#src/sip/transaction/layer.ts';
import type { ServerTransaction } from '#src/sip/transaction/transaction.ts';
import { type Account, sameIdentity } from '../accounts.ts';
import type { Location } from '../location.ts';
import type { OwnAddresses } from '../own-addresses.ts';
import { Carrier } from './carrier.ts';
import { DialogLedger } from './dialog-ledger.ts';

export interface PackageDeps {
  readonly layer: TransactionLayer;
  readonly clock: Clock;
  readonly random: Random;
  readonly location: Location;
  readonly addresses: OwnAddresses;
}

export const EVENT_PACKAGES = ['dialog', 'message-summary'] as const;
export type EventPackage = (typeof EVENT_PACKAGES)[number];

const EXPIRES = { min: Seconds(0), max: Seconds(7200), usual: Seconds(3600) };
/** RFC 4235 3.10: not more often than once a second. */
const PAUSE = Milliseconds(1000);
/** Of one account to one package: its devices, and those that began anew without a word. Each is told of every change. */
export const MOST_SUBSCRIPTIONS = 20;
/** When some may have run out. */
const AGAIN = Seconds(60);
const FORBIDDEN = 403;
const UNAVAILABLE = 480;
const EMPTY: MessageSummary = { waiting: false, messages: [] };

export class EventPackages {
  readonly ledger: DialogLedger;
  readonly #deps: PackageDeps;
  readonly #carrier: Carrier;
  readonly #notifiers: Readonly<Record<EventPackage, Notifier>>;
  readonly #accounts = new WeakMap<ServerSubscription, Account>();
  readonly #versions = new WeakMap<ServerSubscription, number>();
  readonly #mailboxes: { readonly identity: Uri; summary: MessageSummary }[] = [];
  #asking: Account | undefined;
  #pause: Timer | undefined;
  #owed = false;

  constructor(deps: PackageDeps) {
    this.#deps = deps;
    this.ledger = new DialogLedger(deps.location);
    this.#carrier = new Carrier(deps);
    this.#notifiers = {
      dialog: this.#notifier('dialog'),
      'message-summary': this.#notifier('message-summary'),
    };
    this.ledger.onChange.on((urgent) => this.#tellDialogs(urgent));
  }

  #notifier(event: EventPackage): Notifier {
    const { clock, addresses } = this.#deps;
    return new Notifier({
      ua: this.#carrier,
      clock,
      event,
      expires: EXPIRES,
      contact: ({ flow }) => NameAddr.of(addresses.facing(flow).withoutParam('lr').withUser(event)),
      body: (subscription) =>
        event === 'dialog' ? this.#dialogs(subscription) : this.#summary(subscription),
    });
  }

  /** A SUBSCRIBE outside a dialog. False: another package. */
  subscribe(server: ServerTransaction, account: Account | undefined): boolean {
    const name = EVENT_PACKAGES.find((each) => each === server.request.event?.type.toLowerCase());
    if (!name) return false;
    if (!account) {
      this.#refuse(server, FORBIDDEN);
      return true;
    }
    if (server.request.expires !== 0 && this.#count(name, account) >= MOST_SUBSCRIPTIONS) {
      this.#refuse(server, UNAVAILABLE, [['Retry-After', String(AGAIN)]]);
      return true;
    }
    const asking: Asking = this.#carrier.asking(server);
    // The first NOTIFY is made before the subscription is known to us.
    this.#asking = account;
    const subscription = this.#notifiers[name].handle(asking);
    this.#asking = undefined;
    if (subscription) this.#accounts.set(subscription, account);
    return true;
  }

  #refuse(
    server: ServerTransaction,
    status: number,
    headers: readonly (readonly [string, string])[] = [],
  ): void {
    const toTag = randomToken(this.#deps.random);
    server.respond(SipResponse.reply(server.request, status, { toTag, headers }));
  }

  #count(name: EventPackage, account: Account): number {
    return this.#notifiers[name].subscriptions.filter((each) => this.#accounts.get(each) === account).length;
  }

  owns(request: SipRequest): boolean {
    return this.#carrier.owns(request);
  }

  inDialog(server: ServerTransaction): void {
    this.#carrier.inDialog(server);
  }

  /** In place of what the mailbox of this identity held. */
  setMailbox(identity: Uri, summary: MessageSummary): void {
    const known = this.#mailboxes.find((box) => sameIdentity(box.identity, identity));
    if (known) known.summary = summary;
    else this.#mailboxes.push({ identity, summary });
    this.#notifiers['message-summary'].notifyAll((subscription) => {
      const own = this.#accounts.get(subscription)?.identities ?? [];
      return own.some((each) => sameIdentity(each, identity));
    });
  }

  get mailboxes(): readonly (MessageSummary & { readonly account: string })[] {
    return this.#mailboxes.map(({ identity, summary }) => ({ ...summary, account: identity.toString() }));
  }

  get subscriptions(): number {
    return EVENT_PACKAGES.reduce((sum, name) => sum + this.#notifiers[name].subscriptions.length, 0);
  }

  stop(): void {
    this.#pause?.cancel();
    for (const name of EVENT_PACKAGES) this.#notifiers[name].stop();
  }

  #accountOf(subscription: ServerSubscription): Account | undefined {
    return this.#accounts.get(subscription) ?? this.#asking;
  }

  #dialogs(subscription: ServerSubscription): { contentType: string; body: string } {
    const account = this.#accountOf(subscription);
    const version = this.#versions.get(subscription) ?? 0;
    this.#versions.set(subscription, version + 1);
    const body = writeDialogInfo({
      ...{ version, state: 'full' },
      entity: account?.identities[0]?.toString() ?? '',
      dialogs: account ? this.ledger.of(account) : [],
    });
    return { contentType: DIALOG_INFO_TYPE, body };
  }

  #summary(subscription: ServerSubscription): { contentType: string; body: string } {
    const own = this.#accountOf(subscription)?.identities ?? [];
    const box = this.#mailboxes.find(({ identity }) => own.some((each) => sameIdentity(each, identity)));
    const account = (box?.identity ?? own[0])?.toString();
    const summary = { ...(box?.summary ?? EMPTY), ...(account === undefined ? {} : { account }) };
    return { contentType: SUMMARY_TYPE, body: writeSummary(summary) };
  }

  #tellDialogs(urgent: boolean): void {
    if (this.#notifiers.dialog.subscriptions.length === 0) return;
    if (this.#pause && !urgent) {
      this.#owed = true;
      return;
    }
    this.#notifiers.dialog.notifyAll();
    this.#pause?.cancel();
    this.#pause = this.#deps.clock.after(PAUSE, () => {
      this.#pause = undefined;
      const owed = this.#owed;
      this.#owed = false;
      if (owed) this.#tellDialogs(false);
    });
  }
}
