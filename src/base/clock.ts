// Time is handed in: the system's clock in the field, a virtual one in tests.
import { Milliseconds } from './units.ts';

export interface Timer {
  /** Stops the timer; harmless when it has fired or was cancelled before. */
  cancel(): void;
}

export interface Clock {
  /** Monotonic time; its zero means nothing. */
  now(): Milliseconds;
  /** Wall clock, for people and for protocol dates. */
  date(): Date;
  /** Calls `action` once after `span` (at least). */
  after(span: Milliseconds, action: () => void): Timer;
}

/** The timers of Node cannot wait longer than this; a longer wait is chained. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export class SystemClock implements Clock {
  now(): Milliseconds {
    return Milliseconds(performance.now());
  }

  date(): Date {
    return new Date();
  }

  after(span: Milliseconds, action: () => void): Timer {
    const due = this.now() + span;
    let handle: NodeJS.Timeout;
    const arm = (left: number): void => {
      handle = setTimeout(look, Math.min(LONGEST_TIMEOUT_MS, Math.max(0, Math.ceil(left))));
    };
    // Node counts in whole milliseconds of its loop, and may be early by one of ours.
    const look = (): void => {
      const left = due - this.now();
      if (left > 0) arm(left);
      else action();
    };
    arm(span);
    return { cancel: () => clearTimeout(handle) };
  }
}

interface Entry {
  readonly due: number;
  readonly order: number;
  readonly action: () => void;
}

/** A clock that moves only when it is told to; timers fire in order of their time, then of their making. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #epoch: number;
  readonly #entries = new Set<Entry>();

  constructor(epoch: Date = new Date(0)) {
    this.#epoch = epoch.getTime();
  }

  now(): Milliseconds {
    return Milliseconds(this.#now);
  }

  date(): Date {
    return new Date(this.#epoch + this.#now);
  }

  after(span: Milliseconds, action: () => void): Timer {
    this.#order += 1;
    const entry = { due: this.#now + Math.max(0, span), order: this.#order, action };
    this.#entries.add(entry);
    return { cancel: () => void this.#entries.delete(entry) };
  }

  /** Timers that wait, for tests that look for leaks. */
  get pending(): number {
    return this.#entries.size;
  }

  /** Moves time forward, firing what falls due; promise jobs run between two timers. */
  async advance(span: Milliseconds): Promise<void> {
    const end = this.#now + span;
    await settle();
    for (let next = this.#earliest(end); next !== undefined; next = this.#earliest(end)) {
      this.#entries.delete(next);
      this.#now = next.due;
      next.action();
      await settle();
    }
    this.#now = end;
  }

  #earliest(end: number): Entry | undefined {
    let best: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.due > end) continue;
      if (!best || entry.due < best.due || (entry.due === best.due && entry.order < best.order)) best = entry;
    }
    return best;
  }
}

/** Lets every promise job that is ready run. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
