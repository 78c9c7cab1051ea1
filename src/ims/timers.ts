// Named timers: setting one again replaces it.
import type { Clock, Timer } from '#src/base/clock.ts';
import type { Milliseconds } from '#src/base/units.ts';

export class Timers<Name extends string> {
  readonly #clock: Clock;
  readonly #running = new Map<Name, Timer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(name: Name, span: Milliseconds, action: () => void): void {
    this.cancel(name);
    const timer = this.#clock.after(span, () => {
      this.#running.delete(name);
      action();
    });
    this.#running.set(name, timer);
  }

  cancel(...names: readonly Name[]): void {
    for (const name of names) {
      this.#running.get(name)?.cancel();
      this.#running.delete(name);
    }
  }
}
