// Descriptions that pass before an INVITE to us is answered: in reliable responses, PRACK and UPDATE (RFC 3262 5, RFC 3311 5).
import type { Timer } from '#src/base/clock.ts';
import type { TandemError } from '#src/base/errors.ts';
import type { MediaAgreement } from '#src/sdp/agreement.ts';
import type { MediaWish } from '#src/sdp/capabilities.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import type { Incoming, Sending } from '#src/sip/ua/user-agent.ts';
import { sdpBody, sdpBytes, UNSUPPORTED_BODY } from './body.ts';
import type { Leg } from './dialogs.ts';
import { EARLY_TABLE, type EarlyAction, type EarlyEvent, type EarlyState } from './early-exchange-table.ts';
import type { HeaderPairs } from './facts.ts';
import { askedDelay, glareWait, retryDelay } from './glare.ts';
import { answerOf, conditionHeaders, inDialogHeaders, lineSending, retryAfter } from './headers.ts';
import { mediaAddress, refusalOf } from './offers.ts';
import { faultOf } from './security.ts';
import type { CallWorld } from './world.ts';

/** What the exchange asks of the called side. */
export interface EarlyOwner {
  readonly leg: Leg | undefined;
  /** What we want of an offer of theirs, or of ours when there is none. */
  wish(offer?: Buffer): MediaWish;
  /** Header fields of a 2xx that names our Contact. */
  headers(): HeaderPairs;
  /** The caller takes UPDATE. */
  readonly takesUpdate: boolean;
  /** A description is in force. */
  settled(media: MediaAgreement): void;
  failed(error: TandemError): void;
}

const OK = 200;
const SERVER_ERROR = 500;
const REQUEST_PENDING = 491;
/** Crossings one after the other, before a change is given up. */
const MOST_TRIES = 4;

interface Circumstances {
  readonly incoming?: Incoming;
  readonly body?: Buffer;
  readonly response?: SipResponse;
}

export class EarlyExchange {
  readonly #world: CallWorld;
  readonly #owner: EarlyOwner;
  #state: EarlyState;
  #sending: Sending | undefined;
  #retry: Timer | undefined;
  #tries = 0;

  constructor(world: CallWorld, owner: EarlyOwner, first: 'unasked' | 'offered') {
    this.#world = world;
    this.#owner = owner;
    this.#state = first;
  }

  get state(): EarlyState {
    return this.#state;
  }

  /** No description is owed by anybody, or none was promised yet: the 200 may leave. */
  get isQuiet(): boolean {
    return this.#state !== 'asked' && this.#state !== 'updating' && this.#retry === undefined;
  }

  /** Our description left in a reliable response. */
  sent(what: 'answer' | 'offer'): void {
    this.#fire(what === 'answer' ? 'answer-sent' : 'offer-sent', {});
  }

  /** A PRACK that acknowledges what was out; an UPDATE. Each gets its answer here. */
  receive(incoming: Incoming): void {
    const body = sdpBody(incoming.request);
    const isPrack = incoming.request.method === 'PRACK';
    if (body.kind === 'foreign') {
      incoming.respond(UNSUPPORTED_BODY.status, answerOf(UNSUPPORTED_BODY));
    } else if (body.kind === 'none') {
      this.#fire(isPrack ? 'prack' : 'update', { incoming });
    } else {
      this.#fire(isPrack ? 'prack-described' : 'update-offer', { incoming, body: body.bytes });
    }
  }

  /** The final answer leaves, or the call is over. */
  close(): void {
    this.#fire('final', {});
  }

  #fire(event: EarlyEvent, facts: Circumstances): void {
    const found = EARLY_TABLE[this.#state][event];
    if (found === 'ignored') return;
    this.#state = found.next;
    for (const action of found.actions) this.#actions[action](facts);
  }

  readonly #actions: Readonly<Record<EarlyAction, (facts: Circumstances) => void>> = {
    accept: ({ incoming }) => {
      if (incoming) incoming.respond(OK, { headers: this.#headers(incoming) });
    },
    answer: (facts) => this.#answer(facts),
    settle: ({ body }) => this.#settle(body),
    send: () => this.#send(),
    'settle-change': ({ response }) => this.#settleChange(response),
    rollback: () => this.#owner.leg?.offers.rollback(),
    wait: ({ response }) => this.#wait(response),
    'stop-waiting': () => {
      this.#retry?.cancel();
      this.#retry = undefined;
      this.#sending = undefined;
    },
    'refuse-491': ({ incoming }) => incoming?.respond(REQUEST_PENDING),
    'refuse-500': ({ incoming }) =>
      incoming?.respond(SERVER_ERROR, { headers: [retryAfter(askedDelay(this.#world.random))] }),
  };

  /** An UPDATE may refresh the target, a PRACK may not (RFC 3311 5.2, RFC 3262 6). */
  #headers({ request }: Incoming): HeaderPairs {
    return request.method === 'UPDATE' ? this.#owner.headers() : [];
  }

  #answer({ incoming, body }: Circumstances): void {
    const { leg } = this.#owner;
    if (!incoming || !body || !leg) return;
    const answered = leg.offers.answerTo(body, this.#owner.wish(body));
    if (!answered.ok) {
      // What is in force stays (RFC 3311 5.2).
      const { refusal } = refusalOf(answered.error, mediaAddress(this.#world, incoming.flow, body));
      incoming.respond(refusal.status, answerOf(refusal));
      return;
    }
    const { answer, media } = answered.value;
    const headers = [...this.#headers(incoming), ...conditionHeaders(answer)];
    incoming.respond(OK, { headers, body: answer });
    this.#owner.settled(media);
  }

  #settle(body: Buffer | undefined): void {
    const { leg } = this.#owner;
    if (!leg || !body) return;
    const settled = leg.offers.answer(body);
    if (!settled.ok) {
      this.#owner.failed(faultOf(settled.error));
      return;
    }
    // First, so that nothing is ready before the caller has heard.
    this.#changeIfDue(leg);
    this.#owner.settled(settled.value);
  }

  /** Resources to be confirmed, or one codec of several (RFC 3312 7, 24.229 6.1.3). */
  #changeIfDue(leg: Leg): void {
    const several = this.#world.line.profile === 'ims' && leg.offers.reofferNeeded;
    if (this.#owner.takesUpdate && (leg.offers.confirmationDue || several)) this.#fire('change', {});
  }

  #send(): void {
    const { leg } = this.#owner;
    if (!leg) return;
    const { ua, line } = this.#world;
    const body = leg.offers.offer(this.#owner.wish());
    const request = leg.dialog.createRequest('UPDATE', {
      headers: [...inDialogHeaders(), ...conditionHeaders(body)],
      body,
    });
    const sending = ua.sendInDialog(
      leg.dialog,
      request,
      {
        onFinal: (response) => {
          if (this.#sending === sending) this.#final(response);
        },
        onFailure: () => {
          if (this.#sending !== sending) return;
          this.#fire('refused', {});
          this.#tell();
        },
      },
      lineSending(line),
    );
    this.#sending = sending;
  }

  #final(response: SipResponse): void {
    const crossed = response.status === REQUEST_PENDING || retryDelay(response) !== undefined;
    this.#fire(response.isSuccess ? 'changed' : crossed ? 'crossed' : 'refused', { response });
    this.#tell();
  }

  #settleChange(response: SipResponse | undefined): void {
    const { leg } = this.#owner;
    const body = response && sdpBytes(response);
    // An answer that cannot be used leaves what was in force.
    if (leg && !(body && leg.offers.answer(body).ok)) leg.offers.rollback();
  }

  /** What is in force now, changed or not. */
  #tell(): void {
    const media = this.#state === 'settled' ? this.#owner.leg?.offers.media : undefined;
    if (media) this.#owner.settled(media);
  }

  #wait(response: SipResponse | undefined): void {
    this.#tries += 1;
    if (this.#tries >= MOST_TRIES) return;
    const { clock, random } = this.#world;
    // The caller owns the Call-ID.
    const wait = (response && retryDelay(response)) ?? glareWait(random, false);
    this.#retry = clock.after(wait, () => {
      this.#retry = undefined;
      this.#fire('change', {});
    });
  }
}
