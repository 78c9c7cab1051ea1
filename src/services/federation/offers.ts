// A call that another device of the number hands to this one: a REFER outside any dialog that names the dialog to replace.
import type { Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { randomToken } from '#src/base/random.ts';
import { toMilliseconds } from '#src/base/units.ts';
import type { Call } from '#src/call/call.ts';
import type { CallManager } from '#src/call/manager.ts';
import { shownUri } from '#src/call/party.ts';
import { type DialogName, replacedName } from '#src/call/replaces.ts';
import { acceptRefer, ReferServer, referDialog } from '#src/call/transfer/refer-server.ts';
import { type ReferTarget, readReferTo } from '#src/call/transfer/refer-to.ts';
import { DialogUsages } from '#src/call/transfer/usages.ts';
import type { CallWorld } from '#src/call/world.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import type { FederationCall } from './federation-call.ts';
import { fromOurselves, type OurselvesHome } from './ourselves.ts';
import { pullFailure } from './pull-failures.ts';

/** `ring`: the owner is asked; `take`: it is taken at once, as the person who pushed it wished; `refuse`. */
export const PUSH_POLICIES = ['ring', 'take', 'refuse'] as const;
export type PushPolicy = (typeof PUSH_POLICIES)[number];

export interface OfferParts {
  readonly world: CallWorld;
  readonly home: OurselvesHome;
  readonly calls: CallManager;
  readonly policy: PushPolicy;
  /** The loudspeaker rings, or no more. */
  readonly ring: (on: boolean) => void;
}

/** What waits for the owner. */
export interface Offer {
  readonly row: FederationCall;
  /** The dialog, as the device that has it sees it. */
  readonly name: DialogName;
}

interface Waiting extends Offer {
  readonly wanted: ReferTarget;
  readonly referredBy: string | undefined;
  readonly server: ReferServer | undefined;
  readonly limit: Timer;
}

const BAD_REQUEST = 400;
const FORBIDDEN = 403;
const DECLINE = 603;
const BUSY = 486;
const RINGING = 180;
const TEMPORARILY_UNAVAILABLE = 480;
const SERVICE_UNAVAILABLE = 503;
/** Nobody holds more calls than this in one house. */
const MOST = 8;

export class Offers {
  readonly onChange = new Signal<void>();
  readonly #parts: OfferParts;
  readonly #waiting = new Map<string, Waiting>();

  constructor(parts: OfferParts) {
    this.#parts = parts;
  }

  get list(): readonly Offer[] {
    return [...this.#waiting.values()];
  }

  /** A REFER outside a dialog. False: not one that hands a call over; it may be one of another kind. */
  take(incoming: Incoming): boolean {
    const { request } = incoming;
    // With Target-Dialog it is about a call that is here already (RFC 4538).
    if (request.method !== 'REFER' || request.headers.has('Target-Dialog')) return false;
    const { home, policy } = this.#parts;
    if (!fromOurselves(incoming, home)) return false;
    if (request.contacts.length !== 1) incoming.respond(BAD_REQUEST, { reason: 'Missing Contact' });
    else if (policy === 'refuse') incoming.respond(DECLINE);
    else if (this.#waiting.size >= MOST) incoming.respond(BUSY);
    else this.#read(incoming);
    return true;
  }

  #read(incoming: Incoming): void {
    const wanted = readReferTo(incoming.request);
    if (!wanted.ok) {
      incoming.respond(wanted.error.status, { reason: wanted.error.reason });
      return;
    }
    const name = replacedName(wanted.value.headers);
    // Who only wants somebody called has no business with our loudspeaker.
    if (!name) incoming.respond(FORBIDDEN, { reason: 'Only Calls Are Taken' });
    else this.#accept(incoming, wanted.value, name);
  }

  #accept(incoming: Incoming, wanted: ReferTarget, name: DialogName): void {
    const { world, policy } = this.#parts;
    const { request } = incoming;
    const server = acceptRefer(incoming, world, () => this.#server(incoming));
    const offer: Waiting = {
      row: this.#row(incoming, wanted),
      ...{ name, wanted, server },
      referredBy: request.header('Referred-By'),
      limit: world.clock.after(toMilliseconds(world.config.ringTime), () => {
        this.#end(offer, TEMPORARILY_UNAVAILABLE);
      }),
    };
    this.#waiting.set(offer.row.id, offer);
    server?.onOver.on(() => this.#forget(offer));
    if (policy === 'take') {
      try {
        this.pull(offer.row.id);
      } catch (error) {
        world.log.info(
          { error: TandemError.from(error, 'federation.pull').id },
          'a pushed call was not taken',
        );
      }
      return;
    }
    server?.report(RINGING);
    this.#parts.ring(true);
    this.onChange.emit();
  }

  #server(incoming: Incoming): ReferServer {
    const { world } = this.#parts;
    const dialog = referDialog(incoming, world);
    const server = new ReferServer(world, dialog, { cseq: incoming.request.cseq.number, first: true });
    const usages = new DialogUsages(world.ua, dialog, () => undefined);
    usages.add(server);
    usages.outlive();
    return server;
  }

  #row({ request }: Incoming, wanted: ReferTarget): FederationCall {
    const { world } = this.#parts;
    const device = request.contacts[0]?.uri ?? request.from.uri;
    return {
      id: randomToken(world.random),
      uri: device.toString(),
      state: 'active',
      remote: { uri: shownUri(wanted.uri) },
      since: world.clock.date().toISOString(),
      pullable: true,
      offered: true,
    };
  }

  /** The owner takes it. Throws what `CallManager.talk` throws; undefined when there is no such offer. */
  pull(id: string): Call | undefined {
    const offer = this.#waiting.get(id);
    if (!offer) return undefined;
    const { calls } = this.#parts;
    let call: Call;
    try {
      call = calls.talk({
        target: offer.wanted.uri,
        ...calls.identities.choose(undefined),
        privacy: 'unsaid',
        video: false,
        headers: [
          ...offer.wanted.headers,
          ...(offer.referredBy === undefined ? [] : ([['Referred-By', offer.referredBy]] as const)),
        ],
      });
    } catch (error) {
      this.#end(offer, SERVICE_UNAVAILABLE);
      throw error;
    }
    this.#taken(offer, call);
    return call;
  }

  /** The owner does not want it. False: there is no such offer. */
  decline(id: string): boolean {
    const offer = this.#waiting.get(id);
    if (offer) this.#end(offer, DECLINE);
    return offer !== undefined;
  }

  stop(): void {
    for (const offer of this.list) this.decline(offer.row.id);
  }

  /** It rings no more; who handed it over hears how our INVITE fares. */
  #taken(offer: Waiting, call: Call): void {
    const { server } = offer;
    this.#forget(offer);
    call.onResponse.on(({ status, reason }) => {
      if (status > 100) server?.report(status, reason);
    });
    call.onEnded.on(({ end, answered }) => {
      server?.reportEnd(end);
      const sentence = pullFailure(end, answered !== undefined);
      if (sentence !== undefined) call.notes.tell(sentence);
    });
  }

  #end(offer: Waiting, status: number): void {
    this.#forget(offer);
    offer.server?.report(status);
  }

  #forget(offer: Waiting): void {
    offer.limit.cancel();
    if (!this.#waiting.delete(offer.row.id)) return;
    if (this.#waiting.size === 0) this.#parts.ring(false);
    this.onChange.emit();
  }
}
