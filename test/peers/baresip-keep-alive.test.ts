// Keep-alives towards a phone of others (NG.110 2.9.1): baresip puts us on hold, gets empty packets meanwhile, and plays on afterwards.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { Capture } from './support/capture.ts';
import { deviceConfig } from './support/configuration.ts';
import { freePort, scratch } from './support/process.ts';
import { cut, hearTone, readWav, secondsOfTone } from './support/tone.ts';

const test = suite('peers/baresip-keep-alive');
const TONE = 1000;
const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const EMPTY = 12;
const UDP_HEADER = 8;
const [HELD, TALK] = [4, 2.5];

async function playsOn(interval: number): Promise<void> {
  const folder = scratch();
  const port = await freePort();
  const config = deviceConfig({
    profile: 'sip',
    impu: 'sip:door@127.0.0.1',
    listen: [`udp:127.0.0.1:${port}`],
    codecs: ['PCMU'],
    autoAnswer: 'all',
    media: `keepalive_interval = ${interval}`,
  });
  const capture = await Capture.start(folder.file('all.pcapng'));
  const device = await Device.start(config, folder.file('device'));
  const baresip = await Baresip.start({
    folder: folder.file('baresip'),
    account: '<sip:bob@127.0.0.1>;regint=0',
  });
  try {
    baresip.command('dial', `sip:door@127.0.0.1:${port}`);
    const { id } = await device.whenCall('an active call', ({ state }) => state === 'active');
    await baresip.event('CALL_ESTABLISHED');
    await wait(TALK);
    baresip.command('hold');
    await device.whenCall('a held call', ({ hold }) => hold === 'remote');
    await wait(HELD);
    baresip.command('resume');
    await device.whenCall('a resumed call', ({ hold }) => hold === 'none');
    await wait(TALK);
    await device.act(id, 'hangup');
    await baresip.event('CALL_CLOSED');
    await capture.stop();
    await hearTone(baresip.heard(), TONE, 2 * TALK - 1.5);
    const pcm = readWav(baresip.heard());
    const seconds = pcm.samples.length / pcm.rate;
    const [first, last] = [cut(pcm, 0, TALK), cut(pcm, seconds - TALK, seconds)].map((part) =>
      secondsOfTone(part, TONE),
    );
    assert.ok((first ?? 0) > TALK - 1.5 && (last ?? 0) > TALK - 1.5, `${first} s and ${last} s of the tone`);
    // Those of the hold: one each second, from the port that our answer named; other tests share the wire.
    const [answer] = capture.packets(`sip && sdp && udp.srcport == ${port}`, ['sdp.media.port']);
    const own = answer?.['sdp.media.port']?.[0] ?? '';
    assert.match(own, /^\d+$/);
    const filter = `udp.length == ${EMPTY + UDP_HEADER} && udp.srcport == ${own} && udp.payload[0:2] == 80:14`;
    const empty = capture.packets(filter, ['udp.srcport']).length;
    assert.ok(empty >= HELD - 1, `${empty} empty packets to baresip`);
  } finally {
    await baresip.stop();
    await device.stop();
    await capture.stop();
    folder.remove();
  }
}

test.proof('[MD-2.9.1a2] baresip takes no notice of empty packets: it plays before and after', {
  peers: ['baresip', 'tshark'],
  timeoutMs: 90_000,
  run: () => playsOn(1),
  control: () => playsOn(0),
});

test.run();
