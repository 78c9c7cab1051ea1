// Which sound devices the calls get: tried once at the start, so that the first call brings no surprise.
import type { AgentSettings } from '#src/base/config/load.ts';
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
 * The configured devices. Throws `device.sound` (exit 4) for one that was named and cannot be had; one that is a default
 * is told in the log, and calls go on in silence.
 */
export async function chooseSound(
  engine: MediaEngine,
  { config: { audio }, settings }: AgentSettings,
  log: Logger,
): Promise<SoundChoice> {
  const either = async (key: 'capture' | 'playback'): Promise<string> => {
    const name = audio[key];
    // A file per call is made when there is a call.
    if (name.includes(CALL_PLACE)) return name;
    const error = await trial(engine, { capture: SILENCE, playback: SILENCE, [key]: name });
    if (!error) return name;
    if (settings.origins.get(`audio.${key}`)?.origin !== 'default') {
      throw new TandemError(
        'caller',
        'device.sound',
        `audio.${key} = "${name}" cannot be had: ${error.message}`,
        {
          cause: error,
          detail: { key: `audio.${key}`, device: name },
        },
      );
    }
    log.warn({ key, device: name, reason: error.message }, 'no such sound device: calls go on in silence');
    return SILENCE;
  };
  return { capture: await either('capture'), playback: await either('playback') };
}
