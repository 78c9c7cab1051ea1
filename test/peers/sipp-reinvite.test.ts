// Changes inside a call that SIPp asks for: hold and resume, refresh without offer, order, glare (RFC 3261 12, 14; 24.610).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import {
  ack,
  ackRefusal,
  callSetUp,
  hangUp,
  inDialog,
  type RequestFields,
  reply,
  request,
} from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { contains, expect, has, keep, pause, type Step, scenario, sdp, send } from './scenarios/xml.ts';

const test = suite('peers/sipp-reinvite');
const peers = ['SIPp'];

let stage: Stage;
test.before(async () => {
  stage = await Stage.open({ autoAnswer: 'all' });
});
test.after(() => stage.close());

const offered = (user: string, cseq: number, body: readonly string[], fields: RequestFields = {}): Step =>
  send(request('INVITE', user, { toTag: 'peer', cseq, body, ...fields }));

/** A re-INVITE that is taken. */
const changed = (user: string, cseq: number, body: readonly string[], answer: string): Step[] => [
  offered(user, cseq, body),
  expect(100, { optional: true }),
  expect(200, { checks: [contains(answer)] }),
  ack(user, { cseq }),
];

const HOLDS = [
  { name: 'sendonly', offer: sdp({ direction: 'sendonly', version: 2 }), answer: 'a=recvonly' },
  { name: 'inactive', offer: sdp({ direction: 'inactive', version: 2 }), answer: 'a=inactive' },
  { name: 'c=0.0.0.0', offer: sdp({ address: '0.0.0.0', version: 2 }), answer: 'm=audio [1-9]' },
];

for (const { name, offer, answer } of HOLDS) {
  test.proof(`[MD-2.2.5] a hold with ${name} is answered and shown, and so is the end of it`, {
    peers,
    run: () => held(name, offer, answer),
    control: () => held(name, sdp({ version: 2 }), 'm=audio'),
  });
}

async function held(name: string, offer: readonly string[], answer: string): Promise<void> {
  const user = `hold-${name.replace(/\W/g, '')}`;
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user),
      ...changed(user, 2, offer, answer),
      pause(1500),
      ...changed(user, 3, sdp({ version: 3 }), 'm=audio [1-9]'),
      pause(1000),
      ...hangUp(user, 4),
    ]),
    async () => {
      await stage.call(user, 'active');
      const onHold = stage.device.whenCall(
        'a held call',
        (call) => call.remote.uri.includes(user) && call.hold === 'remote',
        1500,
      );
      assert.is(await onHold.then(() => 'held').catch(() => 'not held'), 'held');
      await stage.device.whenCall(
        'a resumed call',
        (call) => call.remote.uri.includes(user) && call.hold === 'none',
      );
    },
  );
  assert.is((await stage.logged(user)).end?.label, 'answered');
}

test('a re-INVITE without offer gets one, and the ACK brings the answer', { peers }, async () => {
  const user = 'refresh';
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user),
      send(request('INVITE', user, { toTag: 'peer', cseq: 2 })),
      expect(100, { optional: true }),
      expect(200, { checks: [contains('m=audio [1-9]'), has('Contact', 'sip:')] }),
      ack(user, { cseq: 2, body: sdp({ direction: 'sendonly', version: 2 }) }),
      pause(500),
      ...hangUp(user, 3),
    ]),
    async () => {
      await stage.device.whenCall(
        'a held call',
        (call) => call.remote.uri.includes(user) && call.hold === 'remote',
      );
    },
  );
});

test('a re-INVITE with no codec in common is 488, and the call goes on as before', { peers }, async () => {
  const user = 'keeps';
  const offer = sdp({ version: 2, media: ['m=audio 6000 RTP/AVP 3', 'a=rtpmap:3 GSM/8000'] });
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user),
      offered(user, 2, offer),
      expect(100, { optional: true }),
      expect(488, { checks: [has('Warning', '30[0-9]')] }),
      ackRefusal(user, { cseq: 2 }),
      pause(300),
      ...hangUp(user, 3),
    ]),
  );
  const row = await stage.logged(user);
  assert.equal([row.end?.label, row.audio?.codec], ['answered', 'PCMU']);
});

test('a fax line: beside the sound it is declined as it was written, instead of the sound it is 488, and the call stands', {
  peers,
}, async () => {
  const user = 'fax';
  const fax = 'm=image 6200 udptl t38';
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user),
      ...changed(user, 2, [...sdp({ version: 2 }), fax], 'm=audio [1-9].*m=image 0 udptl t38'),
      offered(user, 3, sdp({ version: 3, media: [fax] })),
      expect(100, { optional: true }),
      expect(488, { checks: [has('Warning', '304')] }),
      ackRefusal(user, { cseq: 3 }),
      ...changed(user, 4, sdp({ version: 4 }), 'm=audio [1-9]'),
      ...hangUp(user, 5),
    ]),
  );
  assert.is((await stage.logged(user)).end?.label, 'answered');
});

test('a second INVITE before the ACK is refused, and the call stands', { peers }, async () => {
  const user = 'early';
  const tag = keep('To', 'tag=([0-9a-zA-Z]+)', 'tag');
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user).slice(0, -2),
      expect(200, { checks: [tag] }),
      offered(user, 2, sdp({ version: 2 })),
      expect(100, { optional: true }),
      expect(491),
      ackRefusal(user, { cseq: 2 }),
      ack(user, { cseq: 1 }),
      pause(100),
      ...hangUp(user, 3),
    ]),
    undefined,
  );
  assert.is((await stage.logged(user)).end?.label, 'answered');
});

for (const [what, cseq] of [
  ['lower', 1],
  ['equal', 5],
] as const) {
  test(`an in-dialog request with a CSeq that is ${what} is 500`, { peers }, async () => {
    const user = `order-${what}`;
    await stage.called(
      user,
      scenario(user, [
        ...callSetUp(user),
        ...changed(user, 5, sdp({ version: 2 }), 'm=audio'),
        offered(user, cseq, sdp({ version: 3 }), { branch: 'out-of-order' }),
        expect(100, { optional: true }),
        expect(500),
        ackRefusal(user, { cseq, branch: 'out-of-order' }),
        ...hangUp(user, 6),
      ]),
    );
    assert.is((await stage.logged(user)).end?.label, 'answered');
  });
}

test('OPTIONS, INFO and PRACK in a call are answered, and change nothing', { peers }, async () => {
  const user = 'asides';
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user),
      inDialog('OPTIONS', user, { cseq: 2 }),
      expect(200, { checks: [has('Allow', 'INVITE')] }),
      inDialog('INFO', user, { cseq: 3 }),
      expect(200),
      inDialog('INFO', user, { cseq: 4, headers: ['Info-Package: unheard'] }),
      expect(469, { checks: [contains('Recv-Info:')] }),
      inDialog('PRACK', user, { cseq: 5, headers: ['RAck: 1 1 INVITE'] }),
      expect(481),
      inDialog('UPDATE', user, { cseq: 6 }),
      expect(200, { checks: [has('Contact', 'sip:')] }),
      inDialog('PUBLISH', user, { cseq: 7 }),
      expect(405, { checks: [has('Allow', 'BYE')] }),
      ...hangUp(user, 8),
    ]),
  );
});

test('the peer may move: after a re-INVITE with another Contact our BYE goes there', { peers }, async () => {
  const user = 'mover';
  const moved = `Contact: <sip:${user}-moved@[local_ip]:[local_port]>`;
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user),
      offered(user, 2, sdp({ version: 2 }), { contact: moved }),
      expect(100, { optional: true }),
      expect(200),
      ack(user, { cseq: 2, contact: moved }),
      expect('BYE', { checks: [contains(`^BYE sip:${user}-moved@`)] }),
      send(reply(200)),
    ]),
    async () => {
      const call = await stage.call(user, 'active');
      await new Promise((resolve) => setTimeout(resolve, 400));
      await stage.device.act(call.id, 'hangup');
    },
  );
});

test('BYEs that cross are both answered', { peers }, async () => {
  const user = 'bothbye';
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user),
      expect('BYE'),
      inDialog('BYE', user, { cseq: 2 }),
      // To our BYE 200 or, once theirs is forgotten, 481: the dialog is over either way (RFC 3261 15.1.2).
      expect(200, { checks: [has('CSeq', '2 BYE')] }),
    ]),
    async () => {
      const call = await stage.call(user, 'active');
      await stage.device.act(call.id, 'hangup');
    },
    { more: ['-nr'] },
  );
  assert.is((await stage.logged(user)).end?.by, 'local');
});

test('a BYE with a CSeq too low does not end the call', { peers }, async () => {
  const user = 'oldbye';
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user),
      ...changed(user, 5, sdp({ version: 2 }), 'm=audio'),
      inDialog('BYE', user, { cseq: 2 }),
      expect(500),
      ...hangUp(user, 6),
    ]),
  );
  assert.is((await stage.logged(user)).end?.label, 'answered');
});

test.run();
