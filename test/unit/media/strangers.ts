// Our codecs at the command line (native/test/tool/voice.c), and what ffmpeg and tshark make of the packets.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { makeNative } from '#test/support/native.ts';

export interface VoicePacket {
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payload: Buffer;
}

export type Family = 'AMR' | 'AMR-WB';
export interface AmrForm {
  readonly family: Family;
  readonly aligned: boolean;
}

const TOOL = 'build/native/release/test/tool/voice';
const MOST_OCTETS = 1 << 26;
const HEADER = 7;
let built = false;

function run(command: string, args: readonly string[], input: Buffer): Buffer {
  const done = spawnSync(command, args, { input, maxBuffer: MOST_OCTETS });
  if (done.error) throw done.error;
  assert.is(done.status, 0, `${command} ${args.join(' ')}: ${done.stderr.toString()}`);
  return done.stdout;
}

function tool(args: readonly string[], input: Buffer): Buffer {
  if (!built) {
    const made = makeNative('tools');
    assert.ok(made.ok, made.output);
    built = true;
  }
  return run(TOOL, args, input);
}

/** PCM to packets; `settings` as `key=number`, see voice.c. */
export function encode(codec: string, pcm: Buffer, ...settings: readonly string[]): VoicePacket[] {
  const octets = tool(['encode', codec, ...settings], pcm);
  const packets: VoicePacket[] = [];
  for (let at = 0; at + HEADER <= octets.length; ) {
    const length = octets.readUInt16BE(at + 5);
    const payload = octets.subarray(at + HEADER, at + HEADER + length);
    packets.push({ timestamp: octets.readUInt32BE(at), marker: octets.readUInt8(at + 4) === 1, payload });
    at += HEADER + length;
  }
  return packets;
}

export function decode(
  codec: string,
  packets: readonly VoicePacket[],
  ...settings: readonly string[]
): Buffer {
  const records = packets.map(({ timestamp, marker, payload }) => {
    const head = Buffer.alloc(HEADER);
    head.writeUInt32BE(timestamp, 0);
    head.writeUInt8(marker ? 1 : 0, 4);
    head.writeUInt16BE(payload.length, 5);
    return Buffer.concat([head, payload]);
  });
  return tool(['decode', codec, ...settings], Buffer.concat(records));
}

/** ffmpeg from standard input to standard output. */
export const ffmpeg = (before: readonly string[], after: readonly string[], input: Buffer): Buffer =>
  run('ffmpeg', ['-hide_banner', '-loglevel', 'error', ...before, '-i', 'pipe:0', ...after, 'pipe:1'], input);

export const asPcm = (format: string, hertz: number, input: Buffer): Buffer =>
  ffmpeg(['-f', format], ['-f', 's16le', '-ar', `${hertz}`, '-ac', '1'], input);

/** Words of a synthetic voice (flite). */
export const speech = (hertz: number): Buffer =>
  run(
    'ffmpeg',
    [
      ...['-hide_banner', '-loglevel', 'error', '-f', 'lavfi', '-i'],
      "flite=text='Tandem speaks with many voices. The quick brown fox jumps over the lazy dog.'",
      ...['-ar', `${hertz}`, '-ac', '1', '-f', 's16le', 'pipe:1'],
    ],
    Buffer.alloc(0),
  );

/** Noise of every level up to full scale; the same every time. */
export function noise(samples: number): Buffer {
  const pcm = Buffer.alloc(samples * 2);
  let state = 1;
  for (let at = 0; at < samples; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const loudness = Math.abs(Math.sin(at / 4000));
    pcm.writeInt16LE(Math.round(((state >>> 16) - 32_768) * loudness), at * 2);
  }
  return pcm;
}

const samplesOf = (pcm: Buffer): Int16Array =>
  Int16Array.from({ length: Math.floor(pcm.length / 2) }, (_, at) => pcm.readInt16LE(at * 2));

/** How alike two sounds are at the best shift within `most` samples: 1 the same, 0 nothing in common. */
export function likeness(one: Buffer, other: Buffer, most: number): number {
  const a = samplesOf(one);
  const b = samplesOf(other);
  const samples = Math.min(a.length, b.length) - most;
  let best = 0;
  for (let shift = 0; shift < most; shift += 1) {
    let product = 0;
    let left = 0;
    let right = 0;
    // Every third sample says as much.
    for (let at = 0; at < samples; at += 3) {
      const x = a[at] ?? 0;
      const y = b[at + shift] ?? 0;
      product += x * y;
      left += x * x;
      right += y * y;
    }
    best = Math.max(best, product / Math.sqrt(left * right || 1));
  }
  return best;
}

const RTP_PORT = 5004;
const PAYLOAD_TYPE = 96;
const RAW_IP = 101;

/** A capture file of the packets as RTP over UDP and IPv4 (the pcap format, link type 101). */
function captureFile(packets: readonly VoicePacket[]): Buffer {
  const file = Buffer.alloc(24);
  file.writeUInt32LE(0xa1b2c3d4, 0);
  file.writeUInt16LE(2, 4);
  file.writeUInt16LE(4, 6);
  file.writeUInt32LE(65_535, 16);
  file.writeUInt32LE(RAW_IP, 20);
  return Buffer.concat([
    file,
    ...packets.map(({ timestamp, marker, payload }, index) => {
      const head = Buffer.alloc(16 + 20 + 8 + 12);
      const octets = head.length - 16 + payload.length;
      head.writeUInt32LE(index, 0);
      head.writeUInt32LE(octets, 8);
      head.writeUInt32LE(octets, 12);
      head.writeUInt8(0x45, 16);
      head.writeUInt16BE(octets, 18);
      head.writeUInt8(64, 24);
      head.writeUInt8(17, 25);
      head.writeUInt32BE(0x7f000001, 28);
      head.writeUInt32BE(0x7f000001, 32);
      head.writeUInt16BE(RTP_PORT, 36);
      head.writeUInt16BE(RTP_PORT, 38);
      head.writeUInt16BE(octets - 20, 40);
      head.writeUInt8(0x80, 44);
      head.writeUInt8((marker ? 0x80 : 0) | PAYLOAD_TYPE, 45);
      head.writeUInt16BE(index, 46);
      head.writeUInt32BE(timestamp, 48);
      head.writeUInt32BE(0x5eed, 52);
      return Buffer.concat([head, payload]);
    }),
  ]);
}

export interface SeenAmr {
  readonly cmr: number;
  readonly types: readonly number[];
  readonly complaints: readonly string[];
}

/** What tshark sees in AMR packets when it is told the form. */
export function dissect({ family, aligned }: AmrForm, packets: readonly VoicePacket[]): SeenAmr[] {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-amr-'));
  const path = join(folder, 'amr.pcap');
  const band = family === 'AMR' ? 'nb' : 'wb';
  try {
    writeFileSync(path, captureFile(packets));
    const lines = run(
      'tshark',
      [
        ...['-r', path, '-d', `udp.port==${RTP_PORT},rtp`, '-d', `rtp.pt==${PAYLOAD_TYPE},amr`],
        ...['-o', `amr.encoding.version:${aligned ? 'RFC 3267 octet aligned' : 'RFC 3267 BW-efficient'}`],
        ...['-o', `amr.mode:${family === 'AMR' ? 'Narrowband AMR' : 'Wideband AMR'}`],
        ...['-T', 'fields', '-E', 'separator=;', '-e', `amr.${band}.cmr`, '-e', `amr.${band}.toc.ft`],
        ...['-e', '_ws.expert.message'],
      ],
      Buffer.alloc(0),
    ).toString();
    return lines
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [cmr = '', types = '', complaint = ''] = line.split(';');
        return {
          cmr: Number(cmr),
          types: types.split(',').filter(Boolean).map(Number),
          complaints: complaint === '' ? [] : [complaint],
        };
      });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The storage format of RFC 4867 5 from octet-aligned packets of one frame each; holes are NO_DATA. */
export function stored(family: Family, packets: readonly VoicePacket[]): Buffer {
  const ticks = family === 'AMR' ? 160 : 320;
  const frames: Buffer[] = [];
  for (const { timestamp, payload } of packets) {
    while (frames.length < timestamp / ticks) frames.push(Buffer.from([0x7c]));
    frames.push(Buffer.concat([Buffer.from([payload.readUInt8(1) & 0x7c]), payload.subarray(2)]));
  }
  return Buffer.concat([Buffer.from(family === 'AMR' ? '#!AMR\n' : '#!AMR-WB\n'), ...frames]);
}
