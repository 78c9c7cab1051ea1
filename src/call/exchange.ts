// RFC 3261 14, RFC 3311: one change of a call at a time, ours or the peer's, and what happens when they meet. What is changed is its owner's.
import type { Timer } from '#src/base/clock.ts';
import type { Milliseconds } from '#src/base/units.ts';
import { endsWhat } from '#src/sip/dialog/usage.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import type { Incoming, Sending } from '#src/sip/ua/user-agent.ts';
import { sdpBody, sdpBytes } from './body.ts';
import { SDP_TYPE } from './capabilities.ts';
import type { Leg } from './dialogs.ts';
import {
  EXCHANGE_TABLE,
  type ExchangeAction,
  type ExchangeEvent,
  type ExchangeState,
} from './exchange-table.ts';
import type { HeaderPairs, Refusal } from './facts.ts';
import { askedDelay, glareWait, retryDelay } from './glare.ts';
import {
  answerOf,
  conditionHeaders,
  dialogHeaders,
  inDialogHeaders,
  lineSending,
  retryAfter,
} from './headers.ts';
import { HeldBack, type HeldBackEnd, RELIABILITY_REQUIRED, takesReliable } from './held-back.ts';
import { Pracks } from './pracks.ts';
import { hidesUs, OPEN, type PrivacySettings, privacyWithin } from './privacy.ts';
import type { SessionTimer } from './session-timer.ts';
import type { CallWorld } from './world.ts';

/** What the exchange asks of whoever knows what the call should be. */
export interface ExchangeOwner {
  /** Our offer as it should be now. */
  offer(leg: Leg, occasion: 'change' | 'asked'): Buffer;
  /** The answer to our offer, undefined when it brought none. */
  settle(leg: Leg, answer: Buffer | undefined): void;
  /** The answer to our offer ahead of the final response: false when it cannot be used. Then it is final. */
  preview(leg: Leg, answer: Buffer): boolean;
  settlePreview(leg: Leg): void;
  /** `waits`: it has conditions that are not met, and is not in force before they are. */
  answer(
    leg: Leg,
    offer: Buffer,
    incoming: Incoming,
  ): { readonly answer: Buffer; readonly waits: boolean } | { readonly refusal: Refusal };
  /** What was answered is in force now. */
  answered(leg: Leg): void;
  /** What was answered, or previewed, came to nothing: all is as it was before. */
  undo(leg: Leg): void;
  /** Our offer met a refusal for good. True: another one is to be offered at once. */
  refused(leg: Leg, response: SipResponse | undefined): boolean;
  /** No dialog any more, or no answer. */
  lost(status: number): void;
}

interface Sent {
  readonly leg: Leg;
  readonly sending: Sending;
}

/** What happens comes with these. */
interface Circumstances {
  readonly leg?: Leg;
  readonly incoming?: Incoming;
  readonly offer?: Buffer;
  readonly response?: SipResponse;
  readonly answer?: Buffer | undefined;
  readonly status?: number;
}

const OK = 200;
const REQUEST_TIMEOUT = 408;
const UNSUPPORTED_MEDIA_TYPE = 415;
const CALL_DOES_NOT_EXIST = 481;
const REQUEST_TERMINATED = 487;
const REQUEST_PENDING = 491;
const SERVER_ERROR = 500;
const SERVER_TIMEOUT = 504;
const PRECONDITION_FAILURE = 580;
/** RFC 3261 14.1: of the codes of RFC 5057 these leave the session as it was; a call is not given up for a refused change. */
const ONLY_REFUSED: readonly number[] = [405, 480, 501];
/** The method is not known there, whatever its Allow said. */
const NO_SUCH_METHOD: readonly number[] = [405, 501];
/** Crossings and delays one after the other, before a change counts as refused. */
const MOST_TRIES = 8;

export class Exchange {
  readonly #world: CallWorld;
  readonly #owner: ExchangeOwner;
  readonly #session: SessionTimer;
  readonly #ownsCallId: boolean;
  #state: ExchangeState = 'idle';
  /** Our re-INVITE or UPDATE with an offer. */
  #sent: Sent | undefined;
  /** Their re-INVITE that waits for its resources. */
  #heldBack: HeldBack | undefined;
  /** A change of ours that waits for its turn. */
  #wanted: Leg | undefined;
  #retry: Timer | undefined;
  #tries = 0;
  /** Of refreshes, which are tried again for as long as the session lasts. */
  #crossings = 0;
  #noUpdate = false;

  constructor(world: CallWorld, owner: ExchangeOwner, session: SessionTimer, ownsCallId: boolean) {
    this.#world = world;
    this.#owner = owner;
    this.#session = session;
    this.#ownsCallId = ownsCallId;
  }

  get state(): ExchangeState {
    return this.#state;
  }

  /** Our 200 to the first INVITE has gone; nothing of ours before its ACK. */
  setUp(): void {
    this.#fire('set-up', {});
  }

  acknowledged(): void {
    this.#fire('ack', {});
  }

  /** Ours, now or as soon as the dialog lets it. */
  change(leg: Leg): void {
    if (leg.state !== 'confirmed') return;
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#fire('invite', { leg });
  }

  /** The session is refreshed: by UPDATE where the peer takes it, else by a re-INVITE that changes nothing. */
  refresh(leg: Leg): void {
    if (leg.state === 'confirmed' && this.#mayUpdate(leg)) this.#fire('refresh', { leg });
    else this.change(leg);
  }

  #mayUpdate(leg: Leg): boolean {
    return !this.#noUpdate && leg.dialog.peerAllows('UPDATE') === true;
  }

  /** Theirs. */
  receive(incoming: Incoming, leg: Leg): void {
    const { request } = incoming;
    const body = sdpBody(request);
    const refusal = this.#session.refusalOf(request);
    if (body.kind === 'foreign') {
      incoming.respond(UNSUPPORTED_MEDIA_TYPE, { headers: [['Accept', SDP_TYPE]] });
    } else if (refusal) {
      incoming.respond(refusal.status, answerOf(refusal));
    } else if (this.#state === 'idle' && leg.offers.offering && body.kind === 'sdp') {
      // An UPDATE of the time before the answer is still under way (RFC 3311 5.2).
      incoming.respond(REQUEST_PENDING);
    } else if (body.kind === 'sdp') {
      const event = request.method === 'INVITE' ? 'invite-offer' : 'update-offer';
      this.#fire(event, { leg, incoming, offer: body.bytes });
    } else {
      this.#fire(request.method === 'INVITE' ? 'invite-empty' : 'update-empty', { leg, incoming });
    }
  }

  stop(): void {
    this.#fire('stop', {});
    this.#retry?.cancel();
    this.#wanted = undefined;
  }

  #fire(event: ExchangeEvent, facts: Circumstances): void {
    const found = EXCHANGE_TABLE[this.#state][event];
    if (found === 'ignored') return;
    this.#state = found.next;
    for (const action of found.actions) this.#actions[action](facts);
  }

  readonly #actions: Readonly<Record<ExchangeAction, (facts: Circumstances) => void>> = {
    send: ({ leg }) => this.#send(leg),
    'send-refresh': ({ leg }) => this.#sendRefresh(leg),
    note: ({ leg }) => {
      this.#wanted = leg;
    },
    next: () => {
      const leg = this.#wanted;
      this.#wanted = undefined;
      if (leg && !this.#retry) this.change(leg);
    },
    answer: (facts) => {
      this.#answer(facts);
      this.#completeWhenReady();
    },
    offer: (facts) => this.#offer(facts),
    accept: ({ incoming, leg }) => {
      if (leg) incoming?.respond(OK, { headers: this.#answerHeaders(incoming, leg) });
    },
    'refuse-491': ({ incoming }) => incoming?.respond(REQUEST_PENDING),
    'refuse-500': ({ incoming }) =>
      incoming?.respond(SERVER_ERROR, { headers: [retryAfter(askedDelay(this.#world.random))] }),
    'refuse-481': ({ incoming }) => incoming?.respond(CALL_DOES_NOT_EXIST),
    settle: ({ leg, response }) => {
      this.#tries = 0;
      if (!leg || !response) return;
      this.#session.accepted(response);
      this.#owner.settle(leg, sdpBytes(response));
    },
    'settle-preview': ({ leg, response }) => {
      this.#tries = 0;
      if (!leg || !response) return;
      this.#session.accepted(response);
      this.#owner.settlePreview(leg);
    },
    undo: ({ leg }) => {
      if (leg) this.#owner.undo(leg);
    },
    complete: () => this.#complete(),
    'give-back-487': () => this.#giveBack(REQUEST_TERMINATED),
    'give-back-504': () => this.#giveBack(SERVER_TIMEOUT),
    'give-back-580': () => this.#giveBack(PRECONDITION_FAILURE),
    'settle-ack': ({ leg, answer }) => {
      if (leg) this.#owner.settle(leg, answer);
    },
    rollback: ({ leg }) => (leg ?? this.#sent?.leg)?.offers.rollback(),
    wait: ({ leg, response }) => this.#again(leg, response, glareWait(this.#world.random, this.#ownsCallId)),
    'wait-longer': ({ leg, response }) => this.#again(leg, response, response && retryDelay(response)),
    'tell-refused': ({ leg, response }) => this.#refused(leg, response),
    'tell-refreshed': ({ response }) => {
      this.#crossings = 0;
      if (response) this.#session.accepted(response);
    },
    'tell-not-refreshed': ({ leg, response }) => this.#notRefreshed(leg, response),
    release: ({ status }) => this.#owner.lost(status ?? REQUEST_TIMEOUT),
    cancel: () => this.#sent?.sending.cancel(),
  };

  #send(leg: Leg | undefined): void {
    if (!leg) return;
    const { ua, line } = this.#world;
    const body = this.#owner.offer(leg, 'change');
    const headers = this.#requestHeaders(leg, 'INVITE');
    const request = leg.dialog.createRequest('INVITE', { headers, body });
    // They are numbered anew for each INVITE.
    const pracks = new Pracks(ua, () => lineSending(line), {
      onAcknowledged: () => undefined,
      onRefused: (_leg, status) => {
        if (isLost(status, 'PRACK')) this.#fire('lost', { leg, status });
      },
    });
    const sending = ua.sendInDialog(
      leg.dialog,
      request,
      {
        onProvisional: (response) => this.#provisional(leg, pracks, response),
        onFinal: (response) => {
          // Of a challenged request the ACK goes with the last one.
          if (response.isSuccess) ua.ack(leg.dialog, sending.request, { flow: line.flow });
          this.#sent = undefined;
          this.#fire(eventOf(response, 'INVITE'), { leg, response, status: response.status });
        },
        onFailure: () => {
          this.#sent = undefined;
          this.#fire('lost', { leg, status: REQUEST_TIMEOUT });
        },
      },
      lineSending(line),
    );
    this.#sent = { leg, sending };
  }

  /** RFC 3262 4: what is reliable is acknowledged, once and in its order; its description is the answer. */
  #provisional(leg: Leg, pracks: Pracks, response: SipResponse): void {
    if (pracks.arrival(leg, response) !== 'next') return;
    const answer = leg.offers.offering ? sdpBytes(response) : undefined;
    if (answer && this.#owner.preview(leg, answer)) this.#fire('preview', { leg, response });
    pracks.acknowledge(leg, response);
  }

  #sendRefresh(leg: Leg | undefined): void {
    if (!leg) return;
    const { ua, line } = this.#world;
    const request = leg.dialog.createRequest('UPDATE', { headers: this.#requestHeaders(leg, 'UPDATE') });
    ua.sendInDialog(
      leg.dialog,
      request,
      {
        onFinal: (response) => {
          const lost = eventOf(response, 'UPDATE') === 'lost';
          const event = response.isSuccess ? 'refreshed' : lost ? 'lost' : 'not-refreshed';
          this.#fire(event, { leg, response, status: response.status });
        },
        onFailure: () => this.#fire('lost', { leg, status: REQUEST_TIMEOUT }),
      },
      lineSending(line),
    );
  }

  #requestHeaders({ dialog, offers, reliable }: Leg, method: 'INVITE' | 'UPDATE'): HeaderPairs {
    const hasConditions = offers.preconditions !== undefined && offers.preconditions !== 'none';
    return [
      ...inDialogHeaders({ conditions: hasConditions, reliable: method === 'INVITE' && reliable }),
      ...privacyWithin(dialog, this.#privacy),
      ...this.#session.requestHeaders(),
    ];
  }

  get #privacy(): PrivacySettings {
    return this.#world.config.privacy ?? OPEN;
  }

  #answerHeaders(incoming: Incoming, leg: Leg): HeaderPairs {
    return [...this.#dialogHeaders(incoming, leg), ...this.#session.answerHeaders(incoming.request)];
  }

  #dialogHeaders({ flow }: Incoming, { dialog }: Leg): HeaderPairs {
    return [
      ...dialogHeaders(this.#world.line, flow, hidesUs(dialog, this.#privacy)),
      ...privacyWithin(dialog, this.#privacy),
    ];
  }

  #answer({ leg, incoming, offer }: Circumstances): void {
    if (!leg || !incoming || !offer) return;
    const found = this.#owner.answer(leg, offer, incoming);
    if ('refusal' in found) {
      incoming.respond(found.refusal.status, answerOf(found.refusal));
      if (incoming.request.method === 'INVITE') this.#fire('declined', {});
      return;
    }
    if (incoming.request.method === 'INVITE' && found.waits) {
      this.#holdBack(incoming, leg, found.answer);
      return;
    }
    this.#awaitAck(incoming, leg);
    incoming.respond(OK, {
      headers: this.#describedHeaders(incoming, leg, found.answer),
      body: found.answer,
    });
    // What goes ahead of a final response is in force with that one (RFC 6141 3), conditions or not.
    const isAhead = this.#state === 'described' || this.#state === 'conditional';
    if (!isAhead && !found.waits) this.#owner.answered(leg);
  }

  /** Of a 2xx with our answer. A PRACK refreshes neither target nor session (RFC 3262 6). */
  #describedHeaders(incoming: Incoming, leg: Leg, answer: Buffer): HeaderPairs {
    const { method } = incoming.request;
    return [
      ...(method === 'PRACK' ? [] : this.#answerHeaders(incoming, leg)),
      ...(method === 'INVITE' ? [] : conditionHeaders(answer)),
    ];
  }

  #holdBack(incoming: Incoming, leg: Leg, body: Buffer): void {
    if (!takesReliable(incoming.request)) {
      this.#owner.undo(leg);
      incoming.respond(RELIABILITY_REQUIRED.status, answerOf(RELIABILITY_REQUIRED));
      this.#fire('declined', {});
      return;
    }
    this.#fire('held-back', {});
    const onEnd = (how: HeldBackEnd): void => this.#fire(how, { leg });
    const headers = this.#dialogHeaders(incoming, leg);
    this.#heldBack = new HeldBack(this.#world, { leg, incoming, headers, body, onEnd });
  }

  /** A PRACK of theirs: true when it is for what went ahead of our final response, and is answered. */
  acknowledgeProvisional(prack: Incoming): boolean {
    const held = this.#heldBack;
    if (!held?.acknowledge(prack.request)) return false;
    const body = sdpBody(prack.request);
    if (body.kind === 'sdp') this.#answer({ leg: held.leg, incoming: prack, offer: body.bytes });
    else prack.respond(OK);
    this.#completeWhenReady();
    return true;
  }

  #completeWhenReady(): void {
    if (this.#heldBack?.isReady) this.#fire('met', {});
  }

  #complete(): void {
    const held = this.#take();
    if (!held) return;
    const { incoming, leg } = held;
    this.#awaitAck(incoming, leg);
    held.finish(OK, { headers: this.#answerHeaders(incoming, leg) });
    this.#owner.answered(leg);
  }

  #giveBack(status: number): void {
    const held = this.#take();
    if (!held) return;
    const body = status === PRECONDITION_FAILURE ? held.leg.offers.preconditionFailure : undefined;
    this.#owner.undo(held.leg);
    held.finish(status, body ? { body } : {});
  }

  #take(): HeldBack | undefined {
    const held = this.#heldBack;
    this.#heldBack = undefined;
    return held;
  }

  #offer({ leg, incoming }: Circumstances): void {
    if (!leg || !incoming) return;
    const body = this.#owner.offer(leg, 'asked');
    this.#awaitAck(incoming, leg);
    incoming.respond(OK, { headers: this.#answerHeaders(incoming, leg), body });
  }

  #awaitAck(incoming: Incoming, leg: Leg): void {
    if (incoming.request.method !== 'INVITE') return;
    incoming.onAck.on((ack) => this.#fire('ack', { leg, answer: sdpBytes(ack) }));
    incoming.onAckTimeout.on(() => this.#fire('no-ack', { leg, status: REQUEST_TIMEOUT }));
  }

  #again(leg: Leg | undefined, response: SipResponse | undefined, wait: Milliseconds | undefined): void {
    this.#tries += 1;
    if (!leg || wait === undefined || this.#tries >= MOST_TRIES) {
      this.#refused(leg, response);
      return;
    }
    this.#wanted = undefined;
    this.#retry = this.#world.clock.after(wait, () => this.change(leg));
  }

  #refused(leg: Leg | undefined, response: SipResponse | undefined): void {
    this.#tries = 0;
    if (!leg) return;
    const raised = response !== undefined && this.#session.refused(response);
    if (raised || this.#owner.refused(leg, response)) this.change(leg);
  }

  #notRefreshed(leg: Leg | undefined, response: SipResponse | undefined): void {
    if (!leg || !response) return;
    if (NO_SUCH_METHOD.includes(response.status)) this.#noUpdate = true;
    if (this.#noUpdate || this.#session.refused(response, this.#refreshWait(response))) this.refresh(leg);
  }

  /** RFC 3311 5.3: as of any change. Who has crossed too often waits for what the timer has. */
  #refreshWait(response: SipResponse): Milliseconds | undefined {
    this.#crossings += 1;
    if (this.#crossings >= MOST_TRIES) return undefined;
    return response.status === REQUEST_PENDING
      ? glareWait(this.#world.random, this.#ownsCallId)
      : retryDelay(response);
  }
}

function eventOf(response: SipResponse, method: string): ExchangeEvent {
  const { status } = response;
  if (response.isSuccess) return 'success';
  if (status === REQUEST_PENDING) return 'pending';
  if (retryDelay(response) !== undefined) return 'later';
  return isLost(status, method) ? 'lost' : 'refused';
}

const isLost = (status: number, method: string): boolean =>
  endsWhat(status, method) !== 'transaction' && !ONLY_REFUSED.includes(status);
