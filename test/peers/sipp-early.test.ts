// A device called by SIPp, before the answer: reliable 18x and PRACK, UPDATE, conditions of the caller's network.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import {
  ack,
  ackRefusal,
  cancel,
  cancelTaken,
  hangUp,
  hungUp,
  inDialog,
  invite,
  type RequestFields,
  refused,
  reply,
  rings,
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
import { until } from './support/process.ts';

const test = suite('peers/sipp-early');
const peers = ['SIPp'];

let stage: Stage;
test.before(async () => {
  stage = await Stage.open({
    profile: 'ims',
    // Called by its address; nobody answers there.
    pcscf: 'sip:127.0.0.1:9;transport=udp',
    account: 'register = false',
    codecs: ['PCMU', 'PCMA', 'H264'],
    sip: 'precondition = "optional"',
    call: 'ring_seconds = 5',
    more: '[video]\nsink = "file:/dev/null"',
  });
});
test.after(() => stage.close());

const ABLE = 'Supported: 100rel';
const DEMANDED = 'Require: 100rel';
const CONDITIONS = 'Supported: 100rel, precondition';
const UPDATES = 'Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE';

const qos = (local: string, remote: string): string[] => [
  `a=curr:qos local ${local}`,
  `a=curr:qos remote ${remote}`,
  'a=des:qos mandatory local sendrecv',
  'a=des:qos mandatory remote sendrecv',
];

/** A reliable response with our RSeq kept. */
const reliable = (status: number, checks: readonly string[] = []): Step =>
  expect(status, {
    checks: [keep('RSeq', '([0-9]+)', 'rseq'), has('Require', '100rel'), ...checks],
  });
/** On a busy machine the response comes again before SIPp has got as far as to acknowledge it. */
const again = (): Step => expect(183, { optional: true });
const prack = (user: string, cseq: number, fields: RequestFields = {}): Step =>
  inDialog('PRACK', user, { cseq, headers: ['RAck: [$rseq] 1 INVITE'], ...fields });
const told = (status: number, cseq: number, method: string, checks: readonly string[] = []): Step =>
  expect(status, { checks: [has('CSeq', `${cseq} ${method}`), ...checks] });

/** INVITE to the PRACK of the 183 and what follows it. */
const ahead = (user: string, fields: RequestFields = {}, checks: readonly string[] = []): Step[] => [
  invite(user, { headers: [ABLE, UPDATES], ...fields }),
  expect(100, { optional: true }),
  reliable(183, checks),
  prack(user, 2),
  told(200, 2, 'PRACK'),
];
/** The 200 has no description any more. */
const taken = (user: string, cseq: number): Step[] => [
  told(200, 1, 'INVITE', [lacks('m=audio')]),
  ack(user),
  pause(50),
  ...hangUp(user, cseq),
];
const givenUp = (user: string): Step[] => [cancel(user), cancelTaken(), expect(487), ackRefusal(user)];

test.proof("[MD-2.2.5a] the device's own 183 brings its answer, is acknowledged, and the 180 follows", {
  peers,
  run: () => setUp('able', [ABLE]),
  control: () => setUp('unable', []),
});

async function setUp(user: string, headers: readonly string[]): Promise<void> {
  const steps = [
    ...ahead(user, { headers }, [contains('m=audio [0-9]* RTP/AVP 0')]),
    expect(180),
    ...taken(user, 3),
  ];
  await stage.called(user, scenario(user, steps), headers.length > 0 ? () => stage.answer(user) : undefined, {
    limitSeconds: 10,
  });
  assert.is((await stage.logged(user)).end?.label, 'answered');
}

test('[MD-2.2.5a] who demands 100rel gets the 180 reliably too, with the next number', {
  peers,
}, async () => {
  const user = 'demanded';
  const steps = [
    ...ahead(user, { headers: [DEMANDED] }),
    reliable(180, [lacks('m=audio')]),
    prack(user, 3),
    told(200, 3, 'PRACK'),
    ...taken(user, 4),
  ];
  await stage.called(user, scenario(user, steps), () => stage.takeUp(user));
});

test('[MD-2.2.5a] an INVITE without offer: ours in the 183, the answer in the PRACK', { peers }, async () => {
  const user = 'offerless';
  const steps = [
    invite(user, { headers: [ABLE], body: undefined }),
    expect(100, { optional: true }),
    reliable(183, [contains('m=audio [0-9]* RTP/AVP 0 8')]),
    prack(user, 2, { body: sdp({ formats: '0 101' }) }),
    told(200, 2, 'PRACK'),
    expect(180),
    ...taken(user, 3),
  ];
  await stage.called(user, scenario(user, steps), () => stage.takeUp(user));
  const { audio } = await stage.logged(user);
  assert.is(audio?.codec, 'PCMU');
});

test('[MD-2.2.5a] an INVITE without offer or 100rel: ours in the 200, the answer in the ACK', {
  peers,
}, async () => {
  const user = 'asked';
  const steps = [
    invite(user, { body: undefined }),
    ...rings({ checks: [lacks('m=audio')] }),
    expect(200, { checks: [contains('m=audio')] }),
    ack(user, { body: sdp() }),
    pause(50),
    ...hangUp(user),
  ];
  await stage.called(user, scenario(user, steps), () => stage.takeUp(user));
});

test('[MD-2.2.5a] a lost PRACK: the 183 comes again, no 180 and no 200 before the PRACK', {
  peers,
}, async () => {
  const user = 'lost';
  const steps = [
    invite(user, { headers: [ABLE] }),
    expect(100, { optional: true }),
    reliable(183),
    expect(183),
    expect(183),
    prack(user, 2),
    again(),
    told(200, 2, 'PRACK'),
    expect(180),
    ...taken(user, 3),
  ];
  // The owner answers at once: the 200 waits.
  await stage.called(user, scenario(user, steps), () => stage.answer(user), { more: ['-nr'] });
});

test.proof('[MD-2.2.5a] no PRACK at all ends the call with 504', {
  peers,
  run: () => neverAcknowledged('silent', false),
  control: () => neverAcknowledged('spoken', true),
});

async function neverAcknowledged(user: string, acknowledges: boolean): Promise<void> {
  const steps = [
    invite(user, { headers: [ABLE] }),
    expect(100, { optional: true }),
    reliable(183),
    ...(acknowledges ? [prack(user, 2), told(200, 2, 'PRACK'), expect(180)] : []),
    expect(504, { timeout: 7_000 }),
    ackRefusal(user),
  ];
  await stage.called(user, scenario(user, steps));
  const { end } = await stage.logged(user);
  assert.equal([end?.label, end?.sip], ['failed', 504]);
}

test('[MD-2.2.5a] a PRACK that is repeated is answered again, one that fits nothing is 481', {
  peers,
}, async () => {
  const user = 'twice';
  const steps = [
    invite(user, { headers: [ABLE] }),
    expect(100, { optional: true }),
    reliable(183),
    inDialog('PRACK', user, { cseq: 2, headers: ['RAck: 4294967295 1 INVITE'] }),
    again(),
    told(481, 2, 'PRACK'),
    inDialog('PRACK', user, { cseq: 3, headers: ['RAck: [$rseq] 7 INVITE'] }),
    again(),
    told(481, 3, 'PRACK'),
    inDialog('PRACK', user, { cseq: 4, headers: ['RAck: [$rseq] 1 UPDATE'] }),
    again(),
    told(481, 4, 'PRACK'),
    prack(user, 5),
    again(),
    told(200, 5, 'PRACK'),
    expect(180),
    prack(user, 5),
    told(200, 5, 'PRACK'),
    ...givenUp(user),
  ];
  await stage.called(user, scenario(user, steps), undefined, { more: ['-nr'] });
});

test('[MD-2.2.5a] CANCEL before the PRACK: 487, and the 183 comes no more', { peers }, async () => {
  const user = 'cancelled';
  const steps = [
    invite(user, { headers: [ABLE] }),
    expect(100, { optional: true }),
    reliable(183),
    cancel(user),
    again(),
    cancelTaken(),
    expect(487),
    ackRefusal(user),
    silence(600),
  ];
  await stage.called(user, scenario(user, steps), undefined, { more: ['-nr'] });
  assert.is((await stage.logged(user)).end?.label, 'missed');
});

test('[MD-2.2.5a] an offer in the PRACK is answered in its 200', { peers }, async () => {
  const user = 'prackoffer';
  const steps = [
    invite(user, { headers: [ABLE] }),
    expect(100, { optional: true }),
    reliable(183),
    prack(user, 2, { body: sdp({ version: 2, direction: 'sendonly' }) }),
    told(200, 2, 'PRACK', [contains('a=recvonly')]),
    expect(180),
    ...taken(user, 3),
  ];
  await stage.called(user, scenario(user, steps), () => stage.takeUp(user));
});

test.proof('[MD-2.2.5b] UPDATE before the answer, without and with an offer', {
  peers,
  run: () => updated('update', true),
  control: () => updated('tooearly', false),
});

async function updated(user: string, isSettled: boolean): Promise<void> {
  const first = isSettled
    ? [...ahead(user), expect(180)]
    : [invite(user, { headers: [UPDATES] }), ...rings()];
  const steps = [
    ...first,
    inDialog('UPDATE', user, { cseq: 3 }),
    told(200, 3, 'UPDATE', [has('Contact', 'sip:')]),
    inDialog('UPDATE', user, { cseq: 4, body: sdp({ version: 2, direction: 'sendonly', port: 6010 }) }),
    told(200, 4, 'UPDATE', [contains('a=recvonly')]),
    inDialog('UPDATE', user, { cseq: 5, body: sdp({ version: 3, formats: '18' }) }),
    told(488, 5, 'UPDATE'),
    ...taken(user, 6),
  ];
  await stage.called(
    user,
    scenario(user, steps),
    async (sipp) => {
      // The owner answers once all of them have passed.
      if (!isSettled) return;
      await until('the last UPDATE to be refused', async () => sipp.messages().includes('SIP/2.0 488'));
      await stage.answer(user);
    },
    { limitSeconds: 10 },
  );
  assert.is((await stage.logged(user)).end?.label, 'answered');
}

test('[MD-2.2.5b] UPDATE that crosses: 500 with Retry-After for an open offer of theirs, 491 for one of ours', {
  peers,
}, async () => {
  const theirs = 'crosstheirs';
  await stage.called(
    theirs,
    scenario(theirs, [
      invite(theirs, { headers: [UPDATES] }),
      ...rings(),
      inDialog('UPDATE', theirs, { cseq: 2, body: sdp({ version: 2 }) }),
      told(500, 2, 'UPDATE', [has('Retry-After', '^ *([0-9]|10)')]),
      ...givenUp(theirs),
    ]),
  );
  const ours = 'crossours';
  await stage.called(
    ours,
    scenario(ours, [
      invite(ours, { headers: [ABLE], body: undefined }),
      expect(100, { optional: true }),
      reliable(183),
      inDialog('UPDATE', ours, { cseq: 2, body: sdp({ version: 2 }) }),
      told(491, 2, 'UPDATE'),
      ...givenUp(ours),
    ]),
  );
});

test.proof(
  '[MD-2.4.1a] conditions of the caller: the table in the 183, ringing only once an UPDATE has met them',
  {
    peers,
    run: () => conditionsMet('conditions', CONDITIONS),
    control: () => conditionsMet('nomention', ABLE),
  },
);

async function conditionsMet(user: string, supported: string): Promise<void> {
  const steps = [
    invite(user, { headers: [supported, UPDATES], body: [...sdp(), ...qos('none', 'none')] }),
    expect(100, { optional: true }),
    reliable(183, [
      has('Require', 'precondition'),
      contains('a=curr:qos local sendrecv'),
      contains('a=curr:qos remote none'),
      contains('a=des:qos mandatory local sendrecv'),
      contains('a=des:qos mandatory remote sendrecv'),
      contains('a=conf:qos remote sendrecv'),
    ]),
    prack(user, 2),
    told(200, 2, 'PRACK'),
    silence(300),
    inDialog('UPDATE', user, {
      cseq: 3,
      headers: ['Require: precondition'],
      body: [...sdp({ version: 2 }), ...qos('sendrecv', 'sendrecv')],
    }),
    told(200, 3, 'UPDATE', [contains('a=curr:qos remote sendrecv'), contains('a=curr:qos local sendrecv')]),
    expect(180),
    ...taken(user, 4),
  ];
  await stage.called(user, scenario(user, steps), () => stage.answer(user), { limitSeconds: 10 });
}

test.proof('[MD-2.4.1a] conditions that are never met: 580 that names them', {
  peers,
  run: () => neverMet('never', 'none'),
  control: () => neverMet('ready', 'sendrecv'),
});

async function neverMet(user: string, local: string): Promise<void> {
  const steps = [
    invite(user, { headers: [CONDITIONS], body: [...sdp(), ...qos(local, 'none')] }),
    expect(100, { optional: true }),
    reliable(183),
    prack(user, 2),
    told(200, 2, 'PRACK'),
    expect(580, { timeout: 10_000, checks: [contains('a=des:qos failure remote sendrecv')] }),
    ackRefusal(user),
  ];
  await stage.called(user, scenario(user, steps));
  assert.is((await stage.logged(user)).end?.sip, 580);
}

test('[MD-2.4.1a] an end-to-end condition is refused at once; without 100rel it is asked for', {
  peers,
}, async () => {
  const user = 'endtoend';
  const e2e = ['a=curr:qos e2e none', 'a=des:qos mandatory e2e sendrecv'];
  await stage.called(
    user,
    scenario(
      user,
      refused(user, 580, { headers: [CONDITIONS], body: [...sdp(), ...e2e] }, [
        contains('a=des:qos failure e2e sendrecv'),
      ]),
    ),
  );
  const bare = 'bare';
  await stage.called(
    bare,
    scenario(
      bare,
      refused(bare, 421, { headers: ['Supported: precondition'], body: [...sdp(), ...qos('none', 'none')] }, [
        has('Require', '100rel'),
      ]),
    ),
  );
});

test.proof('[MD-2.4.1b] a video line has conditions of its own, and holds the ringing back alone', {
  peers,
  run: () => videoConditions('video', 'none'),
  control: () => videoConditions('videoready', 'sendrecv'),
});

async function videoConditions(user: string, video: string): Promise<void> {
  const media = (local: string): string[] => [
    'm=audio 6000 RTP/AVP 0',
    ...qos('sendrecv', 'sendrecv'),
    'm=video 6002 RTP/AVP 97',
    'a=rtpmap:97 H264/90000',
    'a=fmtp:97 profile-level-id=42e01f;packetization-mode=1',
    ...qos(local, 'sendrecv'),
  ];
  const steps = [
    invite(user, { headers: [CONDITIONS], body: sdp({ media: media(video) }) }),
    expect(100, { optional: true }),
    reliable(183, [contains('m=video [1-9]'), contains('a=curr:qos remote none')]),
    prack(user, 2),
    told(200, 2, 'PRACK'),
    silence(200),
    inDialog('UPDATE', user, { cseq: 3, body: sdp({ media: media('sendrecv'), version: 2 }) }),
    told(200, 3, 'UPDATE', [contains('m=video [1-9]'), lacks('a=curr:qos remote none')]),
    expect(180),
    ...givenUp(user),
  ];
  await stage.called(user, scenario(user, steps), undefined, { limitSeconds: 10 });
}

test.proof(
  '[MD-2.3.4] three calls wait beside one that is talked in, each in its own dialog: rejected, taken back, answered',
  {
    peers,
    timeoutMs: 60_000,
    run: () => threeWait('w', true),
    control: () => threeWait('v', false),
  },
);

async function threeWait(prefix: string, isTalkedIn: boolean): Promise<void> {
  const [first, rejected, gone, answered] = ['first', 'rejected', 'gone', 'answered'].map(
    (name) => prefix + name,
  );
  if (!first || !rejected || !gone || !answered) return;
  const waits = [has('Alert-Info', '<urn:alert:service:call-waiting>')];
  const rejectedSteps = [
    ...ahead(rejected),
    expect(180, { checks: waits }),
    expect(486),
    ackRefusal(rejected),
  ];
  const goneSteps = [invite(gone), ...rings({ checks: waits }), pause(600), ...givenUp(gone)];
  const answeredSteps = [...ahead(answered), expect(180, { checks: waits }), ...taken(answered, 3)];
  const waiting = async (): Promise<void> => {
    const played = await Promise.allSettled([
      stage.alongside(rejected, scenario(rejected, rejectedSteps), async () => {
        const { id } = await stage.call(rejected, 'ringing');
        await stage.device.act(id, 'reject');
      }),
      stage.alongside(gone, scenario(gone, goneSteps), async () => {
        assert.is((await stage.call(gone, 'ringing')).waiting, true);
      }),
      stage.alongside(answered, scenario(answered, answeredSteps), () => stage.answer(answered)),
    ]);
    for (const each of played) if (each.status === 'rejected') throw each.reason;
    assert.is((await stage.logged(rejected)).end?.label, 'rejected');
    assert.is((await stage.logged(gone)).end?.label, 'missed');
    assert.is((await stage.logged(answered)).end?.label, 'answered');
  };
  // The talk before may be on hold meanwhile; it stands.
  const talk = [
    ...ahead(first),
    expect(180),
    told(200, 1, 'INVITE'),
    ack(first),
    expect('INVITE'),
    send(
      reply(
        200,
        ['Contact: <sip:first@[local_ip]:[local_port]>'],
        sdp({ version: 2, direction: 'recvonly' }),
      ),
    ),
    expect('ACK'),
    ...hungUp(),
  ];
  if (!isTalkedIn) return waiting();
  await stage.called(first, scenario(first, talk), async () => {
    const { id } = await stage.takeUp(first);
    await waiting();
    assert.is((await stage.device.call(id)).state, 'active');
    await stage.device.act(id, 'hangup');
  });
}

test('[MD-2.3.4] the network marks a waiting call by its body: the 180 says so, and the call too', {
  peers,
}, async () => {
  const user = 'marked';
  const parts = [
    '--b1',
    'Content-Type: application/sdp',
    '',
    ...sdp(),
    '--b1',
    'Content-Type: application/vnd.3gpp.cw+xml',
    'Content-Disposition: render;handling=optional',
    '',
    '<?xml version="1.0"?><ims-cw xmlns="urn:3gpp:ns:cw:1.0"><communication-waiting-indication/></ims-cw>',
    '--b1--',
  ];
  const steps = [
    invite(user, { body: parts, type: 'multipart/mixed;boundary=b1' }),
    ...rings({ checks: [has('Alert-Info', '<urn:alert:service:call-waiting>')] }),
    pause(300),
    ...givenUp(user),
  ];
  await stage.called(user, scenario(user, steps), async () => {
    assert.is((await stage.call(user, 'ringing')).waiting, true);
  });
});

test.run();
