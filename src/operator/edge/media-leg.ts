// One leg of a call through the access edge: which side has SRTP, and its offers and answers through rtpengine.

import { TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { sdpBytes } from '#src/call/body.ts';
import { SDP_TYPE } from '#src/call/capabilities.ts';
import { formatSdp } from '#src/sdp/format.ts';
import type { SessionDescription } from '#src/sdp/model.ts';
import { parseSdp } from '#src/sdp/parse.ts';
import type { SipMessage } from '#src/sip/message/message.ts';
import { applied, forEdge, profileOf } from './description.ts';
import type { NgClient } from './ng-client.ts';

export type Side = 'caller' | 'called';

/** What one side of the leg has of the edge. */
export interface SideMedia {
  readonly secure: boolean;
  /** It announced e2ae: offers of ours to it say `applied` (33.328 7.3.1). */
  readonly indicated: boolean;
}

export interface MediaLegOptions {
  readonly ng: NgClient;
  readonly log: Logger;
  /** rtpengine's name of the leg: legs of one forked INVITE must not meet. */
  readonly id: string;
  readonly callerTag: string;
  readonly sides: Readonly<Record<Side, SideMedia>>;
  readonly onEnd: () => void;
}

/** A description out of a message; undefined when it has none that can be read. */
export function descriptionOf(message: SipMessage): SessionDescription | undefined {
  const bytes = sdpBytes(message);
  const parsed = bytes && parseSdp(bytes);
  return parsed?.ok ? parsed.value : undefined;
}

/** What rtpengine has beside the suites that devices use; null encryption should not be used (33.328 5.3). */
const NOT_OFFERED = [
  ...['AES_192_CM_HMAC_SHA1_80', 'AES_192_CM_HMAC_SHA1_32', 'F8_128_HMAC_SHA1_80', 'F8_128_HMAC_SHA1_32'],
  ...['NULL_HMAC_SHA1_80', 'NULL_HMAC_SHA1_32'],
];

const other = (side: Side): Side => (side === 'caller' ? 'called' : 'caller');

export class MediaLeg {
  readonly #options: MediaLegOptions;
  #calledTag: string | undefined;
  #ended = false;

  constructor(options: MediaLegOptions) {
    this.#options = options;
  }

  /** The dialog between these tags is the one of this leg; the side of the first of them. */
  sideOf(from: string | undefined, to: string | undefined): Side | undefined {
    const { callerTag } = this.#options;
    if (from === callerTag && to === this.#calledTag) return 'caller';
    return to === callerTag && from === this.#calledTag ? 'called' : undefined;
  }

  /** The callee's tag; of several early dialogs the one that spoke last. */
  meets(calledTag: string | undefined): void {
    this.#calledTag = calledTag ?? this.#calledTag;
  }

  /** Puts what the other side is to see into the message. Rejects with `edge.timeout`, `edge.refused`, `edge.sdp`. */
  async offer(from: Side, message: SipMessage): Promise<void> {
    const description = descriptionOf(message);
    if (!description) return;
    const towards = this.#options.sides[other(from)];
    const given = await this.#through('offer', from, description, {
      'transport-protocol': profileOf(description, towards.secure),
      ICE: 'remove',
      DTLS: 'off',
      'rtcp-mux': ['demux'],
      flags: NOT_OFFERED.map((suite) => `SDES-no-${suite}`),
    });
    put(message, towards.secure && towards.indicated ? applied(given) : given);
  }

  /** `from` answers an offer that it got through here. */
  async answer(from: Side, message: SipMessage): Promise<void> {
    const description = descriptionOf(message);
    if (!description) return;
    put(message, await this.#through('answer', from, description, {}));
  }

  /** rtpengine forgets the leg; that it may be out of reach is no matter any more. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { ng, id, callerTag, log, onEnd } = this.#options;
    ng.request('delete', { 'call-id': id, 'from-tag': callerTag }).catch((error: unknown) => {
      log.info({ error: TandemError.from(error).id }, 'edge: a call was not deleted at rtpengine');
    });
    onEnd();
  }

  async #through(
    command: 'offer' | 'answer',
    from: Side,
    description: SessionDescription,
    more: Readonly<Record<string, string | readonly string[]>>,
  ): Promise<SessionDescription> {
    const { ng, id, callerTag } = this.#options;
    // The tags are those of the offerer and the answerer, whoever of them called.
    const offerer = command === 'offer' ? from : other(from);
    const calledTag = this.#calledTag;
    const [fromTag, toTag] = offerer === 'caller' ? [callerTag, calledTag] : [calledTag, callerTag];
    const answer = await ng.request(command, {
      'call-id': id,
      ...(fromTag === undefined ? {} : { 'from-tag': fromTag }),
      ...(toTag === undefined ? {} : { 'to-tag': toTag }),
      sdp: formatSdp(forEdge(description)).toString('latin1'),
      replace: ['origin', 'session-connection'],
      ...more,
    });
    const parsed = parseSdp(Buffer.from(typeof answer.sdp === 'string' ? answer.sdp : '', 'latin1'));
    if (parsed.ok) return parsed.value;
    throw new TandemError('operator', 'edge.sdp', "rtpengine's description cannot be read.");
  }
}

function put(message: SipMessage, description: SessionDescription): void {
  message.setBody(SDP_TYPE, formatSdp(description));
}
