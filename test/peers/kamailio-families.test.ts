// IPv6: registration, calls and sound over it alone, and a P-CSCF of both families of which one is dead.
import * as assert from 'uvu/assert';
import { startDns } from '#test/support/dns-server.ts';
import { suite } from '#test/support/suite.ts';
import type { CallObject } from './support/agent.ts';
import { Capture } from './support/capture.ts';
import { IMPU, REALM } from './support/configuration.ts';
import { hearTone } from './support/tone.ts';
import { withKamailio } from './support/world.ts';

const test = suite('peers/kamailio-families');

const DEVICE_TONE = 1000;
const PHONE_TONE = 440;

const talk = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2700));

async function assertHeard(path: string, hertz: number, where: string): Promise<void> {
  const heard = await hearTone(path, hertz, 2);
  assert.ok(heard >= 2, `${where}: ${hertz} Hz for ${heard} s`);
}

/** Calls in and out over IPv6; the device's media address as configured. */
const overIpv6 = (tone: number): Promise<void> =>
  withKamailio({ host: '::1' }, async ({ kamailio, device, softphone, file }) => {
    const capture = await Capture.start(file('ipv6.pcapng'));
    try {
      const tablet = await device('tablet', {
        pcscf: `sip:[::1]:${kamailio.port};transport=udp`,
        listen: ['udp:[::1]:0', 'tcp:[::1]:0'],
        address: '::1',
        codecs: ['PCMA'],
        capture: `tone:${tone}`,
        playback: `file:${file('{call}.wav')}`,
      });
      await tablet.registered();
      const caller = await softphone('caller', { hertz: PHONE_TONE });
      const both = async (call: CallObject): Promise<void> => {
        await caller.event('CALL_ESTABLISHED');
        await talk();
        await tablet.act(call.id, 'hangup');
        await caller.event('CALL_CLOSED');
        await assertHeard(caller.heard(), DEVICE_TONE, 'at baresip');
        await assertHeard(file(`${call.id}.wav`), PHONE_TONE, 'at the device');
      };
      caller.command('dial', IMPU);
      const incoming = await tablet.whenCall('a call', ({ state }) => state === 'ringing');
      await tablet.act(incoming.id, 'answer');
      await both(incoming);
      caller.events.length = 0;
      const outgoing = await tablet.dial(`sip:+46709999999@${REALM}`);
      await caller.event('CALL_INCOMING');
      caller.command('accept');
      await both(outgoing);
    } finally {
      await capture.stop();
    }
    const rtp = capture.packets('ipv6 && rtp', ['frame.number']);
    assert.ok(rtp.length > 400, `${rtp.length} RTP packets over IPv6`);
  });

test.proof('[MD-2.2.4b] registration, calls each way and sound both ways over IPv6 alone', {
  peers: ['Kamailio', 'baresip', 'tshark'],
  timeoutMs: 60_000,
  run: () => overIpv6(DEVICE_TONE),
  control: () => overIpv6(1600),
});

const ADDRESSES = { '127.0.0.1': 'A', '::1': 'AAAA' } as const;

/** The name of the P-CSCF has both kinds of address; Kamailio listens at one of them, or at neither. */
async function oneFamily(alive: keyof typeof ADDRESSES, port?: number): Promise<void> {
  const dns = await startDns({});
  try {
    await withKamailio({ host: alive }, async ({ kamailio, device, softphone, file }) => {
      dns.zone.set('pcscf.op.example', [
        { type: 'AAAA', address: '::1' },
        { type: 'A', address: '127.0.0.1' },
      ]);
      const tablet = await device('tablet', {
        pcscf: `sip:pcscf.op.example:${port ?? kamailio.port};transport=udp`,
        listen: ['udp:127.0.0.1:0', 'udp:[::1]:0', 'tcp:127.0.0.1:0', 'tcp:[::1]:0'],
        address: 'auto',
        codecs: ['PCMA'],
        playback: `file:${file('{call}.wav')}`,
        timers: { t1: 60, t2: 240, t4: 300 },
        sip: `dns = "${dns.address}"\nretry_base = 1\nretry_max = 2`,
      });
      const status = await tablet.registered(15_000).catch(() => undefined);
      assert.ok(status, 'registered');
      assert.ok(dns.asked.includes('A pcscf.op.example') && dns.asked.includes('AAAA pcscf.op.example'));
      const caller = await softphone('caller', { hertz: PHONE_TONE });
      caller.command('dial', IMPU);
      const call = await tablet.whenCall('a call', ({ state }) => state === 'ringing');
      await tablet.act(call.id, 'answer');
      await caller.event('CALL_ESTABLISHED');
      await talk();
      caller.command('hangup');
      await tablet.whenState(call.id, 'ended');
      await assertHeard(caller.heard(), DEVICE_TONE, 'at baresip');
      await assertHeard(file(`${call.id}.wav`), PHONE_TONE, 'at the device');
    });
  } finally {
    await dns.close();
  }
}

/** A port where nothing listens. */
const NOBODY = 9;

for (const alive of ['127.0.0.1', '::1'] as const) {
  const family = alive === '::1' ? 'IPv6' : 'IPv4';
  test.proof(
    `[MD-2.2.4b] with both families in the name and only ${family} alive, registers and talks over that`,
    {
      peers: ['Kamailio', 'baresip'],
      timeoutMs: 60_000,
      run: () => oneFamily(alive),
      control: () => oneFamily(alive, NOBODY),
    },
  );
}

test.run();
