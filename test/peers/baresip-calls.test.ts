// Calls between the device and baresip, judged by what is heard at both ends: frequency and level, not packet counts.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { type CallObject, Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { Authority } from './support/certificates.ts';
import { deviceConfig, IMPU, intercomConfig } from './support/configuration.ts';
import { assertHeard, TONE_LEVEL } from './support/heard.ts';
import { freePort, scratch, until } from './support/process.ts';
import { withKamailio } from './support/world.ts';

const test = suite('peers/baresip-calls');

const DEVICE_TONE = 1000;
const PHONE_TONE = 440;
/** Packets of 20 ms either way: three seconds, however long they take. */
const TALK = 150;
const TALK_LIMIT_MS = 12_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const talk = (device: Device, { id }: CallObject): Promise<unknown> =>
  until(
    'a talk',
    async () => {
      const { audio } = await device.call(id);
      return (audio?.sent ?? 0) >= TALK && (audio?.received ?? 0) >= TALK;
    },
    TALK_LIMIT_MS,
  );

for (const codec of ['PCMU', 'PCMA'] as const) {
  test(`a direct call each way over UDP with ${codec}: both tones heard`, {
    peers: ['baresip'],
    timeoutMs: 60_000,
  }, async () => {
    const folder = scratch();
    const port = await freePort();
    const device = await Device.start(
      deviceConfig({
        profile: 'sip',
        impu: 'sip:door@127.0.0.1',
        listen: [`udp:127.0.0.1:${port}`],
        codecs: [codec],
        playback: `file:${folder.file('{call}.wav')}`,
      }),
      folder.file('device'),
    );
    const baresip = await Baresip.start({
      folder: folder.file('baresip'),
      account: '<sip:bob@127.0.0.1>;regint=0',
      hertz: PHONE_TONE,
    });
    try {
      // Towards the device.
      baresip.command('dial', `sip:door@127.0.0.1:${port}`);
      const incoming = await device.whenCall('a ringing call', (call) => call.state === 'ringing');
      assert.is(incoming.direction, 'in');
      await device.act(incoming.id, 'answer');
      await baresip.event('CALL_ESTABLISHED');
      await talk(device, incoming);
      const during = await device.call(incoming.id);
      assert.is(during.audio?.codec, codec);
      await device.act(incoming.id, 'hangup');
      await baresip.event('CALL_CLOSED');
      await assertHeard(baresip.heard(), DEVICE_TONE, 'at baresip');
      await assertHeard(folder.file(`${incoming.id}.wav`), PHONE_TONE, 'at the device', TONE_LEVEL);

      // And from it.
      baresip.events.length = 0;
      const outgoing = await device.dial(`sip:bob@127.0.0.1:${baresip.port}`);
      await baresip.event('CALL_INCOMING');
      await device.whenState(outgoing.id, 'early');
      baresip.command('accept');
      await device.whenState(outgoing.id, 'active');
      await talk(device, outgoing);
      baresip.command('hangup');
      const ended = await device.whenState(outgoing.id, 'ended');
      assert.is(ended.end?.by, 'remote');
      await assertHeard(baresip.heard(), DEVICE_TONE, 'at baresip');
      await assertHeard(folder.file(`${outgoing.id}.wav`), PHONE_TONE, 'at the device', TONE_LEVEL);
      assert.equal(
        (await device.log()).map((row) => [row.id, row.end?.label]),
        [
          [outgoing.id, 'answered'],
          [incoming.id, 'answered'],
        ],
      );
    } finally {
      await baresip.stop();
      await device.stop();
      folder.remove();
    }
  });
}

test('a call each way over TLS through Kamailio: both tones heard', {
  peers: ['baresip', 'Kamailio'],
  timeoutMs: 60_000,
}, async () => {
  const keys = scratch();
  try {
    const authority = new Authority(keys.path);
    const tls = authority.issue('server', ['DNS:op.example', 'IP:127.0.0.1']);
    await withKamailio({ tls }, async ({ kamailio, device, softphone, file }) => {
      const tablet = await device('tablet', {
        pcscf: `sip:127.0.0.1:${kamailio.tlsPort}`,
        ca: authority.certificate,
        listen: ['tls:127.0.0.1:0'],
        codecs: ['PCMA'],
        playback: `file:${file('{call}.wav')}`,
      });
      await tablet.registered();
      const caller = await softphone('caller', {
        transport: 'tls',
        tlsCa: authority.certificate,
        hertz: PHONE_TONE,
      });
      const both = async (call: CallObject): Promise<void> => {
        await caller.event('CALL_ESTABLISHED');
        await talk(tablet, call);
        await tablet.act(call.id, 'hangup');
        await caller.event('CALL_CLOSED');
        await assertHeard(caller.heard(), DEVICE_TONE, 'at baresip');
        await assertHeard(file(`${call.id}.wav`), PHONE_TONE, 'at the device', TONE_LEVEL);
      };
      caller.command('dial', IMPU);
      const incoming = await tablet.whenCall('a ringing call', (call) => call.state === 'ringing');
      await tablet.act(incoming.id, 'answer');
      await both(incoming);
      caller.events.length = 0;
      const outgoing = await tablet.dial('sip:+46709999999@op.example');
      await caller.event('CALL_INCOMING');
      caller.command('accept');
      await both(outgoing);
    });
  } finally {
    keys.remove();
  }
});

test.proof('[MD-2.4.3g] digits of the device are recognised by baresip', {
  peers: ['baresip'],
  timeoutMs: 60_000,
  run: () => digits('15#'),
  control: () => digits(''),
});

test.proof(
  '[MD-2.4.3g] digits of baresip at the device: each one once, in order, in the API and the metrics',
  {
    peers: ['baresip'],
    timeoutMs: 60_000,
    run: () => digitsOfBaresip('15#'),
    control: () => digitsOfBaresip('1#5'),
  },
);

async function digitsOfBaresip(pressed: string): Promise<void> {
  await inCall(async ({ device, baresip, call }) => {
    // Keys on its terminal, each released by itself a quarter of a second later.
    for (const key of pressed) {
      baresip.peer.write(key);
      await pause(500);
    }
    await pause(500);
    const { body } = await device.fetch('GET', `calls/${call.id}/digits`);
    assert.ok(Array.isArray(body));
    assert.is(body.map(({ digit }) => digit).join(''), '15#');
    assert.ok(
      body.every(({ duration_ms }) => duration_ms > 100 && duration_ms < 600),
      JSON.stringify(body),
    );
    assert.match(await device.metrics(), /^tandem_call_digits_received_total 3$/m);
  });
}

const digits = (sent: string): Promise<void> =>
  inCall(async ({ device, baresip, call }) => {
    if (sent) await device.act(call.id, 'dtmf', { digits: sent });
    const heard = (): string =>
      baresip.events
        .filter((event) => event.type === 'CALL_DTMF_START')
        .map((event) => event.param)
        .join('');
    const all = await until('digits at baresip', () => heard() === '15#', 4000).catch(() => false);
    assert.ok(all, `baresip heard "${heard()}"`);
  });

interface InCall {
  readonly device: Device;
  readonly baresip: Baresip;
  readonly call: CallObject;
}

/** baresip has called the device. */
async function inCall(body: (parties: InCall) => Promise<void>): Promise<void> {
  const folder = scratch();
  const port = await freePort();
  const device = await Device.start(intercomConfig(port, { autoAnswer: 'all' }), folder.file('device'));
  const baresip = await Baresip.start({
    folder: folder.file('baresip'),
    account: '<sip:bob@127.0.0.1>;regint=0',
  });
  try {
    baresip.command('dial', `sip:door@127.0.0.1:${port}`);
    const call = await device.whenCall('an answered call', (one) => one.state === 'active');
    await baresip.event('CALL_ESTABLISHED');
    await pause(500);
    await body({ device, baresip, call });
  } finally {
    await baresip.stop();
    await device.stop();
    folder.remove();
  }
}

test.run();
