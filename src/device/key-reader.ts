// Keys of an input device (linux/input.h `struct input_event`, 64 bit): which were pressed.
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Clock, Timer } from '#src/base/clock.ts';
import { describe } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { Milliseconds } from '#src/base/units.ts';

/** struct timeval of two 8-octet members, then type, code, value. */
const EVENT = { length: 24, type: 16, code: 18, value: 20 } as const;
const EV_KEY = 1;
const PRESSED = 1;
/** A device that went away may come back. */
const AGAIN = Milliseconds(5_000);

/** Codes of the keys that go down in these octets; what is left over belongs to the next event. */
export function pressedKeys(octets: Buffer): { readonly keys: readonly number[]; readonly rest: Buffer } {
  const keys: number[] = [];
  let at = 0;
  for (; at + EVENT.length <= octets.length; at += EVENT.length) {
    const isKey = octets.readUInt16LE(at + EVENT.type) === EV_KEY;
    if (isKey && octets.readInt32LE(at + EVENT.value) === PRESSED)
      keys.push(octets.readUInt16LE(at + EVENT.code));
  }
  return { keys, rest: octets.subarray(at) };
}

export class KeyReader {
  readonly #path: string;
  readonly #onKey: (code: number) => void;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #open: (path: string) => Readable;
  #stream: Readable | undefined;
  #timer: Timer | undefined;
  #stopped = false;

  /** `path`: `/dev/input/event0`. */
  constructor(
    path: string,
    onKey: (code: number) => void,
    parts: { readonly clock: Clock; readonly log: Logger; readonly open?: (path: string) => Readable },
  ) {
    this.#path = path;
    this.#onKey = onKey;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#open = parts.open ?? ((file) => createReadStream(file));
    this.#start();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#stream?.destroy();
  }

  #start(): void {
    let rest = Buffer.alloc(0);
    const stream = this.#open(this.#path);
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => {
      const read = pressedKeys(Buffer.concat([rest, chunk]));
      rest = Buffer.from(read.rest);
      for (const key of read.keys) this.#onKey(key);
    });
    stream.on('error', (error) =>
      this.#log.warn({ device: this.#path, reason: describe(error) }, 'no buttons'),
    );
    stream.on('close', () => {
      if (!this.#stopped) this.#timer = this.#clock.after(AGAIN, () => this.#start());
    });
  }
}
