// RFC 6665 4.2 Notifier: the server side of one event package.
import type { Clock } from '#src/base/clock.ts';
import { Seconds } from '#src/base/units.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Incoming, SendingHandlers } from '#src/sip/ua/user-agent.ts';
import type { NotifierState } from './notifier-table.ts';
import { NotifierUsage, type NotifyBody } from './notifier-usage.ts';

/** A SUBSCRIBE to be answered: an `Incoming` of the user agent is one. */
export type Asking = Pick<Incoming, 'request' | 'flow' | 'localTag' | 'respond'>;

/** What carries the dialogs: a `UserAgent`, or what a proxy has in its place. */
export interface DialogCarrier {
  attach(dialog: Dialog, user: { onRequest(asking: Asking): void }): void;
  detach(dialog: Dialog): void;
  sendInDialog(
    dialog: Dialog,
    request: SipRequest,
    handlers: Pick<SendingHandlers, 'onFinal' | 'onFailure'>,
  ): unknown;
}

export interface NotifierOptions {
  readonly ua: DialogCarrier;
  readonly clock: Clock;
  /** Package name: `reg`. */
  readonly event: string;
  /** Refuse below `min` with 423, cut above `max`, `usual` when the SUBSCRIBE names none. */
  readonly expires: { readonly min: Seconds; readonly max: Seconds; readonly usual: Seconds };
  /** Contact of our answers and NOTIFYs. */
  readonly contact: (asking: Asking) => NameAddr;
  /** The state as it is now; undefined for a NOTIFY without body (pending, or nothing to tell). */
  readonly body: (subscription: ServerSubscription) => NotifyBody | undefined;
  /** May refuse with a status, or leave undecided. Default: accepted. */
  readonly authorize?: (request: SipRequest) => 'active' | 'pending' | number;
  /** Header fields for each NOTIFY. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

/** The subscriptions to one package. `handle` gets every SUBSCRIBE that comes outside a dialog. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #subscriptions = new Set<ServerSubscription>();

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  get subscriptions(): readonly ServerSubscription[] {
    return [...this.#subscriptions];
  }

  /** Answers the SUBSCRIBE, and sends the first NOTIFY (4.2.1.2). The new subscription, unless it was refused. */
  handle(incoming: Asking): ServerSubscription | undefined {
    const { event, authorize } = this.#options;
    const { request } = incoming;
    if (request.event?.type.toLowerCase() !== event.toLowerCase()) {
      incoming.respond(489, { headers: [['Allow-Events', event]] });
      return undefined;
    }
    if (request.contacts.length !== 1) {
      incoming.respond(400, { reason: 'Missing Contact' });
      return undefined;
    }
    const decision = authorize?.(request) ?? 'active';
    if (typeof decision === 'number') {
      incoming.respond(decision);
      return undefined;
    }
    const expires = this.grant(incoming);
    if (expires === undefined) return undefined;
    const contact = this.#options.contact(incoming);
    const dialog = Dialog.uas(request, {
      localTag: incoming.localTag,
      contact,
      secure: incoming.flow.secure,
    });
    dialog.confirm();
    const subscription = new ServerSubscription(this.#options, this, incoming, dialog, decision);
    this.#subscriptions.add(subscription);
    this.accept(incoming, contact, expires);
    subscription.begin(expires);
    return subscription;
  }

  /** Tells every subscriber; `which` leaves some out. */
  notifyAll(which: (subscription: ServerSubscription) => boolean = () => true): void {
    for (const each of this.#subscriptions) if (which(each)) each.notify();
  }

  /** Lets go of all of them without a word. */
  stop(): void {
    for (const each of [...this.#subscriptions]) each.drop();
  }

  /** The seconds granted, 0 for a fetch or un-subscription; undefined when refused with 423. */
  grant(incoming: Asking): Seconds | undefined {
    const { min, max, usual } = this.#options.expires;
    const asked = incoming.request.expires ?? usual;
    if (asked > 0 && asked < min) {
      incoming.respond(423, { headers: [['Min-Expires', String(min)]] });
      return undefined;
    }
    return Seconds(Math.min(asked, max));
  }

  accept(incoming: Asking, contact: NameAddr, expires: Seconds): void {
    incoming.respond(200, {
      headers: [
        ['Expires', String(expires)],
        ['Contact', contact.toString()],
      ],
    });
  }

  forget(subscription: ServerSubscription): void {
    this.#subscriptions.delete(subscription);
  }
}

/** One subscriber. */
export class ServerSubscription {
  /** The SUBSCRIBE that made it. */
  readonly request: SipRequest;
  readonly dialog: Dialog;
  readonly #options: NotifierOptions;
  readonly #notifier: Notifier;
  readonly #usage: NotifierUsage;

  constructor(
    options: NotifierOptions,
    notifier: Notifier,
    { request, flow }: Asking,
    dialog: Dialog,
    state: 'active' | 'pending',
  ) {
    const { ua, clock, event, headers, body } = options;
    this.#options = options;
    this.#notifier = notifier;
    this.request = request;
    this.dialog = dialog;
    dialog.flow = flow.transport === 'udp' ? undefined : flow;
    const id = request.event?.id;
    this.#usage = new NotifierUsage({
      ...{ clock, dialog, state, headers },
      event: id === undefined ? event : `${event};id=${id}`,
      waiting: 'all',
      body: () => body(this),
      send: (notify, handlers) => ua.sendInDialog(dialog, notify, handlers),
      onEnded: () => notifier.forget(this),
      onOver: () => {
        dialog.terminate();
        ua.detach(dialog);
      },
    });
  }

  get state(): NotifierState {
    return this.#usage.state;
  }

  /** Seconds left. */
  get expires(): Seconds {
    return this.#usage.expires;
  }

  begin(expires: Seconds): void {
    this.#options.ua.attach(this.dialog, { onRequest: (incoming) => this.#receive(incoming) });
    this.#usage.renew(expires);
  }

  /** The state has changed: sends what `body` says now. */
  notify(): void {
    this.#usage.notify();
  }

  /** A pending subscription becomes active (4.2.1.4). */
  authorize(): void {
    this.#usage.authorize();
  }

  /** Sends the last NOTIFY with this reason (4.2.2) and forgets the subscription. */
  terminate(reason: string, retryAfter?: Seconds): void {
    this.#usage.terminate(reason, retryAfter);
  }

  /** Forgets it without a word. */
  drop(): void {
    this.#usage.drop();
  }

  #receive(incoming: Asking): void {
    if (incoming.request.method !== 'SUBSCRIBE') {
      incoming.respond(405, { headers: [['Allow', 'SUBSCRIBE, NOTIFY']] });
      return;
    }
    const expires = this.#notifier.grant(incoming);
    if (expires === undefined) return;
    this.#notifier.accept(incoming, this.#options.contact(incoming), expires);
    this.#usage.renew(expires);
  }
}
