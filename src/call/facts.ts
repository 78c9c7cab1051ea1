// What comes with an event of the call table.
import type { TandemError } from '#src/base/errors.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import type { DetailNotes } from './details.ts';
import type { Leg } from './dialogs.ts';
import type { SessionTimer } from './session-timer.ts';
import type { CallEvent, CallState } from './table.ts';
import type { VideoWish } from './video-policy.ts';

export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/** A final response that we give. */
export interface Refusal {
  readonly status: number;
  readonly headers?: HeaderPairs;
  /** A description: what failed (RFC 3312 8). */
  readonly body?: Buffer;
}

/** What the owner chose at the answer. */
export interface AnswerChoice {
  /** Undefined: as offered, when this device can. */
  readonly video?: boolean | undefined;
}

export interface Facts {
  /** To our INVITE. */
  readonly response?: SipResponse;
  /** CANCEL, ACK or BYE. */
  readonly request?: SipRequest;
  /** re-INVITE or UPDATE, still to be answered. */
  readonly incoming?: Incoming;
  readonly leg?: Leg;
  readonly refusal?: Refusal;
  readonly error?: TandemError;
  readonly answer?: AnswerChoice;
  /** Of a request in a dialog that was lost. */
  readonly status?: number;
}

export type Dispatch = (event: CallEvent, facts?: Facts) => void;

/** What the parts of a call ask of the whole. */
export interface CallContext {
  readonly state: CallState;
  readonly dispatch: Dispatch;
  /** What there is to tell beside the snapshot. */
  readonly notes: DetailNotes;
  /** Something that a snapshot shows has changed. */
  readonly changed: () => void;
  /** The conversation begins now. */
  readonly answered: (leg: Leg) => void;
  /** RFC 4028, in the INVITE and in the 2xx that sets the call up. */
  readonly session: SessionTimer;
  /** The first exchange of this dialog is done. */
  readonly agreed: (leg: Leg) => void;
  /** Video comes, goes or changes once the call stands. */
  readonly setVideo: (leg: Leg, video: VideoWish) => void;
}
