// All calls of the device: dialling, INVITEs that come in, the list, the log, the end (RFC 3261 8.2, contract `calls`).
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { randomToken } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { parseUri } from '#src/sip/message/uri.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { BUSY_HERE, inviteRefusal, TEMPORARILY_UNAVAILABLE } from './admission.ts';
import { Call, type CallIntro } from './call.ts';
import { CallBook } from './call-book.ts';
import { LIVE_CALL_LIMIT } from './capabilities.ts';
import { indicatesWaiting } from './communication-waiting.ts';
import type { ReceivedDigit } from './digits.ts';
import { dialledEmergency, isCallBack, isEmergencyTold, notAllowed } from './emergency/rules.ts';
import type { EndedCall } from './ended-call.ts';
import type { AnswerChoice } from './facts.ts';
import { emergencyStays, Floor, type Others } from './floor.ts';
import { answerOf } from './headers.ts';
import { sameIdentity } from './identity.ts';
import { IdentityBook } from './identity-book.ts';
import { answerOptions } from './in-dialog.ts';
import type { CallLogStore } from './log.ts';
import type { Refused } from './offers.ts';
import { type DialRequest, wantedCall } from './outgoing.ts';
import type { OutgoingCall } from './outgoing-call.ts';
import { unknownCall, wrongState } from './owner-errors.ts';
import { calledIdentity, callingParty, shownUri } from './party.ts';
import { isQuiet, LOUD, type QuietSettings } from './quiet.ts';
import { findReplaced } from './replaces.ts';
import { SESSION_DEFAULTS, tooSmall } from './session-expires.ts';
import type { CallSnapshot, LogRow } from './snapshot.ts';
import { isSoundDevice } from './sound.ts';
import { noVideo, shownDirection } from './video-policy.ts';
import type { CallWorld } from './world.ts';

/** How long `close` waits for answers before it stops asking. */
const CLOSE_PATIENCE = Milliseconds(2_000);
/** And then for ports and devices. */
const CLOSE_LAST = Milliseconds(800);

const FORBIDDEN = 403;
const BAD_REQUEST = 400;
const DECLINED = 603;

export class CallManager {
  /** Every change of a call that a snapshot shows. */
  readonly onChange = new Signal<CallSnapshot>();
  /** As whom calls are made and taken. */
  readonly identities: IdentityBook;
  /** Do not disturb; the owner changes it at any time. */
  quiet: QuietSettings = LOUD;
  readonly onLog = new Signal<LogRow>();
  readonly onDtmf = new Signal<ReceivedDigit & { readonly call: string }>();
  /** What went wrong beside the calls' own fate: a log row not written, a device that went away. */
  readonly onTrouble = new Signal<TandemError>();

  /** Takes what comes in the dialog of a call and is not for the call itself: true when it did. */
  onInDialog: ((incoming: Incoming, call: Call) => boolean) | undefined;

  readonly #world: CallWorld;
  readonly #log: CallLogStore;
  readonly #book: CallBook;
  readonly #floor: Floor;
  readonly #off: () => void;
  #isClosed = false;
  #isWaiting = false;
  #digits = 0;

  constructor(world: CallWorld, log: CallLogStore) {
    this.#world = world;
    this.#log = log;
    this.#book = new CallBook(world.clock);
    this.#floor = new Floor(() => this.#book.live);
    this.identities = new IdentityBook(world.line, world.config.shared, world.memory);
    const off = [
      world.ua.onOptions((incoming) => void this.handle(incoming)),
      world.line.onMoved?.on(() => this.moved(true)),
    ];
    this.#off = () => {
      for (const each of off) each?.();
    };
  }

  /** Newest first: live ones, and ended ones for ten minutes. */
  list(): readonly CallSnapshot[] {
    return [...this.#book.all].reverse().map((call) => call.snapshot);
  }

  /** Digits that far ends pressed, of all calls since the start. */
  get digitsReceived(): number {
    return this.#digits;
  }

  get(id: string): Call | EndedCall | undefined {
    return this.#book.get(id);
  }

  /**
   * A call that stands and may be passed on, for `action`. Throws TandemError `call.unknown`, `call.state`,
   * `call.emergency-kept`.
   */
  active(id: string, action: string): Call {
    const call = this.get(id);
    if (!call) throw unknownCall(id);
    if (!(call instanceof Call) || call.publicState !== 'active') throw wrongState(id, action);
    if (call.isEmergency) throw emergencyStays(call);
    return call;
  }

  /** Oldest first: live ones, and ended ones for ten minutes. */
  get all(): Iterable<Call | EndedCall> {
    return this.#book.all;
  }

  /** Those that run, or still have ports and devices. */
  get live(): readonly Call[] {
    return this.#book.live;
  }

  get isCalling(): boolean {
    return this.#book.count > 0;
  }

  /**
   * Places a call. Throws what `wantedCall` throws, and TandemError `call.closed`, `call.limit`, `call.no-video`,
   * `call.emergency-kept`, `media.ports`, `media.device`, `media.file`. Whatever happens later ends the call.
   */
  dial(request: DialRequest): Call {
    try {
      return this.talk(wantedCall(this.#world, this.identities, request));
    } catch (cause) {
      const error = TandemError.from(cause, 'call.media');
      if (this.#isEmergency(request.to)) this.#alarm(error);
      throw error;
    }
  }

  #isEmergency(to: string): boolean {
    return dialledEmergency(to, this.#world) !== undefined;
  }

  /** Heard as well as seen: whoever dials in need looks at no page. */
  #alarm(error: TandemError): void {
    this.#trouble(error);
    this.#world.alarm?.();
  }

  /** As `dial`, for what need not be read any more: a transfer, a conference, a call pulled here. */
  place(wanted: Omit<OutgoingCall, 'callId'>): Call {
    if (this.#isClosed) throw new TandemError('ours', 'call.closed', 'Tandem is closing.');
    // Nobody else's word makes an emergency call either: a transfer, a button with an address.
    const to = wanted.target.toString();
    if (!wanted.emergency && this.#isEmergency(to)) throw notAllowed(to);
    if (!wanted.emergency && this.#book.count >= LIVE_CALL_LIMIT) {
      throw new TandemError('caller', 'call.limit', 'There are too many calls already.');
    }
    if (wanted.video && shownDirection(this.#world) === 'none') throw noVideo();
    const intro: CallIntro = {
      id: randomToken(this.#world.random),
      remote: { uri: shownUri(wanted.target) },
      identity: this.identities.shown(wanted),
      waiting: false,
      emergency: wanted.emergency ?? false,
    };
    const outgoing = { ...wanted, callId: randomToken(this.#world.random, 16) };
    const call = this.#adopt(new Call(this.#world, intro, { direction: 'out', outgoing }));
    try {
      call.dial();
    } catch (error) {
      this.#book.remove(call);
      throw TandemError.from(error, 'call.media');
    }
    return call;
  }

  /**
   * As `place`, for a call that the owner talks in as soon as it is answered: at a sound device whoever is talked with meanwhile
   * is held. Files and tones are each call's own. Throws also `call.emergency-kept`.
   */
  talk(wanted: Omit<OutgoingCall, 'callId'>): Call {
    const { capture, playback } = this.#world.config.audio;
    const isRoom = isSoundDevice(capture) || isSoundDevice(playback);
    return isRoom ? this.#floor.make(() => this.place(wanted)) : this.place(wanted);
  }

  /** Live calls tell their far ends that we are reached elsewhere; `always`: even those whose own address is as it was. */
  moved(always: boolean): void {
    for (const call of this.live) call.moved(always);
  }

  /** Answers; the others that are up are held, or ended. Throws what `Floor.answer` throws. */
  answer(call: Call | EndedCall, choice: AnswerChoice = {}, others: Others = 'hold'): void {
    this.#floor.answer(call, choice, others);
  }

  /** Takes a call back from hold; whoever was talked with meanwhile is held. Throws `call.state`, `call.emergency-kept`. */
  resume(call: Call | EndedCall): Promise<TandemError | undefined> {
    return this.#floor.resume(call);
  }

  /** Takes INVITE and OPTIONS outside a dialog (OPTIONS come by themselves); anything else is not for calls: false. */
  handle(incoming: Incoming): boolean {
    const { method } = incoming.request;
    if (method !== 'INVITE' && method !== 'OPTIONS') return false;
    if (this.#world.line.register && !this.#world.line.trusts(incoming.flow)) {
      incoming.respond(FORBIDDEN);
    } else if (method === 'OPTIONS') {
      if (this.#isClosed) incoming.respond(TEMPORARILY_UNAVAILABLE.status);
      else if (this.#isBusy) incoming.respond(BUSY_HERE.status);
      else answerOptions(incoming, this.#world);
    } else {
      this.#invited(incoming);
    }
    return true;
  }

  /** A further call would be refused. */
  get #isBusy(): boolean {
    const live = this.#book.count;
    return live >= LIVE_CALL_LIMIT || (live > 0 && !this.#world.config.waiting);
  }

  #invited(incoming: Incoming): void {
    const { line, config } = this.#world;
    const { request } = incoming;
    const brief = tooSmall(request, config.session ?? SESSION_DEFAULTS);
    if (brief) {
      // No call yet: the same one comes again with a longer time (RFC 4028 7.3).
      incoming.respond(brief.status, answerOf(brief));
      return;
    }
    const trusted = line.trusts(incoming.flow);
    const { uri: contact } = line.contact({ privacy: false, to: incoming.flow });
    const { identity, called, active } = calledIdentity(request, trusted, this.identities, contact);
    const replaced = this.#replacedBy(request);
    if (typeof replaced === 'number') {
      incoming.respond(replaced);
      return;
    }
    // Switched off here: the other devices go on ringing.
    const refused =
      active || isCallBack(request)
        ? this.#refusalOf(incoming, replaced !== undefined)
        : { refusal: TEMPORARILY_UNAVAILABLE };
    const busy = this.isCalling;
    const intro: CallIntro = {
      id: randomToken(this.#world.random),
      remote: callingParty(request, trusted),
      identity,
      calledIdentity: called,
      waiting: replaced === undefined && (busy || indicatesWaiting(request)),
      quiet: busy,
    };
    const call = this.#adopt(new Call(this.#world, intro, { direction: 'in', incoming }));
    if (refused) {
      call.refuse(refused.refusal, refused.error);
      return;
    }
    if (replaced) {
      this.#takeOver(call, replaced);
      return;
    }
    call.ring();
    if (call.publicState === 'ringing' && this.#answersItself(call)) this.#tryToAnswer(call);
  }

  /**
   * RFC 3891 3. Whoever names a dialog of ours has it from a party of that call: our tags cannot be guessed, and over a
   * registered line nobody else gets this far.
   */
  #replacedBy(request: SipRequest): Call | number | undefined {
    if (!request.headers.has('Replaces')) return undefined;
    const reference = request.typed('Replaces');
    if (!reference?.toTag || !reference.fromTag || request.headers.has('Join')) return BAD_REQUEST;
    const found = findReplaced(reference, this.#book.all);
    if (typeof found === 'number') return found;
    return found instanceof Call ? found : DECLINED;
  }

  /** The old call ends once the new one is answered; when it cannot be, the old one is as it was. */
  #takeOver(call: Call, replaced: Call): void {
    const { snapshot, isHeld } = replaced;
    // Nobody's camera goes on at somebody else's word, and nobody's hold ends at it.
    if (!call.take(snapshot.video ? {} : { video: false })) return;
    if (isHeld)
      call.hold(true).catch((error: unknown) => this.#trouble(TandemError.from(error, 'call.hold')));
    replaced.giveWay();
  }

  #refusalOf(incoming: Incoming, replaces: boolean): Refused | undefined {
    return inviteRefusal(this.#world, incoming, {
      isClosed: this.#isClosed,
      isBusy: this.#isBusy,
      isQuiet: isQuiet(this.quiet, this.#world.clock.date()),
      replaces,
    });
  }

  #answersItself(call: Call): boolean {
    const { autoAnswer } = this.#world.config;
    if (autoAnswer === 'all') return true;
    const caller = parseUri(call.snapshot.remote.uri);
    return autoAnswer.some((text) => {
      const allowed = parseUri(text);
      return caller.ok && allowed.ok && sameIdentity(caller.value, allowed.value);
    });
  }

  #tryToAnswer(call: Call): void {
    try {
      call.answer();
    } catch (error) {
      this.#trouble(TandemError.from(error, 'call.answer'));
    }
  }

  #adopt(call: Call): Call {
    this.#book.add(call);
    call.onInDialog = (incoming) => this.onInDialog?.(incoming, call) ?? false;
    call.onChange.on((snapshot) => {
      this.#tellWaiting();
      this.onChange.emit(snapshot);
    });
    call.onDtmf.on((digit) => this.#heard(call, digit));
    call.onTrouble.on((error) => {
      if (isEmergencyTold(error)) this.#alarm(error);
      else this.#trouble(error);
    });
    call.onEnded.on((row) => this.#ended(call, row));
    return call;
  }

  #heard({ id }: Call, digit: ReceivedDigit): void {
    this.#digits += 1;
    // Not which one: it may belong to a code.
    this.#world.log.info({ call: id, durationMs: digit.durationMs }, 'the far end pressed a digit');
    this.onDtmf.emit({ call: id, ...digit });
  }

  /** Who talks hears that another call rings. */
  #tellWaiting(): void {
    const { live } = this;
    const rings = live.some((call) => call.state === 'ringing');
    if (rings === this.#isWaiting) return;
    this.#isWaiting = rings;
    for (const call of live) call.waitingTone(rings);
  }

  #ended(call: Call, row: LogRow): void {
    if (row.answered !== undefined || row.direction === 'out') this.#floor.ended();
    try {
      this.#log.add(row);
    } catch (error) {
      // It waits in memory and is listed.
      this.#trouble(TandemError.from(error, 'call.log', 'The call could not be written to the log.'));
    }
    this.onLog.emit(row);
    if (!this.#isClosed) this.#book.ended(call, row);
  }

  #trouble(error: TandemError): void {
    this.#world.log.error({ id: error.id, detail: error.detail }, error.message);
    this.onTrouble.emit(error);
  }

  /** Ends every call, as `close` does, and goes on: the network has taken the identity away (24.229 5.1.1.7). */
  releaseAll(): void {
    for (const call of this.live) void endPolitely(call);
  }

  /** Ends every call, BYE or CANCEL or 480, within three seconds, whatever the peers do. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#book.close();
    const calls = this.live;
    const over = this.#patience(CLOSE_PATIENCE);
    await Promise.race([Promise.all(calls.map(endPolitely)), over.promise]);
    over.cancel();
    // Those that are over may still give a busy tone.
    for (const call of calls) call.abandon();
    const last = this.#patience(CLOSE_LAST);
    await Promise.race([Promise.all(calls.map((call) => call.closed)), last.promise]);
    last.cancel();
    this.#off();
  }

  #patience(span: Milliseconds): { readonly promise: Promise<void>; readonly cancel: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#world.clock.after(span, resolve);
    return { promise, cancel: () => timer.cancel() };
  }
}

/** A ringing call is left to the other devices (480, no refusal by the owner); any other is hung up. */
function endPolitely(call: Call): Promise<void> {
  if (call.ended) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  call.onEnded.on(() => resolve());
  if (call.publicState === 'ringing') call.abandon();
  else if (call.snapshot.state !== 'ended') call.hangup();
  return promise;
}
