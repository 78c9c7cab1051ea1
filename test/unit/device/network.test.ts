import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { Milliseconds } from '#src/base/units.ts';
import { followNetwork, NetworkWatch } from '#src/device/network.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('device/network');

test('a change is told once, and nothing after the stop', async () => {
  const clock = new VirtualClock();
  let addresses = 'wlan0 192.0.2.1';
  const watch = new NetworkWatch(clock, () => addresses);
  let told = 0;
  watch.onChange.on(() => {
    told += 1;
  });
  watch.start();
  await clock.advance(Milliseconds(5_000));
  assert.is(told, 0);
  addresses = '';
  await clock.advance(Milliseconds(5_000));
  assert.is(told, 1);
  addresses = 'wlan0 192.0.2.7';
  await clock.advance(Milliseconds(1_000));
  assert.is(told, 2);
  watch.stop();
  addresses = '';
  await clock.advance(Milliseconds(5_000));
  assert.is(told, 2);
  assert.is(clock.pending, 0);
});

test('it reads this host by itself', () => {
  const watch = new NetworkWatch(new VirtualClock());
  watch.start();
  watch.stop();
});

test('with a registration that one goes first; without, the calls are told', async () => {
  const done: string[] = [];
  const parts = (register: boolean) => ({
    sockets: { readdress: async () => void done.push('sockets') },
    registration: { register, networkChanged: () => void done.push('registration') },
    calls: { moved: (always: boolean) => void done.push(`calls ${always}`) },
  });
  await followNetwork(parts(true));
  await followNetwork(parts(false));
  assert.equal(done, ['sockets', 'registration', 'sockets', 'calls false']);
});

test.run();
