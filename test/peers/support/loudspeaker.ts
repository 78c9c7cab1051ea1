// A loudspeaker that records: the tests' own sound card, whose sound ALSA's file plug-in writes down.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { scratch } from './process.ts';
import type { Pcm } from './tone.ts';

const RATE = 48_000;
const NATIVE = resolve(import.meta.dirname, '../../../native');
const PLUGINS = resolve(import.meta.dirname, '../../../build/native/release');
const RECORDING = 'speaker.raw';

/** How a device of this process names it. */
export const SPEAKER = 'alsa:speaker';

/** Makes it, for every device that this process starts from now on. */
export function makeSpeaker(folder: ReturnType<typeof scratch>): void {
  execFileSync('make', ['-s', '-C', NATIVE, 'alsa'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const file = folder.file(RECORDING);
  const speaker = `pcm.speaker { type file slave.pcm "card" file "${file}" format "raw" }\n`;
  const card = `pcm.card { type tandemtest cable speaker rate ${RATE} channels 1 }\n`;
  writeFileSync(folder.file('asound.conf'), card + speaker);
  process.env.ALSA_CONFIG_PATH = folder.file('asound.conf');
  process.env.ALSA_PLUGIN_DIR = PLUGINS;
}

/** What was played since it was opened last. */
export function played(folder: ReturnType<typeof scratch>): Pcm {
  const file = folder.file(RECORDING);
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const samples = new Int16Array(Math.floor(bytes.length / 2));
  for (const [at] of samples.entries()) samples[at] = bytes.readInt16LE(at * 2);
  return { rate: RATE, samples };
}
