// TS 33.328 7.2.1, 7.3.1, TS 24.229 5.2: the P-CSCF (IMS-ALG) side of end-to-access-edge protection (NG.110 2.9.2).
import type { Logger } from '#src/base/log.ts';
import { SDP_TYPE } from '#src/call/capabilities.ts';
import { formatSdp } from '#src/sdp/format.ts';
import type { SipMessage, SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { asksForEdge, withoutIndication } from './description.ts';
import { descriptionOf, MediaLeg } from './media-leg.ts';
import type { NgClient } from './ng-client.ts';
import { passing, type Side, type Sides } from './streams.ts';

const OPTION_TAG = 'mediasec';
/** What the edge can do, as it stands in Security-Server (24.229 7.2A.7). */
export const EDGE_MECHANISM = 'sdes-srtp;mediasec';

/** The device has announced SDES for the media plane. */
export const announces = (request: SipRequest): boolean =>
  request
    .headerValues('Security-Client')
    .map((entry) =>
      entry
        .toLowerCase()
        .split(';')
        .map((part) => part.trim()),
    )
    .some(([mechanism, ...parameters]) => mechanism === 'sdes-srtp' && parameters.includes('mediasec'));

/** 24.229 5.2.2: what was said to the P-CSCF goes no further. */
export function stripAgreement({ headers }: SipRequest): void {
  headers.remove('Security-Client');
  headers.remove('Security-Verify');
  for (const name of ['Require', 'Proxy-Require']) {
    const tags = headers.getAll(name).flatMap((value) => value.split(','));
    const others = tags.map((tag) => tag.trim()).filter((tag) => tag !== '' && tag !== OPTION_TAG);
    if (others.length === tags.length) continue;
    if (others.length > 0) headers.set(name, others.join(', '));
    else headers.remove(name);
  }
}

/** Tags of Proxy-Require that nobody here understands. */
export const notUnderstood = (request: SipRequest, edge: Edge | undefined): readonly string[] =>
  request.proxyRequire.filter((tag) => !(edge && tag.toLowerCase() === OPTION_TAG));

/** What the two ends of a leg have told of themselves. */
export interface LegEnds {
  readonly legId: string;
  readonly callerAnnounced: boolean;
  readonly calledAnnounced: boolean;
}

/** Descriptions of one request and its responses. */
export interface MediaExchange {
  /** The response as it goes on. */
  response(response: SipResponse): Promise<SipResponse>;
  /** Nothing came of it. */
  failed(): void;
}

export interface EdgeOptions {
  readonly ng: NgClient;
  readonly log: Logger;
  /** Devices that announced nothing get SRTP too (MD-2.9.2d). */
  readonly unannounced: boolean;
}

export class Edge {
  readonly #options: EdgeOptions;
  /** By Call-ID. */
  readonly #legs = new Map<string, Set<MediaLeg>>();

  constructor(options: EdgeOptions) {
    this.#options = options;
  }

  /** Legs that have media at rtpengine. */
  get size(): number {
    return [...this.#legs.values()].reduce((sum, legs) => sum + legs.size, 0);
  }

  /**
   * Makes of an INVITE what this leg's device is to see. Undefined: the ends talk without the edge, each stream in clear at both or
   * encrypted from end to end. Rejects as `MediaLeg.offer`: then the leg cannot be called.
   */
  async invite(request: SipRequest, ends: LegEnds): Promise<MediaExchange | undefined> {
    const description = descriptionOf(request);
    const callerTag = request.from.tag;
    if (callerTag === undefined) return undefined;
    const { callerAnnounced, calledAnnounced } = ends;
    const calledSecure = calledAnnounced || this.#options.unannounced;
    const terminated =
      description?.media.some((media) => callerAnnounced && asksForEdge(description, media)) ?? false;
    const sides: Sides = {
      caller: { secure: terminated, indicated: callerAnnounced },
      called: { secure: calledSecure, indicated: calledAnnounced },
    };
    // Without a description the callee offers; its device protects what it offers when it has announced that.
    const needed = description ? passing(new Map(), description, 'caller', sides).size > 0 : calledSecure;
    if (!needed) {
      if (description) request.setBody(SDP_TYPE, formatSdp(withoutIndication(description)));
      return undefined;
    }
    const leg = this.#open(request, callerTag, sides, ends.legId);
    return this.#exchange(leg, 'caller', request, true);
  }

  /** The same within a dialog; undefined when its media do not pass here. */
  async inDialog(request: SipRequest): Promise<MediaExchange | undefined> {
    const found = this.#find(request);
    if (!found) return undefined;
    const { leg, side } = found;
    if (request.method === 'BYE') {
      leg.end();
      return undefined;
    }
    return this.#exchange(leg, side, request, false);
  }

  /** An ACK brings the answer to an offer that stood in the 200. */
  async ack(request: SipRequest): Promise<void> {
    const found = this.#find(request);
    if (found && descriptionOf(request)) await this.#told(found.leg.answer(found.side, request), request);
  }

  stop(): void {
    for (const legs of [...this.#legs.values()]) for (const leg of [...legs]) leg.end();
    this.#options.ng.close();
  }

  async #exchange(leg: MediaLeg, from: Side, request: SipRequest, initial: boolean): Promise<MediaExchange> {
    const offered = descriptionOf(request) !== undefined;
    if (offered) {
      try {
        await leg.offer(from, request);
      } catch (error) {
        if (initial) leg.end();
        throw error;
      }
    }
    const to: Side = from === 'caller' ? 'called' : 'caller';
    // In order: an answer must not overtake the one before it at rtpengine.
    let last: Promise<unknown> = Promise.resolve();
    const through = async (response: SipResponse): Promise<SipResponse> => {
      if (initial) leg.meets(response.to.tag);
      const copy = response.clone();
      if (response.status >= 300 || !descriptionOf(copy)) return copy;
      await this.#told(offered ? leg.answer(to, copy) : leg.offer(to, copy), copy);
      return copy;
    };
    return {
      response: (response) => {
        const next = last.then(() => through(response));
        last = next;
        return next;
      },
      failed: () => {
        if (initial) leg.end();
      },
    };
  }

  /** An answer without its counterpart at rtpengine goes on as it is: its receiver sees that it does not fit, and ends the call. */
  async #told(work: Promise<void>, message: SipMessage): Promise<void> {
    try {
      await work;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.warn({ callId: message.callId, reason }, 'edge: an answer has not passed rtpengine');
    }
  }

  #open(request: SipRequest, callerTag: string, sides: Sides, legId: string): MediaLeg {
    const { callId } = request;
    const { ng, log } = this.#options;
    const legs = this.#legs.get(callId) ?? new Set();
    this.#legs.set(callId, legs);
    const onEnd = (): void => {
      legs.delete(leg);
      if (legs.size === 0) this.#legs.delete(callId);
    };
    const leg: MediaLeg = new MediaLeg({ ng, log, id: `${callId};${legId}`, callerTag, sides, onEnd });
    legs.add(leg);
    return leg;
  }

  #find(request: SipRequest): { readonly leg: MediaLeg; readonly side: Side } | undefined {
    for (const leg of this.#legs.get(request.callId) ?? []) {
      const side = leg.sideOf(request.from.tag, request.to.tag);
      if (side) return { leg, side };
    }
    return undefined;
  }
}
