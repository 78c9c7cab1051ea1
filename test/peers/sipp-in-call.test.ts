// What the owner does inside a call, and the session timer, judged by SIPp in both roles (24.610, 24.615, RFC 4028, RFC 3261 14).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { called, respond } from './scenarios/callee.ts';
import { callSetUp, hangUp, hungUp, invite, refused, reply } from './scenarios/caller.ts';
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
import type { CallObject } from './support/agent.ts';

const test = suite('peers/sipp-in-call');
const peers = ['SIPp'];

let stage: Stage;
test.before(async () => {
  stage = await Stage.open();
});
test.after(() => stage.close());

const act = (call: CallObject, action: string, body: object = {}) =>
  stage.device.fetch('POST', `calls/${call.id}/${action}`, body);

const whenHold = (user: string, hold: string): Promise<CallObject> =>
  stage.device.whenCall(
    `${user} to be ${hold}`,
    (call) => call.remote.uri.includes(user) && call.hold === hold,
  );

const contact = (user: string): string =>
  `Contact: <sip:${user}@[local_ip]:[local_port];transport=[transport]>`;

/** The device changes the call; SIPp takes it. */
const taken = (
  user: string,
  direction: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive',
  checks: readonly string[],
  version = 2,
): Step[] => [
  expect('INVITE', { checks }),
  send(reply(200, [contact(user)], sdp({ direction, version, formats: '0' }))),
  expect('ACK'),
];

const rejected = (status: number, headers: readonly string[] = []): Step[] => [
  expect('INVITE'),
  send(reply(status, headers)),
  expect('ACK'),
];

test.proof(
  '[MD-2.3.10] the owner holds and takes back: sendonly, sendrecv, the same port, and a description that counts on',
  {
    peers,
    run: () => holdAndResume('hold', 'resume'),
    // An owner who presses nothing holds nobody.
    control: () => holdAndResume(undefined, undefined),
  },
);

async function holdAndResume(first: string | undefined, second: string | undefined): Promise<void> {
  const user = `owner-${first ?? 'idle'}`;
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user),
      ...taken(user, 'recvonly', [
        contains('a=sendonly'),
        contains('m=audio [1-9]'),
        contains('o=- [0-9]+ 2 '),
        has('Session-Expires', '1800'),
      ]),
      ...taken(user, 'sendrecv', [contains('a=sendrecv'), contains('o=- [0-9]+ 3 '), lacks('a=sendonly')], 3),
      ...hangUp(user),
    ]),
    async () => {
      const call = await stage.takeUp(user);
      if (!first || !second) return;
      assert.is((await act(call, first)).status, 200);
      await whenHold(user, 'local');
      assert.is((await act(call, 'hold')).status, 409, 'twice is a wrong state');
      assert.is((await act(call, second)).status, 200);
      await whenHold(user, 'none');
    },
    { limitSeconds: first ? 20 : 4 },
  );
}

test('[MD-2.3.10] held by both: inactive, then each takes its own hold back', { peers }, async () => {
  const user = 'bothhold';
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user),
      ...theirs(user, 2, 'sendonly', 'a=recvonly'),
      ...taken(user, 'inactive', [contains('a=inactive')], 3),
      pause(800),
      ...theirs(user, 3, 'sendrecv', 'a=sendonly', 4),
      ...taken(user, 'sendrecv', [contains('a=sendrecv')], 5),
      ...hangUp(user, 4),
    ]),
    async () => {
      const call = await stage.takeUp(user);
      await whenHold(user, 'remote');
      await act(call, 'hold');
      await whenHold(user, 'both');
      await whenHold(user, 'local');
      await act(call, 'resume');
      await whenHold(user, 'none');
    },
  );
});

/** SIPp changes the call. */
const theirs = (
  user: string,
  cseq: number,
  direction: 'sendrecv' | 'sendonly',
  answer: string,
  version = 2,
): Step[] => [
  invite(user, { toTag: 'peer', cseq, body: sdp({ direction, version }) }),
  expect(100, { optional: true }),
  expect(200, { checks: [contains(answer)] }),
  send([
    'ACK sip:device@[remote_ip]:[remote_port] SIP/2.0',
    `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-ack${cseq}`,
    `From: <sip:${user}@[local_ip]:[local_port]>;tag=[pid]caller`,
    'To: <sip:device@[remote_ip]:[remote_port]>[peer_tag_param]',
    'Call-ID: [call_id]',
    `CSeq: ${cseq} ACK`,
    'Max-Forwards: 70',
    'Content-Length: 0',
    '',
  ]),
];

for (const [status, headers, what] of [
  [491, [], 'a crossing'],
  [500, ['Retry-After: 1'], 'a peer that is busy for a second'],
] as const) {
  test(`[MD-2.2.5b] ${status}, ${what}: the hold comes again`, { peers }, async () => {
    const user = `again${status}`;
    await stage.called(
      user,
      scenario(user, [
        ...callSetUp(user),
        ...rejected(status, headers),
        ...taken(user, 'recvonly', [contains('a=sendonly')]),
        ...hangUp(user),
      ]),
      async () => {
        const call = await stage.takeUp(user);
        await act(call, 'hold');
        await whenHold(user, 'local');
      },
    );
    assert.is((await stage.logged(user)).end?.label, 'answered');
  });
}

test('[MD-2.3.10] a peer that refuses the hold: 503, and the call is as before', { peers }, async () => {
  const user = 'nohold';
  await stage.called(
    user,
    scenario(user, [...callSetUp(user), ...rejected(488), pause(300), ...hangUp(user)]),
    async () => {
      const call = await stage.takeUp(user);
      const answer = await act(call, 'hold');
      assert.is(answer.status, 503);
      assert.is(JSON.stringify(answer.body).includes('call.hold-refused'), true);
      await whenHold(user, 'none');
    },
  );
});

test('[MD-2.2.5d] a hold that meets 481 ends the call', { peers }, async () => {
  const user = 'gone481';
  await stage.called(user, scenario(user, [...callSetUp(user), ...rejected(481), ...hungUp()]), async () => {
    await act(await stage.takeUp(user), 'hold');
  });
  const row = await stage.logged(user);
  assert.equal([row.end?.label, row.end?.sip, row.end?.by], ['answered', 481, 'network']);
});

test('[MD-2.2.5b] glare: both re-INVITE at once, each meets 491, and ours comes again', {
  peers,
}, async () => {
  const user = 'glare';
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user),
      expect('INVITE', {
        checks: [
          keep('Via', '(.*)', 'via'),
          keep('CSeq', '(.*)', 'cseq'),
          keep('To', '(.*)', 'to'),
          keep('From', '(.*)', 'from'),
        ],
      }),
      invite(user, { toTag: 'peer', cseq: 2, body: sdp({ direction: 'sendonly', version: 2 }) }),
      expect(100, { optional: true }),
      expect(491),
      send([
        'ACK sip:device@[remote_ip]:[remote_port] SIP/2.0',
        'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-INVITE2',
        `From: <sip:${user}@[local_ip]:[local_port]>;tag=[pid]caller`,
        'To: <sip:device@[remote_ip]:[remote_port]>[peer_tag_param]',
        'Call-ID: [call_id]',
        'CSeq: 2 ACK',
        'Max-Forwards: 70',
        'Content-Length: 0',
        '',
      ]),
      send([
        'SIP/2.0 491 Request Pending',
        'Via:[$via]',
        'From:[$from]',
        'To:[$to]',
        'Call-ID: [call_id]',
        'CSeq:[$cseq]',
        'Content-Length: 0',
        '',
      ]),
      expect('ACK'),
      ...taken(user, 'recvonly', [contains('a=sendonly')]),
      ...hangUp(user, 3),
    ]),
    async () => {
      await act(await stage.takeUp(user), 'hold');
      await whenHold(user, 'local');
    },
  );
});

test.proof(
  '[MD-2.3.4] a second call is answered and the first is held; then they swap, and never are both talked in',
  {
    peers,
    run: () => waiting('hold'),
    control: () => waiting('end'),
  },
);

async function waiting(others: 'hold' | 'end'): Promise<void> {
  const first = `first-${others}`;
  const second = `second-${others}`;
  const firstSteps = [
    ...callSetUp(first),
    ...taken(first, 'recvonly', [contains('a=sendonly')]),
    ...taken(first, 'sendrecv', [contains('a=sendrecv')], 3),
    ...hangUp(first),
  ];
  const secondSteps = [
    ...callSetUp(second),
    ...(others === 'end'
      ? []
      : [
          ...taken(second, 'recvonly', [contains('a=sendonly')]),
          ...taken(second, 'sendrecv', [contains('a=sendrecv')], 3),
        ]),
    ...hangUp(second),
  ];
  await stage.called(
    first,
    scenario(first, firstSteps),
    async () => {
      const one = await stage.takeUp(first);
      await stage.alongside(second, scenario(second, secondSteps), async () => {
        const two = await stage.call(second, 'ringing');
        await stage.device.act(two.id, 'answer', { others });
        if (others === 'end') return;
        await whenHold(first, 'local');
        assert.is((await stage.device.call(two.id)).hold, 'none');
        // The swap.
        await stage.device.act(one.id, 'resume');
        await whenHold(second, 'local');
        await whenHold(first, 'none');
        await stage.device.whenState(one.id, 'ended');
        await stage.device.act(two.id, 'resume');
      });
    },
    { limitSeconds: others === 'hold' ? 20 : 5 },
  );
}

test('[MD-2.3.4] answered without a word about the others: they are held; with "end" they are ended', {
  peers,
}, async () => {
  const steps = (user: string): Step[] => [
    ...callSetUp(user),
    ...taken(user, 'recvonly', [contains('a=sendonly')]),
    expect('BYE'),
    send(reply(200)),
  ];
  await stage.called('held', scenario('held', steps('held')), async () => {
    await stage.takeUp('held');
    await stage.alongside(
      'quiet',
      scenario('quiet', [...callSetUp('quiet'), expect('BYE'), send(reply(200))]),
      async () => {
        await stage.answer('quiet');
        await whenHold('held', 'local');
        await stage.alongside(
          'third',
          scenario('third', [...callSetUp('third'), pause(300), ...hangUp('third')]),
          async () => {
            const third = await stage.call('third', 'ringing');
            await stage.device.act(third.id, 'answer', { others: 'end' });
          },
        );
      },
    );
  });
});

/** A call of the device that SIPp answers with these headers. */
async function dial(
  user: string,
  steps: readonly Step[],
  during: (call: CallObject) => Promise<unknown> = async () => undefined,
  on = stage,
): Promise<CallObject> {
  await on.play(user, scenario(user, steps), async (sipp) =>
    during(await on.device.dial(`sip:${user}@127.0.0.1:${sipp.port}`)),
  );
  return on.logged(user);
}

const TIMER = ['Supported: timer', 'Require: timer', 'Allow: INVITE, ACK, BYE, CANCEL, UPDATE'];
const answered = (headers: readonly string[]): Step[] => [
  called({ checks: [has('Supported', 'timer'), has('Session-Expires', '^ *1800 *$'), has('Min-SE', '90')] }),
  respond(200, { headers, body: sdp({ formats: '0' }) }),
  expect('ACK'),
];
const bye = (): Step[] => [
  send([
    'BYE [$target] SIP/2.0',
    'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-bye',
    'From:[$to];tag=callee',
    'To:[$from]',
    'Call-ID: [call_id]',
    'CSeq: 900 BYE',
    'Max-Forwards: 70',
    'Content-Length: 0',
    '',
  ]),
  expect(200),
];

test.proof('[MD-2.2.9] refreshed at half by UPDATE without body, twice', {
  peers,
  run: () => refreshed(['Session-Expires: 2;refresher=uac', ...TIMER]),
  // Who refreshes by itself gets none.
  control: () => refreshed(['Session-Expires: 40;refresher=uas', ...TIMER]),
});

async function refreshed(headers: readonly string[]): Promise<void> {
  const user = `update${headers[0]?.length}`;
  const update = (): Step[] => [
    expect('UPDATE', {
      timeout: 3000,
      checks: [
        has('Session-Expires', '2;refresher=uac'),
        has('Supported', 'timer'),
        has('Content-Length', '^ *0'),
      ],
    }),
    send(reply(200, [contact(user), ...headers])),
  ];
  await dial(user, [...answered(headers), ...update(), ...update(), ...bye()]);
}

test('[MD-2.2.9] a peer without UPDATE is refreshed by re-INVITE, the description unchanged', {
  peers,
}, async () => {
  const user = 'reinvite';
  const headers = [
    'Session-Expires: 4;refresher=uac',
    'Supported: timer',
    'Require: timer',
    'Allow: INVITE, ACK, BYE, CANCEL',
  ];
  await dial(user, [
    ...answered(headers),
    expect('INVITE', {
      checks: [has('Session-Expires', '4;refresher=uac'), contains('o=- [0-9]+ 1 '), contains('a=sendrecv')],
    }),
    send(reply(200, [contact(user), ...headers], sdp({ formats: '0' }))),
    expect('ACK'),
    ...bye(),
  ]);
});

test('[MD-2.2.9] a peer that refreshes, then falls silent: BYE before the end, and the owner sees why', {
  peers,
}, async () => {
  const user = 'silent';
  const row = await dial(user, [
    ...answered(['Session-Expires: 6;refresher=uas', ...TIMER]),
    pause(2000),
    send([
      'UPDATE [$target] SIP/2.0',
      'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-update',
      'From:[$to];tag=callee',
      'To:[$from]',
      'Call-ID: [call_id]',
      'CSeq: 5 UPDATE',
      'Max-Forwards: 70',
      contact(user),
      'Session-Expires: 90;refresher=uac',
      'Supported: timer',
      'Content-Length: 0',
      '',
    ]),
    expect(200, { checks: [has('Session-Expires', '90;refresher=uac'), has('Require', 'timer')] }),
    // The first time would be over by now.
    silence(3500),
    send([
      'UPDATE [$target] SIP/2.0',
      'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-update2',
      'From:[$to];tag=callee',
      'To:[$from]',
      'Call-ID: [call_id]',
      'CSeq: 6 UPDATE',
      'Max-Forwards: 70',
      contact(user),
      'Session-Expires: 3',
      'Content-Length: 0',
      '',
    ]),
    // Nobody here knows the timer any more: the device refreshes by itself, and is not heard.
    expect(200, { checks: [has('Session-Expires', '3;refresher=uas')] }),
    expect('UPDATE'),
    send(reply(408)),
    expect('BYE'),
    send(reply(200)),
  ]);
  assert.equal([row.end?.label, row.end?.by, row.end?.sip], ['answered', 'network', 408]);
});

test.proof('[MD-2.2.9] nobody refreshes: BYE a third before the end', {
  peers,
  run: () => expired('3;refresher=uas'),
  control: () => expired('400;refresher=uas'),
});

async function expired(value: string): Promise<void> {
  const user = `expired${value.length}`;
  const row = await dial(user, [
    ...answered([`Session-Expires: ${value}`, ...TIMER]),
    expect('BYE', { timeout: 4000 }),
    send(reply(200)),
  ]);
  assert.equal([row.end?.by, row.end?.sip], ['network', 408]);
  assert.match(row.end?.reason?.text ?? '', /not been heard/);
}

test('[MD-2.2.9] 422 twice: the interval and the least both as asked for, the same Call-ID, CSeq one higher', {
  peers,
}, async () => {
  const user = 'brief';
  const again = (min: string): Step[] => [
    respond(422, { headers: [`Min-SE: ${min}`] }),
    expect('ACK'),
    called({
      checks: [has('Session-Expires', `^ *${min}`), has('Min-SE', min), contains('CSeq: [23] INVITE')],
    }),
  ];
  const row = await dial(user, [
    called({ checks: [contains('CSeq: 1 INVITE')] }),
    ...again('1860'),
    ...again('1920'),
    respond(200, { headers: ['Session-Expires: 1920;refresher=uac', ...TIMER], body: sdp({ formats: '0' }) }),
    expect('ACK'),
    ...bye(),
  ]);
  assert.is(row.end?.label, 'answered');
});

test('[MD-2.2.9] as callee: too short is 422, then taken; table 2 of RFC 4028', { peers }, async () => {
  await stage.called(
    'short',
    scenario(
      'short',
      refused('short', 422, { headers: ['Session-Expires: 60', 'Supported: timer'] }, [has('Min-SE', '90')]),
    ),
  );
  for (const [value, supported, answer, requires] of [
    ['90', true, '90;refresher=uac', true],
    ['90;refresher=uas', true, '90;refresher=uas', true],
    ['90', false, '90;refresher=uas', false],
  ] as const) {
    const user = `row-${value.length}-${supported}`;
    await stage.called(
      user,
      scenario(user, [
        ...callSetUp(
          user,
          { headers: [`Session-Expires: ${value}`, ...(supported ? ['Supported: timer'] : [])] },
          {
            checks: [has('Session-Expires', answer), requires ? has('Require', 'timer') : lacks('Require: ')],
          },
        ),
        pause(600),
        ...hangUp(user),
      ]),
      () => stage.takeUp(user),
    );
  }
});

test('both without timers: nothing is refreshed and nothing expires', { peers }, async () => {
  await dial('plain', [
    called(),
    respond(200, { body: sdp({ formats: '0' }) }),
    expect('ACK'),
    silence(1500),
    ...bye(),
  ]);
});

test.run();
