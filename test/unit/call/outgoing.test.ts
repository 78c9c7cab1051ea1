import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import type { Call } from '#src/call/call.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp, type TestWorld, uri } from './harness.ts';
import { clean } from './talk.ts';

const test = suite('call/outgoing');

const TARGET = `sip:bob@${PEER.host}:${PEER.port}`;

async function dialled(world: TestWorld, to = TARGET): Promise<{ call: Call; invite: SipRequest }> {
  const call = world.manager.dial({ to });
  await world.advance(5);
  return { call, invite: world.peer.last('INVITE') };
}

test('dialling, early, active, ended: state by state', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  assert.is(call.snapshot.state, 'dialing');
  await world.peer.reply(invite, 100);
  assert.is(call.snapshot.state, 'dialing');
  await world.peer.reply(invite, 180, { tag: 'b' });
  assert.is(call.snapshot.state, 'early');
  assert.equal(call.snapshot.dialogs, [{ remote_tag: 'b', state: 'early' }]);
  await world.peer.reply(invite, 200, { tag: 'b', body: sdp() });
  assert.is(call.snapshot.state, 'active');
  assert.is(world.peer.requests('ACK').length, 1);
  assert.is(world.media.streams[0]?.last?.send, true);
  call.hangup();
  assert.is(call.snapshot.state, 'ended');
  await world.advance(5);
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(world.log.rows[0]?.end.label, 'answered');
  assert.is(world.log.rows[0]?.end.by, 'local');
  assert.is(world.media.open, 0);
  await clean(world);
});

const IDENTITIES = [NameAddr.of(uri('sip:+4670@op.example')), NameAddr.of(uri('sip:second@op.example'))];

test('[MD-2.2.5c] the INVITE of an IMS account, header by header', async () => {
  const contact = NameAddr.parse(
    `<sip:dev@192.0.2.1:5060>;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel";audio`,
  );
  if (!contact.ok) throw new Error('contact');
  const route = [
    NameAddr.of(uri(`sip:${PEER.host}:${PEER.port};lr`)),
    NameAddr.of(uri('sip:orig@scscf.op.example;lr')),
  ];
  const world = await makeWorld({
    line: {
      profile: 'ims',
      domain: 'op.example',
      identities: IDENTITIES,
      route,
      contact: () => contact.value,
    },
    config: { media: { address: 'auto', ports: { from: 20_000, to: 20_100 }, codecs: ['AMR-WB'] } },
  });
  const { invite } = await dialled(world, '+46 70-99');
  assert.is(invite.requestUri.toString(), 'tel:+467099');
  assert.is(invite.to.uri.toString(), 'tel:+467099');
  assert.equal(invite.routes.map(String), route.map(String));
  assert.is(invite.header('P-Preferred-Identity'), '<sip:+4670@op.example>');
  assert.is(invite.header('P-Preferred-Service'), 'urn:urn-7:3gpp-service.ims.icsi.mmtel');
  assert.is(
    invite.header('Accept-Contact'),
    '*;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"',
  );
  assert.is(invite.contacts[0]?.params.get('+g.3gpp.icsi-ref'), 'urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel');
  assert.is(invite.header('Accept'), 'application/sdp, application/3gpp-ims+xml');
  for (const tag of ['100rel', '199']) assert.ok(invite.supported.includes(tag), tag);
  assert.equal(invite.require, []);
  assert.is(invite.header('P-Early-Media'), 'supported');
  assert.is(invite.header('Recv-Info'), '');
  assert.is(invite.header('Privacy'), undefined);
  assert.match(String(invite.body), /AMR-WB\/16000\/1/);
});

test('[MD-2.4.6.1a] another identity of the subscription goes into P-Preferred-Identity, an unlisted one nowhere', async () => {
  const route = [NameAddr.of(uri(`sip:${PEER.host}:${PEER.port};lr`))];
  const world = await makeWorld({
    line: { profile: 'ims', domain: 'op.example', identities: IDENTITIES, route },
  });
  world.manager.dial({ to: '+1', identity: 'sip:second@op.example' });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  assert.is(invite.header('P-Preferred-Identity'), '<sip:second@op.example>');
  assert.is(invite.from.uri.toString(), 'sip:second@op.example');
  assert.throws(
    () => world.manager.dial({ to: '+1', identity: 'sip:third@op.example' }),
    (error: unknown) => TandemError.is(error, 'call.identity'),
  );
  assert.is(world.manager.list().length, 1);
});

test('privacy: anonymous From, Privacy: id, the identity only for the network', async () => {
  const route = [NameAddr.of(uri(`sip:${PEER.host}:${PEER.port};lr`))];
  let asked = false;
  const contact: () => NameAddr = () => NameAddr.of(uri('sip:dev@192.0.2.1:5060'));
  const world = await makeWorld({
    line: {
      profile: 'ims',
      identities: IDENTITIES,
      route,
      contact: (options) => {
        asked = options.privacy;
        return contact();
      },
    },
  });
  world.manager.dial({ to: TARGET, privacy: true });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  assert.is(invite.from.uri.toString(), 'sip:anonymous@anonymous.invalid');
  assert.equal(invite.privacy, ['id']);
  assert.is(invite.header('P-Preferred-Identity'), '<sip:+4670@op.example>');
  assert.is(asked, true);
});

for (const [status, label] of [
  [302, 'failed'],
  [404, 'failed'],
  [480, 'failed'],
  [486, 'failed'],
  [488, 'failed'],
  [500, 'failed'],
  [603, 'failed'],
] as const) {
  test(`[MD-2.2.5d] ${status}: ${label}, acknowledged, nothing left`, async () => {
    const world = await makeWorld();
    const { call, invite } = await dialled(world);
    await world.peer.reply(invite, 180, { tag: 'b' });
    await world.peer.reply(invite, status, {
      tag: 'b',
      headers: [['Reason', 'Q.850;cause=17;text="User busy"']],
    });
    assert.is(call.snapshot.state, 'ended');
    assert.is(world.peer.requests('ACK').length, 1);
    assert.is(world.log.rows[0]?.end.label, label);
    assert.is(world.log.rows[0]?.end.sip, status);
    assert.equal(world.log.rows[0]?.end.reason, { protocol: 'Q.850', cause: 17, text: 'User busy' });
    assert.is(world.peer.requests('INVITE').length, 1, 'a 3xx is not followed');
    await clean(world);
  });
}

test('no answer at all: failed after 64 T1', async () => {
  const world = await makeWorld();
  const { call } = await dialled(world);
  await world.advance(31_000);
  assert.is(call.snapshot.state, 'dialing');
  await world.advance(2_000);
  assert.is(world.log.rows[0]?.end.label, 'failed');
  assert.is(world.log.rows[0]?.end.sip, 408);
  await clean(world);
});

test('CANCEL before the answer: 487, cancelled', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await world.peer.reply(invite, 180, { tag: 'b' });
  call.hangup();
  await world.advance(5);
  assert.is(call.snapshot.state, 'ended');
  await world.peer.reply(world.peer.last('CANCEL'), 200);
  await world.peer.reply(invite, 487, { tag: 'b' });
  assert.is(world.log.rows.length, 1);
  assert.is(world.log.rows[0]?.end.label, 'cancelled');
  await clean(world);
});

test('CANCEL waits for the first provisional response', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  call.hangup();
  await world.advance(5);
  assert.is(world.peer.requests('CANCEL').length, 0);
  await world.peer.reply(invite, 100);
  assert.is(world.peer.requests('CANCEL').length, 1);
  await world.peer.reply(world.peer.last('CANCEL'), 200);
  await world.peer.reply(invite, 487);
  await clean(world);
});

test('a 200 crosses our CANCEL: ACK and BYE, and still cancelled', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await world.peer.reply(invite, 180, { tag: 'b' });
  call.hangup();
  await world.peer.reply(invite, 200, { tag: 'b', body: sdp() });
  assert.is(world.peer.requests('ACK').length, 1);
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(world.log.rows[0]?.end.label, 'cancelled');
  assert.is(world.log.rows[0]?.answered, undefined);
  await clean(world);
});

test('[MD-2.2.6a] forty early dialogs of one INVITE, each kept; the winner confirmed, late 2xx acknowledged and released', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  for (let fork = 0; fork < 40; fork += 1) await world.peer.reply(invite, 180, { tag: `f${fork}` });
  assert.is(call.snapshot.dialogs.filter(({ state }) => state === 'early').length, 40);
  assert.is(world.ua.load.dialogs, 40);
  await world.peer.reply(invite, 200, { tag: 'f17', body: sdp({ port: 5017 }) });
  assert.is(call.snapshot.state, 'active');
  assert.equal(
    call.snapshot.dialogs.filter(({ state }) => state !== 'terminated'),
    [{ remote_tag: 'f17', state: 'confirmed' }],
  );
  assert.is(world.media.streams[0]?.last?.remote.port, 5017);
  await world.peer.reply(invite, 200, {
    tag: 'f3',
    body: sdp({ port: 5003 }),
    contact: `<sip:three@${PEER.host}>`,
  });
  await world.peer.reply(invite, 200, { tag: 'new', body: sdp({ port: 5099 }) });
  const byes = world.peer.requests('BYE');
  assert.equal(
    byes.map((bye) => bye.to.tag),
    ['f3', 'new'],
  );
  assert.is(byes[0]?.requestUri.toString(), `sip:three@${PEER.host}`);
  assert.equal(
    world.peer.requests('ACK').map((ack) => ack.to.tag),
    ['f17', 'f3', 'new'],
  );
  for (const bye of byes) await world.peer.reply(bye, 200);
  assert.is(call.snapshot.state, 'active');
  assert.is(world.media.streams[0]?.last?.remote.port, 5017);
  assert.is(world.ua.load.dialogs, 1);
  call.hangup();
  await world.advance(5);
  await world.peer.reply(world.peer.last('BYE'), 200);
  await clean(world);
});

test('[MD-2.2.6a] 199 frees one early dialog, the others go on', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  for (const tag of ['a', 'b']) await world.peer.reply(invite, 180, { tag });
  await world.peer.reply(invite, 199, { tag: 'a' });
  assert.equal(call.snapshot.dialogs, [
    { remote_tag: 'a', state: 'terminated' },
    { remote_tag: 'b', state: 'early' },
  ]);
  assert.is(call.snapshot.state, 'early');
  await world.peer.reply(invite, 200, { tag: 'b', body: sdp() });
  assert.is(call.snapshot.state, 'active');
});

test('[MD-2.2.6a] each fork has its own description; the first with early media is heard, silently', async () => {
  const world = await makeWorld();
  const { invite } = await dialled(world);
  await world.peer.reply(invite, 180, { tag: 'a' });
  await world.peer.reply(invite, 183, { tag: 'b', body: sdp({ port: 5002, payload: '8' }) });
  await world.peer.reply(invite, 183, { tag: 'c', body: sdp({ port: 5003 }) });
  const stream = world.media.streams[0];
  assert.is(stream?.last?.remote.port, 5002);
  assert.equal(
    stream?.last?.alsoTo?.map(({ port }) => port),
    [5003],
    'the other one hears only keep-alives',
  );
  assert.is(stream?.last?.send, false);
  assert.is(stream?.last?.receive, true);
  await world.peer.reply(invite, 200, { tag: 'c', body: sdp({ port: 5003 }) });
  assert.is(stream?.last?.remote.port, 5003);
  assert.is(stream?.last?.codec.name, 'PCMU');
  assert.is(stream?.last?.send, true);
});

test('the answer came in an unreliable 183 and not again in the 200: it counts', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await world.peer.reply(invite, 183, { tag: 'a', body: sdp({ port: 5001 }) });
  await world.peer.reply(invite, 200, { tag: 'a' });
  assert.is(call.snapshot.state, 'active');
  assert.is(world.media.streams[0]?.last?.send, true);
});

for (const [what, body] of [
  ['no description', undefined],
  ['a codec nobody offered', sdp({ payload: '18' })],
  ['the audio declined', sdp({ port: 0 })],
  ['nonsense', 'hello'],
] as const) {
  test(`a 200 with ${what}: ACK, BYE, failed`, async () => {
    const world = await makeWorld();
    const { call, invite } = await dialled(world);
    await world.peer.reply(invite, 200, { tag: 'a', ...(body === undefined ? {} : { body }) });
    assert.is(call.snapshot.state, 'ended');
    assert.is(world.peer.requests('ACK').length, 1);
    await world.peer.reply(world.peer.last('BYE'), 200);
    assert.is(world.log.rows[0]?.end.label, 'failed');
    await clean(world);
  });
}

test('a peer that answers without a tag is acknowledged and hung up', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await world.peer.reply(invite, 200, { untagged: true, body: sdp() });
  assert.is(call.snapshot.state, 'active');
  assert.is(world.peer.requests('ACK').length, 1);
  call.hangup();
  await world.advance(5);
  assert.is(world.peer.last('BYE').to.tag, undefined);
  await world.peer.reply(world.peer.last('BYE'), 200, { untagged: true });
  await clean(world);
});

test('over TLS without listening: Contact names our connection, ACK and BYE take it both ways', async () => {
  const world = await makeWorld();
  const call = world.manager.dial({
    to: `sip:peer@door.example:${PEER.port};transport=tls;maddr=${PEER.host}`,
  });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  const contact = `<sip:peer@${PEER.host}:${PEER.port};transport=tls>`;
  await world.peer.reply(invite, 200, { body: sdp(), contact });
  assert.is(call.snapshot.state, 'active');
  const ends = world.network.packets
    .filter(({ bytes, transport }) => transport === 'tls' && bytes.length === 0)
    .map(({ from }) => from.port);
  assert.is(ends.length, 1, 'one connection for INVITE and ACK');
  assert.is(invite.contacts[0]?.toString(), `<sip:dev@192.0.2.1:${ends[0]};transport=tls>`);
  call.hangup();
  await world.advance(5);
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(world.network.packets.filter(({ bytes }) => bytes.length === 0).length, 1);
  await clean(world);
});

test('a repeated 200 is acknowledged again and changes nothing', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  for (let time = 0; time < 3; time += 1) await world.peer.reply(invite, 200, { tag: 'a', body: sdp() });
  assert.is(world.peer.requests('ACK').length, 3);
  assert.is(world.peer.requests('BYE').length, 0);
  assert.is(call.snapshot.state, 'active');
});

test('[MD-2.2.6a] a BYE of a fork that answered too late crosses ours: the call that stands is not touched', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await world.peer.reply(invite, 180, { tag: 'late' });
  await world.peer.reply(invite, 200, { tag: 'first', body: sdp({ port: 5001 }) });
  await world.peer.reply(invite, 200, { tag: 'late', body: sdp({ port: 5002 }) });
  const bye = world.peer.last('BYE');
  assert.is(bye.to.tag, 'late');
  await world.peer.send(
    world.peer.request('BYE', {
      callId: invite.callId,
      cseq: 1,
      from: `${invite.to.toString()};tag=late`,
      to: invite.from.toString(),
    }),
  );
  assert.equal(world.peer.statuses('BYE'), [200]);
  assert.is(call.snapshot.state, 'active');
  call.hangup();
  await world.advance(5);
  assert.equal(
    world.peer.requests('BYE').map(({ to }) => to.tag),
    ['late', 'first'],
  );
  for (const request of world.peer.requests('BYE'))
    await world.peer.reply(request, 200, { tag: request.to.tag ?? '' });
  await clean(world);
});

test('a fork answers after the call has ended: ACK and BYE all the same', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await world.peer.reply(invite, 200, { tag: 'a', body: sdp() });
  call.hangup();
  await world.advance(5);
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(call.ended, true);
  await world.peer.reply(invite, 200, { tag: 'late', body: sdp() });
  assert.is(world.peer.last('BYE').to.tag, 'late');
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(world.log.rows.length, 1);
  await clean(world);
});

test('[MD-2.2.6a] a fork answers after the refusal: ACK and BYE, once each, and the call stays refused', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await world.peer.reply(invite, 180, { tag: 'a' });
  await world.peer.reply(invite, 486, { tag: 'a' });
  assert.is(call.ended, true);
  await world.peer.reply(invite, 200, { tag: 'late', body: sdp() });
  const acks = (): readonly SipRequest[] => world.peer.requests('ACK').filter(({ to }) => to.tag === 'late');
  assert.is(acks().length, 1);
  assert.is(world.peer.last('BYE').to.tag, 'late');
  await world.peer.reply(invite, 200, { tag: 'late', body: sdp() });
  assert.is(acks().length, 2, 'a repeated 200 is acknowledged again');
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(world.peer.requests('BYE').length, 1);
  assert.equal(
    world.log.rows.map(({ end }) => end.sip),
    [486],
  );
  await clean(world);
});

for (const [status, headers] of [
  [420, [['Unsupported', '199']]],
  [422, [['Min-SE', '1900']]],
] as const) {
  for (const [where, until] of [
    ['while the next one rings', 180],
    ['when the next one stands', 200],
    ['when the next one was refused', 486],
  ] as const) {
    test(`[MD-2.2.6a] a fork answers a try that met ${status}, ${where}: ACK with its CSeq and BYE, and nothing else`, async () => {
      const world = await makeWorld();
      const { call, invite } = await dialled(world);
      await world.peer.reply(invite, status, { headers });
      const second = world.peer.last('INVITE');
      assert.is(second.cseq.number, 2);
      await world.peer.reply(second, until, { tag: 'b', ...(until === 200 ? { body: sdp() } : {}) });
      const before = call.publicState;
      await world.peer.reply(invite, 200, { tag: 'late', body: sdp({ port: 5002 }) });
      const acks = world.peer.requests('ACK').filter(({ to }) => to.tag === 'late');
      assert.equal(
        acks.map(({ cseq }) => cseq.number),
        [1],
      );
      assert.is(world.peer.last('BYE').to.tag, 'late');
      await world.peer.reply(world.peer.last('BYE'), 200);
      assert.is(call.publicState, before);
      if (until !== 486) call.hangup();
      await world.advance(5);
      if (until === 180) await world.peer.reply(second, 487, { tag: 'b' });
      if (until === 200) await world.peer.reply(world.peer.last('BYE'), 200);
      assert.is(world.log.rows.length, 1);
      await clean(world);
    });
  }
}

test('our BYE meets no answer: the call ends all the same', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await world.peer.reply(invite, 200, { tag: 'a', body: sdp() });
  call.hangup();
  await world.advance(40_000);
  assert.is(call.ended, true);
  assert.is(world.log.rows.length, 1);
  await clean(world);
});

test('both hang up at once: each BYE is answered', async () => {
  const world = await makeWorld();
  const { call, invite } = await dialled(world);
  await world.peer.reply(invite, 200, { tag: 'a', body: sdp() });
  call.hangup();
  await world.peer.send(
    world.peer.request('BYE', {
      callId: invite.callId,
      cseq: 1,
      from: `${TARGET};tag=a`,
      to: invite.from.toString(),
    }),
  );
  assert.equal(world.peer.statuses('BYE'), [200]);
  await world.peer.reply(world.peer.last('BYE'), 481);
  assert.is(call.ended, true);
  await clean(world);
});

test('no port: dialling fails at once and nothing is sent', async () => {
  const world = await makeWorld();
  world.media.failure = new TandemError('caller', 'media.ports', 'No port is free.');
  assert.throws(
    () => world.manager.dial({ to: TARGET }),
    (error: unknown) => TandemError.is(error, 'media.ports'),
  );
  await world.advance(5);
  assert.is(world.peer.requests().length, 0);
  assert.is(world.manager.list().length, 0);
});

test('a media address by name is looked up before anything is sent there', async () => {
  const world = await makeWorld();
  const { invite } = await dialled(world);
  await world.peer.reply(invite, 200, { tag: 'a', body: sdp({ address: 'media.example.com' }) });
  assert.is(world.media.streams[0]?.last?.remote.address, '192.0.2.77');
});

test('closing with a call that only dials: CANCEL, done in three seconds', async () => {
  const world = await makeWorld();
  const { invite } = await dialled(world);
  await world.peer.reply(invite, 180, { tag: 'a' });
  let closed = false;
  void world.manager.close().then(() => {
    closed = true;
  });
  await world.advance(3_000);
  assert.is(closed, true);
  assert.ok(world.peer.requests('CANCEL').length > 0);
  assert.is(world.log.rows[0]?.end.label, 'cancelled');
  assert.is(world.media.open, 0);
});

test.run();
