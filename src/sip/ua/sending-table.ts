// RFC 3261 9.1, 13.2.2: the life of one request of ours, from its first address to its last answer, as one table.

export type SendingState =
  | 'locating'
  | 'calling'
  | 'proceeding'
  | 'cancel held'
  | 'cancelling'
  | 'answered'
  | 'over';

/** `again`: an answer or failure after which the request is tried once more (a challenge, the next address). */
export type SendingEvent = 'located' | '1xx' | '2xx' | 'final' | 'failure' | 'again' | 'cancel' | 'give up';

/**
 * `transmit` the request; `pass` the answer to the owner; `fail` tells the owner; `withdraw` tells it that nothing was
 * sent; `cancel` sends the CANCEL; `wait` starts the 64*T1 of 9.1, `rest` stops it; `drop` forgets the transaction.
 */
export type SendingAction = 'transmit' | 'pass' | 'fail' | 'withdraw' | 'cancel' | 'wait' | 'rest' | 'drop';

export interface SendingRow {
  readonly state: SendingState;
  readonly event: SendingEvent;
  readonly next: SendingState;
  readonly actions: readonly SendingAction[];
  readonly clause: string;
}

type Compact = readonly [SendingState, SendingEvent, SendingState, readonly SendingAction[], string];

const rows = (...compact: readonly Compact[]): readonly SendingRow[] =>
  compact.map(([state, event, next, actions, clause]) => ({ state, event, next, actions, clause }));

export const SENDING_TABLE: readonly SendingRow[] = rows(
  ['locating', 'located', 'calling', ['transmit'], 'RFC 3263 4'],
  ['locating', 'failure', 'over', ['fail'], 'RFC 3263 4.3'],
  ['locating', 'cancel', 'over', ['withdraw'], 'RFC 3261 9.1'],
  ['calling', '1xx', 'proceeding', ['pass'], 'RFC 3261 13.2.2.1'],
  ['calling', '2xx', 'answered', ['pass'], 'RFC 3261 13.2.2.4'],
  ['calling', 'final', 'over', ['pass'], 'RFC 3261 8.1.3'],
  ['calling', 'failure', 'over', ['fail'], 'RFC 3261 8.1.3.1'],
  ['calling', 'again', 'calling', ['transmit'], 'RFC 3261 8.1.3.5, RFC 3263 4.3'],
  ['calling', 'cancel', 'cancel held', [], 'RFC 3261 9.1'],
  ['proceeding', '1xx', 'proceeding', ['pass'], 'RFC 3261 13.2.2.1'],
  ['proceeding', '2xx', 'answered', ['pass'], 'RFC 3261 13.2.2.4'],
  ['proceeding', 'final', 'over', ['pass'], 'RFC 3261 13.2.2.3'],
  ['proceeding', 'failure', 'over', ['fail'], 'RFC 3261 8.1.3.1'],
  ['proceeding', 'again', 'calling', ['transmit'], 'RFC 3261 8.1.3.5'],
  ['proceeding', 'cancel', 'cancelling', ['cancel', 'wait'], 'RFC 3261 9.1'],
  ['cancel held', '1xx', 'cancelling', ['cancel', 'wait', 'pass'], 'RFC 3261 9.1'],
  ['cancel held', '2xx', 'answered', ['pass'], 'RFC 3261 9.1'],
  ['cancel held', 'final', 'over', ['pass'], 'RFC 3261 9.1'],
  ['cancel held', 'failure', 'over', ['fail'], 'RFC 3261 9.1'],
  ['cancelling', '1xx', 'cancelling', ['pass'], 'RFC 3261 9.1'],
  ['cancelling', '2xx', 'answered', ['rest', 'pass'], 'RFC 3261 9.1'],
  ['cancelling', 'final', 'over', ['rest', 'pass'], 'RFC 3261 9.1'],
  ['cancelling', 'failure', 'over', ['rest', 'fail'], 'RFC 3261 9.1'],
  ['cancelling', 'give up', 'over', ['drop', 'fail'], 'RFC 3261 9.1'],
  ['answered', '2xx', 'answered', ['pass'], 'RFC 3261 13.2.2.4'],
);

export const SENDING_STATES: readonly SendingState[] = [
  'locating',
  'calling',
  'proceeding',
  'cancel held',
  'cancelling',
  'answered',
  'over',
];

/** Undefined: the event changes nothing in this state (a late provisional, a second `cancel`). */
export const sendingRow = (state: SendingState, event: SendingEvent): SendingRow | undefined =>
  SENDING_TABLE.find((row) => row.state === state && row.event === event);
