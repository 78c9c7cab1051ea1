// Media that cannot be: a call says so and ends, instead of being mute.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp } from './harness.ts';
import { clean } from './talk.ts';

const test = suite('call/media-faults');

const named = sdp({ address: 'nowhere.example' });
const resolveHost = async (): Promise<undefined> => undefined;

test('an offer whose address nobody knows: 488 while it rings, with the reason in the log', async () => {
  const world = await makeWorld({ resolveHost });
  const peer = world.peer.call('a');
  await peer.invite({ body: named });
  await world.advance(5);
  assert.equal(peer.statuses(), [100, 180, 488]);
  const [row] = world.log.rows;
  assert.is(row?.end.label, 'failed');
  assert.is(row?.end.reason?.cause, 488);
  assert.match(row?.end.reason?.text ?? '', /address that does not exist/);
  assert.equal(
    world.troubles.map(({ id }) => id),
    ['call.media-address'],
  );
  await clean(world);
});

test('the same name, known: it rings on', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('a');
  await peer.invite({ body: named });
  await world.advance(5);
  assert.equal(peer.statuses(), [100, 180]);
  assert.is(world.media.streams[0]?.last?.remote.address, '192.0.2.77');
  await peer.cancel();
});

test('an answer whose address nobody knows: ACK, BYE, the reason is told', async () => {
  const world = await makeWorld({ resolveHost });
  world.manager.dial({ to: `sip:b@${PEER.host}` });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: named });
  await world.advance(5);
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(world.latest().end?.label, 'failed');
  assert.match(world.latest().end?.reason?.text ?? '', /does not exist/);
});

test('early media from nowhere is told, and the call goes on', async () => {
  const world = await makeWorld({ resolveHost });
  world.manager.dial({ to: `sip:b@${PEER.host}` });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 183, { body: named });
  await world.advance(5);
  assert.is(world.latest().state, 'early');
  assert.is(world.troubles[0]?.id, 'call.media-address');
});

test.run();
