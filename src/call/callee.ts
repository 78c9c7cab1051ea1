// The called side of a call: what goes ahead, ringing, answer, refusal, the ACK (RFC 3261 13.3, 15; 24.229 5.1.4; NG.110 2.9.1).
import type { Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Milliseconds } from '#src/base/units.ts';
import type { MediaAgreement } from '#src/sdp/agreement.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { hasToken, type SipRequest } from '#src/sip/message/message.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { Alerting, type Ringing } from './alerting.ts';
import { sdpBytes } from './body.ts';
import type { CallMediaSet } from './call-media.ts';
import { otherAlerts } from './communication-waiting.ts';
import type { DialogSet, Leg } from './dialogs.ts';
import { EarlyExchange } from './early-exchange.ts';
import type { AnswerChoice, CallContext, Refusal } from './facts.ts';
import { askedDelay } from './glare.ts';
import { answerOf, conditionHeaders, dialogHeaders, retryAfter } from './headers.ts';
import { mediaAddress, newOffers, refusalOf } from './offers.ts';
import { answerPrivacy, OPEN, type PrivacySettings } from './privacy.ts';
import { faultOf } from './security.ts';
import { inviteTraits, planSetUp, type SetUpPlan } from './set-up-plan.ts';
import { offersVideo, shownDirection, type VideoWish } from './video-policy.ts';
import { connectionOf } from './way.ts';
import type { CallWorld } from './world.ts';

const TRYING = 100;
const PROGRESS = 183;
const OK = 200;
const BAD_REQUEST = 400;
const CALL_DOES_NOT_EXIST = 481;
const NOT_ACCEPTABLE_HERE = 488;
/** What fails for want of ports or devices: other devices of the number may still take the call. */
const SERVER_ERROR = 500;
const PRECONDITION_FAILURE = 580;

export class CalleeRole {
  readonly #world: CallWorld;
  readonly #call: CallContext;
  readonly #dialogs: DialogSet;
  readonly #media: CallMediaSet;
  readonly #incoming: Incoming;
  readonly #offer: Buffer | undefined;
  readonly #plan: SetUpPlan;
  readonly #early: EarlyExchange;
  readonly #alerting: Alerting;
  #opening: Timer | undefined;
  #leg: Leg | undefined;
  /** Our answer to the INVITE's offer, which the 200 gives unless a reliable response gave it. */
  #body: Buffer | undefined;
  #video: VideoWish = 'none';
  /** The owner wants less video than was agreed ahead of the answer. */
  #videoAfter: VideoWish | undefined;
  /** Our offer stands in the 200: the ACK owes the answer. */
  #asksInAck = false;
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
    const { request } = incoming;
    this.#offer = sdpBytes(request);
    this.#plan = planSetUp(inviteTraits(request, this.#offer), {
      profile: world.line.profile,
      policy: world.config.preconditions ?? 'off',
    });
    this.#alerting = new Alerting(world, call, {
      incoming,
      isReliable: this.#isAllReliable,
      headers: () => this.#dialogHeaders(),
    });
    this.#early = new EarlyExchange(world, this.#earlyOwner(), this.#offer ? 'offered' : 'unasked');
    incoming.onCancel.on((cancel) => call.dispatch('cancelled', { request: cancel }));
    incoming.onAck.on((ack) => call.dispatch('acknowledged', { request: ack }));
    incoming.onAckTimeout.on(() => call.dispatch('ack-timeout'));
    incoming.onPrackTimeout.on(() => call.dispatch('prack-timeout'));
  }

  #earlyOwner() {
    const leg = (): Leg | undefined => this.#leg;
    return {
      get leg() {
        return leg();
      },
      wish: (offer?: Buffer) => {
        if (offer && this.#video === 'none' && offersVideo(offer)) this.#wish(shownDirection(this.#world));
        return { audio: 'sendrecv', video: this.#video } as const;
      },
      headers: () => this.#dialogHeaders(),
      takesUpdate: hasToken(this.#incoming.request.typed('Allow'), 'UPDATE'),
      settled: (media: MediaAgreement) => this.#settled(media),
      failed: (error: TandemError) => this.#fail({ status: NOT_ACCEPTABLE_HERE }, error),
    };
  }

  /** Ports, before it rings: keep-alives go out from those that the answer names. Throws `media.ports`, `media.address`. */
  prepare(): void {
    const { flow } = this.#incoming;
    const offer = this.#offer;
    this.#media.open(mediaAddress(this.#world, flow, offer));
    if (offer && offersVideo(offer)) this.#wish(shownDirection(this.#world));
    for (const uri of otherAlerts(this.#incoming.request))
      this.#call.notes.tell(`The network names a ring signal for this call: ${uri}.`);
  }

  /** Something goes ahead of the ringing. */
  get goesAhead(): boolean {
    return this.#plan.first === 'progress';
  }

  #wish(video: VideoWish): void {
    this.#video = video !== 'none' && this.#media.openVideo() ? video : 'none';
  }

  /** 100, then a reliable 183 with our answer or our offer; nothing rings yet. */
  progress(): void {
    this.#incoming.respond(TRYING);
    const leg = this.#makeDialog();
    this.#alerting.expire();
    if (this.#plan.preconditions !== 'off') this.#alerting.waitForConditions();
    const answered = this.#offer ? this.#answer() : undefined;
    if (this.#failure) return;
    const body = this.#body ?? leg.offers.offer({ audio: 'sendrecv', video: this.#video });
    const headers = [...this.#dialogHeaders(), ...conditionHeaders(body)];
    this.#incoming.respondReliably(PROGRESS, { headers, body });
    this.#early.sent(this.#offer ? 'answer' : 'offer');
    if (answered) this.#open(answered);
  }

  /** 180; the first keep-alives follow it. */
  ring({ waiting, quiet }: Ringing): void {
    const ahead = this.#leg !== undefined;
    if (!ahead) this.#incoming.respond(TRYING);
    if (!ahead) this.#makeDialog();
    const answered = ahead ? undefined : this.#answer();
    if (this.#failure) return;
    const described = this.#isAllReliable && !ahead ? this.#body : undefined;
    this.#alerting.alert(waiting, described);
    if (described) this.#early.sent('answer');
    this.#alerting.expire();
    this.#alerting.waitForOwner(waiting);
    if (answered) this.#open(answered);
    if (!quiet) this.#media.sound.ring();
  }

  get #isAllReliable(): boolean {
    return this.#plan.reliably === 'all';
  }

  /** The owner was quicker than what went ahead: the caller hears of the ringing all the same, and then of the answer. */
  announce({ waiting }: Ringing): void {
    if (!this.#alerting.isAlerted) this.#alerting.alert(waiting);
    this.#proceed();
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

  #makeDialog(): Leg {
    const { line } = this.#world;
    const { request, flow, localTag } = this.#incoming;
    const contact = line.contact({ privacy: this.#privacy.answers, to: flow });
    const dialog = Dialog.uas(request, { localTag, contact });
    dialog.flow = connectionOf(dialog, flow);
    const local = this.#media.open(mediaAddress(this.#world, flow, this.#offer));
    const { preconditions } = this.#plan;
    this.#leg = this.#dialogs.add(dialog, newOffers(this.#world, local, flow, preconditions), 'early');
    return this.#leg;
  }

  /** Keep-alives leave a turn later: by then the 18x has left, and the first one comes behind it. */
  #open(media: MediaAgreement): void {
    this.#opening?.cancel();
    this.#opening = this.#world.clock.after(Milliseconds(0), () =>
      this.#media.apply(media, { stage: 'early' }),
    );
  }

  /** A description has passed ahead of the answer. */
  #settled(media: MediaAgreement): void {
    if (!media.video) this.#video = 'none';
    this.#open(media);
    this.#call.changed();
    this.#proceed();
  }

  /** The answer that the 200 or a reliable response gives: where keep-alives go, and by which keys, stands in it. */
  #answer(): MediaAgreement | undefined {
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
    this.#alerting.stop();
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

  /** PRACK and UPDATE before the final answer; whatever stood in the way of ringing or answering may be gone then. */
  receive(incoming: Incoming): void {
    const { request } = incoming;
    if (request.method === 'INVITE') {
      // RFC 3261 14.2: the first one has no answer yet.
      incoming.respond(SERVER_ERROR, { headers: [retryAfter(askedDelay(this.#world.random))] });
      return;
    }
    if (request.method === 'PRACK') {
      if (!request.headers.has('RAck')) {
        incoming.respond(BAD_REQUEST);
        return;
      }
      if (!this.#incoming.acknowledgeProvisional(request)) {
        incoming.respond(CALL_DOES_NOT_EXIST);
        return;
      }
    }
    this.#early.receive(incoming);
    this.#proceed();
  }

  /** Nothing keeps the next step back: no PRACK, no description, no condition (RFC 3262 3, RFC 3312 6). */
  get #isReady(): boolean {
    const { holdsSuccess, awaitsPrack } = this.#incoming;
    // Who demands 100rel is let acknowledge a mere 180, too, before the 200 comes.
    const isHeld = this.#isAllReliable ? awaitsPrack : holdsSuccess;
    return !isHeld && this.#early.isQuiet && this.#leg?.offers.preconditions !== 'unmet';
  }

  #proceed(): void {
    if (this.#isReady) this.#call.dispatch('ready');
  }

  /** The owner has answered: devices open now, the 200 leaves as soon as it may. */
  promise({ video }: AnswerChoice): void {
    const before = this.#video;
    const isGiven = this.#early.state !== 'offered' && this.#early.state !== 'unasked';
    if (isGiven) {
      if (video === false && before !== 'none') this.#videoAfter = 'none';
    } else if (video === false) this.#video = 'none';
    else if (video === true && !this.#offer) this.#wish(shownDirection(this.#world));
    try {
      this.#media.sound.attach();
    } catch (cause) {
      this.#fail({ status: SERVER_ERROR }, TandemError.from(cause, 'call.media'));
      return;
    }
    if (!isGiven && this.#offer && (!this.#body || before !== this.#video)) this.#answer();
    if (this.#failure) return;
    if (this.#leg?.offers.preconditions === 'unmet') this.#alerting.waitForConditions();
    this.#proceed();
  }

  /** 200 with the answer, or with an offer when the INVITE brought none; without either when both have passed before. */
  accept(): void {
    const leg = this.#leg;
    if (!leg) throw new TandemError('ours', 'call.no-dialog', 'A ringing call has no dialog.');
    const isSettled = this.#early.state === 'settled';
    this.#asksInAck = !isSettled && !this.#offer;
    const body = isSettled
      ? undefined
      : (this.#body ?? leg.offers.offer({ audio: 'sendrecv', video: this.#video }));
    this.#early.close();
    this.#opening?.cancel();
    leg.state = 'confirmed';
    leg.dialog.confirm();
    this.#call.answered(leg);
    const headers = [...this.#dialogHeaders(), ...this.#call.session.answerHeaders(this.#incoming.request)];
    this.#incoming.respond(OK, { headers, ...(body ? { body } : {}) });
    if (!this.#asksInAck) this.#apply(leg.offers.media);
  }

  /** Nobody's camera goes on because it was agreed before the owner said no. */
  #apply(media: MediaAgreement | undefined): void {
    const shown = this.#videoAfter === 'none' && media?.audio ? { audio: media.audio } : media;
    this.#media.apply(shown, { stage: 'established' });
  }

  #fail(refusal: Refusal, error: TandemError): void {
    this.#failure = error;
    this.#call.dispatch('answer-failed', { refusal, error });
  }

  refuse(refusal: Refusal): void {
    this.stopRinging();
    this.#early.close();
    this.#incoming.respond(refusal.status, answerOf(refusal));
  }

  /** Nobody answered (24.615 4.5.5.3.4). */
  refuseUnanswered(): void {
    this.refuse(this.#alerting.unanswered);
  }

  /** The caller's resources did not come in time (RFC 3312 8). */
  refuseUnready(): void {
    const body = this.#leg?.offers.preconditionFailure;
    this.refuse({ status: PRECONDITION_FAILURE, ...(body ? { body } : {}) });
  }

  /** Without an offer in the INVITE the ACK must bring the answer to ours, unless a PRACK did (RFC 3261 13.2.1). */
  takeAck(request: SipRequest): void {
    const leg = this.#leg;
    if (!leg) return;
    if (this.#asksInAck) {
      const body = sdpBytes(request);
      const settled = body && leg.offers.answer(body);
      if (!settled?.ok) {
        this.#call.dispatch('unusable', settled ? { error: faultOf(settled.error) } : {});
        return;
      }
      this.#media.apply(settled.value, { stage: 'established' });
    }
    this.#call.agreed(leg);
    if (this.#videoAfter !== undefined) this.#call.setVideo(leg, this.#videoAfter);
  }

  stop(): void {
    this.stopRinging();
    this.#opening?.cancel();
    this.#early.close();
    this.#dialogs.terminateEarly();
  }
}
