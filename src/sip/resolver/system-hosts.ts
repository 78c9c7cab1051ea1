// Addresses from the system's resolver and host table, asked with care (RFC 3263 4.2; getaddrinfo).
import { promises } from 'node:dns';

export type Lookup = (name: string, family: 4 | 6) => Promise<readonly string[]>;

export interface LookupLimits {
  /** At the same time. */
  readonly running: number;
  /** And waiting for these. */
  readonly waiting: number;
}

/**
 * Each question holds a thread until the name server answers or is given up, seconds later, and files are written on the
 * same four threads: names that others make us look up must not hold all of them, nor pile up.
 */
const LIMITS: LookupLimits = { running: 2, waiting: 32 };

/** The code of the error is `EBUSY`, as the system would say it. */
export class TooManyLookups extends Error {
  readonly code = 'EBUSY';

  constructor(name: string) {
    super(`Too many names are being looked up to ask for ${name} as well.`);
  }
}

export class SystemHosts {
  readonly #lookup: Lookup;
  readonly #limits: LookupLimits;
  /** Who asks for the same name meanwhile gets the same answer. */
  readonly #asked = new Map<string, Promise<readonly string[]>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(lookup: Lookup = systemLookup, limits: LookupLimits = LIMITS) {
    this.#lookup = lookup;
    this.#limits = limits;
  }

  /** Rejects with what the system says, or `TooManyLookups`. */
  addresses(name: string, family: 4 | 6): Promise<readonly string[]> {
    const key = `${family} ${name.toLowerCase()}`;
    const asked = this.#asked.get(key);
    if (asked) return asked;
    if (this.#running >= this.#limits.running && this.#waiting.length >= this.#limits.waiting)
      return Promise.reject(new TooManyLookups(name));
    const answer = this.#ask(name, family).finally(() => this.#asked.delete(key));
    this.#asked.set(key, answer);
    return answer;
  }

  async #ask(name: string, family: 4 | 6): Promise<readonly string[]> {
    if (this.#running < this.#limits.running) this.#running += 1;
    else await this.#turn();
    try {
      return await this.#lookup(name, family);
    } finally {
      // The place goes over to whoever waits longest.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  #turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    return promise;
  }
}

async function systemLookup(name: string, family: 4 | 6): Promise<readonly string[]> {
  const found = await promises.lookup(name, { all: true, family });
  return found.map(({ address }) => address);
}

/** One for the process, because its threads are. */
export const systemHosts = new SystemHosts();
