// The C tests of the room and of clocks that drift apart, each by its name.
import * as assert from 'uvu/assert';
import { makeNative } from '#test/support/native.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('native/room');
const run = makeNative('test', 'GROUP=room');

test('every C test program builds and ends well', () => {
  assert.equal(run.broken, []);
  assert.ok(run.ok, run.output);
  assert.ok(run.tests.length > 0, run.output);
});

for (const one of run.tests)
  test(`${one.program.replace('test_', '')}: ${one.name}`, () => assert.ok(one.ok, one.said));

test.run();
