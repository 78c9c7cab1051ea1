// Consultative transfer with two linphones: as transferor, and as the target that a stranger's Replaces finds (RFC 3891, RFC 5589 7).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Device } from './support/agent.ts';
import { intercomConfig } from './support/configuration.ts';
import { assertHeard } from './support/heard.ts';
import { Linphone } from './support/linphone.ts';
import { freePort, scratch, until } from './support/process.ts';

const test = suite('peers/transfer-linphone');
const peers = ['linphone'];

const [ALICE_TONE, BOB_TONE] = [440, 660];

const folder = scratch();
let device: Device;
let address = '';
let alice: Linphone;
let bob: Linphone;
let round = 0;

test.before(async () => {
  const port = await freePort();
  address = `sip:door@127.0.0.1:${port}`;
  device = await Device.start(
    intercomConfig(port, { autoAnswer: 'all', playback: `file:${folder.file('{call}.wav')}` }),
    folder.file('device'),
  );
});

const startPhones = async (): Promise<void> => {
  round += 1;
  alice = await Linphone.start({ folder: folder.file(`alice-${round}`), hertz: ALICE_TONE });
  // Where the address of the device leads to is known to Bob's proxy alone.
  const route = address.replace('door@', '');
  bob = await Linphone.start({ folder: folder.file(`bob-${round}`), hertz: BOB_TONE, route });
};

const stopPhones = async (): Promise<void> => {
  await alice.stop();
  await bob.stop();
  await device.hangUpAll();
};

test.before.each(startPhones);
test.after.each(stopPhones);

test.after(async () => {
  await device.stop();
  folder.remove();
});

const running = (phone: Linphone, calls: number): Promise<unknown> =>
  until(`${calls} calls of linphone`, () => {
    const found = phone.peer.output.match(/Media streams established/g) ?? [];
    return found.length >= calls || undefined;
  });

async function transferState(id: string): Promise<unknown> {
  const { body } = await device.fetch('GET', `calls/${id}/details`);
  return Object(Object(body).transfer).state;
}

test('[MD-2.3.11a] transferor: two strangers end up in a call with each other, both our legs are gone', {
  peers,
  timeoutMs: 60_000,
}, async () => {
  for (const phone of [alice, bob]) phone.command('autoanswer enable');
  const first = await device.dial(`sip:linphone@127.0.0.1:${alice.port}`);
  await device.whenState(first.id, 'active');
  await device.act(first.id, 'hold');
  const second = await device.dial(`sip:linphone@127.0.0.1:${bob.port}`);
  await device.whenState(second.id, 'active');
  await device.act(first.id, 'transfer', { call: second.id });
  await device.whenState(first.id, 'ended');
  await device.whenState(second.id, 'ended');
  assert.is(await transferState(first.id), 'done');
  bob.command('calls');
  await bob.peer.waitFor(/StreamsRunning/);
  alice.command('calls');
  await alice.peer.waitFor(/StreamsRunning/);
});

async function taken(replaces: boolean): Promise<void> {
  bob.command('autoanswer enable');
  alice.command(`call ${address}`);
  const old = await device.whenCall('a call of Alice', ({ state }) => state === 'active');
  await running(alice, 1);
  // linphonec calls nobody else before.
  alice.command('pause 1');
  await device.whenCall('a call on hold', ({ id, hold }) => id === old.id && hold === 'remote');
  alice.command(`call sip:linphone@127.0.0.1:${bob.port}`);
  await alice.peer.waitFor(/Media streams established with .* for call 2/, 10_000);
  if (replaces) alice.command('transfer 2 --to-call 1');
  const ended = await device.whenState(old.id, 'ended', replaces ? 10_000 : 1500).catch(() => undefined);
  assert.is(ended?.end?.label, 'answered', 'the old call has given way');
  const next = await device.whenCall('a call of Bob', ({ id, state }) => id !== old.id && state === 'active');
  bob.speak();
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await device.act(next.id, 'hangup');
  await device.whenState(next.id, 'ended');
  await assertHeard(folder.file(`${next.id}.wav`), BOB_TONE, 'at the device', undefined, 1.5);
}

test.proof(
  '[MD-2.3.11c] target: the INVITE with Replaces of a stranger takes the call of another, and its voice is heard',
  {
    peers,
    timeoutMs: 60_000,
    run: () => taken(true),
    control: async () => {
      await stopPhones();
      await startPhones();
      await taken(false);
    },
  },
);

test.run();
