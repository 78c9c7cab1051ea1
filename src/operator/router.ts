// RFC 3261 16, TS 24.229 5.2 to 5.4, NG.110 2.2.6: P-CSCF, S-CSCF and application server of the test operator in one.
import type { Clock } from '#src/base/clock.ts';
import { describe } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import type { Milliseconds, Seconds } from '#src/base/units.ts';
import { type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { Params } from '#src/sip/message/params.ts';
import { isSipUri, type Uri } from '#src/sip/message/uri.ts';
import { BRANCH_COOKIE, Via } from '#src/sip/message/via.ts';
import type { Resolver } from '#src/sip/resolver/resolver.ts';
import type { TransactionLayer } from '#src/sip/transaction/layer.ts';
import type { ServerTransaction } from '#src/sip/transaction/transaction.ts';
import type { Target } from '#src/sip/transport/address.ts';
import { type Flow, isFlow } from '#src/sip/transport/flow.ts';
import { type Account, type Accounts, sameIdentity } from './accounts.ts';
import { type Edge, type MediaExchange, notUnderstood, stripAgreement } from './edge/edge.ts';
import type { Faults } from './faults.ts';
import { Fork, type LegPlan } from './fork.ts';
import type { Binding, Location } from './location.ts';
import type { Names } from './names.ts';
import type { OwnAddresses } from './own-addresses.ts';
import type { RegEventServer } from './reg-event-server.ts';
import type { Registrar } from './registrar.ts';
import { Whereabouts } from './whereabouts.ts';

export interface RoutingPolicy {
  readonly fork: 'parallel' | 'sequence';
  readonly busyEverywhere: boolean;
  readonly ringing: Seconds;
  /** 64 × T1. */
  readonly patience: Milliseconds;
}

export interface RouterDeps {
  readonly layer: TransactionLayer;
  readonly resolver: Resolver;
  readonly accounts: Accounts;
  readonly location: Location;
  readonly addresses: OwnAddresses;
  readonly names: Names;
  readonly registrar: Registrar;
  readonly regEvent: RegEventServer;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly policy: RoutingPolicy;
  readonly edge: Edge | undefined;
}

const MAX_FORWARDS = 70;
/** Who asks, as far as the operator knows. */
interface Caller {
  readonly account: Account;
  readonly binding: Binding | undefined;
}

export class Router {
  readonly #deps: RouterDeps;
  readonly #whereabouts = new Whereabouts();
  readonly #forks = new Map<ServerTransaction, Fork>();

  constructor(deps: RouterDeps) {
    this.#deps = deps;
    deps.layer.onRequest.on((server) => this.#receive(server));
    deps.layer.onAck.on(({ request }) => void this.#relayAck(request));
  }

  /** Calls that are being set up. */
  get ringing(): number {
    return this.#forks.size;
  }

  #receive(server: ServerTransaction): void {
    const { request } = server;
    const { faults } = this.#deps;
    const refusal = faults.refusal(request);
    const unknown = notUnderstood(request, this.#deps.edge);
    if (refusal) this.#refuse(server, refusal.status, refusal.headers);
    else if (request.method === 'CANCEL') this.#cancel(server);
    else if (request.method === 'REGISTER') server.respond(this.#deps.registrar.answer(request, server.flow));
    else if (request.maxForwards === 0) this.#refuse(server, 483);
    else if (unknown.length > 0) this.#refuse(server, 420, [['Unsupported', unknown.join(', ')]]);
    else if (request.to.tag !== undefined) this.#inDialog(server);
    else this.#initial(server);
  }

  #refuse(
    server: ServerTransaction,
    status: number,
    headers: readonly (readonly [string, string])[] = [],
  ): void {
    server.respond(
      SipResponse.reply(server.request, status, { toTag: randomToken(this.#deps.random), headers }),
    );
  }

  /** 16.10: the CANCEL is answered here; its legs are cancelled without a Reason of ours. */
  #cancel(server: ServerTransaction): void {
    const invite = this.#deps.layer.findInvite(server.request);
    const fork = invite && this.#forks.get(invite);
    this.#refuse(server, invite ? 200 : 481);
    fork?.release('caller');
  }

  #initial(server: ServerTransaction): void {
    const { request, flow } = server;
    const { accounts, regEvent } = this.#deps;
    const caller = this.#callerOf(request, flow);
    if (caller === 'unknown') {
      this.#refuse(server, 407, this.#deps.registrar.plainChallenge('proxy'));
      return;
    }
    if (request.method === 'SUBSCRIBE') {
      if (request.event?.type === 'reg') regEvent.subscribe(server, caller?.account);
      else this.#refuse(server, 489, [['Allow-Events', 'reg']]);
      return;
    }
    const called = this.#deps.names.identity(request.requestUri);
    const gruu = this.#deps.location.byGruu(request.requestUri);
    const sharing = accounts.byIdentity(called);
    if (!gruu && sharing.length === 0) {
      this.#refuse(
        server,
        isSipUri(called) && called.user === undefined && request.method === 'OPTIONS' ? 200 : 404,
      );
      return;
    }
    const bindings = gruu ? [gruu] : this.#deps.location.ofIdentity(called);
    void this.#ring(
      server,
      caller,
      called,
      bindings.filter((binding) => binding !== caller?.binding),
    );
  }

  /** By its registered flow, else by credentials; undefined for a caller from elsewhere. */
  #callerOf(request: SipRequest, flow: Flow): Caller | 'unknown' | undefined {
    const { accounts, location, names, registrar } = this.#deps;
    const binding = location.byFlow(flow);
    if (binding) return { account: binding.account, binding };
    const verdict = registrar.digest.verify(request, 'proxy');
    if (verdict.outcome === 'ok') {
      const account = accounts.byUserName(verdict.username);
      return account ? { account, binding: undefined } : 'unknown';
    }
    const uri = names.identity(request.from.uri);
    return accounts.byIdentity(uri).length > 0 || names.isHome(uri) ? 'unknown' : undefined;
  }

  async #ring(
    server: ServerTransaction,
    caller: Caller | undefined,
    called: Uri,
    bindings: readonly Binding[],
  ): Promise<void> {
    const { layer, clock, log, policy } = this.#deps;
    const { request } = server;
    const plans = await Promise.all(bindings.map((binding) => this.#plan(server, caller, called, binding)));
    const legs = plans
      .filter((plan) => plan !== undefined)
      .sort((a, b) => Number(b.primary) - Number(a.primary));
    if (server.state === 'terminated' || server.state === 'completed') return;
    if (legs.length === 0) {
      this.#refuse(server, 480);
      return;
    }
    this.#whereabouts.note(request.callId, request.from.tag, server.flow);
    const fork = new Fork({
      layer,
      clock,
      log,
      server,
      legs,
      order: policy.fork,
      busyEverywhere: policy.busyEverywhere,
      ringing: policy.ringing,
      patience: policy.patience,
      onDialog: (response, flow) => this.#whereabouts.note(response.callId, response.to.tag, flow),
      onEnd: () => this.#forks.delete(server),
    });
    this.#forks.set(server, fork);
    fork.start();
  }

  async #plan(
    server: ServerTransaction,
    caller: Caller | undefined,
    called: Uri,
    binding: Binding,
  ): Promise<LegPlan | undefined> {
    const to = await this.#reach(binding);
    if (!to) return undefined;
    const { request } = server;
    const copy = request.clone();
    copy.requestUri = binding.contact.uri;
    copy.headers.remove('Route');
    copy.headers.remove('Proxy-Authorization');
    copy.headers.remove('P-Access-Network-Info');
    copy.headers.set('Max-Forwards', String((request.maxForwards ?? MAX_FORWARDS) - 1));
    copy.headers.set('P-Called-Party-ID', NameAddr.of(called).toString());
    this.#assert(copy, caller);
    this.#recordRoute(copy, server.flow, to);
    stripAgreement(copy);
    const media = await this.#media(copy, caller, binding);
    if (media === 'failed') return undefined;
    return { request: copy, to, primary: binding.account.role === 'primary', media };
  }

  /** A leg whose media cannot be protected as was promised is not called. */
  async #media(
    request: SipRequest,
    caller: Caller | undefined,
    binding: Binding,
  ): Promise<MediaExchange | undefined | 'failed'> {
    const { edge, log, random } = this.#deps;
    if (!edge || request.method !== 'INVITE') return undefined;
    try {
      return await edge.invite(request, {
        legId: `${binding.id}-${randomToken(random, 4)}`,
        callerAnnounced: caller?.binding?.mediaSecurity === true,
        calledAnnounced: binding.mediaSecurity,
      });
    } catch (error) {
      log.warn({ callId: request.callId, reason: describe(error) }, 'operator: no protected media for a leg');
      return 'failed';
    }
  }

  /** TS 24.229 5.2.6.3: the identity wished for when it is the caller's, else its default one; hidden on request. */
  #assert(request: SipRequest, caller: Caller | undefined): void {
    const wished = request.typed('P-Preferred-Identity')[0];
    request.headers.remove('P-Preferred-Identity');
    request.headers.remove('P-Asserted-Identity');
    if (!caller || request.privacy.includes('id') || request.privacy.includes('header')) return;
    const { identities } = caller.account;
    const own = wished && identities.find((identity) => sameIdentity(identity, wished.uri));
    const identity = own ?? identities[0];
    if (identity)
      request.headers.add(
        'P-Asserted-Identity',
        NameAddr.of(identity, { displayName: wished?.displayName }).toString(),
      );
  }

  /** RFC 5658: one Record-Route for each side where they differ, the one towards the callee on top. */
  #recordRoute(request: SipRequest, from: Flow, to: Target | Flow): void {
    if (request.method !== 'INVITE' && request.method !== 'SUBSCRIBE' && request.method !== 'REFER') return;
    const towardsCaller = this.#deps.addresses.facing(from);
    const towardsCallee = isFlow(to) ? this.#deps.addresses.facing(to) : towardsCaller;
    request.headers.prepend('Record-Route', NameAddr.of(towardsCaller).toString());
    if (towardsCallee.toString() !== towardsCaller.toString()) {
      request.headers.prepend('Record-Route', NameAddr.of(towardsCallee).toString());
    }
  }

  /** Its flow; the address of its contact when the flow has died and somebody may listen there. */
  async #reach(binding: Binding): Promise<Target | Flow | undefined> {
    if (binding.flow.alive) return binding.flow;
    return this.#resolve(binding.contact.uri);
  }

  async #resolve(uri: Uri): Promise<Target | undefined> {
    if (!isSipUri(uri)) return undefined;
    try {
      return (await this.#deps.resolver.resolve(uri))[0];
    } catch (error) {
      this.#deps.log.info({ uri: uri.toString(), reason: String(error) }, 'operator: no way to this address');
      return undefined;
    }
  }

  /** 16.12: the next hop of a request within a dialog; takes our own Routes off. */
  async #nextHop(request: SipRequest): Promise<Target | Flow | undefined> {
    const { addresses, location } = this.#deps;
    while (request.routes[0] && addresses.isOwn(request.routes[0].uri)) request.headers.removeFirst('Route');
    const [route] = request.routes;
    if (route) return this.#resolve(route.uri);
    const known = this.#whereabouts.find(request.callId, request.to.tag);
    const gruu = location.byGruu(request.requestUri);
    if (gruu) request.requestUri = gruu.contact.uri;
    if (known) return known;
    const binding = gruu ?? location.byContact(request.requestUri);
    return binding ? this.#reach(binding) : this.#resolve(request.requestUri);
  }

  #inDialog(server: ServerTransaction): void {
    const { request } = server;
    const { regEvent } = this.#deps;
    if (request.method === 'SUBSCRIBE' && regEvent.owns(request)) regEvent.subscribe(server, undefined);
    else void this.#relay(server);
  }

  async #relay(server: ServerTransaction): Promise<void> {
    const { layer, log } = this.#deps;
    const { request, flow } = server;
    this.#whereabouts.note(request.callId, request.from.tag, flow);
    const copy = request.clone();
    copy.headers.set('Max-Forwards', String((request.maxForwards ?? MAX_FORWARDS) - 1));
    copy.headers.remove('P-Access-Network-Info');
    stripAgreement(copy);
    const to = await this.#nextHop(copy);
    if (!to) {
      this.#refuse(server, 481);
      return;
    }
    const media = await this.#mediaInDialog(copy);
    if (media === 'failed') {
      this.#refuse(server, 500);
      return;
    }
    layer.request(copy, to, {
      onResponse: async (response) => {
        if (response.status === 100) return;
        const back = media ? await media.response(response) : response.clone();
        back.headers.removeFirst('Via');
        server.respond(back);
      },
      onFailure: (error) => {
        log.info({ error: error.id, method: request.method }, 'operator: a request could not be relayed');
        this.#refuse(server, error.id === 'sip.timeout' ? 408 : 480);
      },
    });
  }

  async #mediaInDialog(request: SipRequest): Promise<MediaExchange | undefined | 'failed'> {
    try {
      return await this.#deps.edge?.inDialog(request);
    } catch (error) {
      const { callId } = request;
      this.#deps.log.warn({ callId, reason: describe(error) }, 'operator: media of a call cannot be changed');
      return 'failed';
    }
  }

  /** 16.11: the ACK of a 2xx goes on without a transaction. */
  async #relayAck(request: SipRequest): Promise<void> {
    const copy = request.clone();
    copy.headers.set('Max-Forwards', String((request.maxForwards ?? MAX_FORWARDS) - 1));
    stripAgreement(copy);
    const to = await this.#nextHop(copy);
    if (!to) return;
    await this.#deps.edge?.ack(copy);
    const branch = `${BRANCH_COOKIE}${randomToken(this.#deps.random)}`;
    const params = Params.of([['branch', branch]]);
    // The transport fills in the address (RFC 3261 18.1.1).
    const via = Via.of({ transport: to.transport.toUpperCase(), host: 'invalid', params });
    copy.headers.prepend('Via', via.toString());
    this.#deps.layer.sendAck(copy, to).catch((error: unknown) => {
      this.#deps.log.info({ reason: String(error) }, 'operator: an ACK could not be relayed');
    });
  }
}
