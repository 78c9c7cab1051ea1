// A device that calls SIPp: forks, refusals, challenges, and every moment at which the owner may give up.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { accept, ask, called, refuse, respond } from './scenarios/callee.ts';
import { reply } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import {
  contains,
  expect,
  has,
  lacksIn,
  pause,
  type Step,
  scenario,
  sdp,
  send,
  silence,
} from './scenarios/xml.ts';
import type { CallObject } from './support/agent.ts';
import { until } from './support/process.ts';

const test = suite('peers/sipp-calling');
const peers = ['SIPp'];
const ACCOUNT = { password: 'door-secret', impi: 'door' };

let stage: Stage;
test.before(async () => {
  stage = await Stage.open(ACCOUNT);
});
test.after(() => stage.close());

/** The device dials SIPp, and the owner does `act` meanwhile. */
async function dial(
  user: string,
  steps: readonly Step[],
  act: (call: CallObject) => Promise<unknown> = async () => undefined,
  more: readonly string[] = [],
  on = stage,
): Promise<CallObject> {
  await on.play(
    user,
    scenario(user, steps),
    async (sipp) => act(await on.device.dial(`sip:${user}@127.0.0.1:${sipp.port}`)),
    { more },
  );
  return on.logged(user);
}

/** The same with a device of its own, which has met no challenge yet. */
async function dialAfresh(user: string, steps: readonly Step[]): Promise<CallObject> {
  const own = await Stage.open(ACCOUNT);
  try {
    return await dial(user, steps, undefined, [], own);
  } finally {
    await own.close();
  }
}

const whenActive = (call: CallObject): Promise<CallObject> => stage.device.whenState(call.id, 'active');
const hangup = (call: CallObject): Promise<CallObject> => stage.device.act(call.id, 'hangup');
const ok = (checks: readonly string[] = []): Step[] => [expect('BYE', { checks }), send(reply(200))];
const bye = (cseq = 1): Step[] => [ask('BYE', cseq), expect(200)];

test.proof('[MD-2.2.5] a call that rings, is answered, and is ended by the callee', {
  peers,
  run: () => answered(200),
  control: () => answered(486),
});

async function answered(status: number): Promise<void> {
  const user = `answered${status}`;
  const up = [...accept(), pause(200), ...bye()];
  const row = await dial(user, [called(), respond(180), ...(status === 200 ? up : refuse(status))], (call) =>
    status === 200 ? whenActive(call) : Promise.resolve(),
  );
  assert.equal([row.end?.label, row.end?.by, row.audio?.codec], ['answered', 'remote', 'PCMU']);
}

test('a call that the owner ends', { peers }, async () => {
  const row = await dial(
    'owner',
    [called(), respond(100), respond(180), ...accept(), ...ok()],
    async (call) => {
      await whenActive(call);
      await hangup(call);
    },
  );
  assert.equal([row.end?.label, row.end?.by], ['answered', 'local']);
});

const FORKS = ['a', 'b', 'c'];

test.proof(
  '[MD-2.2.6a] three forks: each early dialog is kept, the first 200 wins, a late 200 gets ACK and BYE',
  {
    peers,
    run: () => forked(FORKS),
    control: () => forked(['a', 'a', 'a']),
  },
);

async function forked(tags: readonly string[]): Promise<void> {
  const [first = '', second = '', third = ''] = tags;
  const user = `forked${tags.join('')}`;
  const tagged = (tag: string): string => has('To', `tag=${tag}`);
  const row = await dial(
    user,
    [
      called(),
      ...tags.map((tag, index) => respond(180, { tag, body: sdp({ port: 6100 + 2 * index }) })),
      pause(400),
      respond(200, { tag: second, body: sdp({ port: 6102 }) }),
      expect('ACK', { checks: [tagged(second)] }),
      respond(200, { tag: third, body: sdp({ port: 6104 }) }),
      expect('ACK', { checks: [tagged(third)] }),
      ...ok([tagged(third)]),
      // The one that won goes on.
      silence(300),
      ...ok([tagged(second)]),
    ],
    async (call) => {
      const early = await until('an early call', async () => {
        const now = await stage.device.call(call.id);
        return now.dialogs.length >= new Set(tags).size && now;
      });
      assert.equal(
        early.dialogs.map((dialog) => [dialog.remote_tag, dialog.state]),
        FORKS.map((tag) => [tag, 'early']),
      );
      const up = await whenActive(call);
      assert.equal(
        up.dialogs.filter((dialog) => dialog.state === 'confirmed').map((dialog) => dialog.remote_tag),
        [second],
      );
      await new Promise((resolve) => setTimeout(resolve, 700));
      assert.is((await stage.device.call(call.id)).state, 'active');
      await hangup(call);
    },
  );
  assert.ok(first);
  assert.is(row.end?.label, 'answered');
}

test.proof('[MD-2.2.6a] a 199 frees its early dialog, the others stay', {
  peers,
  run: () => freed('a'),
  control: () => freed('nobody'),
});

async function freed(tag: string): Promise<void> {
  const user = `freed${tag}`;
  await dial(
    user,
    [
      called({ checks: [has('Supported', '199')] }),
      ...FORKS.map((fork) => respond(180, { tag: fork, body: sdp() })),
      respond(199, { tag }),
      pause(500),
      ...accept({ tag: 'b' }),
      ask('BYE', 1, 'b'),
      expect(200),
    ],
    async (call) => {
      const now = await until(
        'the 199',
        async () => {
          const seen = await stage.device.call(call.id);
          return seen.dialogs.some((dialog) => dialog.state === 'terminated') && seen;
        },
        400,
      ).catch(() => stage.device.call(call.id));
      assert.equal(
        now.dialogs.map((dialog) => [dialog.remote_tag, dialog.state]),
        [
          ['a', 'terminated'],
          ['b', 'early'],
          ['c', 'early'],
        ],
      );
    },
  );
}

const MANY = 40;

test.proof('[MD-2.2.6a] forty early dialogs at once, and the last of them answers', {
  peers,
  run: () => forty((index) => `fork${index}`),
  control: () => forty((index) => `fork${index % 20}`),
});

async function forty(tagOf: (index: number) => string): Promise<void> {
  const tags = Array.from({ length: MANY }, (_, index) => tagOf(index));
  const last = tags.at(-1) ?? '';
  const user = `many${new Set(tags).size}`;
  const row = await dial(
    user,
    [
      called(),
      ...tags.map((tag) => respond(180, { tag })),
      pause(600),
      ...accept({ tag: last }, { checks: [has('To', `tag=${last}`)] }),
      pause(200),
      ask('BYE', 1, last),
      expect(200),
    ],
    async (call) => {
      const dialogs = await until(
        'forty dialogs',
        async () => {
          const now = await stage.device.call(call.id);
          return now.dialogs.length >= MANY && now.dialogs;
        },
        1500,
      ).catch(async () => (await stage.device.call(call.id)).dialogs);
      assert.is(dialogs.filter((dialog) => dialog.state === 'early').length, MANY);
    },
  );
  assert.is(row.end?.label, 'answered');
}

interface RefusalCase {
  readonly status: number;
  readonly headers?: readonly string[];
  readonly by?: 'remote' | 'network';
}

const REFUSALS: readonly RefusalCase[] = [
  { status: 486, by: 'remote' },
  { status: 603, by: 'remote' },
  { status: 600, by: 'remote' },
  { status: 480, by: 'remote' },
  { status: 404 },
  { status: 403 },
  { status: 500 },
  { status: 503 },
  { status: 503, headers: ['Retry-After: 5'] },
  { status: 302, headers: ['Contact: <sip:elsewhere@[local_ip]:[local_port]>'] },
  { status: 380, headers: ['Contact: <sip:elsewhere@[local_ip]:[local_port]>'] },
];

for (const { status, headers = [], by = 'network' } of REFUSALS) {
  const what = headers[0]?.split(':')[0];
  test.proof(
    `[MD-2.2.5d] ${status}${what ? ` with ${what}` : ''} ends the call as failed, and nothing is tried again`,
    {
      peers,
      run: () => refusedWith(status, status, headers, by),
      control: () => refusedWith(status, 487, headers, by),
    },
  );
}

let refusals = 0;

async function refusedWith(
  status: number,
  sent: number,
  headers: readonly string[],
  by: string,
): Promise<void> {
  refusals += 1;
  const row = await dial(`refused${refusals}x`, [
    called(),
    respond(180),
    ...refuse(sent, { headers }),
    silence(150),
  ]);
  assert.equal([row.end?.label, row.end?.sip, row.end?.by], ['failed', status, by]);
  assert.not.ok(row.dialogs.some((dialog) => dialog.state !== 'terminated'));
}

test('[MD-2.2.5d] nobody answers at all: the call has failed with 408', { peers }, async () => {
  const row = await dial('silent', [called(), pause(4500)]);
  assert.equal([row.end?.label, row.end?.sip], ['failed', 408]);
});

test('an owner who gives up before any answer: the CANCEL waits for the first provisional', {
  peers,
}, async () => {
  const row = await dial(
    'held',
    [
      called(),
      silence(700),
      respond(100),
      expect('CANCEL', { checks: [has('CSeq', '1 CANCEL'), contains('Via:[^,]*branch=z9hG4bK')] }),
      send(reply(200)),
      ...refuse(487),
    ],
    hangup,
  );
  assert.equal([row.end?.label, row.end?.by], ['cancelled', 'local']);
});

test('an owner who gives up while it rings: CANCEL', { peers }, async () => {
  const row = await dial(
    'ringing',
    [called(), respond(180), expect('CANCEL'), send(reply(200)), ...refuse(487)],
    async (call) => {
      await stage.device.whenState(call.id, 'early');
      await hangup(call);
    },
  );
  assert.equal([row.end?.label, row.end?.by], ['cancelled', 'local']);
});

test.proof('[MD-2.2.5d] a CANCEL that meets a 200: ACK and BYE at once, and the call was cancelled', {
  peers,
  run: () => crossing(true),
  control: () => crossing(false),
});

async function crossing(byOwner: boolean): Promise<void> {
  // The 200 to the INVITE was on its way when the CANCEL came.
  const cancel = [expect('CANCEL'), send(reply(200)), respond(200, { body: sdp() }), expect('ACK'), ...ok()];
  const row = await dial(
    `crossing${byOwner}`,
    [called(), respond(180), ...(byOwner ? cancel : [...accept(), ...bye()])],
    async (call) => {
      if (!byOwner) return;
      await stage.device.whenState(call.id, 'early');
      await hangup(call);
    },
  );
  assert.equal([row.end?.label, row.end?.by], ['cancelled', 'local']);
}

test('a repeated 200 gets its ACK each time, and is one call', { peers }, async () => {
  const again = [respond(200, { body: sdp() }), expect('ACK')];
  const row = await dial('again', [called(), ...again, ...again, ...again, ...bye()], undefined, ['-nr']);
  assert.is(row.end?.label, 'answered');
});

test('a 200 without description, or with one that cannot be used, is acknowledged and released', {
  peers,
}, async () => {
  const useless = sdp({ media: ['m=audio 6000 RTP/AVP 3', 'a=rtpmap:3 GSM/8000'] });
  for (const [user, body] of [
    ['empty', undefined],
    ['useless', useless],
  ] as const) {
    const row = await dial(user, [called(), respond(200, body ? { body } : {}), expect('ACK'), ...ok()]);
    assert.equal([row.end?.label, row.end?.by], ['failed', 'local']);
  }
});

test('the route that the callee records is walked backwards', { peers }, async () => {
  const headers = [
    'Record-Route: <sip:far.invalid;lr>',
    'Record-Route: <sip:[local_ip]:[local_port];lr;x=near>',
  ];
  const walked = [contains('Route: [^>]*x=near>.*far.invalid')];
  const row = await dial(
    'route',
    [called(), ...accept({ headers }, { checks: walked }), ...ok(walked)],
    async (call) => {
      await whenActive(call);
      await hangup(call);
    },
  );
  assert.is(row.end?.label, 'answered');
});

test('BYEs that cross are both answered', { peers }, async () => {
  const row = await dial(
    'crossbye',
    [called(), ...accept(), expect('BYE'), ask('BYE', 1), expect(200, { checks: [has('CSeq', '1 BYE')] })],
    async (call) => {
      await whenActive(call);
      await hangup(call);
    },
    ['-nr'],
  );
  assert.is(row.end?.by, 'local');
});

const challenge = (status: 401 | 407, nonce: string, more = ''): Step[] =>
  refuse(status, {
    headers: [
      `${status === 401 ? 'WWW' : 'Proxy'}-Authenticate: Digest realm="op.example", nonce="${nonce}", algorithm=MD5, qop="auth"${more}`,
    ],
  });

for (const status of [401, 407] as const) {
  const field = status === 401 ? 'Authorization' : 'Proxy-Authorization';

  test(`[MD-2.2.3a] a ${status} is answered, and again when the nonce is stale`, { peers }, async () => {
    const row = await dialAfresh(`digest${status}`, [
      called({ checks: [lacksIn(field, 'nonce')] }),
      ...challenge(status, 'first'),
      called({
        checks: [
          has('CSeq', '2 INVITE'),
          has(field, 'username="door"'),
          has(field, 'nonce="first"'),
          has(field, 'nc=00000001'),
          has(field, 'response="[0-9a-f]{32}"'),
        ],
      }),
      ...challenge(status, 'second', ', stale=true'),
      called({ checks: [has('CSeq', '3 INVITE'), has(field, 'nonce="second"'), has(field, 'nc=00000001')] }),
      ...accept({}, { checks: [has('CSeq', '3 ACK'), has(field, 'nonce="second"')] }),
      pause(100),
      ...bye(),
    ]);
    assert.is(row.end?.label, 'answered');
  });
}

test('[MD-2.2.3a] a password refused again and again ends the call, and is not tried for ever', {
  peers,
}, async () => {
  const row = await dialAfresh('refusedpassword', [
    called(),
    ...challenge(407, 'first'),
    called(),
    ...challenge(407, 'second'),
    // Twice more, for servers that forget to say `stale`.
    called(),
    ...challenge(407, 'third'),
    called(),
    ...challenge(407, 'fourth'),
    silence(500),
  ]);
  assert.equal([row.end?.label, row.end?.sip], ['failed', 407]);
});

const FORMATS = ['Warning: 301 sipp.example "Incompatible network address formats"'];

/** `again`: the far end asks for the other IP family, by its Warning. */
async function overSix(again: boolean): Promise<void> {
  const own = await Stage.open({ ...ACCOUNT, address: 'auto' });
  const six = sdp({ formats: '0' }).map((line) => (line.startsWith('c=') ? 'c=IN IP6 ::1' : line));
  const steps = [
    called({ checks: [contains('c=IN IP4 127.0.0.1')] }),
    ...refuse(488, again ? { headers: FORMATS } : {}),
    called({ checks: [contains('c=IN IP6 ::1'), has('CSeq', '2 INVITE')] }),
    ...accept({ body: six }),
    expect('BYE'),
    send(reply(200)),
  ];
  try {
    const call = await dial(
      'six',
      steps,
      async ({ id }) => {
        const { state } = await own.device.whenCall(
          'an outcome',
          (call) => call.id === id && (call.state === 'active' || call.state === 'ended'),
        );
        assert.is(state, 'active');
        await own.device.act(id, 'hangup');
      },
      [],
      own,
    );
    assert.is(call.end?.label, 'answered');
  } finally {
    await own.close();
  }
}

test.proof('[MD-2.2.5d] 488 with Warning 301: once more with media of the other IP family', {
  peers,
  run: () => overSix(true),
  control: () => overSix(false),
});

test.run();
