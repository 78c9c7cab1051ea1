import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { silentLogger } from '#src/base/log.ts';
import { MediaEngine } from '#src/media/engine.ts';
import type { AudioStream } from '#src/media/stream.ts';
import { suite } from '#test/support/suite.ts';
import {
  AMR_WB,
  assertHeard,
  assertSilent,
  connect,
  eventually,
  openStream,
  talk,
  thrown,
  withEngine,
} from './sound.ts';

const test = suite('media/alsa');
const root = resolve(import.meta.dirname, '../../..');
const faults = mkdtempSync(join(tmpdir(), 'tandem-alsa-'));

test.before(() => {
  // The test-only sound card: what is played on it is captured from it.
  execFileSync('make', ['-s', '-C', join(root, 'native'), 'alsa'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const cards = [
    ['usual', 48_000, 2, 0],
    ['fast', 44_100, 2, 1000],
  ] as const;
  mkdirSync(faults, { recursive: true });
  writeFileSync(
    join(faults, 'asound.conf'),
    cards
      .map(
        ([name, rate, channels, skew]) =>
          `pcm.${name} { type tandemtest cable ${name} rate ${rate} channels ${channels} skew_ppm ${skew} ` +
          `faults "${faults}" hint { show on description "Test card ${name}" } }\n`,
      )
      .concat('pcm.room { type tandemtest cable room rate 48000 channels 2 delay_ms 70 }\n')
      .join(''),
  );
  process.env.ALSA_CONFIG_PATH = join(faults, 'asound.conf');
  process.env.ALSA_PLUGIN_DIR = join(root, 'build/native/release');
});

test.after(() => rmSync(faults, { recursive: true, force: true }));

interface Chain {
  readonly player: AudioStream;
  readonly recorder: AudioStream;
  readonly listener: AudioStream;
  readonly file: string;
}

/** A tone by RTP to a call that plays it on the card; another call captures it there and sends it on into a file. */
function chain(engine: MediaEngine, folder: string, card: string): Chain {
  const file = join(folder, `${card}.wav`);
  const talker = openStream(engine, { capture: 'tone:440' });
  const player = openStream(engine, { playback: `alsa:${card}` });
  const recorder = openStream(engine, { capture: `alsa:${card}` });
  const listener = openStream(engine, { playback: `file:${file}` });
  connect(talker, player, { codec: AMR_WB });
  connect(recorder, listener);
  return { player, recorder, listener, file };
}

const LOOK_MS = 100;

test('devices are listed by the names that the configuration takes', () =>
  withEngine(async (engine) => {
    const { capture, playback } = engine.devices();
    assert.ok(capture.some(({ name, description }) => name === 'usual' && description === 'Test card usual'));
    assert.ok(playback.some(({ name }) => name === 'fast'));
  }));

for (const card of ['usual', 'fast']) {
  test(`through a card and back: ${card}`, () =>
    withEngine(async (engine, folder) => {
      const { listener, file } = chain(engine, folder, card);
      await talk(1500);
      await listener.close();
      assertHeard(file, 440, LOOK_MS);
    }));
}

for (const fault of ['xrun', 'suspend']) {
  test(`${fault}: healed without a word`, () =>
    withEngine(async (engine, folder) => {
      const { player, recorder, listener, file } = chain(engine, folder, 'usual');
      const troubles: string[] = [];
      for (const stream of [player, recorder]) stream.onTrouble.on((error) => troubles.push(error.id));
      await talk(500);
      writeFileSync(join(faults, `usual.${fault}`), '');
      await talk(1200);
      await listener.close();
      assert.equal(troubles, []);
      assertHeard(file, 440, LOOK_MS);
    }));
}

test('unplugged: each call is told, goes on with silence, and hears again when the card is back', () =>
  withEngine(async (engine, folder) => {
    const { player, recorder, listener, file } = chain(engine, folder, 'usual');
    const heard: string[] = [];
    for (const [name, stream] of Object.entries({ player, recorder })) {
      stream.onTrouble.on((error) => heard.push(`${name} ${error.id}`));
      stream.onRecovered.on(() => heard.push(`${name} back`));
    }
    const unplug = join(faults, 'usual.unplug');
    await talk(500);
    writeFileSync(unplug, '');
    await eventually(() => heard.length === 2);
    assert.equal(heard.sort(), ['player media.device', 'recorder media.device']);
    assert.is(thrown(() => openStream(engine, { capture: 'alsa:nothing' })).id, 'media.device');
    const { sent } = recorder.stats();
    await talk(500);
    assert.ok(recorder.stats().sent > sent + 15, 'the call goes on');
    assert.ok(recorder.stats().levelIn < -90, 'with silence');
    rmSync(unplug);
    await eventually(() => heard.length === 4);
    await talk(1000);
    await listener.close();
    assertHeard(file, 440, LOOK_MS);
    assertSilent(file, 440, LOOK_MS, 1500);
    assert.is(engine.counters.media_troubles_total, 2);
  }));

test('busy when the call begins: it begins, and hears when the card is free', () =>
  withEngine(async (engine, folder) => {
    const taken = join(faults, 'usual.busy');
    writeFileSync(taken, '');
    const { player, recorder, listener, file } = chain(engine, folder, 'usual');
    const heard: string[] = [];
    for (const stream of [player, recorder]) {
      stream.onTrouble.on((error) => heard.push(error.id));
      stream.onRecovered.on(() => heard.push('back'));
    }
    await eventually(() => heard.length === 2);
    assert.equal(heard, ['media.device', 'media.device']);
    rmSync(taken);
    await eventually(() => heard.length === 4);
    await talk(1000);
    await listener.close();
    assertHeard(file, 440, LOOK_MS);
  }));

test('the audio test finds the delay of a room and its echo', () =>
  withEngine(async (engine) => {
    const found = await engine.measureDelay({ capture: 'alsa:room', playback: 'alsa:room' });
    assert.ok(Math.abs(found.delayMs - 70) < 6, `${found.delayMs} ms`);
    assert.ok(found.confidence > 0.7, `confidence ${found.confidence}`);
    assert.ok(Math.abs(found.echoDb) < 2, `echo ${found.echoDb} dB`);
    for (const [capture, id] of [
      ['alsa:nothing', 'media.device'],
      ['tone:440', 'media.config'],
    ] as const)
      assert.is(await rejected(engine.measureDelay({ capture, playback: 'alsa:room' })), id);
  }));

test('an engine that closes ends an audio test', async () => {
  const engine = MediaEngine.open({ log: silentLogger() });
  const measuring = rejected(engine.measureDelay({ capture: 'alsa:room', playback: 'alsa:room' }));
  await engine.close();
  assert.is(await measuring, 'media.device');
});

/** The id of the error that a promise ends with. */
async function rejected(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof TandemError) return error.id;
    throw error;
  }
  return 'nothing';
}

test.run();
