// RFC 3261 14, RFC 3311 5, RFC 6337: who changes a call now, as one table: state × event → next state, actions.
import { tableDiagram } from '#src/base/state-diagram.ts';

/**
 * `idle` · `inviting` our re-INVITE is out · `described` a reliable 18x brought its answer, the final response is to come ·
 * `asked` theirs came without offer, ours stands in the 200 and the ACK owes the answer · `conditional` theirs is answered in a
 * reliable 183, the 200 waits until its conditions are met · `unacknowledged` theirs is answered, its ACK has not come · `over`.
 * An UPDATE without offer, theirs or ours, goes beside all of them.
 */
export const EXCHANGE_STATES = [
  'idle',
  'inviting',
  'described',
  'asked',
  'conditional',
  'unacknowledged',
  'over',
] as const;
export type ExchangeState = (typeof EXCHANGE_STATES)[number];

export const EXCHANGE_EVENTS = [
  /** Ours: an offer by re-INVITE, as RFC 3311 5.1 recommends once the call stands; or a refresh alone. */
  'invite',
  'refresh',
  /** The INVITE that set the call up is answered by us. */
  'set-up',
  /** Theirs. */
  'invite-offer',
  'invite-empty',
  'update-offer',
  'update-empty',
  /** Our answer to their re-INVITE was no 2xx. */
  'declined',
  /** Their re-INVITE has conditions that are not met: the answer went ahead; they are met now, and it is acknowledged. */
  'held-back',
  'met',
  /** It came to nothing: CANCEL; no PRACK; conditions never met. */
  'cancelled',
  'unheard',
  'unmet',
  /** To our offer: an answer ahead of the final response; 2xx; 491; 500 and 503 that name a time; another refusal; what ends the call, or silence. */
  'preview',
  'success',
  'pending',
  'later',
  'refused',
  'lost',
  /** To our refresh. */
  'refreshed',
  'not-refreshed',
  /** To our 200. */
  'ack',
  'no-ack',
  /** The call is over. */
  'stop',
] as const;
export type ExchangeEvent = (typeof EXCHANGE_EVENTS)[number];

export const EXCHANGE_ACTIONS = [
  'send',
  'send-refresh',
  /** It is sent when the other exchange is done. */
  'note',
  'next',
  /** 200 with the answer to their offer, or what the offer deserves. */
  'answer',
  /** 200 with our offer. */
  'offer',
  /** 200 to an UPDATE without offer. */
  'accept',
  /** 200 without a description: it went ahead. */
  'complete',
  'refuse-491',
  'refuse-500',
  'refuse-481',
  /** The final response that a conditional re-INVITE gets, and everything is as before it. */
  'give-back-487',
  'give-back-504',
  'give-back-580',
  /** The answer in the 2xx, in a reliable response before it, or in the ACK, is put in force. */
  'settle',
  'settle-preview',
  'settle-ack',
  /** What an answer ahead of a refusal had changed is taken back. */
  'undo',
  /** Our offer is forgotten; what is in force stays. */
  'rollback',
  /** RFC 3261 14.1; Retry-After. */
  'wait',
  'wait-longer',
  'tell-refused',
  'tell-refreshed',
  'tell-not-refreshed',
  'release',
  /** A re-INVITE of ours that the peer keeps pending would never end by itself (RFC 3261 17.1.1). */
  'cancel',
] as const;
export type ExchangeAction = (typeof EXCHANGE_ACTIONS)[number];

export interface ExchangeTransition {
  readonly next: ExchangeState;
  readonly actions: readonly ExchangeAction[];
}

const to = (next: ExchangeState, ...actions: ExchangeAction[]): ExchangeTransition => ({ next, actions });

type Row = Readonly<Record<ExchangeEvent, ExchangeTransition | 'ignored'>>;

const NOTHING: Row = {
  invite: 'ignored',
  refresh: 'ignored',
  'set-up': 'ignored',
  'invite-offer': 'ignored',
  'invite-empty': 'ignored',
  'update-offer': 'ignored',
  'update-empty': 'ignored',
  declined: 'ignored',
  'held-back': 'ignored',
  met: 'ignored',
  cancelled: 'ignored',
  unheard: 'ignored',
  unmet: 'ignored',
  preview: 'ignored',
  success: 'ignored',
  pending: 'ignored',
  later: 'ignored',
  refused: 'ignored',
  lost: 'ignored',
  refreshed: 'ignored',
  'not-refreshed': 'ignored',
  ack: 'ignored',
  'no-ack': 'ignored',
  stop: 'ignored',
};

/** What holds in every state that is not over, unless its row says otherwise. */
const row = (state: ExchangeState, own: Partial<Row>): Row => ({
  ...NOTHING,
  invite: to(state, 'note'),
  refresh: to(state, 'send-refresh'),
  'update-empty': to(state, 'accept'),
  lost: to('over', 'rollback', 'cancel', 'release'),
  refreshed: to(state, 'tell-refreshed'),
  'not-refreshed': to(state, 'tell-not-refreshed'),
  'no-ack': to('over', 'rollback', 'cancel', 'release'),
  stop: to('over', 'rollback', 'cancel'),
  ...own,
});

/** An offer of ours waits for its answer: theirs is refused (RFC 3261 14.2, RFC 3311 5.2). */
const offering = (state: ExchangeState): Partial<Row> => ({
  'invite-offer': to(state, 'refuse-491'),
  'invite-empty': to(state, 'refuse-491'),
  'update-offer': to(state, 'refuse-491'),
});

export const EXCHANGE_TABLE: Readonly<Record<ExchangeState, Row>> = {
  idle: row('idle', {
    invite: to('inviting', 'send'),
    'set-up': to('unacknowledged'),
    'invite-offer': to('unacknowledged', 'answer'),
    'invite-empty': to('asked', 'offer'),
    'update-offer': to('idle', 'answer'),
  }),
  inviting: row('inviting', {
    ...offering('inviting'),
    preview: to('described'),
    success: to('idle', 'settle', 'next'),
    pending: to('idle', 'rollback', 'wait'),
    later: to('idle', 'rollback', 'wait-longer'),
    refused: to('idle', 'tell-refused', 'next'),
  }),
  described: row('described', {
    ...offering('described'),
    // Ours has its answer: an UPDATE of theirs tells of resources, as a rule (RFC 3311 5.1, RFC 3312 5.1.2).
    'update-offer': to('described', 'answer'),
    success: to('idle', 'settle-preview', 'next'),
    pending: to('idle', 'undo', 'wait'),
    later: to('idle', 'undo', 'wait-longer'),
    refused: to('idle', 'undo', 'tell-refused', 'next'),
  }),
  asked: row('asked', { ...offering('asked'), ack: to('idle', 'settle-ack', 'next') }),
  conditional: row('conditional', {
    // RFC 3261 14.2: the first one has no final answer.
    'invite-offer': to('conditional', 'refuse-500'),
    'invite-empty': to('conditional', 'refuse-500'),
    'update-offer': to('conditional', 'answer'),
    met: to('unacknowledged', 'complete'),
    cancelled: to('idle', 'give-back-487', 'next'),
    unheard: to('idle', 'give-back-504', 'next'),
    unmet: to('idle', 'give-back-580', 'next'),
    lost: to('over', 'give-back-487', 'rollback', 'cancel', 'release'),
    stop: to('over', 'give-back-487', 'rollback', 'cancel'),
  }),
  unacknowledged: row('unacknowledged', {
    // Who sends another one has the 200 of the first; only its ACK was lost.
    'invite-offer': to('unacknowledged', 'answer'),
    'invite-empty': to('asked', 'offer'),
    'update-offer': to('unacknowledged', 'answer'),
    declined: to('idle', 'next'),
    'held-back': to('conditional'),
    ack: to('idle', 'next'),
  }),
  over: {
    ...NOTHING,
    'invite-offer': to('over', 'refuse-481'),
    'invite-empty': to('over', 'refuse-481'),
    'update-offer': to('over', 'refuse-481'),
    'update-empty': to('over', 'refuse-481'),
  },
};

/** The picture in the README; what stays in its state is left out. */
export const exchangeDiagram = (): string =>
  tableDiagram(EXCHANGE_TABLE, { begin: ['idle'], events: EXCHANGE_EVENTS, loops: false });
