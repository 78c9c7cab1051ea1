import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { Seconds } from '#src/base/units.ts';
import { EndedCall } from '#src/call/ended-call.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp, type TestWorld, uri } from './harness.ts';
import { clean } from './talk.ts';

const test = suite('call/incoming');

const rang = async (world: TestWorld, name = 'a') => {
  const call = world.peer.call(name);
  await call.invite();
  return call;
};

test('a call rings, is answered, acknowledged and hung up by the peer', async () => {
  const world = await makeWorld();
  const peer = await rang(world);
  assert.equal(peer.statuses(), [100, 180]);
  assert.is(world.latest().state, 'ringing');
  assert.equal(world.latest().remote, { uri: `sip:peer@${PEER.host}`, name: 'Peer' });
  assert.is(world.media.open, 1, 'its ports stand before the answer');
  assert.equal(world.media.streams[0]?.attached, [], 'no device before the answer');
  world.manager.get(world.latest().id)?.answer();
  await world.advance(5);
  assert.equal(peer.statuses(), [100, 180, 200]);
  const ok = peer.responses.find((response) => response.status === 200);
  assert.match(String(ok?.body), /m=audio 20000 RTP\/AVP 0 101\r\n/);
  assert.ok(ok?.contacts[0], 'a 200 names our Contact');
  assert.ok(ok?.allow.includes('UPDATE'));
  await peer.ack();
  assert.is(world.latest().state, 'active');
  assert.equal(world.media.streams[0]?.last?.remote, { address: PEER.host, port: 4000, rtcpPort: 4001 });
  await world.advance(12_000);
  await peer.send('BYE');
  assert.equal(peer.statuses('BYE'), [200]);
  assert.is(world.media.open, 0);
  await clean(world);
});

test('[MD-2.7c] a log row holds caller, duration, type, times, identity', async () => {
  const world = await makeWorld();
  const peer = await rang(world);
  await world.advance(3_000);
  world.manager.get(world.latest().id)?.answer();
  await peer.ack();
  await world.advance(60_000);
  await peer.send('BYE');
  const [row] = world.log.rows;
  assert.is(row?.remote.uri, `sip:peer@${PEER.host}`);
  assert.is(row?.direction, 'in');
  assert.is(row?.identity, 'sip:door@192.0.2.1');
  assert.is(row?.called_identity, 'sip:door@192.0.2.1');
  assert.is(row?.video, false);
  assert.is(row?.end.label, 'answered');
  assert.is(row?.end.by, 'remote');
  const seconds = (Date.parse(row?.end.at ?? '') - Date.parse(row?.answered ?? '')) / 1000;
  assert.is(Math.round(seconds), 60);
  assert.is(Math.round((Date.parse(row?.answered ?? '') - Date.parse(row?.start ?? '')) / 1000), 3);
  assert.is(row?.audio?.codec, 'PCMU');
});

test("[MD-2.2.6c1] the owner's reject is 486, never 600 or 603", async () => {
  const world = await makeWorld();
  const peer = await rang(world);
  world.manager.get(world.latest().id)?.reject();
  await world.advance(5);
  assert.equal(peer.statuses(), [100, 180, 486]);
  assert.is(world.log.rows[0]?.end.label, 'rejected');
  assert.is(world.log.rows[0]?.end.sip, 486);
});

for (const [headers, label, by] of [
  [[], 'missed', 'remote'],
  [[['Reason', 'SIP;cause=200;text="Call completed elsewhere"']], 'completed elsewhere', 'network'],
  [[['Reason', 'SIP;cause=408']], 'missed', 'network'],
  [[['Reason', 'SIP;cause=600;text="Busy Everywhere"']], 'rejected/missed', 'network'],
  [[['Reason', 'SIP;cause=603;text="Declined"']], 'rejected', 'network'],
  [[['Reason', 'Q.850;cause=16']], 'missed', 'remote'],
] as const) {
  test(`[MD-2.7b] a CANCEL with ${headers[0]?.[1] ?? 'no Reason'} is logged ${label}`, async () => {
    const world = await makeWorld();
    const peer = await rang(world);
    await peer.cancel(...headers.map(([name, value]): [string, string] => [name, value]));
    assert.equal(peer.statuses(), [100, 180, 487]);
    assert.equal(peer.statuses('CANCEL'), [200]);
    assert.is(world.log.rows[0]?.end.label, label);
    assert.is(world.log.rows[0]?.end.by, by);
    assert.is(world.log.rows.length, 1);
    await clean(world);
  });
}

test('nobody answers: 480 after ring_seconds, missed', async () => {
  const world = await makeWorld({ config: { ringTime: Seconds(20) } });
  const peer = await rang(world);
  await world.advance(19_000);
  assert.is(world.latest().state, 'ringing');
  await world.advance(1_100);
  assert.ok(peer.statuses().includes(480));
  assert.is(world.log.rows[0]?.end.label, 'missed');
  await clean(world);
});

test('CANCEL that comes behind our 200: the call stands until the caller hangs up', async () => {
  const world = await makeWorld();
  const peer = await rang(world);
  world.manager.get(world.latest().id)?.answer();
  await peer.cancel();
  assert.equal(peer.statuses('CANCEL'), [200]);
  assert.not.ok(peer.statuses().includes(487));
  assert.is(world.latest().state, 'active');
  await peer.ack();
  await peer.send('BYE');
  assert.is(world.log.rows[0]?.end.label, 'answered');
  await clean(world);
});

test('the ACK is lost: the 200 is repeated, then BYE, and the call has failed', async () => {
  const world = await makeWorld();
  const peer = await rang(world);
  world.manager.get(world.latest().id)?.answer();
  await world.advance(31_000);
  assert.ok(peer.statuses().filter((status) => status === 200).length > 5);
  assert.is(world.peer.requests('BYE').length, 0);
  await world.advance(2_000);
  const bye = world.peer.last('BYE');
  await world.peer.reply(bye, 200);
  assert.is(world.log.rows[0]?.end.label, 'failed');
  assert.is(world.log.rows[0]?.end.sip, 408);
  await clean(world);
});

test('hung up by the owner before the ACK: BYE waits for it (RFC 3261 15)', async () => {
  const world = await makeWorld();
  const peer = await rang(world);
  const call = world.manager.get(world.latest().id);
  call?.answer();
  await world.advance(10);
  call?.hangup();
  await world.advance(10);
  assert.is(world.latest().state, 'ended');
  assert.is(world.peer.requests('BYE').length, 0);
  await peer.ack();
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(world.log.rows[0]?.end.by, 'local');
  await clean(world);
});

test('BYE on the early dialog ends the ringing: 487 to the INVITE', async () => {
  const world = await makeWorld();
  const peer = await rang(world);
  await peer.send('BYE');
  assert.equal(peer.statuses('BYE'), [200]);
  assert.ok(peer.statuses().includes(487));
  assert.is(world.log.rows[0]?.end.label, 'missed');
  await clean(world);
});

test('no offer in the INVITE: ours stands in the 200, the answer in the ACK', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('offerless');
  await peer.invite({});
  world.manager.get(world.latest().id)?.answer();
  await world.advance(5);
  const ok = peer.responses.find((response) => response.status === 200);
  assert.match(String(ok?.body), /m=audio 20000 RTP\/AVP 0 8 101\r\n/);
  assert.is(world.media.streams[0]?.configurations.length, 0);
  await peer.ack(sdp({ payload: '8 102' }).replace(':101', ':102'));
  assert.is(world.latest().state, 'active');
  assert.is(world.media.streams[0]?.last?.codec.name, 'PCMA');
  await peer.send('BYE');
  await clean(world);
});

test('no offer and no answer either: BYE, failed', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('offerless');
  await peer.invite({});
  world.manager.get(world.latest().id)?.answer();
  await peer.ack();
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(world.log.rows[0]?.end.label, 'failed');
  await clean(world);
});

test('no codec in common: 488 with Warning 305, and it is in the log', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('codec');
  await peer.invite({ body: sdp({ payload: '18' }) });
  assert.equal(peer.statuses(), [488]);
  assert.match(String(peer.responses[0]?.header('Warning')), /^305 /);
  assert.is(world.log.rows[0]?.end.label, 'failed');
  await clean(world);
});

test('waiting off: 486 while there is a call, logged as missed; the first call is not touched', async () => {
  const world = await makeWorld({ config: { waiting: false } });
  const first = await rang(world, 'first');
  world.manager.get(world.latest().id)?.answer();
  await first.ack();
  const second = await rang(world, 'second');
  assert.equal(second.statuses(), [486]);
  assert.is(world.log.rows[0]?.end.label, 'missed');
  assert.equal(
    world.manager.list().map((call) => call.state),
    ['ended', 'active'],
  );
});

test('waiting on: several calls stand at once, a waiting one says so', async () => {
  const world = await makeWorld();
  const first = await rang(world, 'first');
  const second = await rang(world, 'second');
  assert.is(world.latest().waiting, true);
  assert.is(second.responses.at(-1)?.header('Alert-Info'), '<urn:alert:service:call-waiting>');
  assert.is(first.responses.at(-1)?.header('Alert-Info'), undefined);
  for (const { id } of world.manager.list()) world.manager.get(id)?.answer();
  assert.is(world.latest().waiting, false, 'who is answered waits no more');
  await first.ack();
  await second.ack();
  assert.equal(
    world.manager.list().map((call) => call.state),
    ['active', 'active'],
  );
  assert.is(world.media.open, 2);
  await first.send('BYE');
  await second.send('BYE');
  await clean(world);
});

test('auto_answer: everybody, or the listed ones', async () => {
  const world = await makeWorld({ config: { autoAnswer: [`sip:peer@${PEER.host}`] } });
  const peer = await rang(world);
  assert.equal(peer.statuses(), [100, 180, 200]);
  const other = await makeWorld({ config: { autoAnswer: ['sip:somebody@else.example'] } });
  assert.equal((await rang(other)).statuses(), [100, 180]);
});

for (const [what, headers, status, extra] of [
  ['precondition', [['Require', 'precondition']], 420, ['Unsupported', 'precondition']],
] as const) {
  test(`Require: ${what} meets 420`, async () => {
    const world = await makeWorld();
    const peer = world.peer.call('req');
    await peer.invite({ body: sdp(), headers });
    assert.equal(peer.statuses(), [status]);
    assert.is(peer.responses[0]?.header(extra[0]), extra[1]);
  });
}

test('a peer that merely supports 100rel, timer, precondition is served', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('sup');
  await peer.invite({
    body: sdp(),
    headers: [
      ['Supported', '100rel, timer, precondition'],
      ['Session-Expires', '1800'],
    ],
  });
  assert.equal(peer.statuses(), [100, 180]);
});

test('registered: an INVITE from elsewhere is 403 and leaves no trace', async () => {
  const world = await makeWorld({ line: { register: true, trusts: () => false } });
  const peer = await rang(world);
  assert.equal(peer.statuses(), [403]);
  assert.is(world.manager.list().length, 0);
  assert.is(world.log.rows.length, 0);
});

test('registered: what the P-CSCF asserts is shown, and which identity was called', async () => {
  const ours = [NameAddr.of(uri('sip:+4670@op.example')), NameAddr.of(uri('sip:alias@op.example'))];
  const world = await makeWorld({ line: { register: true, trusts: () => true, identities: ours } });
  const peer = world.peer.call('pai');
  await peer.invite({
    body: sdp(),
    headers: [
      ['P-Asserted-Identity', '"Anna" <sip:anna@op.example>, <tel:+46709>'],
      ['P-Called-Party-ID', '<sip:alias@op.example>'],
    ],
  });
  assert.equal(world.latest().remote, { uri: 'tel:+46709' });
  assert.is(world.latest().identity, 'sip:alias@op.example');
  assert.is(world.latest().called_identity, 'sip:alias@op.example');
});

test('no port: refused with 500 before it rings, and told', async () => {
  const world = await makeWorld();
  world.media.failure = new TandemError('caller', 'media.ports', 'No port is free.');
  const peer = await rang(world);
  assert.equal(peer.statuses(), [500]);
  assert.is(world.log.rows[0]?.end.label, 'failed');
  assert.is(world.troubles[0]?.id, 'media.ports');
  await clean(world);
});

test('no sound device: told, and the call goes on without it', async () => {
  const world = await makeWorld();
  world.media.deviceFailure = new TandemError('caller', 'media.device', 'The audio device cannot be used.');
  const peer = await rang(world);
  world.manager.get(world.latest().id)?.answer();
  await peer.ack();
  assert.is(world.latest().state, 'active');
  assert.equal(
    world.troubles.map(({ id }) => id),
    ['media.device', 'media.device'],
  );
  await peer.send('BYE');
  await clean(world);
});

test('a sound file that cannot be: the answer fails with 500 and says why', async () => {
  const world = await makeWorld();
  world.media.deviceFailure = new TandemError('caller', 'media.file', 'A sound file cannot be used.');
  const peer = await rang(world);
  assert.throws(
    () => world.manager.get(world.latest().id)?.answer(),
    (error: unknown) => TandemError.is(error, 'media.file'),
  );
  await world.advance(5);
  assert.ok(peer.statuses().includes(500));
  assert.is(world.log.rows[0]?.end.label, 'failed');
  await clean(world);
});

test('the disk is full: told, and the calls go on', async () => {
  const world = await makeWorld();
  world.log.failure = new TandemError('caller', 'store.full', 'The disk with the state folder is full.');
  const peer = await rang(world);
  await peer.cancel();
  assert.is(world.troubles[0]?.id, 'store.full');
  const next = await rang(world, 'next');
  assert.equal(next.statuses(), [100, 180]);
});

test('an action in the wrong state is refused and changes nothing', async () => {
  const world = await makeWorld();
  const peer = await rang(world);
  const call = world.manager.get(world.latest().id);
  assert.throws(
    () => call?.sendDtmf('1'),
    (error: unknown) => TandemError.is(error, 'call.state'),
  );
  call?.answer();
  await peer.ack();
  assert.throws(
    () => call?.answer(),
    (error: unknown) => TandemError.is(error, 'call.state'),
  );
  assert.throws(
    () => call?.reject(),
    (error: unknown) => TandemError.is(error, 'call.state'),
  );
  assert.is(world.latest().state, 'active');
});

test('digits: sent through the stream, received ones told; INFO too', async () => {
  const world = await makeWorld();
  const digits: string[] = [];
  world.manager.onDtmf.on(({ digit }) => digits.push(digit));
  const peer = await rang(world);
  const call = world.manager.get(world.latest().id);
  call?.answer();
  await peer.ack();
  call?.sendDtmf('12#');
  assert.equal(world.media.streams[0]?.digits, ['12#']);
  world.media.streams[0]?.onDtmf.emit({ digit: '7', durationMs: 100 });
  await peer.send('INFO');
  await peer.send('INFO', undefined, [['Info-Package', 'nobody-knows']]);
  assert.equal(peer.statuses('INFO'), [200, 469]);
  assert.equal(digits, ['7']);
  const noted = call?.digits.map(({ digit, duration_ms }) => [digit, duration_ms]);
  assert.equal(noted, [['7', 100]]);
  assert.is(world.manager.digitsReceived, 1);
});

test('PRACK matches nothing: 481; OPTIONS tells what we understand, inside and outside a dialog', async () => {
  const world = await makeWorld();
  const peer = await rang(world);
  await peer.send('PRACK', undefined, [['RAck', '1 1 INVITE']]);
  assert.equal(peer.statuses('PRACK'), [481]);
  await peer.send('OPTIONS');
  assert.equal(peer.statuses('OPTIONS'), [200]);
  const outside = world.peer.request('OPTIONS', {
    callId: 'o',
    cseq: 1,
    from: '<sip:x@y>;tag=1',
    to: '<sip:door@192.0.2.1>',
  });
  await world.peer.send(outside);
  const answer = world.peer.responses('OPTIONS').at(-1);
  assert.match(String(answer?.body), /m=audio 0 RTP\/AVP 0 8 101/);
  assert.ok(answer?.allow.includes('INVITE'));
});

test('ended calls are remembered for ten minutes', async () => {
  const world = await makeWorld();
  const peer = await rang(world);
  await peer.cancel();
  await world.advance(599_000);
  assert.is(world.manager.list().length, 1);
  await world.advance(2_000);
  assert.is(world.manager.list().length, 0);
});

test('a description in an encoding that we cannot read: 415 with what we take (RFC 3261 8.2.3)', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('packed');
  await peer.invite({ body: sdp(), headers: [['Content-Encoding', 'gzip']] });
  assert.equal(peer.statuses(), [415]);
  assert.is(peer.responses[0]?.header('Accept-Encoding'), 'identity');
  const plain = world.peer.call('plain');
  await plain.invite({ body: sdp(), headers: [['Content-Encoding', 'identity']] });
  assert.ok(plain.statuses().includes(180));
});

test('of an ended call only its memory stays; a flood of calls does not fill it', async () => {
  const world = await makeWorld();
  const peer = await rang(world, 'gone');
  await peer.cancel();
  await world.advance(5);
  const { id } = world.latest();
  const call = world.manager.get(id);
  assert.instance(call, EndedCall);
  assert.equal(call?.snapshot, world.log.rows[0]);
  assert.is(call?.sipCallId, peer.callId);
  for (const act of [() => call?.answer(), () => call?.reject(), () => call?.hangup()])
    assert.throws(act, (error: unknown) => error instanceof TandemError && error.id === 'call.state');
});

test('closing: 480 to what rings, BYE to what talks, done within three seconds of silence', async () => {
  const world = await makeWorld();
  const talking = await rang(world, 'talking');
  world.manager.get(world.latest().id)?.answer();
  await talking.ack();
  const ringing = await rang(world, 'ringing');
  let closed = false;
  const done = world.manager.close().then(() => {
    closed = true;
  });
  await world.advance(3_000);
  assert.is(closed, true);
  await done;
  assert.ok(ringing.statuses().includes(480));
  assert.ok(world.peer.requests('BYE').length > 0);
  assert.is(world.log.rows.length, 2);
  assert.is(world.media.open, 0);
});

test.run();
