import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Bench, QUIET } from './program.ts';

const test = suite('cli/exit codes');
const bench = new Bench();
test.after(() => bench.close());

const run = (config: string, state: string) =>
  bench.run(['run', '--config', config, '--state', bench.path(state)]);

test('0: help and version', async () => {
  const help = await bench.run(['--help']);
  assert.is(help.code, 0);
  for (const command of ['run', 'operator', 'demo', 'call', 'status', 'log', 'trace', 'conformance'])
    assert.match(help.out, new RegExp(`tandem ${command}`));
  const version = await bench.run(['--version']);
  assert.is(version.code, 0);
  assert.match(version.out, /^\d+\.\d+\.\d+\n$/);
});

test('what was said is whole, however slowly a pipe takes it; who reads no further is no failure', async () => {
  const report = bench.path('report.ndjson');
  const tests = Array.from({ length: 3000 }, (_, at) => `[MD-2.9.2a1] test number ${at}`);
  const line = (title: string): string =>
    JSON.stringify({ file: 'x.test.ts', suite: 'x', test: title, status: 'passed', ms: 1 });
  writeFileSync(report, tests.map((title) => `${line(title)}\n`).join(''));
  const piped = (reader: string) =>
    spawnSync(
      'bash',
      [
        '-c',
        `set -o pipefail; "$0" --disable-warning=ExperimentalWarning "$1" conformance --json --report "$2" | ${reader}`,
      ].concat(process.execPath, 'src/main.ts', report),
      { encoding: 'utf8', maxBuffer: 8 * 1024 * 1024 },
    );
  const slow = piped('{ sleep 1; cat; }');
  assert.is(slow.status, 0, slow.stderr);
  const rows: { id: string; tests: string[] }[] = JSON.parse(slow.stdout);
  assert.is(rows.find(({ id }) => id === 'MD-2.9.2a1')?.tests.length, tests.length);
  const brief = piped('head -n 1');
  assert.is(brief.stdout, '[\n');
  assert.is(brief.stderr, '');
});

const USAGE: readonly (readonly string[])[] = [
  [],
  ['fly'],
  ['run'],
  ['run', '--config'],
  ['run', '--nope'],
  ['run', '--config', 'a', 'b'],
  ['operator'],
  ['status', 'now'],
  ['call'],
  ['call', 'sip:a', 'sip:b'],
  ['status', '--url', 'nonsense', '--token', 'x'],
  ['status', '--url', 'http://127.0.0.1:1'],
  ['conformance', '--xml'],
];
for (const args of USAGE)
  test(`2: usage: tandem ${args.join(' ')}`, async () => {
    const { code, out, err } = await bench.run(args);
    assert.is(code, 2, err);
    assert.is(out, '');
    assert.match(err, /^tandem: .*--help/);
  });

test('3: every fault of the configuration is named with key, file and line, and nothing is started', async () => {
  const file = bench.config(
    'profile = "sip"\ncolour = 1\n[web]\nlisten = 8080\n[call]\nring_seconds = "x"\n',
  );
  const { code, out, err } = await run(file, 'untouched');
  assert.is(code, 3);
  assert.is(out, '');
  assert.ok(err.includes(`tandem: ${file}:2: colour `));
  assert.ok(err.includes(`tandem: ${file}:4: web.listen `));
  assert.ok(err.includes(`tandem: ${file}:6: call.ring_seconds `));
  assert.not(existsSync(bench.path('untouched')));
});

test('3: a file that is not there; the operator judges its file the same way', async () => {
  assert.is((await run(bench.path('none.toml'), 's')).code, 3);
  const file = bench.config('[listen]\nsip = ["udp:127.0.0.1:0"]\n[[phones]]\nuri = 5\n');
  const { code, err } = await bench.run(['operator', '--config', file]);
  assert.is(code, 3);
  assert.ok(err.includes(`${file}:4: phones[0].uri `), err);
});

test('3: a CA file that cannot be read, or holds no certificate; nothing is written', async () => {
  for (const path of ['/nowhere/ca.pem', '/etc/passwd']) {
    const file = bench.config(`${QUIET}[pcscf]\nca = "${path}"\n`);
    const { code, err } = await run(file, 'ca');
    assert.is(code, 3);
    const line = `${QUIET}[pcscf]\nca`.split('\n').length;
    assert.ok(err.includes(`${file}:${line}: pcscf.ca `), err);
    assert.not(existsSync(bench.path('ca')));
  }
});

test('4: a SIP port that is taken, over UDP and TCP', async () => {
  const udp = createSocket('udp4');
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  const tcp = createServer();
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const address = tcp.address();
  const tcpPort = typeof address === 'object' ? address?.port : 0;
  for (const taken of [`udp:127.0.0.1:${udp.address().port}`, `tcp:127.0.0.1:${tcpPort}`]) {
    const { code, out, err } = await run(bench.config(QUIET.replace('udp:127.0.0.1:0', taken)), 'taken');
    assert.is(code, 4, err);
    assert.is(out, '');
    assert.ok(err.includes(taken), err);
  }
  udp.close();
  tcp.close();
});

test('4: a web port that is taken', async () => {
  const tcp = createServer();
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const address = tcp.address();
  const taken = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  const { code, err } = await run(
    bench.config(QUIET.replace('listen = "127.0.0.1:0"', `listen = "${taken}"`)),
    'web',
  );
  tcp.close();
  assert.is(code, 4, err);
  assert.ok(err.includes(taken), err);
});

test('4: a sound device that is not there', async () => {
  const file = bench.config(QUIET.replace('tone:440', 'alsa:nosuchdevice'));
  const { code, err } = await run(file, 'sound');
  assert.is(code, 4, err);
  assert.match(err, /audio\.capture/);
});

test('1: a state folder that is in use, damaged, or a file', async () => {
  const config = bench.config(QUIET);
  const first = bench.start(['run', '--config', config, '--state', bench.path('shared')]);
  await first.says(/^listening /m);
  const second = await run(config, 'shared');
  assert.is(second.code, 1);
  assert.match(second.err, /in use by another Tandem/);
  first.kill('SIGTERM');
  assert.is((await first.ended).code, 0);
  mkdirSync(bench.path('damaged'));
  writeFileSync(bench.path('damaged/tandem.db'), 'x'.repeat(5000));
  const damaged = await run(config, 'damaged');
  assert.is(damaged.code, 1);
  assert.match(damaged.err, /no database|damaged/);
  assert.is((await bench.run(['run', '--config', config, '--state', config])).code, 1);
});

test('5: nobody there', async () => {
  assert.is((await bench.run(['status'])).code, 5);
  assert.is((await bench.run(['log'], { TANDEM_URL: 'http://127.0.0.1:1', TANDEM_TOKEN: 'x' })).code, 5);
  assert.is((await bench.run(['trace', '--url', 'http://127.0.0.1:1', '--token', 'x'])).code, 5);
  mkdirSync(bench.path('stale'));
  writeFileSync(bench.path('stale/agent.json'), '{"url":"http://127.0.0.1:1","pid":1}');
  writeFileSync(bench.path('stale/token'), 'x\n');
  assert.is((await bench.run(['status', '--state', bench.path('stale')])).code, 5);
  writeFileSync(bench.path('stale/agent.json'), '{"url":');
  assert.is((await bench.run(['call', 'sip:a@b', '--state', bench.path('stale')])).code, 5);
});

test.run();
