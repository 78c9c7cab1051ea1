// The calling side of a call: INVITE, its forks, CANCEL, the 2xx (RFC 3261 13.2, 9.1; IR.92 2.2.5).
import { TandemError } from '#src/base/errors.ts';
import { randomToken } from '#src/base/random.ts';
import { asksToRegister } from '#src/ims/alternative-service.ts';
import type { MediaWish, OfferOptions } from '#src/sdp/capabilities.ts';
import type { OfferAnswer } from '#src/sdp/offer-answer.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { SipUri, type Uri } from '#src/sip/message/uri.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Incoming, Sending } from '#src/sip/ua/user-agent.ts';
import type { Amendment } from './amendments.ts';
import { sdpBytes } from './body.ts';
import type { CallMediaSet } from './call-media.ts';
import type { DialogSet, Leg } from './dialogs.ts';
import { EarlyDialogs, type Origin, settle } from './early-dialogs.ts';
import type { CallContext } from './facts.ts';
import { failureDetails, failureError } from './failure-details.ts';
import { lineSending } from './headers.ts';
import { inviteRequest } from './invite.ts';
import { InviteDraft } from './invite-draft.ts';
import { mediaAddress, newOffers, otherFamilyAddress } from './offers.ts';
import type { OutgoingCall } from './outgoing-call.ts';
import { hides } from './privacy.ts';
import { releaseCause } from './release-cause.ts';
import { notEncrypted, wantedPolicy } from './security.ts';
import type { CallEvent } from './table.ts';
import { shownDirection, type VideoWish } from './video-policy.ts';
import { connectionOf, literalTarget, unreachable } from './way.ts';
import type { CallWorld } from './world.ts';

const RINGING_FREED = 199;
const SERVER_TIMEOUT = 504;
/** The description is what was not liked (RFC 3261 21.4.26, 21.6.4). */
const NOT_ACCEPTABLE: readonly number[] = [488, 606];
/** These change the description itself. */
const DESCRIBED_ANEW: readonly Amendment[] = ['plain', 'protected', 'no-video', 'no-conditions'];

export class CallerRole {
  readonly #world: CallWorld;
  readonly #call: CallContext;
  readonly #dialogs: DialogSet;
  readonly #media: CallMediaSet;
  readonly #outgoing: OutgoingCall;
  readonly #fromTag: string;
  readonly #early: EarlyDialogs;
  readonly #draft: InviteDraft;
  #way: Flow | Target | undefined;
  #targets: readonly Target[] | undefined;
  /** In our description. */
  #address = '';
  #offers: OfferAnswer | undefined;
  #options: OfferOptions = {};
  #sending: Sending | undefined;
  /** Of the last answer. */
  #flow: Flow | undefined;
  /** One INVITE was refused, the next is not yet sent. */
  #isBetween = false;
  #over = false;

  constructor(
    world: CallWorld,
    call: CallContext,
    dialogs: DialogSet,
    media: CallMediaSet,
    outgoing: OutgoingCall,
  ) {
    this.#world = world;
    this.#call = call;
    this.#dialogs = dialogs;
    this.#media = media;
    this.#outgoing = outgoing;
    this.#draft = new InviteDraft(outgoing, world.line.domain, world.config.preconditions);
    this.#fromTag = randomToken(world.random);
    this.#early = new EarlyDialogs(world, call, dialogs, media, {
      hidden: hides(outgoing.privacy),
      origin: () => this.#origin,
      wish: () => this.#wish,
    });
  }

  get #origin(): Origin | undefined {
    const request = this.#request;
    const offers = this.#offers;
    return request && offers ? { request, offers, flow: this.#flow } : undefined;
  }

  get #wish(): MediaWish {
    return { audio: 'sendrecv', video: this.#draft.video };
  }

  /** What our offer asks for. */
  get video(): VideoWish {
    return this.#draft.video;
  }

  /**
   * When the way out is known ports and devices are taken now, and what they throw is thrown; else the name is
   * resolved first and a failure ends the call.
   */
  invite(): void {
    const known = this.#world.line.flow ?? literalTarget(this.#nextHop());
    if (known) {
      this.#send(known, undefined);
      return;
    }
    this.#resolve()
      .then((targets) => {
        const [first] = targets;
        if (this.#over) return;
        if (first) this.#send(first, targets);
        else this.#call.dispatch('failed', { error: unreachable(undefined) });
      })
      .catch((cause: unknown) => this.#call.dispatch('failed', { error: unreachable(cause) }));
  }

  /** Route decides before the Request-URI (RFC 3261 8.1.2). */
  #nextHop(): Uri {
    return this.#world.line.route[0]?.uri ?? this.#draft.target;
  }

  async #resolve(): Promise<readonly Target[]> {
    const hop = this.#nextHop();
    return hop instanceof SipUri ? this.#world.resolver.resolve(hop) : [];
  }

  #send(way: Flow | Target, targets: readonly Target[] | undefined): void {
    this.#address = mediaAddress(this.#world, way);
    const local = this.#media.open(this.#address);
    this.#media.sound.attach();
    if (this.#outgoing.video && this.#media.openVideo()) this.#draft.video = shownDirection(this.#world);
    this.#way = way;
    this.#targets = targets;
    this.#offers = newOffers(this.#world, local, way, this.#draft.conditions);
    this.#offer(this.#offers, {});
  }

  #offer(offers: OfferAnswer, options: OfferOptions): void {
    const way = this.#way;
    if (!way) return;
    this.#options = options;
    const { ua, line } = this.#world;
    const { privacy, identity, additional, headers } = this.#outgoing;
    const { target, parts, without, conditions } = this.#draft;
    const request = inviteRequest(line, {
      target,
      identity,
      additional,
      privacy,
      contact: line.contact({ privacy: hides(privacy), to: way }),
      callId: this.#outgoing.callId,
      fromTag: this.#fromTag,
      cseq: (this.#request?.cseq.number ?? 0) + 1,
      session: this.#call.session.requestHeaders(),
      sdp: offers.offer(this.#wish, options),
      headers,
      parts,
      without,
      conditions,
      boundary: randomToken(this.#world.random),
    });
    const sending = ua.send(
      request,
      {
        onProvisional: (response, flow) => {
          this.#flow = flow;
          this.#provisional(response);
        },
        onFinal: (response, flow) => {
          this.#flow = flow;
          this.#final(response);
        },
        onLate: (response, flow, request) => {
          if (request !== this.#request || this.#isBetween) {
            this.#releaseStray(request, response, flow);
            return;
          }
          this.#flow = flow;
          this.#call.dispatch('answered', { response });
        },
        onFailure: (error) => this.#call.dispatch('failed', { error }),
      },
      {
        ...lineSending(line),
        ...(this.#targets ? { targets: this.#targets } : {}),
        // Where we do not listen (TLS, as a rule), the Contact names our end of the connection, which exists only now.
        prepare: (sent, flow) =>
          sent.headers.set('Contact', line.contact({ privacy: hides(privacy), to: flow }).toString()),
      },
    );
    this.#sending = sending;
  }

  /** The INVITE as last sent: after a challenge it is another one. */
  get #request(): SipRequest | undefined {
    return this.#sending?.request;
  }

  #provisional(response: SipResponse): void {
    if (response.status === 100) return;
    this.#call.dispatch(response.status === RINGING_FREED ? 'fork-gone' : 'progress', { response });
  }

  #final(response: SipResponse): void {
    if (response.isSuccess) {
      this.#call.dispatch(this.#dialogs.confirmed ? 'answered-again' : 'answered', { response });
    } else if (!this.#tooBrief(response) && !this.#amend(response)) this.#refused(response);
  }

  /** 422: once more with the interval that the other side wants (RFC 4028 7.3). */
  #tooBrief(response: SipResponse): boolean {
    const offers = this.#offers;
    if (response.status !== 422 || !offers || this.#over || !this.#call.session.refused(response))
      return false;
    this.#early.forget();
    this.#offer(offers, this.#options);
    return true;
  }

  /** Once more without what was not liked, where something can be left out. */
  #amend(response: SipResponse): boolean {
    const before = this.#offers;
    const way = this.#way;
    if (!before || !way || this.#over) return false;
    const other = otherFamilyAddress(this.#world, this.#address);
    const amended = this.#draft.amend(response, {
      plain: before.mayRetryPlain,
      protected: before.mayRetryProtected,
      family: other !== undefined,
    });
    if (!amended) return false;
    this.#early.forget();
    if (amended === 'other-family') {
      if (other !== undefined) this.#readdress(other, way, response);
    } else if (DESCRIBED_ANEW.includes(amended)) {
      const local = this.#media.open(this.#address);
      this.#offers = newOffers(this.#world, local, way, this.#draft.conditions);
      this.#offer(this.#offers, { plain: amended === 'plain', protected: amended === 'protected' });
    } else this.#offer(before, this.#options);
    return true;
  }

  /** The same call with media at another address of ours, of the other IP family. */
  #readdress(address: string, way: Flow | Target, response: SipResponse): void {
    this.#isBetween = true;
    this.#media
      .reopen(address)
      .then((local) => {
        this.#isBetween = false;
        if (!local || this.#over) return;
        this.#address = address;
        if (!local.video) this.#draft.video = 'none';
        this.#offers = newOffers(this.#world, local, way, this.#draft.conditions);
        this.#offer(this.#offers, {});
      })
      .catch((cause: unknown) => {
        this.#isBetween = false;
        this.#media.onTrouble.emit(TandemError.from(cause, 'call.media'));
        if (!this.#over) this.#refused(response);
      });
  }

  #refused(response: SipResponse): void {
    const failure = failureDetails(response);
    this.#call.notes.set({ failure });
    const service = failure.alternative_service;
    if (response.status === SERVER_TIMEOUT && service && asksToRegister(service))
      this.#world.line.restore?.(response);
    const error = failureError(failure);
    this.#call.dispatch('refused', {
      response,
      ...(error ? { error } : {}),
      ...this.#unencrypted(response.status),
    });
  }

  /** The other side did not like a description that had to be encrypted. */
  #unencrypted(status: number): { readonly error?: TandemError } {
    const way = this.#way;
    if (!NOT_ACCEPTABLE.includes(status) || !way) return {};
    return wantedPolicy(this.#world, this.#address) === 'required'
      ? { error: notEncrypted('this device demands it and the other side does not take it') }
      : {};
  }

  /** A 18x. */
  keepDialog(response: SipResponse): void {
    this.#early.keep(response);
  }

  /** A 18x to an INVITE that was given up. */
  acknowledge(response: SipResponse): void {
    this.#early.acknowledge(response);
  }

  /** UPDATE of the callee before the answer. */
  update(incoming: Incoming, leg: Leg): void {
    this.#early.update(incoming, leg);
  }

  /** 199, or a BYE of the callee: this dialog only. */
  dropDialog(leg: Leg | undefined, response: SipResponse | undefined): void {
    this.#early.drop(leg, response);
  }

  /** Tones of the owner may go out before the answer. */
  get mayTalk(): boolean {
    return this.#early.mayTalk;
  }

  /** The first 2xx: ACK, the answer, sound; what cannot be used ends the call at once. */
  confirm(response: SipResponse): void {
    const leg = this.#early.legOf(response);
    const request = this.#request;
    if (!leg || !request) {
      this.#call.dispatch('unusable', {});
      return;
    }
    leg.state = 'confirmed';
    this.#world.ua.ack(leg.dialog, request, { flow: this.#world.line.flow });
    const fault = settle(leg, sdpBytes(response));
    if (fault) {
      this.#dialogs.terminateOthers(leg);
      this.#call.dispatch('unusable', fault);
      return;
    }
    this.#call.session.accepted(response);
    this.#call.answered(leg);
    this.#media.apply(leg.offers.media, { stage: 'established' });
    this.#early.confirm(leg);
  }

  /** A 2xx that nobody waits for: ACK and BYE (RFC 3261 13.2.2.4). */
  releaseLate(response: SipResponse): void {
    const leg = this.#early.legOf(response);
    const request = this.#request;
    if (!leg || !request) return;
    leg.state = 'confirmed';
    this.#world.ua.ack(leg.dialog, request, { flow: this.#world.line.flow });
    this.#dialogs.release(leg);
  }

  /** The same to a try that was amended since, whatever became of the call: with what stood in that try. */
  #releaseStray(request: SipRequest, response: SipResponse, flow: Flow): void {
    const offers = this.#offers;
    if (!offers) return;
    const dialog = Dialog.uac(request, response);
    dialog.flow = connectionOf(dialog, flow);
    const leg = this.#dialogs.add(dialog, offers.fork(), 'confirmed');
    this.#world.ua.ack(dialog, request, { flow: this.#world.line.flow });
    this.#dialogs.release(leg);
  }

  /** The user agent holds the CANCEL back until a provisional response came, and gives up after 64·T1 (9.1). */
  cancel(event: CallEvent): void {
    this.#over = true;
    this.#media.sound.tone('none');
    if (this.#sending && !this.#isBetween) this.#sending.cancel(releaseCause(this.#world.line, event));
    else this.#call.dispatch('failed');
  }

  /** The call is over; a 2xx that still comes is released. */
  stop(): void {
    this.#over = true;
    this.#early.stop();
    this.#dialogs.terminateEarly();
  }
}
