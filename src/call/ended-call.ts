// What is kept of a call that is over: its row and its name on the wire, nothing that once ran it.
import { deserialize, serialize } from 'node:v8';
import type { TandemError } from '#src/base/errors.ts';
import type { CallDetails } from './details.ts';
import type { NotedDigit } from './digits.ts';
import type { AnswerChoice } from './facts.ts';
import { wrongState } from './owner-errors.ts';
import type { CallQuality } from './quality.ts';
import type { Replaceable } from './replaces.ts';
import type { LogRow } from './snapshot.ts';

interface Kept {
  readonly snapshot: LogRow;
  readonly quality: CallQuality;
  readonly digits: readonly NotedDigit[];
  readonly details: CallDetails;
}

export class EndedCall {
  readonly id: string;
  /** Call-ID of its INVITE, for the trace. */
  readonly sipCallId: string;
  readonly direction: 'in' | 'out';
  readonly dialogNames: Replaceable['dialogNames'];
  readonly wasAnswered: boolean;
  readonly state = 'ended';
  readonly ended = true;
  /** Packed: there may be thousands of them, and hardly one is asked for. */
  readonly #kept: Buffer;

  constructor(
    sipCallId: string,
    row: LogRow,
    { quality, digits, details, dialogNames }: Omit<Kept, 'snapshot'> & Pick<EndedCall, 'dialogNames'>,
  ) {
    this.id = row.id;
    this.sipCallId = sipCallId;
    this.dialogNames = dialogNames;
    this.direction = row.direction;
    this.wasAnswered = row.answered !== undefined;
    const kept: Kept = { snapshot: row, quality, digits, details };
    this.#kept = serialize(kept);
  }

  get #unpacked(): Kept {
    const kept: Kept = deserialize(this.#kept);
    return kept;
  }

  get snapshot(): LogRow {
    return this.#unpacked.snapshot;
  }

  get quality(): CallQuality {
    return this.#unpacked.quality;
  }

  get digits(): readonly NotedDigit[] {
    return this.#unpacked.digits;
  }

  get details(): CallDetails {
    return this.#unpacked.details;
  }

  /** Each of these throws TandemError `call.state`. */
  answer(_choice?: AnswerChoice): void {
    throw this.#over('answer');
  }

  video(_enabled: boolean): void {
    throw this.#over('video');
  }

  reject(): void {
    throw this.#over('reject');
  }

  hangup(): void {
    throw this.#over('hangup');
  }

  sendDtmf(_digits: string): void {
    throw this.#over('dtmf');
  }

  hold(): Promise<never> {
    throw this.#over('hold');
  }

  resume(): Promise<never> {
    throw this.#over('resume');
  }

  readonly isTalking = false;
  readonly isHeld = false;

  #over(action: string): TandemError {
    return wrongState(this.id, action, this.state);
  }
}
