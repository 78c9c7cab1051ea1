// Files that streams write at this time: each has one writer, so that nobody's recording is cut off by another.
import { resolve } from 'node:path';
import { ENDPOINT_KINDS, type NativeEndpoint } from './addon.ts';
import { mediaError } from './faults.ts';

/** Not files but devices; whoever writes there wants nothing back. */
const DEVICES = '/dev/';

export interface Taken<Value> {
  readonly value: Value;
  /** Undefined: no file was among the ends. */
  readonly release: (() => void) | undefined;
}

export class WrittenFiles {
  readonly #paths = new Set<string>();

  /** What `write` does is done with these ends taken until `release`. Throws `media.file-in-use`, and what `write` throws: then nothing is. */
  take<Value>(ends: readonly (NativeEndpoint | undefined)[], write: () => Value): Taken<Value> {
    const wanted = ends
      .filter((end) => end?.kind === ENDPOINT_KINDS.file)
      .map((end) => resolve(end?.name ?? ''))
      .filter((path) => !path.startsWith(DEVICES));
    for (const path of wanted) if (this.#paths.has(path)) throw mediaError('in-use', path);
    const value = write();
    if (wanted.length === 0) return { value, release: undefined };
    for (const path of wanted) this.#paths.add(path);
    const release = (): void => {
      for (const path of wanted) this.#paths.delete(path);
    };
    return { value, release };
  }
}
