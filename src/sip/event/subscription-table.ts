// RFC 6665 4.1: the life of a subscription of ours as one table, and what answers and reasons mean for it.

export type SubscriptionStateName =
  | 'idle'
  | 'subscribing'
  | 'active'
  | 'refreshing'
  | 'waiting'
  | 'unsubscribing'
  | 'terminated';

/**
 * `start` begins anew from any state; `stop` un-subscribes, `stop early` when there is no dialog to do it in; `drop` lets
 * go without a word. `ended *` is a NOTIFY with `terminated`, by what its reason allows.
 */
export type SubscriptionEvent =
  | 'start'
  | 'stop'
  | 'stop early'
  | 'drop'
  | '2xx'
  | 'too brief'
  | 'gone'
  | 'refused'
  | 'busy'
  | 'notify'
  | 'ended, now'
  | 'ended, later'
  | 'ended, never'
  | 'refresh due'
  | 'retry due'
  | 'expired'
  | 'timer N';

/**
 * `subscribe` outside a dialog under a new Call-ID, `refresh` and `unsubscribe` inside it; `arm` the refresh and expiry
 * timers, `postpone` the refresh, `wait` before trying anew, `start N`, `stop N`; `release` stops every timer and lets
 * go of the dialog.
 */
export type SubscriptionAction =
  | 'subscribe'
  | 'refresh'
  | 'unsubscribe'
  | 'arm'
  | 'postpone'
  | 'wait'
  | 'start N'
  | 'stop N'
  | 'release';

export interface SubscriptionRow {
  readonly state: SubscriptionStateName;
  readonly event: SubscriptionEvent;
  readonly next: SubscriptionStateName;
  readonly actions: readonly SubscriptionAction[];
  readonly clause: string;
}

type Compact = readonly [
  SubscriptionStateName,
  SubscriptionEvent,
  SubscriptionStateName,
  readonly SubscriptionAction[],
  string,
];

const rows = (...compact: readonly Compact[]): readonly SubscriptionRow[] =>
  compact.map(([state, event, next, actions, clause]) => ({ state, event, next, actions, clause }));

const ANEW = ['release', 'subscribe', 'start N'] as const;
const LATER = ['release', 'wait'] as const;
const OVER = ['release'] as const;

export const SUBSCRIPTION_TABLE: readonly SubscriptionRow[] = rows(
  ['idle', 'start', 'subscribing', ANEW, '4.1.2.1'],
  ['idle', 'stop early', 'terminated', OVER, '4.1.2.3'],
  ['idle', 'drop', 'terminated', OVER, '4.1.2.3'],

  ['subscribing', 'start', 'subscribing', ANEW, '4.1.2.1'],
  ['subscribing', '2xx', 'subscribing', ['arm'], '4.1.2.1'],
  ['subscribing', 'notify', 'active', ['stop N', 'arm'], '4.1.2.4'],
  ['subscribing', 'too brief', 'subscribing', ANEW, '4.1.2.1'],
  ['subscribing', 'gone', 'waiting', LATER, '4.1.2.1'],
  ['subscribing', 'refused', 'terminated', OVER, '4.1.2.1'],
  ['subscribing', 'busy', 'waiting', LATER, '4.1.2.1'],
  // A server that ends what it has not begun would be asked in a circle.
  ['subscribing', 'ended, now', 'waiting', LATER, '4.1.3'],
  ['subscribing', 'ended, later', 'waiting', LATER, '4.1.3'],
  ['subscribing', 'ended, never', 'terminated', OVER, '4.1.3'],
  ['subscribing', 'timer N', 'waiting', LATER, '4.1.2.4'],
  ['subscribing', 'expired', 'waiting', LATER, '4.1.2.4'],
  ['subscribing', 'stop', 'unsubscribing', ['unsubscribe', 'start N'], '4.1.2.3'],
  ['subscribing', 'stop early', 'terminated', OVER, '4.1.2.3'],
  ['subscribing', 'drop', 'terminated', OVER, '4.1.2.3'],

  ['active', 'start', 'subscribing', ANEW, '4.1.2.1'],
  ['active', '2xx', 'active', ['arm'], '4.1.2.1'],
  ['active', 'notify', 'active', ['arm'], '4.1.3'],
  ['active', 'refresh due', 'refreshing', ['refresh'], '4.1.2.2'],
  ['active', 'expired', 'subscribing', ANEW, '4.1.2.2'],
  ['active', 'ended, now', 'subscribing', ANEW, '4.1.3'],
  ['active', 'ended, later', 'waiting', LATER, '4.1.3'],
  ['active', 'ended, never', 'terminated', OVER, '4.1.3'],
  ['active', 'stop', 'unsubscribing', ['unsubscribe', 'start N'], '4.1.2.3'],
  ['active', 'drop', 'terminated', OVER, '4.1.2.3'],

  ['refreshing', 'start', 'subscribing', ANEW, '4.1.2.1'],
  ['refreshing', '2xx', 'active', ['arm'], '4.1.2.2'],
  ['refreshing', 'notify', 'refreshing', ['arm'], '4.1.3'],
  ['refreshing', 'too brief', 'refreshing', ['refresh'], '4.1.2.2'],
  ['refreshing', 'gone', 'subscribing', ANEW, '4.1.2.2'],
  ['refreshing', 'refused', 'terminated', OVER, '4.1.2.2'],
  // The subscription is good until it expires.
  ['refreshing', 'busy', 'active', ['postpone'], '4.1.2.2'],
  ['refreshing', 'expired', 'subscribing', ANEW, '4.1.2.2'],
  ['refreshing', 'ended, now', 'subscribing', ANEW, '4.1.3'],
  ['refreshing', 'ended, later', 'waiting', LATER, '4.1.3'],
  ['refreshing', 'ended, never', 'terminated', OVER, '4.1.3'],
  ['refreshing', 'stop', 'unsubscribing', ['unsubscribe', 'start N'], '4.1.2.3'],
  ['refreshing', 'drop', 'terminated', OVER, '4.1.2.3'],

  ['waiting', 'start', 'subscribing', ANEW, '4.1.2.1'],
  ['waiting', 'retry due', 'subscribing', ANEW, '4.1.3'],
  ['waiting', 'stop early', 'terminated', OVER, '4.1.2.3'],
  ['waiting', 'drop', 'terminated', OVER, '4.1.2.3'],

  ['unsubscribing', 'start', 'subscribing', ANEW, '4.1.2.1'],
  ['unsubscribing', '2xx', 'unsubscribing', [], '4.1.2.3'],
  ['unsubscribing', 'notify', 'unsubscribing', [], '4.1.2.3'],
  ['unsubscribing', 'too brief', 'terminated', OVER, '4.1.2.3'],
  ['unsubscribing', 'gone', 'terminated', OVER, '4.1.2.3'],
  ['unsubscribing', 'refused', 'terminated', OVER, '4.1.2.3'],
  ['unsubscribing', 'busy', 'terminated', OVER, '4.1.2.3'],
  ['unsubscribing', 'ended, now', 'terminated', OVER, '4.1.2.3'],
  ['unsubscribing', 'ended, later', 'terminated', OVER, '4.1.2.3'],
  ['unsubscribing', 'ended, never', 'terminated', OVER, '4.1.2.3'],
  ['unsubscribing', 'timer N', 'terminated', OVER, '4.1.2.3'],
  ['unsubscribing', 'expired', 'terminated', OVER, '4.1.2.3'],
  ['unsubscribing', 'drop', 'terminated', OVER, '4.1.2.3'],

  ['terminated', 'start', 'subscribing', ANEW, '4.1.2.1'],
);

export const SUBSCRIPTION_STATES: readonly SubscriptionStateName[] = [
  'idle',
  'subscribing',
  'active',
  'refreshing',
  'waiting',
  'unsubscribing',
  'terminated',
];

/** Undefined: the event comes too late to matter. */
export const subscriptionRow = (
  state: SubscriptionStateName,
  event: SubscriptionEvent,
): SubscriptionRow | undefined =>
  SUBSCRIPTION_TABLE.find((row) => row.state === state && row.event === event);

export interface TerminationRow {
  readonly reason: string;
  readonly means: 'ended, now' | 'ended, later' | 'ended, never';
}

/** 4.1.3: what the `reason` of a terminated subscription allows. */
export const TERMINATION_TABLE: readonly TerminationRow[] = [
  { reason: 'deactivated', means: 'ended, now' },
  { reason: 'probation', means: 'ended, later' },
  { reason: 'rejected', means: 'ended, never' },
  { reason: 'timeout', means: 'ended, now' },
  { reason: 'giveup', means: 'ended, later' },
  { reason: 'noresource', means: 'ended, never' },
  { reason: 'invariant', means: 'ended, never' },
];

/** An unknown reason, or none, is no bar to trying again (4.1.3); we leave some time. */
export const afterTermination = (reason: string | undefined): TerminationRow['means'] =>
  TERMINATION_TABLE.find((row) => row.reason === reason?.toLowerCase())?.means ?? 'ended, later';

export interface RefusalRow {
  readonly status: number;
  readonly means: 'too brief' | 'gone' | 'refused';
  readonly clause: string;
}

/** What a refusal of a SUBSCRIBE means; every other one is `busy`: later, perhaps. */
export const REFUSAL_TABLE: readonly RefusalRow[] = [
  { status: 423, means: 'too brief', clause: 'RFC 6665 4.1.2.1' },
  { status: 481, means: 'gone', clause: 'RFC 6665 4.1.2.2' },
  { status: 482, means: 'gone', clause: 'RFC 5057 5.1' },
  { status: 483, means: 'gone', clause: 'RFC 5057 5.1' },
  { status: 410, means: 'gone', clause: 'RFC 5057 5.1' },
  { status: 404, means: 'refused', clause: 'RFC 3261 21.4.5' },
  { status: 400, means: 'refused', clause: 'RFC 3261 21.4.1' },
  { status: 401, means: 'refused', clause: 'RFC 3261 22.1' },
  { status: 403, means: 'refused', clause: 'RFC 3261 21.4.4' },
  { status: 405, means: 'refused', clause: 'TS 24.229 5.1.1.3' },
  { status: 406, means: 'refused', clause: 'RFC 3261 21.4.7' },
  { status: 407, means: 'refused', clause: 'RFC 3261 22.1' },
  { status: 416, means: 'refused', clause: 'RFC 3261 21.4.14' },
  { status: 420, means: 'refused', clause: 'RFC 3261 21.4.15' },
  { status: 489, means: 'refused', clause: 'RFC 6665 8.3.2' },
  { status: 501, means: 'refused', clause: 'RFC 3261 21.5.2' },
  { status: 603, means: 'refused', clause: 'RFC 6665 8.3.1' },
  { status: 604, means: 'refused', clause: 'RFC 3261 21.6.3' },
];

export const afterRefusal = (status: number): RefusalRow['means'] | 'busy' =>
  REFUSAL_TABLE.find((row) => row.status === status)?.means ?? 'busy';
