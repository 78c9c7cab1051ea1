// RFC 3515 2.4, RFC 4488: a REFER of ours and the subscription that it makes, as one table.
import { tableDiagram } from '#src/base/state-diagram.ts';

/**
 * `sending` · `accepted` 2xx, nothing told yet · `trying` the other side reports · `concluded` it said how it ended, its
 * subscription may go on · `over`
 */
export const REFER_CLIENT_STATES = ['sending', 'accepted', 'trying', 'concluded', 'over'] as const;
export type ReferClientState = (typeof REFER_CLIENT_STATES)[number];

export const REFER_CLIENT_EVENTS = [
  /** 2xx (an application server that takes the transfer over answers 200: 24.628 4.7.2.9.7); with `Refer-Sub: false`. */
  'accepted',
  'accepted silently',
  /** 3xx to 6xx; no answer, no way. */
  'refused',
  'unreachable',
  /** A NOTIFY whose fragment is a 1xx or none, a 2xx, anything else. */
  'progress',
  'succeeded',
  'failed',
  /** Subscription-State: terminated, after what the NOTIFY itself said. */
  'terminated',
  /** Nothing was told in the time of RFC 6665 4.1.2.4; the subscription's time is over; nobody asks any more. */
  'silence',
  'expired',
  'stop',
] as const;
export type ReferClientEvent = (typeof REFER_CLIENT_EVENTS)[number];

export const REFER_CLIENT_ACTIONS = [
  /** The wait for a first NOTIFY; for the end of the subscription; for its last word after the outcome. */
  'await',
  'arm',
  'linger',
  'tell progress',
  /** The outcome, told once: as the fragment said, as the REFER was answered, or not known. */
  'tell outcome',
  'tell refusal',
  'tell unknown',
  /** Timers stopped, the dialog let go. */
  'release',
] as const;
export type ReferClientAction = (typeof REFER_CLIENT_ACTIONS)[number];

export interface ReferClientTransition {
  readonly next: ReferClientState;
  readonly actions: readonly ReferClientAction[];
}

const to = (next: ReferClientState, ...actions: ReferClientAction[]): ReferClientTransition => ({
  next,
  actions,
});

type Row = Readonly<Record<ReferClientEvent, ReferClientTransition | 'ignored'>>;

/** As long as no outcome is known. A NOTIFY may overtake the 2xx, and even stand for it. */
const OPEN: Row = {
  accepted: 'ignored',
  'accepted silently': to('over', 'tell unknown', 'release'),
  refused: to('over', 'tell refusal', 'release'),
  unreachable: to('over', 'tell refusal', 'release'),
  progress: to('trying', 'arm', 'tell progress'),
  succeeded: to('concluded', 'linger', 'tell outcome'),
  failed: to('concluded', 'linger', 'tell outcome'),
  terminated: to('over', 'tell unknown', 'release'),
  silence: 'ignored',
  expired: to('over', 'tell unknown', 'release'),
  stop: to('over', 'release'),
};

const CLOSED: Row = {
  accepted: 'ignored',
  'accepted silently': 'ignored',
  refused: 'ignored',
  unreachable: 'ignored',
  progress: 'ignored',
  succeeded: 'ignored',
  failed: 'ignored',
  terminated: 'ignored',
  silence: 'ignored',
  expired: 'ignored',
  stop: 'ignored',
};

export const REFER_CLIENT_TABLE: Readonly<Record<ReferClientState, Row>> = {
  sending: { ...OPEN, accepted: to('accepted', 'await') },
  accepted: { ...OPEN, silence: to('over', 'tell unknown', 'release') },
  trying: OPEN,
  concluded: {
    ...CLOSED,
    terminated: to('over', 'release'),
    expired: to('over', 'release'),
    stop: to('over', 'release'),
  },
  over: CLOSED,
};

/** The picture in the README. */
export const referClientDiagram = (): string =>
  tableDiagram(REFER_CLIENT_TABLE, { begin: ['sending'], end: ['over'], events: REFER_CLIENT_EVENTS });
