// One call: it owns a set of dialogs and its media, and is driven by the call table.
import type { Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { Milliseconds, Seconds, toMilliseconds } from '#src/base/units.ts';
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { type CallActions, callActions } from './actions.ts';
import { CallMediaSet } from './call-media.ts';
import { CalleeRole } from './callee.ts';
import { CallerRole } from './caller.ts';
import { type CallDetails, DetailNotes } from './details.ts';
import { DialogSet, type Leg } from './dialogs.ts';
import { Digits, type NotedDigit, type ReceivedDigit } from './digits.ts';
import { emergencyFailed } from './emergency/rules.ts';
import { endOf, isTold } from './ending.ts';
import type { AnswerChoice, CallContext, Facts, Refusal } from './facts.ts';
import { Findings } from './findings.ts';
import { emergencyStays } from './floor.ts';
import { lineSending } from './headers.ts';
import { answerInDialog } from './in-dialog.ts';
import { Modifications } from './modification.ts';
import type { OutgoingCall } from './outgoing-call.ts';
import { wrongState } from './owner-errors.ts';
import type { Picture } from './picture.ts';
import type { Privacy } from './privacy.ts';
import { type CallQuality, qualityOf } from './quality.ts';
import { type DialogName, type Replaceable, replacedName } from './replaces.ts';
import type { SessionTimer } from './session-timer.ts';
import type { CallEnd, CallParty, CallSnapshot, HoldState, LogRow, PublicCallState } from './snapshot.ts';
import { publicState } from './snapshot.ts';
import { type CallEvent, type CallState, outcome } from './table.ts';
import { noVideo, shownDirection } from './video-policy.ts';
import type { CallWorld } from './world.ts';

/** What is known of a call from its first message. */
export interface CallIntro {
  readonly id: string;
  readonly remote: CallParty;
  /** Ours. */
  readonly identity: string;
  readonly calledIdentity?: string;
  readonly waiting: boolean;
  /** We call in an emergency. */
  readonly emergency?: boolean;
  /** Somebody talks at this device: no ring tone. Default: as `waiting`. */
  readonly quiet?: boolean;
}

export type CallOrigin =
  | { readonly direction: 'out'; readonly outgoing: OutgoingCall }
  | { readonly direction: 'in'; readonly incoming: Incoming };

/** How often a call tells its numbers anew while it lasts. */
const PULSE = Seconds(10);
/** How long a hold is waited for before its outcome is told as it comes. */
const HOLD_PATIENCE = Milliseconds(1_500);
/** What fails for want of ports. */
const SERVER_ERROR = 500;
const NOT_ACCEPTABLE_HERE = 488;
/** The callee is busy: the caller hears it (RFC 3261 21.4.24, 21.6.1). */
const BUSY: readonly number[] = [486, 600];

export class Call {
  readonly id: string;
  readonly direction: 'in' | 'out';
  /** Call-ID of its INVITE, for the trace. */
  readonly sipCallId: string;
  readonly onChange = new Signal<CallSnapshot>();
  readonly onDtmf = new Signal<ReceivedDigit>();
  readonly onTrouble = new Signal<TandemError>();
  /** To our INVITE, each as the table takes it. */
  readonly onResponse = new Signal<SipResponse>();
  /** Takes what comes in its dialog and is not for the call itself (REFER and its NOTIFY): true when it did. */
  onInDialog: ((incoming: Incoming) => boolean) | undefined;
  /** Once, when nothing of the call is left but its memory. */
  readonly onEnded = new Signal<LogRow>();

  readonly #intro: CallIntro;
  readonly #origin: CallOrigin;
  readonly #world: CallWorld;
  readonly #media: CallMediaSet;
  readonly #dialogs: DialogSet;
  readonly #digits: Digits;
  readonly #notes: DetailNotes;
  readonly #findings: Findings;
  readonly #modifications: Modifications;
  readonly #caller: CallerRole | undefined;
  readonly #callee: CalleeRole | undefined;
  readonly #actions: CallActions;
  readonly #start: string;
  #state: CallState = 'new';
  #answered: string | undefined;
  #end: CallEnd | undefined;
  #hadVideo = false;
  #pulled = false;
  #pulse: Timer | undefined;
  #closed: Promise<void> = Promise.resolve();

  constructor(world: CallWorld, intro: CallIntro, origin: CallOrigin) {
    this.#world = world;
    this.#intro = intro;
    this.#origin = origin;
    this.id = intro.id;
    this.direction = origin.direction;
    this.sipCallId = origin.direction === 'in' ? origin.incoming.request.callId : origin.outgoing.callId;
    this.#start = world.clock.date().toISOString();
    this.#media = new CallMediaSet(world, intro.id);
    this.#digits = new Digits(world.clock);
    this.#notes = new DetailNotes(world.clock, () => this.#changed());
    const { line } = world;
    const trusted = (): boolean => line.flow !== undefined && line.trusts(line.flow);
    this.#findings = new Findings(this.#notes, trusted);
    this.#media.sound.onDtmf.on((event) => this.#heard(event));
    this.#media.onTrouble.on((error) => this.onTrouble.emit(error));
    this.#media.onUnusable.on((error) => this.#unusable(error));
    this.#dialogs = new DialogSet(world.ua, {
      onRequest: (incoming, leg) => this.#onRequest(incoming, leg),
      onReleased: () => this.#dispatch('released'),
      sending: () => lineSending(world.line),
    });
    const context = this.#context();
    this.#modifications = new Modifications(world, context, this.#media, origin.direction === 'out');
    this.#modifications.hold.onSettled.on((error) => this.#holdSettled(error));
    const parts = [world, context, this.#dialogs, this.#media] as const;
    this.#caller = origin.direction === 'out' ? new CallerRole(...parts, origin.outgoing) : undefined;
    this.#callee = origin.direction === 'in' ? new CalleeRole(...parts, origin.incoming) : undefined;
    this.#actions = callActions({
      caller: this.#caller,
      callee: this.#callee,
      dialogs: this.#dialogs,
      line: world.line,
      modifications: this.#modifications,
      ringing: { waiting: intro.waiting, quiet: intro.quiet ?? intro.waiting },
      end: (event, facts) => this.#endNow(event, facts),
      finish: () => this.#finish(),
    });
    if (origin.direction === 'in') this.#findings.invited(origin.incoming.request);
  }

  #holdSettled(error: TandemError | undefined): void {
    if (!error) return;
    this.#notes.tell(error.message);
    this.onTrouble.emit(error);
  }

  #context(): CallContext {
    const state = (): CallState => this.#state;
    const session = (): SessionTimer => this.#modifications.session;
    return {
      get state() {
        return state();
      },
      notes: this.#notes,
      dispatch: (event, facts) => this.#dispatch(event, facts),
      changed: () => this.#changed(),
      agreed: (leg) => this.#modifications.reoffer(leg),
      setVideo: (leg, video) => this.#modifications.setVideo(leg, video),
      answered: (leg) => {
        this.#answered = this.#world.clock.date().toISOString();
        this.#beat();
        this.#modifications.begin(leg, this.#caller?.video ?? this.#callee?.video ?? 'none');
      },
      get session() {
        return session();
      },
    };
  }

  // What begins a call; the manager calls one of these, once.

  /** Throws `media.…` when ports or devices are not to be had. */
  dial(): void {
    this.#dispatch('dial');
  }

  /** Without a port to be had it is refused; another device of the number may take it. */
  ring(): void {
    try {
      this.#callee?.prepare();
    } catch (cause) {
      this.refuse({ status: SERVER_ERROR }, TandemError.from(cause, 'call.media'));
      return;
    }
    this.#dispatch(this.#callee?.goesAhead ? 'invited-early' : 'invited');
  }

  /** `error`: what the owner should know beside the status. */
  refuse(refusal: Refusal, error?: TandemError): void {
    this.#dispatch('unanswerable', { refusal, ...(error ? { error } : {}) });
    if (error && !isTold(error)) this.onTrouble.emit(error);
  }

  /**
   * RFC 3891 3: answered at once, in the place of another call. False when it could not be answered: the INVITE is refused
   * then, and the other call is as it was.
   */
  take(choice: AnswerChoice): boolean {
    try {
      this.#callee?.prepare();
    } catch (cause) {
      this.refuse({ status: SERVER_ERROR }, TandemError.from(cause, 'call.media'));
      return false;
    }
    this.#dispatch('taken', { answer: choice });
    return this.#state === 'answering';
  }

  /** Another call has taken its place. */
  giveWay(): void {
    this.#dispatch('replaced');
  }

  // What the owner does. Each throws TandemError `call.state` when the call is not in the state for it.

  /**
   * Throws `media.…` or `call.offer` when the answer could not be given; the call has failed then. `call.no-video` when
   * video is asked for that this device does not have; the call rings on.
   */
  answer(choice: AnswerChoice = {}): void {
    if (choice.video && shownDirection(this.#world) === 'none') throw noVideo();
    this.#dispatch('answer', { answer: choice });
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
    const mayTalk = this.#state === 'active' || (this.#state === 'early' && this.#caller?.mayTalk);
    if (!mayTalk) throw this.#wrongState('dtmf');
    this.#media.sound.sendDtmf(digits);
  }

  /** Adds video by re-INVITE, or drops it. Throws `call.no-video` when this device has none. */
  video(enabled: boolean): void {
    const leg = this.#dialogs.confirmed;
    if (this.#state !== 'active' || !leg) throw this.#wrongState('video');
    const shown = shownDirection(this.#world);
    if (enabled && shown === 'none') throw noVideo();
    this.#modifications.setVideo(leg, enabled ? shown : 'none');
  }

  /** Another call waits: the one who talks hears it (24.615 4.5.5.3). */
  waitingTone(on: boolean): void {
    if (this.isTalking || !on) this.#media.sound.tone(on ? 'waiting' : 'none');
  }

  /** The pictures that come in, for whoever watches. */
  get picture(): Picture {
    return this.#media.picture;
  }

  /** What the far end pressed. */
  get digits(): readonly NotedDigit[] {
    return this.#digits.noted;
  }

  /** That of the conversation. */
  get dialog(): Dialog | undefined {
    return this.#dialogs.confirmed?.dialog;
  }

  /** The dialog of another device that our INVITE takes the place of (RFC 3891). */
  get replaces(): DialogName | undefined {
    return this.#origin.direction === 'out' ? replacedName(this.#origin.outgoing.headers ?? []) : undefined;
  }

  /** What our INVITE said of it; undefined for a call that came in. */
  get privacy(): Privacy | undefined {
    return this.#origin.direction === 'out' ? this.#origin.outgoing.privacy : undefined;
  }

  /** For whoever has more to tell of it. */
  get notes(): DetailNotes {
    return this.#notes;
  }

  get dialogNames(): Replaceable['dialogNames'] {
    return this.#dialogs.names;
  }

  get quality(): CallQuality {
    return qualityOf(this.#media);
  }

  /** Another device of the number is taking it: the end that comes then is no end of the conversation. */
  set pulled(on: boolean) {
    this.#pulled = on;
  }

  get details(): CallDetails {
    return this.#notes.snapshot;
  }

  /**
   * Nothing of the call is heard any more, on either side, and the peer is told by re-INVITE. `firm`: it stays so even if the
   * peer refuses, because another call is talked in. Gives what went wrong, as far as it is known after a moment. Throws
   * TandemError `call.state`.
   */
  hold(firm = false): Promise<TandemError | undefined> {
    if (this.isEmergency) throw emergencyStays(this);
    return this.#changeHold('hold', firm);
  }

  /** Takes the call back from hold. */
  resume(): Promise<TandemError | undefined> {
    return this.#changeHold('resume', false);
  }

  #changeHold(action: 'hold' | 'resume', firm: boolean): Promise<TandemError | undefined> {
    const { hold } = this.#modifications;
    const { promise, resolve } = Promise.withResolvers<TandemError | undefined>();
    const off = hold.onSettled.on(resolve);
    const isUp = this.#state === 'active' || this.#state === 'answering';
    if (!isUp || !(action === 'hold' ? hold.hold(firm) : hold.resume())) {
      off();
      throw this.#wrongState(action);
    }
    const patience = this.#world.clock.after(HOLD_PATIENCE, () => resolve(undefined));
    this.#changed();
    return promise.finally(() => {
      off();
      patience.cancel();
    });
  }

  /** Neither held nor passed on (24.229 5.1.6.8, 34.229-5). */
  get isEmergency(): boolean {
    return this.#intro.emergency === true;
  }

  get isHeld(): boolean {
    return this.publicState === 'active' && this.#modifications.hold.isHeld;
  }

  /** The way to the network is another one. Calls that do not stand yet go on as far as they can. */
  moved(always: boolean): void {
    if (this.#state === 'active' || this.#state === 'answering') this.#modifications.move(always);
  }

  /** A conversation has begun here. */
  get wasAnswered(): boolean {
    return this.#answered !== undefined;
  }

  /** Talked in: answered, and not held by the owner. */
  get isTalking(): boolean {
    return this.publicState === 'active' && !this.#modifications.hold.isHeld;
  }

  /** Tandem closes: without waiting for anybody. */
  abandon(): void {
    this.#dispatch('abandon');
    this.#media.sound.hush();
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
    const audio = this.#media.sound.snapshot;
    return {
      id: this.id,
      direction: this.direction,
      state: this.publicState,
      // Whoever was answered waits no more.
      waiting: this.#intro.waiting && this.#answered === undefined,
      hold: this.#hold,
      remote: this.#intro.remote,
      identity: this.#intro.identity,
      ...(this.#intro.calledIdentity === undefined ? {} : { called_identity: this.#intro.calledIdentity }),
      video: this.#hasVideo,
      dialogs: this.#dialogs.snapshot,
      ...(audio ? { audio } : {}),
      start: this.#start,
      ...(this.#answered === undefined ? {} : { answered: this.#answered }),
      ...(this.#end ? { end: this.#end } : {}),
    };
  }

  /** Agreed; before the answer: asked for. */
  get #hasVideo(): boolean {
    if (this.#state === 'active' || this.#answered !== undefined) {
      this.#hadVideo = this.#end ? this.#hadVideo : this.#dialogs.confirmed?.offers.video !== undefined;
      return this.#hadVideo;
    }
    return (this.#caller?.video ?? this.#callee?.video ?? 'none') !== 'none';
  }

  get #hold(): HoldState {
    const remote = this.#dialogs.confirmed?.offers.audio?.heldByPeer ?? false;
    const local = this.#modifications.hold.isHeld;
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
    if (facts.response) this.#findings.answered(facts.response);
    if (facts.response) this.onResponse.emit(facts.response);
    for (const action of found.actions) this.#actions[action](facts, event);
    this.#changed();
  }

  #endNow(event: CallEvent, facts: Facts): void {
    const said = facts.response ?? facts.request;
    this.#end = endOf(
      {
        event,
        direction: this.direction,
        answered: this.wasAnswered,
        pulled: this.#pulled,
        status: facts.response?.status ?? facts.refusal?.status ?? facts.status,
        reasons: said?.reasons,
        warning: facts.response?.typed('Warning')[0]?.text,
        error: facts.error,
      },
      this.#world.clock.date().toISOString(),
    );
    if (facts.error && isTold(facts.error)) this.onTrouble.emit(facts.error);
    if (this.isEmergency && this.#answered === undefined && event !== 'hangup' && event !== 'abandon') {
      const failed = emergencyFailed(facts.error);
      this.#notes.tell(failed.message);
      this.onTrouble.emit(failed);
    }
    this.#pulse?.cancel();
    this.#modifications.stop();
    this.#media.mute();
  }

  /** A mute call is no call, nor is one that everybody can hear. */
  #unusable(error: TandemError): void {
    const refusal: Refusal = { status: NOT_ACCEPTABLE_HERE };
    if (this.publicState === 'ringing') this.#dispatch('answer-failed', { refusal, error });
    else this.#dispatch('unusable', { error });
    // Early media that cannot be is no reason to give up.
    if (!this.#end) this.onTrouble.emit(error);
  }

  /** The last step: ports and devices first, then the row. */
  #finish(): void {
    this.#caller?.stop();
    this.#callee?.stop();
    this.#modifications.stop();
    const busy = this.direction === 'out' && BUSY.includes(this.#end?.sip ?? 0);
    this.#closed = this.#media.close(busy).catch((cause: unknown) => {
      this.onTrouble.emit(TandemError.from(cause, 'call.media'));
    });
    const { snapshot } = this;
    const end =
      this.#end ?? endOf({ event: 'abandon', direction: this.direction, answered: false }, this.#start);
    this.onEnded.emit({ ...snapshot, state: 'ended', end });
  }

  #beat(): void {
    this.#pulse = this.#world.clock.after(toMilliseconds(PULSE), () => {
      this.#beat();
      this.#changed();
    });
  }

  #changed(): void {
    this.onChange.emit(this.snapshot);
  }

  #onRequest(incoming: Incoming, leg: Leg): void {
    const { method } = incoming.request;
    if (method === 'BYE') {
      incoming.respond(200);
      // The dialog is over, whatever the call makes of it.
      const released = this.#dialogs.isReleasing(leg);
      if (leg.state === 'confirmed') this.#dialogs.terminate(leg);
      // That of a fork which answered too late crosses ours; the call goes on elsewhere.
      if (!released) this.#dispatch('bye', { request: incoming.request, leg });
    } else if (method === 'INVITE' || method === 'UPDATE') {
      this.#findings.inDialog(incoming.request);
      this.#dispatch('modify', { incoming, leg });
    } else if (method === 'PRACK' && this.#modifications.takePrack(incoming)) {
      // It acknowledged what went ahead of our answer to a re-INVITE.
    } else if (method === 'PRACK' && this.#callee) {
      this.#callee.receive(incoming);
    } else {
      if (this.onInDialog?.(incoming)) return;
      const digit = answerInDialog(incoming, this.#world, this.#state === 'active');
      if (digit) this.#heard(digit);
    }
  }

  #heard(digit: ReceivedDigit): void {
    this.#digits.note(digit);
    this.onDtmf.emit(digit);
  }

  #wrongState(action: string): TandemError {
    return wrongState(this.id, action, this.publicState);
  }
}
