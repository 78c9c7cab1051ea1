// TS 24.229 5.1.1.2 to 5.1.1.7: the life of a registration as one table. Behaviour and the picture in the README come from it.
import { tableDiagram } from '#src/base/state-diagram.ts';

/**
 * `off` nothing wanted · `selecting` looking for a P-CSCF · `registering` initial REGISTER out · `registered` ·
 * `refreshing` re-REGISTER out, the binding lives · `waiting` until the next attempt · `stopped` the network forbade
 * further attempts · `closing` asked to stop while a REGISTER is out · `leaving` de-registration out.
 */
export type RegistrationPhase =
  | 'off'
  | 'selecting'
  | 'registering'
  | 'registered'
  | 'refreshing'
  | 'waiting'
  | 'stopped'
  | 'closing'
  | 'leaving';

export type RegistrationEvent =
  /** The agent wants to be registered; while waiting or stopped: try now. */
  | 'start'
  /** The agent ends. */
  | 'stop'
  /** A P-CSCF was found, or none is left in this round. */
  | 'selected'
  | 'exhausted'
  /** Outcomes of a REGISTER. */
  | 'accepted'
  | 'too-brief'
  | 'use-proxy'
  | 'postponed'
  | 'elsewhere'
  | 'unreachable'
  | 'failed'
  | 'restart'
  | 'untrusted'
  /** A removal was accepted, and our contact is listed all the same. */
  | 'still-bound'
  /** Time. */
  | 'refresh-due'
  | 'wait-over'
  | 'expired'
  | 'time-up'
  /** The flow: after a stable life, or soon after it was made (RFC 5626 4.5). */
  | 'flow-lost'
  | 'flow-unstable'
  /** The network, by the reg event package (RFC 3680 5.3.2). */
  | 'deactivated'
  | 'probation'
  | 'rejected'
  | 'unregistered'
  | 'shortened';

export type RegistrationAction =
  /** New round over the P-CSCFs: find the first. */
  | 'begin'
  /** Find the next one of this round. */
  | 'next'
  /** Use the proxy that a 305 named. */
  | 'redirect'
  /** Send the initial REGISTER on a connection of its own. */
  | 'register'
  | 'refresh'
  /** The same again with the Min-Expires of the 423. */
  | 'repeat'
  /** Take over what the 200 (OK) brings. */
  | 'adopt'
  /** Put the P-CSCF behind the others: for the next delay and 5 minutes, or for its Retry-After. */
  | 'block'
  /** Forget the binding, close the flow. */
  | 'release'
  /** Wait by RFC 5626 4.5 or the Retry-After before the next attempt. */
  | 'delay'
  /** The same while the binding lives: refresh later. */
  | 'refresh-later'
  /** Refresh at half of what is left. */
  | 'shorten'
  /** Keep the network's word until the REGISTER under way has its answer. */
  | 'defer'
  | 'deregister'
  /** The same by instance and reg-id, for registrars that match nothing else (RFC 5626 6). */
  | 'deregister-flow'
  /** The agent's stop is done. */
  | 'finish';

export interface Transition {
  readonly next: RegistrationPhase;
  readonly actions: readonly RegistrationAction[];
  readonly clause: string;
}

type Row = Readonly<Partial<Record<RegistrationEvent, Transition>>>;

const to = (next: RegistrationPhase, actions: readonly RegistrationAction[], clause: string): Transition => ({
  next,
  actions,
  clause,
});

/** What the network may say while a binding lives. */
const NETWORK_INITIATED: Row = {
  deactivated: to('selecting', ['release', 'begin'], 'RFC 3680 5.3.2, 24.229 5.1.1.7'),
  probation: to('waiting', ['release', 'delay'], 'RFC 3680 5.3.2'),
  rejected: to('stopped', ['release'], 'RFC 3680 5.3.2, 24.229 5.1.1.7'),
  unregistered: to('waiting', ['release', 'delay'], '24.229 5.1.1.7'),
};

const LOST: Row = {
  'flow-lost': to('selecting', ['release', 'begin'], 'RFC 5626 4.4.1, 33.203 O.2'),
  'flow-unstable': to('waiting', ['release', 'delay'], 'RFC 5626 4.5'),
  expired: to('selecting', ['release', 'begin'], '24.229 5.1.1.2'),
};

const defer = (phase: RegistrationPhase): Transition =>
  to(phase, ['defer'], '24.229 5.1.1.2: one procedure at a time');
/** Every outcome of a REGISTER. */
const ANSWERS = [
  'accepted',
  'too-brief',
  'use-proxy',
  'postponed',
  'elsewhere',
  'unreachable',
  'failed',
  'restart',
  'untrusted',
] as const satisfies readonly RegistrationEvent[];

/** The same whatever the answer is. */
const afterAnswer = (transition: Transition): Row =>
  Object.fromEntries(ANSWERS.map((event) => [event, transition]));

const GONE: Row = {
  'flow-lost': to('off', ['release', 'finish'], '24.229 5.1.1.6'),
  'flow-unstable': to('off', ['release', 'finish'], '24.229 5.1.1.6'),
  'time-up': to('off', ['release', 'finish'], '24.229 5.1.1.6'),
};

export const REGISTRATION_TABLE: Readonly<Record<RegistrationPhase, Row>> = {
  off: {
    start: to('selecting', ['begin'], '24.229 5.1.1.2'),
    stop: to('off', ['finish'], '24.229 5.1.1.6'),
  },
  selecting: {
    selected: to('registering', ['register'], '24.229 5.1.1.2'),
    exhausted: to('waiting', ['delay'], 'RFC 5626 4.5'),
    stop: to('off', ['finish'], '24.229 5.1.1.6'),
  },
  registering: {
    accepted: to('registered', ['adopt'], '24.229 5.1.1.2'),
    'too-brief': to('registering', ['repeat'], '24.229 5.1.1.2, RFC 3261 10.2.8'),
    'use-proxy': to('selecting', ['release', 'redirect'], '24.229 5.1.1.2'),
    postponed: to('waiting', ['release', 'delay'], '24.229 5.1.1.2.1: Retry-After up to timer F'),
    elsewhere: to('selecting', ['block', 'release', 'next'], '24.229 5.1.1.2.1: Retry-After over timer F'),
    unreachable: to('selecting', ['block', 'release', 'next'], '24.229 5.1.1.2.1: timer F, no connection'),
    failed: to('waiting', ['block', 'release', 'delay'], '24.229 5.1.1.2.1: 4xx, 5xx, 6xx'),
    restart: to('waiting', ['block', 'release', 'delay'], '24.229 5.1.1.2.1: 403, 408, 500, 504'),
    untrusted: to('waiting', ['release', 'delay'], '33.203 N.2.1.1: authentication failed'),
    'flow-lost': to('selecting', ['block', 'release', 'next'], '24.229 5.1.1.2.1'),
    'flow-unstable': to('selecting', ['block', 'release', 'next'], '24.229 5.1.1.2.1'),
    stop: to('closing', [], '24.229 5.1.1.2: one procedure at a time'),
  },
  registered: {
    'refresh-due': to('refreshing', ['refresh'], '24.229 5.1.1.4'),
    ...NETWORK_INITIATED,
    ...LOST,
    shortened: to('registered', ['shorten'], '24.229 5.1.1.7'),
    stop: to('leaving', ['deregister'], '24.229 5.1.1.6'),
  },
  refreshing: {
    accepted: to('registered', ['adopt'], '24.229 5.1.1.4'),
    'too-brief': to('refreshing', ['repeat'], '24.229 5.1.1.4, RFC 3261 10.2.8'),
    'use-proxy': to('selecting', ['release', 'redirect'], '24.229 5.1.1.4'),
    postponed: to('registered', ['refresh-later'], '24.229 5.1.1.4: Retry-After'),
    elsewhere: to('selecting', ['block', 'release', 'begin'], '24.229 5.1.1.4: Retry-After over timer F'),
    unreachable: to('selecting', ['block', 'release', 'begin'], '24.229 5.1.1.4: timer F, no connection'),
    failed: to('registered', ['refresh-later'], '24.229 5.1.1.4'),
    restart: to('selecting', ['release', 'begin'], '24.229 5.1.1.4: 403, 408, 500, 504'),
    untrusted: to('waiting', ['release', 'delay'], '33.203 N.2.1.1: authentication failed'),
    'flow-lost': to('selecting', ['release', 'begin'], 'RFC 5626 4.4.1, 33.203 O.2'),
    'flow-unstable': to('waiting', ['release', 'delay'], 'RFC 5626 4.5'),
    expired: defer('refreshing'),
    deactivated: defer('refreshing'),
    probation: defer('refreshing'),
    rejected: defer('refreshing'),
    unregistered: defer('refreshing'),
    stop: to('closing', [], '24.229 5.1.1.2: one procedure at a time'),
  },
  waiting: {
    'wait-over': to('selecting', ['begin'], 'RFC 5626 4.5'),
    start: to('selecting', ['begin'], '24.229 5.1.1.2'),
    stop: to('off', ['finish'], '24.229 5.1.1.6'),
  },
  stopped: {
    start: to('selecting', ['begin'], '24.229 5.1.1.2'),
    stop: to('off', ['finish'], '24.229 5.1.1.6'),
  },
  closing: {
    ...afterAnswer(to('leaving', ['deregister'], '24.229 5.1.1.6')),
    accepted: to('leaving', ['adopt', 'deregister'], '24.229 5.1.1.6'),
    ...GONE,
  },
  leaving: {
    'still-bound': to('leaving', ['deregister-flow'], 'RFC 5626 6'),
    ...afterAnswer(to('off', ['release', 'finish'], '24.229 5.1.1.6')),
    ...GONE,
  },
};

/** The picture in the README. */
export const registrationDiagram = (): string => `${tableDiagram(REGISTRATION_TABLE, { begin: ['off'] })}\n`;
