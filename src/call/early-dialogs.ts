// The early dialogs of a caller: what 18x, PRACK and UPDATE make of each, and whom of them the owner hears (RFC 3261 13.2.2.1,
// RFC 3262 4, RFC 3311 5; IR.92 2.2.5, 2.2.7).
import type { TandemError } from '#src/base/errors.ts';
import type { Elsewhere } from '#src/media/elsewhere.ts';
import type { MediaAgreement } from '#src/sdp/agreement.ts';
import type { MediaWish } from '#src/sdp/capabilities.ts';
import type { OfferAnswer } from '#src/sdp/offer-answer.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { hasToken, type SipMessage, type SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import { sameAddress } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { sdpBytes } from './body.ts';
import type { CallMediaSet } from './call-media.ts';
import { CALL_WAITING_ALERT } from './capabilities.ts';
import type { DialogSet, Leg } from './dialogs.ts';
import { authorisationOf, EarlyMedia } from './early-media.ts';
import { EarlyUpdates } from './early-updates.ts';
import type { CallContext } from './facts.ts';
import { lineSending } from './headers.ts';
import { isReliable, Pracks } from './pracks.ts';
import { faultOf } from './security.ts';
import { connectionOf } from './way.ts';
import type { CallWorld } from './world.ts';

const RINGING = 180;
const CALL_DOES_NOT_EXIST = 481;
const REQUEST_TIMEOUT = 408;

/** The INVITE whose answers these are. */
export interface Origin {
  readonly request: SipRequest;
  /** With our offer waiting; each dialog gets a copy. */
  readonly offers: OfferAnswer;
  /** Over which the answer came. */
  readonly flow: Flow | undefined;
}

export interface EarlyHooks {
  readonly hidden: boolean;
  /** Undefined before anything was sent. */
  origin(): Origin | undefined;
  wish(): MediaWish;
}

export class EarlyDialogs {
  readonly #call: CallContext;
  readonly #dialogs: DialogSet;
  readonly #media: CallMediaSet;
  readonly #hooks: EarlyHooks;
  readonly #pracks: Pracks;
  readonly #updates: EarlyUpdates;
  readonly #arbiter: EarlyMedia;
  readonly #unlisten: () => void;

  constructor(
    world: CallWorld,
    call: CallContext,
    dialogs: DialogSet,
    media: CallMediaSet,
    hooks: EarlyHooks,
  ) {
    this.#call = call;
    this.#dialogs = dialogs;
    this.#media = media;
    this.#hooks = hooks;
    this.#arbiter = new EarlyMedia(world.config.earlyMedia ?? 'auto');
    this.#pracks = new Pracks(world.ua, () => lineSending(world.line), {
      onAcknowledged: (leg, answer) => {
        this.#listen(leg, answer);
        this.#updates.follow(leg);
        this.#apply();
      },
      onRefused: (leg, status) => {
        if (status === CALL_DOES_NOT_EXIST || status === REQUEST_TIMEOUT) this.#gone(leg);
      },
    });
    this.#updates = new EarlyUpdates(world, {
      hidden: hooks.hidden,
      wish: () => hooks.wish(),
      changed: (leg, message) => {
        this.#listen(leg, message);
        if (leg.state === 'early') this.#apply();
        else if (leg.state === 'confirmed') this.#media.apply(leg.offers.media, { stage: 'established' });
        call.changed();
      },
      gone: (leg) => this.#gone(leg),
      settled: (leg) => call.agreed(leg),
    });
    this.#unlisten = media.onHeard.on((from) => this.#hear(from));
  }

  /** The dialog of an answer to the INVITE; made when it is new. Undefined: it makes none, or there is no room for it. */
  legOf(response: SipResponse): Leg | undefined {
    // A peer of RFC 2543 answers without a tag (RFC 3261 12.1.2); its 2xx wants an ACK all the same.
    const tag = response.to.tag ?? (response.isSuccess ? '' : undefined);
    const origin = this.#hooks.origin();
    if (tag === undefined || !origin) return undefined;
    const known = this.#dialogs.find(tag);
    if (known && known.state !== 'terminated') {
      known.dialog.update(response);
      return known;
    }
    // One that was given up comes back only with a 2xx, which must be acknowledged.
    if (!response.isSuccess && (known || this.#dialogs.isFull)) return undefined;
    const dialog = Dialog.uac(origin.request, response);
    if (origin.flow) dialog.flow = connectionOf(dialog, origin.flow);
    const reliable = hasToken(origin.request.supported, '100rel');
    return this.#dialogs.add(dialog, origin.offers.fork(), 'early', reliable);
  }

  /** A 18x: its dialog is kept; what is reliable is taken in its order, once, and acknowledged. */
  keep(response: SipResponse): void {
    const leg = this.legOf(response);
    if (!leg) {
      this.#ringsWithoutDialog(response);
      return;
    }
    const arrival = this.#pracks.arrival(leg, response);
    if (arrival === 'again' || arrival === 'gap') return;
    this.#describe(leg, response, arrival === 'next');
    if (response.status === RINGING) this.#arbiter.note(leg.remoteTag, { ringing: true });
    if (response.headerValues('Alert-Info').some((value) => value.startsWith(CALL_WAITING_ALERT)))
      this.#call.notes.set({ callee_waiting: true });
    this.#listen(leg, response);
    if (arrival === 'next') this.#pracks.acknowledge(leg, response);
    this.#apply();
  }

  /** A peer of RFC 2543, or one dialog too many: it rings all the same. */
  #ringsWithoutDialog({ status, to }: SipResponse): void {
    const isOver = to.tag !== undefined && this.#dialogs.find(to.tag)?.state === 'terminated';
    if (status !== RINGING || isOver) return;
    this.#arbiter.note(to.tag ?? '', { ringing: true });
    this.#apply();
  }

  /** The call was given up; a reliable response wants its PRACK all the same (RFC 3262 4). */
  acknowledge(response: SipResponse): void {
    const leg = isReliable(response) ? this.legOf(response) : undefined;
    if (leg && this.#pracks.arrival(leg, response) === 'next') this.#pracks.acknowledge(leg, response);
  }

  /**
   * RFC 6337 2.1: a description in a reliable response is the answer, one in another response shows it beforehand. A
   * further one in the same dialog is none (RFC 3261 13.2.1); one that cannot be used leaves it to the 2xx.
   */
  #describe(leg: Leg, response: SipResponse, reliable: boolean): void {
    const body = sdpBytes(response);
    if (!body || leg.offers.settled) return;
    if (reliable) {
      if (!leg.offers.answer(body).ok) return;
      leg.preview = undefined;
    } else {
      const origin = this.#hooks.origin();
      const preview = leg.preview ? undefined : origin?.offers.fork();
      if (!preview?.answer(body).ok) return;
      leg.preview = preview;
    }
    this.#arbiter.note(leg.remoteTag, { described: true });
  }

  /** P-Early-Media in a 18x, the 2xx to a PRACK, an UPDATE or its 2xx (RFC 5009 7). */
  #listen(leg: Leg, message: SipMessage): void {
    if (leg.state !== 'early') return;
    const authorisation = authorisationOf(message, mediaOf(leg)?.audio?.index ?? 0);
    this.#arbiter.note(leg.remoteTag, { authorisation });
  }

  /** Sound came in: from the dialog that is set, or from the place of another one. */
  #hear(from: Elsewhere | undefined): void {
    if (this.#dialogs.confirmed) return;
    const tag = from
      ? this.#dialogs.early.find((leg) => isAt(mediaOf(leg), from))?.remoteTag
      : this.#arbiter.decision.play;
    if (tag === undefined) return;
    this.#arbiter.hear(tag, from?.present ?? false);
    this.#apply();
  }

  /** UPDATE of the callee. */
  update(incoming: Incoming, leg: Leg): void {
    this.#updates.answer(incoming, leg);
  }

  #gone(leg: Leg): void {
    if (leg.state === 'early') this.#call.dispatch('fork-gone', { leg });
  }

  /** 199, a BYE of the callee, or a dialog that is lost: this one only. */
  drop(known: Leg | undefined, response: SipResponse | undefined): void {
    // RFC 6228 6: a 199 that is reliable is acknowledged as any other.
    if (response) this.acknowledge(response);
    const tag = response?.to.tag;
    const leg = known ?? (tag === undefined ? undefined : this.#dialogs.find(tag));
    if (tag !== undefined && !leg) this.#arbiter.drop(tag);
    if (leg?.state !== 'early') return;
    this.#dialogs.terminate(leg);
    this.#arbiter.drop(leg.remoteTag);
    this.#apply();
  }

  /** The INVITE goes out anew: its dialogs may come again, as other ones. */
  forget(): void {
    this.#dialogs.forgetEarly();
    this.#arbiter.reset();
    this.#media.sound.tone('none');
    this.#media.mute();
  }

  #apply(): void {
    const { early } = this.#dialogs;
    if (this.#dialogs.confirmed || this.#call.state === 'cancelling') return;
    const { play, receive, send, tone } = this.#arbiter.decision;
    const playing = early.find((leg) => leg.remoteTag === play);
    this.#media.sound.tone(tone);
    this.#media.apply(playing && mediaOf(playing), {
      stage: 'early',
      others: early.flatMap((leg) => (leg === playing ? [] : (mediaOf(leg) ?? []))),
      gate: { receive, send },
    });
  }

  /** Our sound goes out before the answer: tones of the owner may go with it. */
  get mayTalk(): boolean {
    return this.#dialogs.confirmed === undefined && this.#arbiter.decision.send;
  }

  /** This one became the call. An offer of ours that is still out there is followed up when it is over. */
  confirm(leg: Leg): void {
    this.#dialogs.terminateOthers(leg);
    this.#media.sound.tone('none');
    if (!this.#updates.isOut(leg)) this.#call.agreed(leg);
  }

  stop(): void {
    this.#unlisten();
    this.#updates.stop();
  }
}

/** What is agreed, or was shown beforehand. */
const mediaOf = ({ offers, preview }: Leg): MediaAgreement | undefined => offers.media ?? preview?.media;

const isAt = (media: MediaAgreement | undefined, { address, port }: Elsewhere): boolean =>
  [media?.audio, media?.video].some(
    (stream) => stream?.remote.port === port && sameAddress(stream.remote.address, address),
  );

/**
 * What the 2xx settles. Its description is the answer unless a reliable 18x of this dialog brought one already (RFC 6337
 * 2.1); without one an unreliable 18x counts (RFC 3261 13.2.1).
 */
export function settle(leg: Leg, body: Buffer | undefined): { readonly error?: TandemError } | undefined {
  if (leg.offers.settled) return undefined;
  if (body) {
    const settled = leg.offers.answer(body);
    return settled.ok ? undefined : { error: faultOf(settled.error) };
  }
  if (!leg.preview) return {};
  leg.offers = leg.preview;
  return undefined;
}
