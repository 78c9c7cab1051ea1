// Media of the other IP family than the signalling's: asked for by an offer, or by a refusal of ours (RFC 3261 20.43).
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp, type TestWorld } from './harness.ts';

const test = suite('call/families');

/** The machine has this IPv6 address too; `::1` is what one without IPv6 is given. */
function alsoSix({ ua }: TestWorld, own: string): void {
  const { transport } = ua;
  const usual = transport.localContact.bind(transport);
  transport.localContact = (to) =>
    'host' in to && to.host.includes(':') ? { host: own, port: 5060, transport: 'udp' } : usual(to);
}

const FORMATS = { headers: [['Warning', '301 192.0.2.9 "Incompatible network address formats"']] } as const;

async function dialled(own: string) {
  const world = await makeWorld();
  alsoSix(world, own);
  const call = world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  return { world, call, first: world.peer.last('INVITE') };
}

test('an offer of IPv6 over IPv4 signalling is answered by IPv6 where we have it, else 488', async () => {
  for (const [own, status] of [
    ['2001:db8::1', 200],
    ['::1', 488],
  ] as const) {
    const world = await makeWorld();
    alsoSix(world, own);
    const call = world.peer.call(`six-${status}`);
    await call.invite({ body: sdp().replace(/c=IN IP4 .*/, 'c=IN IP6 2001:db8::9') });
    if (status === 488) {
      assert.is(call.statuses().at(-1), 488);
      continue;
    }
    world.manager.get(world.latest().id)?.answer();
    await world.advance(5);
    const answer = call.responses.find((response) => response.isSuccess)?.body.toString() ?? '';
    assert.match(answer, /c=IN IP6 2001:db8::1\r\n/);
    assert.is(world.media.streams[0]?.options.address, own);
    assert.is(world.media.streams[0]?.last?.remote.address, '2001:db8::9');
  }
});

for (const status of [488, 606]) {
  test(`${status} with Warning 301: once more with our IPv6 address, and the call comes about with it`, async () => {
    const { world, call, first } = await dialled('2001:db8::1');
    assert.match(first.body.toString(), /c=IN IP4 192\.0\.2\.1\r\n/);
    await world.peer.reply(first, status, FORMATS);
    const again = world.peer.last('INVITE');
    assert.is(again.callId, first.callId);
    assert.is(again.cseq.number, first.cseq.number + 1);
    assert.match(again.body.toString(), /c=IN IP6 2001:db8::1\r\n/);
    const port = /m=audio (\d+) /.exec(again.body.toString())?.[1];
    const stream = world.media.streams.at(-1);
    assert.is(stream?.options.address, '2001:db8::1');
    assert.is(Number(port), stream?.port);
    assert.is(world.media.open, 1);
    const body = sdp().replace(/c=IN IP4 .*/, 'c=IN IP6 2001:db8::9');
    await world.peer.reply(again, 200, { body });
    assert.is(call.snapshot.state, 'active');
    assert.is(stream?.last?.remote.address, '2001:db8::9');
    // The first stream gave its devices back before the second took them.
    assert.is(stream?.attached.length, world.media.streams[0]?.attached.length);
  });
}

test('Warning 301 a second time, another warning, no other family: the call fails', async () => {
  const twice = await dialled('2001:db8::1');
  await twice.world.peer.reply(twice.first, 488, FORMATS);
  await twice.world.peer.reply(twice.world.peer.last('INVITE'), 488, FORMATS);
  assert.is(twice.world.peer.requests('INVITE').length, 2);
  const other = await dialled('2001:db8::1');
  await other.world.peer.reply(other.first, 488, { headers: [['Warning', '304 192.0.2.9 "Media type"']] });
  const alone = await dialled('::1');
  await alone.world.peer.reply(alone.first, 488, FORMATS);
  for (const { world } of [other, alone]) assert.is(world.peer.requests('INVITE').length, 1);
  for (const { world, call } of [twice, other, alone]) {
    assert.is(call.snapshot.end?.sip, 488);
    assert.is(world.media.open, 0);
  }
});

test('hung up between the two INVITEs: nothing more is sent, nothing stays open', async () => {
  const { world, call, first } = await dialled('2001:db8::1');
  const [stream] = world.media.streams;
  const closed = Promise.withResolvers<void>();
  assert.ok(stream);
  const close = stream.close.bind(stream);
  stream.close = () => closed.promise.then(close);
  await world.peer.reply(first, 488, FORMATS);
  call.hangup();
  closed.resolve();
  await world.advance(50);
  assert.is(call.snapshot.state, 'ended');
  assert.is(world.peer.requests('INVITE').length, 1);
  assert.is(world.media.open, 0);
});

test('no port of the other family: the refusal stands, and the owner is told why', async () => {
  const { world, call, first } = await dialled('2001:db8::1');
  world.media.failure = new TandemError('network', 'media.address', 'No such address.');
  await world.peer.reply(first, 488, FORMATS);
  assert.is(world.peer.requests('INVITE').length, 1);
  assert.is(call.snapshot.end?.sip, 488);
  assert.ok(world.troubles.some(({ id }) => id === 'media.address'));
  assert.is(world.media.open, 0);
});

const six = (text: string): string => text.replace(/c=IN IP4 .*/, 'c=IN IP6 2001:db8::9');

test('in a call, the peer asks for IPv6: answered by it, and back again; where there is none, 488 and all as before', async () => {
  for (const own of ['2001:db8::1', '::1']) {
    const world = await makeWorld();
    alsoSix(world, own);
    const peer = world.peer.call(`into-${own}`);
    await peer.invite();
    world.manager.get(world.latest().id)?.answer();
    await world.advance(5);
    await peer.ack();
    const [stream] = world.media.streams;
    await peer.send('INVITE', six(sdp({ version: 2 })));
    if (own === '::1') {
      assert.is(peer.statuses().at(-1), 488);
      assert.equal(stream?.moves, []);
      assert.is(stream?.last?.remote.address, PEER.host);
    } else {
      await peer.ack();
      assert.match(String(peer.responses.at(-1)?.body), /c=IN IP6 2001:db8::1\r\n/);
      assert.is(stream?.last?.remote.address, '2001:db8::9');
      await peer.send('INVITE', sdp({ version: 3 }));
      await peer.ack();
      assert.match(String(peer.responses.at(-1)?.body), /c=IN IP4 192\.0\.2\.1\r\n/);
      assert.is(stream?.last?.remote.address, PEER.host);
    }
    await peer.send('BYE');
    assert.equal(await world.leaks(), { streams: 0, timers: 0, dialogs: 0 });
  }
});

test('in a call, an offer of IPv6 that cannot be taken otherwise leaves the media where it was', async () => {
  const world = await makeWorld();
  alsoSix(world, '2001:db8::1');
  const peer = world.peer.call('refused-six');
  await peer.invite();
  world.manager.get(world.latest().id)?.answer();
  await world.advance(5);
  await peer.ack();
  await peer.send('INVITE', six(sdp({ version: 2, payload: '18' })));
  assert.is(peer.statuses().at(-1), 488);
  const configured = world.media.streams[0]?.configurations.length;
  await peer.send('UPDATE', sdp({ version: 3 }));
  assert.match(String(peer.responses.at(-1)?.body), /c=IN IP4 192\.0\.2\.1\r\n/);
  assert.is(world.media.streams[0]?.configurations.length, (configured ?? 0) + 1);
  await peer.send('BYE');
  assert.equal(await world.leaks(), { streams: 0, timers: 0, dialogs: 0 });
});

test.run();
