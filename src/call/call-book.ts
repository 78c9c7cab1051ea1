// The calls that are known: those that live and, for ten minutes, those that are over (contract `GET calls`).
import type { Clock, Timer } from '#src/base/clock.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import type { Call } from './call.ts';
import { EndedCall } from './ended-call.ts';
import type { LogRow } from './snapshot.ts';

/** Ended calls stay to be asked for. */
const KEPT = Seconds(600);
/** And no more of them than this, the oldest go first: a flood of calls must not fill the memory. */
const MOST_KEPT = 10_000;

export class CallBook {
  readonly #clock: Clock;
  /** In the order of their beginning; a call that is over leaves its memory in its own place. */
  readonly #calls = new Map<string, Call | EndedCall>();
  readonly #live = new Set<Call>();
  /** By the id of an ended call. */
  readonly #forget = new Map<string, Timer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(id: string): Call | EndedCall | undefined {
    return this.#calls.get(id);
  }

  /** Oldest first. */
  get all(): Iterable<Call | EndedCall> {
    return this.#calls.values();
  }

  /** Those that run, or still have ports and devices. */
  get live(): readonly Call[] {
    return [...this.#live];
  }

  /** Calls that the owner still has, whatever the wire has to say about others. */
  get count(): number {
    return this.live.filter(({ publicState }) => publicState !== 'ended').length;
  }

  add(call: Call): void {
    this.#calls.set(call.id, call);
    this.#live.add(call);
  }

  /** It never came about. */
  remove(call: Call): void {
    this.#calls.delete(call.id);
    this.#live.delete(call);
  }

  /** It is over; what ran it goes once its ports and devices are given back, and `row` stays. */
  ended(call: Call, row: LogRow): void {
    this.#forgetLater(call.id);
    void call.closed.then(() => {
      this.#live.delete(call);
      if (this.#calls.has(call.id)) this.#calls.set(call.id, new EndedCall(call.sipCallId, row, call));
    });
  }

  /** Knows only the id: a timer that held the call would hold all of it for ten minutes. */
  #forgetLater(id: string): void {
    const timer = this.#clock.after(toMilliseconds(KEPT), () => this.#forgetNow(id));
    this.#forget.set(id, timer);
    const [oldest] = this.#forget.keys();
    if (this.#forget.size > MOST_KEPT && oldest !== undefined) this.#forgetNow(oldest);
  }

  #forgetNow(id: string): void {
    this.#forget.get(id)?.cancel();
    this.#forget.delete(id);
    this.#calls.delete(id);
  }

  /** Tandem closes: nothing is forgotten any more. */
  close(): void {
    for (const timer of this.#forget.values()) timer.cancel();
  }
}
