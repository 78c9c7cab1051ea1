// The called side of a call: ringing, answer, refusal, the ACK (RFC 3261 13.3, 15; 24.229 5.1.4).
import type { Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { toMilliseconds } from '#src/base/units.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { sdpBytes } from './body.ts';
import { CALL_WAITING_ALERT } from './capabilities.ts';
import type { DialogSet, Leg } from './dialogs.ts';
import type { CallContext, Refusal } from './facts.ts';
import { dialogHeaders } from './headers.ts';
import { mediaAddress, newOffers, refusalOf } from './offers.ts';
import type { Sound } from './sound.ts';
import { connectionOf } from './way.ts';
import type { CallWorld } from './world.ts';

const TRYING = 100;
const RINGING = 180;
const OK = 200;
/** An answer that fails for want of ports or devices: other devices of the number may still take the call. */
const SERVER_ERROR = 500;

export class CalleeRole {
  readonly #world: CallWorld;
  readonly #call: CallContext;
  readonly #dialogs: DialogSet;
  readonly #sound: Sound;
  readonly #incoming: Incoming;
  #ringTimer: Timer | undefined;
  #leg: Leg | undefined;
  /** The offer stood in the INVITE: the ACK need bring nothing. */
  #offered = false;
  #failure: TandemError | undefined;

  constructor(world: CallWorld, call: CallContext, dialogs: DialogSet, sound: Sound, incoming: Incoming) {
    this.#world = world;
    this.#call = call;
    this.#dialogs = dialogs;
    this.#sound = sound;
    this.#incoming = incoming;
    incoming.onCancel.on((request) => call.dispatch('cancelled', { request }));
    incoming.onAck.on((request) => call.dispatch('acknowledged', { request }));
    incoming.onAckTimeout.on(() => call.dispatch('ack-timeout'));
  }

  /** 100, then 180 with our feature tags; a waiting call says so (24.615 4.5.5.3). */
  ring(waiting: boolean): void {
    const { clock, config } = this.#world;
    this.#incoming.respond(TRYING);
    const headers = this.#dialogHeaders();
    if (waiting) headers.push(['Alert-Info', CALL_WAITING_ALERT]);
    this.#incoming.respond(RINGING, { headers });
    this.#makeDialog();
    this.#ringTimer = clock.after(toMilliseconds(config.ringTime), () => this.#call.dispatch('ring-timeout'));
  }

  #dialogHeaders(): [string, string][] {
    return dialogHeaders(this.#world.line, this.#incoming.flow).map(([name, value]) => [name, value]);
  }

  #makeDialog(): void {
    const { line } = this.#world;
    const { request, flow, localTag } = this.#incoming;
    const contact = line.contact({ privacy: false, to: flow });
    const dialog = Dialog.uas(request, { localTag, contact });
    dialog.flow = connectionOf(dialog, flow);
    // Ports come with the answer; until then nothing is negotiated in this dialog.
    const offers = newOffers(this.#world, {
      address: mediaAddress(this.#world, flow),
      port: 9,
      rtcpPort: 10,
    });
    this.#leg = this.#dialogs.add(dialog, offers, 'early');
  }

  stopRinging(): void {
    this.#ringTimer?.cancel();
  }

  /** Why an answer of the owner came to nothing. */
  get failure(): TandemError | undefined {
    return this.#failure;
  }

  /** 200 with the answer, or with an offer when the INVITE brought none. */
  accept(): void {
    const { request, flow } = this.#incoming;
    const leg = this.#leg;
    if (!leg) throw new TandemError('ours', 'call.no-dialog', 'A ringing call has no dialog.');
    const offer = sdpBytes(request);
    let body: Buffer;
    try {
      const address = mediaAddress(this.#world, flow, offer);
      leg.offers = newOffers(this.#world, this.#sound.open(address));
    } catch (cause) {
      this.#fail({ status: SERVER_ERROR }, TandemError.from(cause, 'call.media'));
      return;
    }
    if (offer) {
      const answered = leg.offers.answerTo(offer);
      if (!answered.ok) {
        const error = new TandemError(
          'peer',
          'call.offer',
          'The caller offered nothing that can be answered.',
        );
        this.#fail(refusalOf(answered.error, mediaAddress(this.#world, flow)), error);
        return;
      }
      body = answered.value.answer;
    } else {
      body = leg.offers.offer();
    }
    this.#offered = offer !== undefined;
    leg.state = 'confirmed';
    leg.dialog.confirm();
    this.#call.answered();
    this.#incoming.respond(OK, { headers: this.#dialogHeaders(), body });
    if (this.#offered) this.#sound.apply(leg.offers.audio);
  }

  #fail(refusal: Refusal, error: TandemError): void {
    this.#failure = error;
    this.#call.dispatch('answer-failed', { refusal, error });
  }

  refuse(refusal: Refusal): void {
    this.stopRinging();
    this.#incoming.respond(refusal.status, { headers: refusal.headers ?? [] });
  }

  /** Without an offer in the INVITE the ACK must bring the answer to ours (RFC 3261 13.2.1). */
  takeAck(request: SipRequest): void {
    const leg = this.#leg;
    if (!leg || this.#offered) return;
    const body = sdpBytes(request);
    if (!body || !leg.offers.answer(body).ok) {
      this.#call.dispatch('unusable');
      return;
    }
    this.#sound.apply(leg.offers.audio);
  }

  stop(): void {
    this.stopRinging();
    this.#dialogs.terminateEarly();
  }
}
