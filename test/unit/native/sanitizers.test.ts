// The C tests under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer.
import * as assert from 'uvu/assert';
import { makeNative } from '#test/support/native.ts';
import { suite } from '#test/support/suite.ts';

const LIMIT_MS = 590_000;
const test = suite('native/sanitizers');

function passes(...args: readonly string[]): void {
  const run = makeNative(...args);
  assert.equal(run.broken, []);
  assert.equal(
    run.tests.filter((one) => !one.ok),
    [],
  );
  assert.ok(run.ok, run.output);
  assert.ok(run.tests.length > 0, run.output);
}

for (const sanitizer of ['asan', 'ubsan', 'tsan'])
  test.proof(`the C tests are clean under ${sanitizer}, which catches what it should`, {
    timeoutMs: LIMIT_MS,
    run: () => passes('test', 'GROUP=parts', `SAN=${sanitizer}`),
    control: () => passes('control', `SAN=${sanitizer}`),
  });

test.run();
