// The last SIP messages as they were on the wire, for the ladder and the packet file.
import type { Clock } from '#src/base/clock.ts';

export interface TracePoint {
  readonly host: string;
  readonly port: number;
}

export interface TraceEntry {
  readonly at: Date;
  readonly direction: 'in' | 'out';
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly local: TracePoint;
  readonly remote: TracePoint;
  readonly callId: string;
  /** `INVITE`, or `180 Ringing`. */
  readonly summary: string;
  readonly cseq: string;
  /** Secrets blotted out; the length is that of the message. */
  readonly bytes: Buffer;
}

export interface TraceLimits {
  readonly entries: number;
  readonly octets: number;
}

const DEFAULT_LIMITS: TraceLimits = { entries: 2000, octets: 4 * 1024 * 1024 };

/** Bounded in entries and octets; the oldest go first. */
export class TraceRing {
  readonly #clock: Clock;
  readonly #limits: TraceLimits;
  readonly #entries: TraceEntry[] = [];
  #octets = 0;

  constructor(clock: Clock, limits: TraceLimits = DEFAULT_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  add(entry: Omit<TraceEntry, 'at'>, at: Date = this.#clock.date()): void {
    const bytes = blotSecrets(entry.bytes);
    this.#entries.push({ ...entry, bytes, at });
    this.#octets += bytes.length;
    while (this.#entries.length > this.#limits.entries || this.#octets > this.#limits.octets)
      this.#octets -= this.#entries.shift()?.bytes.length ?? 0;
  }

  /** In order of time; only those of the given Call-IDs, when any are given. */
  list(callIds?: readonly string[]): TraceEntry[] {
    const chosen = callIds
      ? this.#entries.filter(({ callId }) => callIds.includes(callId))
      : [...this.#entries];
    return chosen.sort((a, b) => a.at.getTime() - b.at.getTime());
  }
}

/** Digest answers (a password can be guessed from them) and SDES keys. */
const SECRETS = /(\bresponse\s*=\s*")([^"\r\n]*)(?=")|(\binline:)([A-Za-z0-9+/=]+)/gi;

/** A copy with every secret written over with x, of the same length. */
function blotSecrets(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  return Buffer.from(
    text.replace(SECRETS, (_, name, answer, inline, key) =>
      name === undefined ? `${inline}${'x'.repeat(key.length)}` : `${name}${'x'.repeat(answer.length)}`,
    ),
    'latin1',
  );
}
