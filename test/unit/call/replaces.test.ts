// RFC 3891: an INVITE that takes the place of a call, and every way in which it must not.
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { findReplaced, judgeReplaces, REPLACE_RULES, replacesValue } from '#src/call/replaces.ts';
import { CALL_STATES } from '#src/call/table.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { dialogReference } from '#src/sip/message/values.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, type PeerCall, sdp, type TestWorld, uri } from './harness.ts';
import { answered, clean } from './talk.ts';

const test = suite('call/replaces');

/** As the far end of `call` would name it to a third party: ours is the to-tag. */
const naming = (call: PeerCall, more = ''): [string, string] => [
  'Replaces',
  `${call.callId};to-tag=${call.toTag};from-tag=from-${call.callId}${more}`,
];

const talking = async (world: TestWorld, name = 'old'): Promise<PeerCall> =>
  (await answered(world, name)).peer;

const taking = async (world: TestWorld, header: [string, string], more: [string, string][] = []) => {
  const call = world.peer.call('new');
  await call.invite({ body: sdp({ port: 4100 }), headers: [header, ['Require', 'replaces'], ...more] });
  return call;
};

test('the new call is answered without ringing, the old one gets our BYE', async () => {
  const world = await makeWorld({ config: { waiting: false } });
  const old = await talking(world);
  const call = await taking(world, naming(old), [['Referred-By', '<sip:boss@example.com>']]);
  assert.equal(call.statuses(), [100, 200], 'nobody is rung, and being busy is no reason');
  const bye = world.peer.last('BYE');
  assert.is(bye.callId, 'old');
  await world.peer.reply(bye, 200, { tag: 'x' });
  await call.ack();
  assert.is(world.latest().state, 'active');
  assert.is(world.latest().waiting, false);
  const [row] = world.log.rows;
  assert.is(row?.end.label, 'answered');
  assert.is(row?.end.by, 'remote');
  await call.send('BYE');
  await clean(world);
});

test('a call that its owner holds is held still when somebody else takes it over', async () => {
  const world = await makeWorld();
  world.peer.onMessage = (message) => {
    if (!('method' in message) || message.to.tag === undefined) return;
    if (message.method === 'INVITE') {
      void world.peer.reply(message, 200, {
        tag: message.to.tag,
        body: sdp({ direction: 'recvonly', version: 2 }),
      });
    }
    if (message.method === 'BYE') void world.peer.reply(message, 200, { tag: message.to.tag });
  };
  const old = await talking(world);
  const held = world.manager.get(world.latest().id)?.hold();
  await world.advance(100);
  await held;
  const call = await taking(world, naming(old));
  await call.ack();
  await world.advance(100);
  assert.is(world.latest().hold, 'local');
  const hold = world.peer.last('INVITE');
  assert.is(hold.callId, 'new');
  assert.match(String(hold.body), /a=sendonly/);
  await call.send('BYE');
  await clean(world);
});

test('what a 2xx of ours supports is named in it', async () => {
  const world = await makeWorld();
  const call = await talking(world);
  const ok = call.responses.find(({ status }) => status === 200);
  assert.ok(ok?.supported.includes('replaces'));
  await call.send('BYE');
  await clean(world);
});

for (const [what, header, status] of [
  ['a tag too much', (old: PeerCall) => naming({ ...old, callId: 'old', toTag: 'other' } as PeerCall), 481],
  [
    'another Call-ID',
    (old: PeerCall): [string, string] => ['Replaces', `no;to-tag=${old.toTag};from-tag=from-old`],
    481,
  ],
  [
    'the tags the wrong way round',
    (old: PeerCall): [string, string] => ['Replaces', `old;to-tag=from-old;from-tag=${old.toTag}`],
    481,
  ],
  ['no from-tag', (old: PeerCall): [string, string] => ['Replaces', `old;to-tag=${old.toTag}`], 400],
  ['early-only for a call that was answered', (old: PeerCall) => naming(old, ';early-only'), 486],
] as const) {
  test(`${what}: ${status}, and the call is as it was`, async () => {
    const world = await makeWorld();
    const old = await talking(world);
    const call = await taking(world, header(old));
    assert.equal(
      call.statuses().filter((each) => each > 100),
      [status],
    );
    assert.equal(
      world.manager.list().map(({ state }) => state),
      ['active'],
    );
    assert.equal(world.peer.requests('BYE'), []);
    await old.send('BYE');
    await clean(world);
  });
}

test('a call that is over: 603; a ringing one: 481; twice the field, or beside Join: 400', async () => {
  const world = await makeWorld();
  const old = await talking(world);
  await old.send('BYE');
  assert.is((await taking(world, naming(old))).statuses().at(-1), 603);
  const rings = world.peer.call('rings');
  await rings.invite();
  const second = world.peer.call('second');
  await second.invite({ body: sdp(), headers: [naming(rings)] });
  assert.is(second.statuses().at(-1), 481);
  assert.equal(rings.statuses(), [100, 180]);
  const third = world.peer.call('third');
  await third.invite({ body: sdp(), headers: [naming(rings), naming(rings)] });
  assert.is(third.statuses().at(-1), 400);
  const fourth = world.peer.call('fourth');
  await fourth.invite({ body: sdp(), headers: [naming(rings), ['Join', naming(rings)[1]]] });
  assert.is(fourth.statuses().at(-1), 400);
  await rings.cancel();
  await clean(world);
});

test('an INVITE that cannot be answered leaves the old call alone', async () => {
  const world = await makeWorld();
  const old = await talking(world);
  const call = world.peer.call('new');
  await call.invite({ body: sdp({ payload: '99' }), headers: [naming(old)] });
  assert.is(call.statuses().at(-1), 488);
  assert.equal(world.peer.requests('BYE'), []);
  await old.send('BYE');
  await clean(world);
});

test('Replaces in anything but an INVITE: 400', async () => {
  const world = await makeWorld();
  const old = await talking(world);
  await old.send('INFO', undefined, [naming(old)]);
  assert.equal(old.statuses('INFO'), [400]);
  await old.send('BYE');
  await clean(world);
});

test('a call of ours that rings at the far end is taken over there: our INVITE gets its CANCEL', async () => {
  const world = await makeWorld();
  const dialled = world.manager.dial({ to: 'sip:peer@192.0.2.9' });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  await world.peer.reply(invite, 180, { tag: 'far' });
  const call = world.peer.call('new');
  const reference = `${invite.callId};to-tag=${invite.from.tag};from-tag=far;early-only`;
  await call.invite({ body: sdp(), headers: [['Replaces', reference]] });
  assert.equal(call.statuses(), [100, 200]);
  assert.is(world.peer.requests('CANCEL').length, 1);
  await world.peer.reply(world.peer.last('CANCEL'), 200, { tag: 'far' });
  await world.peer.reply(invite, 487, { tag: 'far' });
  await call.ack();
  assert.is(world.manager.get(dialled.id)?.snapshot.end?.label, 'cancelled');
  await call.send('BYE');
  await clean(world);
});

test('our own INVITE with Replaces says so and demands it', async () => {
  const world = await makeWorld();
  const headers: [string, string][] = [
    ['Replaces', replacesValue({ callId: 'there@x', localTag: 'a', remoteTag: 'b' })],
    ['Require', 'replaces'],
  ];
  const target = uri('sip:peer@192.0.2.9');
  const identity = NameAddr.of(uri('sip:door@192.0.2.1'));
  const call = world.manager.place({ target, identity, privacy: 'unsaid', video: false, headers });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  assert.is(invite.header('Replaces'), 'there@x;to-tag=b;from-tag=a');
  assert.equal(invite.require, ['replaces']);
  assert.ok(invite.supported.includes('replaces'));
  await world.peer.reply(invite, 481);
  assert.is(world.manager.get(call.id)?.snapshot.end?.sip, 481);
  assert.is(replacesValue({ callId: 'c', localTag: 'a', remoteTag: '' }), 'c;to-tag=0;from-tag=a');
  await clean(world);
});

test('every rule: the rows cover every dialog, state and flag', () => {
  const dialogs = ['early', 'confirmed', 'terminated'] as const;
  for (const state of CALL_STATES) {
    for (const dialog of dialogs) {
      for (const direction of ['in', 'out'] as const) {
        const name = { callId: 'c', localTag: 'l', remoteTag: 'r', state: dialog };
        const call = { direction, state, dialogNames: [name] };
        const plain = dialogReference('c;to-tag=l;from-tag=r');
        const early = dialogReference('c;to-tag=l;from-tag=r;early-only');
        assert.ok(plain && early);
        const isOver =
          dialog === 'terminated' || ['cancelling', 'leaving', 'releasing', 'ended'].includes(state);
        const expected = isOver ? 603 : dialog === 'early' && direction === 'in' ? 481 : 'take';
        assert.is(judgeReplaces(plain, call), expected, `${state} ${dialog} ${direction}`);
        const withFlag = expected === 'take' && dialog === 'confirmed' ? 486 : expected;
        assert.is(judgeReplaces(early, call), withFlag, `${state} ${dialog} ${direction} early-only`);
        assert.is(findReplaced(plain, [call, call]), 481, 'two matches are none');
      }
    }
  }
  assert.is(REPLACE_RULES.length, 4);
});

test('only the exact three values name a dialog', async () => {
  const word = fc.stringMatching(/^[a-z0-9.-]{1,6}$/);
  await fc.assert(
    fc.asyncProperty(word, word, word, word, word, word, async (callId, localTag, remoteTag, a, b, c) => {
      const reference = dialogReference(`${a};to-tag=${b};from-tag=${c}`);
      if (!reference) return;
      const names = [{ callId, localTag, remoteTag, state: 'confirmed' as const }];
      const found = judgeReplaces(reference, { direction: 'in', state: 'active', dialogNames: names });
      const same = a === callId && b === localTag && c === remoteTag;
      assert.is(found, same ? 'take' : undefined);
    }),
  );
});

test.run();
