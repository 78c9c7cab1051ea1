// Which keep-alive a call asks of its streams, and when (NG.110 2.9.1).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp, type TestWorld } from './harness.ts';
import { clean } from './talk.ts';

const test = suite('call/keep-alive');

const RECOMMENDED = { burstMs: 1_000, spacingMs: 70, intervalMs: 15_000 };

const phases = (world: TestWorld): (string | undefined)[] =>
  world.media.streams[0]?.configurations.map(({ keepAlive }) => keepAlive?.phase) ?? [];

test('[MD-2.9.1f2] called: from the 180 on to the address of the offer, out of the port that the 200 names', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('a');
  await peer.invite();
  const stream = world.media.streams[0];
  assert.equal(peer.statuses(), [100, 180]);
  assert.equal(stream?.last?.remote, { address: PEER.host, port: 4000, rtcpPort: 4001 });
  assert.equal(stream?.last?.keepAlive, { phase: 'early', payloadType: 20, ...RECOMMENDED });
  assert.is(stream?.last?.send, false, 'nothing but that before the answer');
  world.manager.get(world.latest().id)?.answer();
  await world.advance(5);
  const ok = peer.responses.find((response) => response.status === 200);
  assert.match(String(ok?.body), new RegExp(`m=audio ${stream?.port} `));
  assert.is(world.media.streams.length, 1, 'the same ports');
  assert.equal(phases(world), ['early', 'established']);
  assert.is(stream?.last?.send, true);
  await peer.ack();
  await peer.send('BYE');
  assert.is(stream?.last?.keepAlive, undefined, 'over');
});

test('an INVITE without offer: ports stand, nothing goes out before the answer is known', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('a');
  await peer.invite({});
  assert.is(world.media.open, 1);
  assert.equal(phases(world), []);
  world.manager.get(world.latest().id)?.answer();
  await world.advance(5);
  assert.equal(phases(world), []);
  await peer.ack(sdp());
  assert.equal(phases(world), ['established']);
  await peer.send('BYE');
});

for (const [how, end] of [
  ['refused by the owner', (world: TestWorld) => world.manager.get(world.latest().id)?.reject()],
  ['cancelled', async (_: TestWorld, cancel: () => Promise<void>) => cancel()],
  ['not answered', (world: TestWorld) => world.advance(61_000)],
] as const) {
  test(`a ringing call that is ${how} gives its ports back`, async () => {
    const world = await makeWorld();
    const peer = world.peer.call('a');
    await peer.invite();
    assert.is(world.media.open, 1);
    await end(world, () => peer.cancel());
    await world.advance(5);
    assert.is(world.media.open, 0);
    await clean(world);
  });
}

test('[MD-2.9.1f3] calling: at the description of each early dialog, and at the 200', async () => {
  const world = await makeWorld();
  world.manager.dial({ to: `sip:b@${PEER.host}` });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  assert.equal(phases(world), [], 'nobody to send to yet');
  await world.peer.reply(invite, 183, { tag: 'a', body: sdp({ port: 5001 }) });
  assert.equal(phases(world), ['early']);
  await world.peer.reply(invite, 183, { tag: 'b', body: sdp({ port: 5002 }) });
  await world.peer.reply(invite, 183, { tag: 'c', body: sdp({ port: 5003 }) });
  const ports = (): (number | undefined)[] => {
    const last = world.media.streams[0]?.last;
    return [last?.remote.port, ...(last?.alsoTo ?? []).map(({ port }) => port)];
  };
  assert.equal(ports(), [5001, 5002, 5003]);
  await world.peer.reply(invite, 199, { tag: 'a' });
  assert.equal(ports(), [5002, 5003], 'the next one is heard');
  await world.peer.reply(invite, 200, { tag: 'c', body: sdp({ port: 5003 }) });
  assert.equal(ports(), [5003]);
  assert.is(phases(world).at(-1), 'established');
});

test('the figures are settings', async () => {
  const figures = { burstMs: 500, spacingMs: 50, intervalMs: 7_000 };
  const ports = { from: 20_000, to: 20_100 };
  const world = await makeWorld({
    config: { media: { address: 'auto', ports, codecs: ['PCMU'], keepAlive: figures } },
  });
  const peer = world.peer.call('a');
  await peer.invite();
  assert.equal(world.media.streams[0]?.last?.keepAlive, { phase: 'early', payloadType: 20, ...figures });
  await peer.cancel();
});

test('switched off, none is asked for', async () => {
  const ports = { from: 20_000, to: 20_100 };
  const world = await makeWorld({
    config: { media: { address: 'auto', ports, codecs: ['PCMU'], keepAlive: 'off' } },
  });
  const peer = world.peer.call('a');
  await peer.invite();
  assert.ok(world.media.streams[0]?.last);
  assert.is(world.media.streams[0]?.last?.keepAlive, undefined);
  await peer.cancel();
});

test.run();
