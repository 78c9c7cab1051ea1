// From mouth to ear: a call between two devices over loopback, and one between two baresips, through the same sound cards.
// The cards are the tests' own (native/ioplug): the microphone beeps at moments of the machine's monotonic clock, the loudspeaker
// notes how long after such a moment a beep is heard. So the way holds everything: both cards' buffers, codec, packets, jitter buffer.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Device } from '#test/peers/support/agent.ts';
import { Baresip } from '#test/peers/support/baresip.ts';
import { type DeviceSettings, deviceConfig } from '#test/peers/support/configuration.ts';
import { freePort, scratch } from '#test/peers/support/process.ts';
import { type BenchLine, benchLine, median } from './line.ts';

const root = resolve(import.meta.dirname, '../..');
const BUNDLE = join(root, 'dist/tandem.js');

const ROUNDS = 4;
const SETTLE_MS = 1500;
const LISTEN_MS = 3000;
const BEEP_EVERY_MS = 500;
const RATE = 16_000;
/** A packet holds so much: its first sample cannot leave earlier. */
const PACKET_MS = 20;

const ROOM_OFF = 'echo_cancel = false\nnoise_suppression = false\ngain_control = false';

type Folder = ReturnType<typeof scratch>;
const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** What the ear noted while `LISTEN_MS` passed. */
async function listened(ear: string): Promise<number[]> {
  await wait(SETTLE_MS);
  const lines = (): string[] => (existsSync(ear) ? readFileSync(ear, 'utf8').trim().split('\n') : []);
  const before = lines().length;
  await wait(LISTEN_MS);
  return lines().slice(before).map(Number);
}

async function ours(folder: Folder, ear: string, round: string, audio: string): Promise<number[]> {
  const device = async (name: string, settings: DeviceSettings): Promise<[Device, number]> => {
    const port = await freePort();
    const listen = [`udp:127.0.0.1:${port}`];
    const config = deviceConfig({
      profile: 'sip',
      impu: `sip:${name}@127.0.0.1`,
      listen,
      codecs: ['G722'],
      audio,
      ...settings,
    });
    return [await Device.start(config, folder.file(`${name}-${round}`), BUNDLE), port];
  };
  const [talker] = await device('talker', { capture: 'alsa:mouth', playback: 'null' });
  const [listener, port] = await device('listener', {
    capture: 'null',
    playback: 'alsa:ear',
    autoAnswer: 'all',
  });
  try {
    const call = await talker.dial(`sip:listener@127.0.0.1:${port}`);
    await talker.whenState(call.id, 'active');
    return await listened(ear);
  } finally {
    await talker.stop();
    await listener.stop();
  }
}

async function theirs(folder: Folder, ear: string, round: string): Promise<number[]> {
  const phone = (
    name: string,
    more: { readonly source?: string; readonly player?: string },
  ): Promise<Baresip> =>
    Baresip.start({
      folder: folder.file(`baresip-${name}-${round}`),
      account: `<sip:${name}@127.0.0.1>;regint=0;audio_codecs=G722/16000/1;answermode=auto`,
      modules: ['alsa', 'g722'],
      rate: RATE,
      ...more,
    });
  const talker = await phone('talker', { source: 'alsa,mouth' });
  const listener = await phone('listener', { player: 'alsa,ear' });
  try {
    talker.command('dial', `sip:listener@127.0.0.1:${listener.port}`);
    await talker.event('CALL_ESTABLISHED');
    return await listened(ear);
  } finally {
    await talker.stop();
    await listener.stop();
  }
}

export async function run(): Promise<readonly BenchLine[]> {
  execFileSync('make', ['-s', '-C', join(root, 'native'), 'alsa'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const folder = scratch();
  const ear = folder.file('ear.txt');
  const card = `rate ${RATE} channels 1 beep_ms ${BEEP_EVERY_MS}`;
  writeFileSync(
    folder.file('asound.conf'),
    `pcm.mouth { type tandemtest cable mouth ${card} }\npcm.ear { type tandemtest cable ear ${card} ear "${ear}" }\n`,
  );
  const { ALSA_CONFIG_PATH, ALSA_PLUGIN_DIR } = process.env;
  process.env.ALSA_CONFIG_PATH = folder.file('asound.conf');
  process.env.ALSA_PLUGIN_DIR = join(root, 'build/native/release');
  const bare: number[] = [];
  const processed: number[] = [];
  const peer: number[] = [];
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      bare.push(...(await ours(folder, ear, `bare-${round}`, ROOM_OFF)));
      rmSync(ear, { force: true });
      peer.push(...(await theirs(folder, ear, String(round))));
      rmSync(ear, { force: true });
      processed.push(...(await ours(folder, ear, `room-${round}`, '')));
      rmSync(ear, { force: true });
    }
  } finally {
    restore('ALSA_CONFIG_PATH', ALSA_CONFIG_PATH);
    restore('ALSA_PLUGIN_DIR', ALSA_PLUGIN_DIR);
    folder.remove();
  }
  const line = (metric: string, values: readonly number[]): BenchLine => {
    const delay = values.length > 0 ? median(values) : null;
    const other = peer.length > 0 ? median(peer) : null;
    return benchLine({
      bench: 'latency',
      metric,
      unit: 'ms',
      better: 'lower',
      ours: delay,
      peer: other,
      peer_name: 'baresip',
      limit: PACKET_MS,
      limit_name: 'one packet',
      goal: 'no later than baresip',
      met: delay === null || other === null ? null : delay <= other,
    });
  };
  return [
    line('mouth to ear over loopback, G.722', bare),
    line('the same with noise suppression and gain control', processed),
  ];
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
