// The called side before the answer: reliable 18x, PRACK, UPDATE, conditions, and how each of them ends.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Seconds } from '#src/base/units.ts';
import { Call } from '#src/call/call.ts';
import { EARLY_EVENTS, EARLY_STATES, EARLY_TABLE, earlyDiagram } from '#src/call/early-exchange-table.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, type PeerCall, sdp, type TestWorld, type WorldOptions } from './harness.ts';
import { attempt, trouble } from './luck.ts';
import { clean } from './talk.ts';

const test = suite('call/early');

const IMS = { line: { profile: 'ims' } } as const;
/** A loudspeaker, so that it can be heard to ring. */
const HEARD = { audio: { capture: 'null', playback: 'alsa:default' } } as const;
const ABLE = ['Supported', '100rel'] as const;
const DEMANDED = ['Require', '100rel'] as const;
const CONDITIONS = ['Supported', '100rel, precondition'] as const;
const UPDATES = ['Allow', 'INVITE, ACK, CANCEL, BYE, PRACK, UPDATE'] as const;

type Pairs = readonly (readonly [string, string])[];

const called = async (
  world: TestWorld,
  headers: Pairs,
  body: string | undefined = sdp(),
  name = 'early',
): Promise<PeerCall> => {
  const call = world.peer.call(name);
  await call.invite({ headers, ...(body === '' ? {} : { body }) });
  return call;
};

const reliable = (call: PeerCall): SipResponse[] => call.responses.filter(({ rseq }) => rseq !== undefined);
const rack = (response: SipResponse | undefined): readonly [string, string] => [
  'RAck',
  `${response?.rseq} 1 INVITE`,
];
const prack = (call: PeerCall, body?: string): Promise<void> =>
  call.send('PRACK', body, [rack(reliable(call).at(-1))]);
const answer = (world: TestWorld): void => world.manager.get(world.latest().id)?.answer();
const of = (call: PeerCall, status: number): SipResponse | undefined =>
  call.responses.find((response) => response.status === status && response.cseq.method === 'INVITE');
const hungUp = async (world: TestWorld, call: PeerCall): Promise<void> => {
  await call.ack(undefined, 1);
  assert.is(world.manager.get(world.latest().id)?.state, 'active');
  await call.send('BYE');
  await clean(world);
};

const qos = (local: string, remote: string): string =>
  `${sdp()}${[
    `a=curr:qos local ${local}`,
    `a=curr:qos remote ${remote}`,
    'a=des:qos mandatory local sendrecv',
    'a=des:qos mandatory remote sendrecv',
    '',
  ].join('\r\n')}`;

test('the early table: every state has an outcome for every event, the picture is that of the table', () => {
  for (const state of EARLY_STATES) for (const event of EARLY_EVENTS) assert.ok(EARLY_TABLE[state][event]);
  for (const state of EARLY_STATES) {
    for (const event of ['prack', 'prack-described', 'update', 'update-offer'] as const)
      assert.not.equal(EARLY_TABLE[state][event], 'ignored', `${event} is always answered`);
  }
  const readme = readFileSync(new URL('../../../src/call/README.md', import.meta.url), 'utf8');
  assert.ok(readme.includes(`\`\`\`mermaid\n${earlyDiagram()}\n\`\`\``), earlyDiagram());
});

test.proof('[MD-2.2.5a] IMS: a reliable 183 with the answer goes ahead, the 180 follows its PRACK', {
  run: () => progressFirst([ABLE]),
  control: () => progressFirst([]),
});

async function progressFirst(headers: Pairs): Promise<void> {
  const world = await makeWorld({ ...IMS, config: HEARD });
  const call = await called(world, headers);
  assert.equal(call.statuses(), [100, 183]);
  const first = of(call, 183);
  assert.equal(first?.require, ['100rel']);
  assert.match(String(first?.body), /m=audio 20000 RTP\/AVP 0 101/);
  assert.is(world.latest().state, 'ringing', 'public state');
  assert.equal(world.media.streams[0]?.tones, [], 'nothing rings yet');
  await prack(call);
  assert.equal(call.statuses('PRACK'), [200]);
  assert.equal(call.statuses(), [100, 183, 180]);
  assert.is(of(call, 180)?.rseq, undefined, 'a mere 180 is not reliable');
  assert.equal(world.media.streams[0]?.tones, ['ring']);
  answer(world);
  await world.advance(5);
  const ok = of(call, 200);
  assert.is(ok?.body.length, 0, 'the answer was given');
  assert.is(world.media.streams[0]?.last?.remote?.port, 4000);
  await hungUp(world, call);
}

test('[MD-2.2.5a] who demands 100rel gets every 18x reliably, in order', async () => {
  const ims = await makeWorld(IMS);
  const call = await called(ims, [DEMANDED]);
  await prack(call);
  assert.equal(
    reliable(call).map(({ status }) => status),
    [183, 180],
  );
  assert.is((reliable(call)[1]?.rseq ?? 0) - (reliable(call)[0]?.rseq ?? 0), 1);
  answer(ims);
  await ims.advance(5);
  assert.not.ok(call.statuses().includes(200), 'the 180 is acknowledged first');
  await prack(call);
  assert.is(call.statuses().at(-1), 200);
  await hungUp(ims, call);
  // Plain SIP: a 180 with the answer.
  const plain = await makeWorld();
  const other = await called(plain, [DEMANDED]);
  assert.equal(other.statuses(), [100, 180]);
  assert.match(String(reliable(other)[0]?.body), /m=audio/);
  await prack(other);
  answer(plain);
  await plain.advance(5);
  assert.is(of(other, 200)?.body.length, 0);
  await hungUp(plain, other);
});

test('[MD-2.2.5a] plain SIP: who merely supports 100rel gets a plain 180 and the answer in the 200', async () => {
  const world = await makeWorld();
  const call = await called(world, [ABLE]);
  assert.equal(reliable(call), []);
  answer(world);
  await world.advance(5);
  assert.ok((of(call, 200)?.body.length ?? 0) > 0);
  await hungUp(world, call);
});

for (const [where, options] of [
  ['IMS', IMS],
  ['plain SIP', {}],
] as const satisfies readonly (readonly [string, WorldOptions])[]) {
  test(`[MD-2.2.5a] ${where}: without an offer ours stands in the first reliable response, the answer in its PRACK`, async () => {
    const world = await makeWorld(options);
    const call = await called(world, [ABLE], '');
    const first = reliable(call)[0];
    assert.is(first?.status, 183);
    assert.match(String(first?.body), /m=audio 20000 RTP\/AVP 0 8/);
    await prack(call, sdp({ payload: '8' }));
    assert.equal(call.statuses(), [100, 183, 180]);
    answer(world);
    await world.advance(5);
    assert.is(of(call, 200)?.body.length, 0);
    assert.is(world.media.streams[0]?.last?.codec.name, 'PCMA');
    await hungUp(world, call);
  });
}

test('[MD-2.2.5a] a PRACK whose answer nobody can use ends the call', async () => {
  const world = await makeWorld();
  const call = await called(world, [ABLE], '');
  await prack(call, sdp({ payload: '18' }));
  assert.equal(call.statuses('PRACK'), [200]);
  assert.is(call.statuses().at(-1), 488);
  assert.is(world.log.rows[0]?.end.label, 'failed');
  await clean(world);
});

test('a PRACK that owes an answer and brings none: our offer stands in the 200 again, the ACK may answer it', async () => {
  const world = await makeWorld();
  const call = await called(world, [ABLE], '');
  await prack(call);
  assert.equal(call.statuses(), [100, 183, 180]);
  answer(world);
  await world.advance(5);
  assert.equal(of(call, 200)?.body, of(call, 183)?.body);
  await call.ack(sdp({ payload: '8' }), 1);
  assert.is(world.media.streams[0]?.last?.codec.name, 'PCMA');
  await call.send('BYE');
  await clean(world);
});

test('[MD-2.2.5a] the owner answers before the PRACK: the 200 waits for it', async () => {
  const world = await makeWorld(IMS);
  const call = await called(world, [ABLE]);
  answer(world);
  await world.advance(700);
  assert.not.ok(call.statuses().includes(200));
  assert.is(world.latest().state, 'ringing');
  assert.throws(() => answer(world), /not in a state/);
  await prack(call);
  assert.equal(
    [...new Set(call.statuses())],
    [100, 183, 180, 200],
    'the caller hears of the ringing all the same',
  );
  await hungUp(world, call);
});

test('[MD-2.2.5a] no PRACK in 64 T1: 504, and nothing stays', async () => {
  const world = await makeWorld(IMS);
  const call = await called(world, [ABLE]);
  await world.advance(31_900);
  assert.not.ok(call.statuses().includes(504));
  await world.advance(200);
  assert.is(call.statuses().at(-1), 504);
  assert.equal([world.log.rows[0]?.end.label, world.log.rows[0]?.end.sip], ['failed', 504]);
  await clean(world);
});

test('[MD-2.2.5a] a PRACK that fits nothing is 481, one without RAck 400, an early one after the call 481', async () => {
  const world = await makeWorld(IMS);
  const call = await called(world, [ABLE]);
  await call.send('PRACK', undefined, [['RAck', '1 1 INVITE']]);
  await call.send('PRACK');
  await prack(call);
  assert.equal(call.statuses('PRACK'), [481, 400, 200]);
  await call.cancel();
  await prack(call);
  assert.is(call.statuses('PRACK').at(-1), 481);
  await clean(world);
});

test('an INVITE that is taken back, hung up or rejected while its 183 is unacknowledged', async () => {
  for (const [how, status] of [
    ['cancel', 487],
    ['bye', 487],
    ['reject', 486],
    ['close', 480],
  ] as const) {
    const world = await makeWorld(IMS);
    const call = await called(world, [ABLE]);
    if (how === 'cancel') await call.cancel();
    else if (how === 'bye') await call.send('BYE');
    else if (how === 'reject') world.manager.get(world.latest().id)?.reject();
    else {
      const closing = world.manager.close();
      await world.advance(3_000);
      await closing;
    }
    await world.advance(10);
    assert.is(call.statuses().at(-1), status, how);
    const count = reliable(call).length;
    await world.advance(60_000);
    assert.is(reliable(call).length, count, `${how}: repeated no more`);
  }
});

test('[MD-2.2.5a] an offer in the PRACK is answered in its 200; one that nobody can take leaves what is in force', async () => {
  const world = await makeWorld(IMS);
  const call = await called(world, [ABLE]);
  await prack(call, sdp({ port: 4100, version: 2 }));
  const ok = call.responses.find(({ cseq, status }) => cseq.method === 'PRACK' && status === 200);
  assert.match(String(ok?.body), /m=audio 20000/);
  await world.advance(5);
  assert.is(world.media.streams[0]?.last?.remote?.port, 4100);
  answer(world);
  await hungUp(world, call);
  const other = await makeWorld(IMS);
  const bad = await called(other, [ABLE]);
  await prack(bad, sdp({ payload: '18', version: 2 }));
  assert.equal(bad.statuses('PRACK'), [488]);
  assert.is(bad.statuses().at(-1), 180, 'the response is acknowledged all the same');
  await bad.cancel();
  await clean(other);
});

test.proof('[MD-2.2.5b] UPDATE before the answer: taken once the first exchange is done, refused before', {
  run: () => updated(IMS),
  control: () => updated({}),
});

async function updated(options: WorldOptions): Promise<void> {
  const world = await makeWorld(options);
  const call = await called(world, [ABLE]);
  if (reliable(call).length > 0) await prack(call);
  await call.send('UPDATE');
  await call.send('UPDATE', sdp({ port: 4200, version: 2, direction: 'sendonly' }));
  assert.equal(call.statuses('UPDATE'), [200, 200]);
  const [empty, described] = call.responses.filter(({ cseq }) => cseq.method === 'UPDATE');
  assert.ok(empty?.contacts[0]);
  assert.match(String(described?.body), /a=recvonly/);
  await call.send('UPDATE', sdp({ payload: '18', version: 3 }));
  assert.is(call.statuses('UPDATE').at(-1), 488);
  answer(world);
  await world.advance(5);
  assert.is(world.media.streams[0]?.last?.remote?.port, 4200);
  await hungUp(world, call);
}

test('[MD-2.2.5b] UPDATE with an offer while one is open: 500 with a time for theirs, 491 for ours', async () => {
  const plain = await makeWorld();
  const call = await called(plain, []);
  await call.send('UPDATE', sdp({ version: 2 }));
  assert.equal(call.statuses('UPDATE'), [500]);
  const refused = call.responses.find(({ cseq }) => cseq.method === 'UPDATE');
  assert.ok(Number(refused?.header('Retry-After')) <= 10);
  await call.send('INVITE', sdp({ version: 2 }));
  assert.ok(call.statuses().includes(500));
  await call.cancel();
  await clean(plain);
  const world = await makeWorld();
  const other = await called(world, [ABLE], '');
  await other.send('UPDATE', sdp({ version: 2 }));
  assert.equal(other.statuses('UPDATE'), [491]);
  await other.cancel();
  await clean(world);
});

test('[MD-2.2.5b] several codecs in the answer to our early offer: an UPDATE with one, and the 200 waits for it', async () => {
  const world = await makeWorld(IMS);
  const call = await called(world, [ABLE, UPDATES], '');
  await prack(call, sdp({ payload: '8 0' }));
  const update = world.peer.last('UPDATE');
  assert.match(String(update.body), /m=audio 20000 RTP\/AVP 8 101/);
  answer(world);
  await world.advance(5);
  assert.not.ok(call.statuses().includes(200));
  await call.send('UPDATE', sdp({ version: 3 }));
  assert.equal(call.statuses('UPDATE'), [491], 'theirs crosses ours');
  await world.peer.reply(update, 491);
  await world.advance(2_100);
  const again = world.peer.last('UPDATE');
  assert.is.not(again, update);
  await world.peer.reply(again, 200, { body: sdp({ payload: '8', version: 4 }) });
  assert.is(call.statuses().at(-1), 200);
  await hungUp(world, call);
});

test.proof('[MD-2.4.1a] conditions: nothing rings before the caller has its resources', {
  run: () => conditionsMet('optional'),
  control: () => conditionsMet('off'),
});

async function conditionsMet(preconditions: 'optional' | 'off'): Promise<void> {
  const world = await makeWorld({ ...IMS, config: { preconditions, ...HEARD } });
  const call = await called(world, [CONDITIONS], qos('none', 'none'));
  const first = of(call, 183);
  assert.equal(first?.require.toSorted(), ['100rel', 'precondition']);
  assert.match(String(first?.body), /a=curr:qos local sendrecv\r\na=curr:qos remote none/);
  assert.match(String(first?.body), /a=conf:qos remote sendrecv/);
  await prack(call);
  assert.equal(call.statuses(), [100, 183], 'still quiet');
  await call.send('UPDATE', qos('sendrecv', 'sendrecv').replace('o=- 7 1', 'o=- 7 2'));
  assert.equal(call.statuses('UPDATE'), [200]);
  const met = call.responses.find(({ cseq }) => cseq.method === 'UPDATE');
  assert.match(String(met?.body), /a=curr:qos remote sendrecv/);
  assert.is(call.statuses().at(-1), 180);
  assert.equal(world.media.streams[0]?.tones, ['ring']);
  answer(world);
  await hungUp(world, call);
}

test('[MD-2.4.1a] conditions that are met from the start ring after the PRACK; the owner may answer before', async () => {
  const world = await makeWorld({ config: { preconditions: 'optional' } });
  const call = await called(world, [CONDITIONS], qos('sendrecv', 'none'));
  await prack(call);
  assert.equal(call.statuses(), [100, 183, 180]);
  await call.cancel();
  const second = await called(world, [CONDITIONS], qos('none', 'none'), 'second');
  answer(world);
  await prack(second);
  assert.not.ok(second.statuses().includes(200), 'the owner was quick, the resources are not there');
  await second.send('UPDATE', qos('sendrecv', 'sendrecv'));
  assert.is(second.statuses().at(-1), 200);
  await second.ack(undefined, 1);
  await second.send('BYE');
  await clean(world);
});

test('[MD-2.4.1a] a call that was set up with conditions keeps them in what changes it, without demanding them', async () => {
  for (const [headers, body, used] of [
    [CONDITIONS, qos('sendrecv', 'none'), true],
    [ABLE, sdp(), false],
  ] as const) {
    const world = await makeWorld({ ...IMS, config: { preconditions: 'optional' } });
    const call = await called(world, [headers, UPDATES], body);
    await prack(call);
    answer(world);
    await world.advance(5);
    await call.ack(undefined, 1);
    const entry = world.manager.get(world.latest().id);
    void entry?.hold();
    await world.advance(5);
    const invite = world.peer.last('INVITE');
    assert.is(invite.typed('Supported').includes('precondition'), used);
    assert.equal(invite.require, []);
    assert.is(/a=curr:qos local sendrecv/.test(String(invite.body)), used);
    await world.peer.reply(invite, 200, { body: used ? qos('sendrecv', 'sendrecv') : sdp() });
    await call.send('BYE');
    await clean(world);
  }
});

test('[MD-2.4.1a] conditions that are never met: 580 that says which; CANCEL in between', async () => {
  const world = await makeWorld({ config: { preconditions: 'optional', ringTime: Seconds(10) } });
  const call = await called(world, [CONDITIONS], qos('none', 'none'));
  await prack(call);
  await world.advance(10_100);
  const failed = of(call, 580);
  assert.match(String(failed?.body), /m=audio 0 /);
  assert.match(String(failed?.body), /a=des:qos failure remote sendrecv/);
  assert.is(world.log.rows[0]?.end.sip, 580);
  const second = await called(world, [CONDITIONS], qos('none', 'none'), 'second');
  await second.cancel();
  assert.is(second.statuses().at(-1), 487);
  await clean(world);
});

test('[MD-2.4.1a] conditions that nobody can meet: 580 at once', async () => {
  const world = await makeWorld({ config: { preconditions: 'optional' } });
  const body = `${sdp()}a=curr:qos e2e none\r\na=des:qos mandatory e2e sendrecv\r\n`;
  const call = await called(world, [CONDITIONS], body);
  assert.equal(call.statuses(), [580]);
  assert.match(String(of(call, 580)?.body), /a=des:qos failure e2e sendrecv/);
  await clean(world);
});

test('[MD-2.4.1a] off: a Require meets 420, a Supported with conditions rings as ever', async () => {
  const world = await makeWorld();
  const refused = await called(world, [DEMANDED, ['Require', 'precondition']], qos('none', 'none'));
  assert.equal(refused.statuses(), [420]);
  assert.is(refused.responses[0]?.header('Unsupported'), 'precondition');
  const call = await called(world, [CONDITIONS], qos('none', 'none'), 'second');
  assert.equal(call.statuses(), [100, 180]);
  answer(world);
  await world.advance(5);
  assert.not.match(String(of(call, 200)?.body), /qos/);
  await hungUp(world, call);
});

test('[MD-2.4.1a] what a set-up with conditions needs and the caller lacks is asked for: 421', async () => {
  for (const [preconditions, headers, wanted] of [
    ['mandatory', [], 'precondition, 100rel'],
    ['mandatory', [ABLE], 'precondition'],
    ['optional', [['Supported', 'precondition']], '100rel'],
  ] as const) {
    const world = await makeWorld({ config: { preconditions } });
    const call = await called(world, headers, preconditions === 'optional' ? qos('none', 'none') : sdp());
    assert.equal(call.statuses(), [421]);
    assert.is(call.responses[0]?.header('Require'), wanted);
    await clean(world);
  }
});

test('[MD-2.4.1a] an offerless INVITE with conditions: ours in the 183, met by the PRACK', async () => {
  const world = await makeWorld({ config: { preconditions: 'optional' } });
  const call = await called(world, [CONDITIONS, UPDATES], '');
  const first = of(call, 183);
  assert.equal(first?.require.toSorted(), ['100rel', 'precondition']);
  await prack(call, qos('none', 'sendrecv'));
  assert.equal(call.statuses(), [100, 183]);
  await call.send('UPDATE', qos('sendrecv', 'sendrecv'));
  assert.equal(call.statuses(), [100, 183, 180]);
  answer(world);
  await hungUp(world, call);
  // One that asks for word of our resources gets an UPDATE.
  const second = await called(world, [CONDITIONS, UPDATES], '', 'second');
  await prack(second, `${qos('sendrecv', 'none')}a=conf:qos remote sendrecv\r\n`);
  const update = world.peer.last('UPDATE');
  assert.match(String(update.body), /a=curr:qos local sendrecv/);
  assert.equal(update.require, ['precondition']);
  await world.peer.reply(update, 200, { body: qos('sendrecv', 'sendrecv') });
  assert.is(second.statuses().at(-1), 180);
  await second.cancel();
  await clean(world);
});

const FILMED = {
  capture: 'v4l2:/dev/video0',
  sink: 'file:/tmp/{call}.h264',
  added: 'receive',
  firAlways: true,
} as const;
const FILM = [
  'm=video 6000 RTP/AVP 99',
  'a=rtpmap:99 H264/90000',
  'a=fmtp:99 profile-level-id=42e01f;packetization-mode=1',
  '',
].join('\r\n');

test('[MD-2.4.5] video that was agreed ahead of the answer, and an owner who wants none: no picture leaves, the line is closed', async () => {
  const world = await makeWorld({ ...IMS, config: { video: FILMED } });
  const call = await called(world, [ABLE], `${sdp()}${FILM}`);
  assert.match(String(of(call, 183)?.body), /m=video 30000 /);
  await prack(call);
  const [film] = world.media.videos;
  assert.is(film?.last?.send, false, 'nothing before the answer');
  const { id } = world.latest();
  const entry = world.manager.get(id);
  if (entry instanceof Call) entry.answer({ video: false });
  await world.advance(5);
  assert.equal(film?.attached, [], 'the camera stays off');
  await call.ack(undefined, 1);
  const invite = world.peer.last('INVITE');
  assert.match(String(invite.body), /m=video 0 /);
  await world.peer.reply(invite, 200, { body: `${sdp()}${FILM.replace('6000', '0')}` });
  assert.is(world.latest().video, false);
  await call.send('BYE');
  await clean(world);
});

test('[MD-2.4.5] an UPDATE before the answer adds video: taken, and shown to the owner', async () => {
  const world = await makeWorld({ ...IMS, config: { video: FILMED } });
  const call = await called(world, [ABLE]);
  await prack(call);
  assert.is(world.latest().video, false);
  await call.send('UPDATE', `${sdp({ version: 2 })}${FILM}`);
  const updated = call.responses.find(({ cseq }) => cseq.method === 'UPDATE');
  assert.match(String(updated?.body), /m=video 30000 /);
  assert.is(world.latest().video, true);
  await call.cancel();
  await clean(world);
});

test('the end that the INVITE names: 487, missed', async () => {
  const world = await makeWorld();
  const call = await called(world, [['Expires', '20']]);
  await world.advance(19_900);
  assert.not.ok(call.statuses().includes(487));
  await world.advance(200);
  assert.is(call.statuses().at(-1), 487);
  assert.is(world.log.rows[0]?.end.label, 'missed');
  await clean(world);
});

test('a call that rings for long gives a sign of life every minute', async () => {
  const world = await makeWorld({ config: { ringTime: Seconds(600) } });
  const call = await called(world, []);
  await world.advance(185_000);
  assert.is(call.statuses().filter((status) => status === 180).length, 4);
  await call.cancel();
  await clean(world);
});

const CW = (child: string): string =>
  `<?xml version="1.0"?><ims-cw xmlns="urn:3gpp:ns:cw:1.0">${child}</ims-cw>`;
const mixed = (...parts: readonly (readonly [type: string, body: string, disposition?: string])[]): string =>
  `${parts
    .map(
      ([type, body, disposition]) =>
        `--b1\r\nContent-Type: ${type}\r\n${disposition ? `Content-Disposition: ${disposition}\r\n` : ''}\r\n${body}\r\n`,
    )
    .join('')}--b1--\r\n`;
const invited = async (
  world: TestWorld,
  type: string,
  body: string,
  headers: Pairs = [],
): Promise<PeerCall> => {
  const call = world.peer.call(`m${world.manager.list().length}`);
  const request = world.peer.request('INVITE', {
    callId: call.callId,
    cseq: 1,
    from: call.from,
    to: `<sip:door@${PEER.host}>`,
    branch: call.branch,
    headers,
  });
  request.setBody(type, Buffer.from(body));
  await world.peer.send(request);
  return call;
};
const MIXED = 'multipart/mixed;boundary=b1';

test('[MD-2.3.4] the network tells that the user is busy: shown as waiting, and the 180 says so', async () => {
  for (const [type, body, headers] of [
    [
      MIXED,
      mixed(
        ['application/sdp', sdp()],
        [
          'application/vnd.3gpp.cw+xml',
          CW('<communication-waiting-indication/>'),
          'render;handling=optional',
        ],
      ),
      [],
    ],
    ['application/sdp', sdp(), [['Alert-Info', '<urn:alert:service:call-waiting>']]],
  ] as const) {
    const world = await makeWorld({ config: HEARD });
    const call = await invited(world, type, body, headers);
    assert.equal(call.statuses(), [100, 180]);
    assert.is(world.latest().waiting, true);
    assert.is(of(call, 180)?.header('Alert-Info'), '<urn:alert:service:call-waiting>');
    assert.equal(world.media.streams[0]?.tones, ['ring'], 'nobody talks here: it rings');
  }
  const world = await makeWorld();
  await invited(world, MIXED, mixed(['application/sdp', sdp()], ['application/vnd.3gpp.cw+xml', CW('')]));
  assert.is(world.latest().waiting, false, 'the mark is missing');
});

test('[MD-2.3.4] a waiting call that nobody takes is given back after waiting_seconds, with its reason', async () => {
  const world = await makeWorld({ config: { waitingTime: Seconds(15) } });
  const first = await called(world, [], sdp(), 'first');
  answer(world);
  await first.ack(undefined, 1);
  const second = await called(world, [], sdp(), 'second');
  await world.advance(15_100);
  const refused = of(second, 480);
  assert.match(String(refused?.header('Reason')), /^Q\.850;cause=19/);
  assert.is(world.log.rows[0]?.end.label, 'missed');
  await first.send('BYE');
  await clean(world);
});

for (const [what, type, body, status] of [
  [
    'a part that may be left',
    MIXED,
    mixed(['application/x-new', 'x', 'render;handling=optional'], ['application/sdp', sdp()]),
    180,
  ],
  [
    'a part that must be understood',
    MIXED,
    mixed(['application/x-new', 'x', 'render;handling=required'], ['application/sdp', sdp()]),
    415,
  ],
  [
    'a part that says nothing of that',
    MIXED,
    mixed(['application/x-new', 'x'], ['application/sdp', sdp()]),
    415,
  ],
  [
    'alternatives',
    'multipart/alternative;boundary=b1',
    mixed(['application/x-new', 'x'], ['application/sdp', sdp()]),
    180,
  ],
  ['parts that cannot be cut', MIXED, '--b2\r\n', 415],
  ['an early session only', MIXED, mixed(['application/sdp', sdp(), 'early-session']), 415],
  ['another body', 'application/json', '{}', 415],
] as const) {
  test(`a body with ${what}: ${status}`, async () => {
    const world = await makeWorld();
    const call = await invited(world, type, body);
    assert.is(call.statuses().at(-1), status);
    if (status === 415) assert.match(String(call.responses.at(-1)?.header('Accept')), /^application\/sdp/);
    else await call.cancel();
    await clean(world);
  });
}

test('a body whose coding nobody asked for: 415 with Accept-Encoding; one that may be left is left', async () => {
  const world = await makeWorld();
  const call = await invited(world, 'application/sdp', sdp(), [['Content-Encoding', 'gzip']]);
  assert.equal(call.statuses(), [415]);
  assert.is(call.responses[0]?.header('Accept-Encoding'), 'identity');
  const other = await invited(world, 'application/x-new', 'x', [
    ['Content-Disposition', 'render;handling=optional'],
  ]);
  assert.equal(other.statuses(), [100, 180], 'an INVITE without offer');
  await other.cancel();
  await clean(world);
});

test('header fields of the IMS that ask nothing of a device change nothing', async () => {
  const world = await makeWorld();
  const call = await called(world, [
    ['P-Early-Media', 'supported'],
    ['Answer-Mode', 'Auto'],
    ['Request-Disposition', 'no-fork'],
    ['Accept-Contact', '*;audio;require;explicit'],
    ['Alert-Info', '<http://evil.example/ring.wav>, <urn:alert:tone:internal>'],
  ]);
  assert.equal(call.statuses(), [100, 180]);
  assert.equal(
    world.manager.get(world.latest().id)?.details.told?.map(({ text }) => text),
    ['The network names a ring signal for this call: urn:alert:tone:internal.'],
  );
  await call.cancel();
  await clean(world);
});

const STEPS = [
  'prack',
  'prack again',
  'prack offer',
  'wrong prack',
  'update',
  'update offer',
  'update qos',
  'cancel',
  'ack',
  'ack answer',
  'bye',
  'reply',
  'reply 491',
  'answer',
  'reject',
  'hangup',
  'wait',
  'wait long',
] as const;
const plan = fc.record({
  seed: fc.nat(),
  loss: fc.double({ min: 0, max: 0.25, noNaN: true }),
  ims: fc.boolean(),
  preconditions: fc.constantFrom('off' as const, 'optional' as const),
  headers: fc.constantFrom([ABLE, UPDATES], [DEMANDED, UPDATES], [CONDITIONS, UPDATES], [CONDITIONS], []),
  body: fc.constantFrom('', sdp(), qos('none', 'none'), qos('sendrecv', 'none')),
  steps: fc.array(fc.constantFrom(...STEPS), { minLength: 2, maxLength: 18 }),
});

test('any order, loss and repetition of PRACK, UPDATE, CANCEL, ACK: it ends, once, and nothing stays', {
  timeoutMs: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ seed, loss, ims, preconditions, headers, body, steps }) => {
      const world = await makeWorld({
        ...(ims ? IMS : {}),
        seed,
        config: { preconditions, ringTime: Seconds(400) },
      });
      trouble(world, seed, loss);
      const call = await called(world, headers, body);
      const owner = (action: 'answer' | 'reject' | 'hangup'): void =>
        attempt(() => {
          const [first] = world.manager.list();
          if (first) world.manager.get(first.id)?.[action]();
        });
      for (const step of steps) {
        const update = world.peer.requests('UPDATE').at(-1);
        if (step === 'prack') await prack(call);
        else if (step === 'prack again') await call.send('PRACK', undefined, [rack(reliable(call)[0])]);
        else if (step === 'prack offer') await prack(call, qos('sendrecv', 'sendrecv'));
        else if (step === 'wrong prack') await call.send('PRACK', undefined, [['RAck', '7 7 INVITE']]);
        else if (step === 'update') await call.send('UPDATE');
        else if (step === 'update offer') await call.send('UPDATE', sdp({ port: 4300 }));
        else if (step === 'update qos') await call.send('UPDATE', qos('sendrecv', 'sendrecv'));
        else if (step === 'cancel') await call.cancel();
        else if (step === 'ack') await call.ack(undefined, 1);
        else if (step === 'ack answer') await call.ack(sdp(), 1);
        else if (step === 'bye') await call.send('BYE');
        else if (step === 'reply' && update) await world.peer.reply(update, 200, { body: sdp() });
        else if (step === 'reply 491' && update) await world.peer.reply(update, 491);
        else if (step === 'answer' || step === 'reject' || step === 'hangup') owner(step);
        else await world.advance(step === 'wait long' ? 20_000 : 300);
        const held =
          reliable(call).some(({ status }) => status === 183) && !call.statuses('PRACK').includes(200);
        if (held && loss === 0) assert.not.ok(call.statuses().includes(200), 'a 200 overtook a description');
      }
      world.network.rule = undefined;
      await world.advance(700);
      owner('hangup');
      await world.advance(500_000);
      const rows = world.log.rows.length;
      assert.is(rows, world.manager.list().length, 'one row a call');
      await clean(world);
      for (const [what, count] of Object.entries(world.ua.load)) assert.is(count, 0, what);
    }),
    { numRuns: 250, includeErrorInReport: true },
  );
});

test.run();
