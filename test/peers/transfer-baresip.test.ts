// Calls passed on, judged by who hears whom: the device as transferor and as transferee, strangers at every other end.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { type CallObject, Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { intercomConfig } from './support/configuration.ts';
import { assertHeard } from './support/heard.ts';
import { freePort, scratch, until } from './support/process.ts';

const test = suite('peers/transfer-baresip');
const peers = ['baresip'];

const DEVICE_TONE = 1000;
const [ALICE_TONE, BOB_TONE] = [440, 660];
const talk = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 3000));

const folder = scratch();
let device: Device;
let alice: Baresip;
let bob: Baresip;
let round = 0;

test.before(async () => {
  const port = await freePort();
  device = await Device.start(
    intercomConfig(port, { playback: `file:${folder.file('{call}.wav')}` }),
    folder.file('device'),
  );
});

test.before.each(async () => {
  round += 1;
  alice = await Baresip.start({
    folder: folder.file(`alice-${round}`),
    account: '<sip:alice@127.0.0.1>;regint=0',
    hertz: ALICE_TONE,
  });
  bob = await Baresip.start({
    folder: folder.file(`bob-${round}`),
    account: '<sip:bob@127.0.0.1>;regint=0',
    hertz: BOB_TONE,
  });
});

test.after.each(async () => {
  await alice.stop();
  await bob.stop();
  await device.hangUpAll();
});

test.after(async () => {
  await device.stop();
  folder.remove();
});

/** The device calls somebody who takes the call. */
async function callTo(phone: Baresip, user: string): Promise<CallObject> {
  phone.events.length = 0;
  const call = await device.dial(`sip:${user}@127.0.0.1:${phone.port}`);
  await phone.event('CALL_INCOMING');
  phone.command('accept');
  await device.whenState(call.id, 'active');
  return call;
}

const detailsOf = async (id: string): Promise<Record<string, unknown>> => {
  const { body } = await device.fetch('GET', `calls/${id}/details`);
  return Object(body);
};

/** Alice is passed on to Bob by the device; `pass` says how. */
async function passedOn(pass: boolean): Promise<void> {
  const call = await callTo(alice, 'alice');
  if (pass) await device.act(call.id, 'transfer', { to: `sip:bob@127.0.0.1:${bob.port}` });
  await bob.event('CALL_INCOMING', pass ? undefined : 1500).catch(() => undefined);
  bob.command('accept');
  const ended = await device.whenState(call.id, 'ended', pass ? undefined : 1000).catch(() => undefined);
  assert.is(ended?.end?.label, 'answered', 'our leg is gone');
  assert.equal((await detailsOf(call.id)).transfer, {
    to: `sip:bob@127.0.0.1:${bob.port}`,
    state: 'done',
    status: 200,
  });
  await talk();
  bob.command('hangup');
  await bob.event('CALL_CLOSED');
  await assertHeard(bob.heard(), ALICE_TONE, 'at Bob');
}

test.proof('[MD-2.3.11a] transferor, blind: Alice and Bob end up talking to each other, our leg is gone', {
  peers,
  timeoutMs: 60_000,
  run: () => passedOn(true),
  control: () => passedOn(false),
});

/** Alice passes us on to Bob, or just leaves. */
async function passedToBob(passes: boolean): Promise<void> {
  const call = await callTo(alice, 'alice');
  bob.events.length = 0;
  if (passes) {
    alice.command('transfer', `sip:bob@127.0.0.1:${bob.port}`);
    await bob.event('CALL_INCOMING');
    bob.command('accept');
  } else alice.command('hangup');
  const next = await device
    .whenCall(
      'a call with Bob',
      ({ remote, state }) => remote.uri.includes('bob') && state === 'active',
      passes ? undefined : 1500,
    )
    .catch(() => undefined);
  assert.ok(next, 'we talk with Bob');
  await device.whenState(call.id, 'ended');
  await talk();
  await device.act(next.id, 'hangup');
  await bob.event('CALL_CLOSED');
  await assertHeard(bob.heard(), DEVICE_TONE, 'at Bob');
  await assertHeard(folder.file(`${next.id}.wav`), BOB_TONE, 'at the device');
  assert.is((await detailsOf(next.id)).referred_by !== undefined, true);
}

test.proof('[MD-2.3.11b] transferee: Alice passes us on to Bob, and we hear each other', {
  peers,
  timeoutMs: 60_000,
  run: () => passedToBob(true),
  control: () => passedToBob(false),
});

test('a transfer to somebody who declines: Alice stays with us', { peers, timeoutMs: 60_000 }, async () => {
  const call = await callTo(alice, 'alice');
  await device.act(call.id, 'transfer', { to: `sip:bob@127.0.0.1:${bob.port}` });
  await bob.event('CALL_INCOMING');
  bob.command('hangup');
  await until('the transfer to fail', async () => {
    const { transfer } = await detailsOf(call.id);
    return Object(transfer).state === 'failed' ? true : undefined;
  });
  assert.is((await device.call(call.id)).state, 'active');
});

test.run();
