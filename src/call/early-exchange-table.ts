// Who owes which description before the INVITE to us is answered, as one table (RFC 3262 5, RFC 3311 5, RFC 6337 2.2).
import { tableDiagram } from '#src/base/state-diagram.ts';

/**
 * `unasked` the INVITE brought no offer and we made none · `offered` its offer waits for the 200 · `asked` ours stands in a
 * reliable response, the PRACK owes the answer · `settled` · `updating` our UPDATE with an offer is out · `over` the INVITE
 * has its final answer.
 */
export const EARLY_STATES = ['unasked', 'offered', 'asked', 'settled', 'updating', 'over'] as const;
export type EarlyState = (typeof EARLY_STATES)[number];

export const EARLY_EVENTS = [
  /** Ours leaves in a reliable response. */
  'answer-sent',
  'offer-sent',
  /** A PRACK that fits: without description, with one. */
  'prack',
  'prack-described',
  /** UPDATE of the caller, with an offer or without. */
  'update',
  'update-offer',
  /** Ours: the caller is to hear of resources, or of the one codec. */
  'change',
  'changed',
  'crossed',
  'refused',
  /** The final answer leaves. */
  'final',
] as const;
export type EarlyEvent = (typeof EARLY_EVENTS)[number];

export type EarlyAction =
  /** 200 without description. */
  | 'accept'
  /** 200 with our answer, or what the offer deserves. */
  | 'answer'
  | 'settle'
  | 'send'
  | 'settle-change'
  | 'rollback'
  /** Once more, later. */
  | 'wait'
  | 'stop-waiting'
  | 'refuse-491'
  | 'refuse-500';

export interface EarlyTransition {
  readonly next: EarlyState;
  readonly actions: readonly EarlyAction[];
}

const to = (next: EarlyState, ...actions: EarlyAction[]): EarlyTransition => ({ next, actions });

type Row = Readonly<Record<EarlyEvent, EarlyTransition | 'ignored'>>;

const row = (state: EarlyState, own: Partial<Row>): Row => ({
  'answer-sent': 'ignored',
  'offer-sent': 'ignored',
  prack: to(state, 'accept'),
  // Nobody has answered theirs yet: an offer now is out of order (RFC 3311 5.2).
  'prack-described': to(state, 'refuse-500'),
  update: to(state, 'accept'),
  'update-offer': to(state, 'refuse-500'),
  change: 'ignored',
  changed: 'ignored',
  crossed: 'ignored',
  refused: 'ignored',
  final: to('over', 'stop-waiting'),
  ...own,
});

export const EARLY_TABLE: Readonly<Record<EarlyState, Row>> = {
  unasked: row('unasked', { 'offer-sent': to('asked') }),
  offered: row('offered', { 'answer-sent': to('settled') }),
  asked: row('asked', {
    // It owes an answer (RFC 3262 5). Ours is asked again in the 200, as if nothing had been: the call is worth more.
    prack: to('unasked', 'accept', 'rollback'),
    'prack-described': to('settled', 'accept', 'settle'),
    'update-offer': to('asked', 'refuse-491'),
  }),
  settled: row('settled', {
    'prack-described': to('settled', 'answer'),
    'update-offer': to('settled', 'answer'),
    change: to('updating', 'send'),
  }),
  updating: row('updating', {
    'prack-described': to('updating', 'refuse-491'),
    'update-offer': to('updating', 'refuse-491'),
    changed: to('settled', 'settle-change'),
    crossed: to('settled', 'rollback', 'wait'),
    refused: to('settled', 'rollback'),
    final: to('over', 'rollback', 'stop-waiting'),
  }),
  // A PRACK that was under way when the final answer left.
  over: row('over', { final: 'ignored' }),
};

/** The picture in the README; what stays in its state is left out. */
export const earlyDiagram = (): string =>
  tableDiagram(EARLY_TABLE, { begin: ['unasked', 'offered'], events: EARLY_EVENTS, loops: false });
