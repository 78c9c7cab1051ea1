// RFC 4028 10: the life of a session timer as one table: state × event → next state, actions. The picture in the README
// comes from it.
import { tableDiagram } from '#src/base/state-diagram.ts';

/** `off` nothing expires · `ours` we refresh at half · `refreshing` ours is out or due again · `theirs` we wait for the peer's. */
export const SESSION_TIMER_STATES = ['off', 'ours', 'refreshing', 'theirs'] as const;
export type SessionTimerState = (typeof SESSION_TIMER_STATES)[number];

export const SESSION_TIMER_EVENTS = [
  /** A 2xx, ours or the peer's, settles who refreshes; or that nobody does. */
  'agreed-ours',
  'agreed-theirs',
  'agreed-none',
  /** Half of the interval is over, or the wait after a refusal. */
  'due',
  /** A refresh met something else than 2xx, 408, 481 or silence: it is tried again. */
  'refused',
  /** The interval is over; for the peer's refresh a little earlier. */
  'expired',
  /** The call is over. */
  'stop',
] as const;
export type SessionTimerEvent = (typeof SESSION_TIMER_EVENTS)[number];

/**
 * `arm` half and whole of the interval · `guard` the whole, less 32 seconds or a third · `disarm` · `refresh` sends one ·
 * `retry` sends it again in a while · `release` BYE.
 */
export type SessionTimerAction = 'arm' | 'guard' | 'disarm' | 'refresh' | 'retry' | 'release';

export interface SessionTimerTransition {
  readonly next: SessionTimerState;
  readonly actions: readonly SessionTimerAction[];
}

type Row = Readonly<Record<SessionTimerEvent, SessionTimerTransition | 'ignored'>>;

const to = (next: SessionTimerState, ...actions: SessionTimerAction[]): SessionTimerTransition => ({
  next,
  actions,
});

/** Every exchange in the call agrees anew. */
const AGREED = {
  'agreed-ours': to('ours', 'arm'),
  'agreed-theirs': to('theirs', 'guard'),
  'agreed-none': to('off', 'disarm'),
  stop: to('off', 'disarm'),
} as const;

export const SESSION_TIMER_TABLE: Readonly<Record<SessionTimerState, Row>> = {
  off: { ...AGREED, due: 'ignored', refused: 'ignored', expired: 'ignored' },
  ours: {
    ...AGREED,
    due: to('refreshing', 'refresh'),
    // Of a change that was no refresh; the refresh comes at its time.
    refused: 'ignored',
    expired: to('off', 'disarm', 'release'),
  },
  refreshing: {
    ...AGREED,
    due: to('refreshing', 'refresh'),
    refused: to('refreshing', 'retry'),
    expired: to('off', 'disarm', 'release'),
  },
  theirs: {
    ...AGREED,
    due: 'ignored',
    refused: 'ignored',
    expired: to('off', 'disarm', 'release'),
  },
};

/** The picture in the README. */
export const sessionTimerDiagram = (): string =>
  tableDiagram(SESSION_TIMER_TABLE, { begin: ['off'], events: SESSION_TIMER_EVENTS });
