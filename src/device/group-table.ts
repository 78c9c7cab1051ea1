// Calling several people in turn until one answers: state × event → next state, action.

export const GROUP_STATES = ['idle', 'calling', 'skipping', 'over'] as const;
export type GroupState = (typeof GROUP_STATES)[number];

export const GROUP_EVENTS = [
  /** The owner. */
  'begin',
  /** Somebody is there. */
  'answered',
  /** This one was busy, declined, could not be reached. */
  'refused',
  /** The owner hung up. */
  'stopped',
  /** This one let it ring too long. */
  'silent',
  /** There is nobody left to call. */
  'exhausted',
  /** Tandem closes. */
  'closed',
] as const;
export type GroupEvent = (typeof GROUP_EVENTS)[number];

export type GroupAction = 'dial' | 'hang-up' | 'finish';

interface Transition {
  readonly next: GroupState;
  readonly action?: GroupAction;
}

type Row = Readonly<Record<GroupEvent, Transition | 'ignored'>>;

const NOTHING: Row = {
  begin: 'ignored',
  answered: 'ignored',
  refused: 'ignored',
  stopped: 'ignored',
  silent: 'ignored',
  exhausted: 'ignored',
  closed: 'ignored',
};

export const GROUP_TABLE: Readonly<Record<GroupState, Row>> = {
  idle: { ...NOTHING, begin: { next: 'calling', action: 'dial' } },
  calling: {
    ...NOTHING,
    answered: { next: 'over', action: 'finish' },
    refused: { next: 'calling', action: 'dial' },
    stopped: { next: 'over', action: 'finish' },
    silent: { next: 'skipping', action: 'hang-up' },
    exhausted: { next: 'over', action: 'finish' },
    closed: { next: 'over', action: 'finish' },
  },
  // Our own end of the call: however it looks, the next one is called.
  skipping: {
    ...NOTHING,
    refused: { next: 'calling', action: 'dial' },
    stopped: { next: 'calling', action: 'dial' },
    closed: { next: 'over', action: 'finish' },
  },
  over: NOTHING,
};
