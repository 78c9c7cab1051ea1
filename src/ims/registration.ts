// NG.110 2.2, TS 24.229 5.1: the registration of this device, as the rest of the agent sees it.
import { createHash } from 'node:crypto';
import type { Clock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import { Seconds } from '#src/base/units.ts';
import type { DigestClient } from '#src/sip/digest/client.ts';
import type { SubscribeParts } from '#src/sip/event/subscriber.ts';
import { SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { isSipUri, type SipUri, type Uri } from '#src/sip/message/uri.ts';
import { formatEndpoint, isLoopback, sameAddress, type Target } from '#src/sip/transport/address.ts';
import { type Flow, isFlow } from '#src/sip/transport/flow.ts';
import type { UserAgent } from '#src/sip/ua/user-agent.ts';
import { type AccessReader, currentAccess, formatAccess } from './access-network.ts';
import { comesFrom } from './alternative-service.ts';
import { DEFAULT_BACKOFF } from './backoff.ts';
import { type Binding, dialogContact, preloadedRoute } from './binding.ts';
import { withFeatureTags } from './features.ts';
import type { FederatedDevice, OwnChange } from './federation.ts';
import { instanceId, type RegistrationStore } from './instance.ts';
import { networkInitiated } from './network-initiated.ts';
import type { Pcscf, PcscfResolver } from './pcscf.ts';
import { RegEvent } from './reg-event.ts';
import { contactUri } from './register-request.ts';
import type { RegistrationConfig } from './registration-config.ts';
import { type RegistrationCounters, RegistrationMachine } from './registration-machine.ts';
import { REGISTRATION_WORDS, type RegistrationState } from './registration-state.ts';

export interface RegistrationDeps {
  readonly ua: UserAgent;
  readonly resolver: PcscfResolver;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly store: RegistrationStore;
  readonly config: RegistrationConfig;
  /** Whether anything leads to an address now. Default: yes. */
  readonly reaches?: (host: string) => boolean;
  /** For tests; default reads the interfaces of this machine. */
  readonly readAccess?: AccessReader;
}

/** Half of a SHA-256 is unique enough for a user part. */
const USER_DIGITS = 32;

/**
 * Registers, keeps the registration, and tells what follows from it. Lifetimes: `start` after the user agent's, `stop`
 * before it; calls end before `stop`, which takes at most 4 seconds.
 */
export class Registration {
  readonly onChange = new Signal<RegistrationState>();
  readonly onFederation = new Signal<readonly FederatedDevice[]>();
  /** A new binding lives: whatever was subscribed under another one begins anew (24.229 5.1.1.3). */
  readonly onRegistered = new Signal<void>();
  /** A binding has ended: the dialogs made under it are lost (24.229 5.1.1.7). */
  readonly onReleased = new Signal<void>();
  /** Registered anew over another flow, or from another address: the far ends of calls must hear of it. */
  readonly onMoved = new Signal<void>();
  /** The network forbids this device: its dialogs end (24.229 5.1.1.7). */
  readonly onRejected = new Signal<void>();
  /** `+sip.instance`, a URN. */
  readonly instance: string;

  readonly #deps: RegistrationDeps;
  readonly #user: string;
  readonly #machine: RegistrationMachine;
  #regEvent: RegEvent | undefined;
  /** Where the last binding was reached. */
  #place: { readonly flow: Flow; readonly contact: string } | undefined;
  #access: string | undefined;

  constructor(deps: RegistrationDeps) {
    this.#deps = deps;
    const { config, random, store } = deps;
    this.instance = instanceId(config.instance, store, random);
    // Unique, the same after a restart, and tells nothing (24.229 5.1.1.2 NOTE).
    this.#user = createHash('sha256').update(this.instance).digest('hex').slice(0, USER_DIGITS);
    this.#machine = new RegistrationMachine({
      ...deps,
      instance: this.instance,
      user: this.#user,
      prepare: (pcscf) => this.#readAccess(pcscf),
    });
    deps.ua.decorate = (message, to) => this.#decorate(message, to);
    this.#machine.onBound.on(({ binding, initial }) => this.#bound(binding, initial));
    this.#machine.onReleased.on(() => this.#released());
    this.#machine.onChange.on(() => this.onChange.emit(this.state));
  }

  /** Begins to register; tries again at once while waiting or stopped. Without a registrar nothing happens. */
  start(): void {
    if (this.#deps.config.register) this.#machine.dispatch({ event: 'start' });
  }

  /** De-registers; resolves within 4 seconds, whatever the network does. */
  stop(): Promise<void> {
    return this.#machine.stop();
  }

  /** Registers again now, for what the Contact tells has changed (24.229 5.1.1.4). */
  refresh(): void {
    this.#machine.dispatch({ event: 'refresh-due' });
  }

  get counters(): Readonly<RegistrationCounters> {
    return this.#machine.counters;
  }

  get state(): RegistrationState {
    const { phase, binding, pcscf, error, retryAt, left } = this.#machine;
    return {
      state: phase === 'closing' && binding ? 'registered' : REGISTRATION_WORDS[phase],
      ...(left === undefined ? {} : { expires: Seconds(Math.round(left)) }),
      ...(pcscf && phase !== 'off'
        ? { pcscf: formatEndpoint(pcscf.target), transport: pcscf.target.transport }
        : {}),
      identities: binding?.identities.list() ?? [],
      ...(error ? { error: describeError(error, retryAt) } : {}),
    };
  }

  get federation(): readonly FederatedDevice[] {
    return this.#regEvent?.federation ?? [];
  }

  get profile(): 'ims' | 'sip' {
    return this.#deps.config.profile;
  }

  /** Whether calls need a registration. */
  get register(): boolean {
    return this.#deps.config.register;
  }

  /** Home domain; none without an account. */
  get domain(): string | undefined {
    return this.#deps.config.domain || undefined;
  }

  /** Ours to use, the default one first; none while not registered, the configured one without a registrar. */
  get identities(): readonly NameAddr[] {
    const { identity, displayName, register } = this.#deps.config;
    const own = this.#machine.binding?.identities.all ?? (register ? [] : [NameAddr.of(identity)]);
    return own.map(({ uri }) => NameAddr.of(uri, { displayName }));
  }

  /** Whether P-Preferred-Identity may carry it; what the network did not list is barred. */
  allows(uri: Uri): boolean {
    return this.#machine.binding?.identities.allows(uri) ?? false;
  }

  /** Event packages that the registrar announced (RFC 6665 8.2.2), in lower case. */
  get events(): readonly string[] {
    return this.#machine.binding?.grant.events ?? [];
  }

  /** For every request outside a dialog except REGISTER. */
  get route(): readonly NameAddr[] {
    const { binding } = this.#machine;
    return binding ? preloadedRoute(binding, this.#deps.config.profile) : [];
  }

  /** The registered flow. */
  get flow(): Flow | undefined {
    return this.#machine.binding?.flow;
  }

  /** Of the current registration; requests of every method use it. */
  get digest(): DigestClient {
    return this.#machine.procedure.digest;
  }

  /** Whether something came over the registered flow or from the P-CSCF behind it, protected in the same way. */
  trusts(flow: Flow): boolean {
    const registered = this.flow;
    if (!registered) return false;
    return (
      flow === registered ||
      (flow.remote.host === registered.remote.host && flow.secure === registered.secure)
    );
  }

  /**
   * The Contact of what makes a dialog: GRUU or registered address, with the feature tags. Without a registration it is
   * our address towards `to`.
   */
  contact(options: { readonly privacy: boolean; readonly to?: Target | Flow }): NameAddr {
    const { config } = this.#deps;
    const { binding } = this.#machine;
    const uri = binding ? dialogContact(binding, options) : this.#localUri(options.to);
    const plain = NameAddr.of(uri);
    return config.profile === 'ims'
      ? plain.withParams(withFeatureTags(plain.params, config.features))
      : plain;
  }

  /** Both sides announced end-to-access-edge media security for this registration (33.328 7.1.1). */
  get e2ae(): boolean {
    return this.#machine.binding !== undefined && this.#machine.procedure.security.agreed;
  }

  /** TS 24.229 5.1.1.3: to the default public identity, whichever one was registered. */
  subscribeParts(): SubscribeParts {
    const { config } = this.#deps;
    const identity = this.#machine.binding?.identities.subscribed ?? NameAddr.of(config.identity);
    const plain = NameAddr.of(identity.uri);
    const preferred: [string, string][] =
      config.profile === 'ims' ? [['P-Preferred-Identity', plain.toString()]] : [];
    return {
      uri: identity.uri,
      from: plain,
      to: plain,
      contact: this.contact({ privacy: false }),
      routes: this.route,
      headers: preferred,
      digest: this.digest,
      flow: this.flow,
    };
  }

  /**
   * TS 24.229 5.1.2A.1.6: the network answered a request with a 504 that asks for a new initial registration. Believed only when
   * one of our own proxies says so, over the registered flow.
   */
  restore(response: SipResponse): void {
    const { binding } = this.#machine;
    if (!binding || !comesFrom(response, [...binding.grant.serviceRoute, ...binding.grant.path])) return;
    const error = new TandemError('operator', 'registration.lost', 'The network has lost this device.');
    this.#machine.dispatch({ event: 'deactivated', error });
  }

  /** TS 24.229 5.1.2A.1.1: in every request and response but CANCEL and, as it may, ACK; to our P-CSCF only. */
  #decorate(message: SipRequest | SipResponse, to: Target | Flow): void {
    const secure = isFlow(to) ? to.secure : to.transport === 'tls';
    const host = isFlow(to) ? to.remote.host : to.host;
    const method = message instanceof SipRequest ? message.method : message.cseq.method;
    if (!secure || this.#deps.config.profile !== 'ims') return;
    if (method === 'CANCEL' || method === 'ACK' || host !== this.#machine.pcscf?.target.host) return;
    if (this.#access !== undefined) message.headers.set('P-Access-Network-Info', this.#access);
    if (message instanceof SipRequest && method !== 'REGISTER')
      this.#machine.procedure.security.confirm(message);
  }

  #localUri(to: Target | Flow | undefined): SipUri {
    const { ua } = this.#deps;
    const [listening] = ua.transport.listening;
    const local = to ? ua.transport.localContact(to) : listening;
    if (!local)
      throw new TandemError('ours', 'registration.contact', 'There is no address for a Contact yet.');
    return contactUri({ user: this.#user, local });
  }

  async #readAccess(pcscf: Pcscf): Promise<void> {
    const { config, ua, readAccess } = this.#deps;
    const setting = config.access ?? { access: 'auto' };
    const access = await currentAccess(setting, ua.transport.localContact(pcscf.target).host, readAccess);
    this.#access = access && formatAccess(access);
  }

  /**
   * Addresses of this host came or went. When the one that the registration names is not the one that leads to the
   * P-CSCF any more, it registers anew at once, from there; an attempt that waits for its time is made now.
   */
  networkChanged(): void {
    const { binding, phase } = this.#machine;
    if (phase === 'waiting') this.start();
    if (!binding || !isSipUri(binding.contact.uri)) return;
    const { transport, remote } = binding.flow;
    const { host } = this.#deps.ua.transport.localContact({ transport, ...remote });
    // Nothing but the loopback: without a network there is nowhere to register.
    if (sameAddress(host, binding.contact.uri.host) || isLoopback(host)) return;
    if (this.#deps.reaches?.(remote.host) === false) return;
    const error = new TandemError(
      'network',
      'registration.moved',
      'This device has another network address.',
    );
    this.#machine.dispatch({ event: 'flow-lost', error });
  }

  /** A flow that was replaced, or a Contact that changed with our address. */
  #moved({ flow, contact }: Binding): void {
    const place = { flow, contact: contact.uri.toString() };
    const before = this.#place;
    this.#place = place;
    if (before && (before.flow !== flow || before.contact !== place.contact)) this.onMoved.emit();
  }

  #bound(binding: Binding, initial: boolean): void {
    this.#moved(binding);
    if (!initial) return;
    this.#regEvent?.stop();
    this.#regEvent = undefined;
    this.#watchFederation(binding);
    this.onRegistered.emit();
  }

  #watchFederation(binding: Binding): void {
    const { config } = this.#deps;
    if (config.profile === 'sip' && !binding.grant.events.includes('reg')) return;
    this.#regEvent = new RegEvent({
      ...this.#deps,
      timers: config.timers,
      retry: config.backoff ?? DEFAULT_BACKOFF,
      self: { instance: this.instance, contact: binding.contact.uri.toString() },
      parts: () => this.subscribeParts(),
    });
    this.#regEvent.onFederation.on((devices) => this.onFederation.emit(devices));
    this.#regEvent.onOwn.on((change) => this.#networkSays(change));
    this.#regEvent.start();
  }

  #released(): void {
    const had = this.federation.length > 0;
    this.#regEvent?.stop();
    this.#regEvent = undefined;
    this.onReleased.emit();
    if (had) this.onFederation.emit([]);
  }

  #networkSays(change: OwnChange): void {
    const outcome = networkInitiated(change);
    // Before the flow goes: the dialogs of these identities are to be released over it.
    if (outcome?.event === 'rejected') this.onRejected.emit();
    if (outcome) this.#machine.dispatch(outcome);
  }
}

function describeError(
  error: TandemError,
  retryAt: Date | undefined,
): NonNullable<RegistrationState['error']> {
  const { id, message } = error;
  return retryAt ? { id, message, retry_at: retryAt.toISOString() } : { id, message };
}
