// Echo: how much of a made-up room's echo is taken away from 5 s on (native/test/room/scene.h), ours against libspeexdsp's canceller, with clocks
// that agree and with clocks that drift apart; and the processor time of 10 ms of sound.
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { type BenchLine, benchLine } from './line.ts';

const GOAL_DB = 25;
const PEER = 'speexdsp';

const root = resolve(import.meta.dirname, '../..');

interface Row {
  readonly skew_ppm: number;
  readonly ours_db: number;
  readonly speexdsp_db: number;
  readonly ours_us: number;
  readonly speexdsp_us: number;
}

function measure(): readonly Row[] {
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
  execFileSync('make', ['-s', '-C', join(root, 'native'), 'bench-programs'], { stdio });
  const text = execFileSync(join(root, 'build/native/release/bench/echo_probe'), {
    encoding: 'utf8',
    stdio,
  });
  // The probe is ours: its lines have this shape.
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
}

export async function run(): Promise<readonly BenchLine[]> {
  return measure().flatMap((row) => [
    benchLine({
      bench: 'echo',
      metric: `ERLE from 5 s on, clocks ${row.skew_ppm} ppm apart`,
      unit: 'dB',
      better: 'higher',
      ours: row.ours_db,
      peer: row.speexdsp_db,
      peer_name: PEER,
      goal: `at least ${GOAL_DB} dB`,
      met: row.ours_db >= GOAL_DB,
    }),
    benchLine({
      bench: 'echo',
      metric: `processor time of 10 ms, clocks ${row.skew_ppm} ppm apart`,
      unit: 'us',
      better: 'lower',
      ours: row.ours_us,
      peer: row.speexdsp_us,
      peer_name: PEER,
    }),
  ]);
}
