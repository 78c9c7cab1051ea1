// How soon the first picture is shown: from a good start, with the first second lost, with the SPS in the SDP only, with none at all.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { VideoStage } from './scenarios/video-call.ts';
import { isFeedback } from './support/far-video.ts';
import { decode, makeFilm, NAL, nalOf, packetsOf, payloadOf, RATE, typesIn } from './support/film.ts';
import { scratch } from './support/process.ts';

const test = suite('peers/video-start');
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const folder = scratch();
const film = makeFilm(folder.file('far.264'), {
  picture: 'testsrc2',
  frames: 75,
  every: 250,
  sliceOctets: 900,
});

let video: VideoStage;
let packets: readonly Buffer[] = [];
test.before(async () => {
  video = await VideoStage.open();
  packets = await packetsOf(film, { mode: 0 });
});
test.after(async () => {
  await video.close();
  folder.remove();
});

const isSet = (packet: Buffer): boolean =>
  typesIn(packet).every((type) => type === NAL.sps || type === NAL.pps);
const sets = (): string =>
  packets
    .filter((packet) => nalOf(packet) === NAL.sps || nalOf(packet) === NAL.pps)
    .map((packet) => payloadOf(packet).toString('base64'))
    .join();

interface Start {
  readonly name: string;
  /** What is left of the stream; the far end answers a FIR with the whole film from its key frame on, one frame later. */
  readonly arrives: () => readonly Buffer[];
  readonly setsInSdp?: boolean;
  readonly asked: boolean;
  /** Of the picture, after the first packet. */
  readonly withinMs: number;
}

const FRAME_MS = 1000 / RATE;
/** Measured: 1, 40, 1 and 40 ms; a busy machine is forgiven some frames. */
const STARTS: readonly Start[] = [
  { name: 'from its beginning', arrives: () => packets, asked: false, withinMs: 5 * FRAME_MS },
  {
    name: 'whose first second was lost',
    arrives: () => {
      const start = packets[0]?.readUInt32BE(4) ?? 0;
      return packets.filter((packet) => (packet.readUInt32BE(4) - start) >>> 0 > 90_000);
    },
    asked: true,
    withinMs: 10 * FRAME_MS,
  },
  {
    name: 'whose SPS stands in the SDP only',
    arrives: () => packets.filter((packet) => !isSet(packet)),
    setsInSdp: true,
    asked: false,
    withinMs: 5 * FRAME_MS,
  },
  {
    name: 'whose SPS is nowhere',
    arrives: () => packets.filter((packet) => nalOf(packet) !== NAL.sps),
    asked: true,
    withinMs: 10 * FRAME_MS,
  },
];

async function begins(start: Start, answers: boolean): Promise<void> {
  let taken = 0;
  const id = await video.called(start.setsInSdp ? { sets: sets() } : {}, async (call) => {
    const { far } = video;
    await far.reached();
    let asked = false;
    const request = far
      .feedback('a FIR', (part) => isFeedback(part, 206, 4), 1500)
      .then(
        () => (asked = true),
        () => undefined,
      );
    const bad = start.arrives();
    const first = bad[0]?.readUInt32BE(4) ?? 0;
    if (start.asked) {
      const until = 2 * FRAME_MS * 90;
      await far.play(bad.filter((packet) => (packet.readUInt32BE(4) - first) >>> 0 < until));
      await request;
      assert.ok(asked, 'a key frame was asked for');
    }
    await far.play(answers ? (start.asked ? packets : bad) : bad.filter((packet) => !isSet(packet)));
    await wait(200);
    assert.is(asked, start.asked);
    const { body } = await video.stage.device.fetch('GET', `calls/${call}/quality`);
    taken = (body as { video: { first_frame_ms?: number } }).video.first_frame_ms ?? Number.POSITIVE_INFINITY; // the contract's shape
  });
  assert.ok(taken <= start.withinMs, `first picture after ${taken} ms`);
  const shown = decode(video.sink(id));
  assert.is(shown.complaints, '');
  assert.equal(shown.pictures[0], decode(film).pictures[0], 'and it is the first of the film');
}

for (const start of STARTS)
  test.proof(`[MD-2.4.4d] the first picture of a stream ${start.name}`, {
    peers: ['ffmpeg', 'SIPp'],
    timeoutMs: 60_000,
    run: () => begins(start, true),
    control: () => begins({ ...start, setsInSdp: false }, false),
  });

test.run();
