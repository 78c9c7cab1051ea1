// An announcement of the network, heard by strangers and by the device ahead of the answer; and an emergency call that arrives.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { ackRefusal, inDialog, invite } from './scenarios/caller.ts';
import { contains, expect, has, keep, scenario } from './scenarios/xml.ts';
import { Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { deviceConfig, REALM } from './support/configuration.ts';
import { account, TestOperator } from './support/operator.ts';
import { scratch } from './support/process.ts';
import { Sipp } from './support/sipp.ts';
import { hearTone } from './support/tone.ts';

const test = suite('peers/announcement-operator');
const folder = scratch();
const TONE = 950;
const WRONG = `sip:wrong@${REALM}`;
const SECONDS = 3;

const GUEST = `sip:guest@${REALM}`;

interface World {
  readonly operator: TestOperator;
  readonly guest: Baresip;
}

let world: World | undefined;

async function present(): Promise<World> {
  if (world) return world;
  const operator = await TestOperator.start(
    folder.file('operator.toml'),
    REALM,
    `[emergency]
psap = "sip:guest@${REALM}"
${account('guest', [GUEST])}
${account('ann', [`sip:ann@${REALM}`])}
[[phones]]
id = "wrong"
uri = "${WRONG}"
behaviour = "announce"
announce_sound = "tone:${TONE}"
announce_seconds = ${SECONDS}
announce_status = 404
announce_reason = "Q.850;cause=1"`,
  );
  const guest = await Baresip.start({ folder: folder.file('guest'), account: operator.line('guest', GUEST) });
  await guest.registered();
  world = { operator, guest };
  return world;
}

test.after(async () => {
  await world?.guest.stop();
  await world?.operator.stop();
  folder.remove();
});

async function heardByBaresip(sound: string): Promise<void> {
  const { operator, guest } = await present();
  await operator.post('phones/wrong/announce', { sound });
  guest.events.length = 0;
  guest.command('dial', WRONG);
  const { param } = await guest.event('CALL_CLOSED', 15_000);
  assert.match(param ?? '', /404/);
  const heard = await hearTone(guest.heard(), TONE, SECONDS - 1.5).catch(() => 0);
  assert.ok(heard >= SECONDS - 1.5, `baresip heard ${heard} s`);
}

test.proof('baresip hears the announcement ahead of the answer, and is refused after it', {
  peers: ['baresip'],
  timeoutMs: 60_000,
  run: () => heardByBaresip(`tone:${TONE}`),
  control: () => heardByBaresip('null'),
});

test('SIPp gets it in a reliable 183 with P-Early-Media, its PRACK is answered, the refusal has its Reason', {
  peers: ['SIPp'],
  timeoutMs: 60_000,
}, async () => {
  const { operator } = await present();
  const called = { device: WRONG };
  const steps = [
    invite('caller', { ...called, headers: ['Supported: 100rel', 'P-Early-Media: supported'] }),
    expect(100, { optional: true }),
    expect(183, {
      checks: [
        has('Require', '100rel'),
        has('P-Early-Media', 'sendonly'),
        contains('m=audio'),
        keep('RSeq', '([0-9]+)', 'rseq'),
      ],
    }).replace('<recv response="183"', '<recv response="183" rrs="true"'),
    inDialog('PRACK', 'caller', {
      ...called,
      uri: '[next_url]',
      headers: ['[routes]', 'RAck: [$rseq] 1 INVITE'],
      cseq: 2,
    }),
    expect(200),
    expect(404, { checks: [has('Reason', 'Q\\.850;cause=1')] }),
    ackRefusal('caller', called),
  ];
  const target = `127.0.0.1:${operator.port}`;
  const sipp = await Sipp.start({
    folder: folder.path,
    name: 'prack',
    scenario: scenario('prack', steps),
    target,
  });
  await sipp.succeeded();
});

test('the device hears it through its loudspeaker, and its emergency call arrives at the PSAP', {
  peers: ['baresip'],
  timeoutMs: 90_000,
}, async () => {
  const { operator, guest } = await present();
  await operator.post('phones/wrong/announce', { sound: `tone:${TONE}` });
  const config = deviceConfig({
    ...{ impu: `sip:ann@${REALM}`, impi: 'ann', password: 'ann-secret', codecs: ['PCMU'] },
    pcscf: `sip:127.0.0.1:${operator.port};transport=tcp`,
    playback: `file:${folder.file('{call}.wav')}`,
    more: '[emergency]\nallowed = true',
  });
  const device = await Device.start(config, folder.file('device'));
  try {
    await device.registered();
    const { id } = await device.dial(WRONG);
    const { end } = await device.whenState(id, 'ended', 15_000);
    assert.is(end?.sip, 404);
    const heard = await hearTone(folder.file(`${id}.wav`), TONE, SECONDS - 1.5);
    assert.ok(heard >= SECONDS - 1.5, `the device heard ${heard} s`);
    guest.events.length = 0;
    const sos = await device.dial('112');
    const { param } = await guest.event('CALL_INCOMING');
    assert.match(JSON.stringify(param ?? guest.events), /ann/);
    guest.command('accept');
    await device.whenState(sos.id, 'active');
    await device.act(sos.id, 'hangup');
  } finally {
    await device.stop();
  }
});

test.run();
