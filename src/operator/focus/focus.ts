// TS 24.147 5.3.2, RFC 4579: the conference server: a factory that makes conferences, and the user agent they share.
import type { Clock } from '#src/base/clock.ts';
import type { Logger } from '#src/base/log.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import type { CallMedia } from '#src/call/media.ts';
import { resolveMediaHost } from '#src/call/world.ts';
import { DigestClient } from '#src/sip/digest/client.ts';
import { isSipUri, SipUri, type Uri } from '#src/sip/message/uri.ts';
import type { Resolver } from '#src/sip/resolver/resolver.ts';
import { SIP_TIMERS } from '#src/sip/transaction/timers.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { type Account, type Accounts, sameIdentity } from '../accounts.ts';
import { Conference, type ConferencePolicy, type ConferenceSnapshot } from './conference.ts';
import { FocusAgent } from './focus-agent.ts';

export interface FocusOptions {
  readonly accounts: Accounts;
  readonly transport: Transport;
  readonly resolver: Resolver;
  /** The operator's address, through which everything goes. */
  readonly operator: SipUri;
  /** Asked for with the first conference. */
  readonly media: () => CallMedia;
  readonly policy: () => ConferencePolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** TS 23.003 13.10: the default of the factory's user part and host prefix. */
const FACTORY_USER = 'mmtel';
const FACTORY_HOST = 'conf-factory';
const NOT_FOUND = 404;
const METHOD_NOT_ALLOWED = 405;

export class Focus {
  readonly factory: SipUri;
  readonly #options: FocusOptions;
  readonly #ua: FocusAgent;
  readonly #conferences = new Set<Conference>();
  readonly #ending = new Set<Promise<void>>();
  /** The URIs that the focus may call as: the account's live list. */
  readonly #identities: SipUri[];
  readonly #digest: DigestClient;

  constructor(options: FocusOptions) {
    const { accounts, transport, resolver, clock, random, log } = options;
    this.#options = options;
    this.factory = SipUri.of({ user: FACTORY_USER, host: `${FACTORY_HOST}.${accounts.domain}` });
    this.#identities = [this.factory];
    const password = randomToken(random, 16);
    const account: Account = {
      impi: `focus-${randomToken(random, 4)}@${accounts.domain}`,
      password,
      role: 'primary',
      identities: this.#identities,
      shared: [],
    };
    accounts.add(account);
    this.#digest = new DigestClient({ credentials: { username: account.impi, password }, random });
    this.#ua = new FocusAgent({ transport, resolver, clock, random, log, timers: SIP_TIMERS });
    this.#ua.intercept = (incoming) => this.#inDialog(incoming);
    this.#ua.onRequest((incoming) => this.#receive(incoming));
  }

  get conferences(): readonly ConferenceSnapshot[] {
    return [...this.#conferences].map(({ snapshot }) => snapshot);
  }

  find(uri: Uri): Conference | undefined {
    return [...this.#conferences].find((each) => sameIdentity(each.uri, uri));
  }

  /** By the user part of its URI. */
  named(user: string): Conference | undefined {
    return [...this.#conferences].find(({ uri }) => uri.user === user);
  }

  /** Where requests to the factory or to a conference go; undefined: it is neither. */
  at(uri: Uri): Target | undefined {
    if (!isSipUri(uri) || !(sameIdentity(uri, this.factory) || this.find(uri))) return undefined;
    const [listening] = this.#ua.transport.listening;
    return listening;
  }

  async start(): Promise<void> {
    await this.#ua.start();
  }

  async stop(): Promise<void> {
    await Promise.all([...[...this.#conferences].map((each) => each.stop()), ...this.#ending]);
    this.#conferences.clear();
    await this.#ua.stop();
  }

  #receive(incoming: Incoming): void {
    const { method, requestUri } = incoming.request;
    const conference = this.find(requestUri);
    if (method === 'INVITE' && !conference && sameIdentity(requestUri, this.factory))
      this.#make().join(incoming);
    else if (!conference) incoming.respond(NOT_FOUND);
    else if (method === 'INVITE') conference.join(incoming);
    else if (method === 'REFER') conference.refer(incoming);
    else if (method === 'SUBSCRIBE') conference.subscribe(incoming);
    else incoming.respond(METHOD_NOT_ALLOWED);
  }

  #inDialog(incoming: Incoming): boolean {
    const { method, requestUri } = incoming.request;
    const conference = this.find(requestUri);
    if (!conference || (method !== 'REFER' && method !== 'SUBSCRIBE')) return false;
    if (incoming.request.headers.has('Event') !== (method === 'SUBSCRIBE')) return false;
    if (method === 'REFER') conference.refer(incoming);
    else conference.subscribe(incoming);
    return true;
  }

  #make(): Conference {
    const { clock, random, log, resolver, operator, accounts, media, policy } = this.#options;
    const name = `conf-${randomToken(random, 8)}`;
    const uri = SipUri.of({ user: name, host: this.factory.host });
    this.#identities.push(uri);
    const conference: Conference = new Conference({
      ...{ uri, operator, domain: accounts.domain, digest: this.#digest, ua: this.#ua, bridge: name },
      world: { media: media(), clock, random, log, resolver, resolveHost: resolveMediaHost },
      policy: policy(),
      onEnd: () => this.#gone(conference),
    });
    this.#conferences.add(conference);
    return conference;
  }

  /** Its URI is nobody's any more; calls that still end do so by themselves. */
  #gone(conference: Conference): void {
    this.#conferences.delete(conference);
    const at = this.#identities.indexOf(conference.uri);
    if (at >= 0) this.#identities.splice(at, 1);
    const ending = conference.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
