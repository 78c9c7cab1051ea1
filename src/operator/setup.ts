// TS 24.604, 24.611, 24.174, NG.110 2.2.6, 2.3.8, 2.3.9: the application server of one request: whom it rings, and what becomes of it.
import type { Timer } from '#src/base/clock.ts';
import { randomToken } from '#src/base/random.ts';
import { toMilliseconds } from '#src/base/units.ts';
import { SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { ServerTransaction } from '#src/sip/transaction/transaction.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { Fork, type ForkOutcome, type LegPlan } from './fork.ts';
import { assertAnswer, hidesIdentity, type Origin } from './identity-rules.ts';
import type { Caller, LegCall } from './legs.ts';
import type { Binding } from './location.ts';
import type { PolicySettings } from './policy.ts';
import type { RouterDeps } from './router.ts';
import { barredAt, barredIn, type Home } from './services/barring.ts';
import { DIVERSION_TABLE, type DiversionService, diversionAfter } from './services/diversion.ts';
import { asSip, diversions, extended, hiddenTarget, withCause } from './services/history-info.ts';
import type { ServiceSet } from './services/service-data.ts';

export interface SetupOptions extends RouterDeps {
  readonly server: ServerTransaction;
  readonly caller: Caller | undefined;
  readonly origin: Origin;
  /** A call-back of the PSAP (RFC 7090): nothing stands in its way. */
  readonly callBack: boolean;
  readonly onDialog: (response: SipResponse, flow: Flow) => void;
  readonly onEnd: () => void;
}

/** A device that has just moved makes another object of its binding. */
const isNot = (binding: Binding, other: Binding | undefined): boolean => binding.id !== other?.id;

const FORWARDED = 181;
const TRYING = 100;
const FIRST_REFUSAL = 300;
const CANCELLED = 487;
const UNAVAILABLE = 480;
const NO_ANSWER = 408;
/** RFC 3261 20.43: a text for people. */
const TEXT_WARNING = 399;

export class Setup {
  readonly #options: SetupOptions;
  readonly #forks = new Set<Fork>();
  #history: readonly NameAddr[];
  #noReply: Timer | undefined;
  #cancelled = false;
  #preparing = 0;
  #diverted = false;
  /** The caller may not see where the call went. */
  #hidden = false;

  constructor(options: SetupOptions) {
    this.#options = options;
    this.#history = options.server.request.typed('History-Info');
  }

  get #policy(): PolicySettings {
    return this.#options.policy.settings;
  }

  get #home(): Home {
    return { country: this.#policy.country, domain: this.#options.accounts.domain };
  }

  get #isCall(): boolean {
    return this.#options.server.request.method === 'INVITE';
  }

  /** Rings those who have the identity, or does what its services say instead. */
  ring(called: Uri): void {
    const server = this.#options.serverAt(called);
    if (server) {
      this.send(called, server);
      return;
    }
    const services = this.#options.services.of(called);
    const open = !this.#isCall || this.#options.callBack;
    const barred = open ? undefined : barredIn(services, this.#isAnonymous);
    if (barred) this.#refuse(barred.status, barred.text);
    else if (!open && services.targets.cfu) this.#divert('cfu', called, services.targets.cfu, services);
    else this.#ringDevices(called, services, open);
  }

  get #isAnonymous(): boolean {
    const { server, origin } = this.#options;
    return (
      hidesIdentity(server.request) ||
      (!origin.asserted && server.request.from.uri.toString().includes('anonymous'))
    );
  }

  #ringDevices(called: Uri, services: ServiceSet, open: boolean): void {
    const { location, caller } = this.#options;
    const own = location.ofIdentity(called);
    // 24.174: a call-back of the PSAP never goes to those who only borrow the identity.
    const borrowed = open ? [] : location.ofShared(called).filter((binding) => !own.includes(binding));
    const all = [...own, ...borrowed].filter((binding) => isNot(binding, caller?.binding));
    const allowed = all.filter(({ place }) => open || !barredAt(services, place, this.#home));
    const [away] = all;
    const barred = away && allowed.length === 0 ? barredAt(services, away.place, this.#home) : undefined;
    const { cfnl } = services.targets;
    if (barred) this.#refuse(barred.status, barred.text);
    else if (all.length === 0 && !open && cfnl) this.#divert('cfnl', called, cfnl, services);
    else
      void this.#fork(called, services, () =>
        allowed.map((binding) => this.#options.legs.device(this.#call, called, binding)),
      );
  }

  /** One device only, by its GRUU; services of the number do not count. */
  ringDevice(called: Uri, binding: Binding): void {
    void this.#fork(called, undefined, () => [this.#options.legs.device(this.#call, called, binding)]);
  }

  /** A server of ours, or somebody outside. */
  send(target: Uri, at?: Target | Flow): void {
    void this.#fork(target, undefined, () => [this.#options.legs.elsewhere(this.#call, target, at)]);
  }

  /** The caller gave up (16.10). */
  release(): void {
    this.#cancelled = true;
    this.#noReply?.cancel();
    for (const fork of this.#forks) fork.release('caller');
  }

  get #call(): LegCall {
    const { server, caller, origin } = this.#options;
    return { request: server.request, flow: server.flow, caller, origin, history: this.#history };
  }

  async #fork(
    called: Uri,
    services: ServiceSet | undefined,
    plan: () => readonly Promise<LegPlan | undefined>[],
  ): Promise<void> {
    const { server, layer, clock, log, patience, onDialog, callBack } = this.#options;
    this.#preparing += 1;
    const plans = await Promise.all(plan());
    this.#preparing -= 1;
    const legs = plans.filter((one) => one !== undefined).sort((a, b) => rank(a) - rank(b));
    const isOver = server.state === 'terminated' || server.state === 'completed';
    // They will not be rung: what the edge has made ready for them is not needed.
    if (isOver || this.#cancelled) for (const { media } of legs) media?.failed();
    if (isOver) return this.#settle();
    if (this.#cancelled) return this.#refuse(CANCELLED);
    const { cfnrc } = services?.targets ?? {};
    if (legs.length === 0) {
      if (services && cfnrc && plans.length > 0 && this.#isCall && !callBack)
        return this.#divert('cfnrc', called, cfnrc, services);
      return this.#refuse(UNAVAILABLE);
    }
    const active = services && this.#isCall && !callBack ? services : undefined;
    const { fork: order, busyEverywhere, ringing } = this.#policy;
    const fork = new Fork({
      ...{ layer, clock, log, server, legs, order, busyEverywhere, ringing, patience, onDialog },
      onAlerting: () => this.#alerting(fork, called, active),
      onAnswered: () => this.#answered(fork),
      onOutcome: (best, how) => this.#outcome(best, how, called, active),
      dress: (response, from) => this.#dress(response, from, services),
      onEnd: () => {
        this.#forks.delete(fork);
        this.#settle();
      },
    });
    this.#forks.add(fork);
    fork.start();
  }

  /** 24.604 4.5.2.6.3 2: the first 180 starts the time, others do not begin it anew. */
  #alerting(fork: Fork, called: Uri, services: ServiceSet | undefined): void {
    const { cfnr } = services?.targets ?? {};
    if (!services || !cfnr) return;
    this.#noReply = this.#options.clock.after(toMilliseconds(services.noReply), () => {
      // NG.110 2.3.8: every leg in early dialog is cancelled.
      this.#preparing += 1;
      fork.leave('timeout');
      this.#preparing -= 1;
      this.#divert('cfnr', called, cfnr, services);
    });
  }

  #answered(fork: Fork): void {
    this.#noReply?.cancel();
    for (const other of this.#forks) if (other !== fork) other.release('answered');
  }

  #outcome(
    best: SipResponse,
    { alerted, timedOut }: ForkOutcome,
    called: Uri,
    services: ServiceSet | undefined,
  ): boolean {
    this.#noReply?.cancel();
    if (this.#cancelled) return false;
    if (timedOut && best.status === CANCELLED) {
      // The caller has cancelled nothing (RFC 3261 16.8).
      this.#refuse(NO_ANSWER);
      return true;
    }
    if (!services) return false;
    const service = diversionAfter(best, alerted, services, this.#policy.deflection);
    if (!service) return false;
    const target =
      service === 'cd' || service === 'cd-alerting' ? best.contacts[0]?.uri : services.targets[service];
    if (!target) return false;
    this.#divert(service, called, target, services, best.status);
    return true;
  }

  /** 4.5.2.6.1 to 4: the limit, the history, the caller's 181, the new call. */
  #divert(service: DiversionService, from: Uri, target: Uri, services: ServiceSet, status?: number): void {
    const { accounts, names } = this.#options;
    const { cause, refused } = DIVERSION_TABLE[service];
    const entry = { from, to: target, cause, status, reveal: services.reveal };
    const history = extended(this.#history, entry, accounts.domain);
    const next = asSip(target, accounts.domain);
    if (diversions(this.#history) >= this.#policy.diversionLimit) {
      this.#refuse(refused, 'Too many diversions appeared');
      return;
    }
    if (!history || !next) {
      this.#refuse(refused, 'The call was forwarded to an address that cannot be called');
      return;
    }
    this.#history = history;
    this.#diverted = true;
    this.#hidden ||= !services.revealTarget;
    if (services.notify) this.#notify(from, services);
    const called = names.identity(next);
    if (accounts.byIdentity(called).length > 0) this.ring(called);
    else if (names.isHome(called)) this.#refuse(404);
    else this.send(withCause(next, cause));
  }

  /** 4.5.2.6.4 */
  #notify(from: Uri, { reveal }: ServiceSet): void {
    const { server, random } = this.#options;
    const who: [string, string][] = reveal
      ? [['P-Asserted-Identity', NameAddr.of(from).toString()]]
      : [['Privacy', 'id']];
    const headers: [string, string][] = [...who, ['History-Info', this.#shown.map(String).join(', ')]];
    server.respond(SipResponse.reply(server.request, FORWARDED, { toTag: randomToken(random), headers }));
  }

  /** What the caller sees: its own From again, who answered (24.608), where the call went (24.604 4.5.2.7). */
  #dress(response: SipResponse, plan: LegPlan | undefined, services: ServiceSet | undefined): void {
    const { server, origin } = this.#options;
    const { headers, status } = response;
    if (origin.from) headers.set('From', server.request.from.toString());
    headers.remove('P-Access-Network-Info');
    if (status === TRYING || status >= FIRST_REFUSAL) return;
    const restricted = (services?.restrictAnswer ?? false) || (this.#diverted && this.#hidden);
    if (plan?.account) assertAnswer(response, plan.account, { restricted, lent: plan.lent });
    if (this.#diverted && !headers.has('History-Info'))
      headers.set('History-Info', this.#shown.map(String).join(', '));
  }

  /** The history for the caller's eyes. */
  get #shown(): readonly NameAddr[] {
    return this.#hidden ? hiddenTarget(this.#history) : this.#history;
  }

  #refuse(status: number, warning?: string): void {
    const { server, random, accounts } = this.#options;
    const headers: [string, string][] =
      warning === undefined ? [] : [['Warning', `${TEXT_WARNING} ${accounts.domain} "${warning}"`]];
    server.respond(SipResponse.reply(server.request, status, { toTag: randomToken(random), headers }));
    this.#settle();
  }

  #settle(): void {
    if (this.#forks.size > 0 || this.#preparing > 0) return;
    this.#noReply?.cancel();
    this.#options.onEnd();
  }
}

/** The primary device of the federation first. */
const rank = ({ account }: LegPlan): number => (account?.role === 'primary' ? 0 : 1);
