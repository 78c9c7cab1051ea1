// RFC 3261 10.3, TS 24.229 5.4.1, RFC 5626 6, RFC 5627 5.1: the registrar.
import type { Clock } from '#src/base/clock.ts';
import type { Random } from '#src/base/random.ts';
import { Seconds } from '#src/base/units.ts';
import { DigestServer, type Verdict } from '#src/sip/digest/server.ts';
import { hasToken, type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { isSipUri, type Uri, uriEquals } from '#src/sip/message/uri.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Account, Accounts } from './accounts.ts';
import { announces, EDGE_MECHANISM } from './edge/edge.ts';
import type { Faults } from './faults.ts';
import { type Binding, type Location, shares } from './location.ts';
import type { Names } from './names.ts';
import type { OwnAddresses } from './own-addresses.ts';
import { NOWHERE, placeOf } from './services/place.ts';

export interface RegistrarPolicy {
  readonly expires: Seconds;
  readonly minExpires: Seconds;
  readonly algorithms: readonly string[];
}

export interface RegistrarDeps {
  readonly accounts: Accounts;
  readonly location: Location;
  readonly addresses: OwnAddresses;
  readonly names: Names;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: RegistrarPolicy;
  /** There is an access edge that encrypts for those who can. */
  readonly edge: boolean;
}

/** RFC 5626 4.4.1: how often a device on a flow is asked to ping. */
const FLOW_TIMER = Seconds(60);
type Headers = (readonly [string, string])[];

export class Registrar {
  readonly #deps: RegistrarDeps;
  readonly #digest: DigestServer;
  #staled = new Set<string>();

  constructor(deps: RegistrarDeps) {
    this.#deps = deps;
    this.#digest = new DigestServer({
      realm: deps.accounts.domain,
      password: (name) => deps.accounts.byUserName(name)?.password,
      clock: deps.clock,
      random: deps.random,
      algorithms: deps.policy.algorithms,
      sameUri: (uri, request) =>
        uriEquals(uri, request.requestUri) || (request.method === 'REGISTER' && deps.names.isHome(uri)),
    });
  }

  get digest(): DigestServer {
    return this.#digest;
  }

  /**
   * For who shows no sign of IMS: MD5 alone, where it is allowed. Softphones that know nothing of RFC 8760 (libre 1.0)
   * give up at the first challenge that they cannot answer.
   */
  plainChallenge(kind: 'www' | 'proxy'): [string, string][] {
    const all = this.#digest.challenge(kind);
    const plain = all.filter(([, value]) => /algorithm=MD5(,|$)/.test(value));
    return plain.length > 0 ? plain : all;
  }

  answer(request: SipRequest, flow: Flow): SipResponse {
    const { accounts, names, random } = this.#deps;
    const edge = this.#agrees(request) ? [['Security-Server', EDGE_MECHANISM] as const] : [];
    const reply = (status: number, headers: Headers = []): SipResponse =>
      SipResponse.reply(request, status, {
        toTag: random.bytes(6).toString('hex'),
        headers: [...headers, ...edge],
      });
    if (!names.isHome(request.requestUri)) return reply(404);
    const verdict = this.#digest.verify(request, 'www');
    if (verdict.outcome === 'missing') {
      const plain = verdict.username === undefined;
      return reply(401, plain ? this.plainChallenge('www') : this.#digest.challenge('www'));
    }
    if (verdict.outcome === 'rejected') {
      return verdict.reason === 'nonce'
        ? reply(401, this.#digest.challenge('www', { stale: true }))
        : reply(403);
    }
    if (verdict.outcome === 'stale' || this.#makesStale(request)) {
      return reply(401, this.#digest.challenge('www', { stale: true }));
    }
    const account = accounts.byUserName(verdict.username);
    if (!account || !shares(account, names.identity(request.to.uri))) return reply(403);
    return this.#serve(request, flow, account, verdict, reply);
  }

  /** 24.229 5.2.2: our list goes to who has sent one. */
  #agrees(request: SipRequest): boolean {
    return this.#deps.edge && announces(request);
  }

  /** The fault `stale`: every registration meets one stale nonce. */
  #makesStale(request: SipRequest): boolean {
    if (!this.#deps.faults.settings.stale) {
      this.#staled = new Set();
      return false;
    }
    const key = `${request.callId} ${request.cseq.number - 1}`;
    if (this.#staled.has(key)) return false;
    this.#staled.add(`${request.callId} ${request.cseq.number}`);
    return true;
  }

  #serve(
    request: SipRequest,
    flow: Flow,
    account: Account,
    verdict: Extract<Verdict, { outcome: 'ok' }>,
    reply: (status: number, headers?: Headers) => SipResponse,
  ): SipResponse {
    const { location, policy } = this.#deps;
    if (request.contactIsStar) {
      if (request.expires !== 0) return reply(400);
      for (const binding of location.ofAccount(account)) location.remove(binding, 'unregistered');
      return this.#accept(request, flow, account, verdict, undefined, reply);
    }
    const wanted = request.contacts.map((contact) => ({ contact, expires: this.#wanted(request, contact) }));
    const brief = wanted.some(({ expires }) => expires > 0 && expires < policy.minExpires);
    if (brief) return reply(423, [['Min-Expires', String(policy.minExpires)]]);
    const outOfOrder = wanted.some(({ contact }) => {
      const known = location.find(account, { contact, ...outboundIds(contact) });
      return known?.callId === request.callId && known.cseq >= request.cseq.number;
    });
    if (outOfOrder) return reply(400);
    let own: Binding | undefined;
    for (const { contact, expires } of wanted)
      own = this.#update(request, flow, account, contact, expires) ?? own;
    return this.#accept(request, flow, account, verdict, own, reply);
  }

  #wanted(request: SipRequest, contact: NameAddr): Seconds {
    const stated = contact.params.get('expires');
    const seconds = stated !== undefined && /^\d{1,10}$/.test(stated) ? Number(stated) : request.expires;
    return Seconds(Math.min(seconds ?? this.#deps.policy.expires, this.#deps.policy.expires));
  }

  #update(
    request: SipRequest,
    flow: Flow,
    account: Account,
    contact: NameAddr,
    expires: Seconds,
  ): Binding | undefined {
    const { location, names } = this.#deps;
    const { instance, regId } = outboundIds(contact);
    if (expires === 0) {
      // A removal has no reg-id (24.229 5.1.1.6): then the address tells which one is meant.
      const known = location.find(account, { contact, instance, regId });
      if (known) location.remove(known, 'unregistered');
      return undefined;
    }
    const gruu =
      instance !== undefined && hasToken(request.supported, 'gruu')
        ? gruuOf(names.identity(request.to.uri), instance)
        : undefined;
    const { callId, cseq } = request;
    const mediaSecurity = this.#agrees(request);
    const ids = { instance, regId, callId, cseq: cseq.number, pubGruu: gruu };
    const known = location.find(account, { contact, instance, regId });
    const place = placeOf(request) ?? known?.place ?? NOWHERE;
    const fields = { account, contact, flow, mediaSecurity, place, ...ids };
    return location.bind(fields, expires);
  }

  #accept(
    request: SipRequest,
    flow: Flow,
    account: Account,
    verdict: Extract<Verdict, { outcome: 'ok' }>,
    own: Binding | undefined,
    reply: (status: number, headers?: Headers) => SipResponse,
  ): SipResponse {
    const { location, addresses, names, faults } = this.#deps;
    const headers: Headers = [];
    for (const binding of location.ofIdentity(names.identity(request.to.uri)))
      headers.push(['Contact', this.#listed(binding)]);
    const here = addresses.facing(flow);
    if (own) {
      const outbound = own.regId !== undefined && hasToken(request.supported, 'outbound');
      if (hasToken(request.supported, 'path'))
        headers.push(['Path', NameAddr.of(here.withUser('term')).toString()]);
      headers.push(['Service-Route', NameAddr.of(here.withUser('orig')).toString()]);
      if (outbound) headers.push(['Require', 'outbound'], ['Flow-Timer', String(FLOW_TIMER)]);
    }
    headers.push(['P-Associated-URI', account.identities.map((uri) => `<${uri.toString()}>`).join(', ')]);
    headers.push(['Allow-Events', 'reg'], ['Supported', 'path, outbound, gruu']);
    const [name, info] = verdict.info();
    headers.push([
      name,
      faults.settings.wrongRspauth ? info.replace(/rspauth="[^"]*"/, `rspauth="${'0'.repeat(32)}"`) : info,
    ]);
    return reply(200, headers);
  }

  #listed(binding: Binding): string {
    const { contact, pubGruu } = binding;
    const expires = String(Math.ceil(this.#deps.location.left(binding)));
    const params = contact.params.without('expires').with('expires', expires);
    return contact
      .withParams(pubGruu === undefined ? params : params.withQuoted('pub-gruu', pubGruu))
      .toString();
  }
}

function outboundIds(contact: NameAddr): { instance: string | undefined; regId: string | undefined } {
  const instance = contact.params.get('+sip.instance')?.replace(/^<|>$/g, '');
  return { instance: instance || undefined, regId: contact.params.get('reg-id') || undefined };
}

/** RFC 5627 5.1: the identity with the instance. */
function gruuOf(identity: Uri, instance: string): string | undefined {
  return isSipUri(identity) ? identity.bare().withParam('gr', instance).toString() : undefined;
}
