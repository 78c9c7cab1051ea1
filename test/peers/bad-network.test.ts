// Sound through a network that loses, delays and reorders: what the device plays, beside what baresip plays.
import { statSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { deviceConfig } from './support/configuration.ts';
import { freePort, scratch } from './support/process.ts';
import { Relay, type Trouble } from './support/relay.ts';
import { cut, levelAt, type Pcm, readWav, secondsOfTone } from './support/tone.ts';

const test = suite('peers/bad-network');

/** No whole number of cycles in 20 ms: a packet left out breaks the sine. */
const DEVICE_TONE = 1030;
const PHONE_TONE = 440;
const TALK_MS = 6000;
const RATE = 16_000;
const HEAD = 44;
/** Of 16 bit samples; the tone's amplitude is 10000. */
const QUIET = 1000;
/** G.711 µ-law, sign left out: smaller codes are louder. */
const LOUD = 0x60;
/** What the device may add to the delay of the network. */
const OWN_DELAY_MS = 120;
/** Steps above this many times the sine's own are heard as clicks: half its amplitude at 440 Hz and 16 kHz. */
const CLICK = 3;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The largest step between samples, and how many are odd, against the largest step of an undisturbed sine. */
function clicks(pcm: Pcm, hertz: number): { worst: number; count: number } {
  // The level of the tone where it stands: its median over tenths of a second.
  const slice = Math.floor(pcm.rate / 10);
  const levels: number[] = [];
  for (let at = 0; at + slice <= pcm.samples.length; at += slice)
    levels.push(levelAt({ rate: pcm.rate, samples: pcm.samples.subarray(at, at + slice) }, hertz));
  levels.sort((a, b) => a - b);
  const amplitude = 32_768 * 10 ** ((levels.at(Math.floor(levels.length / 2)) ?? -100) / 20);
  const step = 2 * amplitude * Math.sin((Math.PI * hertz) / pcm.rate);
  let worst = 0;
  let count = 0;
  for (let at = 1; at < pcm.samples.length; at += 1) {
    const ratio = Math.abs((pcm.samples[at] ?? 0) - (pcm.samples[at - 1] ?? 0)) / step;
    worst = Math.max(worst, ratio);
    if (ratio > 1.5) count += 1;
  }
  return { worst, count };
}

/** The longest stretch without sound after the first sound, in seconds. */
function longestQuiet({ rate, samples }: Pcm): { from: number; to: number } {
  let best = { from: 0, to: 0 };
  let last = samples.length;
  for (const [at, sample] of samples.entries()) {
    if (Math.abs(sample) < QUIET) continue;
    if (at - last > best.to - best.from) best = { from: last, to: at };
    last = at;
  }
  return { from: best.from / rate, to: best.to / rate };
}

interface Heard {
  readonly device: Pcm;
  readonly baresip: Pcm;
  readonly delayMs: number;
  readonly lost: number;
}

async function through(trouble: Trouble, talkMs = TALK_MS): Promise<Heard> {
  const folder = scratch();
  const port = await freePort();
  const device = await Device.start(
    deviceConfig({
      profile: 'sip',
      impu: 'sip:door@127.0.0.1',
      listen: [`udp:127.0.0.1:${port}`],
      codecs: ['PCMU'],
      capture: `tone:${DEVICE_TONE}`,
      playback: `file:${folder.file('{call}.wav')}`,
      autoAnswer: 'all',
    }),
    folder.file('device'),
  );
  const baresip = await Baresip.start({
    folder: folder.file('baresip'),
    account: '<sip:bob@127.0.0.1>;regint=0',
    hertz: PHONE_TONE,
  });
  const relay = await Relay.start(port, trouble);
  try {
    baresip.command('dial', `sip:door@127.0.0.1:${relay.port}`);
    const call = await device.whenCall('a call', ({ state }) => state === 'active');
    await baresip.event('CALL_ESTABLISHED');
    const path = folder.file(`${call.id}.wav`);
    const end = Date.now() + talkMs;
    // The file grows as it is played: when its first sample was heard at the latest.
    let began = Number.POSITIVE_INFINITY;
    while (Date.now() < end) {
      const octets = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (octets > HEAD) began = Math.min(began, Date.now() - ((octets - HEAD) / 2 / RATE) * 1000);
      await wait(2);
    }
    // A pause of the tone: its end is an edge that can be found again.
    baresip.command('mute');
    await wait(600);
    baresip.command('mute');
    await wait(900);
    const { audio } = await device.call(call.id);
    await device.act(call.id, 'hangup');
    await baresip.event('CALL_CLOSED');
    const pcm = readWav(path);
    const loud = relay.arrivals.map(({ payload }) => payload.some((octet) => (octet & 0x7f) < LOUD));
    const edge = loud.findLastIndex((now, at) => now && !loud[at - 1]);
    const pause = longestQuiet(pcm);
    return {
      device: cut(pcm, 0, pause.from - 0.1),
      baresip: cut(readWav(baresip.heard()), 0, talkMs / 1000),
      delayMs: began + pause.to * 1000 - (relay.arrivals[edge]?.at ?? 0),
      lost: audio?.lost ?? 0,
    };
  } finally {
    await baresip.stop();
    await device.stop();
    relay.close();
    folder.remove();
  }
}

const BAD = { loss: 0.1, jitterMs: 80, newSourceAfter: 150 };

async function bearable(trouble: Trouble): Promise<void> {
  const heard = await through(trouble);
  const [ours, theirs] = [clicks(heard.device, PHONE_TONE), clicks(heard.baresip, DEVICE_TONE)];
  const [tone, length] = [secondsOfTone(heard.device, PHONE_TONE), heard.device.samples.length / RATE];
  const told = JSON.stringify({ ours, theirs, tone, length, delayMs: heard.delayMs, lost: heard.lost });
  assert.ok(heard.lost >= 10, told);
  assert.ok(tone > length - 1, told);
  assert.ok(heard.delayMs > 0 && heard.delayMs < BAD.jitterMs + OWN_DELAY_MS, told);
  assert.ok(ours.worst < CLICK, told);
  assert.ok(ours.count <= theirs.count / 2, told);
}

test.proof(
  '[MD-2.4.3h] 10 % loss, 80 ms of jitter and a new source: the tone goes on, late by little, without clicks',
  {
    peers: ['baresip'],
    timeoutMs: 60_000,
    run: () => bearable(BAD),
    control: () => bearable({ loss: 0.45, jitterMs: 400 }),
  },
);

/** As far as 100 ppm come in ten minutes, in so little time that a test can wait for it. */
const DRIFT_MS = 60;
const DRIFT_TALK_MS = 12_000;
/** What the jitter buffer may add when nothing but the clock is odd. */
const STEADY_DELAY_MS = 100;
/** Two programs' recordings begin not quite together. */
const MEASURE_MS = 25;

/** Each one's clock is off as the other sees it; what is late at the end is late by the network alone. */
async function drifts(driftMs: number, talkMs: number): Promise<void> {
  const skewPpm = (driftMs / talkMs) * 1e6;
  const heard = await through({ loss: 0, jitterMs: 0, skewPpm, skewMs: talkMs }, talkMs);
  const [ours, theirs] = [clicks(heard.device, PHONE_TONE), clicks(heard.baresip, DEVICE_TONE)];
  const [tone, length] = [secondsOfTone(heard.device, PHONE_TONE), heard.device.samples.length / RATE];
  const told = JSON.stringify({ skewPpm, ours, theirs, tone, length, delayMs: heard.delayMs });
  console.log(`clock off: ${told}`);
  const network = driftMs < 0 ? -driftMs : 0;
  assert.ok(tone > length - 1, told);
  assert.ok(heard.delayMs > -MEASURE_MS && heard.delayMs < network + STEADY_DELAY_MS, told);
  assert.ok(ours.worst < CLICK && ours.count === 0, told);
}

for (const [kind, driftMs] of [
  ['fast', DRIFT_MS],
  ['slow', -DRIFT_MS],
] as const) {
  test.proof(
    `[MD-2.4.3h] a far clock that is ${kind}, by as much in 12 s as one of 100 ppm in ten minutes: no delay piles up, no click`,
    {
      peers: ['baresip'],
      timeoutMs: 90_000,
      run: () => drifts(driftMs, DRIFT_TALK_MS),
      control: () => drifts(driftMs * 40, 6000),
    },
  );
}

test.run();
