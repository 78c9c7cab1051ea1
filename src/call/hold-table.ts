// 24.610 4.5.2: the owner's hold of a call as one table: state × event → next state, actions. What the peer holds is
// its own affair.
import { tableDiagram } from '#src/base/state-diagram.ts';

/**
 * `talking` · `holding` asked for, the peer has not agreed · `held` · `resuming` asked for · `parked` the peer refused the
 * hold, but another call is talked in: nothing of ours is sent, nothing of theirs is heard.
 */
export const HOLD_STATES = ['talking', 'holding', 'held', 'resuming', 'parked'] as const;
export type HoldPhase = (typeof HOLD_STATES)[number];

export const HOLD_EVENTS = [
  /** The owner. */
  'hold',
  'resume',
  /** An exchange is done: we do not receive by it, or we do. */
  'agreed-closed',
  'agreed-open',
  /** Ours was refused for good. `refused-firmly`: another call is talked in. */
  'refused',
  'refused-firmly',
] as const;
export type HoldEvent = (typeof HOLD_EVENTS)[number];

/**
 * `offer` by re-INVITE · `silence` and `sound`: whether anything of the call is heard, on either side · `done` and
 * `fail` are told.
 */
export type HoldAction = 'offer' | 'silence' | 'sound' | 'done' | 'fail';

export interface HoldTransition {
  readonly next: HoldPhase;
  readonly actions: readonly HoldAction[];
}

const to = (next: HoldPhase, ...actions: HoldAction[]): HoldTransition => ({ next, actions });

/** `wrong-state` is told the owner (409). */
type Row = Readonly<Record<HoldEvent, HoldTransition | 'ignored' | 'wrong-state'>>;

export const HOLD_TABLE: Readonly<Record<HoldPhase, Row>> = {
  talking: {
    // At once, whatever the peer says to it later: the owner does not want to be heard.
    hold: to('holding', 'silence', 'offer'),
    resume: 'wrong-state',
    'agreed-closed': 'ignored',
    'agreed-open': 'ignored',
    refused: 'ignored',
    'refused-firmly': 'ignored',
  },
  holding: {
    hold: 'wrong-state',
    resume: to('resuming', 'offer'),
    'agreed-closed': to('held', 'done'),
    // Of an exchange that began before.
    'agreed-open': 'ignored',
    refused: to('talking', 'sound', 'fail'),
    'refused-firmly': to('parked', 'fail'),
  },
  held: {
    hold: 'wrong-state',
    resume: to('resuming', 'offer'),
    'agreed-closed': 'ignored',
    // A peer that answers our hold with less than it says.
    'agreed-open': 'ignored',
    refused: 'ignored',
    'refused-firmly': 'ignored',
  },
  resuming: {
    hold: to('holding', 'silence', 'offer'),
    resume: 'wrong-state',
    'agreed-closed': 'ignored',
    'agreed-open': to('talking', 'sound', 'done'),
    refused: to('held', 'fail'),
    'refused-firmly': to('held', 'fail'),
  },
  parked: {
    hold: 'wrong-state',
    resume: to('talking', 'sound', 'done'),
    'agreed-closed': 'ignored',
    'agreed-open': 'ignored',
    refused: 'ignored',
    'refused-firmly': 'ignored',
  },
};

/** The picture in the README. */
export const holdDiagram = (): string =>
  tableDiagram(HOLD_TABLE, { begin: ['talking'], events: HOLD_EVENTS });
