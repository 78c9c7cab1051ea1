// Two devices of one number and somebody else behind the test operator: calls seen, pushed and pulled between them, the mailbox told.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Device } from './support/agent.ts';
import { type DeviceSettings, deviceConfig, IMPU } from './support/configuration.ts';
import { account, secretOf, TestOperator } from './support/operator.ts';
import { scratch, until } from './support/process.ts';

const test = suite('peers/federation-operator');

const BOB = 'sip:+46709999999@op.example';
const KITCHEN = 'urn:uuid:11111111-1111-4111-8111-111111111111';
const HALL = 'urn:uuid:22222222-2222-4222-8222-222222222222';

interface Row {
  readonly id: string;
  readonly instance?: string;
  readonly state: string;
  readonly pullable: boolean;
  readonly offered?: boolean;
}

interface House {
  readonly operator: TestOperator;
  readonly kitchen: Device;
  readonly hall: Device;
  readonly bob: Device;
}

const [KITCHEN_IMPI, HALL_IMPI, BOB_IMPI] = [
  'kitchen@op.example',
  'hall@op.example',
  'bob@op.example',
] as const;
const credentials = (impi: string): DeviceSettings => ({ impi, password: secretOf(impi) });

const CONFIG = (dialogEvents: string): string => `
[policy]
dialog_events = "${dialogEvents}"
${account(KITCHEN_IMPI, [IMPU], 'primary')}
${account(HALL_IMPI, [IMPU])}
${account(BOB_IMPI, [BOB])}
`;

async function house(dialogEvents: 'tell' | 'route', body: (house: House) => Promise<void>): Promise<void> {
  const folder = scratch();
  const started: { stop(): Promise<unknown> }[] = [];
  try {
    const operator = await TestOperator.start(
      folder.file('operator.toml'),
      'op.example',
      CONFIG(dialogEvents),
    );
    started.unshift(operator);
    const device = async (name: string, settings: DeviceSettings): Promise<Device> => {
      const config = deviceConfig({ pcscf: operator.proxy, calls: 'auto', ...settings });
      const one = await Device.start(config, folder.file(name));
      started.unshift(one);
      return one;
    };
    const [kitchen, hall, bob] = await Promise.all([
      device('kitchen', { ...credentials(KITCHEN_IMPI), instance: KITCHEN, mwi: 'auto' }),
      device('hall', { ...credentials(HALL_IMPI), instance: HALL }),
      device('bob', { ...credentials(BOB_IMPI), impu: BOB, autoAnswer: 'all', calls: 'never' }),
    ]);
    for (const each of [kitchen, hall, bob]) await each.registered();
    await body({ operator, kitchen, hall, bob });
  } finally {
    for (const one of started) await one.stop();
    folder.remove();
  }
}

const rows = async (device: Device): Promise<readonly Row[]> =>
  (await device.fetch('GET', 'federation/calls')).body as readonly Row[];

const row = (device: Device, what: string, fits: (row: Row) => boolean): Promise<Row> =>
  until(what, async () => (await rows(device)).find(fits), 15_000);

const label = async (device: Device, id: string): Promise<string | undefined> =>
  (await device.whenState(id, 'ended')).end?.label;

/** The kitchen talks with Bob; the hall takes it; the kitchen takes it back by a push of the hall. */
const moved = (dialogEvents: 'tell' | 'route'): Promise<void> =>
  house(dialogEvents, async ({ operator, kitchen, hall, bob }) => {
    // Everybody has asked everybody: who is registered, the dialogs, the mailbox.
    const more = dialogEvents === 'route' ? 1 : 0;
    for (const [device, dialogs] of [[hall, 2 + more] as const, [kitchen, 3 + more] as const]) {
      const fits = new RegExp(`\\ntandem_sip_dialogs ${dialogs}\\n`);
      await until('the subscriptions', async () => fits.test(await device.metrics()), 20_000);
    }
    const first = await kitchen.dial(BOB);
    await kitchen.whenState(first.id, 'active');
    const seen = await row(hall, 'the call of the kitchen', ({ pullable }) => pullable);
    assert.is(seen.instance, KITCHEN);
    const pulled = (await hall.fetch('POST', `federation/calls/${seen.id}/pull`)).body as { id: string };
    await hall.whenState(pulled.id, 'active');
    assert.is(await label(kitchen, first.id), 'pulled');
    await bob.whenCall('one call only', ({ state }) => state === 'active');

    const pushed = await hall.fetch('POST', `calls/${pulled.id}/push`, { instance: KITCHEN });
    assert.is(pushed.status, 200);
    const offered = await row(kitchen, 'the offer', (each) => each.offered === true);
    const back = (await kitchen.fetch('POST', `federation/calls/${offered.id}/pull`)).body as { id: string };
    await kitchen.whenState(back.id, 'active');
    assert.is(await label(hall, pulled.id), 'pulled');
    const details = (await hall.fetch('GET', `calls/${pulled.id}/details`)).body as {
      push?: { state: string };
    };
    assert.is(details.push?.state, 'done');
    await kitchen.act(back.id, 'hangup');
    assert.is(await label(kitchen, back.id), 'answered');
    await until('nothing is left', async () => (await rows(hall)).length === 0, 10_000);

    await operator.post('mailbox', { account: IMPU, new: 2, old: 1 });
    const box = await until(
      'the mailbox',
      async () => {
        const now = (await kitchen.fetch('GET', 'messages-waiting')).body as {
          waiting: boolean;
          messages: unknown;
        };
        return now.waiting && now;
      },
      15_000,
    );
    assert.equal(box.messages, [{ kind: 'voice', new: 2, old: 1 }]);
  });

test('the operator tells of the dialogs: a call wanders from device to device', { timeoutMs: 120_000 }, () =>
  moved('tell'),
);

test('the operator merely routes: the devices tell each other of their dialogs', { timeoutMs: 120_000 }, () =>
  moved('route'),
);

test.run();
