// The way to the network changes during a call: another flow, another address (24.229 5.1.1.4, RFC 5626).
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { Call } from '#src/call/call.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { suite } from '#test/support/suite.ts';
import { DEVICE, makeWorld, PEER, sdp, uri } from './harness.ts';
import { clean } from './talk.ts';

const test = suite('call/moved');

const ELSEWHERE = '192.0.2.55';

/** A call of the device over a line that can move. */
async function talking() {
  const onMoved = new Signal<void>();
  let host: string = DEVICE.host;
  const contact = () => NameAddr.of(uri(`sip:dev@${host}:5060`));
  const world = await makeWorld({ line: { onMoved, contact } });
  const call = world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 200, { tag: 'b', body: sdp() });
  return {
    ...{ world, call },
    move: (to: string, media = to) => {
      host = to;
      const { transport } = world.ua;
      const usual = transport.localContact.bind(transport);
      transport.localContact = (way) => ({ ...usual(way), host: media });
    },
    tell: async () => {
      onMoved.emit();
      await world.advance(5);
    },
    end: async () => {
      call.hangup();
      await world.advance(5);
      await world.peer.reply(world.peer.last('BYE'), 200);
      await clean(world);
    },
  };
}

const sent = (requests: readonly { cseq: { number: number } }[]): number =>
  new Set(requests.map(({ cseq }) => cseq.number)).size;

test('another address: re-INVITE with the new Contact and the new place of the media; the call goes on', async () => {
  const { world, call, move, tell, end } = await talking();
  move(ELSEWHERE);
  await tell();
  const invite = world.peer.last('INVITE');
  assert.is(sent(world.peer.requests('INVITE')), 2);
  assert.is(invite.contacts[0]?.uri.toString(), `sip:dev@${ELSEWHERE}:5060`);
  assert.match(String(invite.body), new RegExp(`c=IN IP4 ${ELSEWHERE}\\r\\n`));
  assert.match(String(invite.body), /m=audio 21000 /, 'the port that it has there');
  assert.equal(world.media.streams[0]?.moves, [ELSEWHERE]);
  assert.is(world.media.streams.length, 1, 'the stream is the same: devices, files and keys go on');
  await world.peer.reply(invite, 200, { tag: 'b', body: sdp({ version: 2 }) });
  assert.is(call.snapshot.state, 'active');
  assert.is(call.snapshot.hold, 'none');
  assert.is(world.media.streams[0]?.last?.send, true);
  // And what comes later names the new place, too.
  void call.hold();
  await world.advance(5);
  assert.match(
    String(world.peer.last('INVITE').body),
    new RegExp(`c=IN IP4 ${ELSEWHERE}[\\s\\S]*a=sendonly`),
  );
  await world.peer.reply(world.peer.last('INVITE'), 200, { tag: 'b', body: sdp({ direction: 'recvonly' }) });
  await end();
});

test('another flow, the same address: asked whether the far end is still there, with what was last said', async () => {
  const { world, tell, end } = await talking();
  const [first] = world.peer.requests('INVITE');
  await tell();
  const again = world.peer.last('INVITE');
  assert.is(sent(world.peer.requests('INVITE')), 2);
  assert.is(String(again.body), String(first?.body));
  assert.equal(world.media.streams[0]?.moves, []);
  await world.peer.reply(again, 200, { tag: 'b', body: sdp() });
  await end();
});

test('addresses that have nothing to do with the call change nothing', async () => {
  const { world, end } = await talking();
  world.manager.moved(false);
  await world.advance(5);
  assert.is(sent(world.peer.requests('INVITE')), 1);
  await end();
});

for (const status of [481, 408]) {
  test(`the far end answers ${status}: the call is over, and says so`, async () => {
    const { world, move, tell } = await talking();
    move(ELSEWHERE);
    await tell();
    await world.peer.reply(world.peer.last('INVITE'), status, { tag: 'b' });
    await world.peer.reply(world.peer.last('BYE'), 481, { tag: 'b' });
    const { by, sip, label } = world.log.rows[0]?.end ?? {};
    assert.equal([by, sip, label], ['network', status, 'answered']);
    await clean(world);
  });
}

test('moved while a hold is under way: one after the other', async () => {
  const { world, call, move, tell, end } = await talking();
  void call.hold();
  await world.advance(5);
  const hold = world.peer.last('INVITE');
  move(ELSEWHERE);
  await tell();
  assert.is(sent(world.peer.requests('INVITE')), 2);
  await world.peer.reply(hold, 200, { tag: 'b', body: sdp({ direction: 'recvonly', version: 2 }) });
  await world.advance(5);
  const moved = world.peer.last('INVITE');
  assert.match(String(moved.body), new RegExp(`c=IN IP4 ${ELSEWHERE}[\\s\\S]*a=sendonly`), 'and still held');
  await world.peer.reply(moved, 200, { tag: 'b', body: sdp({ direction: 'recvonly', version: 3 }) });
  assert.is(call.snapshot.hold, 'local');
  await end();
});

test('no port at the new address: told, and the far end still hears where we are', async () => {
  const { world, call, move, tell, end } = await talking();
  const [stream] = world.media.streams;
  if (stream) stream.failure = new TandemError('network', 'media.address', 'No such address.');
  move(ELSEWHERE);
  await tell();
  assert.ok(world.troubles.some((error) => error.id === 'media.address'));
  assert.is(world.peer.last('INVITE').contacts[0]?.uri.toString(), `sip:dev@${ELSEWHERE}:5060`);
  await world.peer.reply(world.peer.last('INVITE'), 200, { tag: 'b', body: sdp() });
  assert.is(call.snapshot.state, 'active');
  await end();
});

test('another address of the other IP family: offered there, silent until the far end has one of it, too', async () => {
  const { world, move, tell, end } = await talking();
  move(ELSEWHERE, '2001:db8::55');
  await tell();
  const invite = world.peer.last('INVITE');
  assert.match(String(invite.body), /c=IN IP6 2001:db8::55\r\n/);
  const [stream] = world.media.streams;
  assert.equal(stream?.moves, ['2001:db8::55']);
  const before = stream?.configurations.length;
  const body = sdp({ version: 2 }).replace(/c=IN IP4 .*/, 'c=IN IP6 2001:db8::9');
  await world.peer.reply(invite, 200, { tag: 'b', body });
  assert.is(stream?.last?.remote.address, '2001:db8::9');
  assert.ok((stream?.configurations.length ?? 0) > (before ?? 0));
  await end();
});

test('a call that rings is left alone, and can be answered', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('ring');
  await peer.invite();
  world.manager.moved(true);
  await world.advance(5);
  assert.is(world.peer.requests('INVITE').length, 0);
  const call = world.manager.get(world.latest().id);
  if (!(call instanceof Call)) throw new Error('no call');
  call.answer();
  await world.advance(5);
  await peer.ack();
  await peer.send('BYE');
  await clean(world);
});

test.run();
