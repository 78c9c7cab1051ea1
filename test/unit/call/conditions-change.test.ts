// Conditions and reliable responses inside a call: theirs, whose 200 waits for their resources, and ours (RFC 3312 6, RFC 3262, RFC 6141).
import * as assert from 'uvu/assert';
import { Call } from '#src/call/call.ts';
import type { PreconditionPolicy } from '#src/sdp/preconditions.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, type PeerCall, sdp, type TestWorld } from './harness.ts';

const test = suite('call/conditions-change');

const KNOWN = ['Supported', '100rel, precondition'] as const;

const qos = (local: string, version: number, port = 4100): string =>
  `${sdp({ version, port })}${[
    `a=curr:qos local ${local}`,
    'a=curr:qos remote none',
    'a=des:qos mandatory local sendrecv',
    'a=des:qos mandatory remote sendrecv',
    '',
  ].join('\r\n')}`;

interface Talk {
  readonly world: TestWorld;
  readonly call: Call;
  readonly peer: PeerCall;
}

async function talking(preconditions: PreconditionPolicy = 'optional'): Promise<Talk> {
  const world = await makeWorld({ config: { preconditions } });
  const peer = world.peer.call('talk');
  await peer.invite();
  const call = world.manager.get(world.latest().id);
  if (!(call instanceof Call)) throw new Error('no call');
  call.answer();
  await world.advance(5);
  await peer.ack();
  return { world, call, peer };
}

const port = ({ world }: Talk): number | undefined => world.media.streams[0]?.last?.remote.port;

const to = ({ peer }: Talk, cseq: number, method: string): SipResponse[] =>
  peer.responses.filter((response) => response.cseq.number === cseq && response.cseq.method === method);

const statuses = (talk: Talk, cseq: number, method = 'INVITE'): number[] =>
  to(talk, cseq, method).map(({ status }) => status);

/** Their re-INVITE (CSeq 2) whose resources are not there, and its PRACK (CSeq 3). */
async function waiting(talk: Talk): Promise<void> {
  await talk.peer.send('INVITE', qos('none', 2), [KNOWN]);
  const ahead = to(talk, 2, 'INVITE').at(-1);
  assert.is(ahead?.status, 183);
  assert.equal(ahead?.require.toSorted(), ['100rel', 'precondition']);
  assert.match(String(ahead?.body), /a=curr:qos remote none[\s\S]*a=conf:qos remote sendrecv/);
  await talk.peer.send('PRACK', undefined, [['RAck', `${ahead?.rseq} 2 INVITE`]]);
  assert.equal(statuses(talk, 3, 'PRACK'), [200]);
}

async function end({ world, peer }: Talk): Promise<void> {
  await peer.send('BYE');
  assert.equal(await world.leaks(), { streams: 0, timers: 0, dialogs: 0 });
}

for (const preconditions of ['optional', 'mandatory'] as const) {
  test(`[MD-2.4.1a] ${preconditions}: a re-INVITE waits until an UPDATE says that its resources are there; the old media goes on`, async () => {
    const world = await makeWorld({ config: { preconditions } });
    const peer = world.peer.call('talk');
    await peer.invite({ body: qos('sendrecv', 1, 4000), headers: [KNOWN] });
    const [first] = peer.responses.filter(({ status }) => status === 183);
    await peer.send('PRACK', undefined, [['RAck', `${first?.rseq} 1 INVITE`]]);
    const call = world.manager.get(world.latest().id);
    if (!(call instanceof Call)) throw new Error('no call');
    call.answer();
    await world.advance(5);
    await peer.ack(undefined, 1);
    const talk = { world, call, peer };
    await peer.send('INVITE', qos('none', 2), [KNOWN]);
    const ahead = to(talk, 3, 'INVITE').at(-1);
    assert.is(ahead?.status, 183);
    await peer.send('PRACK', undefined, [['RAck', `${ahead?.rseq} 3 INVITE`]]);
    await world.advance(5_000);
    assert.is(port(talk), 4000);
    await peer.send('UPDATE', qos('sendrecv', 3), [['Require', 'precondition']]);
    assert.equal(statuses(talk, 5, 'UPDATE'), [200]);
    const done = to(talk, 3, 'INVITE').at(-1);
    assert.is(done?.status, 200);
    assert.is(done?.body.length, 0);
    assert.is(port(talk), 4100);
    await peer.ack(undefined, 3);
    await end(talk);
  });
}

test('[MD-2.4.1a] a call that began without conditions: a re-INVITE that brings some waits all the same', async () => {
  const talk = await talking();
  await waiting(talk);
  await talk.world.advance(5_000);
  assert.ok(!statuses(talk, 2).includes(200));
  await talk.peer.send('UPDATE', qos('sendrecv', 3), [KNOWN]);
  assert.is(statuses(talk, 2).at(-1), 200);
  await talk.peer.ack(undefined, 2);
  assert.is(port(talk), 4100);
  await end(talk);
});

test('the UPDATE comes before the PRACK: the 200 waits for that one, too', async () => {
  const talk = await talking();
  await talk.peer.send('INVITE', qos('none', 2), [KNOWN]);
  await talk.peer.send('UPDATE', qos('sendrecv', 3), [KNOWN]);
  assert.ok(!statuses(talk, 2).includes(200));
  const ahead = to(talk, 2, 'INVITE').at(-1);
  await talk.peer.send('PRACK', undefined, [['RAck', `${ahead?.rseq} 2 INVITE`]]);
  assert.is(statuses(talk, 2).at(-1), 200);
  await talk.peer.ack(undefined, 2);
  await end(talk);
});

test('conditions that are never met: 580 that names them, and the call is as it was', async () => {
  const talk = await talking();
  await waiting(talk);
  await talk.world.advance(31_000);
  const refusal = to(talk, 2, 'INVITE').at(-1);
  assert.is(refusal?.status, 580);
  assert.match(String(refusal?.body), /a=des:qos failure remote sendrecv/);
  assert.is(port(talk), 4000);
  assert.is(talk.call.snapshot.state, 'active');
  // And the next change is none of that one's.
  await talk.peer.send('INVITE', sdp({ version: 3, port: 4200 }));
  assert.is(statuses(talk, 4).at(-1), 200);
  await talk.peer.ack(undefined, 4);
  assert.is(port(talk), 4200);
  await end(talk);
});

test('no PRACK: 504, and the call is as it was', async () => {
  const talk = await talking();
  await talk.peer.send('INVITE', qos('none', 2), [KNOWN]);
  await talk.world.advance(40_000);
  assert.ok(statuses(talk, 2).includes(504) || statuses(talk, 2).includes(580));
  assert.is(port(talk), 4000);
  assert.is(talk.call.snapshot.state, 'active');
  await end(talk);
});

test('hung up by either side meanwhile: the INVITE gets 487', async () => {
  for (const ours of [true, false]) {
    const talk = await talking();
    await waiting(talk);
    if (ours) {
      talk.call.hangup();
      await talk.world.advance(5);
      await talk.world.peer.reply(talk.world.peer.last('BYE'), 200);
    } else await talk.peer.send('BYE');
    assert.is(statuses(talk, 2).at(-1), 487);
    assert.equal(await talk.world.leaks(), { streams: 0, timers: 0, dialogs: 0 });
  }
});

test('another re-INVITE meanwhile meets 500, ours waits for its turn', async () => {
  const talk = await talking();
  await waiting(talk);
  await talk.peer.send('INVITE', sdp({ version: 3 }));
  assert.equal(statuses(talk, 4), [500]);
  void talk.call.hold();
  await talk.world.advance(5);
  assert.is(talk.world.peer.requests('INVITE').length, 0);
  await talk.peer.send('UPDATE', qos('sendrecv', 4), [KNOWN]);
  assert.is(statuses(talk, 2).at(-1), 200);
  await talk.peer.ack(undefined, 2);
  await talk.world.advance(5);
  const hold = talk.world.peer.last('INVITE');
  assert.match(String(hold.body), /a=sendonly/);
  await talk.world.peer.reply(hold, 200, { body: sdp({ direction: 'recvonly', version: 5 }) });
  assert.is(talk.call.snapshot.hold, 'local');
  await end(talk);
});

test('without 100rel conditions cannot be told of: 421; met ones need nothing', async () => {
  const talk = await talking();
  await talk.peer.send('INVITE', qos('none', 2), [['Supported', 'precondition']]);
  assert.equal(to(talk, 2, 'INVITE').at(-1)?.require, ['100rel']);
  assert.is(statuses(talk, 2).at(-1), 421);
  assert.is(port(talk), 4000);
  await talk.peer.send('INVITE', qos('sendrecv', 3), [['Supported', 'precondition']]);
  assert.is(statuses(talk, 3).at(-1), 200);
  await talk.peer.ack(undefined, 3);
  await end(talk);
});

test('an UPDATE is answered at once; what it changes is in force when its conditions are met', async () => {
  const talk = await talking();
  await talk.peer.send('UPDATE', qos('none', 2), [KNOWN]);
  assert.equal(statuses(talk, 2, 'UPDATE'), [200]);
  assert.is(port(talk), 4000);
  await talk.peer.send('UPDATE', qos('sendrecv', 3), [KNOWN]);
  assert.is(port(talk), 4100);
  await end(talk);
});

// Ours.

/** The owner holds; the peer answers ahead, in a reliable 183. */
async function holding(talk: Talk, body?: string): Promise<ReturnType<TestWorld['peer']['last']>> {
  void talk.call.hold();
  await talk.world.advance(5);
  const invite = talk.world.peer.last('INVITE');
  assert.ok(invite.supported.includes('100rel'));
  const headers = [['Require', '100rel'] as const, ['RSeq', '9'] as const];
  await talk.world.peer.reply(invite, 183, { headers, ...(body === undefined ? {} : { body }) });
  const prack = talk.world.peer.last('PRACK');
  assert.is(prack.header('RAck'), `9 ${invite.cseq.number} INVITE`);
  await talk.world.peer.reply(prack, 200);
  return invite;
}

test('[MD-2.2.5a] a reliable 183 to our re-INVITE is acknowledged; its description is the answer', async () => {
  const talk = await talking();
  const invite = await holding(talk, sdp({ direction: 'recvonly', version: 2, port: 4300 }));
  await talk.peer.send('UPDATE', sdp({ direction: 'recvonly', version: 3, port: 4400 }));
  assert.equal(statuses(talk, 2, 'UPDATE'), [200]);
  await talk.world.peer.reply(invite, 200);
  assert.is(talk.call.snapshot.hold, 'local');
  assert.is(port(talk), 4400);
  assert.equal(talk.world.troubles, []);
  await end(talk);
});

test('[MD-2.2.5a] a reliable 183 without description: the answer is in the 200', async () => {
  const talk = await talking();
  const invite = await holding(talk);
  await talk.peer.send('UPDATE', sdp({ version: 3 }));
  assert.equal(statuses(talk, 2, 'UPDATE'), [491]);
  await talk.world.peer.reply(invite, 200, { body: sdp({ direction: 'recvonly', version: 2, port: 4300 }) });
  assert.is(port(talk), 4300);
  await end(talk);
});

test('answered ahead, then refused: the call is as it was (RFC 6141 3)', async () => {
  const talk = await talking();
  const invite = await holding(talk, sdp({ direction: 'recvonly', version: 2, port: 4300 }));
  await talk.world.peer.reply(invite, 488);
  assert.is(talk.call.snapshot.hold, 'none');
  assert.is(port(talk), 4000);
  await end(talk);
});

test('the network knows no 100rel: our re-INVITE does not name it either', async () => {
  const world = await makeWorld();
  const call = world.manager.dial({ to: 'sip:bob@192.0.2.9:5060' });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 420, { headers: [['Unsupported', '100rel']] });
  await world.peer.reply(world.peer.last('INVITE'), 200, { tag: 'b', body: sdp() });
  void call.hold();
  await world.advance(5);
  assert.not.ok(world.peer.last('INVITE').supported.includes('100rel'));
  await world.peer.reply(world.peer.last('INVITE'), 481, { tag: 'b' });
  await world.peer.reply(world.peer.last('BYE'), 481, { tag: 'b' });
  assert.equal(await world.leaks(), { streams: 0, timers: 0, dialogs: 0 });
});

test.run();
