// systemd's notification protocol (sd_notify(3)): READY, STOPPING, WATCHDOG.
import { execFile } from 'node:child_process';
import type { Clock, Timer } from '#src/base/clock.ts';
import { describe } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { Milliseconds } from '#src/base/units.ts';

const MICROSECONDS = 1000;

/**
 * Speaks only when systemd asked for it by NOTIFY_SOCKET. Node has no datagram sockets of the local kind, so
 * `systemd-notify`, which every systemd brings, carries the words; the unit says `NotifyAccess=all` for it.
 */
export class Notifier {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #env: NodeJS.ProcessEnv;
  #watchdog: Timer | undefined;

  constructor(options: { readonly clock: Clock; readonly log: Logger; readonly env?: NodeJS.ProcessEnv }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#env = options.env ?? process.env;
  }

  /** Begins to feed the watchdog as well, at half of WatchdogSec. */
  async ready(): Promise<void> {
    await this.#say('READY=1');
    const { WATCHDOG_USEC, WATCHDOG_PID } = this.#env;
    const span = Number(WATCHDOG_USEC);
    if (!(span > 0) || (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== process.pid)) return;
    this.#feed(Milliseconds(span / MICROSECONDS / 2));
  }

  async stopping(): Promise<void> {
    this.#watchdog?.cancel();
    this.#watchdog = undefined;
    await this.#say('STOPPING=1');
  }

  #feed(span: Milliseconds): void {
    void this.#say('WATCHDOG=1');
    this.#watchdog = this.#clock.after(span, () => this.#feed(span));
  }

  /** A failure is told and changes nothing: systemd will draw its own conclusion. */
  #say(word: string): Promise<void> {
    if (!this.#env.NOTIFY_SOCKET) return Promise.resolve();
    return new Promise((resolve) => {
      execFile('systemd-notify', [word], { env: this.#env }, (error) => {
        if (error) this.#log.warn({ word, reason: describe(error) }, 'systemd could not be told');
        resolve();
      });
    });
  }
}
