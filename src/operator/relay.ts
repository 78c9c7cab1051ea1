// RFC 3261 16.11, 16.12, TS 24.229 5.2.6.4: requests within dialogs, passed on to the other end.
import { describe } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { Params } from '#src/sip/message/params.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import { BRANCH_COOKIE, Via } from '#src/sip/message/via.ts';
import type { TransactionLayer } from '#src/sip/transaction/layer.ts';
import type { ServerTransaction } from '#src/sip/transaction/transaction.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { type Edge, type MediaExchange, stripAgreement } from './edge/edge.ts';
import type { EventPackages } from './events/packages.ts';
import { type Legs, MAX_FORWARDS } from './legs.ts';
import type { Location } from './location.ts';
import type { Names } from './names.ts';
import type { OwnAddresses } from './own-addresses.ts';
import type { Whereabouts } from './whereabouts.ts';

export interface RelayDeps {
  readonly layer: TransactionLayer;
  readonly location: Location;
  readonly addresses: OwnAddresses;
  readonly names: Names;
  readonly legs: Legs;
  readonly events: EventPackages;
  readonly edge: Edge | undefined;
  readonly random: Random;
  readonly log: Logger;
  /** A server of the operator's own that has this URI (conferences). */
  readonly serverAt: (uri: Uri) => Target | undefined;
}

export class Relay {
  readonly #deps: RelayDeps;
  readonly #whereabouts: Whereabouts;

  constructor(deps: RelayDeps, whereabouts: Whereabouts) {
    this.#deps = deps;
    this.#whereabouts = whereabouts;
  }

  async pass(server: ServerTransaction): Promise<void> {
    const { layer, log } = this.#deps;
    const { request, flow } = server;
    this.#whereabouts.note(request.callId, request.from.tag, flow);
    if (request.method === 'BYE') this.#deps.events.ledger.released(request);
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
  async passAck(request: SipRequest): Promise<void> {
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

  /** 16.12: the next hop of a request within a dialog; takes our own Routes off. */
  async #nextHop(request: SipRequest): Promise<Target | Flow | undefined> {
    const { addresses, location } = this.#deps;
    while (request.routes[0] && addresses.isOwn(request.routes[0].uri)) request.headers.removeFirst('Route');
    const [route] = request.routes;
    if (route) return this.#deps.legs.resolve(route.uri);
    const known = this.#whereabouts.find(request.callId, request.to.tag);
    const gruu = location.byGruu(request.requestUri);
    if (gruu) request.requestUri = gruu.contact.uri;
    if (known) return known;
    const uri = request.requestUri;
    const binding = gruu ?? location.byContact(uri);
    if (binding) return this.#deps.legs.reach(binding);
    const server = this.#deps.serverAt(uri);
    // Nobody is there, and no name server knows better; our own address would only bring it back (16.3, loops).
    return server ?? (this.#deps.names.isHome(uri) ? undefined : this.#deps.legs.resolve(uri));
  }

  #refuse(server: ServerTransaction, status: number): void {
    server.respond(SipResponse.reply(server.request, status, { toTag: randomToken(this.#deps.random) }));
  }
}
