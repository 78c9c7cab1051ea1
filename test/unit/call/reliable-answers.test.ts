// RFC 3262 4, RFC 3311, RFC 6337 at the calling side: reliable 18x, their PRACKs, and UPDATE before the answer.
import * as assert from 'uvu/assert';
import type { Call } from '#src/call/call.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, type ReplyOptions, sdp, type TestWorld } from './harness.ts';
import { clean } from './talk.ts';

const test = suite('call/reliable-answers');

const TARGET = `sip:bob@${PEER.host}:${PEER.port}`;

async function dialled(world: TestWorld): Promise<{ call: Call; invite: SipRequest }> {
  const call = world.manager.dial({ to: TARGET });
  await world.advance(5);
  return { call, invite: world.peer.last('INVITE') };
}

/** A reliable 18x. */
async function reliable(
  world: TestWorld,
  invite: SipRequest,
  status: number,
  rseq: number,
  { headers = [], ...more }: ReplyOptions = {},
): Promise<void> {
  const all = [['Require', '100rel'], ['RSeq', `${rseq}`], ...headers] as const;
  await world.peer.reply(invite, status, { ...more, headers: all as ReplyOptions['headers'] & {} });
}

const racks = (world: TestWorld): string[] =>
  world.peer.requests('PRACK').map((prack) => `${prack.to.tag} ${prack.header('RAck')}`);

async function answerAll(world: TestWorld, done = new Set<SipRequest>()): Promise<void> {
  for (const prack of world.peer.requests('PRACK')) {
    if (done.has(prack)) continue;
    done.add(prack);
    await world.peer.reply(prack, 200, { tag: prack.to.tag ?? '' });
  }
}

async function hangUp(world: TestWorld, call: Call): Promise<void> {
  call.hangup();
  await world.advance(5);
  await world.peer.reply(world.peer.last('BYE'), 200);
}

test('[MD-2.2.5a] the INVITE supports 100rel; each reliable 18x gets its PRACK, in order, and each once', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  assert.ok(invite.supported.includes('100rel'));
  const { number } = invite.cseq;
  await reliable(world, invite, 180, 7001, { tag: 'a' });
  assert.equal(racks(world), [`a 7001 ${number} INVITE`]);
  await answerAll(world);
  const seen = world.peer.requests('PRACK').length;
  await reliable(world, invite, 180, 7001, { tag: 'a' });
  await reliable(world, invite, 183, 7003, { tag: 'a', body: sdp({ port: 5003 }) });
  assert.is(world.peer.requests('PRACK').length, seen, 'known, and a gap: neither is acknowledged');
  assert.is(world.media.streams[0]?.last, undefined, 'what is out of order means nothing yet');
  await reliable(world, invite, 183, 7002, { tag: 'a', body: sdp({ port: 5002 }) });
  assert.is(racks(world).at(-1), `a 7002 ${number} INVITE`);
  assert.is(world.media.streams[0]?.last?.remote.port, 5002);
  await reliable(world, invite, 180, 7003, { tag: 'a' });
  assert.is(racks(world).at(-1), `a 7003 ${number} INVITE`);
  const cseqs = world.peer.requests('PRACK').map((prack) => prack.cseq.number);
  assert.ok(cseqs.every((cseq, index) => cseq > (cseqs[index - 1] ?? number)));
  await answerAll(world);
  await world.peer.reply(invite, 200, { tag: 'a' });
  assert.is(call.snapshot.state, 'active');
  assert.is(world.peer.last('ACK').cseq.number, number);
  assert.is(world.media.streams[0]?.last?.send, true);
  await hangUp(world, call);
  await clean(world);
});

test('[MD-2.2.5a] a PRACK walks the route that the 18x recorded, backwards, to the Contact of its branch', async () => {
  const world = await makeWorld();
  const { invite } = await dialled(world);
  await reliable(world, invite, 183, 1, {
    tag: 'a',
    headers: [['Record-Route', `<sip:far.example;lr>, <sip:${PEER.host}:${PEER.port};lr>`]],
    contact: '<sip:branch@far.example:5099>',
  });
  const prack = world.peer.last('PRACK');
  assert.is(prack.requestUri.toString(), 'sip:branch@far.example:5099');
  assert.equal(prack.routes.map(String), [`<sip:${PEER.host}:${PEER.port};lr>`, '<sip:far.example;lr>']);
  assert.is(prack.from.tag, invite.from.tag);
});

test('an 18x that is not reliable gets no PRACK: no Require, or no RSeq', async () => {
  const world = await makeWorld();
  const { invite } = await dialled(world);
  await world.peer.reply(invite, 180, { tag: 'a', headers: [['RSeq', '5']] });
  await world.peer.reply(invite, 180, { tag: 'b', headers: [['Require', '100rel']] });
  await world.peer.reply(invite, 180, { tag: 'c', headers: [['Supported', '100rel']] });
  assert.is(world.peer.requests('PRACK').length, 0);
});

test('[MD-2.2.6a] six branches, PRACKs answered in another order, each in its own dialog; forty as well', async () => {
  for (const count of [6, 40]) {
    const world = await makeWorld();
    const { call, invite } = await dialled(world);
    const tags = Array.from({ length: count }, (_, index) => `f${index}`);
    for (const [index, tag] of tags.entries())
      await reliable(world, invite, 183, 100 * (index + 1), {
        tag,
        body: sdp({ port: 5000 + 2 * index }),
        contact: `<sip:${tag}@${PEER.host}:${PEER.port}>`,
      });
    const pracks = world.peer.requests('PRACK');
    const byTag = new Map(pracks.map((prack) => [prack.to.tag, prack]));
    assert.is(byTag.size, count);
    for (const [index, tag] of tags.entries()) {
      const prack = byTag.get(tag);
      assert.is(prack?.header('RAck'), `${100 * (index + 1)} ${invite.cseq.number} INVITE`);
      assert.is(prack?.requestUri.toString(), `sip:${tag}@${PEER.host}:${PEER.port}`);
      assert.is(prack?.cseq.number, invite.cseq.number + 1);
    }
    for (const prack of pracks.toReversed()) await world.peer.reply(prack, 200, { tag: prack.to.tag ?? '' });
    // A second one in each, in yet another order.
    for (const [index, tag] of tags.entries())
      if (index % 2 === 0) await reliable(world, invite, 180, 100 * (index + 1) + 1, { tag });
    const second = world.peer
      .requests('PRACK')
      .filter((prack) => prack.cseq.number === invite.cseq.number + 2);
    assert.is(new Set(second.map((prack) => prack.to.tag)).size, count / 2);
    for (const prack of second) await world.peer.reply(prack, 200, { tag: prack.to.tag ?? '' });
    const winner = `f${count - 2}`;
    await world.peer.reply(invite, 200, { tag: winner });
    assert.is(call.snapshot.state, 'active');
    assert.is(world.media.streams[0]?.last?.remote.port, 5000 + 2 * (count - 2));
    assert.is(world.ua.load.dialogs, 1);
    await world.peer.reply(invite, 200, { tag: 'f0' });
    assert.is(world.peer.last('BYE').to.tag, 'f0');
    await world.peer.reply(world.peer.last('BYE'), 200, { tag: 'f0' });
    await hangUp(world, call);
    await clean(world);
  }
});

test('[MD-2.2.5a] the answer stands in the reliable 18x: another description in the 200 changes nothing', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await reliable(world, invite, 183, 1, { tag: 'a', body: sdp({ port: 5001 }) });
  await answerAll(world);
  await world.peer.reply(invite, 200, { tag: 'a', body: sdp({ port: 6001, payload: '8' }) });
  assert.is(call.snapshot.state, 'active');
  assert.is(world.media.streams[0]?.last?.remote.port, 5001);
  assert.is(world.media.streams[0]?.last?.codec.name, 'PCMU');
});

test('what an unreliable 183 showed is overruled by the reliable answer', async () => {
  const world = await makeWorld();
  const { invite } = await dialled(world);
  await world.peer.reply(invite, 183, { tag: 'a', body: sdp({ port: 5001 }) });
  assert.is(world.media.streams[0]?.last?.remote.port, 5001);
  await reliable(world, invite, 183, 9, { tag: 'a', body: sdp({ port: 5009, payload: '8' }) });
  assert.is(world.media.streams[0]?.last?.remote.port, 5009);
  await world.peer.reply(invite, 200, { tag: 'a' });
  assert.is(world.media.streams[0]?.last?.codec.name, 'PCMA');
});

test('a 200 while a PRACK has no answer: the call stands, and the PRACK ends by itself', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await reliable(world, invite, 183, 1, { tag: 'a', body: sdp({ port: 5001 }) });
  await world.peer.reply(invite, 200, { tag: 'a' });
  assert.is(call.snapshot.state, 'active');
  await world.advance(40_000);
  assert.is(call.snapshot.state, 'active');
  await hangUp(world, call);
  await clean(world);
});

for (const status of [481, 408] as const) {
  test(`[MD-2.2.5a] a PRACK that meets ${status} costs its dialog, the others go on`, async () => {
    const world = await makeWorld();
    const { call, invite } = await dialled(world);
    for (const tag of ['a', 'b']) await reliable(world, invite, 180, 1, { tag });
    const [first] = world.peer.requests('PRACK');
    if (!first) throw new Error('no PRACK');
    if (status === 481) await world.peer.reply(first, 481, { tag: 'a' });
    for (const prack of world.peer.requests('PRACK'))
      if (prack.to.tag === 'b') await world.peer.reply(prack, 200, { tag: 'b' });
    await world.advance(33_000);
    assert.equal(call.snapshot.dialogs, [
      { remote_tag: 'a', state: 'terminated' },
      { remote_tag: 'b', state: 'early' },
    ]);
    await world.peer.reply(invite, 200, { tag: 'b', body: sdp() });
    assert.is(call.snapshot.state, 'active');
  });
}

test('a PRACK is challenged and sent again; a refusal of another kind leaves the dialog', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await reliable(world, invite, 180, 1, { tag: 'a' });
  await world.peer.reply(world.peer.last('PRACK'), 500, { tag: 'a' });
  assert.equal(call.snapshot.dialogs, [{ remote_tag: 'a', state: 'early' }]);
});

test('[MD-2.2.6a] a reliable 199 is acknowledged and frees its dialog, known or not', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await reliable(world, invite, 199, 40, { tag: 'x' });
  assert.equal(racks(world), [`x 40 ${invite.cseq.number} INVITE`]);
  await reliable(world, invite, 180, 1, { tag: 'a' });
  await reliable(world, invite, 199, 2, { tag: 'a' });
  assert.is(racks(world).at(-1), `a 2 ${invite.cseq.number} INVITE`);
  assert.equal(
    call.snapshot.dialogs.map(({ state }) => state),
    ['terminated', 'terminated'],
  );
  await answerAll(world);
  call.hangup();
  await world.advance(5);
  await world.peer.reply(world.peer.last('CANCEL'), 200);
  await world.peer.reply(invite, 487, { tag: 'a' });
  await clean(world);
});

test('a reliable 18x after the owner gave up is still acknowledged', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await world.peer.reply(invite, 180, { tag: 'a' });
  call.hangup();
  await reliable(world, invite, 183, 5, { tag: 'a', body: sdp() });
  assert.equal(racks(world), [`a 5 ${invite.cseq.number} INVITE`]);
  assert.is(world.media.streams[0]?.last?.receive ?? false, false);
  await answerAll(world);
  await world.peer.reply(world.peer.last('CANCEL'), 200);
  await world.peer.reply(invite, 487, { tag: 'a' });
  await clean(world);
});

const update = (
  world: TestWorld,
  invite: SipRequest,
  cseq: number,
  options: { body?: string; tag?: string; headers?: readonly (readonly [string, string])[] } = {},
): Promise<void> =>
  world.peer.send(
    world.peer.request('UPDATE', {
      callId: invite.callId,
      cseq,
      from: `${invite.to.toString()};tag=${options.tag ?? 'a'}`,
      to: invite.from.toString(),
      ...(options.headers ? { headers: options.headers } : {}),
      ...(options.body === undefined ? {} : { body: options.body }),
    }),
  );

test('[MD-2.2.5b] UPDATE before the answer: 491 while our offer has none, 200 afterwards, with and without description', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await world.peer.reply(invite, 180, { tag: 'a' });
  await update(world, invite, 1, { body: sdp({ port: 5001 }) });
  await update(world, invite, 2);
  assert.equal(world.peer.statuses('UPDATE'), [491, 200]);
  await reliable(world, invite, 183, 1, { tag: 'a', body: sdp({ port: 5001 }) });
  await answerAll(world);
  await update(world, invite, 3, { body: sdp({ port: 5011, version: 2, payload: '8 101' }) });
  const answer = world.peer.responses('UPDATE').at(-1);
  assert.is(answer?.status, 200);
  assert.match(String(answer?.body), /m=audio \d+ RTP\/AVP 8/);
  assert.is(world.media.streams[0]?.last?.remote.port, 5011);
  assert.is(world.media.streams[0]?.last?.send, false, 'still before the answer');
  await update(world, invite, 4, { body: sdp({ payload: '3', version: 3 }) });
  await update(world, invite, 5, { body: 'nonsense' });
  assert.equal(world.peer.statuses('UPDATE').slice(-2), [488, 400]);
  assert.is(world.media.streams[0]?.last?.remote.port, 5011, 'a refused one changes nothing');
  await world.peer.reply(invite, 200, { tag: 'a' });
  assert.is(call.snapshot.state, 'active');
  assert.is(world.media.streams[0]?.last?.remote.port, 5011);
  assert.is(world.media.streams[0]?.last?.codec.name, 'PCMA');
  await hangUp(world, call);
  await clean(world);
});

test('[MD-2.2.8] P-Early-Media in the 200 to a PRACK and in an UPDATE', async () => {
  const world = await makeWorld({ config: { audio: { capture: 'null', playback: 'alsa:x' } } });
  const { invite } = await dialled(world);
  await reliable(world, invite, 180, 1, { tag: 'a', body: sdp({ port: 5001 }) });
  const stream = world.media.streams[0];
  assert.is(stream?.tones.at(-1), 'ringback');
  await world.peer.reply(world.peer.last('PRACK'), 200, {
    tag: 'a',
    headers: [['P-Early-Media', 'sendonly']],
  });
  assert.is(stream?.tones.at(-1), 'none');
  await update(world, invite, 1, { headers: [['P-Early-Media', 'inactive']] });
  assert.is(stream?.tones.at(-1), 'ringback');
});

const several = (port: number): string => sdp({ port, payload: '0 8 101' });

async function imsWorld(): Promise<TestWorld> {
  return makeWorld({ line: { profile: 'ims' } });
}

test('[MD-2.2.5b] an answer of several codecs is followed by an UPDATE with one, when the peer takes it', async () => {
  const world = await imsWorld();
  const { call, invite } = await dialled(world);
  const headers = [['Allow', 'INVITE, ACK, BYE, CANCEL, PRACK, UPDATE']] as const;
  await reliable(world, invite, 183, 1, { tag: 'a', body: several(5001), headers });
  assert.is(world.peer.requests('UPDATE').length, 0, 'not before the PRACK is answered');
  await answerAll(world);
  const sent = world.peer.last('UPDATE');
  assert.match(String(sent.body), /m=audio \d+ RTP\/AVP 0 101/);
  await world.peer.reply(sent, 491, { tag: 'a' });
  await world.advance(4_100);
  const again = world.peer.last('UPDATE');
  assert.is(again.cseq.number, sent.cseq.number + 1);
  // Theirs meets ours.
  await update(world, invite, 1, { body: sdp({ port: 5001, version: 2 }) });
  assert.equal(world.peer.statuses('UPDATE'), [491]);
  await world.peer.reply(again, 200, { tag: 'a', body: sdp({ port: 5001, payload: '0 101', version: 2 }) });
  await world.peer.reply(invite, 200, { tag: 'a' });
  assert.is(call.snapshot.state, 'active');
  assert.is(world.peer.requests('INVITE').length, 1, 'nothing is left to be settled');
  await hangUp(world, call);
  await clean(world);
});

test('a peer without UPDATE gets the one codec by re-INVITE, after the answer', async () => {
  const world = await imsWorld();
  const { invite } = await dialled(world);
  await reliable(world, invite, 183, 1, { tag: 'a', body: several(5001) });
  await answerAll(world);
  assert.is(world.peer.requests('UPDATE').length, 0);
  await world.peer.reply(invite, 200, { tag: 'a' });
  await world.advance(5);
  assert.is(world.peer.requests('INVITE').length, 2);
});

test('the 200 to the INVITE overtakes the one to our UPDATE: both count', async () => {
  const world = await imsWorld();
  const { call, invite } = await dialled(world);
  const headers = [['Allow', 'UPDATE']] as const;
  await reliable(world, invite, 183, 1, { tag: 'a', body: several(5001), headers });
  await answerAll(world);
  const sent = world.peer.last('UPDATE');
  await world.peer.reply(invite, 200, { tag: 'a' });
  assert.is(call.snapshot.state, 'active');
  assert.is(world.peer.requests('INVITE').length, 1);
  await world.peer.reply(sent, 200, { tag: 'a', body: sdp({ port: 5007, payload: '0 101', version: 2 }) });
  assert.is(world.media.streams[0]?.last?.remote.port, 5007);
  assert.is(world.media.streams[0]?.last?.send, true);
  assert.is(world.peer.requests('INVITE').length, 1);
  await hangUp(world, call);
  await clean(world);
});

test('a BYE of the callee ends its early dialog only', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  for (const tag of ['a', 'b']) await world.peer.reply(invite, 183, { tag, body: sdp() });
  await world.peer.send(
    world.peer.request('BYE', {
      callId: invite.callId,
      cseq: 1,
      from: `${invite.to.toString()};tag=a`,
      to: invite.from.toString(),
    }),
  );
  assert.equal(call.snapshot.dialogs, [
    { remote_tag: 'a', state: 'terminated' },
    { remote_tag: 'b', state: 'early' },
  ]);
});

test.run();
