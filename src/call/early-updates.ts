// UPDATE in the early dialogs of a caller, both ways (RFC 3311 5, RFC 6337 2.2; 24.229 6.1.2).
import type { Timer } from '#src/base/clock.ts';
import type { Milliseconds } from '#src/base/units.ts';
import type { MediaWish } from '#src/sdp/capabilities.ts';
import type { SipMessage, SipResponse } from '#src/sip/message/message.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { sdpBody, sdpBytes } from './body.ts';
import { SDP_TYPE } from './capabilities.ts';
import type { Leg } from './dialogs.ts';
import { glareWait, retryDelay } from './glare.ts';
import { answerOf, conditionHeaders, dialogHeaders, inDialogHeaders, lineSending } from './headers.ts';
import { mediaAddress, refusalOf } from './offers.ts';
import type { CallWorld } from './world.ts';

/** A peer that always has something else to do does not get more tries than this. */
const MOST_TRIES = 4;

const OK = 200;
const REQUEST_TIMEOUT = 408;
const UNSUPPORTED_MEDIA_TYPE = 415;
const CALL_DOES_NOT_EXIST = 481;
const REQUEST_PENDING = 491;

export interface EarlyUpdateHooks {
  /** The callee shall not see who calls. */
  readonly hidden: boolean;
  /** The widest that we want of each stream. */
  wish(): MediaWish;
  /** A request or answer told something: P-Early-Media, another description. */
  changed(leg: Leg, message: SipMessage): void;
  /** The peer knows this dialog no more, or is silent. */
  gone(leg: Leg): void;
  /** Ours is over, and the dialog is confirmed meanwhile. */
  settled(leg: Leg): void;
}

interface Effort {
  tries: number;
  isOut: boolean;
  retry: Timer | undefined;
}

export class EarlyUpdates {
  readonly #world: CallWorld;
  readonly #hooks: EarlyUpdateHooks;
  readonly #efforts = new Map<Leg, Effort>();

  constructor(world: CallWorld, hooks: EarlyUpdateHooks) {
    this.#world = world;
    this.#hooks = hooks;
  }

  /** An UPDATE of ours in this dialog has no answer. */
  isOut(leg: Leg): boolean {
    return this.#efforts.get(leg)?.isOut ?? false;
  }

  /** Theirs. A refused one leaves everything as it was. */
  answer(incoming: Incoming, leg: Leg): void {
    const body = sdpBody(incoming.request);
    const headers = dialogHeaders(this.#world.line, incoming.flow, this.#hooks.hidden);
    if (body.kind === 'foreign') {
      incoming.respond(UNSUPPORTED_MEDIA_TYPE, { headers: [['Accept', SDP_TYPE]] });
      return;
    }
    if (body.kind === 'none') {
      incoming.respond(OK, { headers });
      this.#hooks.changed(leg, incoming.request);
      return;
    }
    // RFC 3311 5.2: our own offer, in the INVITE or in an UPDATE, has no answer in this dialog yet.
    if (leg.offers.offering) {
      incoming.respond(REQUEST_PENDING);
      return;
    }
    const answered = leg.offers.answerTo(body.bytes, this.#hooks.wish());
    if (answered.ok) {
      const { answer } = answered.value;
      incoming.respond(OK, { headers: [...headers, ...conditionHeaders(answer)], body: answer });
      this.#hooks.changed(leg, incoming.request);
    } else {
      const { refusal } = refusalOf(answered.error, mediaAddress(this.#world, incoming.flow));
      incoming.respond(refusal.status, answerOf(refusal));
    }
  }

  /**
   * What is due after an answer: one codec of several (24.229 6.1.2), our resources confirmed to a peer that waits for
   * them (RFC 3312 7). Who knows preconditions knows UPDATE, whatever its Allow says.
   */
  follow(leg: Leg): void {
    const allows = leg.dialog.peerAllows('UPDATE');
    const several = this.#world.line.profile === 'ims' && leg.offers.reofferNeeded && allows === true;
    if (several || (leg.offers.confirmationDue && allows !== false)) this.offer(leg);
  }

  /** Ours: a new offer, once the first exchange of the dialog is done. */
  offer(leg: Leg): void {
    const effort = this.#efforts.get(leg) ?? { tries: 0, isOut: false, retry: undefined };
    this.#efforts.set(leg, effort);
    effort.retry?.cancel();
    effort.retry = undefined;
    if (leg.state !== 'early' || leg.offers.offering || effort.tries >= MOST_TRIES) return;
    effort.tries += 1;
    effort.isOut = true;
    const { ua, line } = this.#world;
    const body = leg.offers.offer(this.#hooks.wish());
    const request = leg.dialog.createRequest('UPDATE', {
      headers: [...inDialogHeaders(), ...conditionHeaders(body)],
      body,
    });
    ua.sendInDialog(
      leg.dialog,
      request,
      {
        onFinal: (response) => this.#final(leg, effort, response),
        onFailure: () => this.#failed(leg, effort, REQUEST_TIMEOUT),
      },
      lineSending(line),
    );
  }

  #final(leg: Leg, effort: Effort, response: SipResponse): void {
    const body = response.isSuccess ? sdpBytes(response) : undefined;
    if (!body || !leg.offers.answer(body).ok) {
      this.#failed(leg, effort, response.status, response);
      return;
    }
    effort.isOut = false;
    this.#hooks.changed(leg, response);
    if (leg.state === 'confirmed') this.#hooks.settled(leg);
  }

  #failed(leg: Leg, effort: Effort, status: number, response?: SipResponse): void {
    effort.isOut = false;
    leg.offers.rollback();
    if (leg.state === 'confirmed') this.#hooks.settled(leg);
    else if (status === CALL_DOES_NOT_EXIST || status === REQUEST_TIMEOUT) this.#hooks.gone(leg);
    else if (status === REQUEST_PENDING) this.#later(leg, effort, glareWait(this.#world.random, true));
    else this.#later(leg, effort, response && retryDelay(response));
  }

  #later(leg: Leg, effort: Effort, wait: Milliseconds | undefined): void {
    if (wait === undefined) return;
    effort.retry = this.#world.clock.after(wait, () => this.offer(leg));
  }

  /** No more of ours. */
  stop(): void {
    for (const effort of this.#efforts.values()) effort.retry?.cancel();
  }
}
