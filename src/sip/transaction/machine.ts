// RFC 3261 17: walks a transaction table; knows nothing of SIP.
import type { Clock, Timer } from '#src/base/clock.ts';
import type { Milliseconds } from '#src/base/units.ts';
import type { Action, Event, Machine, Row, State } from './table.ts';
import { TIMER_RULES, type TimerName, type TimerSettings } from './timers.ts';

/** What the owner of a machine does itself. */
export type OwnAction = Extract<Action, 'send' | 'ack' | 'pass' | 'report timeout' | 'report transport'>;

/** How an event was met: by a row, by no row of this state (a defect of ours or an impossible peer), or too late. */
export type Outcome =
  | { readonly kind: 'taken'; readonly row: Row }
  | { readonly kind: 'unknown'; readonly state: State; readonly event: Event }
  | { readonly kind: 'over' };

export interface MachineParts {
  readonly clock: Clock;
  readonly timers: TimerSettings;
  /** TCP or TLS; asked whenever a timer starts. */
  readonly reliable: () => boolean;
  readonly perform: (action: OwnAction) => void;
  /** Once, when the state `terminated` is reached. */
  readonly onEnd: () => void;
}

interface Running {
  readonly span: Milliseconds;
  readonly timer: Timer;
}

export class TransactionMachine {
  readonly #machine: Machine;
  readonly #parts: MachineParts;
  readonly #timers = new Map<TimerName, Running>();
  #state: State;

  constructor(machine: Machine, parts: MachineParts) {
    this.#machine = machine;
    this.#parts = parts;
    this.#state = machine.initial;
  }

  get state(): State {
    return this.#state;
  }

  /** The row that an event would take now. */
  row(event: Event): Row | undefined {
    return this.#machine.rows.find((row) => row.state === this.#state && row.event === event);
  }

  begin(): void {
    this.#run(this.#machine.entry);
  }

  fire(event: Event): Outcome {
    if (this.#state === 'terminated') return { kind: 'over' };
    const row = this.row(event);
    if (!row) return { kind: 'unknown', state: this.#state, event };
    this.#state = row.next;
    if (row.next === 'terminated') this.#stopAll();
    this.#run(row.actions);
    if (row.next === 'terminated') this.#parts.onEnd();
    return { kind: 'taken', row };
  }

  /** Ends without a word: no action, no timer is left. */
  abandon(): void {
    if (this.#state === 'terminated') return;
    this.#state = 'terminated';
    this.#stopAll();
    this.#parts.onEnd();
  }

  /** The request turned out to travel reliably: retransmissions stop (17.1.1.2). */
  becameReliable(): void {
    for (const name of this.#timers.keys()) if (TIMER_RULES[name].unreliableOnly) this.#stop(name);
  }

  #run(actions: readonly Action[]): void {
    for (const action of actions) {
      const [verb, timer] = action.split(' ');
      if (isTimer(timer) && verb === 'start') this.#start(timer);
      else if (isTimer(timer) && verb === 'restart') this.#restart(timer);
      else if (isTimer(timer) && verb === 'slow') this.#arm(timer, this.#parts.timers.t2);
      else if (isTimer(timer) && verb === 'stop') this.#stop(timer);
      // What names no timer is the owner's.
      else this.#parts.perform(action as OwnAction);
    }
  }

  #start(name: TimerName): void {
    const reliable = this.#parts.reliable();
    if (reliable && TIMER_RULES[name].unreliableOnly) return;
    this.#arm(name, TIMER_RULES[name].first(this.#parts.timers, reliable));
  }

  #restart(name: TimerName): void {
    const last = this.#timers.get(name)?.span;
    const next = TIMER_RULES[name].next;
    if (last !== undefined && next) this.#arm(name, next(this.#parts.timers, last));
  }

  #arm(name: TimerName, span: Milliseconds): void {
    this.#stop(name);
    const timer = this.#parts.clock.after(span, () => this.fire(`timer ${name}`));
    this.#timers.set(name, { span, timer });
  }

  #stop(name: TimerName): void {
    this.#timers.get(name)?.timer.cancel();
    this.#timers.delete(name);
  }

  #stopAll(): void {
    for (const name of [...this.#timers.keys()]) this.#stop(name);
  }
}

const isTimer = (word: string | undefined): word is TimerName =>
  word !== undefined && Object.hasOwn(TIMER_RULES, word);
