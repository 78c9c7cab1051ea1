// A code that a party of a call presses opens something: a file is written, and written back (`[door]`).
import { writeFile } from 'node:fs/promises';
import type { Clock, Timer } from '#src/base/clock.ts';
import { describe } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { Milliseconds, type Seconds, toMilliseconds } from '#src/base/units.ts';
import { sameIdentity } from '#src/call/identity.ts';
import type { CallManager } from '#src/call/manager.ts';
import { parseUri } from '#src/sip/message/uri.ts';

export interface DoorSettings {
  readonly code: string;
  /** A file that takes `1` and `0`, as `/sys/class/gpio/gpio17/value` does. */
  readonly output: string;
  readonly open: Seconds;
  /** Who may open; `all`: whoever is in a call. */
  readonly callers: 'all' | readonly string[];
}

export interface DoorParts {
  readonly calls: CallManager;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: DoorSettings;
  /** For tests; default writes the file. */
  readonly write?: (path: string, text: string) => Promise<void>;
}

/** Wrong codes of one call before it is not listened to any more. */
const MOST_WRONG = 3;
/** And of all calls together, in this time. */
const MOST_WRONG_TOGETHER = 10;
const FORGET = Milliseconds(600_000);
/** Digits that lie further apart belong to no code. */
const PAUSE = Milliseconds(5_000);

/** Unless they are of the code. */
const BEGINS_ANEW: readonly string[] = ['*', '#'];

interface Listening {
  digits: string;
  last: number;
  wrong: number;
}

export class Door {
  readonly #parts: DoorParts;
  readonly #calls = new Map<string, Listening>();
  readonly #wrong: number[] = [];
  readonly #off: readonly (() => void)[];
  #closing: Timer | undefined;
  /** Writes go one after the other: the last word is the one that was written last. */
  #written: Promise<void> = Promise.resolve();

  constructor(parts: DoorParts) {
    this.#parts = parts;
    this.#off = [
      parts.calls.onDtmf.on(({ call, digit }) => this.#pressed(call, digit)),
      parts.calls.onLog.on(({ id }) => this.#calls.delete(id)),
    ];
  }

  /** An open door is closed. */
  async stop(): Promise<void> {
    for (const off of this.#off) off();
    if (!this.#closing) return;
    this.#closing.cancel();
    this.#closing = undefined;
    await this.#write('0');
  }

  #pressed(id: string, digit: string): void {
    const { calls, clock, settings } = this.#parts;
    const call = calls.get(id)?.snapshot;
    if (call?.state !== 'active' || !this.#isAllowed(call.remote.uri) || this.#isLocked) return;
    const now = clock.now();
    const heard = this.#calls.get(id) ?? { digits: '', last: now, wrong: 0 };
    this.#calls.set(id, heard);
    if (heard.wrong >= MOST_WRONG) return;
    const isNew = now - heard.last > PAUSE || (BEGINS_ANEW.includes(digit) && !settings.code.includes(digit));
    heard.digits = isNew ? '' : heard.digits;
    if (!BEGINS_ANEW.includes(digit) || settings.code.includes(digit)) heard.digits += digit;
    heard.last = now;
    if (heard.digits.length < settings.code.length) return;
    const isRight = heard.digits === settings.code;
    heard.digits = '';
    if (isRight) this.#open(id);
    else this.#isWrong(id, heard);
  }

  /** Nothing is told of a code, nor before its last digit whether it is right. */
  #isWrong(id: string, heard: Listening): void {
    heard.wrong += 1;
    this.#wrong.push(this.#parts.clock.now());
    this.#parts.log.warn({ call: id, wrong: heard.wrong }, 'a wrong door code');
  }

  get #isLocked(): boolean {
    const now = this.#parts.clock.now();
    while (this.#wrong[0] !== undefined && now - this.#wrong[0] > FORGET) this.#wrong.shift();
    return this.#wrong.length >= MOST_WRONG_TOGETHER;
  }

  #isAllowed(uri: string): boolean {
    const { callers } = this.#parts.settings;
    if (callers === 'all') return true;
    const caller = parseUri(uri);
    return callers.some((text) => {
      const allowed = parseUri(text);
      return caller.ok && allowed.ok && sameIdentity(caller.value, allowed.value);
    });
  }

  #open(id: string): void {
    const { clock, log, settings } = this.#parts;
    log.info({ call: id }, 'the door is opened');
    this.#closing?.cancel();
    void this.#write('1');
    this.#closing = clock.after(toMilliseconds(settings.open), () => {
      this.#closing = undefined;
      void this.#write('0');
    });
  }

  /** Never rejects: who presses a code cannot be told, the log can. */
  #write(text: string): Promise<void> {
    this.#written = this.#written.then(() => this.#put(text));
    return this.#written;
  }

  async #put(text: string): Promise<void> {
    const { settings, log, write = writeFile } = this.#parts;
    try {
      await write(settings.output, `${text}\n`);
    } catch (error) {
      log.error({ output: settings.output, reason: describe(error) }, 'the door cannot be moved');
    }
  }
}
