// What the media tests share: an engine, a pair of streams that talk, and ears.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { TandemError } from '#src/base/errors.ts';
import type { Signal } from '#src/base/events.ts';
import { silentLogger } from '#src/base/log.ts';
import { MediaEngine, type StreamOptions } from '#src/media/engine.ts';
import type { AudioStream, StreamConfig } from '#src/media/stream.ts';

export const LOCAL = '127.0.0.1';
export const ANY_PORTS = { from: 0, to: 0 };

/** An engine and a folder that both end with `use`. */
export async function withEngine(use: (engine: MediaEngine, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-media-'));
  const engine = MediaEngine.open({ log: silentLogger() });
  try {
    await use(engine, folder);
  } finally {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const openStream = (engine: MediaEngine, options: Partial<StreamOptions> = {}): AudioStream =>
  engine.openStream({ address: LOCAL, ports: ANY_PORTS, capture: 'null', playback: 'null', ...options });

export const PCMU: StreamConfig['codec'] = { name: 'PCMU', payloadType: 0, clockRate: 8000 };
export const PCMA: StreamConfig['codec'] = { name: 'PCMA', payloadType: 8, clockRate: 8000 };
export const AMR_WB: StreamConfig['codec'] = { name: 'AMR-WB', payloadType: 96, clockRate: 16_000 };

export const configTo = (port: number, changes: Partial<StreamConfig> = {}): StreamConfig => ({
  remote: { address: LOCAL, port },
  codec: PCMU,
  ptimeMs: 20,
  send: true,
  receive: true,
  cname: 'unit@test',
  ...changes,
});

/** Each sends to the other. */
export function connect(a: AudioStream, b: AudioStream, changes: Partial<StreamConfig> = {}): void {
  a.configure(configTo(b.port, changes));
  b.configure(configTo(a.port, changes));
}

/** Real time passes here: what is tested runs by the sound card's and the network's clock. */
export const talk = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The next value of a signal. */
export const next = <Value>(signal: Signal<Value>): Promise<Value> =>
  new Promise((resolve) => {
    const off = signal.on((value) => {
      off();
      resolve(value);
    });
  });

/** Waits until `what` holds, at most `ms`; then it must hold. */
export async function eventually(what: () => boolean, ms = 3000): Promise<void> {
  const end = performance.now() + ms;
  while (!what() && performance.now() < end) await talk(10);
  assert.ok(what(), `not within ${ms} ms: ${what}`);
}

const WAV_HEADER = 44;
const WAV_RATE = 16_000;
const FULL_SCALE = 32_768;

/** Level in dBov of one frequency (Goertzel) in `ms` of a WAV of ours that end `skipMs` before its end. */
export function levelAt(path: string, hertz: number, ms = 200, skipMs = 100): number {
  const bytes = readFileSync(path);
  assert.is(bytes.readUInt32LE(24), WAV_RATE);
  assert.is(
    bytes.readUInt32LE(40),
    bytes.length - WAV_HEADER,
    'the length in the header is that of the file',
  );
  const total = (bytes.length - WAV_HEADER) / 2;
  const count = (WAV_RATE / 1000) * ms;
  const start = total - (WAV_RATE / 1000) * skipMs - count;
  assert.ok(start >= 0, `the file holds only ${(total / WAV_RATE).toFixed(2)} s`);
  const step = 2 * Math.cos((2 * Math.PI * hertz) / WAV_RATE);
  let before = 0;
  let last = 0;
  for (let i = start; i < start + count; i += 1) {
    const value = bytes.readInt16LE(WAV_HEADER + 2 * i) / FULL_SCALE + step * last - before;
    before = last;
    last = value;
  }
  const power = (last * last + before * before - step * last * before) / (count * count);
  return 10 * Math.log10(2 * power + 1e-20);
}

/** The engine's tone is at -12 dBov; resampling and coding may cost or give a little. */
export function assertHeard(path: string, hertz: number, ms?: number, skipMs?: number): void {
  const level = levelAt(path, hertz, ms, skipMs);
  assert.ok(level > -14.5 && level < -10, `${hertz} Hz at ${level.toFixed(1)} dBov`);
}

export function assertSilent(path: string, hertz: number, ms?: number, skipMs?: number): void {
  const level = levelAt(path, hertz, ms, skipMs);
  assert.ok(level < -45, `${hertz} Hz at ${level.toFixed(1)} dBov`);
}

/** The error a call throws. */
export function thrown(call: () => unknown): TandemError {
  try {
    call();
  } catch (error) {
    // Every error of this layer is one; a wrong type fails the caller's next assertion.
    return error as TandemError;
  }
  throw new Error('nothing was thrown');
}
