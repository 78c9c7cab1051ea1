// What is kept of a call that is over: its row and its name on the wire, nothing that once ran it.
import { TandemError } from '#src/base/errors.ts';
import type { CallDetails } from './details.ts';
import type { NotedDigit } from './digits.ts';
import type { AnswerChoice } from './facts.ts';
import type { CallQuality } from './quality.ts';
import type { Replaceable } from './replaces.ts';
import type { LogRow } from './snapshot.ts';

export class EndedCall {
  readonly id: string;
  /** Call-ID of its INVITE, for the trace. */
  readonly sipCallId: string;
  readonly snapshot: LogRow;
  readonly quality: CallQuality;
  readonly digits: readonly NotedDigit[];
  readonly details: CallDetails;
  readonly direction: 'in' | 'out';
  readonly dialogNames: Replaceable['dialogNames'];
  readonly state = 'ended';
  readonly ended = true;

  constructor(
    sipCallId: string,
    row: LogRow,
    {
      quality,
      digits,
      details,
      dialogNames,
    }: Pick<EndedCall, 'quality' | 'digits' | 'details' | 'dialogNames'>,
  ) {
    this.id = row.id;
    this.sipCallId = sipCallId;
    this.snapshot = row;
    this.quality = quality;
    this.digits = digits;
    this.details = details;
    this.dialogNames = dialogNames;
    this.direction = row.direction;
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
    return new TandemError('caller', 'call.state', 'The call is not in a state for this.', {
      detail: { call: this.id, state: this.state, action },
    });
  }
}
