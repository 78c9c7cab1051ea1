// An ad-hoc conference that the owner makes of calls, as one table (24.147 5.3.1.3.3, 5.3.1.5.3; IR.92 2.3.3; RFC 4579 5.5).
import { tableDiagram } from '#src/base/state-diagram.ts';

/**
 * `gathering` the parties are put on hold · `inviting` the focus is called · `adding` party after party is passed to the
 * focus · `standing` · `over`
 */
export const CONFERENCE_STATES = ['gathering', 'inviting', 'adding', 'standing', 'over'] as const;
export type ConferenceState = (typeof CONFERENCE_STATES)[number];

export const CONFERENCE_EVENTS = [
  'gathered',
  /** The focus answered, as a focus; the call there could not be placed, or what answered is none. */
  'joined',
  'unusable',
  /** A party is in or not; none waits any more, and one at least is in, or nobody is. */
  'next',
  'settled',
  'alone',
  /** The owner adds calls. */
  'more',
  /** Our call with the focus is over. */
  'ended',
] as const;
export type ConferenceEvent = (typeof CONFERENCE_EVENTS)[number];

export const CONFERENCE_ACTIONS = [
  'call focus',
  'subscribe',
  'add next',
  /** BYE to the focus. */
  'hang up',
  /** The owner is told that nothing came of it. */
  'tell failed',
  /** The call that was talked in before is taken back from hold. */
  'retrieve',
  /** The subscription ends with the conference; if it does not, it is ended (24.147 5.3.1.6). */
  'leave',
] as const;
export type ConferenceAction = (typeof CONFERENCE_ACTIONS)[number];

export interface ConferenceTransition {
  readonly next: ConferenceState;
  readonly actions: readonly ConferenceAction[];
}

const to = (next: ConferenceState, ...actions: ConferenceAction[]): ConferenceTransition => ({
  next,
  actions,
});

type Row = Readonly<Record<ConferenceEvent, ConferenceTransition | 'ignored'>>;

const NOTHING: Row = {
  gathered: 'ignored',
  joined: 'ignored',
  unusable: 'ignored',
  next: 'ignored',
  settled: 'ignored',
  alone: 'ignored',
  more: 'ignored',
  ended: 'ignored',
};

export const CONFERENCE_TABLE: Readonly<Record<ConferenceState, Row>> = {
  gathering: {
    ...NOTHING,
    gathered: to('inviting', 'call focus'),
    // Until the focus answers they only join the others who wait.
    more: to('gathering'),
  },
  inviting: {
    ...NOTHING,
    joined: to('adding', 'subscribe', 'add next'),
    unusable: to('over', 'hang up', 'tell failed', 'retrieve'),
    more: to('inviting'),
    ended: to('over', 'tell failed', 'retrieve'),
  },
  adding: {
    ...NOTHING,
    next: to('adding', 'add next'),
    settled: to('standing'),
    alone: to('over', 'hang up', 'tell failed', 'leave', 'retrieve'),
    more: to('adding'),
    ended: to('over', 'tell failed', 'leave', 'retrieve'),
  },
  standing: {
    ...NOTHING,
    more: to('adding', 'add next'),
    ended: to('over', 'leave'),
  },
  over: NOTHING,
};

/** The picture in the README. */
export const conferenceDiagram = (): string =>
  tableDiagram(CONFERENCE_TABLE, { begin: ['gathering'], end: ['over'], events: CONFERENCE_EVENTS });
