// Which sound devices the calls get: tried once at the start, so that the first call brings no surprise.
import type { Config } from '#src/base/config/rules.ts';
import { TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import type { MediaEngine } from '#src/media/engine.ts';

export interface SoundChoice {
  readonly capture: string;
  readonly playback: string;
}

const SILENCE = 'null';
/** Any free ports of the loopback: the try sends nothing. */
const TRIAL = { address: '127.0.0.1', ports: { from: 0, to: 0 } } as const;
const CALL_PLACE = '{call}';

/** Opens one source or sink and closes it; the error when it cannot be had. */
async function trial(engine: MediaEngine, choice: SoundChoice): Promise<TandemError | undefined> {
  try {
    await engine.openStream({ ...TRIAL, ...choice }).close();
    return undefined;
  } catch (error) {
    return TandemError.from(error);
  }
}

/**
 * The configured devices. Throws `device.sound` (exit 4) for one that was named and cannot be had; `chosen` tells which
 * keys were given rather than left to their default.
 */
export async function chooseSound(
  engine: MediaEngine,
  { audio }: Pick<Config, 'audio'>,
  chosen: (key: 'audio.capture' | 'audio.playback') => boolean,
  log: Logger,
): Promise<SoundChoice> {
  const either = async (key: 'audio.capture' | 'audio.playback', choice: SoundChoice, name: string) => {
    // A file per call is made when there is a call.
    if (name.includes(CALL_PLACE)) return name;
    const error = await trial(engine, choice);
    if (!error) return name;
    if (chosen(key)) {
      throw new TandemError('caller', 'device.sound', `${key} = "${name}" cannot be had: ${error.message}`, {
        cause: error,
        detail: { key, device: name },
      });
    }
    log.warn({ key, device: name, reason: error.message }, 'no such sound device: calls go on in silence');
    return SILENCE;
  };
  return {
    capture: await either('audio.capture', { capture: audio.capture, playback: SILENCE }, audio.capture),
    playback: await either('audio.playback', { capture: SILENCE, playback: audio.playback }, audio.playback),
  };
}
