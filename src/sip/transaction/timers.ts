// RFC 3261 17 table 4 and RFC 6026: timers A to M, all from T1, T2 and T4.
import { Milliseconds } from '#src/base/units.ts';

export interface TimerSettings {
  /** Estimate of the round-trip time. */
  readonly t1: Milliseconds;
  /** Longest interval between retransmissions of non-INVITE requests and INVITE responses. */
  readonly t2: Milliseconds;
  /** How long a message may stay in the network. */
  readonly t4: Milliseconds;
}

/** RFC 3261 table 4. */
export const SIP_TIMERS: TimerSettings = {
  t1: Milliseconds(500),
  t2: Milliseconds(4000),
  t4: Milliseconds(5000),
};

/** TS 24.229 table 7.7.1, at the UE. */
export const IMS_TIMERS: TimerSettings = {
  t1: Milliseconds(2000),
  t2: Milliseconds(16_000),
  t4: Milliseconds(17_000),
};

/** `proceeding` is 17.2.1's 200 ms after which the server transaction sends 100 by itself. */
export type TimerName = 'A' | 'B' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'J' | 'K' | 'L' | 'M' | 'trying';

export interface TimerRule {
  readonly clause: string;
  /** Retransmission timers run over unreliable transports only (17.1.1.2); */
  readonly unreliableOnly: boolean;
  readonly first: (settings: TimerSettings, reliable: boolean) => Milliseconds;
  /** The next interval of a timer that repeats. */
  readonly next?: (settings: TimerSettings, last: Milliseconds) => Milliseconds;
}

/** 64*T1 is the length of a transaction: seven doublings of T1. */
const TRANSACTION_LENGTH = 64;
/** 17.1.1.2: Timer D is at least 32 s; table 4 and TS 24.229 want more than 64*T1. */
const TIMER_D_FLOOR = 32_000;
/** 17.2.1: a 100 is sent unless the user answers within 200 ms. */
const TRYING_DELAY = Milliseconds(200);

const whole = (settings: TimerSettings): Milliseconds => Milliseconds(TRANSACTION_LENGTH * settings.t1);
const unlessReliable =
  (span: (settings: TimerSettings) => Milliseconds) =>
  (settings: TimerSettings, reliable: boolean): Milliseconds =>
    reliable ? Milliseconds(0) : span(settings);
const t4 = (settings: TimerSettings): Milliseconds => settings.t4;
const doubled = (_: TimerSettings, last: Milliseconds): Milliseconds => Milliseconds(2 * last);
const doubledToT2 = (settings: TimerSettings, last: Milliseconds): Milliseconds =>
  Milliseconds(Math.min(2 * last, settings.t2));

const deadline = (clause: string): TimerRule => ({ clause, unreliableOnly: false, first: whole });

/** Every timer as a rule; a test walks the rows. */
export const TIMER_RULES: Readonly<Record<TimerName, TimerRule>> = {
  A: { clause: 'RFC 3261 17.1.1.2', unreliableOnly: true, first: (s) => s.t1, next: doubled },
  B: deadline('RFC 3261 17.1.1.2'),
  D: {
    clause: 'RFC 3261 17.1.1.2',
    unreliableOnly: false,
    first: unlessReliable((s) => Milliseconds(Math.max(TIMER_D_FLOOR, whole(s)) + s.t1)),
  },
  E: { clause: 'RFC 3261 17.1.2.2', unreliableOnly: true, first: (s) => s.t1, next: doubledToT2 },
  F: deadline('RFC 3261 17.1.2.2'),
  G: { clause: 'RFC 3261 17.2.1', unreliableOnly: true, first: (s) => s.t1, next: doubledToT2 },
  H: deadline('RFC 3261 17.2.1'),
  I: { clause: 'RFC 3261 17.2.1', unreliableOnly: false, first: unlessReliable(t4) },
  J: { clause: 'RFC 3261 17.2.2', unreliableOnly: false, first: unlessReliable(whole) },
  K: { clause: 'RFC 3261 17.1.2.2', unreliableOnly: false, first: unlessReliable(t4) },
  L: deadline('RFC 6026 7.1'),
  M: deadline('RFC 6026 7.2'),
  trying: { clause: 'RFC 3261 17.2.1', unreliableOnly: false, first: () => TRYING_DELAY },
};
