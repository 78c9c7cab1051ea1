// The calling side of a call: INVITE, its forks, CANCEL, the 2xx (RFC 3261 13.2, 9.1; IR.92 2.2.5).
import { TandemError } from '#src/base/errors.ts';
import { randomToken } from '#src/base/random.ts';
import type { OfferOptions } from '#src/sdp/capabilities.ts';
import type { OfferAnswer } from '#src/sdp/offer-answer.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { Part } from '#src/sip/message/multipart.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { SipUri, type Uri } from '#src/sip/message/uri.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Sending } from '#src/sip/ua/user-agent.ts';
import { sdpBytes } from './body.ts';
import type { CallMediaSet } from './call-media.ts';
import type { DialogSet, Leg } from './dialogs.ts';
import type { CallContext, HeaderPairs } from './facts.ts';
import { lineSending } from './headers.ts';
import { inviteRequest } from './invite.ts';
import { mediaAddress, newOffers } from './offers.ts';
import { hides, type Privacy } from './privacy.ts';
import { faultOf, notEncrypted, wantedPolicy } from './security.ts';
import { shownDirection, type VideoWish } from './video-policy.ts';
import { connectionOf, literalTarget } from './way.ts';
import type { CallWorld } from './world.ts';

export interface OutgoingCall {
  readonly target: Uri;
  /** In From and P-Preferred-Identity. */
  readonly identity: NameAddr;
  /** Used although it is not registered here (24.174 4.5.3.1). */
  readonly additional?: NameAddr | undefined;
  readonly privacy: Privacy;
  readonly video: boolean;
  /** Of the INVITE. */
  readonly callId: string;
  /** More header fields of the INVITE: Replaces, Require, Referred-By, Additional-Identity. */
  readonly headers?: HeaderPairs;
  /** More body parts, beside the description. */
  readonly parts?: readonly Part[];
}

const RINGING = 180;
const RINGING_FREED = 199;
/** The description is what was not liked (RFC 3261 21.4.26, 21.6.4). */
const NOT_ACCEPTABLE: readonly number[] = [488, 606];

export class CallerRole {
  readonly #world: CallWorld;
  readonly #call: CallContext;
  readonly #dialogs: DialogSet;
  readonly #media: CallMediaSet;
  readonly #outgoing: OutgoingCall;
  readonly #fromTag: string;
  #way: Flow | Target | undefined;
  #targets: readonly Target[] | undefined;
  #offers: OfferAnswer | undefined;
  #options: OfferOptions = {};
  #video: VideoWish = 'none';
  #sending: Sending | undefined;
  /** Of the last answer. */
  #flow: Flow | undefined;
  /** The dialog whose early media plays. */
  #playing: Leg | undefined;
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
    this.#fromTag = randomToken(world.random);
  }

  /** What our offer asks for. */
  get video(): VideoWish {
    return this.#video;
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
    return this.#world.line.route[0]?.uri ?? this.#outgoing.target;
  }

  async #resolve(): Promise<readonly Target[]> {
    const hop = this.#nextHop();
    return hop instanceof SipUri ? this.#world.resolver.resolve(hop) : [];
  }

  #send(way: Flow | Target, targets: readonly Target[] | undefined): void {
    const local = this.#media.open(mediaAddress(this.#world, way));
    this.#media.sound.attach();
    if (this.#outgoing.video && this.#media.openVideo()) this.#video = shownDirection(this.#world);
    this.#way = way;
    this.#targets = targets;
    this.#offers = newOffers(this.#world, local, way);
    this.#offer(this.#offers, {});
  }

  #offer(offers: OfferAnswer, options: OfferOptions): void {
    const way = this.#way;
    if (!way) return;
    this.#options = options;
    const { ua, line } = this.#world;
    const { privacy, target, identity, additional, headers, parts } = this.#outgoing;
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
      sdp: offers.offer({ audio: 'sendrecv', video: this.#video }, options),
      headers,
      parts,
      boundary: randomToken(this.#world.random),
    });
    this.#sending = ua.send(
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
    } else if (!this.#tooBrief(response) && !this.#retry(response.status)) {
      this.#call.dispatch('refused', { response, ...this.#unencrypted(response.status) });
    }
  }

  /** 422: once more with the interval that the other side wants (RFC 4028 7.3). */
  #tooBrief(response: SipResponse): boolean {
    const offers = this.#offers;
    if (response.status !== 422 || !offers || this.#over || !this.#call.session.refused(response))
      return false;
    this.#dialogs.forgetEarly();
    this.#playing = undefined;
    this.#media.mute();
    this.#offer(offers, this.#options);
    return true;
  }

  /** A description that was not liked is offered once more as plain RTP/AVP, then without video (26.114 6.2.1a.2). */
  #retry(status: number): boolean {
    const before = this.#offers;
    const way = this.#way;
    if (!NOT_ACCEPTABLE.includes(status) || !before || !way || this.#over) return false;
    const plain = before.mayRetryPlain;
    if (!plain && this.#video === 'none') return false;
    if (!plain) this.#video = 'none';
    this.#dialogs.forgetEarly();
    this.#playing = undefined;
    this.#media.mute();
    this.#offers = newOffers(this.#world, this.#media.open(mediaAddress(this.#world, way)), way);
    this.#offer(this.#offers, { plain });
    return true;
  }

  /** The other side did not like a description that had to be encrypted. */
  #unencrypted(status: number): { readonly error?: TandemError } {
    const way = this.#way;
    if (!NOT_ACCEPTABLE.includes(status) || !way) return {};
    return wantedPolicy(this.#world, mediaAddress(this.#world, way)) === 'required'
      ? { error: notEncrypted('this device demands it and the other side does not take it') }
      : {};
  }

  /** A 18x: its dialog is kept; the first one with a description is heard, each gets its keep-alives. */
  keepDialog(response: SipResponse): void {
    const leg = this.#legOf(response);
    if (response.status === RINGING) this.#media.sound.tone('ringback');
    const body = sdpBytes(response);
    if (!leg || !body || leg.preview || !this.#offers) return;
    const preview = this.#offers.fork();
    if (!preview.answer(body).ok) return;
    leg.preview = preview;
    this.#playing ??= leg;
    this.#applyEarly();
  }

  #applyEarly(): void {
    const others = this.#dialogs.early.filter((leg) => leg !== this.#playing);
    this.#media.apply(this.#playing?.preview?.media, {
      stage: 'early',
      others: others.flatMap(({ preview }) => preview?.media ?? []),
    });
  }

  #legOf(response: SipResponse): Leg | undefined {
    // A peer of RFC 2543 answers without a tag (RFC 3261 12.1.2); its 2xx wants an ACK all the same.
    const tag = response.to.tag ?? (response.isSuccess ? '' : undefined);
    const request = this.#request;
    if (tag === undefined || !request || !this.#offers) return undefined;
    const known = this.#dialogs.find(tag);
    if (known && known.state !== 'terminated') {
      known.dialog.update(response);
      return known;
    }
    // One that was given up comes back only with a 2xx, which must be acknowledged.
    if (!response.isSuccess && (known || this.#dialogs.isFull)) return undefined;
    const dialog = Dialog.uac(request, response);
    if (this.#flow) dialog.flow = connectionOf(dialog, this.#flow);
    return this.#dialogs.add(dialog, this.#offers.fork(), 'early');
  }

  /** 199, or a BYE of the callee: this dialog only. */
  dropDialog(tag: string | undefined): void {
    const leg = tag === undefined ? undefined : this.#dialogs.find(tag);
    if (leg?.state !== 'early') return;
    this.#dialogs.terminate(leg);
    if (!leg.preview) return;
    if (this.#playing === leg)
      this.#playing = this.#dialogs.early.find(({ preview }) => preview !== undefined);
    this.#applyEarly();
  }

  /** The first 2xx: ACK, the answer, sound; what cannot be used ends the call at once. */
  confirm(response: SipResponse): void {
    const leg = this.#legOf(response);
    const request = this.#request;
    if (!leg || !request) {
      this.#call.dispatch('unusable', {});
      return;
    }
    leg.state = 'confirmed';
    this.#dialogs.terminateOthers(leg);
    this.#world.ua.ack(leg.dialog, request, { flow: this.#world.line.flow });
    const body = sdpBytes(response);
    if (body) {
      const settled = leg.offers.answer(body);
      if (!settled.ok) {
        this.#call.dispatch('unusable', { error: faultOf(settled.error) });
        return;
      }
    } else if (leg.preview) {
      leg.offers = leg.preview;
    } else {
      this.#call.dispatch('unusable', {});
      return;
    }
    this.#call.session.accepted(response);
    this.#call.answered(leg);
    this.#media.sound.tone('none');
    this.#media.apply(leg.offers.media, { stage: 'established' });
    this.#call.agreed(leg);
  }

  /** A 2xx that nobody waits for: ACK and BYE (RFC 3261 13.2.2.4). */
  releaseLate(response: SipResponse): void {
    const leg = this.#legOf(response);
    const request = this.#request;
    if (!leg || !request) return;
    leg.state = 'confirmed';
    this.#world.ua.ack(leg.dialog, request, { flow: this.#world.line.flow });
    this.#dialogs.release(leg);
  }

  /** The user agent holds the CANCEL back until a provisional response came, and gives up after 64·T1 (9.1). */
  cancel(): void {
    this.#over = true;
    if (this.#sending) this.#sending.cancel();
    else this.#call.dispatch('failed');
  }

  /** The call is over; a 2xx that still comes is released. */
  stop(): void {
    this.#over = true;
    this.#dialogs.terminateEarly();
  }
}

const unreachable = (cause: unknown): TandemError =>
  new TandemError('network', 'call.unreachable', 'The address called cannot be found.', { cause });
