// RFC 5626 4.1, NG.110 2.2.1: `+sip.instance`, configured or made once and kept for ever.
import { type Random, randomUuid } from '#src/base/random.ts';
import { bareInstance } from './reg-info.ts';

/** Where the instance id outlives a restart and a power cut; `base/store` is one. */
export interface RegistrationStore {
  get(key: string): string | undefined;
  /** Returns once the value is on the disk. */
  set(key: string, value: string): void;
}

const KEY = 'instance';

/** The configured URN wins; else the kept one; else a UUID URN is made and kept. */
export function instanceId(configured: string | undefined, store: RegistrationStore, random: Random): string {
  const given = configured === undefined ? undefined : bareInstance(configured);
  if (given !== undefined) return given;
  const kept = store.get(KEY);
  if (kept !== undefined) return kept;
  const made = `urn:uuid:${randomUuid(random)}`;
  store.set(KEY, made);
  return made;
}

/** For tests, and for a phone that need not be the same one tomorrow. */
export function memoryStore(): RegistrationStore {
  const values = new Map<string, string>();
  return { get: (key) => values.get(key), set: (key, value) => void values.set(key, value) };
}
