// Runs targets of native/Makefile and reads what the C tests report. Building is one at a time: a lock keeps test files apart.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** One line of a C test program: `ok NAME` or `not ok NAME`. */
export interface NativeTest {
  /** E.g. `test_rtp`; empty for lines outside a program. */
  readonly program: string;
  readonly name: string;
  readonly ok: boolean;
  /** What the program said before the line: failed checks, sanitizer reports. */
  readonly said: string;
}

export interface NativeRun {
  readonly tests: readonly NativeTest[];
  /** Programs that ended badly, with their status or what stood in their way. */
  readonly broken: readonly { readonly program: string; readonly why: string }[];
  readonly ok: boolean;
  readonly output: string;
}

const LOCK = 'build/native/.lock';
/** Long, for a build may take only what other tests leave of the processors. */
const LIMIT_MS = 580_000;

function read(output: string): Pick<NativeRun, 'tests' | 'broken'> {
  const tests: NativeTest[] = [];
  const broken: { program: string; why: string }[] = [];
  let program = '';
  let said: string[] = [];
  for (const line of output.split('\n')) {
    const started = /^# program (\S+)$/.exec(line);
    const ended = /^# (\S+) ended with (status \d+)$/.exec(line);
    const result = /^(not )?ok (.+)$/.exec(line);
    if (started) {
      program = started[1] ?? '';
      said = [];
    } else if (ended) {
      broken.push({ program: ended[1] ?? '', why: `${ended[2]}\n${said.join('\n')}` });
    } else if (result) {
      tests.push({ program, name: result[2] ?? '', ok: !result[1], said: said.join('\n') });
      said = [];
    } else {
      said.push(line);
    }
  }
  return { tests, broken };
}

const MAKE = ['make', '--no-print-directory', '-j2', '-C', 'native'] as const;
const bounds = { encoding: 'utf8', timeout: LIMIT_MS } as const;

/** Engine tests wait in real time: nobody else waits for them. */
function runMake([target = '', ...more]: readonly string[]): SpawnSyncReturns<string> {
  if (target !== 'test') return spawnSync('flock', [LOCK, ...MAKE, target, ...more], bounds);
  const built = spawnSync('flock', [LOCK, ...MAKE, 'programs', ...more], bounds);
  return built.status === 0 ? spawnSync('make', [...MAKE.slice(1), target, ...more], bounds) : built;
}

/** `make -C native ARGUMENTS`; waits for other builds to end first. */
export function makeNative(...args: readonly string[]): NativeRun {
  mkdirSync('build/native', { recursive: true });
  const done = runMake(args);
  const output = `${done.stdout ?? ''}\n${done.stderr ?? ''}`;
  if (done.error)
    return { tests: [], broken: [{ program: 'make', why: done.error.message }], ok: false, output };
  const seen = read(output);
  const silent = done.status !== 0 && seen.broken.length === 0 && seen.tests.every((one) => one.ok);
  const broken = silent ? [{ program: 'make', why: output }] : seen.broken;
  return { tests: seen.tests, broken, ok: done.status === 0, output };
}
