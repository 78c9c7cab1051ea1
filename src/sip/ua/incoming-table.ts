// RFC 3261 8.2, 9.2, 13.3.1: the life of one request to us, as one table.

/** `unacknowledged`: the 2xx was sent, its ACK never came. */
export type IncomingState = 'open' | 'awaiting ACK' | 'confirmed' | 'unacknowledged' | 'answered';

/** `success` is a 2xx to an INVITE; every other final answer is `final`. */
export type IncomingEvent = 'provisional' | 'success' | 'final' | 'CANCEL' | 'ACK' | 'repeat' | 'give up';

export type IncomingAction =
  | 'send'
  | 'start repeats'
  | 'next repeat'
  | 'stop repeats'
  | 'tell CANCEL'
  | 'tell ACK'
  | 'tell timeout'
  | 'tell end';

export interface IncomingRow {
  readonly state: IncomingState;
  readonly event: IncomingEvent;
  readonly next: IncomingState;
  readonly actions: readonly IncomingAction[];
  readonly clause: string;
}

export const INCOMING_TABLE: readonly IncomingRow[] = [
  { state: 'open', event: 'provisional', next: 'open', actions: ['send'], clause: '13.3.1.1' },
  { state: 'open', event: 'final', next: 'answered', actions: ['send', 'tell end'], clause: '13.3.1.3' },
  { state: 'open', event: 'CANCEL', next: 'open', actions: ['tell CANCEL'], clause: '9.2' },
  {
    state: 'open',
    event: 'success',
    next: 'awaiting ACK',
    actions: ['send', 'start repeats'],
    clause: '13.3.1.4',
  },
  {
    state: 'awaiting ACK',
    event: 'repeat',
    next: 'awaiting ACK',
    actions: ['send', 'next repeat'],
    clause: '13.3.1.4',
  },
  {
    state: 'awaiting ACK',
    event: 'ACK',
    next: 'confirmed',
    actions: ['stop repeats', 'tell ACK', 'tell end'],
    clause: '13.3.1.4',
  },
  {
    state: 'awaiting ACK',
    event: 'give up',
    next: 'unacknowledged',
    actions: ['stop repeats', 'tell timeout', 'tell end'],
    clause: '13.3.1.4',
  },
  // The CANCEL lost the race: it is answered 200 and changes nothing.
  { state: 'awaiting ACK', event: 'CANCEL', next: 'awaiting ACK', actions: [], clause: '9.2' },
  { state: 'confirmed', event: 'CANCEL', next: 'confirmed', actions: [], clause: '9.2' },
  { state: 'confirmed', event: 'ACK', next: 'confirmed', actions: [], clause: '13.3.1.4' },
  { state: 'unacknowledged', event: 'CANCEL', next: 'unacknowledged', actions: [], clause: '9.2' },
  { state: 'unacknowledged', event: 'ACK', next: 'unacknowledged', actions: [], clause: '13.3.1.4' },
  { state: 'answered', event: 'CANCEL', next: 'answered', actions: [], clause: '9.2' },
];

/** Undefined: not possible in this state; the caller says what that means. */
export const incomingRow = (state: IncomingState, event: IncomingEvent): IncomingRow | undefined =>
  INCOMING_TABLE.find((row) => row.state === state && row.event === event);
