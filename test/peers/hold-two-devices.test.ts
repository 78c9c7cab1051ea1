// Two devices of one number, each in a call of its own: what one does leaves the other alone (NG.110 2.3).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import type { CallObject, Device } from './support/agent.ts';
import { IMPU, REALM } from './support/configuration.ts';
import { SPEAKER, withKamailio } from './support/world.ts';

const test = suite('peers/hold-two-devices');

const CALLER = `sip:+46709999999@${REALM}`;
/** Of 50 packets a second; a keep-alive is one in 15 seconds. */
const TALKING = 20;
const CODECS = { codecs: ['PCMA'], timers: { t1: 500, t2: 4000, t4: 5000 } };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function packets(device: Device, id: string): Promise<{ sent: number; received: number }> {
  const before = (await device.call(id)).audio;
  await pause(1000);
  const after = (await device.call(id)).audio;
  return {
    sent: (after?.sent ?? 0) - (before?.sent ?? 0),
    received: (after?.received ?? 0) - (before?.received ?? 0),
  };
}

const talks = async (device: Device, id: string, where: string): Promise<void> => {
  const { sent, received } = await packets(device, id);
  assert.ok(sent > TALKING && received > TALKING, `${where}: ${sent} sent, ${received} received in a second`);
};

const holdOf = async (device: Device, id: string): Promise<string> => (await device.call(id)).hold;

/** The tablet's call is held; the speaker, which has one with the same caller, does `meanwhile`. */
const both = (meanwhile: (speaker: Device, call: CallObject) => Promise<unknown>): Promise<void> =>
  withKamailio({}, async ({ device, softphone }) => {
    const tablet = await device('tablet', CODECS);
    const speaker = await device('speaker', { ...CODECS, ...SPEAKER });
    await Promise.all([tablet.registered(), speaker.registered()]);
    const caller = await softphone('caller', { hertz: 700, parameters: ';answermode=auto' });
    caller.command('dial', IMPU);
    const rings = await tablet.whenCall('ringing', (call) => call.state === 'ringing');
    await tablet.act(rings.id, 'answer');
    await tablet.whenState(rings.id, 'active');
    const { id } = await speaker.dial(CALLER);
    const mine = await speaker.whenState(id, 'active');
    await talks(speaker, id, 'the speaker');
    await tablet.act(rings.id, 'hold');
    assert.is(await holdOf(tablet, rings.id), 'local');
    await meanwhile(speaker, mine);
    assert.equal([await holdOf(tablet, rings.id), await holdOf(speaker, id)], ['local', 'none']);
    await talks(speaker, id, 'the speaker beside a held tablet');
    await tablet.act(rings.id, 'resume');
    assert.is(await holdOf(tablet, rings.id), 'none');
    await tablet.act(rings.id, 'hangup');
    await tablet.whenState(rings.id, 'ended');
    await talks(speaker, id, 'the speaker alone');
    await speaker.act(id, 'hangup');
  });

test.proof('[MD-2.3] a hold on one device of the number leaves the call of the other as it is', {
  peers: ['Kamailio', 'baresip'],
  timeoutMs: 90_000,
  run: () => both(async () => undefined),
  // What holds the speaker is the speaker's own.
  control: () => both((speaker, call) => speaker.act(call.id, 'hold')),
});

test.run();
