// A conference of strangers at the test operator's focus: three softphones with tones of their own, and a script that refers.
import { existsSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { reply } from './scenarios/caller.ts';
import { body, contains, expect, has, pause, type Step, scenario, sdp, send } from './scenarios/xml.ts';
import { Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { deviceConfig, REALM } from './support/configuration.ts';
import { account, TestOperator } from './support/operator.ts';
import { scratch, until } from './support/process.ts';
import { Sipp } from './support/sipp.ts';
import { cut, levelAt, readWav } from './support/tone.ts';

const test = suite('peers/conference-operator');
const folder = scratch();

const FACTORY = `sip:mmtel@conf-factory.${REALM}`;
const NAMES = ['ann', 'bob', 'cid'] as const;
const TONES: Readonly<Record<string, number>> = { ann: 440, bob: 1000, cid: 1700 };
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Roster {
  readonly uri: string;
  readonly participants: readonly { readonly uri: string; readonly status: string }[];
}

interface World {
  readonly operator: TestOperator;
  readonly phones: ReadonlyMap<string, Baresip>;
}

const addressOf = (name: string): string => `sip:${name}@${REALM}`;

let world: World | undefined;

/** Registered softphones that answer by themselves, and the operator; one for all tests. */
async function present(): Promise<World> {
  if (world) return world;
  const config = [...NAMES, 'dev'].map((name) => account(name, [addressOf(name)])).join('\n');
  const operator = await TestOperator.start(folder.file('operator.toml'), REALM, config);
  const phones = new Map<string, Baresip>();
  world = { operator, phones };
  for (const name of NAMES) {
    const line = operator.line(name, addressOf(name), ';answermode=auto');
    phones.set(
      name,
      await Baresip.start({ folder: folder.file(name), account: line, hertz: TONES[name] ?? 440 }),
    );
  }
  for (const phone of phones.values()) await phone.registered();
  return world;
}

test.after(async () => {
  for (const phone of world?.phones.values() ?? []) await phone.stop();
  await world?.operator.stop();
  folder.remove();
});

/** The softphone of that name, which has noticed nothing yet. */
async function fresh(name: string): Promise<Baresip> {
  const phone = (await present()).phones.get(name);
  if (!phone) throw new Error(name);
  phone.events.length = 0;
  return phone;
}

/** The conference with so many in it; one whose script has died may stand beside it. */
const roster = (operator: TestOperator, count: number): Promise<Roster> =>
  until(
    `${count} participants`,
    async () =>
      (await operator.get<Roster[]>('conferences')).find(
        ({ participants }) => participants.filter(({ status }) => status === 'connected').length === count,
      ),
    15_000,
  );

/** In the last seconds of what a phone heard: each of the others at its tone, not itself. */
function assertMixed(path: string, own: string, others: readonly string[], tones = TONES): void {
  const pcm = readWav(path);
  const length = pcm.samples.length / pcm.rate;
  assert.ok(length > 2.5, `${own} heard ${length} s`);
  // A busy machine may leave out some of it: the best half second counts for the others, the worst for itself.
  const slices = [2.5, 2, 1.5, 1].map((before) => cut(pcm, length - before, length - before + 0.5));
  const most = (name: string): number => Math.max(...slices.map((slice) => levelAt(slice, tones[name] ?? 0)));
  for (const other of others) assert.ok(most(other) > -22, `${own} hears ${other} with ${most(other)} dB`);
  assert.ok(most(own) < -40, `${own} hears itself with ${most(own)} dB`);
}

async function conference(members: readonly string[]): Promise<void> {
  const { operator } = await present();
  const phones = new Map<string, Baresip>();
  for (const name of NAMES) phones.set(name, await fresh(name));
  phones.get('ann')?.command('dial', FACTORY);
  const { uri } = await roster(operator, 1);
  for (const name of members.slice(1)) phones.get(name)?.command('dial', uri);
  await roster(operator, members.length);
  await wait(3500);
  // It ends for all at once with its maker, and what they heard is whole.
  phones.get('ann')?.command('hangup');
  for (const name of members) await phones.get(name)?.event('CALL_CLOSED');
  for (const name of NAMES) {
    const others = NAMES.filter((other) => other !== name);
    assertMixed(phones.get(name)?.heard() ?? '', name, others);
  }
}

test.proof('[MD-2.3.3a] three softphones in a conference: each hears the two others, measured', {
  peers: ['baresip'],
  timeoutMs: 120_000,
  run: () => conference(NAMES),
  control: () => conference(['ann', 'bob']),
});

/** T1 of SIPp's own requests, in milliseconds. */
const AGAIN = { retrans: 500 };

/** A request of the script: the INVITE to the factory, the others in its dialog. */
const asked = (
  method: string,
  cseq: number,
  more: readonly string[] = [],
  content?: readonly string[],
): string[] => {
  const opens = method === 'INVITE';
  return [
    `${method} ${opens ? FACTORY : '[next_url]'} SIP/2.0`,
    'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]',
    'Max-Forwards: 70',
    ...(opens ? [] : ['[routes]']),
    'From: <sip:script@stranger.example>;tag=[call_number]',
    `To: <${FACTORY}>${opens ? '' : '[peer_tag_param]'}`,
    'Call-ID: [call_id]',
    `CSeq: ${cseq} ${method}`,
    'Contact: <sip:script@[local_ip]:[local_port]>',
    ...more,
    ...body(content),
  ];
};

const notified = (status: number): Step[] => [
  expect('NOTIFY', { checks: [has('Event', 'refer;id=2'), contains(`SIP/2.0 ${status}`)] }),
  send(reply(200)),
];

/** Makes a conference, refers a party into it, is told of it, and leaves. */
const referring = (party: string): string =>
  scenario('refers', [
    send(
      asked(
        'INVITE',
        1,
        ['Supported: norefersub'],
        sdp({ media: ['m=audio [media_port] RTP/AVP 0', 'a=rtpmap:0 PCMU/8000'] }),
      ),
      AGAIN,
    ),
    expect(100, { optional: true }),
    expect(180, { optional: true }),
    expect(200, { rrs: true, checks: [has('Contact', '<sip:conf-[^>]*>;isfocus')] }),
    send(asked('ACK', 1)),
    send(
      asked('REFER', 2, [`Refer-To: <${party};method=INVITE>`, 'Referred-By: <sip:script@stranger.example>']),
      AGAIN,
    ),
    expect(202),
    ...[100, 180, 200].flatMap(notified),
    pause(2000),
    send(asked('BYE', 3), AGAIN),
    expect(200),
  ]);

async function referred(party: string): Promise<void> {
  const { operator } = await present();
  const bob = await fresh('bob');
  const script = await Sipp.start({
    folder: folder.path,
    name: 'refers',
    scenario: referring(party),
    target: `127.0.0.1:${operator.port}`,
  });
  await script.succeeded();
  await bob.event('CALL_ESTABLISHED');
  // Its maker has left.
  await bob.event('CALL_CLOSED');
  assert.equal(await operator.get<Roster[]>('conferences'), []);
}

test.proof(
  '[MD-2.3.3a] a script makes a conference, refers a softphone into it, is told of it, and ends it',
  {
    peers: ['SIPp', 'baresip'],
    timeoutMs: 90_000,
    run: () => referred(`sip:bob@${REALM}`),
    control: () => referred(`sip:nobody@${REALM}`),
  },
);

const DEVICE_TONE = 700;

/** The device talks with two softphones, makes a conference of both calls, and ends it. */
async function gathered(): Promise<void> {
  const { operator } = await present();
  const phones = new Map<string, Baresip>();
  for (const name of ['bob', 'cid']) phones.set(name, await fresh(name));
  const config = deviceConfig({
    impu: `sip:dev@${REALM}`,
    impi: 'dev',
    password: 'dev-secret',
    pcscf: `sip:127.0.0.1:${operator.port};transport=tcp`,
    codecs: ['PCMU'],
    capture: `tone:${DEVICE_TONE}`,
    playback: `file:${folder.file('{call}.wav')}`,
  });
  const device = await Device.start(config, folder.file('device'));
  try {
    await device.registered();
    const calls: string[] = [];
    for (const name of ['bob', 'cid']) {
      const { id } = await device.dial(`sip:${name}@${REALM}`);
      await device.whenState(id, 'active');
      calls.push(id);
    }
    const [first = '', second = ''] = calls;
    await device.act(first, 'conference', { calls: [second] });
    await roster(operator, 3);
    const joined = await device.whenCall(
      'the call with the focus',
      ({ id, state, remote }) => !calls.includes(id) && state === 'active' && remote.uri.includes('conf'),
    );
    // The legs from before are gone: what is said is said in the conference.
    for (const id of calls) await device.whenState(id, 'ended', 15_000);
    await wait(3500);
    for (const name of ['bob', 'cid']) phones.get(name)?.events.splice(0);
    await device.act(joined.id, 'hangup');
    for (const name of ['bob', 'cid']) await phones.get(name)?.event('CALL_CLOSED');
    const tones = { ...TONES, dev: DEVICE_TONE };
    await until('the recording', () => existsSync(folder.file(`${joined.id}.wav`)));
    await wait(300);
    assertMixed(folder.file(`${joined.id}.wav`), 'dev', ['bob', 'cid'], tones);
    assertMixed(phones.get('bob')?.heard() ?? '', 'bob', ['dev', 'cid'], tones);
    assertMixed(phones.get('cid')?.heard() ?? '', 'cid', ['dev', 'bob'], tones);
  } finally {
    await device.stop();
  }
}

test(
  '[MD-2.3.3a] the device makes a conference of two calls with softphones: everybody hears the two others, the old legs are gone',
  {
    peers: ['baresip'],
    timeoutMs: 120_000,
  },
  gathered,
);

test.run();
