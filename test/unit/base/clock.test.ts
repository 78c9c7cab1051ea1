import * as assert from 'uvu/assert';
import { SystemClock, VirtualClock } from '#src/base/clock.ts';
import { Milliseconds } from '#src/base/units.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('base/clock');

test('timers fire in order of time, then of making', async () => {
  const clock = new VirtualClock();
  const fired: string[] = [];
  clock.after(Milliseconds(20), () => fired.push('late'));
  clock.after(Milliseconds(10), () => fired.push('first'));
  clock.after(Milliseconds(10), () => fired.push('second'));
  await clock.advance(Milliseconds(15));
  assert.equal(fired, ['first', 'second']);
  assert.is(clock.pending, 1);
  await clock.advance(Milliseconds(5));
  assert.equal(fired, ['first', 'second', 'late']);
});

test('a cancelled timer does not fire', async () => {
  const clock = new VirtualClock();
  const timer = clock.after(Milliseconds(1), () => assert.unreachable());
  timer.cancel();
  timer.cancel();
  await clock.advance(Milliseconds(10));
});

test('a timer set by a timer fires within the same advance', async () => {
  const clock = new VirtualClock();
  let at = 0;
  clock.after(Milliseconds(5), () => clock.after(Milliseconds(5), () => (at = clock.now())));
  await clock.advance(Milliseconds(60_000));
  assert.is(at, 10);
});

test('the system clock waits at least the span', async () => {
  const clock = new SystemClock();
  const start = clock.now();
  await new Promise<void>((resolve) => void clock.after(Milliseconds(10), resolve));
  assert.ok(clock.now() - start >= 10);
});

test.run();
