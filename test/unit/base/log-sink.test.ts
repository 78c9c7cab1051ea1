// The log before readers that are slow, stuck or gone; and a device whose log nobody reads any more.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { LogSink } from '#src/base/log-sink.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('base/log-sink');

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** A reader that takes at most `room` octets before it is stuck, and says so by `code`. */
function reader(room: number, code = 'EAGAIN') {
  let left = room;
  const read: Buffer[] = [];
  return {
    text: (): string => Buffer.concat(read).toString(),
    makeRoom: (octets: number): void => {
      left += octets;
    },
    write: (_fd: number, bytes: Uint8Array): number => {
      if (left === 0) throw failure(code);
      const taken = Math.min(left, bytes.length);
      read.push(Buffer.from(bytes.subarray(0, taken)));
      left -= taken;
      return taken;
    },
  };
}

test('what a reader takes comes whole and in order, however little it takes at a time', () => {
  const slow = reader(3);
  const sink = new LogSink(2, slow.write);
  sink.write('one\n');
  sink.write('two\n');
  for (let turn = 0; turn < 10; turn += 1) {
    slow.makeRoom(1);
    sink.flush();
  }
  assert.is(slow.text(), 'one\ntwo\n');
});

test('a stuck reader costs entries beyond a bound, which are counted and told; nothing waits for it', () => {
  const stuck = reader(0);
  const sink = new LogSink(2, stuck.write);
  const line = `${'x'.repeat(1023)}\n`;
  for (let count = 0; count < 2000; count += 1) sink.write(line);
  assert.is(sink.lost, 2000 - 1024);
  stuck.makeRoom(3 * 1024 * 1024);
  sink.flush();
  sink.write('last\n');
  const lines = stuck.text().trim().split('\n');
  assert.is(lines.length, 1024 + 2);
  assert.is(JSON.parse(lines.at(-2) ?? '').lost, 2000 - 1024);
  assert.is(lines.at(-1), 'last');
});

test('a disk that was full gets the log again once there is room', () => {
  for (const code of ['ENOSPC', 'EDQUOT']) {
    const disk = reader(4, code);
    const sink = new LogSink(2, disk.write);
    sink.write('one\n');
    sink.write('two\n');
    assert.is(disk.text(), 'one\n');
    disk.makeRoom(8);
    sink.flush();
    sink.write('six\n');
    assert.is(disk.text(), 'one\ntwo\nsix\n');
  }
});

test('nobody reads any more: entries go nowhere, and nothing is tried again', () => {
  let tries = 0;
  const sink = new LogSink(2, () => {
    tries += 1;
    throw failure('EPIPE');
  });
  for (let count = 0; count < 5; count += 1) sink.write('entry\n');
  sink.flush();
  assert.is(tries, 1);
});

/** Logs in its last moment, when its reader has been gone for a while. */
const PROGRAM = `
  import { createLogger } from '${join(import.meta.dirname, '../../../src/base/log.ts')}';
  const log = createLogger();
  process.on('exit', () => log.info('the end'));
  process.stdin.on('data', () => {
    for (let count = 0; count < 2000; count += 1) log.info({ count }, 'nobody reads this');
    process.exit(0);
  });
`;

test('a program whose log reader is gone, or does not read, still ends', async () => {
  for (const gone of [true, false]) {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', PROGRAM],
      { stdio: ['pipe', 'ignore', 'pipe'] },
    );
    if (gone) child.stderr.destroy();
    else child.stderr.pause();
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    child.stdin.write('go\n');
    const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
    assert.is(await ended, 0);
    clearTimeout(late);
    child.stderr.destroy();
  }
});

test.run();
