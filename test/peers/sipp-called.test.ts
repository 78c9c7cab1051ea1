// A device called by SIPp: set-up and release both ways, lost and repeated packets, what is refused and how.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import {
  ack,
  ackRefusal,
  callSetUp,
  DEVICE_URI,
  hangUp,
  hungUp,
  inDialog,
  invite,
  refused,
  refusedAfterRinging,
  reply,
  ringing,
  rings,
} from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import {
  contains,
  expect,
  has,
  keep,
  lacks,
  lacksIn,
  pause,
  scenario,
  sdp,
  send,
  silence,
} from './scenarios/xml.ts';
import { until } from './support/process.ts';

const test = suite('peers/sipp-called');
const peers = ['SIPp'];

let stage: Stage;
test.before(async () => {
  stage = await Stage.open();
});
test.after(() => stage.close());

for (const transport of ['u1', 't1'] as const) {
  const way = transport === 'u1' ? 'UDP' : 'TCP';

  test.proof(`[MD-2.2.5] a call over ${way} that the caller ends`, {
    peers,
    run: () => callerEnds(transport, true),
    control: () => callerEnds(transport, false),
  });

  test(`a call over ${way} that the owner ends`, { peers }, async () => {
    const user = `owner${transport}`;
    await stage.called(
      user,
      scenario(user, [...callSetUp(user), ...hungUp()]),
      async () => {
        const call = await stage.takeUp(user);
        assert.is(call.remote.name, undefined);
        await stage.device.act(call.id, 'hangup');
      },
      { transport },
    );
    const { end } = await stage.logged(user);
    assert.equal([end?.label, end?.by], ['answered', 'local']);
  });
}

async function callerEnds(transport: 'u1' | 't1', isAnswered: boolean): Promise<void> {
  const user = `caller${transport}${isAnswered}`;
  const answered = [...callSetUp(user), pause(100), ...hangUp(user)];
  const given = [
    ...ringing(user),
    inDialog('BYE', user, { cseq: 2 }),
    expect(200),
    expect(487),
    ackRefusal(user),
  ];
  await stage.called(
    user,
    scenario(user, isAnswered ? answered : given),
    async () => {
      if (isAnswered) await stage.answer(user);
    },
    { transport },
  );
  const { end } = await stage.logged(user);
  assert.equal([end?.label, end?.by], ['answered', 'remote']);
}

test('[MD-2.2.5] a 200 without ACK is repeated, and the late ACK stops that', { peers }, async () => {
  const user = 'lateack';
  await stage.called(
    user,
    scenario(user, [
      ...ringing(user),
      expect(200),
      expect(200),
      expect(200),
      ack(user),
      silence(600),
      ...hangUp(user),
    ]),
    () => stage.takeUp(user),
    { more: ['-nr'] },
  );
  assert.is((await stage.logged(user)).end?.label, 'answered');
});

test.proof('[MD-2.2.5d] a 200 that is never acknowledged ends in BYE, and the call has failed', {
  peers,
  run: () => neverAcknowledged(false),
  control: () => neverAcknowledged(true),
});

async function neverAcknowledged(withAck: boolean): Promise<void> {
  const user = `noack${withAck}`;
  await stage.called(
    user,
    scenario(user, [
      ...ringing(user),
      expect(200),
      ...(withAck ? [ack(user)] : []),
      expect(200, { optional: true }),
      expect('BYE', { timeout: 6000 }),
      send(reply(200)),
    ]),
    () => stage.takeUp(user),
  );
  const { end } = await stage.logged(user);
  assert.equal([end?.label, end?.sip], ['failed', 408]);
}

test('a repeated INVITE is one call, and gets the last response again', { peers }, async () => {
  const user = 'repeated';
  await stage.called(
    user,
    scenario(user, [
      ...ringing(user),
      invite(user),
      expect(180),
      invite(user),
      expect(180),
      expect(200),
      ack(user),
      ...hangUp(user),
    ]),
    async () => {
      const call = await stage.call(user, 'ringing');
      await new Promise((resolve) => setTimeout(resolve, 500));
      await stage.device.act(call.id, 'answer');
    },
    { more: ['-nr'] },
  );
  const rows = (await stage.device.log()).filter((row) => row.remote.uri.includes(user));
  assert.is(rows.length, 1);
});

test('an INVITE over two ways is one call: the second is answered 482', { peers }, async () => {
  const user = 'merged';
  await stage.called(
    user,
    scenario(user, [
      invite(user),
      ...rings({ checks: [keep('To', 'tag=([0-9a-zA-Z]+)', 'tag')] }),
      invite(user, { branch: 'another-way' }),
      expect(482),
      ackRefusal(user, { branch: 'another-way' }),
      expect(200),
      ack(user, { toTag: '[$tag]' }),
      inDialog('BYE', user, { cseq: 2, toTag: '[$tag]' }),
      expect(200),
    ]),
    async () => {
      const call = await stage.call(user, 'ringing');
      await new Promise((resolve) => setTimeout(resolve, 400));
      await stage.device.act(call.id, 'answer');
    },
  );
  const rows = (await stage.device.log()).filter((row) => row.remote.uri.includes(user));
  assert.is(rows.length, 1);
});

test('[MD-2.2.5] an INVITE without offer: the offer is in the 200, the answer in the ACK', {
  peers,
}, async () => {
  const user = 'offerless';
  await stage.called(
    user,
    scenario(user, [
      ...ringing(user, { body: undefined }),
      expect(200, {
        checks: [has('Content-Type', 'application/sdp'), contains('m=audio [1-9][0-9]* RTP/AVP')],
      }),
      ack(user, { body: sdp() }),
      pause(200),
      ...hangUp(user),
    ]),
    async () => {
      const { id } = await stage.takeUp(user);
      // The call stands before its sound is agreed: the ACK brings the answer.
      await until('the answer of the ACK', async () => (await stage.device.call(id)).audio?.codec === 'PCMU');
    },
  );
  assert.is((await stage.logged(user)).end?.label, 'answered');
});

test('[MD-2.2.5a] plain SIP: who demands 100rel gets the answer in a reliable 180, and the 200 after its PRACK', {
  peers,
}, async () => {
  const user = 'plainrel';
  const steps = [
    invite(user, { headers: ['Require: 100rel'] }),
    expect(100, { optional: true }),
    expect(180, {
      checks: [keep('RSeq', '([0-9]+)', 'rseq'), has('Require', '100rel'), contains('m=audio [1-9]')],
    }),
    inDialog('PRACK', user, { cseq: 2, headers: ['RAck: [$rseq] 1 INVITE'] }),
    expect(200, { checks: [has('CSeq', '2 PRACK')] }),
    expect(200, { checks: [has('CSeq', '1 INVITE'), lacks('m=audio')] }),
    ack(user),
    pause(50),
    ...hangUp(user, 3),
  ];
  await stage.called(user, scenario(user, steps), () => stage.takeUp(user));
});

test('an INVITE without offer whose ACK brings no answer is ended by us', { peers }, async () => {
  const user = 'unanswered';
  await stage.called(
    user,
    scenario(user, [...ringing(user, { body: undefined }), expect(200), ack(user), ...hungUp()]),
    () => stage.answer(user),
  );
  assert.is((await stage.logged(user)).end?.label, 'failed');
});

test.proof('[MD-2.2.6c1] the owner who rejects says 486', {
  peers,
  run: () => rejected(true),
  control: () => rejected(false),
});

async function rejected(byOwner: boolean): Promise<void> {
  const user = `reject${byOwner}`;
  const steps = byOwner ? refusedAfterRinging(user, 486) : [...callSetUp(user), ...hangUp(user)];
  await stage.called(user, scenario(user, steps), async () => {
    const call = await stage.call(user, 'ringing');
    await stage.device.act(call.id, byOwner ? 'reject' : 'answer');
  });
  const { end } = await stage.logged(user);
  assert.equal([end?.label, end?.by, end?.sip], ['rejected', 'local', 486]);
}

test('nobody answers: 480 after ring_seconds, and a missed call', { peers }, async () => {
  const user = 'patient';
  const other = await Stage.open({ call: 'ring_seconds = 1' });
  try {
    await other.called(user, scenario(user, refusedAfterRinging(user, 480)));
    const { end } = await other.logged(user);
    assert.equal([end?.label, end?.sip], ['missed', 480]);
  } finally {
    await other.close();
  }
});

test('without call waiting a second call is 486 and missed', { peers }, async () => {
  const other = await Stage.open({ call: 'waiting = false' });
  try {
    await other.called(
      'first',
      scenario('first', [...callSetUp('first'), pause(1500), ...hangUp('first')]),
      async () => {
        await other.answer('first');
        await other.alongside('second', scenario('second', refused('second', 486)), async () => undefined);
      },
    );
    const { end } = await other.logged('second');
    assert.equal([end?.label, end?.sip], ['missed', 486]);
    assert.is((await other.logged('first')).end?.label, 'answered');
  } finally {
    await other.close();
  }
});

test('with call waiting a second call rings, and says that it waits', { peers }, async () => {
  await stage.called('busy', scenario('busy', [...callSetUp('busy'), ...hungUp()]), async () => {
    await stage.answer('busy');
    const steps = [
      invite('waiting'),
      ...rings({ checks: [has('Alert-Info', 'urn:alert:service:call-waiting')] }),
      expect(486),
      ackRefusal('waiting'),
    ];
    await stage.alongside('waiting', scenario('waiting', steps), async () => {
      const call = await stage.call('waiting', 'ringing');
      await stage.device.act(call.id, 'reject');
    });
    const first = await stage.call('busy', 'active');
    await stage.device.act(first.id, 'hangup');
  });
});

const THREE_LINES = sdp({
  media: [
    'm=video 6002 RTP/AVP 97',
    'a=rtpmap:97 H264/90000',
    'm=audio 6000 RTP/AVP 0',
    'm=text 6004 RTP/AVP 98',
    'a=rtpmap:98 t140/1000',
    'm=application 6006 TCP/BFCP *',
  ],
});
const AUDIO_ALONE = 'm=video 0 .*m=audio [1-9][0-9]* .*m=text 0 .*m=application 0 ';

test.proof(
  '[MD-2.4.5] video, text and application lines are declined with port 0, audio is taken, the order stays',
  {
    peers,
    run: () => multimedia(THREE_LINES),
    control: () => multimedia(sdp()),
  },
);

async function multimedia(offer: readonly string[]): Promise<void> {
  const user = 'multimedia';
  await stage.called(
    user,
    scenario(
      user,
      callSetUp(user, { body: offer }, { checks: [contains(AUDIO_ALONE)] }).concat(hangUp(user)),
    ),
    () => stage.answer(user),
  );
}

for (const transport of ['u1', 't1'] as const) {
  test(`an INVITE of 7 kB over ${transport === 'u1' ? 'UDP' : 'TCP'} is a call like any other`, {
    peers,
  }, async () => {
    const user = `large${transport}`;
    const headers = Array.from({ length: 60 }, (_, index) => `X-Filler-${index}: ${'x'.repeat(100)}`);
    await stage.called(
      user,
      scenario(user, [...callSetUp(user, { headers }), ...hangUp(user)]),
      () => stage.answer(user),
      { transport },
    );
    assert.is((await stage.logged(user)).end?.label, 'answered');
  });
}

test.proof(
  '[MD-2.2.7] an INVITE that wishes compression is answered in clear, and the wish is not returned',
  {
    peers,
    run: () => compressed(''),
    // A device that repeated the wish: its Contact and Via would hold it, as this one's address does here.
    control: () => compressed('127.0.0.1'),
  },
);

const WISH = 'comp=sigcomp';

async function compressed(alsoForbidden: string): Promise<void> {
  const user = `sigcomp${alsoForbidden}`;
  const fields = {
    uri: `sip:device@[remote_ip]:[remote_port];${WISH}`,
    via: `Via: SIP/2.0/[transport] [local_ip]:[local_port];${WISH};branch=z9hG4bK-[pid]-INVITE1`,
    contact: `Contact: <sip:${user}@[local_ip]:[local_port];${WISH}>`,
    headers: [`Route: <sip:device@[remote_ip]:[remote_port];lr;${WISH}>`],
  };
  const ours = (field: string): string => lacksIn(field, alsoForbidden || WISH);
  await stage.called(
    user,
    scenario(user, [
      invite(user, fields),
      ...rings({ checks: [ours('Contact')] }),
      expect(200, { checks: [ours('Contact')] }),
      ack(user),
      expect('BYE', { checks: [ours('Contact'), ours('Via'), lacks('SigComp')] }),
      send(reply(200)),
    ]),
    async () => {
      const call = await stage.takeUp(user);
      await stage.device.act(call.id, 'hangup');
    },
  );
}

test('the Contact of the 200 is where the device listens', { peers }, async () => {
  const user = 'contact';
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(
        user,
        {},
        { checks: [has('Contact', `<sip:[^>]*127.0.0.1:${stage.port}`), has('Allow', 'BYE')] },
      ),
      inDialog('BYE', user, { cseq: 2, uri: DEVICE_URI }),
      expect(200),
    ]),
    () => stage.answer(user),
  );
});

test.run();
