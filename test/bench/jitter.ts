// The jitter buffer on traces of bad networks, beside the one of speexdsp on the same traces: how long sound waits, and how much of it has
// to be made up. The limit is the smallest constant delay of each 5 s that keeps as many packets: it knows the future.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type BenchLine, benchLine, median } from './line.ts';

const SECONDS = 60;
const SEEDS = [1, 2, 3, 4, 5];
/** Half a beat of 20 ms is lost on average, another beat is held ready. */
const GOAL_MS = 30;

const root = resolve(import.meta.dirname, '../..');

interface Heard {
  readonly who: 'ours' | 'speexdsp';
  readonly trace: string;
  readonly delay_ms: number;
  readonly optimum_ms: number;
  readonly lost: number;
  readonly late: number;
  readonly made_up: number;
}

function buildProgram(): string {
  const folder = join(root, 'build/bench');
  const native = join(root, 'native');
  const program = join(folder, 'jitter_traces');
  mkdirSync(folder, { recursive: true });
  execFileSync('make', ['-C', native, 'media'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const libraries = 'opencore-amrnb opencore-amrwb vo-amrwbenc opus srtp2 openh264 jpeg speexdsp m'.split(
    ' ',
  );
  execFileSync('cc', [
    ...['-std=gnu11', '-O2', '-Wall', '-Wextra', '-pthread', '-o', program],
    ...['-iquote', join(native, 'media'), '-iquote', join(native, 'test')],
    join(native, 'bench/jitter_traces.c'),
    join(root, 'build/native/release/libtm_media.a'),
    ...libraries.map((name) => `-l${name}`),
  ]);
  return program;
}

export async function run(): Promise<readonly BenchLine[]> {
  const program = buildProgram();
  const heard = SEEDS.flatMap((seed) =>
    execFileSync(program, [String(SECONDS), String(seed)], { encoding: 'utf8' })
      .trim()
      .split('\n')
      // The program is ours and writes these fields.
      .map((line): Heard => JSON.parse(line)),
  );
  return [...new Set(heard.map(({ trace }) => trace))].flatMap((trace) => linesOf(trace, heard));
}

function linesOf(trace: string, heard: readonly Heard[]): BenchLine[] {
  const of = (who: Heard['who'], value: (one: Heard) => number): number =>
    median(heard.filter((one) => one.who === who && one.trace === trace).map(value));
  const both = (value: (one: Heard) => number) => ({
    ours: of('ours', value),
    peer: of('speexdsp', value),
    peer_name: 'speexdsp',
  });
  const above = both((one) => one.delay_ms - one.optimum_ms);
  return [
    benchLine({
      ...{ bench: 'jitter', metric: `${trace}: mean delay`, unit: 'ms', better: 'lower' },
      ...both((one) => one.delay_ms),
      ...{ limit: of('ours', (one) => one.optimum_ms), limit_name: 'constant delay, future known' },
      ...{ goal: `within ${GOAL_MS} ms of the limit`, met: above.ours <= GOAL_MS },
    }),
    benchLine({
      ...{ bench: 'jitter', metric: `${trace}: delay above the optimum for its own late packets` },
      ...{ unit: 'ms', better: 'lower' },
      ...above,
    }),
    benchLine({
      ...{ bench: 'jitter', metric: `${trace}: lost, late or made up`, unit: '%', better: 'lower' },
      ...both((one) => one.made_up * 100),
      ...{ limit: of('ours', (one) => one.lost * 100), limit_name: 'lost in the network' },
    }),
  ];
}
