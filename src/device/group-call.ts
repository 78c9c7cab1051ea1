// One call to a group: its people one after the other, each for some seconds (`[[groups]]`).
import type { Clock, Timer } from '#src/base/clock.ts';
import { describe } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { type Seconds, toMilliseconds } from '#src/base/units.ts';
import type { CallSnapshot } from '#src/call/snapshot.ts';
import { GROUP_TABLE, type GroupAction, type GroupEvent, type GroupState } from './group-table.ts';

export interface GroupCallParts {
  readonly targets: readonly string[];
  readonly each: Seconds;
  readonly clock: Clock;
  readonly log: Logger;
  /** Throws when it cannot be dialled. */
  readonly dial: (to: string) => CallSnapshot;
  readonly hangup: (id: string) => void;
  /** Once: somebody answered, the owner gave up, or nobody is left. */
  readonly over: () => void;
}

export class GroupCall {
  readonly #parts: GroupCallParts;
  #state: GroupState = 'idle';
  #next = 0;
  #call: string | undefined;
  #timer: Timer | undefined;

  constructor(parts: GroupCallParts) {
    this.#parts = parts;
  }

  get state(): GroupState {
    return this.#state;
  }

  /** The call that is under way. */
  get call(): string | undefined {
    return this.#call;
  }

  begin(): void {
    this.#dispatch('begin');
  }

  /** Nobody else is called; the call that is under way is not touched. */
  stop(): void {
    this.#dispatch('closed');
  }

  /** Every change of any call comes here. */
  changed({ id, state, end }: CallSnapshot): void {
    if (id !== this.#call) return;
    if (state === 'active') this.#dispatch('answered');
    else if (state === 'ended')
      this.#dispatch(end?.by === 'local' && end.label === 'cancelled' ? 'stopped' : 'refused');
  }

  #dispatch(event: GroupEvent): void {
    const found = GROUP_TABLE[this.#state][event];
    if (found === 'ignored') return;
    this.#state = found.next;
    if (found.action) this.#act[found.action]();
  }

  readonly #act: Readonly<Record<GroupAction, () => void>> = {
    dial: () => this.#dial(),
    'hang-up': () => {
      if (this.#call !== undefined) this.#parts.hangup(this.#call);
    },
    finish: () => {
      this.#timer?.cancel();
      this.#parts.over();
    },
  };

  #dial(): void {
    const { targets, clock, log, dial, each } = this.#parts;
    this.#timer?.cancel();
    this.#call = undefined;
    const target = targets[this.#next];
    this.#next += 1;
    if (target === undefined) {
      this.#dispatch('exhausted');
      return;
    }
    try {
      const { id } = dial(target);
      this.#call = id;
      this.#timer = clock.after(toMilliseconds(each), () => this.#dispatch('silent'));
    } catch (error) {
      log.warn({ to: target, reason: describe(error) }, 'one of a group cannot be called');
      this.#dispatch('refused');
    }
  }
}
