// Changes of a call that need more than a 200: conditions of the caller's network, reliable responses to a re-INVITE (RFC 3312 6, RFC 3262).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import {
  ack,
  ackRefusal,
  callSetUp,
  cancel,
  hangUp,
  inDialog,
  invite,
  type RequestFields,
  reply,
} from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import {
  contains,
  expect,
  has,
  keep,
  lacks,
  pause,
  type Step,
  scenario,
  sdp,
  send,
  silence,
} from './scenarios/xml.ts';

const test = suite('peers/sipp-conditions');
const peers = ['SIPp'];

/** No message comes twice because the machine is busy. */
const CALM = { timers: { t1: 1500, t2: 4000, t4: 300 } };

let stage: Stage;
test.before(async () => {
  stage = await Stage.open({ ...CALM, sip: 'precondition = "optional"' });
});
test.after(() => stage.close());

const CONDITIONS = 'Supported: 100rel, precondition';
const UPDATES = 'Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE';

const qos = (local: string): string[] => [
  `a=curr:qos local ${local}`,
  'a=curr:qos remote none',
  'a=des:qos mandatory local sendrecv',
  'a=des:qos mandatory remote sendrecv',
];

const described = (local: string, version: number): string[] => [...sdp({ version }), ...qos(local)];

const told = (status: number, cseq: number, method: string, checks: readonly string[] = []): Step =>
  expect(status, { checks: [has('CSeq', `^ *${cseq} ${method}`), ...checks] });

const changed = (user: string, cseq: number, fields: RequestFields): Step[] => [
  invite(user, { toTag: 'peer', cseq, headers: [CONDITIONS, UPDATES], ...fields }),
  expect(100, { optional: true }),
];

/** A re-INVITE (CSeq 2) whose resources are not there, to its PRACK (CSeq 3). */
const waiting = (user: string): Step[] => [
  ...changed(user, 2, { body: described('none', 2) }),
  told(183, 2, 'INVITE', [
    keep('RSeq', '([0-9]+)', 'rseq'),
    has('Require', '100rel'),
    has('Require', 'precondition'),
    contains('a=curr:qos remote none'),
    contains('a=conf:qos remote sendrecv'),
  ]),
  inDialog('PRACK', user, { cseq: 3, headers: ['RAck: [$rseq] 2 INVITE'] }),
  told(200, 3, 'PRACK'),
];

/** The call goes on as any other. */
const unharmed = (user: string, cseq: number): Step[] => [
  ...changed(user, cseq, { headers: [], body: sdp({ version: 9 }) }),
  told(200, cseq, 'INVITE', [contains('m=audio [1-9]'), lacks('a=curr')]),
  ack(user, { cseq }),
  ...hangUp(user, cseq + 1),
];

const answered = (user: string, steps: readonly Step[]): Promise<void> =>
  stage.called(user, scenario(user, [...callSetUp(user), ...steps]), () => stage.answer(user), {
    limitSeconds: 15,
  });

test.proof(
  '[MD-2.4.1a] a re-INVITE with conditions: our answer in a reliable 183, the 200 only when an UPDATE has met them',
  {
    peers,
    run: () => met('sendrecv'),
    // Who does not tell of its resources waits on.
    control: () => met('none'),
  },
);

async function met(local: string): Promise<void> {
  const user = `met${local}`;
  await answered(user, [
    ...waiting(user),
    silence(300),
    inDialog('UPDATE', user, {
      cseq: 4,
      headers: ['Require: precondition'],
      body: described(local, 3),
    }),
    told(200, 4, 'UPDATE', [contains(`a=curr:qos remote ${local}`)]),
    expect(200, { timeout: 2000, checks: [has('CSeq', '2 INVITE'), lacks('m=audio')] }),
    ack(user, { cseq: 2 }),
    ...hangUp(user, 5),
  ]);
  assert.is((await stage.logged(user)).end?.label, 'answered');
}

test('[MD-2.4.1a] met by the PRACK; met from the start', { peers }, async () => {
  const user = 'bypracks';
  await answered(user, [
    ...waiting(user).slice(0, -2),
    inDialog('PRACK', user, {
      cseq: 3,
      headers: ['RAck: [$rseq] 2 INVITE'],
      body: described('sendrecv', 3),
    }),
    told(200, 3, 'PRACK', [contains('a=curr:qos remote sendrecv'), lacks('Session-Expires')]),
    told(200, 2, 'INVITE', [lacks('m=audio')]),
    ack(user, { cseq: 2 }),
    ...changed(user, 4, { body: described('sendrecv', 4) }),
    told(200, 4, 'INVITE', [contains('a=curr:qos local sendrecv')]),
    ack(user, { cseq: 4 }),
    ...hangUp(user, 5),
  ]);
});

test('a re-INVITE that waits: CANCEL 487, another one 500, the call as before; BYE ends both', {
  peers,
}, async () => {
  const user = 'taken';
  await answered(user, [
    ...waiting(user),
    ...changed(user, 4, { body: sdp({ version: 3 }), headers: [] }),
    told(500, 4, 'INVITE', [has('Retry-After', '[0-9]')]),
    ackRefusal(user, { cseq: 4 }),
    cancel(user, [], { cseq: 2, toTag: 'peer' }),
    told(200, 2, 'CANCEL'),
    told(487, 2, 'INVITE'),
    ackRefusal(user, { cseq: 2 }),
    ...unharmed(user, 5),
  ]);
  const gone = 'gone';
  await answered(gone, [
    ...waiting(gone),
    inDialog('BYE', gone, { cseq: 4 }),
    told(200, 4, 'BYE'),
    told(487, 2, 'INVITE'),
    ackRefusal(gone, { cseq: 2 }),
  ]);
});

test('[MD-2.4.1a] conditions without reliable responses: 421, and the call as before', {
  peers,
}, async () => {
  const user = 'unreliable';
  await answered(user, [
    ...changed(user, 2, { headers: ['Supported: precondition'], body: described('none', 2) }),
    told(421, 2, 'INVITE', [has('Require', '100rel')]),
    ackRefusal(user, { cseq: 2 }),
    ...unharmed(user, 3),
  ]);
});

/** The owner holds; SIPp answers as given, `[$via]` and the rest being those of the re-INVITE. */
const holding = (user: string, steps: readonly Step[]): Step[] => [
  expect('INVITE', {
    checks: [
      has('Supported', '100rel'),
      contains('a=sendonly'),
      ...['Via', 'From', 'To', 'CSeq'].map((name) => keep(name, '(.*)', name.toLowerCase())),
    ],
  }),
  ...steps,
  expect('ACK'),
  pause(200),
  ...hangUp(user, 9),
];

const HELD = sdp({ version: 2, direction: 'recvonly', formats: '0' });

const answer = (status: number, headers: readonly string[], content?: readonly string[]): Step =>
  send([
    `SIP/2.0 ${status} Answer`,
    'Via:[$via]',
    'From:[$from]',
    'To:[$to]',
    'Call-ID: [call_id]',
    'CSeq:[$cseq]',
    'Contact: <sip:peer@[local_ip]:[local_port];transport=[transport]>',
    ...headers,
    ...(content
      ? ['Content-Type: application/sdp', 'Content-Length: [len]', '', ...content]
      : ['Content-Length: 0', '']),
  ]);

const reliably = (content?: readonly string[], rseq = 77): Step[] => [
  answer(183, ['Require: 100rel', `RSeq: ${rseq}`], content),
  expect('PRACK', { timeout: 3000, checks: [has('RAck', `^ *${rseq} [0-9]+ INVITE`)] }),
  send(reply(200)),
];

async function held(user: string, steps: readonly Step[], status: number): Promise<string> {
  let hold = '';
  await stage.called(
    user,
    scenario(user, [...callSetUp(user), ...holding(user, steps)]),
    async () => {
      const { id } = await stage.takeUp(user);
      const answered = await stage.device.fetch('POST', `calls/${id}/hold`, {});
      assert.is(answered.status, status);
      hold = (await stage.device.call(id)).hold;
    },
    { limitSeconds: 10 },
  );
  return hold;
}

test.proof(
  '[MD-2.2.5a] a reliable 183 to our re-INVITE: PRACK, its description is the answer, an UPDATE beside it is answered',
  {
    peers,
    run: () => heldReliably([183]),
    control: () => heldReliably([180, 180]),
  },
);

/** A number that comes again is no new response: no second PRACK may come for it. */
async function heldReliably(statuses: readonly number[]): Promise<void> {
  const user = `reliably${statuses.length}`;
  const hold = await held(
    user,
    [
      ...statuses.flatMap(() => reliably(HELD)),
      inDialog('UPDATE', user, { cseq: 8, body: sdp({ version: 3, direction: 'recvonly', formats: '0' }) }),
      told(200, 8, 'UPDATE', [contains('a=sendonly')]),
      answer(200, []),
    ],
    200,
  );
  assert.is(hold, 'local');
}

test('[MD-2.2.5a] a reliable 18x without description, then the answer in the 200', { peers }, async () => {
  assert.is(
    await held('bare', [...reliably(), ...reliably(undefined, 78), answer(200, [], HELD)], 200),
    'local',
  );
});

test('answered in a reliable 183 and refused all the same: the call is as before', { peers }, async () => {
  assert.is(await held('refused', [...reliably(HELD), answer(488, [])], 503), 'none');
});

test.run();
