// Silence, and frames by the handful: what AMR and AMR-WB send when nobody speaks, what is heard of a far end that is silent,
// and payloads of several frames. The far end sends back what it got, packed anew by the test; tshark judges both ways.
import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { type Far, type FarCall, farCall, rtp } from './scenarios/far.ts';
import {
  AMR,
  type AmrName,
  type Form,
  type Frame,
  NO_DATA,
  pack,
  silenceType,
  tsharkForm,
  unpack,
} from './support/amr.ts';
import type { Packet } from './support/capture.ts';
import { scratch } from './support/process.ts';
import { cut, hearTone, level, levelAt, type Pcm, readWav } from './support/tone.ts';

const test = suite('peers/voice-silence');

const TONE = 1000;
const SPEECH_SECONDS = 1;
/** The file begins anew behind it: later than any call ends. */
const NOISE_SECONDS = 15;
const TALK_MS = 5500;
const PAYLOAD_TYPE = 97;
const NAMES = ['AMR', 'AMR-WB'] as const;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const folder = scratch();
test.after(() => folder.remove());

const FIELDS = [
  'udp.dstport',
  'rtp.seq',
  'rtp.timestamp',
  'amr.nb.toc.ft',
  'amr.wb.toc.ft',
  '_ws.expert',
] as const;
const types = (packet: Packet): readonly number[] =>
  (packet['amr.wb.toc.ft'] ?? packet['amr.nb.toc.ft'] ?? []).map(Number);
const number = (packet: Packet | undefined, field: string): number => Number(packet?.[field]?.[0]);

const line = (name: AmrName, form: Form, more: readonly string[] = []): string[] => [
  `m=audio PORT RTP/AVP ${PAYLOAD_TYPE}`,
  `a=rtpmap:${PAYLOAD_TYPE} ${name}/${name === 'AMR' ? 8000 : 16_000}/1`,
  ...(form === 'octet-aligned' ? [`a=fmtp:${PAYLOAD_TYPE} octet-align=1`] : []),
  ...more,
];

/** A second of tone, then the noise of a quiet room. */
function speechThenNoise(): string {
  const path = folder.file('room.wav');
  const graph = [
    `sine=f=${TONE}:r=16000:d=${SPEECH_SECONDS},volume=2.5[speech]`,
    `anoisesrc=r=16000:c=pink:a=0.02:seed=5:d=${NOISE_SECONDS}[room]`,
    '[speech][room]concat=n=2:v=0:a=1',
  ];
  const made = spawnSync(
    'ffmpeg',
    ['-v', 'error', '-y', '-filter_complex', graph.join(';'), '-c:a', 'pcm_s16le', path],
    { encoding: 'utf8' },
  );
  assert.is(made.stderr, '', 'ffmpeg');
  return path;
}

interface Mirrored {
  readonly call: FarCall;
  /** What the device played. */
  readonly heard: string;
}

/** The device speaks for a second and is silent then; the far end sends back every packet whose frames it `keeps`. */
async function mirrored(name: AmrName, dtx: boolean, keeps: (frame: Frame) => boolean): Promise<Mirrored> {
  const form = 'bandwidth-efficient';
  const key = `${name}-${dtx}-${keeps.name}`;
  const heard = folder.file(`${key}.wav`);
  const settings = {
    codecs: [name],
    capture: `file:${speechThenNoise()}`,
    playback: `file:${heard}`,
    media: `dtx = ${dtx}`,
  };
  const call = await farCall(folder.file(`${key}.pcapng`), settings, line(name, form), async (far) => {
    far.onRtp((packet) => {
      const [frame] = speechIn(name, form, packet);
      if (!frame || !keeps(frame)) return;
      far.send(rtp(PAYLOAD_TYPE, packet.readUInt16BE(2), packet.readUInt32BE(4), pack(form, [frame])));
    });
    await wait(TALK_MS);
  });
  return { call, heard };
}

const speechIn = (name: AmrName, form: Form, packet: Buffer): Frame[] =>
  (packet.readUInt8(1) & 0x7f) === PAYLOAD_TYPE ? unpack(name, form, packet.subarray(12)) : [];

const everything = (): boolean => true;
const nothingButSpeech = ({ type }: Frame): boolean => type < 8;

/** One call for each codec, both at once; calls are shared by the proofs. */
const held = new Map<string, Promise<Mirrored[]>>();
function inBoth(dtx: boolean, keeps: (frame: Frame) => boolean): Promise<Mirrored[]> {
  const key = `${dtx} ${keeps.name}`;
  const made = held.get(key) ?? Promise.all(NAMES.map((name) => mirrored(name, dtx, keeps)));
  held.set(key, made);
  return made;
}

const FIRST_UPDATE = 3;
const UPDATE = 8;

/** Silence descriptions where the recommendations have them, and no packets but those. */
async function descriptions(dtx: boolean): Promise<void> {
  for (const [index, { call }] of (await inBoth(dtx, everything)).entries()) {
    const name = NAMES[index] ?? 'AMR';
    const sent = call.capture.packets(
      `rtp.p_type == ${PAYLOAD_TYPE} && udp.dstport == ${call.port}`,
      FIELDS,
      tsharkForm('bandwidth-efficient'),
    );
    assert.equal(
      sent.filter((packet) => packet['_ws.expert']),
      [],
      'what tshark complains of',
    );
    const last = sent.findLastIndex((packet) => (types(packet)[0] ?? NO_DATA) < silenceType(name));
    const silence = sent.slice(last + 1);
    assert.ok(last > 30 && silence.length >= 15, `${name}: ${last} packets, then ${silence.length}`);
    assert.ok(
      silence.every((packet) => types(packet).join() === String(silenceType(name))),
      `${name}: ${silence.map((packet) => types(packet))}`,
    );
    const steps = silence.map((packet, at) => {
      const before = silence[at - 1] ?? sent[last];
      assert.is((number(packet, 'rtp.seq') - number(before, 'rtp.seq') + 65_536) % 65_536, 1);
      const ticks = (number(packet, 'rtp.timestamp') - number(before, 'rtp.timestamp') + 2 ** 32) % 2 ** 32;
      return ticks / AMR[name].samplesPerFrame;
    });
    // SID_FIRST follows speech, SID_UPDATE comes three frames later, then every eighth frame (26.093, 26.193 5.1.2).
    assert.equal(steps, [1, FIRST_UPDATE, ...steps.slice(2).map(() => UPDATE)], name);
  }
}

test.proof('[MD-2.4.3i] silence: a description every 8 frames, no packets between', {
  peers: ['tshark', 'SIPp'],
  timeoutMs: 90_000,
  run: () => descriptions(true),
  control: () => descriptions(false),
});

const SLICE = 0.1;
const slices = (pcm: Pcm, from: number, to: number): Pcm[] => {
  const parts: Pcm[] = [];
  for (let at = from; at + SLICE <= to; at += SLICE) parts.push(cut(pcm, at, at + SLICE));
  return parts;
};

/** The tone is heard, and after it a noise that is neither speech nor nothing, in every tenth of a second. */
async function comfortNoise(keeps: (frame: Frame) => boolean): Promise<void> {
  for (const [index, { heard }] of (await inBoth(true, keeps)).entries()) {
    const name = NAMES[index];
    const pcm = readWav(heard);
    const all = slices(pcm, 0, pcm.samples.length / pcm.rate);
    const end = (all.findLastIndex((part) => levelAt(part, TONE) > -20) + 1) * SLICE;
    assert.ok(end > 0.5, `${name}: no speech heard`);
    const quiet = slices(pcm, end + 1, end + 3).map((part) => Math.round(level(part)));
    assert.ok(quiet.length >= 18, `${name}: ${quiet.length} slices`);
    assert.ok(
      quiet.every((decibels) => decibels > -75 && decibels < -30),
      `${name}: ${quiet} dB`,
    );
  }
}

test.proof('[MD-2.4.3i] a far end that falls silent: comfort noise, not nothing', {
  peers: ['SIPp'],
  timeoutMs: 90_000,
  run: () => comfortNoise(everything),
  control: () => comfortNoise(nothingButSpeech),
});

/** Frames a packet: what the far end asks for by ptime, and what it sends itself. */
const ASKED = 3;
const SENT = 6;

async function handfuls(name: AmrName, form: Form, packedAs: Form): Promise<void> {
  const key = `${name}-${form}-${packedAs}`;
  const heard = folder.file(`${key}.wav`);
  const settings = { codecs: [name], capture: `tone:${TONE}`, playback: `file:${heard}` };
  const ptime = [`a=ptime:${ASKED * 20}`, 'a=maxptime:240'];
  const call = await farCall(folder.file(`${key}.pcapng`), settings, line(name, form, ptime), (far) =>
    sendBack(far, name, form, packedAs),
  );
  const packets = call.capture.packets(
    `rtp.p_type == ${PAYLOAD_TYPE} && udp.port == ${call.port}`,
    FIELDS,
    tsharkForm(form),
  );
  const ours = packets.filter((packet) => number(packet, 'udp.dstport') === call.port);
  const theirs = packets.filter((packet) => number(packet, 'udp.dstport') !== call.port);
  assert.ok(ours.length >= 40 && theirs.length >= 20, `${ours.length} and ${theirs.length} packets`);
  assert.equal(
    packets.filter((packet) => packet['_ws.expert']),
    [],
    'what tshark complains of',
  );
  assert.ok(ours.every((packet) => types(packet).length === ASKED));
  assert.ok(theirs.every((packet) => types(packet).length === SENT));
  const [first, last] = [ours[0], ours.at(-1)];
  const ticks = number(last, 'rtp.timestamp') - number(first, 'rtp.timestamp');
  assert.is(ticks, (ours.length - 1) * ASKED * AMR[name].samplesPerFrame);
  const seconds = await hearTone(heard, TONE, 2);
  assert.ok(seconds >= 2, `${seconds} s of tone played`);
}

/** Two packets become one, every tenth with a NO_DATA frame in it: one that the far end has lost itself. */
async function sendBack({ onRtp, send }: Far, name: AmrName, form: Form, packedAs: Form): Promise<void> {
  let waiting: Frame[] = [];
  let count = 0;
  onRtp((packet) => {
    waiting.push(...speechIn(name, form, packet));
    if (waiting.length < SENT) return;
    const frames = count % 10 === 9 ? waiting.with(-2, { type: NO_DATA, bits: '' }) : waiting;
    send(rtp(PAYLOAD_TYPE, count, count * SENT * AMR[name].samplesPerFrame, pack(packedAs, frames)));
    waiting = [];
    count += 1;
  });
  await wait(3200);
}

test.proof('[MD-2.4.3d] several frames a packet both ways, NO_DATA among them, in both forms', {
  peers: ['tshark', 'SIPp'],
  timeoutMs: 90_000,
  run: async () => {
    await Promise.all([
      handfuls('AMR', 'octet-aligned', 'octet-aligned'),
      handfuls('AMR-WB', 'bandwidth-efficient', 'bandwidth-efficient'),
    ]);
  },
  control: () => handfuls('AMR-WB', 'bandwidth-efficient', 'octet-aligned'),
});

test.run();
