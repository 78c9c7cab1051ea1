// One call: it owns a set of dialogs and one stream of sound, and is driven by the call table.
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Direction } from '#src/sdp/direction.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { type CallActions, callActions } from './actions.ts';
import { CalleeRole } from './callee.ts';
import { CallerRole, type OutgoingCall } from './caller.ts';
import { DialogSet, type Leg } from './dialogs.ts';
import { endOf } from './ending.ts';
import type { CallContext, Facts, Refusal } from './facts.ts';
import { lineSending } from './headers.ts';
import { answerInDialog } from './in-dialog.ts';
import { Modifications } from './modification.ts';
import type { CallEnd, CallParty, CallSnapshot, HoldState, LogRow, PublicCallState } from './snapshot.ts';
import { publicState } from './snapshot.ts';
import { Sound } from './sound.ts';
import { type CallEvent, type CallState, outcome } from './table.ts';
import type { CallWorld } from './world.ts';

/** What is known of a call from its first message. */
export interface CallIntro {
  readonly id: string;
  readonly remote: CallParty;
  /** Ours. */
  readonly identity: string;
  readonly calledIdentity?: string;
  readonly waiting: boolean;
}

export type CallOrigin =
  | { readonly direction: 'out'; readonly outgoing: OutgoingCall }
  | { readonly direction: 'in'; readonly incoming: Incoming };

export interface ReceivedDigit {
  readonly digit: string;
  readonly durationMs: number;
}

export class Call {
  readonly id: string;
  readonly direction: 'in' | 'out';
  /** Call-ID of its INVITE, for the trace. */
  readonly sipCallId: string;
  readonly onChange = new Signal<CallSnapshot>();
  readonly onDtmf = new Signal<ReceivedDigit>();
  readonly onTrouble = new Signal<TandemError>();
  /** Once, when nothing of the call is left but its memory. */
  readonly onEnded = new Signal<LogRow>();

  readonly #intro: CallIntro;
  readonly #world: CallWorld;
  readonly #sound: Sound;
  readonly #dialogs: DialogSet;
  readonly #modifications: Modifications;
  readonly #caller: CallerRole | undefined;
  readonly #callee: CalleeRole | undefined;
  readonly #actions: CallActions;
  readonly #start: string;
  #state: CallState = 'new';
  #answered: string | undefined;
  #end: CallEnd | undefined;
  #closed: Promise<void> = Promise.resolve();

  constructor(world: CallWorld, intro: CallIntro, origin: CallOrigin) {
    this.#world = world;
    this.#intro = intro;
    this.id = intro.id;
    this.direction = origin.direction;
    this.sipCallId = origin.direction === 'in' ? origin.incoming.request.callId : origin.outgoing.callId;
    this.#start = world.clock.date().toISOString();
    this.#sound = new Sound(world, intro.id);
    this.#sound.onDtmf.on((event) => this.onDtmf.emit(event));
    this.#sound.onTrouble.on((error) => this.onTrouble.emit(error));
    this.#dialogs = new DialogSet(world.ua, {
      onRequest: (incoming, leg) => this.#onRequest(incoming, leg),
      onReleased: () => this.#dispatch('released'),
      sending: () => lineSending(world.line),
    });
    const context = this.#context();
    this.#modifications = new Modifications(world, context, this.#sound, origin.direction === 'out');
    const parts = [world, context, this.#dialogs, this.#sound] as const;
    this.#caller = origin.direction === 'out' ? new CallerRole(...parts, origin.outgoing) : undefined;
    this.#callee = origin.direction === 'in' ? new CalleeRole(...parts, origin.incoming) : undefined;
    this.#actions = callActions({
      caller: this.#caller,
      callee: this.#callee,
      dialogs: this.#dialogs,
      modifications: this.#modifications,
      waiting: intro.waiting,
      end: (event, facts) => this.#endNow(event, facts),
      finish: () => this.#finish(),
    });
  }

  #context(): CallContext {
    const state = (): CallState => this.#state;
    return {
      get state() {
        return state();
      },
      dispatch: (event, facts) => this.#dispatch(event, facts),
      changed: () => this.#changed(),
      answered: () => {
        this.#answered = this.#world.clock.date().toISOString();
      },
    };
  }

  // What begins a call; the manager calls one of these, once.

  /** Throws `media.…` when ports or devices are not to be had. */
  dial(): void {
    this.#dispatch('dial');
  }

  ring(): void {
    this.#dispatch('invited');
  }

  refuse(refusal: Refusal): void {
    this.#dispatch('unanswerable', { refusal });
  }

  // What the owner does. Each throws TandemError `call.state` when the call is not in the state for it.

  /** Throws `media.…` or `call.offer` when the answer could not be given; the call has failed then. */
  answer(): void {
    this.#dispatch('answer');
    const failure = this.#callee?.failure;
    if (failure) throw failure;
  }

  /** UDUB: 486 (NG.110 2.2.6). */
  reject(): void {
    this.#dispatch('reject');
  }

  hangup(): void {
    this.#dispatch('hangup');
  }

  /** `0` to `9`, `*`, `#`, `A` to `D`. */
  sendDtmf(digits: string): void {
    if (this.#state !== 'active') throw this.#wrongState('dtmf');
    this.#sound.sendDtmf(digits);
  }

  /** Offers this direction by re-INVITE; after a 491 it is offered again. */
  modify(direction: Direction): void {
    const leg = this.#dialogs.confirmed;
    if (this.#state !== 'active' || !leg) throw this.#wrongState('modify');
    this.#modifications.modify(leg, direction);
  }

  /** Tandem closes: without waiting for anybody. */
  abandon(): void {
    this.#dispatch('abandon');
  }

  get state(): CallState {
    return this.#state;
  }

  get publicState(): PublicCallState {
    return publicState(this.#state);
  }

  /** Nothing of it is left on the wire, and its ports and devices are given back when `closed` resolves. */
  get ended(): boolean {
    return this.#state === 'ended';
  }

  get closed(): Promise<void> {
    return this.#closed;
  }

  get snapshot(): CallSnapshot {
    const audio = this.#sound.snapshot;
    return {
      id: this.id,
      direction: this.direction,
      state: this.publicState,
      waiting: this.#intro.waiting,
      hold: this.#hold,
      remote: this.#intro.remote,
      identity: this.#intro.identity,
      ...(this.#intro.calledIdentity === undefined ? {} : { called_identity: this.#intro.calledIdentity }),
      video: false,
      dialogs: this.#dialogs.snapshot,
      ...(audio ? { audio } : {}),
      start: this.#start,
      ...(this.#answered === undefined ? {} : { answered: this.#answered }),
      ...(this.#end ? { end: this.#end } : {}),
    };
  }

  get #hold(): HoldState {
    const remote = this.#dialogs.confirmed?.offers.audio?.heldByPeer ?? false;
    const local = this.#modifications.holdsPeer;
    return remote ? (local ? 'both' : 'remote') : local ? 'local' : 'none';
  }

  /** The one place where the table acts. */
  #dispatch(event: CallEvent, facts: Facts = {}): void {
    const found = outcome(this.#state, event);
    if (found === 'wrong-state') throw this.#wrongState(event);
    if (found === 'ignored' || found === 'impossible') {
      this.#world.log.debug({ call: this.id, state: this.#state, event, outcome: found }, 'call event');
      return;
    }
    this.#world.log.debug({ call: this.id, state: this.#state, event, next: found.next }, 'call event');
    this.#state = found.next;
    for (const action of found.actions) this.#actions[action](facts, event);
    this.#changed();
  }

  #endNow(event: CallEvent, facts: Facts): void {
    const said = facts.response ?? facts.request;
    this.#end = endOf(
      {
        event,
        direction: this.direction,
        answered: this.#answered !== undefined,
        status: facts.response?.status ?? facts.refusal?.status ?? facts.status,
        reasons: said?.reasons,
        error: facts.error,
      },
      this.#world.clock.date().toISOString(),
    );
    this.#modifications.stop();
    this.#sound.apply(undefined);
  }

  /** The last step: ports and devices first, then the row. */
  #finish(): void {
    this.#caller?.stop();
    this.#callee?.stop();
    this.#modifications.stop();
    this.#closed = this.#sound.close().catch((cause: unknown) => {
      this.onTrouble.emit(TandemError.from(cause, 'call.media'));
    });
    const { snapshot } = this;
    const end =
      this.#end ?? endOf({ event: 'abandon', direction: this.direction, answered: false }, this.#start);
    this.onEnded.emit({ ...snapshot, state: 'ended', end });
  }

  #changed(): void {
    this.onChange.emit(this.snapshot);
  }

  #onRequest(incoming: Incoming, leg: Leg): void {
    const { method } = incoming.request;
    if (method === 'BYE') {
      incoming.respond(200);
      // The dialog is over, whatever the call makes of it.
      if (leg.state === 'confirmed') this.#dialogs.terminate(leg);
      this.#dispatch('bye', { request: incoming.request, leg });
    } else if (method === 'INVITE' || method === 'UPDATE') {
      this.#dispatch('modify', { incoming, leg });
    } else {
      const digit = answerInDialog(incoming, this.#world, this.#state === 'active');
      if (digit) this.onDtmf.emit(digit);
    }
  }

  #wrongState(action: string): TandemError {
    return new TandemError('caller', 'call.state', 'The call is not in a state for this.', {
      detail: { call: this.id, state: this.publicState, action },
    });
  }
}
