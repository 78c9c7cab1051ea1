// Barring by place: two devices with one number at the operator, one of them a SIPp abroad (24.611 4.5.2.6, NG.110 2.3.9).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import {
  ack,
  ackRefusal,
  cancel,
  cancelTaken,
  inDialog,
  invite,
  reply,
  request,
} from './scenarios/caller.ts';
import { expect, has, label, type Step, scenario, send } from './scenarios/xml.ts';
import { Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { deviceConfig, IMPU, REALM } from './support/configuration.ts';
import { account, TestOperator } from './support/operator.ts';
import { freePort, scratch } from './support/process.ts';
import { Sipp } from './support/sipp.ts';

const test = suite('peers/barring-place');
const peers = ['SIPp', 'baresip'];
const folder = scratch();

/** Of the traveller alone; `IMPU` is that of the device at home too. */
const OWN = `sip:+46701111111@${REALM}`;
const FRIEND = `sip:friend@${REALM}`;
const IN_GERMANY = `sip:+4930123456@${REALM}`;
const IN_FRANCE = `sip:+33123456789@${REALM}`;
const IN_SWEDEN = `sip:+46709999999@${REALM}`;
// 24.229 7.2A.4.3: cells of Sweden (MCC 240) and of Germany (MCC 262).
const SWEDEN = '3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=24001000101ABCDE';
const GERMANY = '3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=26202000101ABCDE';

let operator: TestOperator;
let device: Device;
let friend: Baresip;
/** Of the traveller. */
let port = 0;
let round = 0;

test.before(async () => {
  operator = await TestOperator.start(
    folder.file('operator.toml'),
    REALM,
    [
      account(`tablet@${REALM}`, [IMPU]),
      account('traveller', [IMPU, OWN]),
      account('friend', [FRIEND, 'tel:+4930123456', 'tel:+33123456789', 'tel:+46709999999']),
    ].join('\n'),
  );
  const pcscf = `sip:127.0.0.1:${operator.port};transport=tcp`;
  device = await Device.start(deviceConfig({ pcscf, codecs: ['PCMU'] }), folder.file('device'));
  await device.registered();
  friend = await Baresip.start({
    folder: folder.file('friend'),
    account: operator.line('friend', FRIEND, ';answermode=auto'),
  });
  await friend.registered();
  port = await freePort();
});

test.after(async () => {
  for (const one of [friend, device, operator]) await one?.stop();
  folder.remove();
});

async function barred(...names: readonly string[]): Promise<void> {
  for (const identity of [IMPU, OWN])
    await operator.post(`services/${encodeURIComponent(identity)}`, { barred: names });
}

const start = (name: string, steps: readonly Step[], more: { port?: number } = {}): Promise<Sipp> => {
  round += 1;
  const target = `127.0.0.1:${operator.port}`;
  const named = `${name}-${round}`;
  return Sipp.start({ folder: folder.path, name: named, scenario: scenario(named, steps), target, ...more });
};

async function play(name: string, steps: readonly Step[], more: { port?: number } = {}): Promise<void> {
  const sipp = await start(name, steps, more);
  try {
    await sipp.succeeded();
  } finally {
    await sipp.stop();
  }
}

/** The traveller registers, and says where it is. */
async function registers(place: string): Promise<void> {
  const fields = (cseq: number, ...headers: readonly string[]) => ({
    uri: `sip:${REALM}`,
    device: IMPU,
    from: `<${IMPU}>`,
    cseq,
    headers: ['Expires: 600', `P-Access-Network-Info: ${place}`, ...headers],
  });
  await play(
    'register',
    [
      send(request('REGISTER', 'traveller', fields(1))),
      expect(401).replace('<recv ', '<recv auth="true" '),
      send(
        request(
          'REGISTER',
          'traveller',
          fields(2, '[authentication username=traveller password=traveller-secret]'),
        ),
      ),
      expect(200),
    ],
    { port },
  );
}

/** The traveller's telephone: takes no call. */
const telephone = (): Promise<Sipp> =>
  start(
    'traveller',
    [
      expect('INVITE'),
      send(reply(480).map((line) => (line === '[last_To:]' ? `${line};tag=traveller` : line))),
      expect('ACK'),
    ],
    { port },
  );

/** Whether a stranger's call to the number comes to the traveller; the device at home rings all the same. */
async function bothCalled(services: readonly string[], place: string): Promise<boolean> {
  await barred(...services);
  await registers(place);
  const traveller = await telephone();
  const calls = (await device.calls()).length;
  try {
    await play('caller', [
      invite('caller', { device: IMPU }),
      expect(100, { optional: true }),
      expect(180),
      cancel('caller', [], { device: IMPU }),
      cancelTaken(),
      // Of the traveller's and the device's refusal the operator gives one.
      expect(480, { optional: true, next: 'over' }),
      expect(487),
      label('over'),
      ackRefusal('caller', { device: IMPU }),
    ]);
    assert.is((await device.calls()).length, calls + 1);
    return /^INVITE /m.test(traveller.messages());
  } finally {
    await traveller.stop();
  }
}

test.proof(
  '[MD-2.3.9] [MD-2.3.1c5] BIC-roam: of two devices with one number only SIPp abroad is not called',
  {
    peers,
    timeoutMs: 90_000,
    run: async () => {
      assert.is(await bothCalled(['bic_roam'], SWEDEN), true, 'at home');
      assert.is(await bothCalled(['bic_roam'], GERMANY), false, 'abroad');
    },
    control: async () => assert.is(await bothCalled([], GERMANY), false),
  },
);

async function refusedAbroad(...services: readonly string[]): Promise<void> {
  await barred(...services);
  await registers(GERMANY);
  await play('caller', [
    invite('caller', { device: OWN }),
    expect(100, { optional: true }),
    expect(603, { checks: [has('Warning', '399 op.example "Incoming communications while roaming')] }),
    ackRefusal('caller', { device: OWN }),
  ]);
}

test.proof('[MD-2.3.1c5] BIC-roam: a number whose only device is abroad, and the caller is told so', {
  peers,
  timeoutMs: 90_000,
  run: () => refusedAbroad('bic_roam'),
  control: () => refusedAbroad(),
});

/** A call of the traveller: goes out and is taken, or is refused. */
async function calls(to: string, warning?: string): Promise<void> {
  const fields = { device: to, from: `<${IMPU}>` };
  const next = { ...fields, uri: '[next_url]', headers: ['[routes]'] };
  const outcome = warning
    ? [
        expect(603, { checks: [has('Warning', `399 op.example "${warning}`)] }),
        ackRefusal('traveller', fields),
      ]
    : [
        expect(180, { optional: true }),
        expect(200).replace('<recv ', '<recv rrs="true" '),
        ack('traveller', next),
        inDialog('BYE', 'traveller', { ...next, cseq: 2 }),
        expect(200),
      ];
  await play('abroad', [invite('traveller', fields), expect(100, { optional: true }), ...outcome], { port });
}

/** A call of the device, which does not tell where it is and so is at home. */
async function callsFromHome(number: string, status: number | undefined): Promise<void> {
  const { id } = await device.dial(number);
  const call = await device.whenCall(
    'an outcome',
    (each) => each.id === id && (each.state === 'active' || each.state === 'ended'),
  );
  assert.is(call.end?.sip, status, number);
  if (call.state === 'active') await device.act(id, 'hangup');
}

async function international(): Promise<void> {
  const words = 'Outgoing international communications';
  await callsFromHome('+4930123456', 603);
  await callsFromHome('+46709999999', undefined);
  await calls(IN_GERMANY);
  await calls(IN_FRANCE, words);
}

const OUTGOING = [
  ['[MD-2.3.9] [MD-2.3.1c2] BOIC', 'boic', 'Outgoing international communications are barred'],
  ['[MD-2.3.9] [MD-2.3.1c3] BOIC-exHC', 'boic_exhc', undefined],
] as const;

for (const [title, name, homeward] of OUTGOING) {
  test.proof(`${title}: what is international is judged from where the one device is`, {
    peers,
    timeoutMs: 90_000,
    run: async () => {
      await barred(name);
      await registers(GERMANY);
      await international();
      await calls(IN_SWEDEN, homeward);
    },
    control: async () => {
      await barred();
      await callsFromHome('+4930123456', 603);
    },
  });
}

test.run();
