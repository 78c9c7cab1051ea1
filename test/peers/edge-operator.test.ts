// The test operator's own access edge with a real rtpengine: a softphone that has only RTP, and a device that announced SRTP.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { type CallObject, Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { Authority } from './support/certificates.ts';
import { deviceConfig, IMPU, REALM } from './support/configuration.ts';
import { assertHeard, TONE_LEVEL } from './support/heard.ts';
import { freePort, Peer, scratch } from './support/process.ts';
import { Rtpengine } from './support/rtpengine.ts';

const test = suite('peers/edge-operator');
const MAIN = join(import.meta.dirname, '../../src/main.ts');
const DEVICE_TONE = 1000;
const PHONE_TONE = 440;
const GUEST = `sip:guest@${REALM}`;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const folder = scratch();
test.after(() => folder.remove());
const authority = new Authority(folder.path);
const tls = authority.issue('server', ['IP:127.0.0.1']);

interface Ports {
  readonly sip: number;
  readonly tls: number;
}

async function startOperator(edge: string): Promise<{ peer: Peer; ports: Ports }> {
  const ports = { sip: await freePort(), tls: await freePort() };
  const path = folder.file('operator.toml');
  writeFileSync(
    path,
    `[listen]
sip = ["udp:127.0.0.1:${ports.sip}", "tcp:127.0.0.1:${ports.sip}", "tls:127.0.0.1:${ports.tls}"]
domain = "${REALM}"
certificate = "${tls.certificate}"
key = "${tls.key}"
[[accounts]]
impi = "tablet@${REALM}"
password = "tablet-secret"
impus = ["${IMPU}"]
[[accounts]]
impi = "guest"
password = "guest-secret"
impus = ["${GUEST}"]
[web]
listen = "127.0.0.1:0"
${edge}
`,
  );
  const args = ['--disable-warning=ExperimentalWarning', MAIN, 'operator', '--config', path];
  return { peer: await Peer.start(process.execPath, args, { ready: /^listening .*$/m }), ports };
}

/** The guest calls the device, then the device the guest; each end hears the other, the device by SRTP. */
async function bothWays(withEdge: boolean): Promise<void> {
  const rtpengine = await Rtpengine.start();
  const started: { stop(): Promise<void> }[] = [rtpengine];
  try {
    const edge = withEdge ? `[edge]\nrtpengine = "udp:127.0.0.1:${rtpengine.port}"` : '';
    const { peer, ports } = await startOperator(edge);
    started.unshift(peer);
    const config = deviceConfig({
      pcscf: `sip:127.0.0.1:${ports.tls}`,
      ca: authority.certificate,
      listen: ['tls:127.0.0.1:0'],
      codecs: ['PCMA'],
      playback: `file:${folder.file('{call}.wav')}`,
    });
    const device = await Device.start(config, folder.file('device'));
    started.unshift(device);
    await device.registered();
    const account = `<${GUEST};transport=udp>;auth_user=guest;auth_pass=guest-secret;outbound="sip:127.0.0.1:${ports.sip};transport=udp"`;
    const guest = await Baresip.start({ folder: folder.file('guest'), account, hertz: PHONE_TONE });
    started.unshift(guest);
    await guest.registered();

    const talk = async ({ id }: CallObject): Promise<void> => {
      await guest.event('CALL_ESTABLISHED');
      await wait(4000);
      const during = await device.call(id);
      await device.act(id, 'hangup');
      await guest.event('CALL_CLOSED');
      assert.is(during.audio?.srtp, true, 'SRTP at the device');
      await assertHeard(guest.heard(), DEVICE_TONE, 'at the guest', TONE_LEVEL);
      await assertHeard(folder.file(`${id}.wav`), PHONE_TONE, 'at the device', TONE_LEVEL);
    };
    guest.command('dial', IMPU);
    const incoming = await device.whenCall('a ringing call', ({ state }) => state === 'ringing');
    await device.act(incoming.id, 'answer');
    await talk(incoming);
    guest.events.length = 0;
    const outgoing = await device.dial(GUEST);
    await guest.event('CALL_INCOMING');
    guest.command('accept');
    await talk(outgoing);
    assert.match(rtpengine.peer.output, /delete/i);
  } finally {
    for (const item of started) await item.stop();
  }
}

test.proof(
  "the operator's edge with rtpengine: a guest with RTP alone, called and calling, SRTP at the device",
  {
    peers: ['rtpengine', 'baresip'],
    timeoutMs: 90_000,
    run: () => bothWays(true),
    control: () => bothWays(false),
  },
);

test.run();
