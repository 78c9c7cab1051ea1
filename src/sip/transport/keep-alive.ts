// RFC 5626 4.4: pings on a flow, and noticing that one met no answer.
import type { Clock, Timer } from '#src/base/clock.ts';
import type { Random } from '#src/base/random.ts';
import { Milliseconds, type Seconds, toMilliseconds } from '#src/base/units.ts';
import { PONG_TIMEOUT, STUN_RTO } from './settings.ts';

export interface KeepAliveParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly interval: Seconds;
  /** Sends a ping; `again` when the same one is repeated. */
  readonly ping: (again: boolean) => void;
  /** The ping is repeated, since datagrams get lost (RFC 5389 7.2.1). */
  readonly repeat: boolean;
  /** Whether the peer answers at all; plain CRLF over UDP meets no answer. */
  readonly answered: boolean;
  readonly onFailure: () => void;
}

/** RFC 5626 4.4.1: each pause is between 80 % and 100 % of the interval. */
const SHORTEST_SHARE = 0.8;

export class KeepAlive {
  readonly #parts: KeepAliveParts;
  #pause: Timer | undefined;
  #deadline: Timer | undefined;
  #again: Timer | undefined;

  constructor(parts: KeepAliveParts) {
    this.#parts = parts;
    this.#rest();
  }

  /** The answer to the last ping came; false when none was waited for. */
  pong(): boolean {
    if (!this.#deadline) return false;
    this.#calm();
    this.#rest();
    return true;
  }

  stop(): void {
    this.#pause?.cancel();
    this.#calm();
  }

  #calm(): void {
    this.#deadline?.cancel();
    this.#again?.cancel();
    this.#deadline = undefined;
    this.#again = undefined;
  }

  #rest(): void {
    const { clock, random, interval } = this.#parts;
    const share = SHORTEST_SHARE + (1 - SHORTEST_SHARE) * random.uniform();
    this.#pause = clock.after(Milliseconds(toMilliseconds(interval) * share), () => this.#ping());
  }

  #ping(): void {
    const { clock, answered, repeat, ping, onFailure } = this.#parts;
    if (!answered) {
      this.#rest();
      ping(false);
      return;
    }
    this.#deadline = clock.after(PONG_TIMEOUT, () => {
      this.#calm();
      onFailure();
    });
    if (repeat) this.#repeat(STUN_RTO);
    ping(false);
  }

  #repeat(wait: Milliseconds): void {
    this.#again = this.#parts.clock.after(wait, () => {
      this.#repeat(Milliseconds(wait * 2));
      this.#parts.ping(true);
    });
  }
}
