// TS 24.229 5.1.1.2 to 5.1.1.7, RFC 5626 4.5: walks the registration table; each of its actions is a method here.
import type { Clock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import { Milliseconds, Seconds, toMilliseconds, toSeconds } from '#src/base/units.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { isReliable, type Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { UserAgent } from '#src/sip/ua/user-agent.ts';
import { Backoff, DEFAULT_BACKOFF } from './backoff.ts';
import type { Binding } from './binding.ts';
import { type Grant, isListed, readGrant } from './grant.ts';
import { IdentitySet } from './identities.ts';
import type { Outcome } from './outcome.ts';
import { type Pcscf, PcscfList, type PcscfResolver } from './pcscf.ts';
import { PcscfSearch } from './pcscf-search.ts';
import { type Answer, Procedure } from './procedure.ts';
import { refreshAfter } from './refresh.ts';
import { registeredContact } from './register-request.ts';
import type { RegistrationConfig } from './registration-config.ts';
import {
  REGISTRATION_TABLE,
  type RegistrationAction,
  type RegistrationEvent,
  type RegistrationPhase,
} from './registration-table.ts';
import { Timers } from './timers.ts';

/** What happened, counted. `ignored`: an event that the phase has no row for. */
export interface RegistrationCounters {
  registers: number;
  accepted: number;
  refused: number;
  flowsLost: number;
  networkInitiated: number;
  ignored: number;
}

export interface MachineDeps {
  readonly ua: UserAgent;
  readonly resolver: PcscfResolver;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly config: RegistrationConfig;
  readonly instance: string;
  /** User part of the Contact. */
  readonly user: string;
  /** Called before each initial REGISTER with the P-CSCF chosen: finds out the access network. */
  readonly prepare: (pcscf: Pcscf) => Promise<void>;
}

/** TS 24.229 5.1.1.2; a plain registrar shortens what it finds too long. */
const EXPIRES = { ims: Seconds(600_000), sip: Seconds(3600) } as const;
/** TS 24.229 5.1.1.2.1: a P-CSCF that refused comes last for the delay and this. */
const BLOCK_EXTRA = Seconds(300);
/** RFC 5626 4.5: a flow that lived this long was no failure of the attempt that made it. */
const STABLE_AFTER = Seconds(120);
/** RFC 5626 4.4.2: most NATs remember a UDP pair for at least 30 seconds. */
const UNASKED = Seconds(29);
/** The agent's stop takes no longer. */
const STOP_TIME = Seconds(4);
const EVENTS_OF_NETWORK: ReadonlySet<RegistrationEvent> = new Set([
  'deactivated',
  'probation',
  'rejected',
  'unregistered',
  'shortened',
]);

export class RegistrationMachine {
  /** The phase or anything shown in the status has changed. */
  readonly onChange = new Signal<void>();
  /** A 200 (OK) was taken over; `initial` when the binding is new. */
  readonly onBound = new Signal<{ readonly binding: Binding; readonly initial: boolean }>();
  /** The binding has ended. */
  readonly onReleased = new Signal<Binding>();
  readonly counters: RegistrationCounters = {
    registers: 0,
    accepted: 0,
    refused: 0,
    flowsLost: 0,
    networkInitiated: 0,
    ignored: 0,
  };

  readonly #deps: MachineDeps;
  readonly #search: PcscfSearch;
  readonly #backoff: Backoff;
  readonly #timers: Timers<'refresh' | 'expiry' | 'retry' | 'stop'>;
  readonly #queue: Outcome[] = [];
  #running = false;
  #phase: RegistrationPhase = 'off';
  #procedure: Procedure;
  #contact: NameAddr | undefined;
  #binding: Binding | undefined;
  #watched: (() => void) | undefined;
  /** Why the event under way came, and what came with it. */
  #outcome: Outcome = { event: 'start' };
  #accepted: { readonly grant: Grant; readonly flow: Flow } | undefined;
  #deferred: Outcome | undefined;
  #minExpires = Seconds(0);
  #redirects = 0;
  #delay: Seconds | undefined;
  #error: TandemError | undefined;
  #retryAt: Date | undefined;
  #waiters: (() => void)[] = [];

  constructor(deps: MachineDeps) {
    this.#deps = deps;
    const { pcscf, byDomain } = deps.config;
    const list = new PcscfList(pcscf, deps.resolver, deps.clock, byDomain);
    this.#search = new PcscfSearch(list, deps);
    this.#backoff = new Backoff(deps.config.backoff ?? DEFAULT_BACKOFF, deps.random);
    this.#timers = new Timers(deps.clock);
    this.#procedure = new Procedure(deps);
  }

  get phase(): RegistrationPhase {
    return this.#phase;
  }

  get binding(): Binding | undefined {
    return this.#binding;
  }

  /** The one in use or on trial. */
  get pcscf(): Pcscf | undefined {
    return this.#binding?.pcscf ?? this.#search.current;
  }

  get procedure(): Procedure {
    return this.#procedure;
  }

  get error(): TandemError | undefined {
    return this.#error;
  }

  get retryAt(): Date | undefined {
    return this.#retryAt;
  }

  /** Resolves when the phase is `off`, at the latest after 4 seconds. */
  stop(): Promise<void> {
    const done = new Promise<void>((resolve) => this.#waiters.push(resolve));
    this.#timers.set('stop', toMilliseconds(STOP_TIME), () => this.dispatch({ event: 'time-up' }));
    this.dispatch({ event: 'stop' });
    return done;
  }

  /** One event at a time: what an action causes comes after it. */
  dispatch(outcome: Outcome): void {
    this.#queue.push(outcome);
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#step(next);
    } finally {
      this.#running = false;
    }
    this.onChange.emit();
  }

  #step(outcome: Outcome): void {
    const { event } = outcome;
    const transition = REGISTRATION_TABLE[this.#phase][event];
    const { log } = this.#deps;
    if (!transition) {
      this.counters.ignored += 1;
      log.debug({ phase: this.#phase, event }, 'registration: nothing to do');
      return;
    }
    if (EVENTS_OF_NETWORK.has(event)) this.counters.networkInitiated += 1;
    log.info({ from: this.#phase, event, to: transition.next, error: outcome.error?.id }, 'registration');
    this.#outcome = outcome;
    if (outcome.error) this.#error = outcome.error;
    this.#phase = transition.next;
    for (const action of transition.actions) this.#actions[action]();
    if (this.#phase === 'registered') this.#resume();
  }

  readonly #actions: Readonly<Record<RegistrationAction, () => void>> = {
    begin: () => {
      this.#redirects = 0;
      this.#search.begin();
      this.#select();
    },
    next: () => this.#select(),
    redirect: () => {
      this.#redirects += 1;
      if (this.#outcome.proxy) this.#search.redirect(this.#outcome.proxy);
      this.#search.begin();
      this.#select();
    },
    register: () => this.#register(),
    refresh: () => this.#send('refresh'),
    repeat: () => {
      this.#minExpires = this.#outcome.minExpires ?? this.#minExpires;
      this.#send(this.#phase === 'refreshing' ? 'refresh' : 'initial');
    },
    adopt: () => this.#adopt(),
    block: () => this.#block(),
    release: () => this.#release(),
    delay: () => this.#wait(),
    'refresh-later': () => {
      const wait = this.#outcome.retryAfter ?? this.#backoff.failed();
      this.#timers.set('refresh', toMilliseconds(wait), () => this.dispatch({ event: 'refresh-due' }));
    },
    shorten: () => {
      if (this.#binding && this.#outcome.expires !== undefined) this.#schedule(this.#outcome.expires, 'half');
    },
    defer: () => {
      this.#deferred = this.#outcome;
    },
    deregister: () => this.#deregister(),
    'deregister-flow': () => this.#send('remove-flow'),
    finish: () => this.#finish(),
  };

  /** What the network said while a REGISTER was out. */
  #resume(): void {
    const deferred = this.#deferred;
    this.#deferred = undefined;
    if (deferred) this.#queue.push(deferred);
  }

  #select(): void {
    this.#timers.cancel('retry');
    this.#retryAt = undefined;
    this.#search.next((pcscf) =>
      this.dispatch(
        pcscf ? { event: 'selected' } : { event: 'exhausted', error: this.#search.unreachable(this.#error) },
      ),
    );
  }

  #register(): void {
    this.#procedure.abandon();
    this.#procedure = new Procedure(this.#deps);
    this.#send('initial');
  }

  #send(purpose: 'initial' | 'refresh' | 'remove' | 'remove-flow'): void {
    const to = purpose === 'initial' ? this.#search.current?.target : this.#binding?.flow;
    const { config, instance, user, ua } = this.#deps;
    if (!to) {
      this.#queue.push({ event: 'unreachable' });
      return;
    }
    const features = config.profile === 'ims' ? config.features : undefined;
    const leaves = purpose === 'remove' || purpose === 'remove-flow';
    const contact = (way: Target | Flow): NameAddr => {
      const local = ua.transport.localContact(way);
      const fields = { user, local, instance, features };
      const found = registeredContact(fields, purpose === 'remove' ? 'remove' : 'bind');
      if (!leaves) this.#contact = found;
      return found;
    };
    const expires = leaves ? Seconds(0) : this.#interval();
    this.counters.registers += 1;
    this.#procedure.send({ to, contact, expires, redirects: this.#redirects }, (answer) =>
      this.#answered(answer, purpose === 'remove'),
    );
  }

  /** A Min-Expires once told counts for all later REGISTERs. */
  #interval(): Seconds {
    const { expires, profile } = this.#deps.config;
    return Seconds(Math.max(this.#minExpires, expires ?? EXPIRES[profile]));
  }

  #answered(answer: Answer, isRemoval: boolean): void {
    if (!answer.ok) {
      this.counters.refused += 1;
      this.dispatch(answer.outcome);
      return;
    }
    this.counters.accepted += 1;
    const { response, flow } = answer;
    const contact = this.#contact;
    if (isRemoval && contact && isListed(response, contact)) {
      this.dispatch({ event: 'still-bound' });
      return;
    }
    const grant = contact && readGrant(response, contact, this.#interval(), flow.transport);
    this.#accepted = grant && { grant, flow };
    const kept = this.#phase === 'leaving' || (grant !== undefined && grant.expires > 0);
    const error = new TandemError('operator', 'registration.empty', 'The operator kept no registration.');
    this.dispatch(kept ? { event: 'accepted' } : { event: 'restart', error });
  }

  #adopt(): void {
    const accepted = this.#accepted;
    const contact = this.#contact;
    const pcscf = this.#binding?.pcscf ?? this.#search.current;
    if (!accepted || !contact || !pcscf) return;
    const { grant, flow } = accepted;
    const { clock, config } = this.#deps;
    const initial = this.#binding === undefined;
    const now = clock.now();
    const binding: Binding = {
      pcscf,
      flow,
      contact,
      grant,
      identities: new IdentitySet(NameAddr.of(config.identity), grant.associated),
      since: this.#binding?.since ?? now,
      ends: Milliseconds(now + toMilliseconds(grant.expires)),
    };
    this.#binding = binding;
    if (this.#deferred?.event === 'expired') this.#deferred = undefined;
    this.#error = undefined;
    this.#retryAt = undefined;
    this.#delay = undefined;
    this.#redirects = 0;
    this.#watch(flow);
    if (grant.keepAlive !== undefined) flow.keepAlive({ interval: grant.keepAlive, kind: 'auto' });
    // A plain registrar says nothing of keep-alives, yet the NAT in between, and its own idle limit, forget us without.
    else if (config.profile === 'sip') flow.keepAlive({ interval: UNASKED, kind: 'crlf', answered: false });
    this.#schedule(grant.expires, 'rule');
    this.onBound.emit({ binding, initial });
  }

  #schedule(expires: Seconds, rule: 'rule' | 'half'): void {
    const { clock } = this.#deps;
    const due = rule === 'half' ? Seconds(expires / 2) : refreshAfter(expires);
    if (this.#binding)
      this.#binding = { ...this.#binding, ends: Milliseconds(clock.now() + toMilliseconds(expires)) };
    this.#timers.set('refresh', toMilliseconds(due), () => this.dispatch({ event: 'refresh-due' }));
    this.#timers.set('expiry', toMilliseconds(expires), () => this.dispatch({ event: 'expired' }));
  }

  #watch(flow: Flow): void {
    this.#watched?.();
    this.#watched = flow.onClose.on((error) => {
      this.counters.flowsLost += 1;
      const lost = new TandemError(
        'network',
        'registration.flow',
        "The connection to the operator's server was lost.",
        {
          cause: error,
        },
      );
      this.dispatch({ event: this.#stable() ? 'flow-lost' : 'flow-unstable', error: lost });
    });
  }

  #stable(): boolean {
    const since = this.#binding?.since;
    return since !== undefined && this.#deps.clock.now() - since >= toMilliseconds(STABLE_AFTER);
  }

  #block(): void {
    const { event, retryAfter } = this.#outcome;
    if (event === 'elsewhere' && retryAfter !== undefined) {
      this.#search.block(retryAfter, 'hard');
      return;
    }
    // Without an answer the next P-CSCF is tried at once; the delay comes when the round is over.
    if (this.#phase === 'waiting' && this.#search.current) this.#delay = this.#backoff.failed();
    this.#search.block(Seconds((this.#delay ?? 0) + BLOCK_EXTRA), 'soft');
  }

  #release(): void {
    const binding = this.#binding;
    const flow = binding?.flow ?? this.#procedure.flow;
    if (this.#stable()) this.#backoff.succeeded();
    this.#timers.cancel('refresh', 'expiry');
    this.#watched?.();
    this.#watched = undefined;
    this.#procedure.abandon();
    this.#binding = undefined;
    this.#accepted = undefined;
    this.#deferred = undefined;
    if (binding) this.onReleased.emit(binding);
    // A connection is not used again for an initial registration (33.203 O.2).
    if (flow?.alive && isReliable(flow.transport)) flow.close();
  }

  #wait(): void {
    const { event, retryAfter } = this.#outcome;
    const { clock } = this.#deps;
    if (event === 'postponed') this.#search.stay();
    const backoff = retryAfter ?? this.#delay ?? this.#backoff.failed();
    const wait = Seconds(event === 'exhausted' ? Math.max(backoff, this.#search.closedFor()) : backoff);
    this.#delay = undefined;
    this.#retryAt = new Date(clock.date().getTime() + toMilliseconds(wait));
    this.#timers.set('retry', toMilliseconds(wait), () => this.dispatch({ event: 'wait-over' }));
  }

  #deregister(): void {
    this.#timers.cancel('refresh', 'expiry');
    if (this.#binding?.flow.alive) this.#send('remove');
    else this.#queue.push({ event: 'failed' });
  }

  #finish(): void {
    this.#search.forget();
    this.#timers.cancel('refresh', 'expiry', 'retry', 'stop');
    this.#procedure.abandon();
    this.#error = undefined;
    this.#retryAt = undefined;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const done of waiters) done();
  }

  /** Seconds until the binding ends. */
  get left(): Seconds | undefined {
    const ends = this.#binding?.ends;
    return ends === undefined
      ? undefined
      : toSeconds(Milliseconds(Math.max(0, ends - this.#deps.clock.now())));
  }
}
