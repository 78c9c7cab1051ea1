// The transferee: a REFER to us, what it may ask for, and what we tell of it (RFC 3515, RFC 4488, RFC 4538, RFC 5589).
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { replacesValue } from '#src/call/replaces.ts';
import { readReferTo, referTo, sipForm } from '#src/call/transfer/refer-to.ts';
import { SipRequest } from '#src/sip/message/message.ts';
import { SipUri } from '#src/sip/message/uri.ts';
import { suite } from '#test/support/suite.ts';
import {
  DEVICE,
  makeWorld,
  PEER,
  type PeerCall,
  sdp,
  type TestWorld,
  uri,
  type WorldOptions,
} from './harness.ts';
import { answered, clean } from './talk.ts';

const test = suite('call/transferee');

const CAROL = `<sip:carol@${PEER.host}:${PEER.port}>`;

const rig = async (options: WorldOptions = {}): Promise<{ world: TestWorld; a: PeerCall; id: string }> => {
  const world = await makeWorld(options);
  world.peer.onMessage = (message) => {
    if ('method' in message && message.method === 'NOTIFY')
      void world.peer.reply(message, 200, { tag: message.to.tag ?? '' });
    if ('method' in message && message.method === 'BYE')
      void world.peer.reply(message, 200, { tag: message.to.tag ?? '' });
  };
  const { peer: a, call } = await answered(world, 'a');
  return { world, a, id: call.id };
};

const told = (world: TestWorld): string[] =>
  world.peer
    .requests('NOTIFY')
    .map(
      (each) =>
        `${String(each.body).trim()} | ${each.header('Subscription-State')?.replace(/expires=\d+/, 'expires')}`,
    );

const refer = (a: PeerCall, to: string, more: [string, string][] = []): Promise<void> =>
  a.send('REFER', undefined, [['Refer-To', to], ...more]);

test('202, NOTIFY 100 at once, the call, its progress and its end; the old call is ended by those who asked', async () => {
  const { world, a, id } = await rig();
  await refer(a, CAROL, [['Referred-By', '"Boss" <sip:boss@example.com>;x=1']]);
  assert.equal(a.statuses('REFER'), [202]);
  const first = world.peer.requests('NOTIFY')[0];
  assert.is(first?.header('Event'), 'refer');
  assert.is(first?.contentType?.value, 'message/sipfrag');
  assert.is(first?.callId, 'a');
  await world.advance(20);
  const invite = world.peer.last('INVITE');
  assert.is(invite.requestUri.toString(), `sip:carol@${PEER.host}:${PEER.port}`);
  assert.is(invite.header('Referred-By'), '"Boss" <sip:boss@example.com>;x=1', 'as it came');
  assert.is(invite.header('Replaces'), undefined);
  assert.equal(world.latest().direction, 'out');
  await world.peer.reply(invite, 180, { tag: 'carol' });
  await world.advance(20);
  await world.peer.reply(invite, 200, { tag: 'carol', body: sdp() });
  await world.advance(50);
  assert.equal(told(world), [
    'SIP/2.0 100 Trying | active;expires',
    'SIP/2.0 180 Ringing | active;expires',
    'SIP/2.0 200 OK | terminated;reason=noresource',
  ]);
  assert.is(world.latest().state, 'active');
  assert.is(world.manager.get(world.latest().id)?.details.referred_by, 'sip:boss@example.com');
  assert.is(world.manager.get(id)?.details.transfer?.state, 'done');
  await a.send('BYE');
  assert.equal(
    world.manager.list().map(({ state }) => state),
    ['active', 'ended'],
  );
  world.manager.get(world.latest().id)?.hangup();
  await world.advance(50);
  await clean(world);
});

test('with Replaces: the INVITE carries it and demands it', async () => {
  const { world, a } = await rig();
  const replaces = 'x%40far%3Bto-tag%3D1%3Bfrom-tag%3D2';
  await refer(
    a,
    `<sip:carol@${PEER.host}:${PEER.port};method=INVITE?Replaces=${replaces}&Require=replaces&X-Way=7>`,
  );
  await world.advance(20);
  const invite = world.peer.last('INVITE');
  assert.is(invite.header('Replaces'), 'x@far;to-tag=1;from-tag=2');
  assert.equal(invite.require, ['replaces']);
  assert.is(invite.requestUri.toString(), `sip:carol@${PEER.host}:${PEER.port}`);
  assert.is(invite.header('X-Way'), undefined);
  await world.peer.reply(invite, 481, { tag: 'carol' });
  await world.advance(50);
  assert.is(told(world).at(-1), 'SIP/2.0 481 Call/Transaction Does Not Exist | terminated;reason=noresource');
  assert.is(world.manager.list().filter(({ state }) => state === 'active').length, 1, 'the old call stands');
  await a.send('BYE');
  await clean(world);
});

for (const [what, to, status] of [
  ['another scheme', '<http://example.com/>', 416],
  ['another method', `<sip:carol@${PEER.host};method=BYE>`, 403],
  [
    'a header field that would make us somebody else',
    `<sip:carol@${PEER.host}?From=sip%3Aboss%40example.com>`,
    403,
  ],
  ['a body', `<sip:carol@${PEER.host}?body=x>`, 403],
  ['a route', `<sip:carol@${PEER.host}?Route=%3Csip%3Aevil.example%3E>`, 403],
  ['a new line', `<sip:carol@${PEER.host}?Subject=a%0D%0AVia%3A%20x>`, 400],
  ['a demand we do not know', `<sip:carol@${PEER.host}?Require=100rel>`, 403],
  ['a broken escape', `<sip:carol@${PEER.host}?Subject=%FF>`, 400],
  ['no address', 'nonsense', 400],
] as const) {
  test(`Refer-To with ${what}: ${status}, and nobody is called`, async () => {
    const { world, a } = await rig();
    await refer(a, to);
    assert.equal(a.statuses('REFER'), [status]);
    assert.equal(world.peer.requests('INVITE'), []);
    assert.equal(world.peer.requests('NOTIFY'), []);
    await a.send('BYE');
    await clean(world);
  });
}

test('no Refer-To, and two of them: 400', async () => {
  const { world, a } = await rig();
  await a.send('REFER');
  await a.send('REFER', undefined, [
    ['Refer-To', CAROL],
    ['Refer-To', CAROL],
  ]);
  await refer(a, `${CAROL}, ${CAROL}`);
  assert.equal(a.statuses('REFER'), [400, 400, 400]);
  assert.equal(world.peer.requests('INVITE'), []);
  await a.send('BYE');
  await clean(world);
});

test('Refer-Sub: false: accepted, and nothing is told', async () => {
  const { world, a } = await rig();
  await refer(a, CAROL, [
    ['Refer-Sub', 'false'],
    ['Require', 'norefersub'],
  ]);
  const answer = a.responses.find(({ cseq }) => cseq.method === 'REFER');
  assert.is(answer?.status, 202);
  assert.is(answer?.header('Refer-Sub'), 'false');
  await world.advance(20);
  await world.peer.reply(world.peer.last('INVITE'), 486, { tag: 'carol' });
  await world.advance(50);
  assert.equal(world.peer.requests('NOTIFY'), []);
  await a.send('BYE');
  await clean(world);
});

test('where transfers are refused: 603', async () => {
  const { world, a } = await rig({ config: { transfers: 'refuse' } });
  await refer(a, CAROL);
  assert.equal(a.statuses('REFER'), [603]);
  assert.equal(world.peer.requests('INVITE'), []);
  await a.send('BYE');
  await clean(world);
});

test('before the answer there is nothing to pass on: 403; while one transfer runs a second has to wait: 491', async () => {
  const world = await makeWorld();
  const a = world.peer.call('a');
  await a.invite();
  await refer(a, CAROL);
  assert.equal(a.statuses('REFER'), [403]);
  await a.cancel();
  const next = await rig();
  await refer(next.a, CAROL);
  await refer(next.a, CAROL);
  assert.equal(next.a.statuses('REFER'), [202, 491]);
  await next.world.advance(20);
  assert.is(next.world.peer.requests('INVITE').length, 1);
  await next.world.peer.reply(next.world.peer.last('INVITE'), 603, { tag: 'x' });
  await next.world.advance(20);
  await refer(next.a, CAROL);
  assert.equal(next.a.statuses('REFER'), [202, 491, 202]);
  const third = next.world.peer.requests('NOTIFY').at(-1);
  assert.match(
    third?.header('Event') ?? '',
    /^refer;id=\d+$/,
    'from the second REFER on they are told apart',
  );
  await next.world.advance(20);
  await next.world.peer.reply(next.world.peer.last('INVITE'), 603, { tag: 'x' });
  await next.a.send('BYE');
  await clean(next.world);
  await clean(world);
});

test('they hang up at once: what is left to tell is told all the same', async () => {
  const { world, a } = await rig();
  await refer(a, CAROL);
  await a.send('BYE');
  await world.advance(20);
  await world.peer.reply(world.peer.last('INVITE'), 200, { tag: 'carol', body: sdp() });
  await world.advance(50);
  assert.is(told(world).at(-1), 'SIP/2.0 200 OK | terminated;reason=noresource');
  assert.is(world.latest().state, 'active');
  world.manager.get(world.latest().id)?.hangup();
  await world.advance(50);
  await clean(world);
});

test('nobody takes our NOTIFY: the call goes on', async () => {
  const { world, a } = await rig();
  world.peer.onMessage = (message) => {
    if ('method' in message && message.method === 'NOTIFY')
      void world.peer.reply(message, 481, { tag: 'from-a' });
  };
  await refer(a, CAROL);
  await world.advance(20);
  await world.peer.reply(world.peer.last('INVITE'), 200, { tag: 'carol', body: sdp() });
  await world.advance(50);
  assert.equal(told(world).length, 1);
  assert.is(world.latest().state, 'active');
  world.manager.get(world.latest().id)?.hangup();
  await world.advance(20);
  await world.peer.reply(world.peer.last('BYE'), 200, { tag: 'carol' });
  await a.send('BYE');
  await clean(world);
});

test('a subscription that is ended by them, and one that runs out, get their last word', async () => {
  const { world, a } = await rig();
  await refer(a, CAROL);
  await world.advance(20);
  await a.send('SUBSCRIBE', undefined, [
    ['Event', 'refer'],
    ['Expires', '0'],
  ]);
  assert.equal(a.statuses('SUBSCRIBE'), [200]);
  await world.advance(20);
  assert.is(told(world).at(-1), 'SIP/2.0 100 Trying | terminated;reason=timeout');
  await a.send('SUBSCRIBE', undefined, [
    ['Event', 'refer'],
    ['Expires', '0'],
  ]);
  assert.is(a.statuses('SUBSCRIBE').at(-1), 403, 'only a REFER makes one');
  await world.peer.reply(world.peer.last('INVITE'), 603, { tag: 'x' });
  await refer(a, CAROL);
  await world.advance(20);
  await world.peer.reply(world.peer.last('INVITE'), 180, { tag: 'x' });
  await world.advance(181_000);
  assert.is(told(world).at(-1), 'SIP/2.0 180 Ringing | terminated;reason=timeout');
  await world.peer.reply(world.peer.last('INVITE'), 603, { tag: 'x' });
  await a.send('BYE');
  await clean(world);
});

const outside = (world: TestWorld, headers: [string, string][], callId = 'out'): Promise<void> =>
  world.peer.send(
    world.peer.request('REFER', {
      callId,
      cseq: 7,
      from: `<sip:boss@${PEER.host}>;tag=out`,
      to: `<sip:door@${DEVICE.host}>`,
      headers: [['Refer-To', CAROL], ...headers],
    }),
  );

test('outside a dialog only with the name of a call of ours; its NOTIFYs go there', async () => {
  const { world, a } = await rig();
  await outside(world, [
    ['Target-Dialog', `a;local-tag=from-a;remote-tag=${a.toTag}`],
    ['Require', 'tdialog'],
  ]);
  const answer = world.peer.responses('REFER').at(-1);
  assert.is(answer?.status, 202);
  assert.ok(answer?.contacts[0]);
  await world.advance(20);
  assert.is(world.peer.requests('NOTIFY')[0]?.callId, 'out');
  await world.peer.reply(world.peer.last('INVITE'), 486, { tag: 'x' });
  await world.advance(20);
  assert.is(told(world).at(-1), 'SIP/2.0 486 Busy Here | terminated;reason=noresource');
  await a.send('BYE');
  await clean(world);
});

test('outside a dialog without a name, with a wrong one, or of a call that is over: 403', async () => {
  const { world, a } = await rig();
  await outside(world, []);
  assert.equal(world.peer.statuses('REFER'), [403]);
  await outside(world, [['Target-Dialog', `a;local-tag=${a.toTag};remote-tag=from-a`]], 'out2');
  assert.equal(world.peer.statuses('REFER'), [403, 403]);
  await a.send('BYE');
  await outside(world, [['Target-Dialog', `a;local-tag=from-a;remote-tag=${a.toTag}`]], 'out3');
  assert.equal(world.peer.statuses('REFER'), [403, 403, 403]);
  await clean(world);
});

test('what we write into Refer-To we read back, whatever stands in it', async () => {
  const word = fc.stringMatching(/^[A-Za-z0-9.!%*_+`'~-]{1,20}$/);
  await fc.assert(
    fc.asyncProperty(word, word, word, async (callId, localTag, remoteTag) => {
      const target = uri('sip:carol@example.com;user=phone');
      assert.ok(target instanceof SipUri);
      const name = { callId: `${callId}@host`, localTag, remoteTag };
      const request = SipRequest.create({
        method: 'REFER',
        uri: target,
        headers: [['Refer-To', referTo(target, { method: 'INVITE', replaces: name })]],
      });
      const read = readReferTo(request);
      assert.ok(read.ok);
      assert.is(read.value.uri.toString(), 'sip:carol@example.com;user=phone');
      assert.equal(read.value.headers, [
        ['Replaces', replacesValue(name)],
        ['Require', 'replaces'],
      ]);
    }),
  );
});

test('a number as SIP URI', () => {
  assert.is(sipForm(uri('tel:+46-70-1'), 'op.example')?.toString(), 'sip:+46701@op.example;user=phone');
  assert.is(
    sipForm(uri('tel:123;phone-context=op.example'), 'op.example')?.toString(),
    'sip:123;phone-context=op.example@op.example;user=phone',
  );
  assert.is(sipForm(uri('tel:+1'), undefined), undefined);
});

test.run();
