// Every voice codec before strangers: ffmpeg codes and decodes the same, tshark finds nothing to complain of.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { fromOgg, toOgg } from './ogg.ts';
import {
  type AmrForm,
  asPcm,
  decode,
  dissect,
  encode,
  type Family,
  ffmpeg,
  likeness,
  noise,
  speech,
  stored,
} from './strangers.ts';

const test = suite('media/codecs');
const LIMIT = { timeoutMs: 300_000 };
const FAMILIES: readonly { family: Family; hertz: number; modes: number; sid: number }[] = [
  { family: 'AMR', hertz: 8000, modes: 8, sid: 8 },
  { family: 'AMR-WB', hertz: 16_000, modes: 9, sid: 9 },
];
const NO_DATA = 15;
const NONE_ASKED = 15;

const G722_INPUT = ['-f', 's16le', '-ar', '16000', '-ac', '1'];
const joined = (packets: readonly { payload: Buffer }[]): Buffer =>
  Buffer.concat(packets.map(({ payload }) => payload));
/** Packets of 20 ms of a stream of octets. */
const cut = (octets: Buffer): { timestamp: number; marker: boolean; payload: Buffer }[] =>
  Array.from({ length: octets.length / 160 }, (_, index) => ({
    timestamp: index * 160,
    marker: index === 0,
    payload: octets.subarray(index * 160, index * 160 + 160),
  }));

for (const [what, pcm] of [
  ['speech', speech(16_000)],
  ['noise up to full scale', noise(64_000)],
] as const)
  test(`G.722 codes and decodes ${what} bit by bit as ffmpeg does`, { ...LIMIT, peers: ['ffmpeg'] }, () => {
    const whole = pcm.subarray(0, pcm.length - (pcm.length % 640));
    const ours = joined(encode('G722', whole));
    const theirs = ffmpeg(G722_INPUT, ['-c:a', 'g722', '-f', 'g722'], whole);
    assert.ok(ours.length > 20_000);
    assert.is(Buffer.compare(ours, theirs), 0, 'the code');
    const heard = decode('G722', cut(theirs));
    assert.is(Buffer.compare(heard, asPcm('g722', 16_000, theirs)), 0, 'the sound');
  });

test('G.722 decodes any octets bit by bit as ffmpeg does', { ...LIMIT, peers: ['ffmpeg'] }, () => {
  const octets = noise(16_000);
  assert.is(Buffer.compare(decode('G722', cut(octets)), asPcm('g722', 16_000, octets)), 0);
});

/** Every mode in one form: what tshark sees must be what was coded. */
function inspect(form: AmrForm, readAs: AmrForm, modes: number): void {
  const hertz = form.family === 'AMR' ? 8000 : 16_000;
  const pcm = speech(hertz).subarray(0, hertz * 2);
  const aligned = `aligned=${form.aligned ? 1 : 0}`;
  for (let mode = 0; mode < modes; mode += 1)
    for (const frames of [1, 3]) {
      const ask = mode % 2 === 0 ? NONE_ASKED : mode;
      const settings = [aligned, `mode=${mode}`, `modes=${1 << mode}`, `frames=${frames}`, `ask=${ask}`];
      const packets = encode(form.family, pcm, ...settings);
      const seen = dissect(readAs, packets);
      assert.is(seen.length, packets.length);
      for (const packet of seen) {
        assert.equal(packet.complaints, []);
        assert.equal(packet.types, Array(frames).fill(mode));
        assert.is(packet.cmr, ask);
      }
    }
}

for (const { family, modes } of FAMILIES)
  for (const aligned of [false, true]) {
    const title = `${family}, ${aligned ? 'octet-aligned' : 'bandwidth-efficient'}: every mode, one and three frames a packet`;
    const form = { family, aligned };
    test.proof(`[MD-2.4.3${family === 'AMR' ? 'c' : 'd'}] ${title}`, {
      ...LIMIT,
      peers: ['tshark'],
      run: () => inspect(form, form, modes),
      control: () => inspect(form, { family, aligned: !aligned }, modes),
    });
  }

// The filters before and behind AMR move the phases: its words are less like the original than they sound.
const ALIKE: Readonly<Record<Family, number>> = { AMR: 0.72, 'AMR-WB': 0.88 };

for (const { family, hertz, modes } of FAMILIES)
  test(`[MD-2.4.3${family === 'AMR' ? 'c' : 'd'}] ${family}: ffmpeg hears the words in every mode`, {
    ...LIMIT,
    peers: ['ffmpeg'],
  }, () => {
    const pcm = speech(hertz);
    for (let mode = 0; mode < modes; mode += 1) {
      const packets = encode(family, pcm, 'aligned=1', `mode=${mode}`, `modes=${1 << mode}`);
      const found = likeness(pcm, asPcm('amr', hertz, stored(family, packets)), hertz / 50);
      assert.ok(found > ALIKE[family], `mode ${mode}: ${found}`);
    }
  });

/** Words, then four seconds of faint noise, then words again. */
function conversation(hertz: number): Buffer {
  const faint = noise(hertz * 4);
  for (let at = 0; at < faint.length; at += 2)
    faint.writeInt16LE(Math.trunc(faint.readInt16LE(at) / 400), at);
  const words = speech(hertz);
  return Buffer.concat([words, faint, words]);
}

function silence(family: Family, hertz: number, sid: number, dtx: number): void {
  const ticks = hertz / 50;
  for (const aligned of [false, true]) {
    const packets = encode(family, conversation(hertz), `dtx=${dtx}`, `aligned=${aligned ? 1 : 0}`);
    const seen = dissect({ family, aligned }, packets);
    assert.equal(
      seen.flatMap(({ complaints }) => complaints),
      [],
    );
    const described = packets.filter((_, index) => seen[index]?.types[0] === sid);
    const gaps = described
      .slice(1)
      .map((packet, index) => (packet.timestamp - (described[index]?.timestamp ?? 0)) / ticks);
    assert.ok(gaps.filter((gap) => gap === 8).length > 10, `gaps ${gaps.join(' ')}`);
    // SID frames begin no talkspurt; speech after one does (RFC 4867 4.1).
    for (const [index, packet] of packets.entries()) {
      const spoken = seen[index]?.types[0] !== sid;
      const before = index === 0 ? sid : seen[index - 1]?.types[0];
      assert.is(packet.marker, spoken && before === sid, `packet ${index}`);
    }
    assert.ok(
      seen.every(({ types }) => !types.includes(NO_DATA)),
      'nothing is sent between descriptions',
    );
  }
}

for (const { family, hertz, sid } of FAMILIES)
  test.proof(`[MD-2.4.3i] ${family}: silence is described every eighth frame, and nothing is sent between`, {
    ...LIMIT,
    peers: ['tshark'],
    run: () => silence(family, hertz, sid, 1),
    control: () => silence(family, hertz, sid, 0),
  });

/** Root mean square of a stretch of sound. */
function loudness(pcm: Buffer, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at += 1) sum += pcm.readInt16LE(at * 2) ** 2;
  return Math.sqrt(sum / (to - from));
}

// ffmpeg knows no comfort noise of either codec: our decoder is the judge, against the noise that was spoken into the other end.
for (const { family, hertz } of FAMILIES)
  test(`[MD-2.4.3i] ${family}: described silence is heard as noise`, LIMIT, () => {
    const pcm = conversation(hertz);
    const heard = decode(family, encode(family, pcm, 'dtx=1', 'aligned=1'), 'aligned=1');
    const middle = pcm.length / 4;
    const original = loudness(pcm, middle - hertz, middle + hertz);
    const level = loudness(heard, middle - hertz, middle + hertz);
    assert.ok(level > original / 4 && level < original * 2, `${level}, not ${original}`);
  });

test('Opus: ffmpeg hears our words, we hear its words', { ...LIMIT, peers: ['ffmpeg'] }, () => {
  const pcm = speech(16_000);
  assert.ok(likeness(pcm, asPcm('ogg', 16_000, toOgg(encode('opus', pcm))), 640) > 0.85);
  for (const [milliseconds, channels] of [
    [20, 2],
    [60, 1],
    [2.5, 1],
  ] as const) {
    const theirs = ffmpeg(
      G722_INPUT,
      ['-c:a', 'libopus', '-ac', `${channels}`, '-frame_duration', `${milliseconds}`, '-f', 'ogg'],
      pcm,
    );
    const heard = decode('opus', fromOgg(theirs, milliseconds * 48));
    assert.ok(likeness(pcm, heard, 640) > 0.85, `${milliseconds} ms, ${channels} channels`);
  }
});

test('Opus: DTX leaves silence out, FEC makes packets larger', LIMIT, () => {
  const words = speech(16_000);
  const pcm = Buffer.concat([words, Buffer.alloc(16_000 * 2 * 4), words]);
  const all = encode('opus', pcm);
  const quiet = encode('opus', pcm, 'dtx=1');
  assert.ok(quiet.length < all.length - 100, `${quiet.length} of ${all.length} packets`);
  assert.ok(
    Math.abs(joined(encode('opus', words, 'fec=1')).length - joined(encode('opus', words)).length) > 0,
  );
});

test.run();
