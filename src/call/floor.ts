// Which call is talked in: one microphone, one loudspeaker, one owner (24.610, 24.615, NG.110 2.3.4).
import { TandemError } from '#src/base/errors.ts';
import type { Call } from './call.ts';
import type { EndedCall } from './ended-call.ts';
import type { AnswerChoice } from './facts.ts';

/** What becomes of the calls that are up when another one is answered. */
export type Others = 'hold' | 'end';

type AnyCall = Call | EndedCall;

export class Floor {
  readonly #calls: () => readonly Call[];

  /** `calls`: those that live. */
  constructor(calls: () => readonly Call[]) {
    this.#calls = calls;
  }

  /**
   * Answers, with the others silent from now on: held, or ended once the answer stands. A peer that does not let itself be held
   * stays silent all the same, and the owner is told; the answer is not lost over it. Throws what `Call.answer` throws; the
   * others are then as they were.
   */
  answer(call: AnyCall, choice: AnswerChoice, others: Others): void {
    if (others === 'end') {
      const up = this.#others(call).filter(({ publicState }) => publicState === 'active');
      call.answer(choice);
      for (const other of up) other.hangup();
      return;
    }
    // What cannot be answered is no reason to hold anybody.
    const talking = call.state === 'ringing' ? talkers(this.#others(call)) : [];
    holding(talking, () => call.answer(choice));
  }

  /** Takes a call back; whoever was talked with meanwhile is held. Throws `call.state`, `call.emergency-kept`. */
  resume(call: AnyCall): Promise<TandemError | undefined> {
    const talking = talkers(this.#others(call));
    const done = call.resume();
    for (const other of talking) void other.hold(true);
    return done;
  }

  /**
   * A call that the owner makes: whoever is talked with meanwhile is held first, or the room's one microphone would be heard in
   * both. When it cannot be made the others are as they were. Throws what `make` throws, and `call.emergency-kept`.
   */
  make(make: () => Call): Call {
    return holding(talkers(this.#calls()), make);
  }

  /** Sentences for the owner of what a call that ended leaves behind. */
  ended(): void {
    const up = this.#calls().filter(({ publicState }) => publicState === 'active');
    if (up.some(({ isTalking }) => isTalking)) return;
    for (const call of up) call.notes.tell('The other call is over. This one is still on hold.');
  }

  #others(call: AnyCall): readonly Call[] {
    return this.#calls().filter((other) => other !== call);
  }
}

/** Those that are talked in. Throws `call.emergency-kept` when one of them cannot be held. */
function talkers(calls: readonly Call[]): readonly Call[] {
  const talking = calls.filter(({ isTalking }) => isTalking);
  const emergency = talking.find(({ isEmergency }) => isEmergency);
  if (emergency) throw emergencyStays(emergency);
  return talking;
}

/** Does it with these on hold; when it throws, they are as they were. */
function holding<Outcome>(talking: readonly Call[], act: () => Outcome): Outcome {
  for (const call of talking) void call.hold(true);
  try {
    return act();
  } catch (error) {
    for (const call of talking) if (call.isHeld) void call.resume();
    throw error;
  }
}

/** 24.229 5.1.6.8, 34.229-5 */
export const emergencyStays = ({ id }: { readonly id: string }): TandemError =>
  new TandemError('caller', 'call.emergency-kept', 'An emergency call is neither held nor passed on.', {
    detail: { call: id },
  });
