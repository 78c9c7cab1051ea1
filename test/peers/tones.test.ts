// What the owner hears of how a call stands: ring, ringback, busy, waiting, on a loudspeaker (the tests' own sound card,
// recorded by ALSA's file plug-in) and never in a file.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { called, refuse, respond } from './scenarios/callee.ts';
import { ack, ackRefusal, cancel, hungUp, invite, rings } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { expect, pause, scenario } from './scenarios/xml.ts';
import { makeSpeaker, played, SPEAKER } from './support/loudspeaker.ts';
import { scratch } from './support/process.ts';
import { cut, level, levelAt, type Pcm, readWav } from './support/tone.ts';

const test = suite('peers/tones');

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const folder = scratch();

test.before(() => {
  makeSpeaker(folder);
});
test.after(() => folder.remove());

const SLICE_MS = 20;
const AUDIBLE_DB = -40;
/** A shorter break is none of the cadence: a busy machine lets a loudspeaker run dry. */
const GAP_MS = 150;

/** How long by turns there was none of these frequencies and one of them, in milliseconds, from the first sound on. */
function cadence(pcm: Pcm, hertz: readonly number[]): number[] {
  const runs: { on: boolean; ms: number }[] = [];
  for (let at = 0; at + SLICE_MS <= (pcm.samples.length / pcm.rate) * 1000; at += SLICE_MS) {
    const part = cut(pcm, at / 1000, (at + SLICE_MS) / 1000);
    const loudest = Math.max(...hertz.map((one) => levelAt(part, one)));
    const on = loudest > AUDIBLE_DB && loudest > level(part) - 6;
    const last = runs.at(-1);
    if (last?.on === on) last.ms += SLICE_MS;
    else runs.push({ on, ms: SLICE_MS });
  }
  for (let at = runs.length - 2; at > 0; at -= 1) {
    const [before, gap, after] = [runs[at - 1], runs[at], runs[at + 1]];
    if (!before || !gap || !after || gap.on || gap.ms >= GAP_MS) continue;
    before.ms += gap.ms + after.ms;
    runs.splice(at, 2);
  }
  const first = runs.findIndex(({ on }) => on);
  return first < 0 ? [] : runs.slice(first).map(({ ms }) => ms);
}

const TOLERANCE_MS = 60;
function assertCadence(found: readonly number[], wanted: readonly number[], what: string): void {
  const fits = wanted.every((ms, at) => Math.abs((found[at] ?? 0) - ms) <= TOLERANCE_MS);
  assert.ok(fits, `${what}: ${found} ms for ${wanted} ms`);
}

/** TS 22.001 annex F (CEPT): one frequency for all supervisory tones. */
const SUPERVISORY = [425];
/** Our own ring. */
const RING = [587.33, 880];

const open = (playback: string): Promise<Stage> => Stage.open({ capture: 'null', playback });

/** Rings for two seconds until the caller gives up. */
async function ring(stage: Stage): Promise<void> {
  const steps = [
    invite('ring'),
    ...rings(),
    pause(2000),
    cancel('ring'),
    expect(200),
    expect(487),
    ackRefusal('ring'),
  ];
  await stage.called('ring', scenario('ring', steps), async () => {
    await stage.call('ring', 'ringing');
  });
}

/** The other one rings for a while and is busy then. */
async function ringbackAndBusy(stage: Stage): Promise<void> {
  const steps = [called(), respond(180), pause(1800), ...refuse(486)];
  await stage.play('busy', scenario('busy', steps), async ({ port }) => {
    const { id } = await stage.device.dial(`sip:busy@127.0.0.1:${port}`);
    await stage.device.whenState(id, 'ended');
    // The busy tone ends after three seconds, and the loudspeaker is given back.
    await wait(3500);
  });
}

/** A second call rings while the first goes on. */
async function waiting(stage: Stage): Promise<void> {
  const first = [invite('first'), ...rings(), expect(200), ack('first'), ...hungUp()];
  const second = [
    invite('second'),
    ...rings(),
    pause(1800),
    cancel('second'),
    expect(200),
    expect(487),
    ackRefusal('second'),
  ];
  await stage.called('first', scenario('first', first), async () => {
    const { id } = await stage.answer('first');
    await wait(500);
    await stage.alongside('second', scenario('second', second), async () => {
      await stage.call('second', 'ringing');
    });
    await stage.device.act(id, 'hangup');
  });
}

async function tones(playback: string): Promise<void> {
  const stage = await open(playback);
  try {
    await ring(stage);
    assertCadence(cadence(played(folder), RING), [1200], 'ring');
    assert.equal(cadence(played(folder), SUPERVISORY), [], 'and that alone');
    await ringbackAndBusy(stage);
    const heard = cadence(played(folder), SUPERVISORY);
    const [back = 0, pauseMs = 0, ...busy] = heard;
    assertCadence([back], [1000], `ringback of ${heard}`);
    assert.ok(pauseMs > 300, `ringback: ${pauseMs} ms of pause`);
    assertCadence(busy, [500, 500, 500, 500], 'busy');
    await waiting(stage);
    assertCadence(cadence(played(folder), SUPERVISORY), [200, 600, 200], 'waiting');
  } finally {
    await stage.close();
  }
}

test.proof(
  'ring tone, ringback, busy and waiting tone are heard on the loudspeaker, each in its own cadence',
  {
    peers: ['SIPp'],
    timeoutMs: 90_000,
    run: () => tones(SPEAKER),
    control: () => tones('null'),
  },
);

test('no tone in a file', { peers: ['SIPp'], timeoutMs: 60_000 }, async () => {
  const wav = folder.file('far.wav');
  const stage = await open(`file:${wav}`);
  try {
    await waiting(stage);
  } finally {
    await stage.close();
  }
  const pcm = readWav(wav);
  assert.ok(pcm.samples.length > pcm.rate, 'it holds the call');
  assert.ok(pcm.samples.every((sample) => sample === 0));
});

test.run();
