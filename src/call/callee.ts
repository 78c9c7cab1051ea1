// The called side of a call: ringing, answer, refusal, the ACK (RFC 3261 13.3, 15; 24.229 5.1.4; NG.110 2.9.1).
import type { Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Milliseconds, toMilliseconds } from '#src/base/units.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { sdpBytes } from './body.ts';
import type { CallMediaSet } from './call-media.ts';
import { CALL_WAITING_ALERT } from './capabilities.ts';
import type { DialogSet, Leg } from './dialogs.ts';
import type { AnswerChoice, CallContext, Refusal } from './facts.ts';
import { answerOf, dialogHeaders } from './headers.ts';
import { mediaAddress, newOffers, refusalOf } from './offers.ts';
import { answerPrivacy, OPEN, type PrivacySettings } from './privacy.ts';
import { faultOf } from './security.ts';
import { offersVideo, shownDirection, type VideoWish } from './video-policy.ts';
import { connectionOf } from './way.ts';
import type { CallWorld } from './world.ts';

const TRYING = 100;
const RINGING = 180;
const OK = 200;
/** What fails for want of ports or devices: other devices of the number may still take the call. */
const SERVER_ERROR = 500;

export class CalleeRole {
  readonly #world: CallWorld;
  readonly #call: CallContext;
  readonly #dialogs: DialogSet;
  readonly #media: CallMediaSet;
  readonly #incoming: Incoming;
  readonly #offer: Buffer | undefined;
  #ringTimer: Timer | undefined;
  #opening: Timer | undefined;
  #leg: Leg | undefined;
  #body: Buffer | undefined;
  #video: VideoWish = 'none';
  #failure: TandemError | undefined;

  constructor(
    world: CallWorld,
    call: CallContext,
    dialogs: DialogSet,
    media: CallMediaSet,
    incoming: Incoming,
  ) {
    this.#world = world;
    this.#call = call;
    this.#dialogs = dialogs;
    this.#media = media;
    this.#incoming = incoming;
    this.#offer = sdpBytes(incoming.request);
    incoming.onCancel.on((request) => call.dispatch('cancelled', { request }));
    incoming.onAck.on((request) => call.dispatch('acknowledged', { request }));
    incoming.onAckTimeout.on(() => call.dispatch('ack-timeout'));
  }

  /** Ports, before it rings: keep-alives go out from those that the answer names. Throws `media.ports`, `media.address`. */
  prepare(): void {
    const { flow } = this.#incoming;
    const offer = this.#offer;
    this.#media.open(mediaAddress(this.#world, flow, offer));
    if (offer && offersVideo(offer)) this.#wish(shownDirection(this.#world));
  }

  #wish(video: VideoWish): void {
    this.#video = video !== 'none' && this.#media.openVideo() ? video : 'none';
  }

  /** 100, then 180 with our feature tags; a waiting call says so (24.615 4.5.5.3). The first keep-alives follow it. */
  ring(waiting: boolean): void {
    const { clock, config } = this.#world;
    this.#incoming.respond(TRYING);
    const headers = this.#dialogHeaders();
    if (waiting) headers.push(['Alert-Info', CALL_WAITING_ALERT]);
    this.#incoming.respond(RINGING, { headers });
    this.#makeDialog();
    this.#ringTimer = clock.after(toMilliseconds(config.ringTime), () => this.#call.dispatch('ring-timeout'));
    this.#answerEarly();
    if (!waiting) this.#media.sound.ring();
  }

  /** Takes the place of another call: nobody is rung for it. */
  admit(): void {
    this.#incoming.respond(TRYING);
    this.#makeDialog();
  }

  #dialogHeaders(): [string, string][] {
    const { line } = this.#world;
    const hidden = answerPrivacy(this.#privacy);
    return [...dialogHeaders(line, this.#incoming.flow, hidden.length > 0), ...hidden].map(
      ([name, value]) => [name, value],
    );
  }

  get #privacy(): PrivacySettings {
    return this.#world.config.privacy ?? OPEN;
  }

  #makeDialog(): void {
    const { line } = this.#world;
    const { request, flow, localTag } = this.#incoming;
    const contact = line.contact({ privacy: this.#privacy.answers, to: flow });
    const dialog = Dialog.uas(request, { localTag, contact });
    dialog.flow = connectionOf(dialog, flow);
    const local = this.#media.open(mediaAddress(this.#world, flow, this.#offer));
    this.#leg = this.#dialogs.add(dialog, newOffers(this.#world, local, flow), 'early');
  }

  /** The answer that the 200 will give is made now: where keep-alives go, and by which keys, stands in it. */
  #answerEarly(): void {
    const answered = this.#answer();
    if (!answered) return;
    // A turn later: by then the 180 has left, and the first keep-alive comes behind it.
    const { clock } = this.#world;
    this.#opening = clock.after(Milliseconds(0), () => this.#media.apply(answered, { stage: 'early' }));
  }

  #answer() {
    if (!this.#offer || !this.#leg) return undefined;
    const wish = { audio: 'sendrecv', video: this.#video } as const;
    const answered = this.#leg.offers.answerTo(this.#offer, wish);
    if (answered.ok) {
      this.#body = answered.value.answer;
      return answered.value.media;
    }
    const { refusal, error } = refusalOf(
      answered.error,
      mediaAddress(this.#world, this.#incoming.flow, this.#offer),
    );
    const usual = new TandemError('peer', 'call.offer', 'The caller offered nothing that can be answered.');
    this.#fail(refusal, error ?? usual);
    return undefined;
  }

  stopRinging(): void {
    this.#ringTimer?.cancel();
    this.#opening?.cancel();
    this.#media.sound.tone('none');
  }

  /** Why an answer of the owner came to nothing. */
  get failure(): TandemError | undefined {
    return this.#failure;
  }

  /** Video that the caller offers and this device can take. */
  get offersVideo(): boolean {
    return this.#video !== 'none';
  }

  /** What the owner chose for the video of the answer. */
  get video(): VideoWish {
    return this.#video;
  }

  /** 200 with the answer, or with an offer when the INVITE brought none. */
  accept({ video }: AnswerChoice): void {
    const leg = this.#leg;
    if (!leg) throw new TandemError('ours', 'call.no-dialog', 'A ringing call has no dialog.');
    const before = this.#video;
    if (video === false) this.#video = 'none';
    else if (video === true && !this.#offer) this.#wish(shownDirection(this.#world));
    try {
      this.#media.sound.attach();
    } catch (cause) {
      this.#fail({ status: SERVER_ERROR }, TandemError.from(cause, 'call.media'));
      return;
    }
    if (this.#offer && (!this.#body || before !== this.#video)) this.#answer();
    if (this.#failure) return;
    const body = this.#body ?? leg.offers.offer({ audio: 'sendrecv', video: this.#video });
    leg.state = 'confirmed';
    leg.dialog.confirm();
    this.#call.answered(leg);
    const session = this.#call.session.answerHeaders(this.#incoming.request);
    this.#incoming.respond(OK, { headers: [...this.#dialogHeaders(), ...session], body });
    if (this.#offer) this.#media.apply(leg.offers.media, { stage: 'established' });
  }

  #fail(refusal: Refusal, error: TandemError): void {
    this.#failure = error;
    this.#call.dispatch('answer-failed', { refusal, error });
  }

  refuse(refusal: Refusal): void {
    this.stopRinging();
    this.#incoming.respond(refusal.status, answerOf(refusal));
  }

  /** Without an offer in the INVITE the ACK must bring the answer to ours (RFC 3261 13.2.1). */
  takeAck(request: SipRequest): void {
    const leg = this.#leg;
    if (!leg || this.#offer) return;
    const body = sdpBytes(request);
    const settled = body && leg.offers.answer(body);
    if (!settled?.ok) {
      this.#call.dispatch('unusable', settled ? { error: faultOf(settled.error) } : {});
      return;
    }
    this.#media.apply(settled.value, { stage: 'established' });
    this.#call.agreed(leg);
  }

  stop(): void {
    this.stopRinging();
    this.#dialogs.terminateEarly();
  }
}
