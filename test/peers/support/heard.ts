// What an end of a call must have heard: one tone, for most of the talk, at its frequency and level.
import * as assert from 'uvu/assert';
import { cut, dominant, hearTone, levelAt, middleOfTone, readWav } from './tone.ts';

/** Within what G.711 and resampling may do. */
const LEVEL_TOLERANCE_DB = 3;
/** `writeTone`, and `tone:` of the device. */
export const TONE_LEVEL = -10;
const SLICES = 10;

/** Fails by `where`. Level in dB below a full-scale sine; undefined: any. */
export async function assertHeard(
  path: string,
  hertz: number,
  where: string,
  sentLevel?: number,
  seconds = 2,
): Promise<void> {
  const heard = await hearTone(path, hertz, seconds).catch(() => 0);
  assert.ok(heard >= seconds, `${where}: ${hertz} Hz for ${heard} s in ${path}`);
  const middle = middleOfTone(readWav(path), hertz);
  assert.is(Math.round(dominant(middle) / 20), Math.round(hertz / 20), `${where}: frequency`);
  if (sentLevel === undefined) return;
  // Slice by slice: a phase that jumps once is no lack of level.
  const levels = [...Array(SLICES).keys()].map((at) =>
    levelAt(cut(middle, at / SLICES, (at + 1) / SLICES), hertz),
  );
  const level = levels.sort((a, b) => a - b)[SLICES / 2] ?? Number.NEGATIVE_INFINITY;
  const off = Math.abs(level - sentLevel);
  assert.ok(off < LEVEL_TOLERANCE_DB, `${where}: level ${level} dB for ${sentLevel} dB`);
}
