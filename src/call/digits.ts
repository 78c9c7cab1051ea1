// The digits that the far end of a call pressed (RFC 4733 events, INFO), kept for whoever asks (`GET calls/ID/digits`).
import type { Clock } from '#src/base/clock.ts';

export interface ReceivedDigit {
  /** 0 to 9, *, #, A to D. */
  readonly digit: string;
  readonly durationMs: number;
}

export interface NotedDigit {
  readonly digit: string;
  readonly duration_ms: number;
  /** ISO 8601 UTC: when it was known that it had been pressed. */
  readonly at: string;
}

/** Nobody dials more by hand; a peer that sends without end costs no more. */
const MOST_KEPT = 256;

export class Digits {
  readonly #clock: Clock;
  readonly #noted: NotedDigit[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note({ digit, durationMs }: ReceivedDigit): void {
    this.#noted.push({ digit, duration_ms: durationMs, at: this.#clock.date().toISOString() });
    if (this.#noted.length > MOST_KEPT) this.#noted.shift();
  }

  /** In the order in which they came; the oldest go first. */
  get noted(): readonly NotedDigit[] {
    return [...this.#noted];
  }
}
