import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { silentLogger } from '#src/base/log.ts';
import { Milliseconds } from '#src/base/units.ts';
import { Notifier } from '#src/cli/notify.ts';
import { suite } from '#test/support/suite.ts';
import { Bench } from './program.ts';

const test = suite('cli/notify');
const bench = new Bench();
test.after(() => bench.close());

/** A `systemd-notify` that writes down what it was told. */
function fake(name: string): { env: NodeJS.ProcessEnv; told: () => string[] } {
  const folder = bench.path(name);
  mkdirSync(folder);
  writeFileSync(`${folder}/told`, '');
  writeFileSync(`${folder}/systemd-notify`, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >>"${folder}/told"\n`);
  chmodSync(`${folder}/systemd-notify`, 0o755);
  return {
    env: { PATH: `${folder}:/usr/bin:/bin`, NOTIFY_SOCKET: '/run/x' },
    told: () => readFileSync(`${folder}/told`, 'utf8').trim().split('\n').filter(Boolean),
  };
}

const log = silentLogger();

test('without systemd nothing is said', async () => {
  const { env, told } = fake('none');
  const clock = new VirtualClock();
  const notifier = new Notifier({ clock, log, env: { PATH: env.PATH, WATCHDOG_USEC: '1000000' } });
  await notifier.ready();
  await notifier.stopping();
  assert.equal(told(), []);
});

test('ready, stopping, and the watchdog at half its time', async () => {
  const { env, told } = fake('all');
  const clock = new VirtualClock();
  const notifier = new Notifier({
    clock,
    log,
    env: { ...env, WATCHDOG_USEC: '10000000', WATCHDOG_PID: String(process.pid) },
  });
  await notifier.ready();
  assert.is(clock.pending, 1);
  await clock.advance(Milliseconds(4999));
  assert.is(clock.pending, 1);
  await clock.advance(Milliseconds(1));
  await notifier.stopping();
  assert.is(clock.pending, 0);
  while (told().length < 4) await new Promise((resolve) => setImmediate(resolve));
  const words = told().map((line) => line.split(' '));
  assert.equal(words.map(([, word]) => word).sort(), ['READY=1', 'STOPPING=1', 'WATCHDOG=1', 'WATCHDOG=1']);
  assert.ok(words.every(([socket]) => socket === '/run/x'));
});

test("another process's watchdog is not fed; a missing program is told, not fatal", async () => {
  const clock = new VirtualClock();
  const { env } = fake('other');
  const notifier = new Notifier({
    clock,
    log,
    env: { ...env, WATCHDOG_USEC: '10000000', WATCHDOG_PID: '1' },
  });
  await notifier.ready();
  assert.is(clock.pending, 0);
  await new Notifier({ clock, log, env: { PATH: '/nowhere', NOTIFY_SOCKET: '/run/x' } }).ready();
});

test.run();
