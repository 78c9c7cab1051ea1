// native/bench/cost_probe: the engine's own processor time, and that of the codec libraries alone.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const TICKS_PER_SECOND = 100;

export interface Cost {
  readonly what: string;
  readonly streams: number;
  /** Milliseconds of processor for a second of call. */
  readonly ms: number;
}

export function probeCost(kind: 'voice' | 'video'): readonly Cost[] {
  execFileSync('make', ['-s', '-C', join(root, 'native'), 'bench-programs'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const text = execFileSync(join(root, 'build/native/release/bench/cost_probe'), [kind], {
    encoding: 'utf8',
  });
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Cost); // the probe is ours
}

export const costOf = (costs: readonly Cost[], what: string, streams = 1): number | null =>
  costs.find((cost) => cost.what === what && cost.streams === streams)?.ms ?? null;

/** User and system time of a process in milliseconds (proc(5)). */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}
