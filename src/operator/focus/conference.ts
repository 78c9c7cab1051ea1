// TS 24.147 5.3.2, 24.605, RFC 4579: one conference: who takes part, who is added and removed, and the mixing of their sound.
import { describe } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { Seconds } from '#src/base/units.ts';
import { CallManager } from '#src/call/manager.ts';
import type { CallSnapshot } from '#src/call/snapshot.ts';
import type { CallWorld } from '#src/call/world.ts';
import { Notifier, type ServerSubscription } from '#src/sip/event/notifier.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { isSipUri, parseUri, type SipUri, type Uri } from '#src/sip/message/uri.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import {
  CONFERENCE_INFO_TYPE,
  ConferenceTeller,
  type EndpointStatus,
  type ReportedUser,
} from './conference-info.ts';
import { type FocusAgent, type FocusLineOptions, focusLine } from './focus-agent.ts';
import { ReferProgress, type ReferWish, readRefer, referredBy } from './refer.ts';

export interface ConferencePolicy {
  readonly maximum: number;
  /** It ends when whoever made it leaves. */
  readonly endsWithCreator: boolean;
}

export interface ConferenceOptions extends FocusLineOptions {
  readonly world: Omit<CallWorld, 'line' | 'config' | 'ua'>;
  readonly ua: FocusAgent;
  readonly policy: ConferencePolicy;
  /** Name of the bridge at which its streams sit. */
  readonly bridge: string;
  readonly onEnd: () => void;
}

export interface ConferenceSnapshot {
  readonly uri: string;
  readonly participants: readonly ReportedUser[];
}

const RING = Seconds(180);
const SUBSCRIPTION = { min: Seconds(1), max: Seconds(3600), usual: Seconds(3600) };
const FORBIDDEN = 403;
const BUSY = 486;
const BAD_EXTENSION = 420;
const OK = 200;
const UNAVAILABLE = 480;
const NOT_FOUND = 404;

/** A party that was asked for and has not come yet. */
interface Addition {
  readonly told: ReferProgress;
  readonly headers: ReferWish['headers'];
  /** Asks again without them. */
  readonly plainly: () => void;
}

export class Conference {
  readonly uri: SipUri;
  readonly onChange = new Signal<void>();
  readonly #options: ConferenceOptions;
  readonly #calls: CallManager;
  readonly #notifier: Notifier;
  readonly #tellers = new Map<ServerSubscription, ConferenceTeller>();
  /** The REFERs that wait for a call to come to something, by its id. */
  readonly #progress = new Map<string, Addition>();
  #creator: string | undefined;
  #over = false;

  constructor(options: ConferenceOptions) {
    const { world, ua, bridge, uri } = options;
    this.#options = options;
    this.uri = uri;
    const line = focusLine(options);
    const end = `bridge:${bridge}`;
    this.#calls = new CallManager(
      {
        ...world,
        ...{ ua, line },
        config: {
          media: {
            address: 'auto',
            ports: { from: 0, to: 0 },
            codecs: ['AMR-WB', 'opus', 'G722', 'AMR', 'PCMA', 'PCMU'],
          },
          audio: { capture: end, playback: end },
          ...{ ringTime: RING, waiting: true, autoAnswer: 'all' },
        },
      },
      { add: () => undefined, list: () => [] },
    );
    this.#notifier = new Notifier({
      ...{ ua, clock: world.clock, event: 'conference', expires: SUBSCRIPTION },
      contact: () => line.contact({ privacy: false }),
      authorize: (request) => (this.#mayAsk(request) ? 'active' : FORBIDDEN),
      body: (subscription) => ({ contentType: CONFERENCE_INFO_TYPE, body: this.#tell(subscription) }),
    });
    this.#calls.onChange.on((call) => this.#changed(call));
    this.#calls.onLog.on((row) => this.#report(row));
  }

  get snapshot(): ConferenceSnapshot {
    return { uri: this.uri.toString(), participants: this.#users };
  }

  get isFull(): boolean {
    return this.#live.length >= this.#options.policy.maximum;
  }

  get #live(): readonly CallSnapshot[] {
    return this.#calls.list().filter(({ state }) => state !== 'ended');
  }

  /** In the order of their joining. */
  get #users(): readonly ReportedUser[] {
    const users = this.#live.toReversed().map((call) => userOf(call, call.id === this.#creator));
    // Two calls of one URI are one user (RFC 4575 5.6): the one that is further.
    return [...new Map(users.map((user) => [user.uri, user])).values()];
  }

  /** An INVITE to the factory, which makes it, or to the conference URI. */
  join(incoming: Incoming): void {
    if (this.#over || this.isFull) {
      incoming.respond(this.#over ? NOT_FOUND : BUSY);
      return;
    }
    this.#calls.handle(incoming);
    if (this.#creator !== undefined) return;
    const [first] = this.#calls.list();
    this.#creator = first?.id;
    if (!first || first.state === 'ended') this.#end();
  }

  subscribe(incoming: Incoming): void {
    this.#notifier.handle(incoming);
  }

  /** In or outside a dialog. */
  refer(incoming: Incoming): void {
    const { request } = incoming;
    const inside = incoming.dialog !== undefined || this.#mayAsk(request);
    if (!inside) {
      incoming.respond(FORBIDDEN);
      return;
    }
    const wish = readRefer(request);
    if (!wish.ok) {
      incoming.respond(wish.error.status, {
        headers: [['Warning', `399 ${this.uri.host} "${wish.error.text}"`]],
      });
      return;
    }
    const { ua, world } = this.#options;
    const progress = new ReferProgress(
      ua,
      world.clock,
      incoming,
      focusLine(this.#options).contact({ privacy: false }),
    );
    if (wish.value.method === 'BYE') this.#remove(wish.value.target, progress);
    else this.#invite(wish.value, request, progress);
  }

  /** Only who takes part may add, remove and look. */
  #mayAsk(request: SipRequest): boolean {
    const [asserted] = request.typed('P-Asserted-Identity');
    const who = asserted ?? request.from;
    return this.#live.some(({ remote }) => isSame(remote.uri, who.uri));
  }

  #invite(wish: ReferWish, request: SipRequest, progress: ReferProgress): void {
    const { target, headers } = wish;
    const by = referredBy(request);
    const [identity] = focusLine(this.#options).identities;
    if (this.isFull || !identity) {
      progress.tell(BUSY);
      return;
    }
    try {
      const call = this.#calls.place({
        ...{ target, identity, privacy: 'unsaid', video: false },
        headers: [...headers, ...(by ? [['Referred-By', by.toString()] as const] : [])],
      });
      this.#progress.set(call.id, {
        told: progress,
        plainly: () => this.#invite({ ...wish, headers: [] }, request, progress),
        headers,
      });
      this.#changed(call.snapshot);
    } catch (error) {
      this.#options.world.log.info({ reason: describe(error) }, 'focus: a party cannot be called');
      progress.tell(UNAVAILABLE);
    }
  }

  /** 24.147 5.3.2.6.2: one participant, or with the conference URI itself everybody. */
  #remove(target: Uri, progress: ReferProgress): void {
    const everybody = isSame(this.uri.toString(), target);
    const meant = this.#live.filter(({ remote }) => everybody || isSame(remote.uri, target));
    progress.tell(meant.length > 0 ? OK : NOT_FOUND);
    for (const { id } of meant) this.#hangUp(id);
  }

  /** By the operator: takes one out by URI. False: there is no such participant. */
  remove(uri: string): boolean {
    const parsed = parseUri(uri);
    const meant = this.#live.filter(({ remote }) => parsed.ok && isSame(remote.uri, parsed.value));
    for (const { id } of meant) this.#hangUp(id);
    return meant.length > 0;
  }

  #hangUp(id: string): void {
    const call = this.#calls.get(id);
    if (call && call.snapshot.state !== 'ended') call.hangup();
  }

  #changed(call: CallSnapshot): void {
    this.#report(call);
    this.onChange.emit();
    this.#notifier.notifyAll((subscription) => this.#differs(subscription));
    const left = call.state === 'ended' && call.id === this.#creator && this.#options.policy.endsWithCreator;
    if (!this.#over && this.#creator !== undefined && (left || this.#live.length === 0)) this.#end();
  }

  #report(call: CallSnapshot): void {
    const addition = this.#progress.get(call.id);
    if (!addition) return;
    const { told: progress, headers, plainly } = addition;
    if (call.end?.sip === BAD_EXTENSION && headers.length > 0) {
      // A party without Replaces: its old leg is ended by who referred, once it is here.
      this.#progress.delete(call.id);
      plainly();
      return;
    }
    if (call.state === 'early') progress.tell(180);
    else if (call.state === 'active') progress.tell(OK);
    else if (call.end) progress.tell(call.end.sip ?? UNAVAILABLE);
    if (call.state === 'active' || call.end) this.#progress.delete(call.id);
  }

  #differs(subscription: ServerSubscription): boolean {
    return this.#tellers.get(subscription)?.differs(this.#users) ?? true;
  }

  #tell(subscription: ServerSubscription): string {
    const known = this.#tellers.get(subscription);
    const teller = known ?? new ConferenceTeller();
    this.#tellers.set(subscription, teller);
    const users = this.#users;
    // Nothing new: it is asked for, by a refresh (RFC 4575 3.5), and gets the whole.
    const whole = !teller.differs(users);
    return teller.next({ entity: this.uri.toString(), maximum: this.#options.policy.maximum, users }, whole);
  }

  /** Everybody is released; subscribers hear that there is nothing more to tell. */
  #end(): void {
    this.#over = true;
    this.#calls.releaseAll();
    for (const subscription of this.#notifier.subscriptions) subscription.terminate('noresource');
    this.#options.onEnd();
  }

  /** After the end: waits for the calls, the last NOTIFYs go on by themselves. */
  async close(): Promise<void> {
    for (const { told } of this.#progress.values()) told.drop();
    this.#progress.clear();
    await this.#calls.close();
  }

  async stop(): Promise<void> {
    this.#over = true;
    this.#notifier.stop();
    await this.close();
  }
}

function userOf(call: CallSnapshot, creator: boolean): ReportedUser {
  return {
    uri: call.remote.uri,
    name: call.remote.name,
    status: statusOf(call),
    joined: creator ? 'focus-owner' : call.direction === 'in' ? 'dialed-in' : 'dialed-out',
  };
}

function statusOf({ state, hold, direction }: CallSnapshot): EndpointStatus {
  if (state === 'active') return hold === 'remote' || hold === 'both' ? 'on-hold' : 'connected';
  if (state === 'ended') return 'disconnected';
  if (direction === 'in') return 'dialing-in';
  return state === 'early' ? 'alerting' : 'dialing-out';
}

/** The same number or name; a host or port that differs does not make another person of a number. */
function isSame(text: string, uri: Uri): boolean {
  const parsed = parseUri(text);
  if (!parsed.ok) return false;
  const name = (one: Uri): string => {
    if (!isSipUri(one)) return one.scheme === 'tel' ? one.digits : one.toString();
    const user = (one.user ?? '').split(';', 1)[0] ?? '';
    return /^\+\d+$/.test(user) ? user : `${user}@${one.host.toLowerCase()}`;
  };
  return name(parsed.value) === name(uri);
}
