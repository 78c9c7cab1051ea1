// Preconditions at the calling side (RFC 3312, RFC 4032, 24.229 6.1.2).
import * as assert from 'uvu/assert';
import type { Call } from '#src/call/call.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, type ReplyOptions, sdp, type TestWorld } from './harness.ts';

const test = suite('call/conditions-caller');

async function dialled(
  preconditions: 'off' | 'optional' | 'mandatory',
  profile: 'ims' | 'sip' = 'ims',
): Promise<{ world: TestWorld; call: Call; invite: SipRequest }> {
  const world = await makeWorld({ config: { preconditions }, line: { profile } });
  const call = world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  return { world, call, invite: world.peer.last('INVITE') };
}

const conditioned = (port: number, version: number, ...lines: string[]): string =>
  `${sdp({ port, version, payload: '0 101' })}${lines.map((line) => `a=${line}\r\n`).join('')}`;

const OPEN = [
  'curr:qos local none',
  'curr:qos remote sendrecv',
  'des:qos mandatory local sendrecv',
  'des:qos mandatory remote sendrecv',
];
const READY = ['curr:qos local sendrecv', ...OPEN.slice(1)];

const reliable = (rseq: number, ...headers: [string, string][]): ReplyOptions['headers'] & {} => [
  ['RSeq', `${rseq}`],
  ['Allow', 'INVITE, ACK, CANCEL, BYE, PRACK, UPDATE'],
  ...(headers.length > 0 ? headers : [['Require', '100rel, precondition'] as const]),
];

test('[MD-2.4.1a] off: nothing of conditions in the INVITE', async () => {
  const { invite } = await dialled('off');
  assert.not.ok(invite.supported.includes('precondition'));
  assert.not.match(String(invite.body), /qos/);
});

test('[MD-2.4.1a] optional: supported, not required; our access is ready, that of the peer is asked about', async () => {
  for (const profile of ['ims', 'sip'] as const) {
    const { invite } = await dialled('optional', profile);
    for (const tag of ['precondition', '100rel']) assert.ok(invite.supported.includes(tag), tag);
    assert.equal(invite.require, []);
    const lines = String(invite.body)
      .split('\r\n')
      .filter((line) => line.includes('qos'));
    assert.equal(lines, [
      'a=curr:qos local sendrecv',
      'a=curr:qos remote none',
      'a=des:qos mandatory local sendrecv',
      'a=des:qos optional remote sendrecv',
    ]);
  }
});

test('mandatory: a must for the peer of plain SIP; the IMS is never asked so by the INVITE (24.229 6.1.2)', async () => {
  const plain = await dialled('mandatory', 'sip');
  assert.equal(plain.invite.require, ['precondition']);
  const ims = await dialled('mandatory', 'ims');
  assert.equal(ims.invite.require, []);
  assert.match(String(ims.invite.body), /des:qos mandatory remote sendrecv/);
});

test('[MD-2.4.1a] the callee reserves after its 183, tells by UPDATE, rings, and is answered: one exchange after the other', async () => {
  const { world, call, invite } = await dialled('optional');
  await world.peer.reply(invite, 183, {
    tag: 'a',
    body: conditioned(5001, 1, ...OPEN),
    headers: reliable(1),
  });
  await world.peer.reply(world.peer.last('PRACK'), 200, { tag: 'a' });
  assert.is(world.peer.requests('UPDATE').length, 0, 'ours was told in the INVITE');
  await world.peer.send(
    world.peer.request('UPDATE', {
      callId: invite.callId,
      cseq: 1,
      from: `${invite.to.toString()};tag=a`,
      to: invite.from.toString(),
      headers: [['Require', 'precondition']],
      body: conditioned(5001, 2, ...READY),
    }),
  );
  const answer = world.peer.responses('UPDATE').at(-1);
  assert.is(answer?.status, 200);
  assert.match(String(answer?.body), /curr:qos local sendrecv/);
  assert.match(String(answer?.body), /curr:qos remote sendrecv/);
  assert.equal(answer?.require, ['precondition']);
  await world.peer.reply(invite, 180, { tag: 'a', headers: reliable(2, ['Require', '100rel']) });
  await world.peer.reply(world.peer.last('PRACK'), 200, { tag: 'a' });
  await world.peer.reply(invite, 200, { tag: 'a' });
  assert.is(call.snapshot.state, 'active');
  assert.is(world.media.streams[0]?.last?.send, true);
});

test('[MD-2.4.1a] a callee that did not see that we are ready is told by UPDATE, once', async () => {
  const { world, call, invite } = await dialled('optional');
  const unsure = [
    'curr:qos local sendrecv',
    'curr:qos remote none',
    'des:qos mandatory local sendrecv',
    'des:qos mandatory remote sendrecv',
    'conf:qos remote sendrecv',
  ];
  await world.peer.reply(invite, 183, {
    tag: 'a',
    body: conditioned(5001, 1, ...unsure),
    headers: reliable(1),
  });
  await world.peer.reply(world.peer.last('PRACK'), 200, { tag: 'a' });
  const update = world.peer.last('UPDATE');
  assert.match(String(update.body), /curr:qos local sendrecv/);
  assert.equal(update.require, ['precondition']);
  await world.peer.reply(update, 200, { tag: 'a', body: conditioned(5001, 2, ...READY) });
  assert.is(world.peer.requests('UPDATE').length, 1);
  await world.peer.reply(invite, 200, { tag: 'a' });
  assert.is(call.snapshot.state, 'active');
});

test('[MD-2.4.1a] 580, or 420 to the tag: once more without, unless they are a must', async () => {
  for (const [status, headers] of [
    [580, []],
    [420, [['Unsupported', 'precondition']]],
  ] as const) {
    const { world, call, invite } = await dialled('optional');
    await world.peer.reply(invite, status, { tag: 'a', headers });
    const again = world.peer.last('INVITE');
    assert.is(again.cseq.number, invite.cseq.number + 1);
    assert.not.ok(again.supported.includes('precondition'));
    assert.not.match(String(again.body), /qos/);
    await world.peer.reply(again, 200, { tag: 'b', body: sdp({ payload: '0 101' }) });
    assert.is(call.snapshot.state, 'active');

    const must = await dialled('mandatory', 'sip');
    await must.world.peer.reply(must.invite, status, { tag: 'a', headers });
    assert.is(must.call.snapshot.end?.sip, status);
    assert.is(must.world.peer.requests('INVITE').length, 1);
  }
});

test('a peer that ignores the conditions answers as any other', async () => {
  const { world, call, invite } = await dialled('optional');
  await world.peer.reply(invite, 180, { tag: 'a' });
  await world.peer.reply(invite, 200, { tag: 'a', body: sdp({ payload: '0 101' }) });
  assert.is(call.snapshot.state, 'active');
  assert.is(world.peer.requests('UPDATE').length, 0);
});

test.run();
