// The home's network gives the device another address in the middle of a call: the far end is told, and both go on to hear each other.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { deviceConfig } from './support/configuration.ts';
import { Home, natLack, OUTSIDE } from './support/nat.ts';
import { freePort, scratch, until } from './support/process.ts';
import { cut, level, levelAt, readWav } from './support/tone.ts';

const test = suite('peers/moved');
const ELSEWHERE = '192.168.77.33';
const DEVICE_TONE = 1000;
const FAR_TONE = 440;
const GONE_MS = 1500;

/** Seconds of a tone in a stretch of what was heard; a negative start counts from the end. */
function heard(path: string, hertz: number, from: number, seconds: number): number {
  const pcm = readWav(path);
  const start = from < 0 ? pcm.samples.length / pcm.rate + from : from;
  const slices = [...Array(Math.round(seconds * 10)).keys()].filter((at) => {
    const part = cut(pcm, start + at / 10, start + (at + 1) / 10);
    const tone = levelAt(part, hertz);
    return tone > -40 && tone > level(part) - 6;
  });
  return slices.length / 10;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function moves(move: (home: Home) => Promise<void>): Promise<void> {
  const home = new Home(30);
  // Baresip sends to where a description says, and nowhere else.
  home.openUp();
  const folder = scratch();
  const port = await freePort();
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const device = await Device.start(
      deviceConfig({
        ...{ profile: 'sip', impu: 'sip:door@home.example', codecs: ['PCMU'], address: 'auto' },
        listen: [`udp:0.0.0.0:${port}`],
        capture: `tone:${DEVICE_TONE}`,
        playback: `file:${folder.file('heard.wav')}`,
        more: `[web]\nlisten = "${home.management}:0"\n`,
      }),
      folder.file('device'),
      undefined,
      home.prefix('inside'),
    );
    stops.push(() => device.stop());
    const baresip = await Baresip.start({
      folder: folder.file('baresip'),
      account: `<sip:bob@${OUTSIDE}>;regint=0;answermode=auto`,
      host: OUTSIDE,
      hertz: FAR_TONE,
      elsewhere: { prefix: home.prefix('outside'), control: home.managementOutside, interface: 'wan' },
    });
    stops.push(() => baresip.stop());
    const { id } = await device.dial(`sip:bob@${OUTSIDE}:${baresip.port}`);
    await device.whenState(id, 'active');
    await pause(1500);
    await move(home);
    const told = new RegExp(`c=IN IP4 ${ELSEWHERE}`);
    await until('the far end to be told', async () => told.test(await trace(device)), 5_000).catch(
      () => undefined,
    );
    assert.match(await trace(device), told);
    await pause(2500);
    assert.is((await device.call(id)).state, 'active');
    await device.act(id, 'hangup');
    const row = await device.whenState(id, 'ended');
    assert.equal([row.end?.label, row.end?.by], ['answered', 'local']);
    await baresip.event('CALL_CLOSED');
    await pause(300);
    for (const [where, path, hertz] of [
      ['at the device', folder.file('heard.wav'), FAR_TONE],
      ['at baresip', baresip.heard(), DEVICE_TONE],
    ] as const) {
      const before = heard(path, hertz, 0, 1.5);
      const after = heard(path, hertz, -1.5, 1.2);
      assert.ok(before > 0.7 && after > 0.8, `${where}: ${before} s before, ${after} s after`);
    }
  } finally {
    for (const stop of stops.reverse()) await stop().catch(() => undefined);
    home.remove();
    folder.remove();
  }
}

/** The last SIP messages, as they were. */
async function trace(device: Device): Promise<string> {
  const headers = { authorization: `Bearer ${device.token}` };
  const answer = await fetch(`${device.url}/api/v1/trace?format=pcap`, { headers });
  return Buffer.from(await answer.arrayBuffer()).toString('latin1');
}

const lack = natLack();
const NAME = 'another address in mid-call: re-INVITE, and the sound comes back both ways';
if (lack === undefined)
  test.proof(NAME, {
    peers: ['baresip'],
    timeoutMs: 90_000,
    run: () => moves((home) => home.readdress(ELSEWHERE, GONE_MS)),
    control: () => moves(async () => undefined),
  });
else test.skip(NAME, lack);

test.run();
