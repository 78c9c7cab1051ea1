// 24.610: the owner's hold of one call: which directions are offered and answered, and what became of it.
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Direction } from '#src/sdp/direction.ts';
import { HOLD_TABLE, type HoldAction, type HoldEvent, type HoldPhase } from './hold-table.ts';

/** 24.610 4.5.2.1, 4.5.2.4: by the direction in force, as our description says it. */
const HELD: Readonly<Record<Direction, Direction>> = {
  sendrecv: 'sendonly',
  recvonly: 'inactive',
  sendonly: 'sendonly',
  inactive: 'inactive',
};
const RESUMED: Readonly<Record<Direction, Direction>> = {
  sendonly: 'sendrecv',
  inactive: 'recvonly',
  sendrecv: 'sendrecv',
  recvonly: 'recvonly',
};

export interface HoldOwner {
  /** A re-INVITE with the directions as they should be. */
  offer(): void;
  /** Whether the media of the call is heard, on either side. */
  silence(on: boolean): void;
}

export class Hold {
  /** After each `hold` or `resume`, once: how it ended. */
  readonly onSettled = new Signal<TandemError | undefined>();
  readonly #owner: HoldOwner;
  #phase: HoldPhase = 'talking';
  #isFirm = false;
  #status: number | undefined;

  constructor(owner: HoldOwner) {
    this.#owner = owner;
  }

  get phase(): HoldPhase {
    return this.#phase;
  }

  /** As the owner sees it: from the press of the button on. */
  get isHeld(): boolean {
    return this.#phase !== 'talking';
  }

  /** Waits for the peer. */
  get isChanging(): boolean {
    return this.#phase === 'holding' || this.#phase === 'resuming';
  }

  /** `firm`: another call is talked in, so this one stays silent even when the peer refuses. False: wrong state. */
  hold(firm: boolean): boolean {
    this.#isFirm = firm;
    return this.#fire('hold');
  }

  resume(): boolean {
    return this.#fire('resume');
  }

  /** An exchange is done, by which our own description says this of the sound. */
  agreed(direction: Direction | undefined): void {
    // The peer has closed the sound altogether: there is nothing to take back.
    if (direction === undefined) this.#fire(this.#phase === 'resuming' ? 'refused' : 'agreed-closed');
    else this.#fire(direction === 'sendonly' || direction === 'inactive' ? 'agreed-closed' : 'agreed-open');
  }

  refused(status: number | undefined): void {
    this.#status = status;
    this.#fire(this.#isFirm ? 'refused-firmly' : 'refused');
  }

  /** Of one stream in our next offer; undefined: it is not in force yet. */
  offered(inForce: Direction | undefined): Direction {
    if (this.#wantsHeld) return HELD[inForce ?? 'sendrecv'];
    return this.#phase === 'resuming' ? RESUMED[inForce ?? 'sendonly'] : (inForce ?? 'sendrecv');
  }

  /** The most that an answer, or an offer that we are asked for, may say (24.628 4.7.2.1). */
  get allowed(): Direction {
    return this.#wantsHeld ? 'sendonly' : 'sendrecv';
  }

  get #wantsHeld(): boolean {
    return this.#phase === 'holding' || this.#phase === 'held';
  }

  #fire(event: HoldEvent): boolean {
    const found = HOLD_TABLE[this.#phase][event];
    if (typeof found === 'string') return found === 'ignored';
    const before = this.#phase;
    this.#phase = found.next;
    for (const action of found.actions) this.#actions[action](before);
    return true;
  }

  readonly #actions: Readonly<Record<HoldAction, (before: HoldPhase) => void>> = {
    offer: () => this.#owner.offer(),
    silence: () => this.#owner.silence(true),
    sound: () => this.#owner.silence(false),
    done: () => this.onSettled.emit(undefined),
    fail: (before) =>
      this.onSettled.emit(before === 'resuming' ? resumeRefused(this.#status) : holdRefused(this.#status)),
  };
}

const detail = (status: number | undefined) => (status === undefined ? {} : { detail: { status } });

const holdRefused = (status: number | undefined): TandemError =>
  new TandemError(
    'peer',
    'call.hold-refused',
    'The other side does not let itself be put on hold.',
    detail(status),
  );

const resumeRefused = (status: number | undefined): TandemError =>
  new TandemError(
    'peer',
    'call.resume-refused',
    'The other side did not take the call back from hold.',
    detail(status),
  );
