// RFC 6665 4.2, RFC 3680 4, TS 24.229 5.4.2.1: the notifier of the reg event package.
import type { Clock, Timer } from '#src/base/clock.ts';
import type { Logger } from '#src/base/log.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { TransactionLayer } from '#src/sip/transaction/layer.ts';
import type { ServerTransaction } from '#src/sip/transaction/transaction.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { type Account, sameIdentity } from './accounts.ts';
import type { Binding, BindingChange, Location } from './location.ts';
import type { OwnAddresses } from './own-addresses.ts';
import { type ReportedRegistration, writeRegInfo } from './reg-info-writer.ts';

export interface RegEventServerDeps {
  readonly layer: TransactionLayer;
  readonly location: Location;
  readonly addresses: OwnAddresses;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Subscription {
  readonly dialog: Dialog;
  readonly flow: Flow;
  /** Whose identities it is about. */
  readonly account: Account;
  version: number;
  expires: Timer;
  ends: number;
}

/** TS 24.229 5.1.1.3 asks for 600000 s. */
const LONGEST = Seconds(600_000);
/** RFC 3680 4.4. */
const USUAL = Seconds(3761);

const TERMINATED_EVENTS: ReadonlySet<string> = new Set([
  'expired',
  'unregistered',
  'deactivated',
  'rejected',
  'probation',
]);

export class RegEventServer {
  readonly #deps: RegEventServerDeps;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #off: () => void;

  constructor(deps: RegEventServerDeps) {
    this.#deps = deps;
    this.#off = deps.location.onChange.on((change) => this.#changed(change));
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  owns(request: SipRequest): boolean {
    return this.#find(request) !== undefined;
  }

  /** A SUBSCRIBE, first or within its dialog. `account` is the subscriber's. */
  subscribe(server: ServerTransaction, account: Account | undefined): void {
    const { request } = server;
    const expires = Seconds(Math.min(request.expires ?? USUAL, LONGEST));
    const known = this.#find(request);
    if (known) {
      if (known.dialog.receive(request) !== 'ok') server.respond(SipResponse.reply(request, 500));
      else this.#accept(server, known, expires);
      return;
    }
    if (request.to.tag !== undefined) server.respond(SipResponse.reply(request, 481));
    else if (!account) server.respond(SipResponse.reply(request, 403, { toTag: this.#tag() }));
    else this.#accept(server, this.#create(server, account), expires);
  }

  stop(): void {
    this.#off();
    for (const { expires } of this.#subscriptions.values()) expires.cancel();
    this.#subscriptions.clear();
  }

  #tag(): string {
    return randomToken(this.#deps.random);
  }

  #find(request: SipRequest): Subscription | undefined {
    return this.#subscriptions.get(`${request.callId} ${request.to.tag} ${request.from.tag}`);
  }

  #create({ request, flow }: ServerTransaction, account: Account): Subscription {
    const contact = NameAddr.of(this.#deps.addresses.facing(flow).withoutParam('lr').withUser('reg'));
    const dialog = Dialog.uas(request, { localTag: this.#tag(), contact });
    const expires: Timer = { cancel: () => undefined };
    const subscription: Subscription = { dialog, flow, account, version: 0, expires, ends: 0 };
    this.#subscriptions.set(keyOf(dialog), subscription);
    return subscription;
  }

  #accept(server: ServerTransaction, subscription: Subscription, expires: Seconds): void {
    const { dialog } = subscription;
    const contact = dialog.localContact?.toString() ?? '';
    server.respond(
      SipResponse.reply(server.request, 200, {
        toTag: dialog.localTag,
        headers: [
          ['Contact', contact],
          ['Expires', String(expires)],
        ],
      }),
    );
    dialog.confirm();
    subscription.expires.cancel();
    if (expires === 0) {
      this.#end(subscription, 'timeout');
      return;
    }
    const { clock } = this.#deps;
    subscription.ends = clock.now() + toMilliseconds(expires);
    subscription.expires = clock.after(toMilliseconds(expires), () => this.#end(subscription, 'timeout'));
    this.#notify(subscription, 'full', this.#full(subscription.account));
  }

  #full(account: Account): ReportedRegistration[] {
    const { location } = this.#deps;
    return account.identities.map((identity) => {
      const contacts = location.ofIdentity(identity).map((binding) => this.#active(binding, 'registered'));
      return { identity, state: contacts.length > 0 ? 'active' : 'init', contacts };
    });
  }

  #active(binding: Binding, event: BindingChange['event']): ReportedRegistration['contacts'][number] {
    return { binding, state: 'active', event, expires: this.#deps.location.left(binding) };
  }

  #changed({ binding, event, retryAfter }: BindingChange): void {
    const { location } = this.#deps;
    const ended = TERMINATED_EVENTS.has(event);
    const contact = ended
      ? {
          binding,
          state: 'terminated' as const,
          event,
          expires: Seconds(0),
          ...(retryAfter === undefined ? {} : { retryAfter }),
        }
      : this.#active(binding, event);
    for (const subscription of [...this.#subscriptions.values()]) {
      const common = subscription.account.identities.filter((identity) => isOf(binding.account, identity));
      if (common.length === 0) continue;
      const registrations = common.map((identity): ReportedRegistration => {
        const state = ended && !location.isRegistered(identity) ? 'terminated' : 'active';
        return { identity, state, contacts: [contact] };
      });
      // 24.229 5.4.2.1.2: nobody is left to tell.
      const last = ended && registrations.every(({ state }) => state === 'terminated');
      this.#notify(subscription, 'partial', registrations, last ? 'noresource' : undefined);
    }
  }

  #end(subscription: Subscription, reason: string): void {
    this.#notify(subscription, 'full', this.#full(subscription.account), reason);
  }

  #notify(
    subscription: Subscription,
    kind: 'full' | 'partial',
    registrations: readonly ReportedRegistration[],
    ended?: string,
  ): void {
    const { dialog, flow } = subscription;
    const { layer, clock, log } = this.#deps;
    const left = Math.max(0, Math.round((subscription.ends - clock.now()) / 1000));
    const request = dialog.createRequest('NOTIFY', {
      headers: [
        ['Event', 'reg'],
        ['Subscription-State', ended === undefined ? `active;expires=${left}` : `terminated;reason=${ended}`],
      ],
      body: writeRegInfo(subscription.version, kind, registrations),
      contentType: 'application/reginfo+xml',
    });
    subscription.version += 1;
    if (ended !== undefined) this.#forget(subscription);
    layer.request(request, flow, {
      onResponse: ({ status }) => {
        if (status >= 300) this.#forget(subscription);
      },
      onFailure: (error) => {
        log.info({ error: error.id }, 'operator: a NOTIFY was not answered');
        this.#forget(subscription);
      },
    });
  }

  #forget(subscription: Subscription): void {
    subscription.expires.cancel();
    this.#subscriptions.delete(keyOf(subscription.dialog));
  }
}

const keyOf = ({ callId, localTag, remoteTag }: Dialog): string => `${callId} ${localTag} ${remoteTag}`;
const isOf = (account: Account, identity: Uri): boolean =>
  account.identities.some((own) => sameIdentity(own, identity));
