// How long a call may ring out and last (`[call] dial_seconds`, `max_seconds`); emergency calls know no limit.
import type { Clock, Timer } from '#src/base/clock.ts';
import { Milliseconds, type Seconds, toMilliseconds } from '#src/base/units.ts';
import type { Call } from './call.ts';
import type { CallManager } from './manager.ts';
import type { CallSnapshot } from './snapshot.ts';

export interface LimitSettings {
  /** Of a call out, until somebody answers; undefined: the network decides. */
  readonly dial?: Seconds | undefined;
  /** Of a conversation. */
  readonly talk?: Seconds | undefined;
}

/** So long before the end it is heard. */
const WARNED_BEFORE = Milliseconds(10_000);
const WARNING_TONE = Milliseconds(1_500);

interface Watched {
  stage: 'dialling' | 'talking';
  readonly timers: Timer[];
}

export class CallLimits {
  readonly #calls: CallManager;
  readonly #clock: Clock;
  readonly #settings: LimitSettings;
  readonly #watched = new Map<string, Watched>();
  readonly #off: () => void;

  constructor(calls: CallManager, clock: Clock, settings: LimitSettings) {
    this.#calls = calls;
    this.#clock = clock;
    this.#settings = settings;
    this.#off = calls.onChange.on((call) => this.#changed(call));
  }

  stop(): void {
    this.#off();
    for (const id of [...this.#watched.keys()]) this.#forget(id);
  }

  #changed({ id, state, direction }: CallSnapshot): void {
    const stage = this.#watched.get(id)?.stage;
    if (state === 'ended') this.#forget(id);
    else if (state === 'active' && stage !== 'talking') this.#talking(id);
    else if (direction === 'out' && state !== 'active' && stage === undefined) this.#dialling(id);
  }

  /** The call, unless it is one that nobody may cut short. */
  #limited(id: string): Call | undefined {
    const call = this.#calls.get(id);
    return call && 'isEmergency' in call && !call.isEmergency ? call : undefined;
  }

  #dialling(id: string): void {
    const { dial } = this.#settings;
    if (dial === undefined || !this.#limited(id)) return;
    const timers = [
      this.#after(toMilliseconds(dial), id, (call) => this.#end(call, 'Nobody answered in time.')),
    ];
    this.#watched.set(id, { stage: 'dialling', timers });
  }

  #talking(id: string): void {
    const { talk } = this.#settings;
    this.#forget(id);
    if (talk === undefined || !this.#limited(id)) return;
    const whole = toMilliseconds(talk);
    const warnAt = Milliseconds(Math.max(0, whole - WARNED_BEFORE));
    const timers = [
      this.#after(warnAt, id, (call) => this.#warn(call)),
      this.#after(whole, id, (call) => this.#end(call, 'The longest time of a call was over.')),
    ];
    this.#watched.set(id, { stage: 'talking', timers });
  }

  #after(span: Milliseconds, id: string, act: (call: Call) => void): Timer {
    return this.#clock.after(span, () => {
      const call = this.#limited(id);
      if (call && call.publicState !== 'ended') act(call);
    });
  }

  #warn(call: Call): void {
    call.notes.tell('The longest time of a call is nearly over.');
    call.waitingTone(true);
    this.#watched
      .get(call.id)
      ?.timers.push(this.#after(WARNING_TONE, call.id, (still) => still.waitingTone(false)));
  }

  #end(call: Call, why: string): void {
    call.notes.tell(why);
    call.hangup();
  }

  #forget(id: string): void {
    for (const timer of this.#watched.get(id)?.timers ?? []) timer.cancel();
    this.#watched.delete(id);
  }
}
