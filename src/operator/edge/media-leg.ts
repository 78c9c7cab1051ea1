// One leg of a call through the access edge: which side has SRTP, and its offers and answers through rtpengine.

import { TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { sdpBytes } from '#src/call/body.ts';
import { SDP_TYPE } from '#src/call/capabilities.ts';
import { formatSdp } from '#src/sdp/format.ts';
import type { SessionDescription } from '#src/sdp/model.ts';
import { parseSdp } from '#src/sdp/parse.ts';
import type { SipMessage } from '#src/sip/message/message.ts';
import {
  applied,
  forEdge,
  inProfile,
  merged,
  type Places,
  profileOf,
  withoutIndication,
} from './description.ts';
import type { NgClient } from './ng-client.ts';
import {
  grouped,
  other,
  type Passing,
  type Protection,
  passing,
  protects,
  type Side,
  type Sides,
} from './streams.ts';

export interface MediaLegOptions {
  readonly ng: NgClient;
  readonly log: Logger;
  /** rtpengine's name of the leg: legs of one forked INVITE must not meet. */
  readonly id: string;
  readonly callerTag: string;
  readonly sides: Sides;
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

/** Streams of a description that are one call at rtpengine. */
interface Part {
  readonly description: SessionDescription;
  readonly protection: Protection;
  readonly places: Places;
}

const named = (id: string, protection: Protection): string => `${id};${protection}`;

export class MediaLeg {
  readonly #options: MediaLegOptions;
  #calledTag: string | undefined;
  #ended = false;
  #streams: Passing = new Map();
  /** Calls that rtpengine has of this leg. */
  readonly #opened = new Set<Protection>();

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
    const { sides } = this.#options;
    const to = other(from);
    this.#streams = passing(this.#streams, description, from, sides);
    let whole = withoutIndication(description);
    for (const [protection, places] of grouped(this.#streams)) {
      const secure = protects(protection, to);
      const given = await this.#through(
        'offer',
        from,
        { description, protection, places },
        {
          'transport-protocol': profileOf(description, places, secure),
          ICE: 'remove',
          DTLS: 'off',
          'rtcp-mux': ['demux'],
          flags: NOT_OFFERED.map((suite) => `SDES-no-${suite}`),
        },
      );
      const towards = inProfile(given, description, places, secure);
      whole = merged(whole, secure && sides[to].indicated ? applied(towards, places) : towards, places);
    }
    put(message, whole);
  }

  /** `from` answers an offer that it got through here. */
  async answer(from: Side, message: SipMessage): Promise<void> {
    const description = descriptionOf(message);
    if (!description) return;
    let whole = withoutIndication(description);
    for (const [protection, places] of grouped(this.#streams))
      whole = merged(
        whole,
        await this.#through('answer', from, { description, protection, places }, {}),
        places,
      );
    put(message, whole);
  }

  /** rtpengine forgets the leg; that it may be out of reach is no matter any more. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { ng, id, callerTag, log, onEnd } = this.#options;
    for (const protection of this.#opened)
      ng.request('delete', { 'call-id': named(id, protection), 'from-tag': callerTag }).catch(
        (error: unknown) => {
          log.info({ error: TandemError.from(error).id }, 'edge: a call was not deleted at rtpengine');
        },
      );
    onEnd();
  }

  async #through(
    command: 'offer' | 'answer',
    from: Side,
    { description, protection, places }: Part,
    more: Readonly<Record<string, string | readonly string[]>>,
  ): Promise<SessionDescription> {
    const { ng, id, callerTag } = this.#options;
    // The tags are those of the offerer and the answerer, whoever of them called.
    const offerer = command === 'offer' ? from : other(from);
    const calledTag = this.#calledTag;
    const [fromTag, toTag] = offerer === 'caller' ? [callerTag, calledTag] : [calledTag, callerTag];
    this.#opened.add(protection);
    const answer = await ng.request(command, {
      'call-id': named(id, protection),
      ...(fromTag === undefined ? {} : { 'from-tag': fromTag }),
      ...(toTag === undefined ? {} : { 'to-tag': toTag }),
      sdp: formatSdp(forEdge(description, places)).toString('latin1'),
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
