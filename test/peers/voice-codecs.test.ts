// Calls with baresip in every codec that both have: each end hears the tone of the other, at its frequency and level.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Stage } from './scenarios/stage.ts';
import { Baresip } from './support/baresip.ts';
import { scratch, until } from './support/process.ts';
import { cut, dominant, hearTone, levelAt, readWav } from './support/tone.ts';

const test = suite('peers/voice-codecs');

const DEVICE_TONE = 1000;
const PHONE_TONE = 440;
/** Of baresip's tone, and of the device's. */
const SENT_LEVEL = -10;
const LEVEL_TOLERANCE_DB = 4;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Codec {
  readonly name: 'AMR' | 'AMR-WB' | 'G722' | 'opus';
  readonly requirement?: string;
  /** As baresip calls it. */
  readonly theirs: string;
  readonly module: string;
  readonly rate: number;
}

const CODECS: readonly Codec[] = [
  { name: 'AMR', requirement: 'MD-2.4.3c', theirs: 'AMR/8000/1', module: 'amr', rate: 8000 },
  { name: 'AMR-WB', requirement: 'MD-2.4.3d', theirs: 'AMR-WB/16000/1', module: 'amr', rate: 16_000 },
  { name: 'G722', theirs: 'G722/16000/1', module: 'g722', rate: 16_000 },
  { name: 'opus', theirs: 'opus/48000/2', module: 'opus', rate: 48_000 },
];

const folder = scratch();
test.after(() => folder.remove());

async function assertHeard(path: string, hertz: number, where: string): Promise<void> {
  const seconds = await hearTone(path, hertz, 2);
  assert.ok(seconds >= 2, `${where}: ${hertz} Hz for ${seconds} s`);
  const pcm = readWav(path);
  const half = pcm.samples.length / pcm.rate / 2;
  const middle = cut(pcm, half - 0.5, half + 0.5);
  assert.is(Math.round(dominant(middle) / 20), Math.round(hertz / 20), `${where}: frequency`);
  const level = levelAt(middle, hertz);
  assert.ok(Math.abs(level - SENT_LEVEL) < LEVEL_TOLERANCE_DB, `${where}: ${level} dB`);
}

/** baresip calls with its codec alone; the device has `codec`. */
async function tones({ name, theirs, module, rate }: Codec, codec: string): Promise<void> {
  const key = `${name}-${codec}`;
  const stage = await Stage.open({
    codecs: [codec],
    autoAnswer: 'all',
    capture: `tone:${DEVICE_TONE}`,
    playback: `file:${folder.file(`${key}-{call}.wav`)}`,
  });
  const baresip = await Baresip.start({
    folder: folder.file(key),
    account: `<sip:bob@127.0.0.1>;regint=0;audio_codecs=${theirs}`,
    modules: [module],
    hertz: PHONE_TONE,
    rate,
  });
  try {
    baresip.command('dial', `sip:device@${stage.address}`);
    await until('an end of the attempt', () =>
      baresip.events.some(({ type }) => type === 'CALL_ESTABLISHED' || type === 'CALL_CLOSED'),
    );
    const [call] = await stage.device.calls();
    assert.is(call?.audio?.codec, name);
    await wait(3000);
    await stage.device.act(call?.id ?? '', 'hangup');
    await baresip.event('CALL_CLOSED');
    await assertHeard(baresip.heard(), DEVICE_TONE, 'at baresip');
    await assertHeard(folder.file(`${key}-${call?.id}.wav`), PHONE_TONE, 'at the device');
  } finally {
    await baresip.stop();
    await stage.close();
  }
}

for (const codec of CODECS) {
  const id = codec.requirement ? `[${codec.requirement}] ` : '';
  test.proof(`${id}${codec.name} with baresip: each end hears the tone of the other at its level`, {
    peers: ['baresip'],
    timeoutMs: 60_000,
    run: () => tones(codec, codec.name),
    control: () => tones(codec, 'PCMU'),
  });
}

test.run();
