// RFC 6665 4.2: the life of a subscription somebody has with us, as one table.

export type NotifierState = 'pending' | 'active' | 'terminated';

/** `undeliverable`: a NOTIFY was answered 481 or by something else that ends the usage, or not at all (4.2.2). */
export type NotifierEvent =
  | 'authorized'
  | 'state changed'
  | 'refreshed'
  | 'unsubscribed'
  | 'expired'
  | 'ended by us'
  | 'undeliverable';

export type NotifierAction = 'notify' | 'arm' | 'last notify' | 'release';

export interface NotifierRow {
  readonly state: NotifierState;
  readonly event: NotifierEvent;
  readonly next: NotifierState;
  readonly actions: readonly NotifierAction[];
  /** Of the last NOTIFY. */
  readonly reason?: 'timeout';
  readonly clause: string;
}

export const NOTIFIER_TABLE: readonly NotifierRow[] = [
  { state: 'pending', event: 'authorized', next: 'active', actions: ['notify'], clause: '4.2.1.4' },
  { state: 'pending', event: 'state changed', next: 'pending', actions: [], clause: '4.2.1.4' },
  { state: 'active', event: 'state changed', next: 'active', actions: ['notify'], clause: '4.2.2' },
  ...(['pending', 'active'] as const).flatMap((state): NotifierRow[] => [
    { state, event: 'refreshed', next: state, actions: ['arm', 'notify'], clause: '4.2.1.1' },
    {
      state,
      event: 'unsubscribed',
      next: 'terminated',
      actions: ['last notify', 'release'],
      reason: 'timeout',
      clause: '4.2.1.4',
    },
    {
      state,
      event: 'expired',
      next: 'terminated',
      actions: ['last notify', 'release'],
      reason: 'timeout',
      clause: '4.2.2',
    },
    { state, event: 'ended by us', next: 'terminated', actions: ['last notify', 'release'], clause: '4.2.2' },
    { state, event: 'undeliverable', next: 'terminated', actions: ['release'], clause: '4.2.2' },
  ]),
];

export const notifierRow = (state: NotifierState, event: NotifierEvent): NotifierRow | undefined =>
  NOTIFIER_TABLE.find((row) => row.state === state && row.event === event);
