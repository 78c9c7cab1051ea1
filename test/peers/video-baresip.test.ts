// Video calls with baresip (libx264, libavcodec), each way: what each end shows is looked at, pixel by pixel.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Stage } from './scenarios/stage.ts';
import { Baresip } from './support/baresip.ts';
import { decode, makeFilm, tiles } from './support/film.ts';
import { scratch, until } from './support/process.ts';

const test = suite('peers/video-baresip');
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const folder = scratch();
/** Red above, blue below: no picture that baresip has by itself. */
const FLAG = 'color=c=red:size=320x120:rate=25[t];color=c=blue:size=320x120:rate=25[b];[t][b]vstack';
const film = makeFilm(folder.file('device.264'), { graph: FLAG, frames: 100, every: 25 });
test.after(() => folder.remove());

const TALK_MS = 2500;

/** Colours in the middle of the upper and of the lower half. */
function halves(picture: string): readonly (readonly number[])[] {
  const words = ['-v', 'error', '-i', picture, '-vf', 'scale=8:8:flags=area', '-frames:v', '1'];
  const run = spawnSync('ffmpeg', [...words, '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-']);
  const at = (x: number, y: number): number[] => [
    ...run.stdout.subarray(3 * (8 * y + x), 3 * (8 * y + x) + 3),
  ];
  return [at(4, 1), at(4, 6)];
}

/** What baresip shows, by its own decoder: a snapshot of its screen. */
async function screenOf(baresip: Baresip, path: string): Promise<string> {
  baresip.command('snapshot_recv', `${path}/snapshot-recv.png`);
  const name = await until(
    'a snapshot',
    () => readdirSync(path).find((file) => /^snapshot.*recv.*\.png$/.test(file)),
    4000,
  ).catch(() => undefined);
  assert.ok(name, 'baresip shows a picture');
  await wait(200);
  return `${path}/${name}`;
}

let count = 0;

async function both(direction: 'in' | 'out', codecs: readonly string[]): Promise<void> {
  count += 1;
  const own = folder.file(`baresip${count}`);
  const stage = await Stage.open({
    codecs,
    autoAnswer: 'all',
    more: `[video]\ncapture = "file:${film}"\nsink = "file:${folder.file(`${count}-{call}.264`)}"`,
  });
  const baresip = await Baresip.start({
    folder: own,
    account: `<sip:bob@127.0.0.1>;regint=0;answermode=auto`,
    modules: ['avcodec', 'fakevideo', 'swscale', 'snapshot'],
    video: { source: 'fakevideo,null', size: '320x240' },
  });
  try {
    if (direction === 'in') baresip.command('dial', `sip:device@${stage.address}`);
    else await stage.device.fetch('POST', 'calls', { to: `sip:bob@127.0.0.1:${baresip.port}`, video: true });
    const established = baresip.event('CALL_ESTABLISHED').catch(() => undefined);
    assert.ok(await established, 'a call');
    const call = await stage.device.whenCall('the call', ({ state }) => state === 'active');
    await wait(TALK_MS);
    const shown = halves(await screenOf(baresip, own));
    const isLike = (seen: readonly number[] = [], wanted: readonly number[]): boolean =>
      wanted.every((value, at) => Math.abs(value - (seen[at] ?? -99)) < 40);
    assert.ok(
      isLike(shown[0], [255, 0, 0]) && isLike(shown[1], [0, 0, 255]),
      `baresip shows ${JSON.stringify(shown)}`,
    );
    const { body } = await stage.device.fetch('GET', `calls/${call.id}/quality`);
    const { video } = body as { video: { frames: number } }; // the contract's shape
    assert.ok(video.frames > 30, JSON.stringify(video));
    await stage.device.act(call.id, 'hangup');
    await baresip.event('CALL_CLOSED');
    await stage.device.whenState(call.id, 'ended');
    const sink = folder.file(`${count}-${call.id}.264`);
    const received = decode(sink);
    assert.is(received.complaints, '');
    assert.ok(received.pictures.length > 30, `${received.pictures.length} pictures`);
    // Its camera: vertical bars, each of one colour.
    const bars = tiles(sink, 4, 4);
    for (const column of [0, 1, 2, 3])
      assert.ok(isLike(bars[column], bars[column + 12] ?? []), 'upright bars');
    assert.is(new Set(bars.slice(0, 4).map((bar) => bar.join())).size, 4, 'of different colours');
  } finally {
    await baresip.stop();
    await stage.close();
  }
}

for (const direction of ['in', 'out'] as const)
  test.proof(
    `[MD-2.4.4a] a video call ${direction === 'in' ? 'from' : 'to'} baresip: each end shows the picture of the other`,
    {
      peers: ['baresip', 'ffmpeg'],
      timeoutMs: 90_000,
      run: () => both(direction, ['PCMU', 'H264']),
      control: () => both(direction, ['PCMU']),
    },
  );

test.run();
