// The engine under ThreadSanitizer: threads race in the engine, not in its parts.
import * as assert from 'uvu/assert';
import { makeNative } from '#test/support/native.ts';
import { suite } from '#test/support/suite.ts';

const LIMIT_MS = 290_000;
const test = suite('native/races');

test('the engine is clean under tsan: sound and video between two streams', { timeoutMs: LIMIT_MS }, () => {
  const run = makeNative('test', 'GROUP=engine', 'TESTS=loopback video_feedback video_requests', 'SAN=tsan');
  assert.equal(run.broken, []);
  assert.equal(
    run.tests.filter((one) => !one.ok),
    [],
  );
  assert.ok(run.ok, run.output);
  assert.ok(run.tests.length > 0, run.output);
});

test.run();
