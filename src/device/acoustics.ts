// What the device knows of its room: the settings of the microphone's sound, and the measured delay, kept for each pair of devices.
import type { Config } from '#src/base/config/rules.ts';
import { TandemError } from '#src/base/errors.ts';
import type { DelayMeasure, RoomOptions } from '#src/media/engine.ts';
import type { SoundChoice } from './sound.ts';

export const roomOptions = ({ audio }: Config): RoomOptions => ({
  echoCancel: audio.echo_cancel,
  noiseSuppression: audio.noise_suppression,
  gainControl: audio.gain_control,
});

/** The media engine, as far as the audio test needs it. */
export interface Acoustics {
  /** Uses the delay that it found when it is sure enough. */
  measureDelay(devices: SoundChoice): Promise<DelayMeasure>;
  setDelay(delayMs: number | undefined): void;
}

export interface AudioTestParts {
  readonly media: Acoustics;
  /** Small values that outlive the agent. */
  readonly store: { get(key: string): string | undefined; set(key: string, value: string): void };
  readonly sound: SoundChoice;
  /** A chirp in a call would be heard by the other side. */
  readonly isCalling: () => boolean;
}

/** Below this the measure is a guess (a quiet loudspeaker, a noisy room), and what was known stays. */
const SURE = 0.3;
/** TM_ROOM_MAX_DELAY_MS. */
const MOST_DELAY_MS = 500;

export class AudioTest {
  readonly #parts: AudioTestParts;
  readonly #key: string;
  #isRunning = false;

  /** Begins with what was measured before with these devices. */
  constructor(parts: AudioTestParts) {
    this.#parts = parts;
    this.#key = `audio.delay ${parts.sound.capture} ${parts.sound.playback}`;
    const known = Number(parts.store.get(this.#key) || Number.NaN);
    if (known >= 0 && known <= MOST_DELAY_MS) parts.media.setDelay(known);
  }

  /** Throws TandemError `audio.in-use` while there is a call or another test; `media.config`, `media.device`. */
  async measure() {
    const { media, store, sound, isCalling } = this.#parts;
    if (isCalling() || this.#isRunning)
      throw new TandemError('caller', 'audio.in-use', 'The loudspeaker is in use; try again without a call.');
    this.#isRunning = true;
    try {
      const { delayMs, confidence, echoDb } = await media.measureDelay(sound);
      const delay = Math.round(delayMs);
      const kept = confidence >= SURE && delay >= 0 && delay <= MOST_DELAY_MS;
      if (kept) store.set(this.#key, `${delay}`);
      return { delay_ms: delay, confidence, echo_db: echoDb, kept };
    } finally {
      this.#isRunning = false;
    }
  }
}
