// Runs test files, each in a process of its own, and counts what they report.
// node scripts/run-tests.ts [--out FILE] [PATH-PART...]: only files whose path holds one of the parts.
import { spawn } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants, setPriority } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestReport } from '../test/support/suite.ts';

/** What takes only the time that is left may wait long for it. */
const FILE_LIMIT_MS = { usual: 300_000, behind: 1_200_000 } as const;
const OUT = 'build/test-report.ndjson';
/** Where Node keeps what it has compiled: a device is started some hundred times, and half of its start is that. */
const CODE = resolve('build/compile-cache');

/** `behind`: takes only the time that others leave. */
type Pace = 'usual' | 'behind';

interface Outcome {
  readonly file: string;
  readonly reports: TestReport[];
  readonly output: string;
  readonly broken: string | undefined;
}

/** Runs one file; whatever it left unfinished is named. */
async function runFile(file: string, index: number, pace: Pace): Promise<Outcome> {
  const reportPath = join('build', `test-report.${process.pid}.${index}.part`);
  rmSync(reportPath, { force: true });
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file], {
    env: { ...process.env, NODE_COMPILE_CACHE: CODE, TANDEM_TEST_REPORT: reportPath, FORCE_COLOR: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  if (pace === 'behind' && child.pid) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  let timedOut = false;
  const limit = setTimeout(() => {
    timedOut = true;
    if (child.pid) process.kill(-child.pid, 'SIGKILL');
  }, FILE_LIMIT_MS[pace]);
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
  clearTimeout(limit);
  const reports = existsSync(reportPath)
    ? readFileSync(reportPath, 'utf8')
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    : [];
  rmSync(reportPath, { force: true });
  const failed = reports.some((entry: TestReport) => entry.status === 'failed');
  const broken = timedOut
    ? `the file did not end within ${FILE_LIMIT_MS[pace] / 1000} s`
    : code !== 0 && !failed
      ? `exit status ${code}`
      : reports.length === 0
        ? 'no test was reported'
        : undefined;
  return { file, reports, output, broken };
}

/** Final status of each test: a `started` without an end is a failure. */
function settle(outcome: Outcome): TestReport[] {
  const ended = outcome.reports.filter((entry) => entry.status !== 'started');
  const names = new Set(ended.map((entry) => entry.test));
  const unfinished = outcome.reports
    .filter((entry) => entry.status === 'started' && !names.has(entry.test))
    .map((entry) => ({ ...entry, status: 'failed' as const, reason: 'did not finish' }));
  const whole =
    outcome.broken === undefined
      ? []
      : [
          {
            file: outcome.file,
            suite: outcome.file,
            test: '(file)',
            status: 'failed' as const,
            reason: outcome.broken,
          },
        ];
  return [...ended, ...unfinished, ...whole];
}

function show(outcome: Outcome, results: readonly TestReport[]): void {
  const failed = results.filter((entry) => entry.status === 'failed');
  const passed = results.filter((entry) => entry.status === 'passed').length;
  const ms = results.reduce((sum, entry) => sum + (entry.ms ?? 0), 0);
  console.log(
    `${failed.length ? 'FAIL' : 'ok  '} ${outcome.file}  ${passed}/${results.length}  ${(ms / 1000).toFixed(1)} s`,
  );
  for (const entry of results)
    if (entry.status === 'skipped') console.log(`     skipped: ${entry.test}: ${entry.reason}`);
  for (const entry of failed)
    console.log(`     FAILED: ${entry.test}\n       ${entry.reason?.replaceAll('\n', '\n       ')}`);
  if (failed.length) console.log(outcome.output.replace(/^/gm, '     | '));
}

async function runAll(
  files: readonly string[],
  width: number,
  offset: number,
  pace: Pace = 'usual',
): Promise<TestReport[]> {
  const all: TestReport[] = [];
  const queue = files.map((file, index) => ({ file, index: index + offset }));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const outcome = await runFile(next.file, next.index, pace);
      const results = settle(outcome);
      show(outcome, results);
      all.push(...results);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return all;
}

/** Tests that keep real time: strangers' programs, sound, processes, sockets. The others run in virtual time. */
const REAL_TIME = [
  'test/peers/',
  'test/unit/cli/',
  'test/unit/media/',
  'test/unit/native/',
  'test/unit/sip/transport/',
  'test/unit/web/',
];

/**
 * A busy machine may make what keeps real time late. Such a file that failed is run once more, alone, and said to be; what
 * fails then has failed.
 */
async function secondHearing(results: readonly TestReport[], offset: number): Promise<TestReport[]> {
  const failed = results.filter(
    ({ status, file }) => status === 'failed' && REAL_TIME.some((folder) => file.startsWith(folder)),
  );
  const files = [...new Set(failed.map(({ file }) => file))];
  if (files.length === 0) return [...results];
  console.log(`once more, alone: ${files.join(', ')}`);
  const again = await runAll(files, 1, offset);
  return [...results.filter(({ file }) => !files.includes(file)), ...again];
}

/** What lasts longest begins first, so that nothing long is left over at the end. */
const LONG = [
  'native/races',
  'native/sanitizers',
  'native/engine',
  'native/parts',
  'media/codecs',
  'native/fuzz',
  'peers/srtp-judged',
  'peers/edge-kamailio',
  'peers/keep-alive',
  'peers/nat-keep-alive',
  'peers/sipp-pcscf',
  'peers/film',
  'peers/bad-network',
  'peers/kamailio-registration',
  'peers/voice-judged',
  'peers/mediasec',
  'peers/kernel-devices',
  'peers/sipp-registrar',
  'peers/video-requests',
  'peers/video-negotiation',
  'peers/video-wire',
];
const rank = (file: string): number => {
  const at = LONG.findIndex((name) => file.endsWith(`${name}.test.ts`));
  return at < 0 ? LONG.length : at;
};

const parts = process.argv.slice(2);
mkdirSync('build', { recursive: true });
const chosen = globSync('test/**/*.test.ts')
  .filter((file) => !file.startsWith('test/image/'))
  .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
  .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
// Files that start servers come last and mostly wait for each other: one more at once than there are processors. What
// they hear must not wait behind compilers and fuzzers, which take the time that is left, at the lowest priority.
const COMPUTING = ['test/unit/native/sanitizers', 'test/unit/native/fuzz'];
const isComputing = (file: string): boolean => COMPUTING.some((name) => file.startsWith(name));
const peers = chosen.filter((file) => file.startsWith('test/peers/'));
const computing = chosen.filter(isComputing);
const side = chosen.filter((file) => !peers.includes(file) && !computing.includes(file));
const width = Math.min(2, availableParallelism());
const before = await runAll(side, width, 0);
const beside = runAll(computing, 1, side.length, peers.length > 0 ? 'behind' : 'usual');
const last = await runAll(peers, width + 1, side.length + computing.length);
const first = [...before, ...last, ...(await beside)];
const results = await secondHearing(first, chosen.length);
writeFileSync(OUT, results.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
const count = (status: TestReport['status']): number =>
  results.filter((entry) => entry.status === status).length;
console.log(`${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`);
process.exitCode = count('failed') > 0 || chosen.length === 0 ? 1 : 0;
