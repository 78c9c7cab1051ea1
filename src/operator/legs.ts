// RFC 3261 16.6: what one leg of a call gets: Request-URI, Record-Route, identities, protected media.
import { describe } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { isSipUri, type Uri } from '#src/sip/message/uri.ts';
import type { Resolver } from '#src/sip/resolver/resolver.ts';
import type { Target } from '#src/sip/transport/address.ts';
import { type Flow, isFlow } from '#src/sip/transport/flow.ts';
import type { Account } from './accounts.ts';
import { type Edge, type MediaExchange, stripAgreement } from './edge/edge.ts';
import type { LegPlan } from './fork.ts';
import { assertOrigin, type Origin } from './identity-rules.ts';
import type { Binding } from './location.ts';
import type { OwnAddresses } from './own-addresses.ts';

/** Who asks, as far as the operator knows. */
export interface Caller {
  readonly account: Account;
  readonly binding: Binding | undefined;
}

export interface LegDeps {
  readonly resolver: Resolver;
  readonly addresses: OwnAddresses;
  readonly edge: Edge | undefined;
  readonly random: Random;
  readonly log: Logger;
}

/** What all legs of one call share. */
export interface LegCall {
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly caller: Caller | undefined;
  readonly origin: Origin;
  readonly history: readonly NameAddr[];
}

export const MAX_FORWARDS = 70;

export class Legs {
  readonly #deps: LegDeps;

  constructor(deps: LegDeps) {
    this.#deps = deps;
  }

  /** To one device; undefined: it cannot be reached, or its media not be protected as was promised. */
  async device(call: LegCall, called: Uri, binding: Binding): Promise<LegPlan | undefined> {
    const to = await this.reach(binding);
    if (!to) return undefined;
    const { account } = binding;
    const copy = this.#copy(call, binding.contact.uri, to);
    const own = account.shared.some((uri) => uri.toString() === called.toString());
    const [native] = account.identities;
    copy.headers.set('P-Called-Party-ID', NameAddr.of(own && native ? native : called).toString());
    // 24.174 4.5.3.5: the identity that is not the device's own stands beside its own.
    if (own) copy.headers.set('Additional-Identity', NameAddr.of(called).toString());
    const media = await this.#media(copy, call.caller, binding);
    if (media === 'failed') return undefined;
    return { request: copy, to, account, lent: own ? called : undefined, media };
  }

  /** To a URI of somebody else's network, or to a server of ours. */
  async elsewhere(call: LegCall, target: Uri, at?: Target | Flow): Promise<LegPlan | undefined> {
    const to = at ?? (await this.resolve(target));
    if (!to) return undefined;
    return {
      request: this.#copy(call, target, to),
      to,
      account: undefined,
      lent: undefined,
      media: undefined,
    };
  }

  /** Its flow; the address of its contact when the flow has died and somebody may listen there. */
  async reach(binding: Binding): Promise<Target | Flow | undefined> {
    if (binding.flow.alive) return binding.flow;
    return this.resolve(binding.contact.uri);
  }

  async resolve(uri: Uri): Promise<Target | undefined> {
    if (!isSipUri(uri)) return undefined;
    try {
      return (await this.#deps.resolver.resolve(uri))[0];
    } catch (error) {
      this.#deps.log.info({ uri: uri.toString(), reason: String(error) }, 'operator: no way to this address');
      return undefined;
    }
  }

  #copy({ request, flow, origin, history }: LegCall, target: Uri, to: Target | Flow): SipRequest {
    const copy = request.clone();
    copy.requestUri = target;
    for (const name of ['Route', 'Proxy-Authorization', 'P-Access-Network-Info', 'P-Visited-Network-ID'])
      copy.headers.remove(name);
    copy.headers.set('Max-Forwards', String((request.maxForwards ?? MAX_FORWARDS) - 1));
    assertOrigin(copy, origin);
    if (history.length > 0) copy.headers.set('History-Info', history.map(String).join(', '));
    this.#recordRoute(copy, flow, to);
    stripAgreement(copy);
    return copy;
  }

  /** RFC 5658: one Record-Route for each side where they differ, the one towards the callee on top. */
  #recordRoute(request: SipRequest, from: Flow, to: Target | Flow): void {
    if (request.method !== 'INVITE' && request.method !== 'SUBSCRIBE' && request.method !== 'REFER') return;
    const { addresses } = this.#deps;
    const towardsCaller = addresses.facing(from);
    const towardsCallee = isFlow(to) ? addresses.facing(to) : (addresses.towards(to, from) ?? towardsCaller);
    request.headers.prepend('Record-Route', NameAddr.of(towardsCaller).toString());
    if (towardsCallee.toString() !== towardsCaller.toString()) {
      request.headers.prepend('Record-Route', NameAddr.of(towardsCallee).toString());
    }
  }

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
}
