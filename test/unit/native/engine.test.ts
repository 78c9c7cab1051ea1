// The C tests of the engine with its threads, each by its name.
import * as assert from 'uvu/assert';
import { makeNative } from '#test/support/native.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('native/engine');
const run = makeNative('test', 'GROUP=engine');

test('every C test program builds and ends well', () => {
  assert.equal(run.broken, []);
  assert.ok(run.ok, run.output);
  assert.ok(run.tests.length > 0, run.output);
});

for (const one of run.tests)
  test(`${one.program.replace('test_', '')}: ${one.name}`, () => assert.ok(one.ok, one.said));

test.run();
