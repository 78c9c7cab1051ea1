// Chance is handed in: the system's generator in the field, a seeded one in tests.
import { randomBytes } from 'node:crypto';

export interface Random {
  bytes(count: number): Buffer;
  /** Uniform in [0, 1). */
  uniform(): number;
}

export class SystemRandom implements Random {
  bytes(count: number): Buffer {
    return randomBytes(count);
  }

  uniform(): number {
    return this.bytes(4).readUInt32BE() / 2 ** 32;
  }
}

/** Repeatable, for tests only (mulberry32). */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => Math.floor(this.uniform() * 256)));
  }

  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
}

/** `octets` random octets as lower-case hex: a SIP token and a safe file name. */
export const randomToken = (random: Random, octets = 8): string => random.bytes(octets).toString('hex');

/** RFC 4122 version 4. */
export function randomUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
