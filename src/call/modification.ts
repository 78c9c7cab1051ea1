// What a call should be while it lasts, and what is agreed of it: hold, video, one codec, the session timer (RFC 3261 14, RFC 3264 8).
import { isIP } from 'node:net';
import { TandemError } from '#src/base/errors.ts';
import type { MediaAgreement } from '#src/sdp/agreement.ts';
import type { MediaWish } from '#src/sdp/capabilities.ts';
import type { PreconditionPolicy } from '#src/sdp/preconditions.ts';
import { hasToken, type SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import { isFlow } from '#src/sip/transport/flow.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { sdpBody } from './body.ts';
import type { CallMediaSet } from './call-media.ts';
import type { Leg } from './dialogs.ts';
import { Exchange, type ExchangeOwner } from './exchange.ts';
import type { CallContext, Refusal } from './facts.ts';
import { askedDelay } from './glare.ts';
import { dialogHeaders, retryAfter } from './headers.ts';
import { Hold } from './hold.ts';
import { mediaAddress, refusalOf } from './offers.ts';
import { hidesUs, OPEN } from './privacy.ts';
import { SESSION_DEFAULTS } from './session-expires.ts';
import { SessionTimer } from './session-timer.ts';
import { namesConditions } from './set-up-plan.ts';
import { addedDirection, heldWish, offersVideo, type VideoWish } from './video-policy.ts';
import { literalTarget } from './way.ts';
import type { CallWorld } from './world.ts';

const OK = 200;
const REQUEST_TIMEOUT = 408;
const CALL_DOES_NOT_EXIST = 481;
const REQUEST_PENDING = 491;
const SERVER_ERROR = 500;
/** The description is what was not liked (RFC 3261 21.4.26, 21.6.4). */
const NOT_ACCEPTABLE: readonly number[] = [488, 606];

/** What an exchange that comes to nothing leaves as it was. */
interface Before {
  readonly restore: () => void;
  readonly video: VideoWish;
  readonly address: string | undefined;
}

export class Modifications implements ExchangeOwner {
  readonly hold: Hold;
  readonly session: SessionTimer;
  readonly #world: CallWorld;
  readonly #call: CallContext;
  readonly #media: CallMediaSet;
  readonly #exchange: Exchange;
  #leg: Leg | undefined;
  #video: VideoWish = 'none';
  /** What the video was before the offer that is out. */
  #videoBefore: VideoWish = 'none';
  #videoChanges = false;
  /** The offer that is out brings that change. */
  #videoOffered = false;
  /** The offer that is out asks for a hold, or takes one back. */
  #holdOffered = false;
  #plain = false;
  /** Media comes to another address, which no description has named yet. */
  #moves = false;
  #over = false;
  #answered: MediaAgreement | undefined;
  /** As it was before an exchange that has no final response yet. */
  #before: Before | undefined;

  constructor(world: CallWorld, call: CallContext, media: CallMediaSet, ownsCallId: boolean) {
    this.#world = world;
    this.#call = call;
    this.#media = media;
    this.session = new SessionTimer(world.clock, world.config.session ?? SESSION_DEFAULTS, {
      refresh: () => {
        if (this.#leg) this.#exchange.refresh(this.#leg);
      },
      expired: () => this.#lose(REQUEST_TIMEOUT, unrefreshed()),
    });
    this.#exchange = new Exchange(world, this, this.session, ownsCallId);
    this.hold = new Hold({
      offer: () => {
        if (this.#leg) this.#exchange.change(this.#leg);
      },
      silence: (on) => media.silence(on),
    });
  }

  /** The conversation begins: what the first exchange asked for. */
  begin(leg: Leg, video: VideoWish): void {
    this.#leg = leg;
    this.#video = video;
    if (leg.dialog.role === 'uas') this.#exchange.setUp();
  }

  /** PRACK of theirs: true when it belongs to a change, and is answered. */
  takePrack(incoming: Incoming): boolean {
    return this.#exchange.acknowledgeProvisional(incoming);
  }

  /** The caller has our 200. */
  acknowledged(): void {
    this.#exchange.acknowledged();
  }

  /** Theirs, in an active call. A refused one leaves everything as it was. */
  negotiate(incoming: Incoming, leg: Leg): void {
    this.#exchange.receive(incoming, leg);
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
      incoming.respond(SERVER_ERROR, { headers: [retryAfter(askedDelay(this.#world.random))] });
    } else {
      incoming.respond(REQUEST_PENDING);
    }
  }

  /** 24.229 6.1.2: an answer that names several codecs is followed at once by an offer of the one in use. */
  reoffer(leg: Leg): void {
    if (this.#mustName(leg)) this.#exchange.change(leg);
  }

  #mustName({ offers }: Leg): boolean {
    return this.#world.line.profile === 'ims' && offers.reofferNeeded;
  }

  /** Ours: video comes, goes or changes its directions. Without a port for it nothing changes. */
  setVideo(leg: Leg, video: VideoWish): void {
    if (video !== 'none' && !this.#media.openVideo()) return;
    this.#video = video;
    this.#videoChanges = true;
    this.#exchange.change(leg);
  }

  /**
   * We are reached elsewhere: the peer hears our new Contact, and where media comes to now (24.229 5.1.1.4, RFC 3261 14).
   * `always`: even when neither has changed, for the way in between is another one.
   */
  move(always: boolean): void {
    const leg = this.#leg;
    if (!leg || this.#over) return;
    const way = this.#world.line.flow ?? leg.dialog.flow ?? literalTarget(leg.dialog.remoteTarget);
    // Between two addresses there is none: it is looked at again when the next one is there.
    if (!way || this.#world.reaches?.(isFlow(way) ? way.remote.host : way.host) === false) return;
    const privacy = hidesUs(leg.dialog, this.#world.config.privacy ?? OPEN);
    const before = leg.dialog.localContact?.toString();
    leg.dialog.localContact = this.#world.line.contact({ privacy, to: way });
    try {
      const local = this.#media.move(mediaAddress(this.#world, way));
      if (local) leg.offers.relocate(local);
      this.#moves ||= local !== undefined;
    } catch (cause) {
      this.#media.onTrouble.emit(TandemError.from(cause, 'call.media'));
    }
    if (always || this.#moves || leg.dialog.localContact.toString() !== before) this.#exchange.change(leg);
  }

  offer(leg: Leg, occasion: 'change' | 'asked'): Buffer {
    this.#holdOffered = this.hold.isChanging;
    this.#videoOffered = this.#videoChanges;
    // An exchange in between may have given the ports back.
    if (this.#videoOffered && this.#video !== 'none' && !this.#media.openVideo()) this.#video = 'none';
    this.#videoBefore = leg.offers.video ? this.#video : 'none';
    const changes =
      this.#moves || this.#holdOffered || this.#videoChanges || this.#plain || this.#mustName(leg);
    const same = occasion === 'change' && !changes ? leg.offers.repeat() : undefined;
    if (same) return same;
    const wish = occasion === 'asked' ? this.#mostWish : this.#wish(leg);
    return leg.offers.offer(wish, this.#plain ? { plain: true } : {});
  }

  /** What is in force stays, but for what was asked for. */
  #wish({ offers }: Leg): MediaWish {
    const audio = this.hold.offered(offers.audio?.direction);
    if (this.#video === 'none') return { audio, video: 'none' };
    const kept = offers.video && !this.#videoChanges;
    const video = kept
      ? this.hold.offered(offers.video?.direction)
      : heldWish(this.hold.allowed, this.#video);
    return { audio, video };
  }

  get #mostWish(): MediaWish {
    return { audio: this.hold.allowed, video: heldWish(this.hold.allowed, this.#video) };
  }

  answer(
    leg: Leg,
    offer: Buffer,
    incoming: Incoming,
  ): { readonly answer: Buffer; readonly waits: boolean } | { readonly refusal: Refusal } {
    const before = this.#video;
    const isFirst = this.#before === undefined;
    const conditions = this.#conditionsIn(offer, incoming.request);
    // What did not keep the call from beginning keeps no change back.
    const mayWait = conditions !== 'off' && !(isFirst && leg.offers.preconditions === 'unmet');
    this.#remember(leg);
    this.#meet(leg, mediaAddress(this.#world, incoming.flow, offer));
    if (conditions !== 'off') leg.offers.admitConditions(conditions);
    this.#takeVideo(offer);
    const answered = leg.offers.answerTo(offer, this.#mostWish);
    if (answered.ok) {
      this.#answered = answered.value.media;
      return { answer: answered.value.answer, waits: mayWait && leg.offers.preconditions === 'unmet' };
    }
    if (isFirst) {
      this.#meet(leg, this.#before?.address);
      this.#before = undefined;
    }
    this.#video = before;
    if (!leg.offers.video) this.#media.picture.drop();
    return { refusal: refusalOf(answered.error, mediaAddress(this.#world, incoming.flow)).refusal };
  }

  /** Conditions may come with a change, whether the call began with any or not (RFC 3312 6). */
  #conditionsIn(offer: Buffer, request: SipRequest): PreconditionPolicy {
    const known = hasToken([...request.typed('Supported'), ...request.require], 'precondition');
    return known && namesConditions(offer) ? (this.#world.config.preconditions ?? 'off') : 'off';
  }

  answered(): void {
    if (this.#answered) this.#apply(this.#answered);
    this.#answered = undefined;
  }

  /** Once, at the first description of an exchange. */
  #remember({ offers }: Leg): void {
    this.#before ??= { restore: offers.checkpoint(), video: this.#video, address: this.#media.address };
  }

  /** An offer of the other IP family is answered by it, where we have it. */
  #meet({ offers }: Leg, address: string | undefined): void {
    const { address: now } = this.#media;
    if (address === undefined || now === undefined || isIP(address) === isIP(now)) return;
    try {
      const local = this.#media.move(address);
      if (local) offers.relocate(local);
    } catch (cause) {
      this.#media.onTrouble.emit(TandemError.from(cause, 'call.media'));
    }
  }

  preview(leg: Leg, answer: Buffer): boolean {
    const before = this.#before;
    this.#remember(leg);
    const { ok } = leg.offers.answer(answer);
    if (!ok) this.#before = before;
    return ok;
  }

  settlePreview(leg: Leg): void {
    this.#plain = false;
    const { media } = leg.offers;
    if (media) this.#agreedTo(leg, media);
  }

  undo(leg: Leg): void {
    const before = this.#before;
    this.#before = undefined;
    this.#answered = undefined;
    if (!before) return;
    before.restore();
    this.#video = before.video;
    this.#meet(leg, before.address);
    const { media } = leg.offers;
    if (media && !this.#over) this.#media.apply(media, { stage: 'established' });
  }

  /** Video that was there stays as we wanted it; what the peer adds gets what the setting allows. */
  #takeVideo(offer: Buffer): void {
    if (!offersVideo(offer)) return;
    if (this.#video === 'none') this.#video = addedDirection(this.#world);
    if (this.#video !== 'none' && !this.#media.openVideo()) this.#video = 'none';
  }

  #apply(media: MediaAgreement): void {
    this.#moves = false;
    this.#before = undefined;
    // What was asked for since then is still to be offered.
    if (!media.video && !this.#videoChanges) this.#video = 'none';
    this.hold.agreed(media.audio?.direction);
    this.#media.apply(media, { stage: 'established' });
    this.#call.changed();
  }

  /** An answer that cannot be used leaves the session as it was. */
  settle(leg: Leg, answer: Buffer | undefined): void {
    this.#plain = false;
    const settled = answer === undefined ? undefined : leg.offers.answer(answer);
    if (!settled?.ok) {
      this.refused(leg, undefined);
      return;
    }
    this.#agreedTo(leg, settled.value);
  }

  #agreedTo(leg: Leg, media: MediaAgreement): void {
    if (this.#videoOffered) this.#videoSettled(media.video !== undefined);
    this.#apply(media);
    this.reoffer(leg);
  }

  refused(leg: Leg, response: SipResponse | undefined): boolean {
    const disliked = response !== undefined && NOT_ACCEPTABLE.includes(response.status);
    const plain = disliked && !this.#plain && leg.offers.mayRetryPlain;
    leg.offers.rollback();
    this.#plain = plain;
    if (plain) return true;
    if (this.#videoOffered) this.#undoVideo(leg);
    if (this.#holdOffered) this.hold.refused(response?.status);
    this.#call.changed();
    return false;
  }

  #videoSettled(isThere: boolean): void {
    this.#videoChanges = false;
    if (this.#video !== 'none' && !isThere)
      this.#call.notes.tell('The other side takes no video in this call.');
  }

  /** Video that was only asked for gives its ports back. */
  #undoVideo(leg: Leg): void {
    this.#videoSettled(false);
    this.#video = this.#videoBefore;
    if (!leg.offers.video) this.#media.picture.drop();
  }

  lost(status: number): void {
    this.#lose(status);
  }

  #lose(status: number, error?: TandemError): void {
    if (!this.#over) this.#call.dispatch('lost', { status, ...(error ? { error } : {}) });
  }

  /** The call is over. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.session.stop();
    this.#exchange.stop();
  }
}

const unrefreshed = (): TandemError =>
  new TandemError('peer', 'call.session-expired', 'The other side has not been heard of for too long.');
