// RFC 3261 16, TS 24.229 5.2 to 5.4, NG.110 2.2.6: P-CSCF, S-CSCF and application server of the test operator in one:
// whose a request is, and what becomes of it.
import type { Clock } from '#src/base/clock.ts';
import { randomToken } from '#src/base/random.ts';
import type { Milliseconds } from '#src/base/units.ts';
import { type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { formatHostPort, isSipUri, type Uri } from '#src/sip/message/uri.ts';
import type { Resolver } from '#src/sip/resolver/resolver.ts';
import type { ServerTransaction } from '#src/sip/transaction/transaction.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { type Accounts, sameIdentity } from './accounts.ts';
import { notUnderstood } from './edge/edge.ts';
import { ALTERNATIVES, IMS_XML, isCallBack, isEmergency } from './emergency.ts';
import type { Faults, Refusal } from './faults.ts';
import { type Origin, originOf } from './identity-rules.ts';
import type { Caller } from './legs.ts';
import type { Policy } from './policy.ts';
import type { RegEventServer } from './reg-event-server.ts';
import type { Registrar } from './registrar.ts';
import { Relay, type RelayDeps } from './relay.ts';
import { barredOut } from './services/barring.ts';
import { NOWHERE, placeOf } from './services/place.ts';
import type { Services } from './services/service-data.ts';
import { Setup } from './setup.ts';
import { Whereabouts } from './whereabouts.ts';

export interface RouterDeps extends RelayDeps {
  readonly resolver: Resolver;
  readonly accounts: Accounts;
  readonly registrar: Registrar;
  readonly regEvent: RegEventServer;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly policy: Policy;
  readonly services: Services;
  /** 64 × T1. */
  readonly patience: Milliseconds;
}

export class Router {
  readonly #deps: RouterDeps;
  readonly #whereabouts = new Whereabouts();
  readonly #relay: Relay;
  readonly #setups = new Map<ServerTransaction, Setup>();

  constructor(deps: RouterDeps) {
    this.#deps = deps;
    this.#relay = new Relay(deps, this.#whereabouts);
    deps.layer.onRequest.on((server) => this.#receive(server));
    deps.layer.onAck.on(({ request }) => void this.#relay.passAck(request));
  }

  /** Calls that are being set up. */
  get ringing(): number {
    return this.#setups.size;
  }

  #receive(server: ServerTransaction): void {
    const { request } = server;
    const { faults } = this.#deps;
    const refusal = faults.refusal(request);
    const unknown = notUnderstood(request, this.#deps.edge);
    if (refusal?.alternative) this.#alternative(server, refusal.alternative, refusal);
    else if (refusal) this.#refuse(server, refusal.status, refusal.headers);
    else if (request.method === 'CANCEL') this.#cancel(server);
    else if (request.method === 'REGISTER') server.respond(this.#deps.registrar.answer(request, server.flow));
    else if (request.maxForwards === 0) this.#refuse(server, 483);
    else if (unknown.length > 0) this.#refuse(server, 420, [['Unsupported', unknown.join(', ')]]);
    else if (request.to.tag !== undefined) this.#inDialog(server);
    else this.#initial(server);
  }

  #isNeighbour({ remote }: Flow): boolean {
    const { trusted } = this.#deps.policy.settings;
    return trusted.includes(remote.host) || trusted.includes(formatHostPort(remote.host, remote.port));
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
    const setup = invite && this.#setups.get(invite);
    this.#refuse(server, invite ? 200 : 481);
    setup?.release();
  }

  #initial(server: ServerTransaction): void {
    const { request, flow } = server;
    const { regEvent } = this.#deps;
    const caller = this.#callerOf(request, flow);
    if (caller === 'unknown') {
      this.#refuse(server, 407, this.#deps.registrar.plainChallenge('proxy'));
      return;
    }
    if (request.method === 'SUBSCRIBE' && !this.#deps.serverAt(request.requestUri)) {
      if (request.event?.type === 'reg') regEvent.subscribe(server, caller?.account);
      else this.#subscribe(server, caller);
      return;
    }
    this.#originate(server, this.#noted(caller, request));
  }

  /** To the operator itself; to the devices, where it leaves their dialogs to them, and what names one device. */
  #subscribe(server: ServerTransaction, caller: Caller | undefined): void {
    const { policy, events, location } = this.#deps;
    const { request } = server;
    const { dialogEvents, messageWaiting } = policy.settings;
    const name = request.event?.type.toLowerCase();
    const own =
      (name === 'dialog' && dialogEvents === 'tell') || (name === 'message-summary' && messageWaiting);
    const routed = name === 'dialog' && dialogEvents !== 'refuse';
    if (routed && (dialogEvents === 'route' || location.byGruu(request.requestUri)))
      this.#originate(server, this.#noted(caller, request));
    else if (!own || !events.subscribe(server, caller?.account))
      this.#refuse(server, 489, [['Allow-Events', 'reg']]);
  }

  /** What a device tells of its place with this request counts from now on. */
  #noted(caller: Caller | undefined, request: SipRequest): Caller | undefined {
    const place = placeOf(request);
    if (caller?.binding && place) this.#deps.location.moved(caller.binding, place);
    return caller?.binding && place ? { ...caller, binding: { ...caller.binding, place } } : caller;
  }

  /** The caller's own services, then those of who is called. */
  #originate(server: ServerTransaction, caller: Caller | undefined): void {
    const { request } = server;
    const { policy, services, names, accounts } = this.#deps;
    const { psap, country, emergency } = policy.settings;
    const called = names.identity(request.requestUri);
    const sos = request.method === 'INVITE' && isEmergency(called, policy.settings);
    if (sos && (emergency === 'alternative' || !psap)) {
      this.#alternative(server);
      return;
    }
    const neighbour = this.#isNeighbour(server.flow);
    const verdict = originOf(request, caller?.account, { native: sos, neighbour });
    if (!verdict.ok) {
      this.#refuse(server, 403, [['Warning', `399 ${accounts.domain} "Identity not allowed"`]]);
      return;
    }
    const [identity] = caller?.account.identities ?? [];
    const barred =
      request.method === 'INVITE' && !sos && identity
        ? barredOut(services.of(identity), called, caller?.binding?.place ?? NOWHERE, {
            country,
            domain: accounts.domain,
          })
        : undefined;
    if (barred) {
      this.#refuse(server, barred.status, [['Warning', `399 ${accounts.domain} "${barred.text}"`]]);
      return;
    }
    const restricted =
      !sos &&
      identity !== undefined &&
      services.of(identity).restrictCall &&
      !request.privacy.includes('none');
    const origin = { ...verdict.origin, restricted };
    this.#terminate(server, caller, origin, sos && psap ? names.identity(psap) : called);
  }

  #terminate(server: ServerTransaction, caller: Caller | undefined, origin: Origin, called: Uri): void {
    const { request } = server;
    const { location, accounts, policy, events } = this.#deps;
    // A device without GRUU is named by its contact (a call that is handed from device to device).
    const at = request.requestUri;
    const gruu = location.byGruu(at) ?? location.byContact(isSipUri(at) ? at.withoutParam('ob') : at);
    const { psap } = policy.settings;
    const outside =
      psap !== undefined && accounts.byIdentity(called).length === 0 && sameIdentity(called, psap);
    if (!gruu && !outside && accounts.byIdentity(called).length === 0) {
      const ping = isSipUri(called) && called.user === undefined && request.method === 'OPTIONS';
      this.#refuse(server, ping ? 200 : 404);
      return;
    }
    const setup = new Setup({
      ...this.#deps,
      ...{ server, caller, origin },
      callBack: isCallBack(request, origin, policy.settings),
      onDialog: (response, flow) => {
        this.#whereabouts.note(response.callId, response.to.tag, flow);
        events.ledger.answered(request, caller?.account, response, flow);
      },
      onEnd: () => {
        this.#setups.delete(server);
        events.ledger.settled(request);
      },
    });
    events.ledger.invited(request, caller?.account);
    this.#whereabouts.note(request.callId, request.from.tag, server.flow);
    this.#setups.set(server, setup);
    if (outside) setup.send(called);
    else if (gruu) setup.ringDevice(called, gruu);
    else setup.ring(called);
  }

  /** 24.229 5.2.10, 5.2.6.3: the device shall place the call in another way, or register anew; who says so is on its path. */
  #alternative(
    server: ServerTransaction,
    type: 'emergency' | 'restoration' = 'emergency',
    { status, headers }: Pick<Refusal, 'status' | 'headers'> = { status: 380, headers: [] },
  ): void {
    const { addresses, random } = this.#deps;
    const path = addresses.facing(server.flow).withUser('term');
    const response = SipResponse.reply(server.request, status, {
      toTag: randomToken(random),
      headers: [...headers, ['P-Asserted-Identity', NameAddr.of(path).toString()]],
    });
    response.setBody(IMS_XML, ALTERNATIVES[type]);
    server.respond(response);
  }

  /** By its registered flow, else by credentials; undefined for a caller from elsewhere. */
  #callerOf(request: SipRequest, flow: Flow): Caller | 'unknown' | undefined {
    const { accounts, location, names, registrar } = this.#deps;
    const binding = location.byFlow(flow);
    if (binding) return { account: binding.account, binding };
    if (this.#isNeighbour(flow)) return undefined;
    const verdict = registrar.digest.verify(request, 'proxy');
    if (verdict.outcome === 'ok') {
      const account = accounts.byUserName(verdict.username);
      return account ? { account, binding: undefined } : 'unknown';
    }
    const uri = names.identity(request.from.uri);
    return accounts.byIdentity(uri).length > 0 || names.isHome(uri) ? 'unknown' : undefined;
  }

  #inDialog(server: ServerTransaction): void {
    const { request } = server;
    const { regEvent, events } = this.#deps;
    if (request.method === 'SUBSCRIBE' && regEvent.owns(request)) regEvent.subscribe(server, undefined);
    else if (events.owns(request)) events.inDialog(server);
    else void this.#relay.pass(server);
  }
}
