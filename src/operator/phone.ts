// A phone that the operator plays itself: a real user agent with a registration, calls and media of its own.
import type { Clock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import { Call } from '#src/call/call.ts';
import { CALL_METHODS, understoodTags } from '#src/call/capabilities.ts';
import { type CallLabel, cancelLabel } from '#src/call/labels.ts';
import type { CallLogStore } from '#src/call/log.ts';
import { CallManager } from '#src/call/manager.ts';
import type { CallMedia } from '#src/call/media.ts';
import type { CallSnapshot, LogRow } from '#src/call/snapshot.ts';
import { Transfers } from '#src/call/transfer/transfers.ts';
import { type CallWorld, resolveMediaHost } from '#src/call/world.ts';
import { memoryStore } from '#src/ims/instance.ts';
import { Registration } from '#src/ims/registration.ts';
import type { SipUri } from '#src/sip/message/uri.ts';
import type { Resolver } from '#src/sip/resolver/resolver.ts';
import { SIP_TIMERS } from '#src/sip/transaction/timers.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import { type Incoming, UserAgent } from '#src/sip/ua/user-agent.ts';
import type { Account } from './accounts.ts';
import { Announcement, type AnnouncementSettings } from './announcement.ts';

/** What it does when it is called: ring and wait to be told, answer, refuse, not react at all, or play an announcement. */
export type PhoneBehaviour = 'ring' | 'answer' | 'decline' | 'reject' | 'ignore' | 'announce';

export interface PhoneOptions {
  readonly id: string;
  readonly account: Account;
  readonly domain: string;
  readonly behaviour: PhoneBehaviour;
  /** Of `ring`: it answers by itself after so long. */
  readonly answerAfter: Seconds | undefined;
  readonly announcement: AnnouncementSettings;
  readonly capture: string;
  readonly playback: string;
  /** The operator's own address. */
  readonly registrar: SipUri;
  readonly transport: Transport;
  readonly resolver: Resolver;
  readonly media: CallMedia;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface PhoneSnapshot {
  readonly id: string;
  readonly uri: string;
  readonly behaviour: PhoneBehaviour;
  readonly registered: boolean;
  /** Callers that wait for it to be told what to do. */
  readonly ringing: readonly string[];
  readonly calls: readonly CallSnapshot[];
}

export interface PhoneEnd {
  readonly direction: 'in' | 'out';
  readonly remote: string;
  readonly label: CallLabel;
  readonly sip?: number;
}

const EXPIRES = Seconds(3600);
const BUSY_HERE = 486;
const DECLINE = 603;
const RING_SECONDS = Seconds(3600);
/** Ended calls that are remembered. */
const LOG_LENGTH = 100;

export class Phone {
  readonly id: string;
  readonly onChange = new Signal<PhoneSnapshot>();
  /** What it would write into its log. */
  readonly onEnded = new Signal<PhoneEnd>();
  readonly #options: PhoneOptions;
  readonly #ua: UserAgent;
  readonly #registration: Registration;
  readonly #calls: CallManager;
  readonly #transfers: Transfers;
  readonly #world: CallWorld;
  readonly #ringing = new Set<Incoming>();
  readonly #announcements = new Set<Announcement>();
  #behaviour: PhoneBehaviour;
  #answerAfter: Seconds | undefined;
  #announcement: AnnouncementSettings;

  constructor(options: PhoneOptions) {
    this.id = options.id;
    this.#options = options;
    this.#behaviour = options.behaviour;
    this.#answerAfter = options.answerAfter;
    this.#announcement = options.announcement;
    const { transport, resolver, clock, random, log, account, domain, registrar, media, capture, playback } =
      options;
    this.#ua = new UserAgent({
      ...{ transport, resolver, clock, random, log, timers: SIP_TIMERS },
      ...{ userAgent: 'Tandem-phone', allow: [...CALL_METHODS], supported: understoodTags('off') },
    });
    const [identity] = account.identities;
    if (!identity) throw new TandemError('ours', 'operator.phone', 'A phone needs an identity.');
    this.#registration = new Registration({
      ...{ ua: this.#ua, resolver, clock, random, log, store: memoryStore() },
      config: {
        ...{
          profile: 'ims',
          register: true,
          identity,
          userName: account.impi,
          password: account.password,
          domain,
        },
        ...{
          pcscf: [registrar],
          expires: EXPIRES,
          features: { audio: true, video: false },
          timers: SIP_TIMERS,
        },
        access: { access: 'ethernet' },
      },
    });
    this.#world = {
      ...{
        ua: this.#ua,
        line: this.#registration,
        media,
        clock,
        random,
        log,
        resolver,
        resolveHost: resolveMediaHost,
      },
      config: {
        media: { address: 'auto', ports: { from: 0, to: 0 }, codecs: ['AMR-WB', 'PCMA', 'PCMU'] },
        audio: { capture, playback },
        ringTime: RING_SECONDS,
        waiting: true,
        autoAnswer: 'all',
      },
    };
    this.#calls = new CallManager(this.#world, memoryLog());
    this.#transfers = new Transfers(this.#world, this.#calls);
    this.#ua.onRequest((incoming) => this.#called(incoming));
    this.#registration.onChange.on(() => this.#changed());
    this.#calls.onChange.on(() => this.#changed());
    this.#calls.onLog.on(({ direction, remote: { uri }, end: { label, sip } }) =>
      this.onEnded.emit({ direction, remote: uri, label, ...(sip === undefined ? {} : { sip }) }),
    );
  }

  /** Its `+sip.instance`. */
  get instance(): string {
    return this.#registration.instance;
  }

  get snapshot(): PhoneSnapshot {
    return {
      id: this.id,
      uri: this.#options.account.identities[0]?.toString() ?? '',
      behaviour: this.#behaviour,
      registered: this.#registration.state.state === 'registered',
      ringing: [...this.#ringing].map(callerOf),
      calls: this.#calls.list(),
    };
  }

  async start(): Promise<void> {
    await this.#ua.start();
    this.#registration.start();
  }

  async stop(): Promise<void> {
    for (const announcement of this.#announcements) announcement.stop();
    await this.#calls.close();
    this.#transfers.stop();
    await this.#registration.stop();
    await this.#ua.stop();
  }

  /** Takes what rings; nothing rings: the next call is answered by itself. */
  answer(): void {
    if (!this.#take((incoming) => void this.#calls.handle(incoming))) this.#behave('answer');
  }

  /** Refuses what rings (486, or another status); nothing rings: the next call is refused. */
  decline(status = BUSY_HERE): void {
    const declined = this.#take((incoming) => {
      incoming.respond(status);
      this.onEnded.emit({ direction: 'in', remote: callerOf(incoming), label: 'rejected' });
    });
    if (!declined) this.#behave('decline');
  }

  /** Refuses the next call for every device of the number (603). */
  reject(): void {
    if (!this.#take((incoming) => void incoming.respond(DECLINE))) this.#behave('reject');
  }

  /** The next call hears an announcement ahead of the answer, and is refused. */
  announce(changes: Partial<AnnouncementSettings> = {}): void {
    this.#announcement = { ...this.#announcement, ...changes };
    this.#behave('announce');
  }

  /** Every call that talks is held, or taken back. Rejects with what `Call.hold` resolves to. */
  async hold(action: 'hold' | 'resume'): Promise<void> {
    const active = this.#calls.list().filter(({ state }) => state === 'active');
    for (const { id } of active) {
      const call = this.#calls.get(id);
      const error = call instanceof Call ? await call[action]() : undefined;
      if (error) throw error;
    }
  }

  /** Lets what rings ring on, and does not react to the next call. */
  ignore(): void {
    this.#behave('ignore');
  }

  /** Rings and waits to be told, or answers by itself after so long. */
  ring(answerAfter?: Seconds): void {
    this.#answerAfter = answerAfter;
    this.#behave('ring');
  }

  /** Throws what `CallManager.dial` throws. */
  call(to: string): CallSnapshot {
    return this.#calls.dial({ to }).snapshot;
  }

  /** Ends every call. */
  hangup(): void {
    for (const { id, state } of this.#calls.list()) if (state !== 'ended') this.#calls.get(id)?.hangup();
  }

  #behave(behaviour: PhoneBehaviour): void {
    this.#behaviour = behaviour;
    this.#changed();
  }

  #changed(): void {
    this.onChange.emit(this.snapshot);
  }

  #take(act: (incoming: Incoming) => void): boolean {
    const [first] = this.#ringing;
    if (!first) return false;
    this.#ringing.delete(first);
    act(first);
    this.#changed();
    return true;
  }

  #called(incoming: Incoming): void {
    if (incoming.request.method !== 'INVITE') {
      if (!this.#calls.handle(incoming) && !this.#transfers.handle(incoming)) incoming.respond(405);
      return;
    }
    // A call that takes the place of one it has (RFC 3891) is not a new one to behave to.
    const replaces = incoming.request.headers.has('Replaces');
    if (replaces || this.#behaviour === 'answer') this.#calls.handle(incoming);
    else if (this.#behaviour === 'decline') incoming.respond(BUSY_HERE);
    else if (this.#behaviour === 'reject') incoming.respond(DECLINE);
    else if (this.#behaviour === 'announce') this.#play(incoming);
    else this.#letRing(incoming);
  }

  #play(incoming: Incoming): void {
    const announcement = new Announcement(this.#world, incoming, this.#announcement);
    this.#announcements.add(announcement);
    announcement.onEnd.on(() => this.#announcements.delete(announcement));
    announcement.start();
  }

  /** When nobody was quicker. */
  #answerLater(incoming: Incoming): void {
    const after = this.#answerAfter;
    if (after === undefined) return;
    const timer = this.#options.clock.after(toMilliseconds(after), () => {
      if (this.#ringing.delete(incoming)) this.#calls.handle(incoming);
      this.#changed();
    });
    incoming.onEnd.on(() => timer.cancel());
  }

  #letRing(incoming: Incoming): void {
    if (this.#behaviour === 'ring') {
      incoming.respond(180, {
        headers: [['Contact', this.#registration.contact({ privacy: false }).toString()]],
      });
      this.#ringing.add(incoming);
      this.#answerLater(incoming);
    }
    incoming.onCancel.on(({ reasons }) => {
      const rang = this.#ringing.has(incoming);
      incoming.respond(487);
      if (rang)
        this.onEnded.emit({ direction: 'in', remote: callerOf(incoming), label: cancelLabel(reasons) });
    });
    incoming.onEnd.on(() => {
      if (this.#ringing.delete(incoming)) this.#changed();
    });
    this.#changed();
  }
}

const callerOf = ({ request }: Incoming): string => request.from.uri.toString();

function memoryLog(): CallLogStore {
  const rows: LogRow[] = [];
  return {
    add: (row) => {
      rows.unshift(row);
      rows.length = Math.min(rows.length, LOG_LENGTH);
    },
    list: ({ limit }) => rows.slice(0, limit),
  };
}
