// RFC 3262 3: the life of the reliable provisional responses to one INVITE, as one table.
import { rowDiagram } from '#src/base/state-diagram.ts';

/** `over`: the final response has left, or nobody acknowledged; nothing reliable is sent any more. */
export type ReliableState = 'idle' | 'unacknowledged' | 'over';

/** `give`: the owner has one to send. `PRACK`: one that matches. `final`: the final response leaves. */
export type ReliableEvent = 'give' | 'repeat' | 'give up' | 'PRACK' | 'final';

export type ReliableAction =
  | 'number and send'
  | 'queue'
  | 'send again'
  | 'stop timers'
  | 'forget the queue'
  | 'next of the queue'
  | 'tell timeout';

export interface ReliableRow {
  readonly state: ReliableState;
  readonly event: ReliableEvent;
  readonly next: ReliableState;
  readonly actions: readonly ReliableAction[];
}

/** One at a time: the next leaves when the one before is acknowledged, which RFC 3262 3 demands of the first only. */
export const RELIABLE_TABLE: readonly ReliableRow[] = [
  { state: 'idle', event: 'give', next: 'unacknowledged', actions: ['number and send'] },
  { state: 'idle', event: 'final', next: 'over', actions: [] },
  { state: 'unacknowledged', event: 'give', next: 'unacknowledged', actions: ['queue'] },
  { state: 'unacknowledged', event: 'repeat', next: 'unacknowledged', actions: ['send again'] },
  { state: 'unacknowledged', event: 'PRACK', next: 'idle', actions: ['stop timers', 'next of the queue'] },
  {
    state: 'unacknowledged',
    event: 'give up',
    next: 'over',
    actions: ['stop timers', 'forget the queue', 'tell timeout'],
  },
  {
    state: 'unacknowledged',
    event: 'final',
    next: 'over',
    actions: ['stop timers', 'forget the queue'],
  },
  // The one that was out when the final response left may still be acknowledged.
  { state: 'over', event: 'PRACK', next: 'over', actions: [] },
  { state: 'over', event: 'final', next: 'over', actions: [] },
];

/** Undefined: not possible in this state. */
export const reliableRow = (state: ReliableState, event: ReliableEvent): ReliableRow | undefined =>
  RELIABLE_TABLE.find((row) => row.state === state && row.event === event);

/** The picture in the README. */
export const reliableDiagram = (): string => rowDiagram(RELIABLE_TABLE, { begin: ['idle'] });
