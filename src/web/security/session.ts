// Who may speak: the bearer of the token, or the browser that opened the page by a one-time link.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock, Timer } from '#src/base/clock.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';

const LINK_LIFE = Milliseconds(10 * 60_000);
const SESSION_LIFE = Milliseconds(12 * 3_600_000);
const SECRET_OCTETS = 32;
/** More links or sessions than this: the oldest goes. */
const MOST_HELD = 64;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Secrets that live for a while; only their digests are held. */
class Tickets {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #life: Milliseconds;
  readonly #held = new Map<string, Timer>();

  constructor(clock: Clock, random: Random, life: Milliseconds) {
    this.#clock = clock;
    this.#random = random;
    this.#life = life;
  }

  make(): string {
    const secret = randomToken(this.#random, SECRET_OCTETS);
    const key = digest(secret).toString('hex');
    const [oldest] = this.#held.keys();
    if (this.#held.size >= MOST_HELD && oldest !== undefined) this.#drop(oldest);
    this.#held.set(
      key,
      this.#clock.after(this.#life, () => this.#drop(key)),
    );
    return secret;
  }

  holds(secret: string): boolean {
    return this.#held.has(digest(secret).toString('hex'));
  }

  /** True once. */
  spend(secret: string): boolean {
    const key = digest(secret).toString('hex');
    const held = this.#held.has(key);
    this.#drop(key);
    return held;
  }

  clear(): void {
    for (const key of [...this.#held.keys()]) this.#drop(key);
  }

  #drop(key: string): void {
    this.#held.get(key)?.cancel();
    this.#held.delete(key);
  }
}

export class Sessions {
  #token: Buffer;
  readonly #links: Tickets;
  readonly #sessions: Tickets;

  constructor(options: { readonly token: string; readonly clock: Clock; readonly random: Random }) {
    const { token, clock, random } = options;
    this.#token = digest(token);
    this.#links = new Tickets(clock, random, LINK_LIFE);
    this.#sessions = new Tickets(clock, random, SESSION_LIFE);
  }

  /** From now on this one; whoever opened the page keeps it open. */
  setToken(token: string): void {
    this.#token = digest(token);
  }

  /** The secret of a link that is good once, for ten minutes. */
  makeLink(): string {
    return this.#links.make();
  }

  /** A session's secret for the secret of a link that was not used. */
  open(link: string): string | undefined {
    return this.#links.spend(link) ? this.#sessions.make() : undefined;
  }

  /** Whether an `Authorization` header carries the token; takes the same time for every wrong one. */
  bears(header: string | undefined): boolean {
    const [, token = ''] = /^Bearer +(\S+) *$/i.exec(header ?? '') ?? [];
    return timingSafeEqual(digest(token), this.#token);
  }

  /** Whether a session cookie is one of ours. */
  knows(cookie: string | undefined): boolean {
    return cookie !== undefined && this.#sessions.holds(cookie);
  }

  close(): void {
    this.#links.clear();
    this.#sessions.clear();
  }
}
