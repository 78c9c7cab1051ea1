// Buttons of the device: a press calls somebody, or a group in turn (`[[buttons]]`, `[[groups]]`).
import type { Clock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import type { Seconds } from '#src/base/units.ts';
import type { CallManager } from '#src/call/manager.ts';
import type { CallSnapshot } from '#src/call/snapshot.ts';
import { GroupCall } from './group-call.ts';

export interface Button {
  readonly name: string;
  /** An address, or the name of a group. */
  readonly target: string;
}

export interface Group {
  readonly name: string;
  readonly targets: readonly string[];
  /** How long each is called. */
  readonly each: Seconds;
}

export interface ButtonParts {
  readonly calls: CallManager;
  readonly clock: Clock;
  readonly log: Logger;
  readonly buttons: readonly Button[];
  readonly groups: readonly Group[];
}

export class Buttons {
  readonly #parts: ButtonParts;
  /** The call that a button made last. */
  readonly #last = new Map<string, string>();
  readonly #groups = new Map<string, GroupCall>();
  readonly #off: () => void;

  constructor(parts: ButtonParts) {
    this.#parts = parts;
    this.#off = parts.calls.onChange.on((call) => {
      for (const group of [...this.#groups.values()]) group.changed(call);
    });
  }

  get names(): readonly string[] {
    return this.#parts.buttons.map(({ name }) => name);
  }

  stop(): void {
    this.#off();
    for (const group of [...this.#groups.values()]) group.stop();
  }

  /**
   * Whoever presses again while it calls changes nothing. Throws TandemError `button.unknown`, and what `dial` throws; of a
   * group only when nobody of it can be dialled (`call.unreachable`).
   */
  press(name: string): CallSnapshot {
    const button = this.#parts.buttons.find((each) => each.name === name);
    if (!button)
      throw new TandemError('caller', 'button.unknown', 'There is no such button.', { detail: { name } });
    const live = this.#live(name);
    if (live) return live;
    const group = this.#parts.groups.find((each) => each.name === button.target);
    return group ? this.#callGroup(name, group) : this.#callOne(name, button.target);
  }

  #live(name: string): CallSnapshot | undefined {
    const id = this.#groups.get(name)?.call ?? this.#last.get(name);
    const call = id === undefined ? undefined : this.#parts.calls.get(id)?.snapshot;
    return call && call.state !== 'ended' ? call : undefined;
  }

  #callOne(name: string, to: string): CallSnapshot {
    const { snapshot } = this.#parts.calls.dial({ to });
    this.#last.set(name, snapshot.id);
    return snapshot;
  }

  #callGroup(name: string, { targets, each }: Group): CallSnapshot {
    const { calls, clock, log } = this.#parts;
    const group = new GroupCall({
      ...{ targets, each, clock, log },
      dial: (to) => this.#callOne(name, to),
      hangup: (id) => {
        const call = calls.get(id);
        // Its BYE or CANCEL may be under way still, and then it cannot be hung up again.
        if (call && call.snapshot.state !== 'ended') call.hangup();
      },
      over: () => this.#groups.delete(name),
    });
    this.#groups.set(name, group);
    group.begin();
    const call = this.#live(name);
    if (call) return call;
    throw new TandemError('network', 'call.unreachable', 'Nobody of this group can be called.', {
      detail: { name },
    });
  }
}
