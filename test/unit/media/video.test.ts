// Video between two streams over loopback, judged by ffmpeg; the far end of the key-frame rules is played by hand in native/test/engine.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { EVENT_KINDS } from '#src/media/addon.ts';
import type { MediaEngine } from '#src/media/engine.ts';
import type { VideoFrame, VideoStream, VideoStreamConfig } from '#src/media/video.ts';
import { suite } from '#test/support/suite.ts';
import { ANY_PORTS, eventually, LOCAL, next, talk, withEngine } from './sound.ts';

const test = suite('media/video');
const FRAMES = 45;
const SIZE = { width: 320, height: 240 };
const LEVEL_31 = 31;

const openVideo = (engine: MediaEngine): VideoStream =>
  engine.openVideo({ address: LOCAL, ports: ANY_PORTS });

const configTo = (port: number, changes: Partial<VideoStreamConfig> = {}): VideoStreamConfig => ({
  remote: { address: LOCAL, port },
  codec: {
    payloadType: 104,
    packetizationMode: 1,
    sendProfileLevelId: '42E01F',
    receiveProfileLevelId: '42E01F',
    spropParameterSets: [],
  },
  feedback: { nack: true, pli: true, fir: true, tmmbr: true, rsize: false, trrIntMs: 0 },
  avpf: true,
  firAlways: true,
  send: true,
  receive: true,
  cname: 'unit@test',
  ...changes,
});

/** A film of a second and a half by x264, made as a stranger would: no B frames, sets with each key frame. */
function makeFilm(path: string): void {
  const made = spawnSync('ffmpeg', [
    ...['-v', 'error', '-y', '-f', 'lavfi', '-i', `testsrc2=size=${SIZE.width}x${SIZE.height}:rate=30`],
    ...['-frames:v', String(FRAMES), '-c:v', 'libx264', '-profile:v', 'baseline', '-level', '3.1'],
    ...['-pix_fmt', 'yuv420p', '-bf', '0', '-g', '300', '-f', 'h264', path],
  ]);
  assert.is(made.status, 0, made.stderr.toString());
}

/** MD5 of every picture that ffmpeg decodes, and what it had to complain about. */
function decode(path: string): { readonly pictures: readonly string[]; readonly complaints: string } {
  const run = spawnSync('ffmpeg', ['-v', 'warning', '-i', path, '-f', 'framemd5', '-']);
  const lines = run.stdout.toString().split('\n');
  return {
    pictures: lines.filter((line) => /^\d/.test(line)).map((line) => (line.split(',').at(-1) ?? '').trim()),
    complaints: run.stderr.toString(),
  };
}

/** Whether `heard` is the film, again and again. */
function assertFilm(heard: readonly string[], film: readonly string[]): void {
  assert.ok(heard.length > FRAMES, `${heard.length} pictures`);
  for (const [index, picture] of heard.entries())
    assert.is(picture, film[index % film.length], `picture ${index}`);
}

test('a film arrives picture for picture, in file and API, as ffmpeg sees it', () =>
  withEngine(async (engine, folder) => {
    const film = join(folder, 'film.264');
    const copy = join(folder, 'copy.264');
    const seen = join(folder, 'seen.264');
    makeFilm(film);
    const from = openVideo(engine);
    const to = openVideo(engine);
    const frames: VideoFrame[] = [];
    to.onFrame.on((frame) => frames.push(frame));
    const first = Promise.all([next(to.onFirstPacket), next(to.onFirstFrame)]);
    from.attach({ capture: `file:${film}` });
    to.attach({ sink: `file:${copy}` });
    to.configure(configTo(from.port, { send: false }));
    from.configure(configTo(to.port, { receive: false }));
    const [, size] = await first;
    assert.equal(size, SIZE);
    await talk(2000);
    await Promise.all([from.close(), to.close()]);
    const expected = decode(film);
    const copied = decode(copy);
    assert.is(copied.complaints, '');
    assertFilm(copied.pictures, expected.pictures);
    writeFileSync(seen, Buffer.concat(frames.map((frame) => frame.data)));
    assertFilm(decode(seen).pictures, expected.pictures);
    assert.ok(frames[0]?.key === true && frames[1]?.key === false);
    const stats = to.stats();
    assert.is(stats.lost, 0);
    assert.is(stats.framesDropped, 0);
    assert.is(stats.firSent + stats.pliSent + stats.nackSent, 0);
    assert.equal({ width: stats.width, height: stats.height }, SIZE);
    assert.is(typeof stats.firstFrameMs, 'number');
    assert.is(stats.remoteSsrc, from.stats().ssrc);
  }));

test('what a film would send is known before there is a stream', () =>
  withEngine(async (engine, folder) => {
    const film = join(folder, 'film.264');
    makeFilm(film);
    const source = engine.videoSource(`file:${film}`, LEVEL_31);
    assert.match(source.profileLevelId, /^42[0-9a-f]{2}1f$/);
    assert.is(source.width, SIZE.width);
    assert.is(source.framesPerSecond, 30);
    assert.ok(source.needsFragments);
    const [sps, pps] = source.parameterSets;
    const bytes = readFileSync(film);
    assert.ok(sps && pps && bytes.includes(sps) && bytes.includes(pps));
    assert.throws(
      () => engine.videoSource(`file:${folder}/none.264`, LEVEL_31),
      (error: Error & { id?: string }) => error.id === 'media.file',
    );
    assert.throws(
      () => engine.videoSource('v4l2:/dev/none', LEVEL_31),
      (error: Error & { id?: string }) => error.id === 'media.device',
    );
    assert.throws(
      () => engine.videoSource('camera', LEVEL_31),
      (error: Error & { id?: string }) => error.id === 'media.config',
    );
  }));

test('whoever looks later asks for a key frame, and gets one', () =>
  withEngine(async (engine, folder) => {
    const film = join(folder, 'film.264');
    makeFilm(film);
    const from = openVideo(engine);
    const to = openVideo(engine);
    from.attach({ capture: `file:${film}` });
    to.configure(configTo(from.port, { send: false }));
    from.configure(configTo(to.port, { receive: false }));
    await next(to.onFirstFrame);
    await talk(300);
    assert.is(to.stats().keyFrames, 1);
    to.requestKeyFrame();
    await eventually(() => to.stats().keyFrames === 2);
    const asked = from.stats();
    assert.is(asked.firReceived + asked.pliReceived, 1);
  }));

test('pictures leave the engine only while somebody watches', () =>
  withEngine(async (engine, folder) => {
    const film = join(folder, 'film.264');
    makeFilm(film);
    const from = openVideo(engine);
    const to = openVideo(engine);
    let told = 0;
    const deliver = to.deliver.bind(to);
    to.deliver = (event) => {
      if (event.kind === EVENT_KINDS.frames) told += 1;
      return deliver(event);
    };
    from.attach({ capture: `file:${film}` });
    to.configure(configTo(from.port, { send: false }));
    from.configure(configTo(to.port, { receive: false }));
    await eventually(() => to.stats().frames > 10);
    assert.is(told, 0);
    const frames: VideoFrame[] = [];
    const leave = to.onFrame.on((frame) => frames.push(frame));
    to.requestKeyFrame();
    await eventually(() => frames.some(({ key }) => key));
    leave();
    await talk(100);
    const before = { told, frames: to.stats().frames };
    await eventually(() => to.stats().frames > before.frames + 10);
    assert.is(told, before.told);
    assert.is(to.stats().framesDropped, 0);
  }));

test('wrong configurations are refused by name', () =>
  withEngine(async (engine) => {
    const stream = openVideo(engine);
    const bad: readonly [Partial<VideoStreamConfig>, string][] = [
      [{ remote: { address: LOCAL, port: 0 } }, 'media.address'],
      [{ remote: { address: 'here', port: 4000 } }, 'media.address'],
      [{ cname: '' }, 'media.argument'],
      [{ cvo: { id: 15 } }, 'media.argument'],
      [{ codec: { ...configTo(1).codec, sendProfileLevelId: '42E0' } }, 'media.argument'],
      [{ codec: { ...configTo(1).codec, payloadType: 128 } }, 'media.argument'],
    ];
    for (const [changes, id] of bad)
      assert.throws(
        () => stream.configure(configTo(4000, changes)),
        (error: Error & { id?: string }) => error.id === id,
      );
    assert.throws(
      () => stream.attach({ sink: 'v4l2:/dev/video0' }),
      (error: Error & { id?: string }) => error.id === 'media.config',
    );
    await stream.close();
    assert.throws(
      () => stream.configure(configTo(4000)),
      (error: Error & { id?: string }) => error.id === 'media.closed',
    );
    assert.is(stream.stats().sent, 0);
  }));

test.run();
