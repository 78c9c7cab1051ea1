// A transfer that the owner asks for, as one table (24.629 4.5.2, RFC 5589 6 and 7): both kinds, from the button to the end.
import { tableDiagram } from '#src/base/state-diagram.ts';

/**
 * `preparing` the party is being held · `referring` our REFER is out · `leaving` the party hung up before we know how it
 * ended · `done` · `failed`
 */
export const TRANSFEROR_STATES = ['preparing', 'referring', 'leaving', 'done', 'failed'] as const;
export type TransferorState = (typeof TRANSFEROR_STATES)[number];

export const TRANSFEROR_EVENTS = [
  'prepared',
  /** Of the REFER: the target rings; it answered; accepted by one who will not tell more; it came to nothing; not told. */
  'progress',
  'succeeded',
  'accepted',
  'failed',
  'unknown',
  /** The call that is transferred is over. */
  'gone',
] as const;
export type TransferorEvent = (typeof TRANSFEROR_EVENTS)[number];

export const TRANSFEROR_ACTIONS = [
  'refer',
  'tell progress',
  'tell done',
  'tell failed',
  /** BYE to the party; to the target, unless it has hung up by itself (its call with us was replaced). */
  'hang up',
  'release target',
  /** Out of hold, if we put it there. */
  'retrieve',
] as const;
export type TransferorAction = (typeof TRANSFEROR_ACTIONS)[number];

export interface TransferorTransition {
  readonly next: TransferorState;
  readonly actions: readonly TransferorAction[];
}

const to = (next: TransferorState, ...actions: TransferorAction[]): TransferorTransition => ({
  next,
  actions,
});

type Row = Readonly<Record<TransferorEvent, TransferorTransition | 'ignored'>>;

const NOTHING: Row = {
  prepared: 'ignored',
  progress: 'ignored',
  succeeded: 'ignored',
  accepted: 'ignored',
  failed: 'ignored',
  unknown: 'ignored',
  gone: 'ignored',
};

export const TRANSFEROR_TABLE: Readonly<Record<TransferorState, Row>> = {
  preparing: { ...NOTHING, prepared: to('referring', 'refer'), gone: to('failed', 'tell failed') },
  referring: {
    prepared: 'ignored',
    progress: to('referring', 'tell progress'),
    succeeded: to('done', 'tell done', 'hang up', 'release target'),
    accepted: to('done', 'tell done', 'hang up', 'release target'),
    failed: to('failed', 'tell failed', 'retrieve'),
    unknown: to('failed', 'tell failed', 'retrieve'),
    gone: to('leaving'),
  },
  leaving: {
    ...NOTHING,
    progress: to('leaving', 'tell progress'),
    succeeded: to('done', 'tell done', 'release target'),
    accepted: to('done', 'tell done', 'release target'),
    failed: to('failed', 'tell failed'),
    unknown: to('failed', 'tell failed'),
  },
  done: NOTHING,
  failed: NOTHING,
};

/** The picture in the README. */
export const transferorDiagram = (): string =>
  tableDiagram(TRANSFEROR_TABLE, {
    begin: ['preparing'],
    end: ['done', 'failed'],
    events: TRANSFEROR_EVENTS,
  });
