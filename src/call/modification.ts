// Changes inside a call: re-INVITE and UPDATE, theirs and ours, and what happens when they meet (RFC 3261 14, RFC 3311 5).
import type { Timer } from '#src/base/clock.ts';
import { Milliseconds } from '#src/base/units.ts';
import type { MediaAgreement } from '#src/sdp/agreement.ts';
import type { MediaWish, OfferOptions } from '#src/sdp/capabilities.ts';
import type { Direction } from '#src/sdp/direction.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import type { Incoming, Sending, SendingHandlers } from '#src/sip/ua/user-agent.ts';
import { sdpBody, sdpBytes } from './body.ts';
import type { CallMediaSet } from './call-media.ts';
import { SDP_TYPE } from './capabilities.ts';
import type { Leg } from './dialogs.ts';
import type { CallContext } from './facts.ts';
import { answerOf, dialogHeaders, lineSending, retryAfter } from './headers.ts';
import { mediaAddress, refusalOf } from './offers.ts';
import { addedDirection, heldWish, offersVideo, type VideoWish } from './video-policy.ts';
import type { CallWorld } from './world.ts';

/** RFC 3261 14.1: after 491 the owner of the Call-ID waits 2.1 to 4 s, the other side up to 2 s, in steps of 10 ms. */
const GLARE_WAIT = { owner: { from: 2_100, to: 4_000 }, other: { from: 0, to: 2_000 }, step: 10 } as const;
/** RFC 3311 5.2, RFC 3261 14.2: 0 to 10 seconds. */
const RETRY_SECONDS = 2;

const OK = 200;
const CALL_DOES_NOT_EXIST = 481;
const REQUEST_PENDING = 491;
const REQUEST_TIMEOUT = 408;
const SERVER_ERROR = 500;
const UNSUPPORTED_MEDIA_TYPE = 415;
/** The description is what was not liked (RFC 3261 21.4.26, 21.6.4). */
const NOT_ACCEPTABLE: readonly number[] = [488, 606];

export class Modifications {
  readonly #world: CallWorld;
  readonly #call: CallContext;
  readonly #media: CallMediaSet;
  readonly #ownsCallId: boolean;
  #wish: Direction = 'sendrecv';
  #video: VideoWish = 'none';
  /** What the video was before the offer that is out. */
  #videoBefore: VideoWish = 'none';
  /** Our re-INVITE that has no final answer. */
  #sending: Sending | undefined;
  /** We offered in a 200 to a re-INVITE without offer; the ACK owes the answer. */
  #awaitsAck = false;
  #retry: Timer | undefined;
  #over = false;

  constructor(world: CallWorld, call: CallContext, media: CallMediaSet, ownsCallId: boolean) {
    this.#world = world;
    this.#call = call;
    this.#media = media;
    this.#ownsCallId = ownsCallId;
  }

  /** What the first exchange asked for. */
  begin(video: VideoWish): void {
    this.#video = video;
  }

  get #mediaWish(): MediaWish {
    return { audio: this.#wish, video: heldWish(this.#wish, this.#video) };
  }

  /** Theirs, in an active call. A refused one leaves everything as it was. */
  negotiate(incoming: Incoming, leg: Leg): void {
    const body = sdpBody(incoming.request);
    if (body.kind === 'foreign') {
      incoming.respond(UNSUPPORTED_MEDIA_TYPE, { headers: [['Accept', SDP_TYPE]] });
    } else if (this.#isBusy && (incoming.request.method === 'INVITE' || body.kind === 'sdp')) {
      incoming.respond(REQUEST_PENDING);
    } else if (body.kind === 'sdp') {
      this.#answer(incoming, leg, body.bytes);
    } else if (incoming.request.method === 'UPDATE') {
      // Target or session refresh alone (RFC 3311 5.2).
      incoming.respond(OK, { headers: dialogHeaders(this.#world.line, incoming.flow) });
    } else {
      this.#offer(incoming, leg);
    }
  }

  get #isBusy(): boolean {
    return this.#sending !== undefined || this.#awaitsAck;
  }

  #answer(incoming: Incoming, leg: Leg, offer: Buffer): void {
    const before = this.#video;
    this.#takeVideo(offer);
    const answered = leg.offers.answerTo(offer, this.#mediaWish);
    const { line } = this.#world;
    if (!answered.ok) {
      const { refusal } = refusalOf(answered.error, mediaAddress(this.#world, incoming.flow));
      incoming.respond(refusal.status, answerOf(refusal));
      this.#video = before;
      if (!leg.offers.video) this.#media.picture.drop();
      return;
    }
    const headers = dialogHeaders(line, incoming.flow);
    incoming.respond(OK, { headers, body: answered.value.answer });
    if (incoming.request.method === 'INVITE') incoming.onAckTimeout.on(() => this.#lost(REQUEST_TIMEOUT));
    this.#apply(answered.value.media);
  }

  /** Video that was there stays as we wanted it; what the peer adds gets what the setting allows. */
  #takeVideo(offer: Buffer): void {
    if (!offersVideo(offer)) return;
    if (this.#video === 'none') this.#video = addedDirection(this.#world);
    if (this.#video !== 'none' && !this.#media.openVideo()) this.#video = 'none';
  }

  #apply(media: MediaAgreement): void {
    if (!media.video) this.#video = 'none';
    this.#media.apply(media, { stage: 'established' });
    this.#call.changed();
  }

  /** 24.628 4.7.2.1: a re-INVITE without offer gets `sendonly` from one who holds, else `sendrecv`. */
  #offer(incoming: Incoming, leg: Leg): void {
    this.#awaitsAck = true;
    const body = leg.offers.offer(this.#mediaWish);
    const headers = dialogHeaders(this.#world.line, incoming.flow);
    incoming.onAck.on((ack) => {
      this.#awaitsAck = false;
      this.#settle(leg, sdpBytes(ack));
    });
    incoming.onAckTimeout.on(() => {
      this.#awaitsAck = false;
      leg.offers.rollback();
      this.#lost(REQUEST_TIMEOUT);
    });
    incoming.respond(OK, { headers, body });
  }

  /** An answer that cannot be used leaves the session as it was. */
  #settle(leg: Leg, answer: Buffer | undefined): void {
    const settled = answer === undefined ? undefined : leg.offers.answer(answer);
    if (!settled?.ok) {
      leg.offers.rollback();
      this.#undoVideo(leg);
      return;
    }
    this.#apply(settled.value);
    this.reoffer(leg);
  }

  /** Video that was only asked for gives its ports back. */
  #undoVideo(leg: Leg): void {
    this.#video = this.#videoBefore;
    if (!leg.offers.video) this.#media.picture.drop();
    this.#call.changed();
  }

  /** Theirs, at a time when it cannot be negotiated. */
  refuse(incoming: Incoming): void {
    const { state } = this.#call;
    const { method } = incoming.request;
    const hasOffer = sdpBody(incoming.request).kind !== 'none';
    if (state === 'releasing' || state === 'ended' || state === 'leaving') {
      incoming.respond(CALL_DOES_NOT_EXIST);
    } else if (method === 'UPDATE' && !hasOffer) {
      incoming.respond(OK, { headers: dialogHeaders(this.#world.line, incoming.flow) });
    } else if (state === 'ringing') {
      // The INVITE's own offer is not answered yet (RFC 3311 5.2, RFC 3261 14.2).
      incoming.respond(SERVER_ERROR, { headers: [retryAfter(RETRY_SECONDS)] });
    } else {
      incoming.respond(REQUEST_PENDING);
    }
  }

  /** 24.229 6.1.2: an answer that names several codecs is followed at once by an offer of the one in use. */
  reoffer(leg: Leg): void {
    if (this.#world.line.profile === 'ims' && leg.offers.reofferNeeded) this.#offerNow(leg);
  }

  /** Ours: a new offer with this direction. When theirs is under way, ours waits for it as after a 491. */
  modify(leg: Leg, direction: Direction): void {
    this.#wish = direction;
    this.#offerNow(leg);
  }

  /** Ours: video comes, goes or changes its directions. Without a port for it nothing changes. */
  setVideo(leg: Leg, video: VideoWish): void {
    if (video !== 'none' && !this.#media.openVideo()) return;
    this.#video = video;
    this.#offerNow(leg);
  }

  #offerNow(leg: Leg, options: OfferOptions = {}): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    if (this.#over || leg.state !== 'confirmed') return;
    if (this.#isBusy) {
      this.#later(leg);
      return;
    }
    this.#videoBefore = leg.offers.video ? this.#video : 'none';
    const { ua, line } = this.#world;
    const request = leg.dialog.createRequest('INVITE', { body: leg.offers.offer(this.#mediaWish, options) });
    const handlers: SendingHandlers = {
      onFinal: (response) => this.#final(leg, response),
      onFailure: () => {
        this.#sending = undefined;
        leg.offers.rollback();
        this.#lost(REQUEST_TIMEOUT);
      },
    };
    this.#sending = ua.sendInDialog(leg.dialog, request, handlers, lineSending(line));
  }

  #final(leg: Leg, response: SipResponse): void {
    const sent = this.#sending?.request;
    this.#sending = undefined;
    if (response.isSuccess) {
      if (sent) this.#world.ua.ack(leg.dialog, sent, { flow: this.#world.line.flow });
      this.#settle(leg, sdpBytes(response));
      return;
    }
    const plain = NOT_ACCEPTABLE.includes(response.status) && leg.offers.mayRetryPlain;
    leg.offers.rollback();
    if (response.status === REQUEST_PENDING) this.#later(leg);
    else if (plain) this.#offerNow(leg, { plain });
    else {
      this.#undoVideo(leg);
      const lost = response.status === CALL_DOES_NOT_EXIST || response.status === REQUEST_TIMEOUT;
      if (lost) this.#lost(response.status);
    }
  }

  #later(leg: Leg): void {
    const { from, to } = this.#ownsCallId ? GLARE_WAIT.owner : GLARE_WAIT.other;
    const steps = Math.floor((this.#world.random.uniform() * (to - from)) / GLARE_WAIT.step);
    const wait = Milliseconds(from + steps * GLARE_WAIT.step);
    this.#retry = this.#world.clock.after(wait, () => this.#offerNow(leg));
  }

  #lost(status: number): void {
    if (!this.#over) this.#call.dispatch('lost', { status });
  }

  /** We send less than both ways. */
  get holdsPeer(): boolean {
    return this.#wish !== 'sendrecv';
  }

  /** The call is over. A re-INVITE of ours that the peer keeps pending would never end by itself (RFC 3261 17.1.1). */
  stop(): void {
    if (!this.#over) this.#sending?.cancel();
    this.#over = true;
    this.#retry?.cancel();
  }
}
