// Who sees who we are: OIR by call and by setting, TIR in 18x and 200, identities of others in the INVITE.
import * as assert from 'uvu/assert';
import type { Privacy, PrivacySettings } from '#src/call/privacy.ts';
import { privacyOf } from '#src/call/privacy.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp, type TestWorld, uri } from './harness.ts';

const test = suite('call/privacy');

const TARGET = `sip:bob@${PEER.host}:${PEER.port}`;
const NATIVE = NameAddr.of(uri('sip:+4670@op.example'), { displayName: 'Door' });
const SECOND = NameAddr.of(uri('sip:second@op.example'));

const account = (privacy?: PrivacySettings, shared: readonly string[] = []): Promise<TestWorld> =>
  makeWorld({
    line: {
      profile: 'ims',
      domain: 'op.example',
      identities: [NATIVE, SECOND],
      contact: ({ privacy: hidden }) =>
        NameAddr.of(uri(hidden ? 'sip:temp@192.0.2.1:5060;gr' : 'sip:door@192.0.2.1:5060;gr')),
    },
    config: { shared, ...(privacy ? { privacy } : {}) },
  });

const RULES: readonly [asked: boolean | undefined, calls: PrivacySettings['calls'], said: Privacy][] = [
  [undefined, 'none', 'unsaid'],
  [undefined, 'id', 'id'],
  [undefined, 'header', 'header'],
  [true, 'none', 'id'],
  [true, 'id', 'id'],
  [true, 'header', 'header'],
  [false, 'none', 'unsaid'],
  [false, 'id', 'none'],
  [false, 'header', 'none'],
];

for (const [asked, calls, said] of RULES) {
  test(`[MD-2.3.6] asked ${asked}, setting ${calls}: ${said}`, async () => {
    assert.is(privacyOf(asked, { calls, answers: false }), said);
    const world = await account({ calls, answers: false });
    world.manager.dial({ to: TARGET, ...(asked === undefined ? {} : { privacy: asked }) });
    await world.advance(5);
    const invite = world.peer.last('INVITE');
    const hidden = said === 'id' || said === 'header';
    assert.equal(invite.headerValues('Privacy'), said === 'unsaid' ? [] : [said]);
    assert.is(
      invite.from.uri.toString(),
      hidden ? 'sip:anonymous@anonymous.invalid' : 'sip:+4670@op.example',
    );
    assert.is(invite.from.displayName, hidden ? 'Anonymous' : 'Door');
    assert.is(
      invite.contacts[0]?.uri.toString(),
      hidden ? 'sip:temp@192.0.2.1:5060;gr' : 'sip:door@192.0.2.1:5060;gr',
    );
    // The network must know whom to assert.
    assert.match(invite.header('P-Preferred-Identity') ?? '', /<sip:\+4670@op\.example>/);
  });
}

test('[MD-2.4.6.2b] another identity than the registered ones, as 24.174 A.2.2 writes it', async () => {
  const world = await account(undefined, ['tel:+22221111']);
  const call = world.manager.dial({ to: TARGET, identity: 'tel:+22221111' });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  assert.is(invite.header('Additional-Identity'), '<tel:+22221111>');
  assert.is(invite.from.uri.toString(), 'sip:+4670@op.example');
  assert.match(invite.header('P-Preferred-Identity') ?? '', /<sip:\+4670@op\.example>/);
  assert.is(call.snapshot.identity, 'tel:+22221111');
});

test('[MD-2.4.6.1a] a registered alternative: From and P-Preferred-Identity, nothing beside them', async () => {
  const world = await account(undefined, ['tel:+22221111']);
  world.manager.dial({ to: TARGET, identity: 'sip:second@op.example' });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  assert.is(invite.from.uri.toString(), 'sip:second@op.example');
  assert.is(invite.header('P-Preferred-Identity'), '<sip:second@op.example>');
  assert.is(invite.header('Additional-Identity'), undefined);
});

for (const answers of [true, false]) {
  test(`[MD-2.3.7] ${answers ? 'hidden' : 'open'} when called: 180 and 200 alike`, async () => {
    const world = await account({ calls: 'none', answers });
    const peer = world.peer.call('a');
    await peer.invite();
    world.manager.get(world.latest().id)?.answer();
    await world.advance(5);
    const answered = peer.responses.filter(({ status }) => status > 100);
    assert.equal(
      answered.map(({ status }) => status),
      [180, 200],
    );
    for (const response of answered) {
      assert.is(response.header('Privacy'), answers ? 'id' : undefined);
      assert.is(
        response.contacts[0]?.uri.toString(),
        answers ? 'sip:temp@192.0.2.1:5060;gr' : 'sip:door@192.0.2.1:5060;gr',
      );
    }
    await peer.ack();
  });
}

test('a refusal tells nothing of identities', async () => {
  const world = await account({ calls: 'none', answers: true });
  const peer = world.peer.call('a');
  await peer.invite({ body: sdp() });
  world.manager.get(world.latest().id)?.reject();
  await world.advance(5);
  assert.is(peer.responses.at(-1)?.status, 486);
  assert.is(peer.responses.at(-1)?.header('Privacy'), undefined);
});

test('a call for an identity that is switched off does not ring here and leaves the other devices alone', async () => {
  const world = await makeWorld({
    line: { profile: 'ims', identities: [NATIVE, SECOND], trusts: () => true },
  });
  world.manager.identities.setActive('sip:second@op.example', false);
  const peer = world.peer.call('a');
  await peer.invite({ body: sdp(), headers: [['P-Called-Party-ID', '<sip:second@op.example>']] });
  await peer.ack();
  assert.is(peer.statuses().at(-1), 480);
  assert.is(world.log.rows[0]?.end.label, 'missed');
});

test('[MD-2.3.6] what comes later in a hidden call hides as well', async () => {
  const world = await account();
  const call = world.manager.dial({ to: TARGET, privacy: true });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  await world.peer.reply(invite, 200, { tag: 'b', body: sdp({ payload: '0 101' }) });
  const fields = { callId: invite.callId, cseq: 1, from: `<${TARGET}>;tag=b`, to: invite.from.toString() };
  await world.peer.send(
    world.peer.request('INVITE', { ...fields, body: sdp({ payload: '0 101', version: 2 }) }),
  );
  const answer = world.peer.responses('INVITE').at(-1);
  assert.is(answer?.status, 200);
  assert.is(answer?.header('Privacy'), 'id');
  assert.is(answer?.contacts[0]?.uri.toString(), 'sip:temp@192.0.2.1:5060;gr');
  await world.peer.send(world.peer.request('ACK', fields));
  void call.hold();
  await world.advance(5);
  const held = world.peer.last('INVITE');
  assert.is(held.header('Privacy'), 'id');
  assert.is(held.contacts[0]?.uri.toString(), 'sip:temp@192.0.2.1:5060;gr');
  assert.not.match(held.toString(), /4670@op/);
});

test.run();
