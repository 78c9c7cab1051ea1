// The engine on devices of a real kernel: snd-aloop as sound card, in an emulated machine.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { guestLack, runInGuest } from './support/guest.ts';

const test = suite('kernel devices');
const lack = guestLack();

if (lack === undefined) {
  const peers = ['Linux snd-aloop'];
  test('sound through a card of the kernel, busy, pulled out and put in again', {
    peers,
    timeoutMs: 300_000,
  }, async () => {
    const run = await runInGuest(['kernel_sound']);
    if ('lack' in run) throw new Error(run.lack);
    assert.equal(run.failed, [], run.output);
    assert.ok(run.passed.includes('a tone through a card of the kernel'), run.output);
    assert.ok(run.passed.includes('pulled out and put in again in a call'), run.output);
    assert.match(run.output, /kernel_sound ends with 0/);
  });
} else {
  test.skip('sound through a card of the kernel', lack);
}

test.run();
