// Film for a browser: made from real pictures of another encoder, read back by another demuxer and decoder.
import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { NAL, nalType, readSps, splitAnnexB } from '#src/media/h264.ts';
import { type Frame, filmOf, filmType, Mp4Writer, VIDEO_CLOCK } from '#src/media/mp4.ts';
import { loadPage } from '#src/web/page.ts';
import { Chromium } from '#test/support/chromium.ts';
import { suite } from '#test/support/suite.ts';
import { call, Rig } from '../unit/web/rig.ts';

const test = suite('peers/film');

const RATE = 25;
const STEP = VIDEO_CLOCK / RATE;

/** Access units of a test picture, a key frame every ten. */
const encoded = (size: string, ...more: readonly string[]): Frame[] =>
  encodedFrom(`testsrc=size=${size}:rate=${RATE}`, more);

function encodedFrom(graph: string, more: readonly string[]): Frame[] {
  const made = spawnSync(
    'ffmpeg',
    [
      ...['-v', 'error', '-f', 'lavfi', '-i', graph, '-frames:v', '25'],
      ...['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-bf', '0', '-g', '10'],
      ...['-x264-params', 'slices=1:aud=1:repeat-headers=1', '-pix_fmt', 'yuv420p', ...more],
      ...['-f', 'h264', '-'],
    ],
    { maxBuffer: 2 ** 26 },
  );
  assert.is(made.status, 0, String(made.stderr));
  const frames: Buffer[][] = [];
  for (const unit of splitAnnexB(made.stdout)) {
    if (nalType(unit) === NAL.delimiter) frames.push([]);
    frames.at(-1)?.push(Buffer.from([0, 0, 0, 1]), unit);
  }
  return frames.map((parts, at) => ({
    data: Buffer.concat(parts),
    // Close to the wrap of 32 bits.
    timestamp: (0xffff_0000 + at * STEP) >>> 0,
    key: parts.some((unit) => nalType(unit) === NAL.idr),
  }));
}

const written = (frames: readonly Frame[]): Buffer => {
  const writer = new Mp4Writer();
  return Buffer.concat(frames.flatMap((frame) => [...writer.add(frame)]));
};

interface Probed {
  readonly width: number;
  readonly height: number;
  readonly codec_name: string;
  readonly times: readonly number[];
}

function probe(film: Buffer): Probed {
  const asked = [
    '-v',
    'error',
    '-show_entries',
    'stream=width,height,codec_name:frame=pts_time',
    '-of',
    'json',
    '-',
  ];
  const { stdout, stderr } = spawnSync('ffprobe', asked, { input: film, maxBuffer: 2 ** 26 });
  assert.is(String(stderr), '');
  const { streams, frames } = JSON.parse(String(stdout));
  return { ...streams[0], times: frames.map((frame: { pts_time: string }) => Number(frame.pts_time)) };
}

test('a demuxer finds every frame at its time', { peers: ['ffmpeg'] }, () => {
  const { times, ...film } = probe(written(encoded('320x240')));
  assert.is(film.codec_name, 'h264');
  assert.is(film.width, 320);
  assert.is(film.height, 240);
  // The last one waits for the next.
  assert.equal(
    times.map((time) => Math.round(time * RATE)),
    Array.from({ length: 24 }, (_, at) => at),
  );
});

for (const [size, more] of [
  ['176x144', ['-profile:v', 'baseline']],
  ['640x480', ['-profile:v', 'main']],
  ['1280x718', ['-profile:v', 'high']],
] as const) {
  test(`the size of a picture of ${size} (${more[1]})`, () => {
    const [first] = encoded(size, ...more);
    const film = first && filmOf(first);
    assert.is(`${film?.format.width}x${film?.format.height}`, size);
    assert.match(film ? filmType(film) : '', /^video\/mp4; codecs="avc1\.[0-9A-F]{6}"$/);
    const sps = splitAnnexB(first?.data ?? Buffer.alloc(0)).find((unit) => nalType(unit) === NAL.sps);
    assert.equal(readSps(sps ?? Buffer.alloc(0))?.profileIdc, sps?.[1]);
  });
}

test('nothing goes out before a key frame, and parameter sets may come from the description', () => {
  const frames = encoded('320x240');
  const sets = splitAnnexB(frames[0]?.data ?? Buffer.alloc(0)).filter((unit) =>
    [NAL.sps, NAL.pps].some((type) => type === nalType(unit)),
  );
  const bare = frames.map((frame) => ({
    ...frame,
    data: Buffer.concat(
      splitAnnexB(frame.data)
        .filter((unit) => !sets.some((set) => set.equals(unit)))
        .flatMap((unit) => [Buffer.from([0, 0, 1]), unit]),
    ),
  }));
  assert.is(written(frames.slice(1, 10)).length, 0);
  assert.is(written(bare).length, 0, 'no sets anywhere');
  assert.is(probe(written(bare.map((frame) => ({ ...frame, parameterSets: sets })))).times.length, 24);
});

test('a reader that skipped goes on with the next key frame, later by what it skipped', () => {
  const writer = new Mp4Writer();
  const frames = encoded('320x240');
  const out = frames.flatMap((frame, at) => {
    if (at === 4) writer.skip();
    return [...writer.add(frame)];
  });
  const times = probe(Buffer.concat(out)).times.map((time) => Math.round(time * RATE));
  assert.equal(times, [0, 1, 2, ...Array.from({ length: 14 }, (_, at) => 10 + at)]);
});

test('other parameter sets begin a new initialisation segment, the same ones do not', () => {
  const boxes = (film: Buffer): string[] => {
    const types: string[] = [];
    for (let at = 0; at < film.length; at += film.readUInt32BE(at))
      types.push(film.toString('latin1', at + 4, at + 8));
    return types;
  };
  const small = encoded('176x144');
  const large = encoded('320x240');
  assert.is(boxes(written(small)).filter((type) => type === 'moov').length, 1);
  assert.is(boxes(written([...small, ...large])).filter((type) => type === 'moov').length, 2);
});

/** Red on the left, blue on the right: turned and mirrored, it tells. */
const HALVES = 'color=c=red:size=160x240:rate=25[l];color=c=blue:size=160x240:rate=25[r];[l][r]hstack';
const halves = encodedFrom(HALVES, ['-profile:v', 'baseline']);

type Side = 'left' | 'right' | 'top' | 'bottom';

/** Where red is once the picture has been turned clockwise, then mirrored (26.114 7.4.5). */
const TURNED: readonly { readonly rotation: number; readonly mirrored: boolean; readonly red: Side }[] = [
  { rotation: 0, mirrored: false, red: 'left' },
  { rotation: 90, mirrored: false, red: 'top' },
  { rotation: 180, mirrored: false, red: 'right' },
  { rotation: 270, mirrored: false, red: 'bottom' },
  { rotation: 0, mirrored: true, red: 'right' },
  { rotation: 90, mirrored: true, red: 'top' },
  { rotation: 180, mirrored: true, red: 'left' },
  { rotation: 270, mirrored: true, red: 'bottom' },
];

/** Which side of a picture of four by four pixels is red, by its corners. */
function redSide(pixels: Buffer): string {
  const isRed = [0, 3, 12, 15].map((at) => (pixels[3 * at] ?? 0) > (pixels[3 * at + 2] ?? 0));
  const named: Readonly<Record<string, Side>> = {
    'true,false,true,false': 'left',
    'false,true,false,true': 'right',
    'true,true,false,false': 'top',
    'false,false,true,true': 'bottom',
  };
  return named[isRed.join()] ?? isRed.join();
}

const fourByFour = (input: Buffer, filter: string): Buffer =>
  spawnSync(
    'ffmpeg',
    [
      ...['-v', 'error', '-i', '-', '-vf', `${filter}scale=4:4:flags=area`, '-frames:v', '1'],
      ...['-pix_fmt', 'rgb24', '-f', 'rawvideo', '-'],
    ],
    { input, maxBuffer: 2 ** 26 },
  ).stdout;

for (const { rotation, mirrored, red } of TURNED) {
  const turned = (by: number): void => {
    const film = written(halves.map((frame) => ({ ...frame, rotation: by, mirrored })));
    assert.is(redSide(fourByFour(film, '')), red);
  };
  test.proof(
    `[MD-2.4.4h] a picture to be turned by ${rotation}${mirrored ? ' and mirrored' : ''} is shown upright by ffmpeg: red is ${red}`,
    { peers: ['ffmpeg'], run: () => turned(rotation), control: () => turned((rotation + 180) % 360) },
  );
}

test('a turn begins a new initialisation segment, with a key frame and not before', () => {
  const writer = new Mp4Writer();
  const rotations = halves.map((frame, at) => ({ ...frame, rotation: at >= 5 ? 90 : 0 }));
  const moov = rotations.map((frame) => {
    const turning = writer.isTurned(frame);
    return { turning, begun: writer.add(frame).some((bytes) => bytes.includes('moov')) };
  });
  assert.equal(
    moov.flatMap(({ begun }, at) => (begun ? [at] : [])),
    [0, 10],
  );
  assert.equal(
    moov.flatMap(({ turning }, at) => (turning ? [at] : [])),
    [5, 6, 7, 8, 9, 10],
  );
});

test('what is no parameter set is not believed', () => {
  for (const hex of ['', '67', '6742e01f', '68ce3c80', `67${'00'.repeat(40)}`])
    assert.is(readSps(Buffer.from(hex, 'hex')), undefined, hex);
});

/** Feeds frames at their pace until `stop`; a key frame is never far. */
function projector(rig: Rig, frames: readonly Frame[]): () => void {
  let at = 0;
  const timer = setInterval(() => {
    const frame = frames[at % frames.length];
    if (frame) rig.watched.onFrame.emit({ ...frame, timestamp: (at * STEP) >>> 0 });
    at += 1;
  }, 1000 / RATE);
  return () => clearInterval(timer);
}

const PICTURE = `document.querySelector('video')`;

/** The page of a device in a video call, in a browser. */
async function shown(
  frames: readonly Frame[],
): Promise<{ width: unknown; moves: boolean; refused: unknown }> {
  const rig = await Rig.start(undefined, loadPage());
  rig.calls.set('x', { ...call('x', 'active'), video: true });
  rig.hasVideo = true;
  const stop = projector(rig, frames);
  const browser = await Chromium.open();
  try {
    await browser.go(rig.server.makeLink());
    await browser.until(`${PICTURE} !== null`);
    const waited = Date.now() + 8_000;
    const time = async (): Promise<number> => Number(await browser.evaluate(`${PICTURE}.currentTime`));
    while ((await time()) < 1 && Date.now() < waited)
      await new Promise((resolve) => setTimeout(resolve, 100));
    return {
      width: await browser.evaluate(`${PICTURE}.videoWidth`),
      moves: (await time()) >= 1,
      refused: await browser.evaluate(`${PICTURE}.error?.message ?? null`),
    };
  } finally {
    stop();
    await browser.close();
    await rig.stop();
  }
}

test('[MD-2.4.5] the page shows received video as it comes', {
  peers: ['Chromium', 'ffmpeg'],
  timeoutMs: 60_000,
}, async () => {
  const picture = await shown(encoded('320x240', '-profile:v', 'baseline'));
  assert.equal(picture, { width: 320, moves: true, refused: null });
});

/** What the page shows while the far end turns its camera, one way after the other, in one film. */
async function turning(shownAs: (rotation: number) => number): Promise<void> {
  const rig = await Rig.start(undefined, loadPage());
  rig.calls.set('x', { ...call('x', 'active'), video: true });
  rig.hasVideo = true;
  let now = TURNED[0];
  let at = 0;
  const timer = setInterval(() => {
    const frame = halves[at % halves.length];
    const { rotation = 0, mirrored = false } = now ?? {};
    if (frame)
      rig.watched.onFrame.emit({
        ...frame,
        timestamp: (at * STEP) >>> 0,
        rotation: shownAs(rotation),
        mirrored,
      });
    at += 1;
  }, 1000 / RATE);
  const browser = await Chromium.open();
  try {
    await browser.go(rig.server.makeLink());
    await browser.until(`${PICTURE} !== null && ${PICTURE}.videoWidth > 0`);
    for (const one of TURNED) {
      now = one;
      let seen = '';
      for (let time = 0; time < 60 && seen !== one.red; time += 1) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        // The middle of the picture, as the screen has it.
        const [x = 0, y = 0] = JSON.parse(
          String(
            await browser.evaluate(
              `(({ x, y, width, height }) => JSON.stringify([x + width / 2, y + height / 2]))(${PICTURE}.getBoundingClientRect())`,
            ),
          ),
        ) as number[]; // two numbers, by the expression
        seen = redSide(
          fourByFour(await browser.screenshot(), `crop=40:40:${Math.round(x - 20)}:${Math.round(y - 20)},`),
        );
      }
      assert.is(seen, one.red, `turned by ${one.rotation}${one.mirrored ? ' and mirrored' : ''}`);
    }
    assert.is(await browser.evaluate(`${PICTURE}.error?.message ?? null`), null);
  } finally {
    clearInterval(timer);
    await browser.close();
    await rig.stop();
  }
}

test.proof('[MD-2.4.4h] the page shows a picture upright while the far end turns and mirrors it', {
  peers: ['Chromium'],
  timeoutMs: 120_000,
  run: () => turning((rotation) => rotation),
  control: () => turning((rotation) => (rotation + 180) % 360),
});

test('and shows nothing of a stream that never has a key frame', {
  peers: ['Chromium'],
  timeoutMs: 60_000,
}, async () => {
  const frames = encoded('320x240', '-profile:v', 'baseline').filter(({ key }) => !key);
  assert.equal(await shown(frames), { width: 0, moves: false, refused: null });
});

test.run();
