import * as assert from 'uvu/assert';
import { Call } from '#src/call/call.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, type PeerCall, sdp } from './harness.ts';
import { clean, end, talking } from './talk.ts';

const test = suite('call/modification');

const lastBody = (peer: PeerCall): string => String(peer.responses.at(-1)?.body);

for (const [direction, answered, send, receive] of [
  ['sendonly', 'recvonly', false, true],
  ['inactive', 'inactive', false, false],
] as const) {
  test(`held by the peer with ${direction}, and resumed`, async () => {
    const talk = await talking();
    const { world, call, peer } = talk;
    await peer.send('INVITE', sdp({ direction, version: 2 }));
    await peer.ack();
    assert.is(call.snapshot.hold, 'remote');
    assert.match(lastBody(peer), new RegExp(`a=${answered}\\r\\n`));
    const stream = world.media.streams[0];
    assert.is(stream?.last?.send, send);
    assert.is(stream?.last?.receive, receive);
    await peer.send('INVITE', sdp({ version: 3 }));
    await peer.ack();
    assert.is(call.snapshot.hold, 'none');
    assert.is(stream?.last?.send, true);
    await end(talk);
  });
}

test('held the old way, with the zero address', async () => {
  const talk = await talking();
  await talk.peer.send('INVITE', sdp({ address: '0.0.0.0', version: 2 }));
  await talk.peer.ack();
  assert.is(talk.call.snapshot.hold, 'remote');
  assert.is(talk.world.media.streams[0]?.last?.send, false);
  await end(talk);
});

test('a re-INVITE moves the media to another port and codec', async () => {
  const talk = await talking();
  await talk.peer.send('INVITE', sdp({ port: 7000, payload: '8', version: 2 }));
  await talk.peer.ack();
  assert.is(talk.world.media.streams[0]?.last?.remote.port, 7000);
  assert.is(talk.world.media.streams[0]?.last?.codec.name, 'PCMA');
  assert.is(talk.world.media.streams.length, 1, 'the port stays ours');
  await end(talk);
});

test('a re-INVITE with nothing in common: 488, and the call goes on as it was', async () => {
  const talk = await talking();
  const before = talk.world.media.streams[0]?.configurations.length;
  await talk.peer.send('INVITE', sdp({ payload: '18', version: 2 }));
  assert.is(talk.peer.statuses().at(-1), 488);
  assert.is(talk.call.snapshot.state, 'active');
  assert.is(talk.world.media.streams[0]?.configurations.length, before);
  await end(talk);
});

test('a fax line beside the sound is declined as it was written; instead of the sound it is 488, and the call goes on', async () => {
  const talk = await talking();
  const fax = 'm=image 6200 udptl t38\r\n';
  await talk.peer.send('INVITE', `${sdp({ version: 2 })}${fax}`);
  assert.is(talk.peer.statuses().at(-1), 200);
  assert.match(lastBody(talk.peer), /m=audio [1-9][\s\S]*m=image 0 udptl t38\r\n/);
  await talk.peer.ack();
  await talk.peer.send('INVITE', sdp({ version: 3 }).replace(/m=audio[\s\S]*/, fax));
  assert.is(talk.peer.statuses().at(-1), 488);
  assert.match(talk.peer.responses.at(-1)?.header('Warning') ?? '', /^304 /);
  assert.is(talk.world.media.streams[0]?.last?.send, true);
  // To close every stream is no wish that could be refused.
  await talk.peer.send('INVITE', sdp({ version: 4, port: 0 }));
  assert.is(talk.peer.statuses().at(-1), 200);
  await talk.peer.ack();
  await end(talk);
});

test('a re-INVITE without offer: the 200 offers both ways, the ACK answers', async () => {
  const talk = await talking();
  await talk.peer.send('INVITE');
  assert.match(lastBody(talk.peer), /m=audio 20000 RTP\/AVP 0 8 101\r\n[\s\S]*a=sendrecv/);
  await talk.peer.ack(sdp({ port: 7100, version: 2 }));
  assert.is(talk.world.media.streams[0]?.last?.remote.port, 7100);
  await end(talk);
});

test('a re-INVITE without offer whose ACK brings nothing leaves all as it was', async () => {
  const talk = await talking();
  await talk.peer.send('INVITE');
  await talk.peer.ack();
  assert.is(talk.call.snapshot.state, 'active');
  assert.is(talk.world.media.streams[0]?.last?.remote.port, 4000);
  await talk.peer.send('INVITE', sdp({ port: 7200, version: 2 }));
  assert.is(talk.peer.statuses().at(-1), 200);
  await talk.peer.ack();
  await end(talk);
});

test('while an answer is owed to us another change meets 491', async () => {
  const talk = await talking();
  await talk.peer.send('INVITE');
  await talk.peer.send('UPDATE', sdp({ version: 2 }));
  assert.equal(talk.peer.statuses('UPDATE'), [491]);
  await talk.peer.ack(sdp(), 2);
  await end(talk);
});

test('[MD-2.2.5b] UPDATE: alone it refreshes the target, with an offer it is answered', async () => {
  const talk = await talking();
  await talk.peer.send('UPDATE');
  assert.is(talk.peer.statuses('UPDATE').at(-1), 200);
  assert.is(lastBody(talk.peer), '');
  await talk.peer.send('UPDATE', sdp({ direction: 'inactive', version: 2 }));
  assert.match(lastBody(talk.peer), /a=inactive/);
  assert.is(talk.call.snapshot.hold, 'remote');
  await end(talk);
});

test('UPDATE before the answer: without offer 200, with one 500 and Retry-After', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('early');
  await peer.invite();
  await peer.send('UPDATE');
  await peer.send('UPDATE', sdp({ version: 2 }));
  assert.equal(peer.statuses('UPDATE'), [200, 500]);
  assert.ok(Number(peer.responses.at(-1)?.header('Retry-After')) <= 10);
  await peer.cancel();
  await clean(world);
});

test('the ACK of a re-INVITE is lost for good: BYE', async () => {
  const talk = await talking();
  await talk.peer.send('INVITE', sdp({ version: 2 }));
  await talk.world.advance(33_000);
  await talk.world.peer.reply(talk.world.peer.last('BYE'), 200);
  assert.is(talk.world.log.rows[0]?.end.by, 'network');
  assert.is(talk.world.log.rows[0]?.end.label, 'answered');
  await clean(talk.world);
});

test('a re-INVITE with a bad description: 400, and the call goes on', async () => {
  const talk = await talking();
  await talk.peer.send('INVITE', '{}');
  assert.is(talk.peer.statuses().at(-1), 400);
  assert.is(talk.call.snapshot.state, 'active');
  await end(talk);
});

test('our own change: offered by re-INVITE, acknowledged, in force', async () => {
  const talk = await talking();
  const { world, call } = talk;
  void call.hold();
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  assert.match(String(invite.body), /a=sendonly/);
  assert.match(String(invite.body), /o=- \d+ 2 /);
  await world.peer.reply(invite, 200, { tag: invite.to.tag ?? '', body: sdp({ direction: 'recvonly' }) });
  assert.is(world.peer.requests('ACK').length, 1);
  assert.is(call.snapshot.hold, 'local');
  assert.is(world.media.streams[0]?.last?.send, false, 'the held party hears nothing of us');
  assert.is(world.media.streams[0]?.last?.receive, false);
  await end(talk);
});

test('[MD-2.2.5b] glare: both re-INVITE, each meets 491, ours comes again after its wait', async () => {
  const talk = await talking();
  const { world, call, peer } = talk;
  void call.hold();
  await world.advance(1);
  await peer.send('INVITE', sdp({ direction: 'sendonly', version: 2 }));
  assert.is(peer.statuses().at(-1), 491);
  const ours = world.peer.last('INVITE');
  await world.peer.reply(ours, 491);
  await peer.ack(undefined, 2);
  assert.is(world.peer.requests('INVITE').length, 1);
  // The peer owns the Call-ID, so we wait less than two seconds.
  await world.advance(2_010);
  const again = world.peer.last('INVITE');
  assert.ok(again.cseq.number > ours.cseq.number);
  await world.peer.reply(again, 200, { body: sdp({ direction: 'recvonly' }) });
  assert.is(call.snapshot.hold, 'local');
  await end(talk);
});

test('as owner of the Call-ID we wait 2.1 to 4 seconds after a 491', async () => {
  const world = await makeWorld();
  const call = world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 200, { tag: 'b', body: sdp() });
  void call.hold();
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 491, { tag: 'b' });
  // Repetitions are no new request.
  const sent = (): number => new Set(world.peer.requests('INVITE').map((invite) => invite.cseq.number)).size;
  assert.is(sent(), 2);
  await world.advance(2_080);
  assert.is(sent(), 2);
  await world.advance(1_940);
  assert.is(sent(), 3);
  call.hangup();
  await world.advance(80_000);
  await clean(world);
});

for (const status of [481, 408]) {
  test(`our re-INVITE meets ${status}: the dialog is lost, BYE`, async () => {
    const talk = await talking();
    const { world, call } = talk;
    void call.hold();
    await world.advance(5);
    await world.peer.reply(world.peer.last('INVITE'), status);
    await world.peer.reply(world.peer.last('BYE'), 481);
    assert.is(world.log.rows[0]?.end.sip, status);
    assert.is(world.log.rows[0]?.end.label, 'answered');
    await clean(world);
  });
}

test('our re-INVITE is refused otherwise: the call goes on', async () => {
  const talk = await talking();
  const { world, call } = talk;
  void call.hold();
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 488);
  assert.is(call.snapshot.state, 'active');
  assert.is(world.media.streams[0]?.last?.receive, true);
  await end(talk);
});

test('our re-INVITE in an encrypted call is refused by 488: it is not sent again and again', async () => {
  const world = await makeWorld({
    config: { security: { srtp: 'optional', srtpCellular: 'off', e2ae: false, isCellular: () => false } },
  });
  const peer = world.peer.call('talk');
  const key = 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n';
  await peer.invite({ body: `${sdp().replace('RTP/AVP', 'RTP/SAVP')}${key}` });
  const call = world.manager.get(world.latest().id);
  if (!(call instanceof Call)) throw new Error('no call');
  call.answer();
  await world.advance(5);
  await peer.ack();
  void call.hold();
  await world.advance(5);
  const refused = world.peer.last('INVITE');
  await world.peer.reply(refused, 488);
  await world.advance(5);
  assert.is(world.peer.last('INVITE').cseq.number, refused.cseq.number);
  assert.is(call.snapshot.state, 'active');
  await end({ world, call, peer });
});

test('hung up while our re-INVITE is out: nothing stays behind', async () => {
  const talk = await talking();
  const { world, call } = talk;
  void call.hold();
  await world.advance(5);
  call.hangup();
  await world.advance(5);
  await world.peer.reply(world.peer.last('BYE'), 200);
  await world.peer.reply(world.peer.last('INVITE'), 487);
  assert.is(call.ended, true);
  await clean(world);
});

for (const [profile, again] of [
  ['ims', true],
  ['sip', false],
] as const) {
  test(`[MD-2.4.3b] an answer with two codecs, ${profile}: ${again ? 'offered anew with one' : 'the first is used'}`, async () => {
    const world = await makeWorld({ line: { profile } });
    world.manager.dial({ to: `sip:b@${PEER.host}` });
    await world.advance(5);
    await world.peer.reply(world.peer.last('INVITE'), 200, { body: sdp({ payload: '0 8 101' }) });
    await world.advance(5);
    assert.is(world.peer.requests('INVITE').length, again ? 2 : 1);
    if (again) {
      assert.match(String(world.peer.last('INVITE').body), /m=audio \d+ RTP\/AVP 0 \d+\r/);
      await world.peer.reply(world.peer.last('INVITE'), 200, { body: sdp({ payload: '0 101' }) });
      await world.advance(5);
      assert.is(world.peer.requests('INVITE').length, 2, 'once is enough');
    }
    assert.is(world.media.streams[0]?.last?.codec.name, 'PCMU');
  });
}

test.run();
