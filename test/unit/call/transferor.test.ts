// The transferor: our REFER in every way that it can go (RFC 3515, RFC 5589, 24.629).
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp, type TestWorld, type WorldOptions } from './harness.ts';
import { answered, clean, type Talk } from './talk.ts';

const test = suite('call/transferor');

/** Answers every re-INVITE and BYE of the device, as a peer does that agrees. */
const agreeable = (world: TestWorld, contact?: string): void => {
  world.peer.onMessage = (message) => {
    if (!('method' in message)) return;
    const isReinvite = message.method === 'INVITE' && message.to.tag !== undefined;
    const direction = String(message.body).includes('sendonly') ? 'recvonly' : 'sendrecv';
    if (isReinvite)
      void world.peer.reply(message, 200, {
        tag: message.to.tag ?? '',
        body: sdp({ direction }),
        ...(contact ? { contact } : {}),
      });
    if (message.method === 'BYE') void world.peer.reply(message, 200, { tag: message.to.tag ?? '' });
  };
};

const rig = async (options: WorldOptions = {}) => {
  const world = await makeWorld(options);
  agreeable(world);
  return { world, a: await answered(world, 'a') };
};

const notify = (talk: Talk, refer: SipRequest, status: string, state: string): Promise<void> =>
  talk.peer.send('NOTIFY', `SIP/2.0 ${status}\r\n`, [
    ['Event', `refer;id=${refer.cseq.number}`],
    ['Subscription-State', state],
    ['Content-Type', 'message/sipfrag;version=2.0'],
  ]);

const transferOf = (world: TestWorld, talk: Talk) => world.manager.get(talk.call.id)?.details.transfer;

test('blind: the target is dialled by the rules of the country; nobody is passed on to the emergency services', async () => {
  const { world, a } = await rig({ config: { country: 'SE' } });
  for (const to of ['112', 'sip:112@anywhere.example', 'tel:112'])
    assert.throws(
      () => world.transfers.blind(a.call.id, to),
      (error: unknown) => error instanceof TandemError && error.id === 'call.emergency',
    );
  await world.advance(5);
  assert.is(world.peer.requests('REFER').length, 0);
  world.transfers.blind(a.call.id, 'tel:070-1234567');
  await world.advance(5);
  assert.is(world.peer.last('REFER').header('Refer-To'), '<tel:+46701234567>');
});

test('blind: REFER in the dialog; the target rings, answers; our leg gets its BYE', async () => {
  const { world, a } = await rig();
  world.transfers.blind(a.call.id, 'sip:carol@example.com');
  await world.advance(5);
  const refer = world.peer.last('REFER');
  assert.is(refer.header('Refer-To'), '<sip:carol@example.com>');
  assert.is(refer.header('Referred-By'), '<sip:door@192.0.2.1>');
  assert.is(refer.callId, 'a');
  assert.is(refer.to.tag, 'from-a');
  assert.ok(refer.contacts[0]);
  assert.equal(world.peer.requests('INVITE'), [], 'who is passed on blindly is not held');
  await world.peer.reply(refer, 202, { tag: 'from-a' });
  await notify(a, refer, '100 Trying', 'active;expires=60');
  assert.equal(transferOf(world, a), { to: 'sip:carol@example.com', state: 'trying', status: 100 });
  await notify(a, refer, '180 Ringing', 'active;expires=60');
  assert.equal(transferOf(world, a), { to: 'sip:carol@example.com', state: 'ringing', status: 180 });
  assert.is(world.latest().state, 'active');
  await notify(a, refer, '200 OK', 'terminated;reason=noresource');
  assert.equal(a.peer.statuses('NOTIFY'), [200, 200, 200]);
  assert.is(world.peer.requests('BYE').length, 1);
  assert.is(world.manager.get(a.call.id)?.snapshot.end?.label, 'answered');
  assert.is(transferOf(world, a)?.state, 'done');
  await clean(world);
});

test('a NOTIFY that overtakes the 202, and a 200 in its place, are taken as well', async () => {
  const { world, a } = await rig();
  world.transfers.blind(a.call.id, 'sip:carol@example.com');
  await world.advance(5);
  const refer = world.peer.last('REFER');
  await notify(a, refer, '100 Trying', 'active;expires=60');
  await world.peer.reply(refer, 200, { tag: 'from-a' });
  await notify(a, refer, '200 OK', 'terminated;reason=noresource');
  assert.is(transferOf(world, a)?.state, 'done');
  await clean(world);
});

for (const [what, act, status] of [
  [
    'refused with 403',
    async (world: TestWorld, _a: Talk, refer: SipRequest) => world.peer.reply(refer, 403, { tag: 'from-a' }),
    403,
  ],
  [
    'refused with 501',
    async (world: TestWorld, _a: Talk, refer: SipRequest) => world.peer.reply(refer, 501, { tag: 'from-a' }),
    501,
  ],
  [
    'refused with 603',
    async (world: TestWorld, _a: Talk, refer: SipRequest) => world.peer.reply(refer, 603, { tag: 'from-a' }),
    603,
  ],
  [
    'a target that is busy',
    async (world: TestWorld, a: Talk, refer: SipRequest) => {
      await world.peer.reply(refer, 202, { tag: 'from-a' });
      await notify(a, refer, '486 Busy Here', 'terminated;reason=noresource');
    },
    486,
  ],
  [
    'no NOTIFY ever',
    async (world: TestWorld, _a: Talk, refer: SipRequest) => {
      await world.peer.reply(refer, 202, { tag: 'from-a' });
      await world.advance(32_500);
    },
    undefined,
  ],
  [
    'a subscription that ends without a word',
    async (world: TestWorld, a: Talk, refer: SipRequest) => {
      await world.peer.reply(refer, 202, { tag: 'from-a' });
      await notify(a, refer, '100 Trying', 'active;expires=10');
      await world.advance(11_000);
    },
    100,
  ],
  ['no answer at all', async (world: TestWorld) => world.advance(33_000), undefined],
] as const) {
  test(`blind, ${what}: the call stands and the owner is told`, async () => {
    const { world, a } = await rig();
    world.transfers.blind(a.call.id, 'sip:carol@example.com');
    await world.advance(5);
    await act(world, a, world.peer.last('REFER'));
    assert.is(world.latest().state, 'active');
    assert.equal(transferOf(world, a), {
      to: 'sip:carol@example.com',
      state: 'failed',
      ...(status === undefined ? {} : { status }),
    });
    assert.equal(
      world.troubles.map(({ id }) => id),
      ['call.transfer-failed'],
    );
    assert.match(world.manager.get(a.call.id)?.details.told?.[0]?.text ?? '', /could not be passed on/);
    await a.peer.send('BYE');
    await clean(world);
  });
}

test('accepted with Refer-Sub: false: there will be no more to hear, our leg goes', async () => {
  const { world, a } = await rig();
  world.transfers.blind(a.call.id, 'sip:carol@example.com');
  await world.advance(5);
  await world.peer.reply(world.peer.last('REFER'), 202, { tag: 'from-a', headers: [['Refer-Sub', 'false']] });
  assert.is(transferOf(world, a)?.state, 'done');
  assert.is(world.peer.requests('BYE').length, 1);
  await clean(world);
});

test('the party hangs up before it is over: what it tells afterwards is still heard', async () => {
  const { world, a } = await rig();
  world.transfers.blind(a.call.id, 'sip:carol@example.com');
  await world.advance(5);
  const refer = world.peer.last('REFER');
  await world.peer.reply(refer, 202, { tag: 'from-a' });
  await notify(a, refer, '100 Trying', 'active;expires=60');
  await a.peer.send('BYE');
  assert.is(world.manager.get(a.call.id)?.snapshot.state, 'ended');
  await notify(a, refer, '200 OK', 'terminated;reason=noresource');
  assert.equal(a.peer.statuses('NOTIFY'), [200, 200]);
  assert.equal(world.peer.requests('BYE'), []);
  await a.peer.send('NOTIFY', undefined, [
    ['Event', 'refer'],
    ['Subscription-State', 'terminated'],
  ]);
  assert.is(a.peer.statuses('NOTIFY').at(-1), 481, 'and then the dialog is gone');
  await clean(world);
});

test('consultative: the party is held, its REFER replaces our call with the target, both legs go', async () => {
  const { world, a } = await rig();
  const b = await answered(world, 'b');
  world.transfers.consultative(a.call.id, b.call.id);
  await world.advance(3_000);
  const hold = world.peer.last('INVITE');
  assert.is(hold.callId, 'a');
  assert.match(String(hold.body), /a=sendonly/);
  const refer = world.peer.last('REFER');
  assert.is(refer.callId, 'a');
  const replaces = `b;to-tag=from-b;from-tag=${b.peer.toTag}`;
  assert.is(
    refer.header('Refer-To'),
    `<sip:peer@${PEER.host}:${PEER.port}?Replaces=${encodeURIComponent(replaces)}&Require=replaces>`,
  );
  await world.peer.reply(refer, 202, { tag: 'from-a' });
  await notify(a, refer, '200 OK', 'terminated;reason=noresource');
  assert.equal(
    world.peer.requests('BYE').map(({ callId }) => callId),
    ['a'],
  );
  // The target's call with us was replaced: its BYE. When it does not come, ours does.
  await world.advance(5_000);
  assert.equal(
    world.peer.requests('BYE').map(({ callId }) => callId),
    ['a', 'b'],
  );
  await clean(world);
});

test('consultative, the target says BYE itself: no BYE of ours', async () => {
  const { world, a } = await rig();
  const b = await answered(world, 'b');
  world.transfers.consultative(a.call.id, b.call.id);
  await world.advance(3_000);
  const refer = world.peer.last('REFER');
  await world.peer.reply(refer, 202, { tag: 'from-a' });
  await b.peer.send('BYE');
  await notify(a, refer, '200 OK', 'terminated;reason=noresource');
  await world.advance(5_000);
  assert.equal(
    world.peer.requests('BYE').map(({ callId }) => callId),
    ['a'],
  );
  await clean(world);
});

test('consultative, failed: the party is taken out of hold, the other call is held: nobody can talk in two', async () => {
  const { world, a } = await rig();
  const b = await answered(world, 'b');
  world.transfers.consultative(a.call.id, b.call.id);
  await world.advance(3_000);
  const refer = world.peer.last('REFER');
  await world.peer.reply(refer, 202, { tag: 'from-a' });
  await notify(a, refer, '481 Call/Transaction Does Not Exist', 'terminated;reason=noresource');
  await world.advance(3_000);
  const changes = world.peer
    .requests('INVITE')
    .map(({ callId, body }) => `${callId} ${/a=send\w+/.exec(String(body))}`);
  assert.equal(changes, ['a a=sendonly', 'a a=sendrecv', 'b a=sendonly']);
  assert.equal(
    world.manager.list().map(({ state, hold }) => `${state} ${hold}`),
    ['active local', 'active none'],
  );
  await a.peer.send('BYE');
  await b.peer.send('BYE');
  await clean(world);
});

test('in IMS a Contact that is a GRUU gets its REFER outside the dialog, which names it; the target by its public address', async () => {
  const { world, a } = await rig({ line: { profile: 'ims', domain: 'op.example' } });
  const b = await answered(world, 'b');
  // The GRUU comes with a target refresh.
  const gruu = `<sip:alice@${PEER.host}:${PEER.port};gr=urn:uuid:1>`;
  await a.peer.send('UPDATE', undefined, [['Contact', gruu]]);
  agreeable(world, gruu);
  world.transfers.consultative(a.call.id, b.call.id);
  await world.advance(3_000);
  const refer = world.peer.last('REFER');
  assert.is.not(refer.callId, 'a');
  assert.is(refer.requestUri.toString(), `sip:alice@${PEER.host}:${PEER.port};gr=urn:uuid:1`);
  assert.is(refer.header('Target-Dialog'), `a;local-tag=${a.peer.toTag};remote-tag=from-a`);
  assert.match(refer.header('Refer-To') ?? '', /^<sip:peer@192\.0\.2\.9\?Replaces=b%3Bto-tag%3Dfrom-b/);
  await world.peer.reply(refer, 202, { tag: 'out', headers: [['Contact', gruu]] });
  await world.peer.send(
    world.peer.request('NOTIFY', {
      callId: refer.callId,
      cseq: 1,
      from: `<sip:alice@${PEER.host}>;tag=out`,
      to: refer.from.toString(),
      headers: [
        ['Event', 'refer'],
        ['Subscription-State', 'terminated;reason=noresource'],
        ['Content-Type', 'message/sipfrag'],
      ],
      body: 'SIP/2.0 200 OK',
    }),
  );
  assert.is(transferOf(world, a)?.state, 'done');
  await world.advance(5_000);
  await clean(world);
});

test('what cannot be passed on is refused at once', async () => {
  const { world, a } = await rig();
  const ringing = world.peer.call('r');
  await ringing.invite();
  const other = world.latest().id;
  const refused = (id: string, act: () => unknown): void =>
    assert.throws(act, (error: unknown) => TandemError.is(error, id));
  refused('call.state', () => world.transfers.blind(other, 'sip:carol@example.com'));
  refused('call.state', () => world.transfers.consultative(a.call.id, other));
  refused('call.state', () => world.transfers.consultative(a.call.id, a.call.id));
  refused('call.unknown', () => world.transfers.consultative(a.call.id, 'nobody'));
  refused('call.target', () => world.transfers.blind(a.call.id, 'sip:carol@example.com?Replaces=x'));
  world.transfers.blind(a.call.id, 'sip:carol@example.com');
  refused('call.state', () => world.transfers.blind(a.call.id, 'sip:dave@example.com'));
  await ringing.cancel();
  await a.peer.send('BYE');
  await clean(world);
});

test.run();
