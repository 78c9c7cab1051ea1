// A call as the outside sees it, and its row in the log (the contract's call object).
import type { CallLabel, ReasonValue } from './labels.ts';
import type { CallState } from './table.ts';

export type PublicCallState = 'dialing' | 'early' | 'ringing' | 'active' | 'ended';
export type HoldState = 'none' | 'local' | 'remote' | 'both';
export type DialogState = 'early' | 'confirmed' | 'terminated';

export interface CallParty {
  readonly uri: string;
  readonly name?: string;
}

export interface CallEnd {
  /** ISO 8601 UTC. */
  readonly at: string;
  readonly by: 'local' | 'remote' | 'network';
  /** The status code that ended it, if one did. */
  readonly sip?: number;
  readonly reason?: { readonly protocol: string; readonly cause?: number; readonly text?: string };
  readonly label: CallLabel;
}

export interface CallAudioSnapshot {
  readonly codec: string;
  readonly srtp: boolean;
  /** RTP packets. */
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly jitter_ms: number;
  /** Opinion score as the engine rates it, 1 to 4.5 (G.107); 0 while nothing was heard that could be rated. */
  readonly mos: number;
}

export interface CallSnapshot {
  readonly id: string;
  readonly direction: 'in' | 'out';
  readonly state: PublicCallState;
  /** Another call was there when this one rang, and it was not answered since (communication waiting). */
  readonly waiting: boolean;
  readonly hold: HoldState;
  readonly remote: CallParty;
  /** Ours. */
  readonly identity: string;
  readonly called_identity?: string;
  readonly video: boolean;
  readonly dialogs: readonly { readonly remote_tag: string; readonly state: DialogState }[];
  readonly audio?: CallAudioSnapshot;
  readonly start: string;
  readonly answered?: string;
  readonly end?: CallEnd;
}

/** A log row is the ended call. */
export type LogRow = CallSnapshot & { readonly state: 'ended'; readonly end: CallEnd };

const PUBLIC_STATES: Readonly<Record<CallState, PublicCallState>> = {
  new: 'dialing',
  calling: 'dialing',
  early: 'early',
  // Over for the owner, although the wire still has something to say.
  cancelling: 'ended',
  // Nothing is heard of it yet; the owner may take it all the same.
  progressing: 'ringing',
  promised: 'ringing',
  ringing: 'ringing',
  accepting: 'ringing',
  answering: 'active',
  leaving: 'ended',
  active: 'active',
  releasing: 'ended',
  ended: 'ended',
};

export const publicState = (state: CallState): PublicCallState => PUBLIC_STATES[state];

/** The members of the contract's `reason` that are there. */
export const reasonSnapshot = (reason: ReasonValue): NonNullable<CallEnd['reason']> => ({
  protocol: reason.protocol,
  ...(reason.cause === undefined ? {} : { cause: reason.cause }),
  ...(reason.text === undefined ? {} : { text: reason.text }),
});
