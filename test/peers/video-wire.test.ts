// H.264 on the wire as RFC 6184 and 26.114 7.4 have it: packetisation, parameter sets, orientation. ffmpeg is source and sink, tshark reads.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { type VideoLines, VideoStage } from './scenarios/video-call.ts';
import { contains } from './scenarios/xml.ts';
import type { FarVideo } from './support/far-video.ts';
import { annexB, decode, makeFilm, NAL, nalOf, packetsOf, tiles, typesIn } from './support/film.ts';
import { scratch, until } from './support/process.ts';

const test = suite('peers/video-wire');
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const folder = scratch();
/** Slices that fit a packet: either mode can carry it. */
const sliced = makeFilm(folder.file('sliced.264'), { picture: 'testsrc2', frames: 25, sliceOctets: 900 });
const whole = makeFilm(folder.file('whole.264'), { picture: 'testsrc2', frames: 25 });
/** Red on the left, blue on the right: turned and mirrored, it tells. */
const HALVES = 'color=c=red:size=160x240:rate=25[l];color=c=blue:size=160x240:rate=25[r];[l][r]hstack';

let fromSliced: VideoStage;
let fromWhole: VideoStage;
test.before(async () => {
  fromSliced = await VideoStage.open({ capture: `file:${sliced}` });
  fromWhole = await VideoStage.open({ capture: `file:${whole}` });
});
test.after(async () => {
  await fromSliced.close();
  await fromWhole.close();
  folder.remove();
});

/** As soon as there are a second of pictures. */
const second = (far: FarVideo): Promise<unknown> =>
  until('a second of video', () => new Set(far.video.map(({ bytes }) => bytes.readUInt32BE(4))).size > 26);

const bytesOf = (far: FarVideo): Buffer[] => far.video.map(({ bytes }) => bytes);

/** Packets of the pictures that are whole. */
function wholePictures(far: FarVideo): Buffer[] {
  const all = bytesOf(far);
  const last = all.at(-1)?.readUInt32BE(4);
  return all.filter((packet) => packet.readUInt32BE(4) !== last);
}

// Received.

const MODES: readonly { mode: 0 | 1; film: string; octets: number; kinds: readonly number[] }[] = [
  { mode: 0, film: sliced, octets: 1200, kinds: [NAL.sps, NAL.pps, NAL.idr, NAL.slice] },
  { mode: 1, film: whole, octets: 300, kinds: [NAL.aggregate, NAL.fragment] },
];

for (const { mode, film, octets, kinds } of MODES)
  for (const agreed of [0, 1] as const)
    test.proof(`[MD-2.4.4c] mode ${agreed} agreed, ffmpeg sends mode ${mode}: every picture as it was`, {
      peers: ['ffmpeg', 'SIPp'],
      timeoutMs: 60_000,
      run: () => receives(agreed, mode, film, octets, kinds, -1),
      control: () => receives(agreed, mode, film, octets, kinds, 7),
    });

async function receives(
  agreed: 0 | 1,
  mode: 0 | 1,
  film: string,
  octets: number,
  kinds: readonly number[],
  missing: number,
): Promise<void> {
  const packets = await packetsOf(film, { mode, octets });
  const seen = new Set(packets.map(nalOf));
  for (const kind of kinds) assert.ok(seen.has(kind), `ffmpeg sent type ${kind}`);
  const { far } = fromSliced;
  const id = await fromSliced.called({ mode: agreed, feedback: [] }, async () => {
    await far.reached();
    await far.play(packets, (packet, index) => (index === missing ? far.lose() : far.send(packet)));
    await wait(150);
  });
  assert.equal(decode(fromSliced.sink(id)).pictures, decode(film).pictures);
}

// Sent.

interface Seen {
  readonly stage: VideoStage;
  readonly file: string;
  readonly lines: VideoLines;
}

/** What tshark and ffmpeg make of what the device sends. */
async function sends(
  { stage, file, lines }: Seen,
  allowed: readonly number[],
  needed: readonly number[],
): Promise<void> {
  const { far } = stage;
  await stage.called(lines, () => second(far).then(() => undefined));
  const rows = far.film(
    folder.file('sent.pcap'),
    ['h264.nal_unit_hdr', 'rtp.marker', 'rtp.timestamp', 'rtp.p_type', '_ws.expert', '_ws.malformed'],
    104,
  );
  const types = rows.map((row) => Number(row['h264.nal_unit_hdr']?.[0]));
  assert.ok(
    rows.length > 20 && types.every((type) => allowed.includes(type)),
    `types ${[...new Set(types)]}`,
  );
  for (const type of needed) assert.ok(types.includes(type), `type ${type} among ${[...new Set(types)]}`);
  assert.ok(
    rows.every((row) => row['_ws.malformed'] === undefined),
    'nothing malformed',
  );
  // The marker stands on the last packet of each picture (RFC 6184 5.1).
  const marked = rows.map((row) => /^(1|true)$/i.test(row['rtp.marker']?.[0] ?? ''));
  const times = rows.map((row) => row['rtp.timestamp']?.[0]);
  assert.equal(
    marked.slice(0, -1),
    times.slice(0, -1).map((time, at) => time !== times[at + 1]),
    'markers',
  );
  const shown = decode(annexB(wholePictures(far)));
  const expected = decode(file).pictures;
  assert.is(shown.complaints, '');
  assert.equal(shown.pictures.slice(0, 20), expected.slice(0, 20));
}

test.proof('[MD-2.4.4c] mode 0 agreed: single NAL units only, as ffmpeg and tshark read them', {
  peers: ['ffmpeg', 'tshark', 'SIPp'],
  timeoutMs: 60_000,
  run: () => sends({ stage: fromSliced, file: sliced, lines: { mode: 0 } }, [1, 5, 6, 7, 8], [1, 5, 7, 8]),
  control: () => sends({ stage: fromWhole, file: whole, lines: { mode: 1 } }, [1, 5, 6, 7, 8], [1, 5, 7, 8]),
});

test.proof('[MD-2.4.4c] mode 1 agreed: fragments and aggregates, never interleaved', {
  peers: ['ffmpeg', 'tshark', 'SIPp'],
  timeoutMs: 60_000,
  run: () => sends({ stage: fromWhole, file: whole, lines: { mode: 1 } }, [1, 5, 6, 7, 8, 24, 28], [28]),
  control: () =>
    sends({ stage: fromSliced, file: sliced, lines: { mode: 0 } }, [1, 5, 6, 7, 8, 24, 28], [28]),
});

// Parameter sets.

async function setsAgree(change: (sets: string) => string): Promise<void> {
  const { far } = fromWhole;
  let sprop = '';
  await fromWhole.called({}, async () => {
    await second(far);
    const messages = fromWhole.messages();
    sprop = /SIP\/2\.0 200 [\s\S]*?sprop-parameter-sets=([A-Za-z0-9+/=,]+)/.exec(messages)?.[1] ?? '';
  });
  const told = change(sprop)
    .split(',')
    .map((text) => Buffer.from(text, 'base64'));
  const stream = annexB(wholePictures(far));
  const inBand = unitsOf(stream)
    .filter(isSet)
    .map((unit) => unit.toString('latin1'));
  assert.equal(
    [...new Set(inBand)].sort(),
    told.map((unit) => unit.toString('latin1')).sort(),
    'SDP and stream agree',
  );
  // Either alone is enough for a decoder.
  const start = Buffer.from([0, 0, 0, 1]);
  const bare = Buffer.concat(
    unitsOf(stream)
      .filter((unit) => !isSet(unit))
      .flatMap((unit) => [start, unit]),
  );
  const withSdp = Buffer.concat([...told.flatMap((unit) => [start, unit]), bare]);
  const expected = decode(whole).pictures.slice(0, 20);
  assert.equal(decode(stream).pictures.slice(0, 20), expected, 'stream alone');
  assert.equal(decode(withSdp).pictures.slice(0, 20), expected, 'SDP for the sets');
  assert.is(decode(bare).pictures.length, 0, 'neither: nothing');
}

/** NAL units of a stream that `annexB` made. */
const unitsOf = (stream: Buffer): Buffer[] =>
  stream
    .toString('latin1')
    .split('\x00\x00\x00\x01')
    .filter((unit) => unit !== '')
    .map((unit) => Buffer.from(unit, 'latin1'));

const isSet = (unit: Buffer): boolean => [NAL.sps, NAL.pps].some((type) => type === ((unit[0] ?? 0) & 31));

test.proof(
  '[MD-2.4.4d] sprop-parameter-sets are those of the stream, and a decoder begins with either alone',
  {
    peers: ['ffmpeg', 'SIPp'],
    timeoutMs: 60_000,
    run: () => setsAgree((sets) => sets),
    control: () => setsAgree((sets) => sets.replace(/^Z0LADN/, 'Z0LADM')),
  },
);

// Orientation.

const CVO = ['a=extmap:4 urn:3gpp:video-orientation'];

async function tellsOrientation(more: readonly string[]): Promise<void> {
  const { far } = fromWhole;
  await fromWhole.called({ more }, () => second(far).then(() => undefined), { checks: more.map(contains) });
  const rows = far.film(
    folder.file('cvo.pcap'),
    ['rtp.ext.profile', 'rtp.ext.rfc5285.id', 'rtp.ext.rfc5285.data', 'rtp.marker', 'rtp.timestamp'],
    104,
  );
  const keys = new Set(
    bytesOf(far)
      .filter((packet) => typesIn(packet).includes(NAL.idr))
      .map((packet) => String(packet.readUInt32BE(4))),
  );
  const extended = rows.filter((row) => row['rtp.ext.rfc5285.id'] !== undefined);
  assert.ok(extended.length > 0 && extended.length <= keys.size, `${extended.length} of ${keys.size}`);
  for (const row of extended) {
    assert.is(Number(row['rtp.ext.profile']?.[0]), 0xbede);
    assert.is(Number(row['rtp.ext.rfc5285.id']?.[0]), 4);
    assert.is(row['rtp.ext.rfc5285.data']?.[0]?.slice(0, 2), '00', 'upright');
    assert.match(row['rtp.marker']?.[0] ?? '', /^(1|true)$/i, 'on the last packet');
    assert.ok(keys.has(row['rtp.timestamp']?.[0] ?? ''), 'of a key frame');
  }
}

test.proof('[MD-2.4.4h] the orientation goes out on the last packet of key frames, where it was agreed', {
  peers: ['tshark', 'SIPp'],
  timeoutMs: 60_000,
  run: () => tellsOrientation(CVO),
  control: () => tellsOrientation([]),
});

/** RFC 8285 4.2: 0xBEDE, one word: id 4, length 1 octet, the octet, padding. */
function oriented(packet: Buffer, octet: number): Buffer {
  const bytes = Buffer.concat([
    packet.subarray(0, 12),
    Buffer.from([0xbe, 0xde, 0, 1, 0x40, octet, 0, 0]),
    packet.subarray(12),
  ]);
  bytes.writeUInt8(bytes.readUInt8(0) | 0x10, 0);
  return bytes;
}

/** Where red and blue are once the receiver has turned the picture clockwise, then mirrored it (26.114 7.4.5): left, right, top, bottom. */
const TURNED: readonly { octet: number; red: 'left' | 'right' | 'top' | 'bottom' }[] = [
  { octet: 0b000, red: 'left' },
  { octet: 0b001, red: 'top' },
  { octet: 0b010, red: 'right' },
  { octet: 0b011, red: 'bottom' },
  { octet: 0b100, red: 'right' },
  { octet: 0b101, red: 'top' },
  { octet: 0b110, red: 'left' },
  { octet: 0b111, red: 'bottom' },
];

/** Where red is in a picture that ffmpeg shows (it obeys the display orientation of the stream). */
function redSide(film: string): string {
  const all = tiles(film, 4, 4);
  const corners = [0, 3, 12, 15].map((at) => all[at] ?? []);
  const isRed = corners.map(([red = 0, , blue = 0]) => red > blue);
  const named: Readonly<Record<string, string>> = {
    'true,false,true,false': 'left',
    'false,true,false,true': 'right',
    'true,true,false,false': 'top',
    'false,false,true,true': 'bottom',
  };
  return named[isRed.join()] ?? isRed.join();
}

for (const { octet, red } of TURNED)
  test.proof(
    `[MD-2.4.4h] received orientation ${octet.toString(2).padStart(3, '0')} is undone: red is shown ${red}`,
    {
      peers: ['ffmpeg', 'SIPp'],
      timeoutMs: 60_000,
      run: () => turned(octet, red),
      control: () => turned(octet === 0 ? 2 : octet ^ 3, red),
    },
  );

let halves: readonly Buffer[] | undefined;

async function turned(octet: number, red: string): Promise<void> {
  halves ??= await packetsOf(makeFilm(folder.file('halves.264'), { graph: HALVES, frames: 10, every: 5 }));
  const { far } = fromWhole;
  const packets = halves;
  const keys = new Set(
    packets.filter((packet) => typesIn(packet).includes(NAL.idr)).map((packet) => packet.readUInt32BE(4)),
  );
  const id = await fromWhole.called({ more: CVO }, async () => {
    await far.reached();
    await far.play(packets, (packet) => {
      const isLast = (packet.readUInt8(1) & 0x80) !== 0;
      far.send(isLast && keys.has(packet.readUInt32BE(4)) ? oriented(packet, octet) : packet);
    });
    await wait(150);
  });
  assert.is(redSide(fromWhole.sink(id)), red);
}

test.run();
