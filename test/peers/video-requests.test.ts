// NG.110 2.9.1, RFC 4585, RFC 5104: asking for key frames and giving them. ffmpeg's streams, cut; feedback written by hand and read by tshark.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { ALL_FEEDBACK, type VideoLines, VideoStage } from './scenarios/video-call.ts';
import { FAR_SSRC, fir, type Heard, isFeedback, nack, pli, tmmbr } from './support/far-video.ts';
import { annexB, decode, makeFilm, NAL, nalOf, packetsOf, payloadOf, typesIn } from './support/film.ts';
import { scratch, until } from './support/process.ts';

const test = suite('peers/video-requests');
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const folder = scratch();
/** What the device sends: one key frame in eight seconds, so that any other was asked for. */
const deviceFilm = makeFilm(folder.file('device.264'), { picture: 'smptebars', frames: 200, every: 200 });
const farFilm = makeFilm(folder.file('far.264'), { picture: 'testsrc2', frames: 30, every: 15 });
const sliced = makeFilm(folder.file('sliced.264'), {
  picture: 'testsrc2',
  frames: 30,
  every: 15,
  sliceOctets: 900,
});

let video: VideoStage;
/** The far end's film in packetisation mode 0, in mode 1, and in small fragments. */
let single: readonly Buffer[] = [];
let aggregated: readonly Buffer[] = [];
let fragments: readonly Buffer[] = [];
test.before(async () => {
  video = await VideoStage.open({ capture: `file:${deviceFilm}` });
  single = await packetsOf(sliced, { mode: 0 });
  aggregated = await packetsOf(farFilm);
  fragments = await packetsOf(farFilm, { octets: 300 });
});
test.after(async () => {
  await video.close();
  folder.remove();
});

/** `sprop-parameter-sets` of a film. */
function setsOf(packets: readonly Buffer[]): string {
  const units = packets
    .filter((packet) => [NAL.sps, NAL.pps].some((type) => type === nalOf(packet)))
    .slice(0, 2);
  return units.map((packet) => payloadOf(packet).toString('base64')).join();
}

const firs = (): readonly Heard[] => video.far.messages(206, 4);
const isFir = (part: Buffer): boolean => isFeedback(part, 206, 4);

const first = (packets: readonly Buffer[], fits: (packet: Buffer) => boolean): number => {
  const at = packets.findIndex(fits);
  assert.ok(at >= 0, 'ffmpeg sent such a packet');
  return at;
};
const isMiddle = (type: number) => (packet: Buffer) =>
  nalOf(packet) === NAL.fragment && ((payloadOf(packet)[1] ?? 0) & 0xc0) === 0 && typesIn(packet)[0] === type;

interface Cut {
  readonly name: string;
  readonly packets: () => readonly Buffer[];
  readonly begins: (packet: Buffer) => boolean;
  /** Types that never come. */
  readonly without?: readonly number[];
  readonly setsInSdp?: boolean;
}

/** From the first packet that fits. */
function cut({ packets, begins, without = [] }: Cut): readonly Buffer[] {
  const all = packets().filter((packet) => !typesIn(packet).some((type) => without.includes(type)));
  return all.slice(first(all, begins));
}

const BAD: readonly Cut[] = [
  { name: 'a P-slice', packets: () => single, begins: (packet) => nalOf(packet) === NAL.slice },
  { name: 'the middle of a fragmented P-slice', packets: () => fragments, begins: isMiddle(NAL.slice) },
];
const GOOD: readonly Cut[] = [
  { name: 'SPS', packets: () => single, begins: (packet) => nalOf(packet) === NAL.sps },
  {
    name: 'PPS, the SPS being in the SDP',
    packets: () => single,
    begins: (packet) => nalOf(packet) === NAL.pps,
    setsInSdp: true,
  },
  {
    name: 'STAP-A of SPS and PPS',
    packets: () => aggregated,
    begins: (packet) => nalOf(packet) === NAL.aggregate,
  },
  {
    name: 'IDR, all sets being in the SDP',
    packets: () => single,
    begins: (packet) => nalOf(packet) === NAL.idr,
    without: [NAL.sps, NAL.pps, NAL.sei],
    setsInSdp: true,
  },
];
const NO_SETS: Cut = {
  name: 'IDR, no sets anywhere',
  packets: () => single,
  begins: (packet) => nalOf(packet) === NAL.idr,
  without: [NAL.sps, NAL.pps, NAL.sei],
};

const linesOf = (one: Cut): VideoLines => (one.setsInSdp ? { sets: setsOf(single) } : {});

/** Only the first packet (picture, where it takes one to know) is sent: the FIR comes for it alone. Then, from a key frame on, the picture is there and nothing more is asked for. */
async function asksAtOnce(one: Cut, wholePicture = false): Promise<void> {
  const packets = cut(one);
  const id = await video.called(linesOf(one), async () => {
    const { far } = video;
    await far.reached();
    const times = packets.map((packet) => packet.readUInt32BE(4));
    const next = times.findIndex((time) => time !== times[0]);
    for (const packet of packets.slice(0, wholePicture ? next + 1 : 1)) far.send(packet);
    const asked = await far.feedback('a FIR', isFir, 3000).catch(() => undefined);
    assert.ok(asked, `FIR for ${one.name}`);
    const all = one.packets();
    await far.play(all.slice(first(all, (packet) => typesIn(packet).includes(NAL.sps))));
    await wait(200);
    assert.is(new Set(firs().map(({ bytes }) => bytes.readUInt8(16))).size, 1, 'one need, one number');
  });
  const shown = decode(video.sink(id));
  assert.is(shown.complaints, '');
  assert.ok(shown.pictures.length >= 25, `${shown.pictures.length} pictures`);
  const rows = video.far.reports(folder.file('rtcp.pcap'), [
    ...['rtcp.psfb.fmt', 'rtcp.psfb.fir.fci.ssrc', 'rtcp.psfb.fir.fci.csn', 'rtcp.mediassrc', '_ws.expert'],
  ]);
  const read = rows.filter((row) => row['rtcp.psfb.fmt']?.includes('4'));
  assert.ok(read.length > 0, 'tshark reads a FIR');
  for (const row of read) {
    assert.is(Number(row['rtcp.psfb.fir.fci.ssrc']?.[0]), FAR_SSRC);
    assert.is(Number(row['rtcp.mediassrc']?.[0]), 0, 'RFC 5104 4.3.1.2: SSRC of media source is 0');
    assert.is(row['_ws.expert'], undefined);
  }
}

for (const one of BAD)
  test.proof(`[MD-2.9.1d] a stream that begins with ${one.name}: FIR at once`, {
    peers: ['ffmpeg', 'tshark', 'SIPp'],
    timeoutMs: 60_000,
    run: () => asksAtOnce(one),
    control: () =>
      asksAtOnce({ ...one, packets: () => aggregated, begins: (packet) => nalOf(packet) === NAL.aggregate }),
  });

/** The whole stream from there on: every picture, no FIR. */
async function asksNothing(one: Cut): Promise<void> {
  const packets = cut(one);
  const id = await video.called(linesOf(one), async () => {
    await video.far.reached();
    await video.far.play(packets);
    await wait(200);
    assert.is(firs().length, 0, `FIR for ${one.name}`);
    assert.is(video.far.messages(206, 1).length, 0, `PLI for ${one.name}`);
  });
  const shown = decode(video.sink(id));
  assert.is(shown.complaints, '');
  const times = new Set(packets.map((packet) => packet.readUInt32BE(4)));
  assert.is(shown.pictures.length, times.size, 'every picture, from the first on');
}

for (const one of GOOD)
  test.proof(`[MD-2.9.1d] a stream that begins with ${one.name}: no FIR, and its first frame is shown`, {
    peers: ['ffmpeg', 'SIPp'],
    timeoutMs: 60_000,
    run: () => asksNothing(one),
    control: () => asksNothing({ ...one, ...BAD[0] }),
  });

test('an IDR whose sets are nowhere is asked for too (our own addition)', { peers: ['ffmpeg', 'SIPp'] }, () =>
  asksAtOnce(NO_SETS, true),
);

/** Seconds of P-slices only; then a key frame; then another source that begins badly. */
async function asksAgain(beginsBadly: boolean): Promise<void> {
  const slices = single.filter((packet) => nalOf(packet) === NAL.slice);
  const key = single.slice(
    0,
    first(single, (packet) => nalOf(packet) === NAL.slice),
  );
  const other = 0x77777777;
  await video.called({}, async () => {
    const { far } = video;
    await far.reached();
    await far.play(slices);
    // Each waits for its turn in the budget, by chance up to half as long again (RFC 4585 3.5.2).
    await until('a third', () => firs().length >= 3, 3000).catch(() => undefined);
    await wait(300);
    const before = firs();
    const seconds = ((before.at(-1)?.at ?? 0) - (before[0]?.at ?? 0)) / 1000;
    assert.ok(before.length >= 3, `repeated: ${before.length}`);
    assert.ok(before.length <= 2 * seconds + 2, `no storm: ${before.length} in ${seconds} s`);
    for (const packet of key) far.send(packet);
    await wait(600);
    const after = firs().length;
    await wait(700);
    assert.is(firs().length, after, 'nothing more once the key frame came');
    for (const packet of beginsBadly ? slices.slice(0, 5) : key) far.send(packet, other);
    const told = far.feedback(
      'FIR of the new source',
      (part) => isFir(part) && part.readUInt32BE(12) === other,
      1500,
    );
    assert.ok(await told.catch(() => undefined), 'FIR of the new source');
  });
  const rows = video.far.reports(folder.file('again.pcap'), [
    'rtcp.psfb.fir.fci.csn',
    'rtcp.psfb.fir.fci.ssrc',
  ]);
  const numbers = [...new Set(rows.flatMap((row) => row['rtcp.psfb.fir.fci.csn'] ?? []))].map(Number);
  assert.is(numbers.length, 2, `one number for each need: ${numbers}`);
  assert.is(numbers[1], ((numbers[0] ?? 0) + 1) % 256, 'and it rises by one');
}

test.proof(
  '[MD-2.9.1d] repeated with its number while the need lasts, no storm; the next need has the next number',
  {
    peers: ['ffmpeg', 'tshark', 'SIPp'],
    timeoutMs: 60_000,
    run: () => asksAgain(true),
    control: () => asksAgain(false),
  },
);

// What the device sends.

const keyTimes = (): number[] => [
  ...new Set(
    video.far.video
      .filter(({ bytes }) => typesIn(bytes).includes(NAL.idr))
      .map(({ bytes }) => bytes.readUInt32BE(4)),
  ),
];
/** Frames of the device in the order of their coming. */
const frameTimes = (): number[] => [...new Set(video.far.video.map(({ bytes }) => bytes.readUInt32BE(4)))];

/** A request, and how many frames until the key frame that answers it; undefined: none came. */
async function keyAfter(request: Buffer): Promise<number | undefined> {
  const [keys, frames] = [keyTimes().length, frameTimes().length];
  video.far.sendRtcp(request);
  const came = await until('a key frame', () => keyTimes().length > keys, 700).catch(() => false);
  return came ? frameTimes().indexOf(keyTimes()[keys] ?? 0) + 1 - frames : undefined;
}

/** After this a key frame may be forced again. */
const AGAIN_MS = 1100;

async function refreshes(request: (ssrc: number, number: number) => Buffer): Promise<void> {
  await video.called({}, async () => {
    const { far } = video;
    const ssrc = await far.ssrc();
    await wait(AGAIN_MS);
    assert.is(keyTimes().length, 1, 'none but the first');
    const after = await keyAfter(request(ssrc, 7));
    assert.ok(after !== undefined && after <= 2, `a key frame ${after} frames later`);
    const from = far.video.findIndex(({ bytes }) => bytes.readUInt32BE(4) === keyTimes()[1]);
    await wait(400);
    const late = far.video.slice(from).map(({ bytes }) => bytes);
    const types = late.filter((packet) => packet.readUInt32BE(4) === keyTimes()[1]).flatMap(typesIn);
    assert.ok(types.includes(NAL.sps) && types.includes(NAL.pps), 'with its sets');
    // A decoder that starts here shows every frame.
    const last = late.at(-1)?.readUInt32BE(4);
    const whole = late.filter((packet) => packet.readUInt32BE(4) !== last);
    const shown = decode(annexB(whole));
    assert.is(shown.complaints, '');
    assert.is(shown.pictures.length, new Set(whole.map((packet) => packet.readUInt32BE(4))).size);
  });
}

test.proof(
  '[MD-2.9.1e] a FIR: the next frame is an IDR with SPS and PPS, and a decoder that starts there shows it',
  {
    peers: ['ffmpeg', 'SIPp'],
    timeoutMs: 60_000,
    run: () => refreshes(fir),
    control: () => refreshes((ssrc, number) => fir(ssrc + 1, number)),
  },
);

test.proof('[MD-2.4.4f] a PLI is answered with a key frame', {
  peers: ['ffmpeg', 'SIPp'],
  timeoutMs: 60_000,
  run: () => refreshes(pli),
  control: () => refreshes((ssrc) => pli(ssrc + 1)),
});

async function repeats(second: number): Promise<void> {
  await video.called({}, async () => {
    const ssrc = await video.far.ssrc();
    await wait(AGAIN_MS);
    assert.ok((await keyAfter(fir(ssrc, 7))) !== undefined, 'the first');
    await wait(AGAIN_MS);
    assert.is(await keyAfter(fir(ssrc, second)), undefined, 'the repetition');
    await wait(300);
    assert.ok((await keyAfter(fir(ssrc, 9))) !== undefined, 'a new one');
  });
}

test.proof('[MD-2.9.1e] a FIR that is repeated with its number is not obeyed again', {
  peers: ['SIPp'],
  timeoutMs: 60_000,
  run: () => repeats(7),
  control: () => repeats(8),
});

/** tshark reads our requests as what they are meant to be: else the tests above prove nothing. */
test('the requests of the far end are well-formed', { peers: ['tshark'] }, () => {
  const { far } = video;
  far.forget();
  for (const bytes of [fir(1, 7), pli(1), nack(1, 0x1234), tmmbr(1, 300_000)])
    far.rtcp.push({ at: 1, bytes });
  const rows = far.reports(folder.file('own.pcap'), [
    ...['rtcp.psfb.fmt', 'rtcp.rtpfb.fmt', 'rtcp.psfb.fir.fci.csn', 'rtcp.rtpfb.nack_pid'],
    ...['rtcp.rtpfb.tmmbr.fci.mantissa', 'rtcp.rtpfb.tmmbr.fci.exp', '_ws.expert'],
  ]);
  assert.equal(rows, [
    { 'rtcp.psfb.fmt': ['4'], 'rtcp.psfb.fir.fci.csn': ['7'] },
    { 'rtcp.psfb.fmt': ['1'] },
    { 'rtcp.rtpfb.fmt': ['1'], 'rtcp.rtpfb.nack_pid': [String(0x1234)] },
    {
      'rtcp.rtpfb.fmt': ['3'],
      'rtcp.rtpfb.tmmbr.fci.mantissa': ['75000'],
      'rtcp.rtpfb.tmmbr.fci.exp': ['2'],
    },
  ]);
});

// Loss.

/** One packet of a P-frame is lost on its first way; asked for, it is sent again. */
async function lossRepaired(feedback: readonly string[]): Promise<void> {
  const lost = first(aggregated, (packet) => nalOf(packet) === NAL.slice) + 12;
  const id = await video.called({ feedback }, async () => {
    const { far } = video;
    await far.reached();
    let missing = -1;
    await far.play(aggregated, (packet, index) => {
      if (index === lost) {
        missing = far.nextSequence;
        far.lose();
        void far
          .feedback('a NACK', (part) => isFeedback(part, 205, 1))
          .then(() => far.sendAs(packet, missing))
          .catch(() => undefined);
      } else far.send(packet);
    });
    await wait(200);
    const rows = far.reports(folder.file('nack.pcap'), [
      'rtcp.rtpfb.nack_pid',
      'rtcp.psfb.fmt',
      '_ws.expert',
    ]);
    const asked = rows.flatMap((row) => row['rtcp.rtpfb.nack_pid'] ?? []).map(Number);
    assert.ok(
      asked.length > 0 && asked.every((number) => number === missing),
      `asked for ${asked}, lost ${missing}`,
    );
    assert.ok(
      rows.every((row) => row['rtcp.psfb.fmt'] === undefined),
      'and for nothing else',
    );
  });
  assert.equal(
    decode(video.sink(id)).pictures,
    decode(farFilm).pictures,
    'no picture is missing or blemished',
  );
}

test.proof('[MD-2.4.4e] a lost packet is asked for by NACK, and the picture is whole when it comes', {
  peers: ['ffmpeg', 'tshark', 'SIPp'],
  timeoutMs: 60_000,
  run: () => lossRepaired(ALL_FEEDBACK),
  control: () => lossRepaired(['nack pli', 'ccm fir']),
});

/** Which feedback leaves when three packets of a P-frame are lost for good. */
async function asksWhenLost(lines: VideoLines): Promise<{ nack: number; pli: number; fir: number }> {
  const from = first(aggregated, (packet) => nalOf(packet) === NAL.slice) + 12;
  let asked = { nack: 0, pli: 0, fir: 0 };
  await video.called(lines, async () => {
    const { far } = video;
    await far.reached();
    await far.play(aggregated.slice(0, from + 40), (packet, index) => {
      if (index >= from && index < from + 3) far.lose();
      else far.send(packet);
    });
    await wait(400);
    asked = {
      nack: far.messages(205, 1).length,
      pli: far.messages(206, 1).length,
      fir: far.messages(206, 4).length,
    };
  });
  return asked;
}

test.proof('[MD-2.4.4f] what no repetition brings back is told by PLI; nothing is sent that was not agreed', {
  peers: ['ffmpeg', 'SIPp'],
  timeoutMs: 60_000,
  run: () => lossTold(['nack pli']),
  control: () => lossTold(['nack']),
});

async function lossTold(feedback: readonly string[]): Promise<void> {
  const asked = await asksWhenLost({ feedback });
  assert.ok(asked.pli >= 1, JSON.stringify(asked));
  assert.is(asked.nack, 0, 'NACK was not agreed');
  assert.is(asked.fir, 0, 'a loss is no matter for FIR');
}

test('plain RTP/AVP without feedback lines: a loss is told by nobody', {
  peers: ['ffmpeg', 'SIPp'],
}, async () => {
  const asked = await asksWhenLost({ profile: 'RTP/AVP', feedback: [] });
  assert.is(asked.nack + asked.pli, 0, JSON.stringify(asked));
});

/** A packet of the device is asked for again. */
async function sendsAgain(feedback: readonly string[]): Promise<void> {
  await video.called({ feedback }, async () => {
    const { far } = video;
    const ssrc = await far.ssrc();
    await until('some video', () => far.video.length > 20);
    const wanted = far.video.at(-3)?.bytes ?? Buffer.alloc(12);
    far.sendRtcp(nack(ssrc, wanted.readUInt16BE(2)));
    await wait(400);
    assert.is(far.video.filter(({ bytes }) => bytes.equals(wanted)).length, 2, 'the same packet once more');
  });
}

test.proof('[MD-2.4.4e] a packet that the far end asks for by NACK is sent once more, octet for octet', {
  peers: ['SIPp'],
  timeoutMs: 60_000,
  run: () => sendsAgain(ALL_FEEDBACK),
  control: () => sendsAgain(['nack pli']),
});

const CAP = 150_000;

/** A cap, acknowledged. */
async function capped(feedback: readonly string[]): Promise<void> {
  await video.called({ feedback }, async (id) => {
    const { far } = video;
    const ssrc = await far.ssrc();
    far.sendRtcp(tmmbr(ssrc, CAP));
    const told = await far.feedback('TMMBN', (part) => isFeedback(part, 205, 4), 3000).catch(() => undefined);
    assert.ok(told, 'TMMBN');
    const { body } = await video.stage.device.fetch('GET', `calls/${id}/quality`);
    const { video: measured } = body as { video: { bitrate: number } }; // the contract's shape
    assert.ok(measured.bitrate <= CAP, `aims at ${measured.bitrate} bit/s`);
  });
  const rows = video.far.reports(folder.file('tmmbn.pcap'), [
    ...[
      'rtcp.rtpfb.fmt',
      'rtcp.rtpfb.tmmbr.fci.mantissa',
      'rtcp.rtpfb.tmmbr.fci.exp',
      'rtcp.rtpfb.tmmbr.fci.ssrc',
    ],
    '_ws.expert',
  ]);
  const [row] = rows.filter((one) => one['rtcp.rtpfb.fmt']?.includes('4'));
  const bits =
    Number(row?.['rtcp.rtpfb.tmmbr.fci.mantissa']?.[0]) * 2 ** Number(row?.['rtcp.rtpfb.tmmbr.fci.exp']?.[0]);
  assert.ok(Math.abs(bits - CAP) < 4, `tshark reads ${bits} bit/s`);
  assert.is(
    Number(row?.['rtcp.rtpfb.tmmbr.fci.ssrc']?.[0]),
    FAR_SSRC,
    'the owner of the cap (RFC 5104 4.2.2.2)',
  );
  assert.is(row?.['_ws.expert'], undefined);
}

test.proof('[MD-2.4.4g] TMMBR: the encoder aims no higher, and TMMBN says so', {
  peers: ['tshark', 'SIPp'],
  timeoutMs: 60_000,
  run: () => capped(ALL_FEEDBACK),
  control: () => capped(['nack', 'nack pli', 'ccm fir']),
});

test.run();
