// What the owner hears besides the other side: only where the playback is a device.
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp } from './harness.ts';

const test = suite('call/tones');

const audio = { capture: 'alsa:default', playback: 'alsa:default' };

test('ring tone while it rings: the loudspeaker alone is opened, the microphone at the answer', async () => {
  const world = await makeWorld({ config: { audio } });
  const peer = world.peer.call('a');
  await peer.invite();
  const stream = world.media.streams[0];
  assert.equal(stream?.attached, [{ playback: 'alsa:default' }]);
  assert.equal(stream?.tones, ['ring']);
  world.manager.get(world.latest().id)?.answer();
  assert.equal(stream?.tones, ['ring', 'none']);
  assert.equal(stream?.attached, [{ playback: 'alsa:default' }, { capture: 'alsa:default' }]);
  await peer.ack();
  await peer.send('BYE');
});

test('no loudspeaker: it rings in silence, and the owner is told', async () => {
  const world = await makeWorld({ config: { audio } });
  world.media.deviceFailure = new TandemError('caller', 'media.device', 'Busy.');
  const peer = world.peer.call('a');
  await peer.invite();
  assert.equal(peer.statuses(), [100, 180]);
  assert.equal(world.media.streams[0]?.tones, []);
  assert.is(world.troubles[0]?.id, 'media.device');
  await peer.cancel();
});

test('never for a file', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('a');
  await peer.invite();
  assert.equal(world.media.streams[0]?.tones, []);
  assert.equal(world.media.streams[0]?.attached, []);
  await peer.cancel();
  world.manager.dial({ to: `sip:b@${PEER.host}` });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 180);
  await world.peer.reply(world.peer.last('INVITE'), 486);
  assert.equal(world.media.streams[1]?.tones, []);
  assert.is(world.media.open, 0, 'no busy tone to wait for');
});

test('the one who talks hears that another call waits, until it does not', async () => {
  const world = await makeWorld({ config: { audio } });
  const first = world.peer.call('a');
  await first.invite();
  world.manager.get(world.latest().id)?.answer();
  await first.ack();
  const second = world.peer.call('b');
  await second.invite();
  assert.equal(world.media.streams[0]?.tones, ['ring', 'none', 'waiting']);
  assert.equal(world.media.streams[1]?.tones, [], 'it does not ring as well');
  assert.equal(world.media.streams[1]?.attached, []);
  await second.cancel();
  assert.equal(world.media.streams[0]?.tones, ['ring', 'none', 'waiting', 'none']);
  await first.send('BYE');
});

test('ringback from the 180 to the answer', async () => {
  const world = await makeWorld({ config: { audio } });
  world.manager.dial({ to: `sip:b@${PEER.host}` });
  await world.advance(5);
  const stream = world.media.streams[0];
  assert.equal(stream?.tones, []);
  await world.peer.reply(world.peer.last('INVITE'), 180);
  assert.equal(stream?.tones, ['ringback']);
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: sdp() });
  assert.equal(stream?.tones, ['ringback', 'none']);
});

for (const [status, busy] of [
  [486, true],
  [600, true],
  [603, false],
  [404, false],
] as const) {
  test(`refused with ${status}: ${busy ? 'three seconds of busy tone' : 'silence'}`, async () => {
    const world = await makeWorld({ config: { audio } });
    world.manager.dial({ to: `sip:b@${PEER.host}` });
    await world.advance(5);
    await world.peer.reply(world.peer.last('INVITE'), status);
    assert.is(world.latest().state, 'ended');
    assert.is(world.media.streams[0]?.tones.includes('busy'), busy);
    assert.is(world.media.open, busy ? 1 : 0);
    await world.advance(3_000);
    assert.is(world.media.open, 0);
  });
}

test('closing does not wait for the busy tone', async () => {
  const world = await makeWorld({ config: { audio } });
  world.manager.dial({ to: `sip:b@${PEER.host}` });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 486);
  await world.manager.close();
  assert.is(world.media.open, 0);
});

test.run();
