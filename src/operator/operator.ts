// The test operator: registrar, reg event notifier, application server, phones and their HTTP API in one process.
import type { Clock } from '#src/base/clock.ts';
import type { OperatorConfig } from '#src/base/config/operator-schema.ts';
import { TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import type { CallMedia } from '#src/call/media.ts';
import { MediaEngine } from '#src/media/engine.ts';
import { Params } from '#src/sip/message/params.ts';
import { isSipUri, SipUri, type Uri } from '#src/sip/message/uri.ts';
import { Resolver } from '#src/sip/resolver/resolver.ts';
import { TransactionLayer } from '#src/sip/transaction/layer.ts';
import { SIP_TIMERS } from '#src/sip/transaction/timers.ts';
import { familyOf, formatListen, isWildcard, type ListenAddress } from '#src/sip/transport/address.ts';
import { SipTransport } from '#src/sip/transport/sip-transport.ts';
import type { TlsSettings } from '#src/sip/transport/tls.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import { type Account, Accounts, sameIdentity } from './accounts.ts';
import { Edge } from './edge/edge.ts';
import { NgClient, type NgSocket } from './edge/ng-client.ts';
import { openNgSocket } from './edge/ng-socket.ts';
import { EventPackages } from './events/packages.ts';
import { Faults } from './faults.ts';
import { FaultyTransport } from './faulty-transport.ts';
import { Focus } from './focus/focus.ts';
import { OperatorWeb } from './http.ts';
import { Legs } from './legs.ts';
import { Location } from './location.ts';
import { Names } from './names.ts';
import { OwnAddresses } from './own-addresses.ts';
import { Phone } from './phone.ts';
import { Policy } from './policy.ts';
import { RegEventServer } from './reg-event-server.ts';
import { Registrar } from './registrar.ts';
import { Router } from './router.ts';
import { Services } from './services/service-data.ts';
import {
  announcementOf,
  initialFaults,
  initialPolicy,
  listenAddresses,
  readServices,
  readTls,
  readUri,
} from './settings.ts';
import { Documents } from './ut/documents.ts';
import { UtServer } from './ut/server.ts';

export interface OperatorDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Default: real sockets. Tests give a network in memory. */
  readonly transport?: (listen: readonly ListenAddress[], tls: TlsSettings) => Transport;
  /** For the phones; default: the native engine, opened when there are phones. It stays its owner's. */
  readonly media?: CallMedia;
  /** To rtpengine; default: UDP to the configured address. */
  readonly ngSocket?: () => NgSocket;
  /** Default true. */
  readonly web?: boolean;
}

const TRANSACTION_LENGTH = 64;

export class Operator {
  readonly accounts: Accounts;
  readonly location: Location;
  readonly faults: Faults;
  readonly policy: Policy;
  readonly names: Names;
  readonly services: Services;
  readonly events: EventPackages;
  readonly #deps: OperatorDeps;
  readonly #resolver: Resolver;
  readonly #make: NonNullable<OperatorDeps['transport']>;
  readonly #transport: Transport;
  readonly #layer: TransactionLayer;
  readonly #regEvent: RegEventServer;
  readonly #edge: Edge | undefined;
  readonly #router: Router;
  #phones: readonly Phone[] = [];
  #web: OperatorWeb | undefined;
  #ut: UtServer | undefined;
  #engine: MediaEngine | undefined;
  #focus: Focus | undefined;

  private constructor(config: OperatorConfig, deps: OperatorDeps) {
    const { clock, random, log } = deps;
    this.#deps = deps;
    this.#make = deps.transport ?? ((listen, tls) => new SipTransport({ listen, clock, random, log, tls }));
    this.faults = new Faults(initialFaults(config));
    this.#transport = new FaultyTransport(
      this.#make(listenAddresses(config), readTls(config)),
      this.faults,
      clock,
    );
    this.#layer = new TransactionLayer({
      transport: this.#transport,
      clock,
      random,
      log,
      timers: SIP_TIMERS,
    });
    this.accounts = new Accounts(config);
    this.location = new Location(clock, this.accounts);
    this.#resolver = new Resolver({ clock, random });
    const addresses = new OwnAddresses(() => this.#transport.listening);
    const parts = { layer: this.#layer, clock, random, log, addresses, resolver: this.#resolver };
    const { accounts, location, faults } = this;
    this.#edge = makeEdge(config, deps);
    const edge = this.#edge;
    const names = new Names(accounts, addresses);
    this.names = names;
    const { expires, min_expires, algorithms } = config.policy;
    this.policy = new Policy(initialPolicy(config));
    this.services = new Services(accounts);
    const phones = config.phones.map(({ uri }) => readUri(uri));
    for (const each of config.services) {
      const identity = names.identity(readUri(each.identity));
      const known =
        accounts.byIdentity(identity).length > 0 || phones.some((uri) => sameIdentity(uri, identity));
      if (!known) {
        throw new TandemError(
          'caller',
          'config.invalid',
          `services: nobody has the identity "${each.identity}".`,
        );
      }
      this.services.set(identity, readServices(each));
    }
    const registrar = new Registrar({
      ...{ ...parts, accounts, location, faults, names, edge: edge !== undefined },
      policy: { expires: Seconds(expires), minExpires: Seconds(min_expires), algorithms },
    });
    this.#regEvent = new RegEventServer({ ...parts, location });
    const patience = Milliseconds(TRANSACTION_LENGTH * SIP_TIMERS.t1);
    this.events = new EventPackages({ ...parts, location });
    const legs = new Legs({ ...parts, edge });
    this.#router = new Router({
      ...{ ...parts, accounts, location, faults, names, registrar, regEvent: this.#regEvent, edge, legs },
      events: this.events,
      ...{ policy: this.policy, services: this.services, patience },
      serverAt: (uri) => this.#focus?.at(uri),
    });
  }

  /** Throws TandemError `transport.listen`, `web.listen`, `config.invalid`, `media.…`; nothing stays open then. */
  static async start(config: OperatorConfig, deps: OperatorDeps): Promise<Operator> {
    const operator = new Operator(config, deps);
    try {
      await operator.#transport.start();
      operator.#focus = operator.#makeFocus(config);
      await operator.#focus?.start();
      operator.#phones = config.phones.map((phone) => operator.#makePhone(phone));
      for (const phone of operator.#phones) await phone.start();
      operator.#ut = await operator.#startUt(config);
      if (deps.web !== false) {
        operator.#web = await OperatorWeb.start({ ...config.web, operator, log: deps.log });
      }
      return operator;
    } catch (error) {
      await operator.stop();
      throw error;
    }
  }

  /** `udp:127.0.0.1:5060`, with the ports that were given, and the web address. */
  get listening(): readonly string[] {
    const web = [this.#web?.url, this.#ut?.url].filter((url) => url !== undefined);
    return [...this.#transport.listening.map(formatListen), ...web];
  }

  /** The XCAP root, where there is one. */
  get ut(): string | undefined {
    return this.#ut?.url;
  }

  get url(): string | undefined {
    return this.#web?.url;
  }

  get phones(): readonly Phone[] {
    return this.#phones;
  }

  get focus(): Focus | undefined {
    return this.#focus;
  }

  /** Requests that wait for the answer of somebody else. */
  get waiting(): number {
    return this.#router.ringing;
  }

  /** Subscriptions to the reg event package. */
  get subscriptions(): number {
    return this.#regEvent.size;
  }

  phone(id: string): Phone | undefined {
    return this.phones.find((phone) => phone.id === id);
  }

  /** Phones first: they de-register like anybody else. */
  async stop(): Promise<void> {
    await this.#web?.stop();
    await this.#ut?.stop();
    await Promise.all(this.phones.map((phone) => phone.stop()));
    await this.#focus?.stop();
    this.#edge?.stop();
    this.events.stop();
    this.#regEvent.stop();
    this.location.stop();
    this.#layer.stop();
    await this.#transport.stop();
    await this.#engine?.close();
  }

  async #startUt(config: OperatorConfig): Promise<UtServer | undefined> {
    const { listen, tls } = config.ut;
    if (listen === undefined) return undefined;
    return UtServer.start({
      ...{ listen, accounts: this.accounts, algorithms: () => config.policy.algorithms },
      ...{ clock: this.#deps.clock, random: this.#deps.random, log: this.#deps.log },
      tls: tls ? readTls(config) : undefined,
      documents: new Documents(this.services),
    });
  }

  /** Without TCP or UDP there is no way to it. */
  #makeFocus({ conference }: OperatorConfig): Focus | undefined {
    const { clock, random, log, media } = this.#deps;
    const at = this.#ownAddress();
    if (!conference.enabled || !at) return undefined;
    return new Focus({
      ...{ accounts: this.accounts, resolver: this.#resolver, clock, random, log },
      transport: this.#make([{ ...at, port: 0 }], {}),
      operator: addressUri(at),
      media: () => media ?? this.#openEngine(log),
      policy: () => ({
        maximum: conference.maximum,
        endsWithCreator: conference.ends_with_creator,
      }),
    });
  }

  #makePhone(phone: OperatorConfig['phones'][number]): Phone {
    const { clock, random, log, media } = this.#deps;
    const id = phone.id ?? userOf(readUri(phone.uri));
    const account = this.#phoneAccount(id, readUri(phone.uri), random);
    const at = this.#ownAddress();
    if (!at) throw new TandemError('ours', 'operator.phone', 'The phones need a TCP or UDP address.');
    const { capture, playback, behaviour, answer_after } = phone;
    const answerAfter = answer_after === undefined ? undefined : Seconds(answer_after);
    return new Phone({
      announcement: announcementOf(phone),
      ...{
        id,
        account,
        behaviour,
        answerAfter,
        capture,
        playback,
        clock,
        random,
        log,
        resolver: this.#resolver,
      },
      media: media ?? this.#openEngine(log),
      domain: this.accounts.domain,
      registrar: addressUri(at),
      transport: this.#make([{ ...at, port: 0 }], {}),
    });
  }

  /** The operator's address that its own phones use: no certificate stands in the way there. */
  #ownAddress(): ListenAddress | undefined {
    const { listening } = this.#transport;
    const at = (['tcp', 'udp'] as const).flatMap((name) =>
      listening.filter(({ transport }) => transport === name),
    )[0];
    if (!at || !isWildcard(at.host)) return at;
    return { ...at, host: familyOf(at.host) === 6 ? '::1' : '127.0.0.1' };
  }

  #openEngine(log: Logger): MediaEngine {
    this.#engine ??= MediaEngine.open({ log });
    return this.#engine;
  }

  /** With credentials of its own, and the identities of those whose number it has. */
  #phoneAccount(id: string, uri: Uri, random: Random): Account {
    const [sharing] = this.accounts.byIdentity(uri);
    const account: Account = {
      impi: `phone-${randomToken(random, 4)}-${id.replaceAll(/[^A-Za-z0-9.-]/g, '')}@${this.accounts.domain}`,
      password: randomToken(random, 16),
      role: 'primary',
      identities: sharing?.identities ?? [uri],
      shared: [],
    };
    this.accounts.add(account);
    return account;
  }
}

const addressUri = ({ host, port, transport }: ListenAddress): SipUri =>
  SipUri.of({ host, port, params: Params.of([['transport', transport]]) });

const userOf = (uri: Uri): string =>
  isSipUri(uri) ? (uri.user ?? 'phone') : uri.scheme === 'tel' ? uri.number : 'phone';

function makeEdge({ edge }: OperatorConfig, deps: OperatorDeps): Edge | undefined {
  const { rtpengine, unannounced } = edge;
  if (rtpengine === undefined) return undefined;
  const { clock, random, log } = deps;
  const socket = deps.ngSocket?.() ?? openNgSocket(rtpengine, log);
  return new Edge({ ng: new NgClient({ socket, clock, random, log }), log, unannounced });
}
