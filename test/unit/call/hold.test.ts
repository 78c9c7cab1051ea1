import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import type { Call } from '#src/call/call.ts';
import {
  EXCHANGE_EVENTS,
  EXCHANGE_STATES,
  EXCHANGE_TABLE,
  exchangeDiagram,
} from '#src/call/exchange-table.ts';
import { HOLD_EVENTS, HOLD_STATES, HOLD_TABLE, holdDiagram } from '#src/call/hold-table.ts';
import { DIRECTIONS } from '#src/sdp/direction.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp, type TestWorld, uri } from './harness.ts';
import { callOf, clean, end, rung, type Talk, talking } from './talk.ts';

const test = suite('call/hold');

/** What the device asks for in this call, answered with this direction. */
async function take(world: TestWorld, call: Call, direction: string): Promise<string> {
  await world.advance(5);
  const invite = world.peer.requests('INVITE').findLast(({ callId }) => callId === call.sipCallId);
  if (!invite) throw new Error('no re-INVITE came');
  await world.peer.reply(invite, 200, { body: sdp({ direction, version: 9 }) });
  return /a=(sendrecv|sendonly|recvonly|inactive)\r/.exec(String(invite.body))?.[1] ?? '';
}

const silent = ({ world, call }: Talk): boolean => {
  const stream = world.media.streams[Number(call.id !== '') && index(world, call)];
  return stream?.last?.send === false && stream.last.receive === false;
};

const index = (world: TestWorld, call: Call): number =>
  world.manager
    .list()
    .toReversed()
    .findIndex(({ id }) => id === call.id);

test('[MD-2.3.10] hold: silence at once, sendonly; resume: sendrecv, and sound once it is agreed', async () => {
  const talk = await talking();
  const { world, call } = talk;
  const held = call.hold();
  assert.is(call.snapshot.hold, 'local');
  assert.is(silent(talk), true);
  assert.is(await take(world, call, 'recvonly'), 'sendonly');
  assert.is(await held, undefined);
  assert.is(silent(talk), true);
  const resumed = call.resume();
  assert.is(call.snapshot.hold, 'local', 'until the peer has agreed');
  assert.is(await take(world, call, 'sendrecv'), 'sendrecv');
  assert.is(await resumed, undefined);
  assert.is(call.snapshot.hold, 'none');
  assert.is(silent(talk), false);
  await end(talk);
});

test('a held stream keeps its RTCP and its keep-alives', async () => {
  const talk = await talking();
  const { world, call } = talk;
  const before = world.media.streams[0]?.last;
  void call.hold();
  await take(world, call, 'recvonly');
  const after = world.media.streams[0]?.last;
  assert.equal(after?.rtcp, before?.rtcp);
  assert.ok(after?.keepAlive);
  assert.equal(after?.remote, before?.remote);
  await end(talk);
});

test('[MD-2.3.10] held by the peer first: inactive, and back to recvonly', async () => {
  const talk = await talking();
  const { world, call, peer } = talk;
  await peer.send('INVITE', sdp({ direction: 'sendonly', version: 2 }));
  await peer.ack();
  void call.hold();
  assert.is(await take(world, call, 'inactive'), 'inactive');
  assert.is(call.snapshot.hold, 'both');
  void call.resume();
  assert.is(await take(world, call, 'sendonly'), 'recvonly');
  assert.is(call.snapshot.hold, 'remote');
  await end(talk);
});

test('[MD-2.3.10] the peer takes its hold back while ours stands: sendonly; ours is taken back then', async () => {
  const talk = await talking();
  const { world, call, peer } = talk;
  void call.hold();
  await take(world, call, 'recvonly');
  await peer.send('INVITE', sdp({ direction: 'inactive', version: 2 }));
  await peer.ack();
  assert.is(call.snapshot.hold, 'both');
  await peer.send('INVITE', sdp({ direction: 'sendrecv', version: 3 }));
  await peer.ack();
  assert.match(String(peer.responses.at(-1)?.body), /a=sendonly/);
  assert.is(call.snapshot.hold, 'local');
  assert.is(silent(talk), true);
  void call.resume();
  assert.is(await take(world, call, 'sendrecv'), 'sendrecv');
  assert.is(call.snapshot.hold, 'none');
  await end(talk);
});

test('while we hold, a re-INVITE without offer gets sendonly (24.628 4.7.2.1)', async () => {
  const talk = await talking();
  const { world, call, peer } = talk;
  void call.hold();
  await take(world, call, 'recvonly');
  await peer.send('INVITE');
  assert.match(String(peer.responses.at(-1)?.body), /a=sendonly/);
  await peer.ack(sdp({ direction: 'recvonly', version: 4 }));
  assert.is(call.snapshot.hold, 'local');
  await end(talk);
});

for (const status of [488, 403, 500, 603]) {
  test(`a hold that is refused with ${status}: the call is as before, and the owner is told`, async () => {
    const talk = await talking();
    const { world, call } = talk;
    const held = call.hold();
    await world.advance(5);
    await world.peer.reply(world.peer.last('INVITE'), status);
    const error = await held;
    assert.ok(TandemError.is(error, 'call.hold-refused'));
    assert.is(call.snapshot.hold, 'none');
    assert.is(silent(talk), false);
    assert.match(call.details.told?.[0]?.text ?? '', /put on hold/);
    await end(talk);
  });
}

test('a hold whose answer cannot be used is a hold refused', async () => {
  const talk = await talking();
  const { world, call } = talk;
  const held = call.hold();
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: sdp({ payload: '18' }) });
  assert.ok(TandemError.is(await held, 'call.hold-refused'));
  assert.is(call.snapshot.hold, 'none');
  assert.is(world.media.streams[0]?.last?.codec.name, 'PCMU');
  await end(talk);
});

test('a resume that is refused leaves the call held', async () => {
  const talk = await talking();
  const { world, call } = talk;
  void call.hold();
  await take(world, call, 'recvonly');
  const resumed = call.resume();
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 488);
  assert.ok(TandemError.is(await resumed, 'call.resume-refused'));
  assert.is(call.snapshot.hold, 'local');
  assert.is(silent(talk), true);
  void call.resume();
  await take(world, call, 'sendrecv');
  assert.is(call.snapshot.hold, 'none');
  await end(talk);
});

test('a 500 with Retry-After is waited for, as long as an owner waits', async () => {
  const talk = await talking();
  const { world, call } = talk;
  void call.hold();
  await world.advance(5);
  const first = world.peer.last('INVITE');
  await world.peer.reply(first, 500, { headers: [['Retry-After', '3']] });
  await world.advance(2_900);
  assert.is(world.peer.last('INVITE').cseq.number, first.cseq.number);
  await world.advance(200);
  assert.ok(world.peer.last('INVITE').cseq.number > first.cseq.number);
  await world.peer.reply(world.peer.last('INVITE'), 503, { headers: [['Retry-After', '3600']] });
  assert.is(call.snapshot.hold, 'none');
  await end(talk);
});

test('a peer that answers 491 for ever does not keep us trying for ever', async () => {
  const talk = await talking();
  const { world, call } = talk;
  void call.hold();
  world.peer.onMessage = (message) => {
    if ('method' in message && message.method === 'INVITE') void world.peer.reply(message, 491);
  };
  await world.advance(60_000);
  world.peer.onMessage = undefined;
  const tries = new Set(world.peer.requests('INVITE').map(({ cseq }) => cseq.number)).size;
  assert.is(tries, 8);
  assert.is(call.snapshot.hold, 'none');
  await end(talk);
});

test('held and taken back before the peer has answered: both are offered, one after the other', async () => {
  const talk = await talking();
  const { world, call } = talk;
  void call.hold();
  await world.advance(5);
  const first = world.peer.last('INVITE');
  void call.resume();
  await world.advance(5);
  assert.is(world.peer.last('INVITE').cseq.number, first.cseq.number, 'one at a time');
  await world.peer.reply(first, 200, { body: sdp({ direction: 'recvonly', version: 2 }) });
  assert.is(await take(world, call, 'sendrecv'), 'sendrecv');
  assert.is(call.snapshot.hold, 'none');
  assert.is(silent(talk), false);
  await end(talk);
});

test('held before the ACK of our 200: offered after it', async () => {
  const world = await makeWorld();
  const talk = await rung(world, 'talk');
  talk.call.answer();
  await world.advance(5);
  void talk.call.hold();
  await world.advance(5);
  assert.is(world.peer.requests('INVITE').length, 0);
  assert.is(silent(talk), true);
  await talk.peer.ack();
  assert.is(await take(world, talk.call, 'recvonly'), 'sendonly');
  await end(talk);
});

test('in a wrong state: call.state', async () => {
  const world = await makeWorld();
  const talk = await rung(world, 'talk');
  const wrong = (act: () => unknown): void => {
    assert.throws(act, (error: unknown) => TandemError.is(error, 'call.state'));
  };
  wrong(() => talk.call.hold());
  talk.call.answer();
  await world.advance(5);
  await talk.peer.ack();
  wrong(() => talk.call.resume());
  void talk.call.hold();
  wrong(() => talk.call.hold());
  await take(world, talk.call, 'recvonly');
  wrong(() => talk.call.hold());
  await talk.peer.send('BYE');
  wrong(() => talk.call.resume());
  wrong(() => talk.call.hold());
  await clean(world);
});

test('an emergency call is not held, nor is it by another call', async () => {
  const route = [NameAddr.of(uri(`sip:${PEER.host}:${PEER.port};lr`))];
  const world = await makeWorld({ line: { route } });
  const sos = world.manager.place({
    target: uri('urn:service:sos.police'),
    identity: NameAddr.of(uri('sip:door@192.0.2.1')),
    privacy: 'unsaid',
    video: false,
    emergency: true,
  });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 200, { tag: 'sos', body: sdp() });
  const forbidden = (error: unknown): boolean => TandemError.is(error, 'call.emergency-kept');
  assert.throws(() => sos.hold(), forbidden);
  const other = await rung(world, 'other');
  assert.throws(() => world.manager.answer(other.call), forbidden);
  assert.is(other.call.state, 'ringing');
  assert.is(sos.isTalking, true);
  await other.peer.cancel();
  sos.hangup();
  await world.advance(5);
  await world.peer.reply(world.peer.last('BYE'), 200);
  await clean(world);
});

// Several calls: one is talked in.

async function two(): Promise<{ world: TestWorld; first: Talk; second: Talk }> {
  const first = await talking();
  return { world: first.world, first, second: await rung(first.world, 'second') };
}

test('[MD-2.3.4] a waiting call is answered: the first is silent at once and held', async () => {
  const { world, first, second } = await two();
  world.manager.answer(second.call);
  assert.is(silent(first), true);
  assert.is(first.call.snapshot.hold, 'local');
  assert.is(second.call.snapshot.state, 'active');
  assert.is(await take(world, first.call, 'recvonly'), 'sendonly');
  await second.peer.ack();
  assert.is(silent(second), false);
  await second.peer.send('BYE');
  assert.is(first.call.snapshot.hold, 'local', 'a held call stays held');
  assert.match(first.call.details.told?.[0]?.text ?? '', /still on hold/);
  await end(first);
});

test('[MD-2.3.4] the first does not let itself be held: it is silent all the same, and the answer stands', async () => {
  const { world, first, second } = await two();
  world.manager.answer(second.call);
  await world.advance(5);
  await second.peer.ack();
  await world.peer.reply(world.peer.last('INVITE'), 488);
  assert.is(second.call.snapshot.state, 'active');
  assert.is(first.call.snapshot.hold, 'local');
  assert.is(silent(first), true);
  assert.is(silent(second), false);
  assert.ok(world.troubles.some((error) => error.id === 'call.hold-refused'));
  // Taken back without a word to the peer, who never knew.
  const asked = world.peer.requests('INVITE').length;
  void world.manager.resume(first.call);
  assert.is(first.call.snapshot.hold, 'none');
  assert.is(silent(first), false);
  assert.is(silent(second), true);
  await world.advance(5);
  assert.is(world.peer.requests('INVITE').length, asked + 1, 'the other one is held');
  await world.peer.reply(world.peer.last('INVITE'), 200, {
    body: sdp({ direction: 'recvonly', version: 2 }),
  });
  await first.peer.send('BYE');
  await end(second);
});

test('[MD-2.3.4] an answer that comes to nothing gives the first call back', async () => {
  const { world, first, second } = await two();
  for (const stream of world.media.streams)
    stream.failure = new TandemError('ours', 'media.file', 'No such file.');
  assert.throws(
    () => world.manager.answer(second.call),
    (error: unknown) => TandemError.is(error, 'media.file'),
  );
  await take(world, first.call, 'recvonly');
  await take(world, first.call, 'sendrecv');
  assert.is(first.call.snapshot.hold, 'none');
  await end(first);
});

test('[MD-2.3.4] swap: whoever is taken back holds the other', async () => {
  const { world, first, second } = await two();
  world.manager.answer(second.call);
  await take(world, first.call, 'recvonly');
  await second.peer.ack();
  void world.manager.resume(first.call);
  assert.is(silent(second), true, 'before the first is heard again');
  await take(world, second.call, 'recvonly');
  await take(world, first.call, 'sendrecv');
  assert.equal([first.call.snapshot.hold, second.call.snapshot.hold], ['none', 'local']);
  await first.peer.send('BYE');
  await end(second);
});

test('answered with the others ended', async () => {
  const { world, first, second } = await two();
  world.manager.answer(second.call, {}, 'end');
  await world.advance(5);
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(first.call.ended, true);
  assert.is(second.call.snapshot.state, 'active');
  await second.peer.ack();
  await end(second);
});

test('a call that does not ring cannot be answered, and nobody is held for it', async () => {
  const { world, first, second } = await two();
  world.manager.answer(second.call);
  await take(world, first.call, 'recvonly');
  await second.peer.ack();
  assert.throws(
    () => world.manager.answer(first.call),
    (error: unknown) => TandemError.is(error, 'call.state'),
  );
  assert.is(silent(second), false);
  await first.peer.send('BYE');
  await end(second);
});

test('an automatic answer holds nobody', async () => {
  const world = await makeWorld({ config: { autoAnswer: 'all' } });
  const first = await rung(world, 'one');
  await first.peer.ack();
  const second = await rung(world, 'two');
  await second.peer.ack();
  assert.equal([first.call.snapshot.hold, second.call.snapshot.hold], ['none', 'none']);
  await first.peer.send('BYE');
  await end(second);
});

const ROOM = { audio: { capture: 'alsa:default', playback: 'alsa:default' } };

test('a call that is dialled at a sound device holds whoever is talked with; one that cannot be dialled does not', async () => {
  const first = await talking({ config: ROOM });
  const { world, call } = first;
  assert.throws(
    () => world.manager.dial({ to: 'sip:' }),
    (error: unknown) => TandemError.is(error, 'call.target'),
  );
  assert.is(call.snapshot.hold, 'none');
  const second = callOf(world, world.manager.dial({ to: 'sip:peer@192.0.2.9' }).id);
  assert.is(silent(first), true, 'before the other is called');
  assert.is(await take(world, call, 'recvonly'), 'sendonly');
  assert.equal([call.snapshot.hold, second.snapshot.hold], ['local', 'none']);
  const invite = world.peer.requests('INVITE').findLast(({ callId }) => callId === second.sipCallId);
  if (!invite) throw new Error('not dialled');
  await world.peer.reply(invite, 486);
  assert.is(second.snapshot.state, 'ended');
  assert.match(call.details.told?.at(-1)?.text ?? '', /still on hold/);
  await end(first);
});

test('a call with a file of its own leaves the other alone', async () => {
  const first = await talking();
  const { world, call } = first;
  const second = callOf(world, world.manager.dial({ to: 'sip:peer@192.0.2.9' }).id);
  await world.advance(5);
  assert.is(call.snapshot.hold, 'none');
  const invite = world.peer.requests('INVITE').findLast(({ callId }) => callId === second.sipCallId);
  if (!invite) throw new Error('not dialled');
  await world.peer.reply(invite, 486);
  await end(first);
});

// The other party goes away in the middle.

test('BYE while our re-INVITE is out, and a CANCEL of what is answered already', async () => {
  const talk = await talking();
  const { world, call, peer } = talk;
  void call.hold();
  await world.advance(5);
  await peer.send('BYE');
  assert.is(peer.statuses('BYE').at(-1), 200);
  await world.peer.reply(world.peer.last('INVITE'), 481);
  assert.is(call.ended, true);
  await clean(world);
});

test('the 2xx to our hold comes twice: its ACK as well', async () => {
  const talk = await talking();
  const { world, call } = talk;
  void call.hold();
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  await world.peer.reply(invite, 200, { body: sdp({ direction: 'recvonly', version: 2 }) });
  await world.peer.reply(invite, 200, { body: sdp({ direction: 'recvonly', version: 2 }) });
  assert.is(world.peer.requests('ACK').length, 2);
  assert.is(call.snapshot.hold, 'local');
  await end(talk);
});

for (const status of [404, 410, 482, 483, 502, 604]) {
  test(`our hold meets ${status}: the dialog is gone (RFC 5057)`, async () => {
    const talk = await talking();
    const { world, call } = talk;
    void call.hold();
    await world.advance(5);
    await world.peer.reply(world.peer.last('INVITE'), status);
    await world.peer.reply(world.peer.last('BYE'), 481);
    assert.is(world.log.rows[0]?.end.sip, status);
    await clean(world);
  });
}

test('both sides end up held or not, whatever direction was in force', async () => {
  for (const direction of DIRECTIONS) {
    const talk = await talking();
    const { world, call, peer } = talk;
    await peer.send('INVITE', sdp({ direction, version: 2 }));
    await peer.ack();
    const before = call.snapshot.hold;
    void call.hold();
    const offered = await take(world, call, 'inactive');
    assert.ok(['sendonly', 'inactive'].includes(offered), `${direction}: ${offered}`);
    void call.resume();
    const back = await take(world, call, direction);
    assert.ok(['sendrecv', 'recvonly'].includes(back), `${direction}: ${back}`);
    assert.is(call.snapshot.hold, before);
    await end(talk);
  }
});

test('video is held with the sound, and comes back as it was', async () => {
  const video = { capture: 'file:/tmp/x.h264', sink: 'none', added: 'both', firAlways: true } as const;
  const lines = [
    'm=video 5000 RTP/AVP 99',
    'a=rtpmap:99 H264/90000',
    'a=fmtp:99 profile-level-id=42e01f;packetization-mode=1',
    '',
  ];
  const body = `${sdp()}${lines.join('\r\n')}`;
  const talk = await talking({ config: { video } }, body);
  const { world, call } = talk;
  assert.is(call.snapshot.video, true);
  void call.hold();
  await world.advance(5);
  const held = String(world.peer.last('INVITE').body);
  assert.equal(held.match(/a=(sendonly|sendrecv|recvonly|inactive)/g), ['a=sendonly', 'a=sendonly']);
  assert.is(world.media.videos[0]?.last?.send, false);
  const answer = (direction: string) =>
    `${sdp({ direction, version: 2 })}${lines.slice(0, -1).join('\r\n')}\r\na=${direction}\r\n`;
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: answer('recvonly') });
  void call.resume();
  await world.advance(5);
  const resumed = String(world.peer.last('INVITE').body);
  assert.equal(resumed.match(/a=(sendonly|sendrecv|recvonly|inactive)/g), ['a=sendrecv', 'a=sendrecv']);
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: answer('sendrecv') });
  assert.is(world.media.videos[0]?.last?.send, true);
  assert.is(call.snapshot.video, true);
  await end(talk);
});

test('every state of the tables has an outcome for every event', () => {
  for (const state of HOLD_STATES)
    for (const event of HOLD_EVENTS) assert.ok(HOLD_TABLE[state][event], `${state} × ${event}`);
  for (const state of EXCHANGE_STATES)
    for (const event of EXCHANGE_EVENTS) assert.ok(EXCHANGE_TABLE[state][event], `${state} × ${event}`);
});

test('a change that the peer asks for is always answered', () => {
  const answers = ['answer', 'offer', 'accept', 'refuse-491', 'refuse-500', 'refuse-481'];
  for (const state of EXCHANGE_STATES) {
    for (const event of ['invite-offer', 'invite-empty', 'update-offer', 'update-empty'] as const) {
      const found = EXCHANGE_TABLE[state][event];
      assert.ok(
        typeof found !== 'string' && found.actions.some((action) => answers.includes(action)),
        `${state} × ${event}`,
      );
    }
  }
});

test('the pictures in the README are those of the tables', () => {
  const readme = readFileSync(new URL('../../../src/call/README.md', import.meta.url), 'utf8');
  for (const picture of [holdDiagram(), exchangeDiagram()])
    assert.ok(readme.includes(`\`\`\`mermaid\n${picture}\n\`\`\``));
});

test.run();
