// Listening by measuring: the frequency and level of what a WAV file holds.
import { readFileSync, writeFileSync } from 'node:fs';

export interface Pcm {
  readonly rate: number;
  readonly samples: Int16Array;
}

/** Reads a RIFF WAVE file with 16 bit PCM; the first channel. */
export function readWav(path: string): Pcm {
  const bytes = readFileSync(path);
  if (bytes.toString('latin1', 0, 4) !== 'RIFF') throw new Error(`${path} is no WAV file`);
  let rate = 0;
  let channels = 1;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const kind = bytes.toString('latin1', at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    if (kind === 'fmt ') {
      channels = bytes.readUInt16LE(at + 10);
      rate = bytes.readUInt32LE(at + 12);
    }
    if (kind === 'data') {
      const end = Math.min(bytes.length, at + 8 + size);
      const count = Math.floor((end - at - 8) / (2 * channels));
      const samples = new Int16Array(count);
      for (let index = 0; index < count; index += 1) {
        samples[index] = bytes.readInt16LE(at + 8 + index * 2 * channels);
      }
      return { rate, samples };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error(`${path} has no data`);
}

const FULL_SCALE = 32768;
const decibel = (power: number): number => 10 * Math.log10(Math.max(power, 1e-12));

/** Level of the whole stretch in dB below a full-scale sine. */
export function level(pcm: Pcm): number {
  let sum = 0;
  for (const sample of pcm.samples) sum += (sample / FULL_SCALE) ** 2;
  return decibel((2 * sum) / Math.max(1, pcm.samples.length));
}

/** Level of one frequency (Goertzel) in dB below a full-scale sine. */
export function levelAt(pcm: Pcm, hertz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hertz) / pcm.rate);
  let previous = 0;
  let before = 0;
  for (const sample of pcm.samples) {
    const next = sample / FULL_SCALE + coefficient * previous - before;
    before = previous;
    previous = next;
  }
  const power = previous ** 2 + before ** 2 - coefficient * previous * before;
  return decibel((4 * power) / Math.max(1, pcm.samples.length) ** 2);
}

/** A stretch, in seconds from the start. */
export function cut(pcm: Pcm, from: number, to: number): Pcm {
  return {
    rate: pcm.rate,
    samples: pcm.samples.subarray(Math.floor(from * pcm.rate), Math.floor(to * pcm.rate)),
  };
}

/** The strongest frequency between 100 Hz and 3400 Hz, to 10 Hz, over at most one second. */
export function dominant(pcm: Pcm): number {
  const stretch = cut(pcm, 0, 1);
  let best = 0;
  let strongest = Number.NEGATIVE_INFINITY;
  for (let hertz = 100; hertz <= 3400; hertz += 10) {
    const here = levelAt(stretch, hertz);
    if (here > strongest) {
      strongest = here;
      best = hertz;
    }
  }
  return best;
}

const SLICE = 0.1;

/** Where the tone stands within 6 dB of the level of everything there: heard, not merely received. Starts of slices, in seconds. */
function slicesOfTone(pcm: Pcm, hertz: number, atLeastDb: number): number[] {
  const found: number[] = [];
  for (let at = 0; at + SLICE <= pcm.samples.length / pcm.rate; at += SLICE) {
    const part = cut(pcm, at, at + SLICE);
    const tone = levelAt(part, hertz);
    if (tone > atLeastDb && tone > level(part) - 6) found.push(at);
  }
  return found;
}

/** Seconds in which the tone is heard. */
export const secondsOfTone = (pcm: Pcm, hertz: number, atLeastDb = -40): number =>
  slicesOfTone(pcm, hertz, atLeastDb).length * SLICE;

/** The second around the middle of what is heard of the tone: whoever speaks may have begun late. */
export function middleOfTone(pcm: Pcm, hertz: number, atLeastDb = -40): Pcm {
  const slices = slicesOfTone(pcm, hertz, atLeastDb);
  const middle = slices[Math.floor(slices.length / 2)] ?? 0;
  return cut(pcm, Math.max(0, middle - 0.5), middle + 0.5);
}

const TELEPHONE_RATE = 8000;
const TONE_AMPLITUDE = 10 ** (-10 / 20);

/** Writes a mono sine of -10 dB to a WAV file. */
export function writeTone(path: string, hertz: number, seconds: number, rate = TELEPHONE_RATE): void {
  const count = rate * seconds;
  const bytes = Buffer.alloc(44 + count * 2);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(36 + count * 2, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(count * 2, 40);
  for (let index = 0; index < count; index += 1) {
    const value = Math.sin((2 * Math.PI * hertz * index) / rate) * TONE_AMPLITUDE * (FULL_SCALE - 1);
    bytes.writeInt16LE(Math.round(value), 44 + index * 2);
  }
  writeFileSync(path, bytes);
}

const WHOLE_WITHIN_MS = 4000;
const LOOK_AGAIN_MS = 100;

/** Seconds of the tone in a recording; a recorder may write its last a moment after the call, so a lack is looked at again. */
export async function hearTone(path: string, hertz: number, enough: number): Promise<number> {
  const end = performance.now() + WHOLE_WITHIN_MS;
  for (;;) {
    let heard = 0;
    try {
      heard = secondsOfTone(readWav(path), hertz);
    } catch (error) {
      // No file or no header yet: it is looked at again.
      if (performance.now() > end) throw error;
    }
    if (heard >= enough || performance.now() > end) return heard;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
