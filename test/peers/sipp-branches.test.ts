// The calling side before the answer, as SIPp judges it: reliable 18x of many branches, UPDATE, conditions, late 2xx.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { called, refuse, respond } from './scenarios/callee.ts';
import { reply } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import {
  contains,
  expect,
  gate,
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
import { until } from './support/process.ts';
import { type Sipp, takesAnyAck } from './support/sipp.ts';

const test = suite('peers/sipp-branches');
const peers = ['SIPp'];

/** No message comes twice because the machine is busy. */
const CALM = { timers: { t1: 1500, t2: 4000, t4: 300 } };

let plain: Stage;
let ims: Stage;
test.before(async () => {
  [plain, ims] = await Promise.all([
    Stage.open(CALM),
    Stage.open({
      ...CALM,
      profile: 'ims',
      // Called by address: nothing is registered.
      pcscf: 'sip:127.0.0.1:9;transport=udp',
      account: 'register = false',
      sip: 'precondition = "optional"',
      codecs: ['PCMU', 'PCMA', 'H264'],
      more: '[video]\nsink = "file:/dev/null"',
    }),
  ]);
});
test.after(async () => {
  await Promise.all([plain.close(), ims.close()]);
});

async function dial(
  stage: Stage,
  user: string,
  steps: readonly Step[],
  act: (call: CallObject, sipp: Sipp) => Promise<unknown> = async () => undefined,
  more: readonly string[] = [],
): Promise<CallObject> {
  await stage.play(
    user,
    scenario(user, steps),
    async (sipp) => act(await stage.device.dial(`sip:${user}@127.0.0.1:${sipp.port}`), sipp),
    { more },
  );
  return stage.logged(user);
}

const soon = { timeout: 4000 };

/** A reliable response (RFC 3262 3). */
const reliable = (
  status: number,
  rseq: number,
  tag: string,
  fields: {
    readonly headers?: readonly string[];
    readonly body?: readonly string[];
    readonly requires?: string;
  } = {},
): Step =>
  respond(status, {
    tag,
    headers: [`Require: ${fields.requires ?? '100rel'}`, `RSeq: ${rseq}`, ...(fields.headers ?? [])],
    ...(fields.body ? { body: fields.body } : {}),
  });

/** Its PRACK, kept under a name so that it can be answered later. */
const pracked = (rseq: number, tag: string, cseq: number, name = 'p'): Step =>
  expect('PRACK', {
    ...soon,
    checks: [
      keep('Via', '(.*)', `via${name}`),
      keep('To', '(.*)', `to${name}`),
      keep('CSeq', '(.*)', `cseq${name}`),
      has('RAck', `^ *${rseq} +1 +INVITE *$`),
      has('To', `tag=${tag} *$`),
      has('CSeq', `^ *${cseq} PRACK`),
    ],
  });

/** The answer to a request that was kept under a name. */
const answerTo = (status: number, name = 'p', headers: readonly string[] = []): Step =>
  send([
    `SIP/2.0 ${status} Answer`,
    `Via:[$via${name}]`,
    'From:[$from]',
    `To:[$to${name}]`,
    'Call-ID: [call_id]',
    `CSeq:[$cseq${name}]`,
    ...headers,
    'Content-Length: 0',
    '',
  ]);

const prackedAndAnswered = (
  rseq: number,
  tag: string,
  cseq: number,
  headers: readonly string[] = [],
): Step[] => [pracked(rseq, tag, cseq), answerTo(200, 'p', headers)];

/** A request of SIPp's in the dialog of a branch. */
const ask = (
  method: string,
  cseq: number,
  tag: string,
  more: readonly string[] = [],
  content?: readonly string[],
): Step =>
  send([
    `${method} [$target] SIP/2.0`,
    `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-${tag}-${method}${cseq}`,
    `From:[$to];tag=${tag}`,
    'To:[$from]',
    'Call-ID: [call_id]',
    `CSeq: ${cseq} ${method}`,
    'Max-Forwards: 70',
    `Contact: <sip:${tag}@[local_ip]:[local_port]>`,
    ...more,
    ...(content
      ? ['Content-Type: application/sdp', 'Content-Length: [len]', '', ...content]
      : ['Content-Length: 0', '']),
  ]);

const end = (tag: string, cseq = 50): Step[] => [ask('BYE', cseq, tag), expect(200)];
const released = (tag: string): Step[] => [
  expect('BYE', { checks: [has('To', `tag=${tag}`)] }),
  send(reply(200)),
];

const BRANCHES = ['b1', 'b2', 'b3', 'b4', 'b5', 'b6'];

test.proof(
  '[MD-2.2.6a] six branches with a PRACK each, answered backwards, a second round in another order; a late 200 is released',
  {
    peers,
    run: () => sixBranches(1),
    // A gap in the numbers of one branch: no PRACK may come for it.
    control: () => sixBranches(2),
  },
);

let rounds = 0;

async function sixBranches(step: number): Promise<void> {
  rounds += 1;
  const first = (index: number): number => 1000 * (index + 1);
  const second = [3, 0, 5];
  const steps = [
    called({ checks: [has('Supported', '100rel')] }),
    gate(),
    ...BRANCHES.map((tag, index) =>
      reliable(183, first(index), tag, { body: sdp({ port: 6100 + 2 * index }) }),
    ),
    ...BRANCHES.map((tag, index) => pracked(first(index), tag, 2, tag)),
    ...BRANCHES.toReversed().map((tag) => answerTo(200, tag)),
    gate(),
    ...second.map((index) => reliable(180, first(index) + step, BRANCHES[index] ?? '')),
    ...second.map((index) => pracked(first(index) + step, BRANCHES[index] ?? '', 3, `again${index}`)),
    ...second.map((index) => answerTo(200, `again${index}`)),
    respond(200, { tag: 'b4' }),
    expect('ACK', { checks: [has('To', 'tag=b4'), has('CSeq', '1 ACK')] }),
    respond(200, { tag: 'b2', body: sdp({ port: 6102 }) }),
    expect('ACK', { checks: [has('To', 'tag=b2')] }),
    ...released('b2'),
    silence(200),
    ...end('b4'),
  ];
  // SIPp can take no PRACK while it has responses left to send.
  const row = await dial(plain, `six${rounds}x`, steps, async (_, sipp) => {
    const whole = (what: RegExp, count: number): Promise<unknown> =>
      until(`${count} of ${what}`, () => sipp.each().filter((one) => what.test(one)).length >= count);
    await whole(/^INVITE /m, 1);
    await plain.frozen(async () => {
      await sipp.go(/^INVITE /m);
      await whole(/^SIP\/2\.0 183 /m, BRANCHES.length);
    });
    const answered = /^SIP\/2\.0 200 [\s\S]*^CSeq: *2 PRACK/m;
    await whole(answered, BRANCHES.length);
    await plain.frozen(async () => {
      await sipp.go(answered, BRANCHES.length);
      await whole(/^SIP\/2\.0 180 /m, second.length);
    });
  });
  assert.is(row.end?.label, 'answered');
}

test.proof(
  '[MD-2.2.5a] what comes twice or out of order gets no PRACK; the missing one does, and then the next',
  {
    peers,
    run: () => ordered('missing'),
    control: () => ordered('gap'),
  },
);

async function ordered(wanted: 'missing' | 'gap'): Promise<void> {
  const user = `ordered${wanted}`;
  const row = await dial(plain, user, [
    called(),
    reliable(180, 70, 'c'),
    ...prackedAndAnswered(70, 'c', 2),
    reliable(180, 70, 'c'),
    reliable(183, 72, 'c', { body: sdp() }),
    ...(wanted === 'gap' ? prackedAndAnswered(72, 'c', 3) : [silence(300)]),
    reliable(183, 71, 'c', { body: sdp() }),
    ...prackedAndAnswered(71, 'c', 3),
    reliable(183, 72, 'c', { body: sdp() }),
    ...prackedAndAnswered(72, 'c', 4),
    respond(200, { tag: 'c' }),
    expect('ACK', { checks: [has('CSeq', '1 ACK')] }),
    pause(100),
    ...end('c'),
  ]);
  assert.is(row.end?.label, 'answered');
}

const MANY = 40;

test('[MD-2.2.6a] forty branches whose 18x are all reliable; the last one answers', { peers }, async () => {
  const tags = Array.from({ length: MANY }, (_, index) => `m${index}`);
  const row = await dial(plain, 'many', [
    called(),
    ...tags.flatMap((tag, index) => [
      reliable(180, 500 + index, tag),
      ...prackedAndAnswered(500 + index, tag, 2),
    ]),
    respond(200, { tag: `m${MANY - 1}`, body: sdp() }),
    expect('ACK', { checks: [has('To', `tag=m${MANY - 1}`)] }),
    pause(100),
    ...end(`m${MANY - 1}`),
  ]);
  assert.is(row.end?.label, 'answered');
});

test('[MD-2.2.6a] a 199 that is reliable is acknowledged and frees its branch; a 481 to a PRACK does so too', {
  peers,
}, async () => {
  await dial(
    plain,
    'freed',
    [
      called({ checks: [has('Supported', '199')] }),
      ...['x', 'y', 'z'].flatMap((tag) => [
        reliable(180, 1, tag),
        pracked(1, tag, 2),
        answerTo(tag === 'y' ? 481 : 200),
      ]),
      reliable(199, 2, 'x'),
      ...prackedAndAnswered(2, 'x', 3),
      gate(),
      respond(200, { tag: 'z', body: sdp() }),
      expect('ACK', { checks: [has('To', 'tag=z')] }),
      pause(100),
      ...end('z'),
    ],
    async (call, sipp) => {
      await until('two branches to go', async () => {
        const { dialogs } = await plain.device.call(call.id);
        const states = dialogs.map(({ remote_tag, state }) => `${remote_tag} ${state}`).join(', ');
        return states === 'x terminated, y terminated, z early';
      });
      await sipp.go(/^SIP\/2\.0 200 [\s\S]*^CSeq: *3 PRACK/m);
    },
  );
});

test.proof(
  '[MD-2.2.5b] UPDATE before the answer: 491 before our offer has its answer, then 200 with another description',
  {
    peers,
    run: () => updated(491),
    control: () => updated(200),
  },
);

async function updated(tooEarly: number): Promise<void> {
  const user = `updated${tooEarly}`;
  const row = await dial(plain, user, [
    called(),
    respond(180, { tag: 'u' }),
    ask('UPDATE', 1, 'u', [], sdp()),
    expect(tooEarly, { checks: [has('CSeq', '1 UPDATE')] }),
    reliable(183, 9, 'u', { body: sdp({ port: 6200 }) }),
    ...prackedAndAnswered(9, 'u', 2),
    ask('UPDATE', 2, 'u', [], sdp({ port: 6300, version: 2 })),
    expect(200, { checks: [has('CSeq', '2 UPDATE'), contains('m=audio [0-9]+ RTP/AVP 0')] }),
    ask('UPDATE', 3, 'u'),
    expect(200, { checks: [has('CSeq', '3 UPDATE'), has('Contact', 'sip:'), lacks('m=audio')] }),
    // Another description than the one that was agreed means nothing here.
    respond(200, { tag: 'u', body: sdp({ port: 6400, version: 9 }) }),
    expect('ACK'),
    pause(300),
    ...end('u'),
  ]);
  assert.is(row.end?.label, 'answered');
}

test.proof(
  '[MD-2.2.6a] a fork answers a try that was refused and amended since: ACK in its own CSeq, BYE, and the call goes on',
  {
    peers,
    run: () => answeredLate(''),
    // To a try that nobody ever made nothing is owed.
    control: () => answeredLate(';branch=z9hG4bKnobody'),
  },
);

async function answeredLate(branch: string): Promise<void> {
  const user = `late${branch.length}`;
  const via = branch ? `Via: SIP/2.0/UDP 127.0.0.1${branch}` : 'Via:[$viafirst]';
  const steps = [
    called({ checks: [keep('Via', '(.*)', 'viafirst'), keep('CSeq', '(.*)', 'cseqfirst')] }),
    ...refuse(420, { headers: ['Unsupported: 199'] }),
    called({ checks: [has('CSeq', '^ *2 INVITE')] }),
    respond(180, { tag: 'b' }),
    send([
      'SIP/2.0 200 Answer',
      via,
      'From:[$from]',
      'To:[$to];tag=late',
      'Call-ID: [call_id]',
      'CSeq:[$cseqfirst]',
      'Contact: <sip:late@[local_ip]:[local_port]>',
      'Content-Type: application/sdp',
      'Content-Length: [len]',
      '',
      ...sdp(),
    ]),
    expect('ACK', { ...soon, checks: [has('To', 'tag=late'), has('CSeq', '^ *1 ACK')] }),
    ...released('late'),
    respond(200, { tag: 'b', body: sdp() }),
    expect('ACK', { checks: [has('To', 'tag=b'), has('CSeq', '^ *2 ACK')] }),
    pause(100),
    ...end('b'),
  ];
  const row = await dial(plain, user, steps, undefined, takesAnyAck());
  assert.is(row.end?.label, 'answered');
}

test('an owner who gives up while a reliable 183 has no PRACK answer: CANCEL, and nothing is left', {
  peers,
}, async () => {
  const row = await dial(
    plain,
    'giveup',
    [
      called(),
      reliable(183, 5, 'g', { body: sdp() }),
      pracked(5, 'g', 2),
      expect('CANCEL'),
      send(reply(200)),
      answerTo(200),
      ...refuse(487, { tag: 'g' }),
    ],
    async (call) => {
      await plain.device.whenState(call.id, 'early');
      await plain.device.act(call.id, 'hangup');
    },
  );
  assert.equal([row.end?.label, row.end?.by], ['cancelled', 'local']);
});

/** The first payload type of the video. */
const keepVideo = (): string =>
  `<ereg regexp="m=video [0-9]+ [A-Z/]+ ([0-9]+)" search_in="msg" check_it="true" assign_to="seen,h264"/>`;

const QOS = (local: string, version: number, more: readonly string[] = []): string[] => [
  ...sdp({ version, formats: '0 101' }),
  `a=curr:qos local ${local}`,
  'a=curr:qos remote sendrecv',
  'a=des:qos mandatory local sendrecv',
  'a=des:qos mandatory remote sendrecv',
  ...more,
];
const ALLOWS = 'Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE';

test.proof(
  '[MD-2.4.1a] conditions: ready at once ourselves, the callee tells by UPDATE that it is, and rings then',
  {
    peers,
    run: () => conditions('sendrecv'),
    control: () => conditions('none'),
  },
);

async function conditions(ours: string): Promise<void> {
  const user = `qos${ours}`;
  const row = await dial(ims, user, [
    called({
      checks: [
        has('Supported', 'precondition'),
        has('Supported', '100rel'),
        lacks('Require:[^\\n]*precondition'),
        contains(`a=curr:qos local ${ours}`),
        contains('a=des:qos mandatory local sendrecv'),
        contains('a=des:qos optional remote sendrecv'),
        has('P-Early-Media', 'supported'),
        has('Accept-Contact', 'g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'),
      ],
    }),
    reliable(183, 1, 'q', { requires: '100rel, precondition', headers: [ALLOWS], body: QOS('none', 1) }),
    ...prackedAndAnswered(1, 'q', 2),
    ask('UPDATE', 1, 'q', ['Require: precondition'], QOS('sendrecv', 2)),
    expect(200, {
      checks: [
        has('CSeq', '1 UPDATE'),
        contains('a=curr:qos local sendrecv'),
        contains('a=curr:qos remote sendrecv'),
      ],
    }),
    reliable(180, 2, 'q', { headers: [ALLOWS] }),
    ...prackedAndAnswered(2, 'q', 3),
    respond(200, { tag: 'q' }),
    expect('ACK'),
    pause(100),
    ...end('q'),
  ]);
  assert.is(row.end?.label, 'answered');
}

/** Both lines, each with its conditions; those of the video as given. */
const BOTH = (video: string, version: number): string[] => {
  const lines = [
    'a=curr:qos remote sendrecv',
    'a=des:qos mandatory local sendrecv',
    'a=des:qos mandatory remote sendrecv',
  ];
  return sdp({
    version,
    media: [
      ...[
        'm=audio 6000 RTP/AVP 0 101',
        'a=rtpmap:101 telephone-event/8000',
        'a=curr:qos local sendrecv',
        ...lines,
      ],
      ...[
        'm=video 6010 RTP/AVPF [$h264]',
        'a=rtpmap:[$h264] H264/90000',
        'a=fmtp:[$h264] profile-level-id=42e01f;packetization-mode=1',
      ],
      ...['a=sendonly', `a=curr:qos local ${video}`, ...lines],
    ],
  });
};

test.proof(
  '[MD-2.4.1b] conditions of the video line: offered, reserved by the callee later, and told by UPDATE',
  {
    peers,
    run: () => videoConditions('mandatory'),
    control: () => videoConditions('failure'),
  },
);

async function videoConditions(strength: string): Promise<void> {
  const user = `video${strength}`;
  const steps = [
    called({
      checks: [
        keepVideo(),
        contains('m=video.*a=curr:qos local sendrecv'),
        contains(`m=video.*a=des:qos ${strength} local sendrecv`),
        contains('m=video.*a=des:qos optional remote sendrecv'),
      ],
    }),
    reliable(183, 1, 'v', { requires: '100rel, precondition', headers: [ALLOWS], body: BOTH('none', 1) }),
    ...prackedAndAnswered(1, 'v', 2),
    ask('UPDATE', 1, 'v', ['Require: precondition'], BOTH('sendrecv', 2)),
    expect(200, {
      checks: [has('CSeq', '1 UPDATE'), contains('m=video [1-9][0-9]* .*a=curr:qos remote sendrecv')],
    }),
    reliable(180, 2, 'v', { headers: [ALLOWS] }),
    ...prackedAndAnswered(2, 'v', 3),
    respond(200, { tag: 'v' }),
    expect('ACK'),
    pause(100),
    ...end('v'),
  ];
  await ims.play(user, scenario(user, steps), async ({ port }) => {
    await ims.device.dial(`sip:${user}@127.0.0.1:${port}`, { video: true });
  });
  const row = await ims.logged(user);
  assert.equal([row.end?.label, row.video], ['answered', true]);
}

test('[MD-2.4.1a] 580: the call is made once more without conditions, since they are no must', {
  peers,
}, async () => {
  const row = await dial(ims, 'failure580', [
    called({ checks: [contains('a=des:qos')] }),
    ...refuse(580, { tag: 'f' }),
    called({ checks: [has('CSeq', '2 INVITE'), lacks('a=des:qos'), lacks('Supported:[^\\n]*precondition')] }),
    respond(200, { tag: 'g', body: sdp({ formats: '0 101' }) }),
    expect('ACK'),
    pause(100),
    ...end('g'),
  ]);
  assert.is(row.end?.label, 'answered');
});

test('[MD-2.2.5b] an answer of two codecs is settled by an UPDATE with one, before the call is answered', {
  peers,
}, async () => {
  const two = sdp({ media: ['m=audio 6000 RTP/AVP 0 8 101', 'a=rtpmap:101 telephone-event/8000'] });
  const one = sdp({ version: 2, media: ['m=audio 6000 RTP/AVP 0 101', 'a=rtpmap:101 telephone-event/8000'] });
  const row = await dial(ims, 'twocodecs', [
    called(),
    reliable(183, 1, 't', { headers: [ALLOWS], body: two }),
    ...prackedAndAnswered(1, 't', 2),
    expect('UPDATE', {
      ...soon,
      checks: [has('CSeq', '3 UPDATE'), contains('m=audio [0-9]+ RTP/AVP 0 101[^ 0-9]')],
    }),
    send(reply(200, ['Contact: <sip:t@[local_ip]:[local_port]>'], one)),
    respond(200, { tag: 't' }),
    expect('ACK'),
    silence(300),
    ...end('t'),
  ]);
  assert.is(row.end?.label, 'answered');
});

test('[MD-2.2.5d] a redirection is told and not followed; an extension that is not known is left out', {
  peers,
}, async () => {
  const row = await dial(plain, 'moved', [
    called(),
    ...refuse(302, { headers: ['Contact: "Elsewhere" <sip:elsewhere@example.com>;q=0.5, <tel:+4670>'] }),
    silence(200),
  ]);
  const details = await plain.device.fetch('GET', `calls/${row.id}/details`);
  assert.match(JSON.stringify(details), /sip:elsewhere@example\.com/);
  // SIPp's own Contact stands first.
  assert.match(row.end?.reason?.text ?? '', /sip:callee@/);
  const again = await dial(plain, 'unknown', [
    called({ checks: [has('Supported', '199')] }),
    ...refuse(420, { headers: ['Unsupported: 199'] }),
    called({ checks: [has('CSeq', '2 INVITE'), lacks('Supported:[^\\n]*199')] }),
    respond(200, { body: sdp() }),
    expect('ACK'),
    pause(100),
    ...end('callee'),
  ]);
  assert.is(again.end?.label, 'answered');
});

test.run();
