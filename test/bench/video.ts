// Video calls at 640x480, 25 pictures a second: from the 200 to the first picture that can be decoded, and the processor's time; ours
// (a film, sent as it is; what comes is stored) and baresip's (a test picture, coded by libx264; what comes is decoded) by turns.
import { join } from 'node:path';
import { videoLines } from '#test/peers/scenarios/video-call.ts';
import { Device } from '#test/peers/support/agent.ts';
import { Baresip } from '#test/peers/support/baresip.ts';
import { deviceConfig } from '#test/peers/support/configuration.ts';
import { FarVideo, type Heard } from '#test/peers/support/far-video.ts';
import { annexB, decode, makeFilm, NAL, packetsOf, typesIn } from '#test/peers/support/film.ts';
import { freePort, scratch, until } from '#test/peers/support/process.ts';
import { costOf, probeCost, processorMs } from './cost.ts';
import { type BenchLine, benchLine, median } from './line.ts';
import { MeasuringPeer } from './measuring-peer.ts';

const BUNDLE = join(import.meta.dirname, '../../dist/tandem.js');
const ROUNDS = 5;
const SIZE = '640x480';

/** The last packet of the first key frame whose sets came before it or with it. */
function firstPicture(video: readonly Heard[]): number {
  const seen = new Set<number>();
  return video.findIndex(({ bytes }) => {
    for (const type of typesIn(bytes)) seen.add(type);
    const isLast = (bytes.readUInt8(1) & 0x80) !== 0;
    return isLast && [NAL.sps, NAL.pps, NAL.idr].every((type) => seen.has(type));
  });
}

interface Measured {
  readonly first: number[];
  /** Milliseconds of processor for a second of call. */
  readonly processor: number[];
}

interface Party {
  readonly user: string;
  readonly port: number;
  readonly pid: number;
  accept(): Promise<void>;
  ended(): Promise<unknown>;
}

/** One call: the far end asks for video, is answered, and sends a film. */
async function measure(
  peer: MeasuringPeer,
  party: Party,
  film: readonly Buffer[],
  measured: Measured,
): Promise<void> {
  const far = await FarVideo.open();
  try {
    await peer.ring(party.user, party.port, videoLines(far, { profile: 'RTP/AVP' }));
    const answered = peer.answered();
    await party.accept();
    const at = await answered;
    const index = await until('a picture', () => {
      const found = firstPicture(far.video);
      return found >= 0 && found + 1;
    });
    const head = far.video.slice(0, index);
    if (decode(annexB(head.map(({ bytes }) => bytes))).pictures.length === 0)
      throw new Error('no picture for ffmpeg');
    measured.first.push((head.at(-1)?.at ?? Number.NaN) - at);
    const [start, before] = [performance.now(), processorMs(party.pid)];
    await far.play(film);
    const seconds = (performance.now() - start) / 1000;
    measured.processor.push((processorMs(party.pid) - before) / seconds);
    await peer.hangUp();
    await party.ended();
  } finally {
    far.close();
  }
}

/** A camera with raw pictures (made up), scaled, coded and sent by the engine; nothing is decoded on our side. */
function coded(baresip: number): BenchLine {
  const costs = probeCost('video');
  return benchLine({
    ...{
      bench: 'video',
      metric: 'processor of a 640x480@30 camera, coded and sent',
      unit: 'ms/s',
      better: 'lower',
    },
    ours: costOf(costs, 'call'),
    peer: baresip,
    peer_name: 'baresip, which codes at 25/s and decodes',
    limit: costOf(costs, 'library'),
    limit_name: 'openh264 alone',
  });
}

export async function run(): Promise<readonly BenchLine[]> {
  const folder = scratch();
  const port = await freePort();
  const path = makeFilm(folder.file('film.264'), {
    size: SIZE,
    level: '3.1',
    frames: 100,
    every: 50,
    bitrate: '800k',
  });
  const film = await packetsOf(path);
  const config = deviceConfig({
    profile: 'sip',
    impu: 'sip:door@127.0.0.1',
    listen: [`udp:127.0.0.1:${port}`],
    codecs: ['PCMA', 'H264'],
    more: `[video]\ncapture = "file:${path}"\nsink = "file:${folder.file('{call}.264')}"`,
  });
  const device = await Device.start(config, folder.file('device'), BUNDLE);
  const baresip = await Baresip.start({
    folder: folder.file('baresip'),
    account: '<sip:bob@127.0.0.1>;regint=0',
    modules: ['avcodec', 'fakevideo', 'swscale'],
    video: { source: 'fakevideo,null', size: SIZE, bitrate: 800_000 },
  });
  const idle = (call: { state: string }): boolean => call.state === 'ended';
  const ours: Measured = { first: [], processor: [] };
  const theirs: Measured = { first: [], processor: [] };
  const parties: readonly (readonly [Party, Measured])[] = [
    [
      {
        user: 'door',
        port,
        pid: device.peer.pid,
        accept: async () => {
          const { id } = await device.whenCall('ringing', ({ state }) => state === 'ringing');
          await device.act(id, 'answer', { video: true });
        },
        ended: () => until('the end', async () => (await device.calls()).every(idle)),
      },
      ours,
    ],
    [
      {
        user: 'bob',
        port: baresip.port,
        pid: baresip.peer.pid,
        accept: async () => {
          await baresip.event('CALL_INCOMING');
          baresip.command('accept');
        },
        ended: async () => {
          await baresip.event('CALL_CLOSED');
          baresip.events.length = 0;
        },
      },
      theirs,
    ],
  ];
  const peer = await MeasuringPeer.open();
  try {
    for (let round = 0; round < ROUNDS; round += 1)
      for (const [party, measured] of parties) await measure(peer, party, film, measured);
  } finally {
    peer.close();
    await baresip.stop();
    await device.stop();
    folder.remove();
  }
  const line = (metric: string, unit: string, of: keyof Measured): BenchLine =>
    benchLine({
      bench: 'video',
      metric,
      unit,
      better: 'lower',
      ours: median(ours[of]),
      peer: median(theirs[of]),
      peer_name: of === 'first' ? 'baresip' : 'baresip, which codes and decodes',
    });
  return [
    line('200 to the first picture that can be decoded', 'ms', 'first'),
    line('processor of a call both ways, film passed through', 'ms/s', 'processor'),
    coded(median(theirs.processor)),
  ];
}
