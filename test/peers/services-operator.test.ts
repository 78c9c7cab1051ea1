// The operator's application server with strangers at both ends: a call by SIPp lands where a number diverts it, barred ones are
// refused, and a device and a softphone of one number learn what the network decided.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { ackRefusal, cancel, cancelTaken, invite, refused } from './scenarios/caller.ts';
import { divertedCaller } from './scenarios/diverted.ts';
import { expect, has, pause, type Step, scenario } from './scenarios/xml.ts';
import { Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { deviceConfig, IMPU, REALM } from './support/configuration.ts';
import { account, TestOperator } from './support/operator.ts';
import { freePort, scratch, until } from './support/process.ts';
import { Sipp } from './support/sipp.ts';

const test = suite('peers/services-operator');
const folder = scratch();

const FRIEND = `sip:friend@${REALM}`;
const ABROAD = '+4930123456';
const AT_HOME = '+46709999999';
const PSAP = 'sip:psap@sos.example';

interface World {
  readonly operator: TestOperator;
  readonly device: Device;
  readonly phone: Baresip;
  readonly friend: Baresip;
  readonly neighbour: number;
}

let world: World | undefined;

async function softphone(operator: TestOperator, name: string, aor: string, more = ''): Promise<Baresip> {
  const line = operator.line(name, aor, more);
  const started = await Baresip.start({ folder: folder.file(name), account: line });
  await started.registered();
  return started;
}

/** Started with the first test, one for all. */
async function present(): Promise<World> {
  if (world) return world;
  const neighbour = await freePort();
  const operator = await TestOperator.start(
    folder.file('operator.toml'),
    REALM,
    `[policy]
busy_everywhere = true
trusted = ["127.0.0.1:${neighbour}"]
[emergency]
psap = "${PSAP}"
${account('phone', [IMPU], 'primary')}
${account(`tablet@${REALM}`, [IMPU])}
${account('friend', [FRIEND, `tel:${ABROAD}`, `tel:${AT_HOME}`])}`,
  );
  const pcscf = `sip:127.0.0.1:${operator.port};transport=tcp`;
  const device = await Device.start(deviceConfig({ pcscf, codecs: ['PCMU'] }), folder.file('device'));
  await device.registered();
  const phone = await softphone(operator, 'phone', IMPU);
  const friend = await softphone(operator, 'friend', FRIEND, ';answermode=auto');
  world = { operator, device, phone, friend, neighbour };
  return world;
}

test.after(async () => {
  for (const one of world ? [world.phone, world.friend, world.device, world.operator] : []) await one.stop();
  folder.remove();
});

const NOTHING = { cfu: null, cfnl: null, cfb: null, cfnrc: null, cfnr: null, barred: [] };
const set = async (services: object): Promise<void> =>
  (await present()).operator.post(`services/${encodeURIComponent(IMPU)}`, { ...NOTHING, ...services });

/** A scenario against the operator; `during` plays the others meanwhile. */
async function play(
  name: string,
  steps: readonly Step[],
  during: (world: World) => Promise<unknown> = async () => undefined,
  more: { readonly port?: number } = {},
): Promise<void> {
  const here = await present();
  const target = `127.0.0.1:${here.operator.port}`;
  const sipp = await Sipp.start({
    folder: folder.path,
    name,
    scenario: scenario(name, steps),
    target,
    ...more,
  });
  try {
    await during(here);
    await sipp.succeeded();
  } finally {
    await sipp.stop();
  }
}

const called = { device: IMPU };

/** A caller whose call is diverted and answered. */
const diverted = (cause: number, reason = ''): Step[] =>
  divertedCaller({ called: IMPU, target: FRIEND, cause, reason });

const silentFriend = ({ friend }: World): void => {
  friend.events.length = 0;
};

/** The device rings, and hears no more than that. */
async function rings(device: Device): Promise<string> {
  const { id } = await device.whenCall('a ringing call', ({ state }) => state === 'ringing');
  return id;
}

async function unconditional(services: object): Promise<void> {
  await set(services);
  silentFriend(await present());
  await play('cfu', diverted(302), async ({ friend }) => friend.event('CALL_ESTABLISHED', 10_000));
}

test.proof('[MD-2.3.1b1] CFU: a call by SIPp lands at baresip, and SIPp is told from whom and why', {
  peers: ['SIPp', 'baresip'],
  timeoutMs: 120_000,
  run: () => unconditional({ cfu: FRIEND }),
  control: async () => {
    await set({ cfu: FRIEND, notify: false });
    try {
      await play('cfu-untold', diverted(302));
    } finally {
      await set({ notify: true });
    }
  },
});

test('[MD-2.3.1b3] CFB: device and phone are busy, the call lands at baresip', {
  peers: ['SIPp', 'baresip'],
  timeoutMs: 60_000,
}, async () => {
  await set({ cfb: FRIEND });
  await play('cfb', diverted(486, '?Reason=SIP%3Bcause%3D486'), async ({ device, phone }) => {
    await device.act(await rings(device), 'reject');
    phone.command('hangup');
  });
});

test('[MD-2.3.1b5] [MD-2.3.8] CFNR: the device takes the CANCEL in its stride, the call lands at baresip', {
  peers: ['SIPp', 'baresip'],
  timeoutMs: 60_000,
}, async () => {
  await set({ cfnr: FRIEND, no_reply_seconds: 2 });
  await play('cfnr', diverted(408), async ({ device }) => {
    const id = await rings(device);
    const { end } = await device.whenState(id, 'ended');
    assert.is(end?.label, 'missed');
    assert.is(end?.reason?.cause, 408);
    // No ghost call, no dialog left.
    assert.equal(
      (await device.calls()).filter(({ state }) => state !== 'ended'),
      [],
    );
    assert.equal(
      (await device.call(id)).dialogs.filter(({ state }) => state !== 'terminated'),
      [],
    );
  });
});

async function saysBusy(everywhere: boolean): Promise<void> {
  await set({});
  const { operator } = await present();
  await operator.post('policy', { busy_everywhere: everywhere });
  const steps = [
    invite('caller', called),
    expect(100, { optional: true }),
    expect(180, { optional: true }),
    expect(180, { optional: true }),
    expect(486),
    ackRefusal('caller', called),
  ];
  try {
    await play('busy', steps, async ({ device, phone }) => {
      const id = await rings(device);
      phone.command('hangup');
      const ended = await device.whenState(id, 'ended', everywhere ? undefined : 1500).catch(() => undefined);
      // It rings on where nobody ends it.
      if (!ended) await device.act(id, 'reject');
      const { end } = ended ?? (await device.call(id));
      assert.equal(
        [end?.label, end?.reason?.cause, end?.reason?.text],
        ['rejected/missed', 600, 'Busy Everywhere'],
      );
    });
  } finally {
    await operator.post('policy', { busy_everywhere: true });
  }
}

test.proof('[MD-2.2.6c2] the phone says busy, the network cancels the device with cause 600, which says so', {
  peers: ['SIPp', 'baresip'],
  timeoutMs: 60_000,
  run: () => saysBusy(true),
  control: () => saysBusy(false),
});

test('[MD-2.3.1c4] BAIC: SIPp is refused with 603 and a Warning, and nobody rings', {
  peers: ['SIPp'],
  timeoutMs: 60_000,
}, async () => {
  await set({ barred: ['baic'] });
  const { device } = await present();
  const before = (await device.calls()).length;
  await play('baic', refused('caller', 603, called, [has('Warning', '399 op.example "All incoming')]));
  assert.is((await device.calls()).length, before);
});

/** What becomes of a call by the softphone of the number: established, or closed with a status. */
async function dialled(number: string): Promise<string> {
  const { phone } = await present();
  phone.events.length = 0;
  phone.command('dial', `sip:${number}@${REALM}`);
  const { type, param } = await until('an outcome', () =>
    phone.events.find((event) => event.type === 'CALL_ESTABLISHED' || event.type === 'CALL_CLOSED'),
  );
  if (type === 'CALL_CLOSED') return /\b(\d{3})\b/.exec(param ?? '')?.[1] ?? '';
  phone.command('hangup');
  await until('the end', () => phone.events.find((event) => event.type === 'CALL_CLOSED'));
  return 'established';
}

const OUT = [
  ['c1', 'BAOC', 'baoc', '603', '603'],
  ['c2', 'BOIC', 'boic', '603', 'established'],
  ['c3', 'BOIC-exHC', 'boic_exhc', '603', 'established'],
] as const;

async function outgoing(bars: readonly string[], abroad: string, home: string): Promise<void> {
  await set({});
  assert.is(await dialled(ABROAD), 'established');
  await set({ barred: bars });
  assert.is(await dialled(ABROAD), abroad);
  assert.is(await dialled(AT_HOME), home);
}

for (const [child, title, name, abroad, home] of OUT) {
  test.proof(`[MD-2.3.1${child}] ${title}: calls of a softphone abroad and at home`, {
    peers: ['baresip'],
    timeoutMs: 60_000,
    run: () => outgoing([name], abroad, home),
    // What bars who calls in bars nobody who calls out.
    control: () => outgoing(['baic'], abroad, home),
  });
}

async function toldBarred(bars: readonly string[]): Promise<void> {
  await set({ barred: bars });
  const { device, friend } = await present();
  silentFriend(await present());
  const { id } = await device.dial(FRIEND);
  const { state } = await device.whenCall(
    'an outcome',
    (call) => call.id === id && (call.state === 'active' || call.state === 'ended'),
  );
  if (state === 'active') {
    await device.act(id, 'hangup');
    await friend.event('CALL_CLOSED');
  }
  const { end } = await device.whenState(id, 'ended');
  assert.equal([end?.label, end?.sip], ['failed', 603]);
  const { body } = await device.fetch('GET', `calls/${id}/details`);
  assert.match(JSON.stringify(body), /All outgoing communications are barred/);
}

test.proof('[MD-2.3.1c1] the device’s owner is told in words that a call was barred', {
  timeoutMs: 60_000,
  run: () => toldBarred(['baoc']),
  control: () => toldBarred([]),
});

/** The PSAP's network calls back: everything rings, or is refused as anybody is. */
async function callBack(): Promise<void> {
  await set({ barred: ['baic'], cfu: FRIEND });
  const { device, phone, neighbour } = await present();
  await device.fetch('PATCH', 'config', { call: { dnd: true } });
  phone.events.length = 0;
  const headers = ['Priority: psap-callback', `P-Asserted-Identity: <${PSAP}>`];
  const steps = [
    invite('psap', { ...called, headers }),
    expect(100, { optional: true }),
    // One of the device, one of the softphone.
    expect(180),
    expect(180),
    pause(1500),
    cancel('psap', [], called),
    cancelTaken(),
    expect(487),
    ackRefusal('psap', called),
  ];
  await play(
    'call-back',
    steps,
    async () => {
      await rings(device);
      await phone.event('CALL_INCOMING');
    },
    { port: neighbour },
  );
  await device.fetch('PATCH', 'config', { call: { dnd: false } });
}

test.proof(
  '[MD-2.6c] the PSAP calls back: device and softphone ring in spite of barring, diversion and do-not-disturb',
  {
    peers: ['SIPp', 'baresip'],
    timeoutMs: 90_000,
    run: callBack,
    control: async () => {
      const steps = [invite('caller', called), expect(100, { optional: true }), expect(180)];
      await play('no-call-back', steps, async () => undefined, {});
    },
  },
);

// Last: it ends the devices of the number.
test('[MD-2.3.1b4] [MD-2.3.1b2] CFNRc: a device that has died without a word; CFNL: none is registered', {
  peers: ['SIPp', 'baresip'],
  timeoutMs: 90_000,
}, async () => {
  const { operator, device, phone } = await present();
  await set({ cfnrc: FRIEND });
  await phone.stop();
  device.peer.signal('SIGKILL');
  await until('the phone to be gone', async () => {
    const rows = await operator.get<{ impi: string }[]>('registrations');
    return !rows.some(({ impi }) => impi === 'phone');
  });
  await play('cfnrc', diverted(503, '?Reason=SIP%3Bcause%3D408'));
  await set({ cfnl: FRIEND });
  await operator.post('faults', { deregister: { impi: `tablet@${REALM}`, event: 'unregistered' } });
  await play('cfnl', diverted(404));
});

test.run();
