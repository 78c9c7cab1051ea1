// RFC 5626 4.1, NG.110 2.2.1: `+sip.instance`, configured or made once and kept for ever.
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '#src/base/errors.ts';
import { type Random, randomUuid } from '#src/base/random.ts';
import { bareInstance } from './reg-info.ts';

/** Where the instance id outlives a restart and a power cut. `write` returns once the value is on the disk. */
export interface RegistrationStore {
  read(): string | undefined;
  write(instance: string): void;
}

/** The configured URN wins; else the kept one; else a UUID URN is made and kept. */
export function instanceId(configured: string | undefined, store: RegistrationStore, random: Random): string {
  const given = configured === undefined ? undefined : bareInstance(configured);
  if (given !== undefined) return given;
  const kept = store.read();
  if (kept !== undefined) return kept;
  const made = `urn:uuid:${randomUuid(random)}`;
  store.write(made);
  return made;
}

/** For tests, and for a device without a state folder. */
export function memoryStore(initial?: string): RegistrationStore {
  let value = initial;
  return {
    read: () => value,
    write: (instance) => {
      value = instance;
    },
  };
}

/** One small file in the state folder, replaced whole. */
export function fileStore(folder: string): RegistrationStore {
  const path = join(folder, 'instance');
  return {
    read: () => {
      try {
        return bareInstance(readFileSync(path, 'utf8'));
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    write: (instance) => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const draft = `${path}.new`;
      writeSynced(draft, `${instance}\n`);
      renameSync(draft, path);
      syncFolder(folder);
    },
  };
}

function writeSynced(path: string, text: string): void {
  const file = openSync(path, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The rename itself must survive a power cut. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
