// Where the log goes: a file descriptor that may be slow, full or gone. None of that may hold up the program, nor its end.
import { writeSync } from 'node:fs';
import { systemCode } from './errors.ts';

/** Octets that wait for a slow reader; what comes beyond them is lost and counted. */
const MOST_WAITING = 1024 * 1024;
/** Before a reader that took nothing more is tried again. */
const RETRY_MS = 100;

/** Takes nothing now, and may later: a slow reader, a disk that is full until somebody makes room. */
const NOT_NOW: ReadonlySet<string> = new Set(['EAGAIN', 'EBUSY', 'ENOSPC', 'EDQUOT']);

type Write = (fd: number, bytes: Uint8Array) => number;

/** Writes at once while the reader keeps up; else keeps what there is room for. Never throws, never waits. */
export class LogSink {
  readonly #fd: number;
  readonly #write: Write;
  #waiting: Buffer[] = [];
  #size = 0;
  #lost = 0;
  /** Nobody reads any more. */
  #gone = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(fd: number, write: Write = writeSync) {
    this.#fd = fd;
    this.#write = write;
  }

  /** Entries that found no room since the last one that did. */
  get lost(): number {
    return this.#lost;
  }

  /** For pino: one entry with its line end. */
  write(line: string): void {
    if (this.#gone) return;
    const bytes = Buffer.from(line);
    if (this.#size + bytes.length > MOST_WAITING) {
      this.#lost += 1;
      return;
    }
    if (this.#lost > 0 && this.#size === 0) this.#tellLost();
    this.#put(bytes);
    if (this.#retry === undefined) this.flush();
  }

  /** Writes what waits, as far as the reader takes it now. */
  flush(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    for (let [first] = this.#waiting; first; [first] = this.#waiting) {
      const taken = this.#try(first);
      if (taken === undefined) return;
      this.#size -= taken;
      if (taken === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(taken);
    }
  }

  #put(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#size += bytes.length;
  }

  #tellLost(): void {
    const entry = { level: 40, time: Date.now(), lost: this.#lost, msg: 'log entries were lost' };
    this.#lost = 0;
    this.#put(Buffer.from(`${JSON.stringify(entry)}\n`));
  }

  /** Octets taken; undefined: none now. */
  #try(bytes: Buffer): number | undefined {
    try {
      return this.#write(this.#fd, bytes);
    } catch (error) {
      const code = systemCode(error) ?? '';
      if (code === 'EINTR') return 0;
      if (NOT_NOW.has(code)) {
        this.#retry = setTimeout(() => this.flush(), RETRY_MS);
        this.#retry.unref();
        return undefined;
      }
      // A broken pipe: there is nobody left to tell.
      this.#gone = true;
      this.#waiting = [];
      this.#size = 0;
      return undefined;
    }
  }
}
