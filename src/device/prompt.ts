// What the loudspeaker says without a call: a tone that nobody takes for ringing (TS 22.001 annex F, congestion).
import type { Clock, Timer } from '#src/base/clock.ts';
import { describe } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { Milliseconds } from '#src/base/units.ts';
import type { CallMedia, CallStream } from '#src/call/media.ts';

/** Any free ports of the loopback: nothing is sent. */
const NOWHERE = { address: '127.0.0.1', ports: { from: 0, to: 0 } } as const;
const LENGTH = Milliseconds(3_000);

export class Prompt {
  readonly #media: CallMedia;
  readonly #clock: Clock;
  readonly #playback: string;
  readonly #log: Logger;
  #alarm: { readonly stream: CallStream; readonly end: Timer } | undefined;
  #ringing: CallStream | undefined;

  /** `playback` as `[audio]` writes it; only a loudspeaker is spoken to. */
  constructor(parts: {
    readonly media: CallMedia;
    readonly clock: Clock;
    readonly playback: string;
    readonly log: Logger;
  }) {
    this.#media = parts.media;
    this.#clock = parts.clock;
    this.#playback = parts.playback;
    this.#log = parts.log;
  }

  /** Never throws; a prompt that plays already goes on. */
  alarm(): void {
    if (this.#alarm || !this.#playback.startsWith('alsa:')) return;
    try {
      const stream = this.#media.openStream(NOWHERE);
      this.#alarm = { stream, end: this.#clock.after(LENGTH, () => this.#endAlarm()) };
      stream.attach({ playback: this.#playback });
      stream.tone('congestion');
    } catch (cause) {
      this.#failed(cause);
    }
  }

  /** A call waits to be taken from another device: rings until it is told to stop. */
  ring(on: boolean): void {
    if (!this.#playback.startsWith('alsa:') || on === (this.#ringing !== undefined)) return;
    try {
      if (on) {
        this.#ringing = this.#media.openStream(NOWHERE);
        this.#ringing.attach({ playback: this.#playback });
        this.#ringing.tone('ring');
        return;
      }
    } catch (cause) {
      this.#failed(cause);
    }
    const stream = this.#ringing;
    this.#ringing = undefined;
    this.#close(stream);
  }

  /** What sounds is over. */
  stop(): void {
    this.#endAlarm();
    this.ring(false);
  }

  #endAlarm(): void {
    const alarm = this.#alarm;
    this.#alarm = undefined;
    alarm?.end.cancel();
    this.#close(alarm?.stream);
  }

  #close(stream: CallStream | undefined): void {
    stream?.close().catch((cause: unknown) => this.#failed(cause));
  }

  #failed(cause: unknown): void {
    this.#log.error({ reason: describe(cause) }, 'the loudspeaker cannot be used');
  }
}
