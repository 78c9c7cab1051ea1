// RFC 3261 17 as amended by RFC 6026: the four transaction machines as one table.
import type { TimerName } from './timers.ts';

export type ClientState = 'calling' | 'trying' | 'proceeding' | 'accepted' | 'completed' | 'terminated';
export type ServerState = 'trying' | 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';
export type State = ClientState | ServerState;

export type MachineName = 'inviteClient' | 'nonInviteClient' | 'inviteServer' | 'nonInviteServer';

export type TimerEvent = `timer ${TimerName}`;

/** What can happen: a response came, a request came again, the user answers, a timer fires, the network fails. */
export type Event =
  | '1xx'
  | '2xx'
  | '3xx-6xx'
  | 'request'
  | 'ACK'
  | 'user 1xx'
  | 'user 2xx'
  | 'user 3xx-6xx'
  | 'transport error'
  | TimerEvent;

/**
 * What is done, in this order. `send` the request or the last response, `ack` the final response (17.1.1.3), `pass` the
 * message to the user, `report timeout` and `report transport` to the user, `start X`, `restart X` with its next
 * interval, `slow E` with T2, `stop X`.
 */
export type Action =
  | 'send'
  | 'ack'
  | 'pass'
  | 'report timeout'
  | 'report transport'
  | `start ${TimerName}`
  | `restart ${TimerName}`
  | 'slow E'
  | `stop ${TimerName}`;

export interface Row {
  readonly state: State;
  readonly event: Event;
  readonly next: State;
  readonly actions: readonly Action[];
  readonly clause: string;
}

export interface Machine {
  readonly name: MachineName;
  readonly title: string;
  readonly initial: State;
  /** Done on the way into the initial state. */
  readonly entry: readonly Action[];
  readonly events: readonly Event[];
  readonly rows: readonly Row[];
}

type Compact = readonly [state: State, event: Event, next: State, actions: string, clause: string];

// The compact rows below are easier to read than objects; the test of the table checks each action's spelling.
const rows = (...compact: readonly Compact[]): readonly Row[] =>
  compact.map(([state, event, next, actions, clause]) => ({
    state,
    event,
    next,
    actions: actions === '' ? [] : (actions.split(', ') as Action[]), // spelled by us, checked by a test
    clause,
  }));

const INVITE_CLIENT: Machine = {
  name: 'inviteClient',
  title: 'INVITE client transaction',
  initial: 'calling',
  entry: ['start B', 'send', 'start A'],
  events: ['1xx', '2xx', '3xx-6xx', 'timer A', 'timer B', 'timer D', 'timer M', 'transport error'],
  rows: rows(
    ['calling', 'timer A', 'calling', 'send, restart A', '17.1.1.2'],
    ['calling', 'timer B', 'terminated', 'report timeout', '17.1.1.2'],
    ['calling', 'transport error', 'terminated', 'report transport', '17.1.4'],
    ['calling', '1xx', 'proceeding', 'stop A, stop B, pass', '17.1.1.2'],
    ['calling', '2xx', 'accepted', 'stop A, stop B, start M, pass', 'RFC 6026 7.2'],
    ['calling', '3xx-6xx', 'completed', 'stop A, stop B, start D, ack, pass', '17.1.1.2'],
    ['proceeding', '1xx', 'proceeding', 'pass', '17.1.1.2'],
    ['proceeding', '2xx', 'accepted', 'start M, pass', 'RFC 6026 7.2'],
    ['proceeding', '3xx-6xx', 'completed', 'start D, ack, pass', '17.1.1.2'],
    // Nothing is being sent here: the error belongs to another message on the same path.
    ['proceeding', 'transport error', 'proceeding', '', '17.1.1.2'],
    ['accepted', '1xx', 'accepted', '', 'RFC 6026 7.2'],
    ['accepted', '2xx', 'accepted', 'pass', 'RFC 6026 7.2'],
    ['accepted', '3xx-6xx', 'accepted', '', 'RFC 6026 7.2'],
    ['accepted', 'timer M', 'terminated', '', 'RFC 6026 7.2'],
    ['accepted', 'transport error', 'accepted', '', 'RFC 6026 7.2'],
    ['completed', '1xx', 'completed', '', '17.1.1.2'],
    ['completed', '2xx', 'completed', '', '17.1.1.2'],
    ['completed', '3xx-6xx', 'completed', 'ack', '17.1.1.2'],
    // The user has its final response; that our ACK met an error changes nothing for it.
    ['completed', 'transport error', 'terminated', '', '17.1.1.2'],
    ['completed', 'timer D', 'terminated', '', '17.1.1.2'],
  ),
};

const NON_INVITE_CLIENT: Machine = {
  name: 'nonInviteClient',
  title: 'Non-INVITE client transaction',
  initial: 'trying',
  entry: ['start F', 'send', 'start E'],
  events: ['1xx', '2xx', '3xx-6xx', 'timer E', 'timer F', 'timer K', 'transport error'],
  rows: rows(
    ['trying', 'timer E', 'trying', 'send, restart E', '17.1.2.2'],
    ['trying', 'timer F', 'terminated', 'report timeout', '17.1.2.2'],
    ['trying', 'transport error', 'terminated', 'report transport', '17.1.4'],
    ['trying', '1xx', 'proceeding', 'pass', '17.1.2.2'],
    ['trying', '2xx', 'completed', 'stop E, stop F, start K, pass', '17.1.2.2'],
    ['trying', '3xx-6xx', 'completed', 'stop E, stop F, start K, pass', '17.1.2.2'],
    ['proceeding', 'timer E', 'proceeding', 'send, slow E', '17.1.2.2'],
    ['proceeding', 'timer F', 'terminated', 'report timeout', '17.1.2.2'],
    ['proceeding', 'transport error', 'terminated', 'report transport', '17.1.4'],
    ['proceeding', '1xx', 'proceeding', 'pass', '17.1.2.2'],
    ['proceeding', '2xx', 'completed', 'stop E, stop F, start K, pass', '17.1.2.2'],
    ['proceeding', '3xx-6xx', 'completed', 'stop E, stop F, start K, pass', '17.1.2.2'],
    ['completed', '1xx', 'completed', '', '17.1.2.2'],
    ['completed', '2xx', 'completed', '', '17.1.2.2'],
    ['completed', '3xx-6xx', 'completed', '', '17.1.2.2'],
    ['completed', 'transport error', 'completed', '', '17.1.2.2'],
    ['completed', 'timer K', 'terminated', '', '17.1.2.2'],
  ),
};

const INVITE_SERVER: Machine = {
  name: 'inviteServer',
  title: 'INVITE server transaction',
  initial: 'proceeding',
  entry: ['start trying', 'pass'],
  events: [
    'request',
    'ACK',
    'user 1xx',
    'user 2xx',
    'user 3xx-6xx',
    'timer G',
    'timer H',
    'timer I',
    'timer L',
    'timer trying',
    'transport error',
  ],
  rows: rows(
    ['proceeding', 'request', 'proceeding', 'send', '17.2.1'],
    ['proceeding', 'timer trying', 'proceeding', 'send', '17.2.1'],
    ['proceeding', 'user 1xx', 'proceeding', 'stop trying, send', '17.2.1'],
    ['proceeding', 'user 2xx', 'accepted', 'stop trying, send, start L', 'RFC 6026 7.1'],
    ['proceeding', 'user 3xx-6xx', 'completed', 'stop trying, send, start G, start H', '17.2.1'],
    ['proceeding', 'transport error', 'proceeding', 'report transport', 'RFC 6026 8.8'],
    // An ACK before any final response answers nothing.
    ['proceeding', 'ACK', 'proceeding', '', '17.2.1'],
    ['accepted', 'request', 'accepted', '', 'RFC 6026 7.1'],
    ['accepted', 'ACK', 'accepted', 'pass', 'RFC 6026 7.1'],
    ['accepted', 'user 2xx', 'accepted', 'send', 'RFC 6026 7.1'],
    ['accepted', 'user 1xx', 'accepted', '', 'RFC 6026 7.1'],
    ['accepted', 'user 3xx-6xx', 'accepted', '', 'RFC 6026 7.1'],
    ['accepted', 'transport error', 'accepted', 'report transport', 'RFC 6026 8.8'],
    ['accepted', 'timer L', 'terminated', '', 'RFC 6026 7.1'],
    ['completed', 'request', 'completed', 'send', '17.2.1'],
    ['completed', 'timer G', 'completed', 'send, restart G', '17.2.1'],
    ['completed', 'ACK', 'confirmed', 'stop G, stop H, start I', '17.2.1'],
    ['completed', 'timer H', 'terminated', 'report timeout', '17.2.1'],
    ['completed', 'transport error', 'completed', 'report transport', 'RFC 6026 8.8'],
    ['completed', 'user 1xx', 'completed', '', '17.2.1'],
    ['completed', 'user 2xx', 'completed', '', '17.2.1'],
    ['completed', 'user 3xx-6xx', 'completed', '', '17.2.1'],
    ['confirmed', 'request', 'confirmed', '', '17.2.1'],
    ['confirmed', 'ACK', 'confirmed', '', '17.2.1'],
    ['confirmed', 'user 1xx', 'confirmed', '', '17.2.1'],
    ['confirmed', 'user 2xx', 'confirmed', '', '17.2.1'],
    ['confirmed', 'user 3xx-6xx', 'confirmed', '', '17.2.1'],
    ['confirmed', 'transport error', 'confirmed', '', '17.2.1'],
    ['confirmed', 'timer I', 'terminated', '', '17.2.1'],
  ),
};

const NON_INVITE_SERVER: Machine = {
  name: 'nonInviteServer',
  title: 'Non-INVITE server transaction',
  initial: 'trying',
  entry: ['pass'],
  events: ['request', 'user 1xx', 'user 2xx', 'user 3xx-6xx', 'timer J', 'transport error'],
  rows: rows(
    ['trying', 'request', 'trying', '', '17.2.2'],
    ['trying', 'user 1xx', 'proceeding', 'send', '17.2.2'],
    ['trying', 'user 2xx', 'completed', 'start J, send', '17.2.2'],
    ['trying', 'user 3xx-6xx', 'completed', 'start J, send', '17.2.2'],
    // Nothing was sent yet: the error belongs to another message on the same path.
    ['trying', 'transport error', 'trying', '', '17.2.2'],
    ['proceeding', 'request', 'proceeding', 'send', '17.2.2'],
    ['proceeding', 'user 1xx', 'proceeding', 'send', '17.2.2'],
    ['proceeding', 'user 2xx', 'completed', 'start J, send', '17.2.2'],
    ['proceeding', 'user 3xx-6xx', 'completed', 'start J, send', '17.2.2'],
    ['proceeding', 'transport error', 'terminated', 'report transport', '17.2.4'],
    ['completed', 'request', 'completed', 'send', '17.2.2'],
    ['completed', 'user 1xx', 'completed', '', '17.2.2'],
    ['completed', 'user 2xx', 'completed', '', '17.2.2'],
    ['completed', 'user 3xx-6xx', 'completed', '', '17.2.2'],
    ['completed', 'transport error', 'terminated', 'report transport', '17.2.4'],
    ['completed', 'timer J', 'terminated', '', '17.2.2'],
  ),
};

export const MACHINES: Readonly<Record<MachineName, Machine>> = {
  inviteClient: INVITE_CLIENT,
  nonInviteClient: NON_INVITE_CLIENT,
  inviteServer: INVITE_SERVER,
  nonInviteServer: NON_INVITE_SERVER,
};
