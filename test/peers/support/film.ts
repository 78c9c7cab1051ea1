// Films: made by ffmpeg (x264), cut into RTP by ffmpeg, decoded by ffmpeg. None of it is ours.
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import * as assert from 'uvu/assert';

export interface FilmOptions {
  /** A source of ffmpeg's lavfi without size and rate. Default: colour bars. */
  readonly picture?: string;
  /** A whole graph of lavfi instead, with size and rate. */
  readonly graph?: string;
  /** Default 320x240. */
  readonly size?: string;
  readonly rate?: number;
  readonly frames?: number;
  /** Frames from one key frame to the next. */
  readonly every?: number;
  /** Default 1.2. */
  readonly level?: string;
  /** Slices no longer than this: what packetisation mode 0 needs. */
  readonly sliceOctets?: number;
  readonly bitrate?: string;
}

export const RATE = 25;

/** Annex B, constrained baseline, sets before each key frame. */
export function makeFilm(path: string, options: FilmOptions = {}): string {
  const { picture = 'smptebars', size = '320x240', rate = RATE, frames = 50, every = 25 } = options;
  const joint = picture.includes('=') ? ':' : '=';
  const slices = options.sliceOctets ? `slice-max-size=${options.sliceOctets}` : 'slices=1';
  const made = spawnSync('ffmpeg', [
    ...[
      '-v',
      'error',
      '-y',
      '-f',
      'lavfi',
      '-i',
      options.graph ?? `${picture}${joint}size=${size}:rate=${rate}`,
    ],
    ...['-frames:v', String(frames), '-c:v', 'libx264', '-profile:v', 'baseline', '-preset', 'ultrafast'],
    ...['-level', options.level ?? '1.2', '-tune', 'zerolatency', '-bf', '0', '-g', String(every)],
    ...(options.bitrate ? ['-b:v', options.bitrate, '-maxrate', options.bitrate, '-bufsize', '100k'] : []),
    ...['-x264-params', `${slices}:repeat-headers=1:scenecut=0`, '-pix_fmt', 'yuv420p', '-f', 'h264', path],
  ]);
  assert.is(made.status, 0, String(made.stderr));
  return path;
}

const isRtcp = (datagram: Buffer): boolean => (datagram[1] ?? 0) >= 192 && (datagram[1] ?? 0) <= 223;

export interface PacketOptions {
  readonly mode?: 0 | 1;
  readonly payloadType?: number;
  readonly octets?: number;
}

/** A film as ffmpeg's RTP packets, all at once. */
export async function packetsOf(film: string, options: PacketOptions = {}): Promise<Buffer[]> {
  const { mode = 1, payloadType = 104, octets = 1200 } = options;
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 22 }).bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const packets: Buffer[] = [];
  socket.on('message', (bytes) => {
    if (!isRtcp(bytes)) packets.push(Buffer.from(bytes));
  });
  const flags = mode === 0 ? ['-rtpflags', 'h264_mode0'] : [];
  const target = `rtp://127.0.0.1:${socket.address().port}?pkt_size=${octets}`;
  const words = ['-v', 'error', '-i', film, '-c', 'copy', ...flags, '-payload_type', String(payloadType)];
  const child = spawn('ffmpeg', [...words, '-f', 'rtp', target], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [status] = await once(child, 'exit');
  assert.is(status, 0);
  await new Promise((done) => setTimeout(done, 30)); // what the kernel still holds
  socket.close();
  return packets;
}

export interface Decoded {
  /** MD5 of each picture. */
  readonly pictures: readonly string[];
  readonly complaints: string;
}

const decodedFrom = (input: readonly string[], bytes?: Buffer): Decoded => {
  const run = spawnSync(
    'ffmpeg',
    ['-v', 'warning', ...input, '-fps_mode', 'passthrough', '-f', 'framemd5', '-'],
    {
      ...(bytes ? { input: bytes } : {}),
      encoding: 'latin1',
      maxBuffer: 2 ** 28,
    },
  );
  const rows = run.stdout.split('\n').filter((line) => /^\d/.test(line));
  return { pictures: rows.map((row) => (row.split(',').at(-1) ?? '').trim()), complaints: run.stderr };
};

/** Every picture that ffmpeg can decode. */
export const decode = (film: string | Buffer): Decoded =>
  typeof film === 'string'
    ? decodedFrom(['-f', 'h264', '-i', film])
    : decodedFrom(['-f', 'h264', '-i', '-'], film);

/** Red, green and blue in the middle of a picture's tiles, row by row. */
export function tiles(film: string, columns: number, rows = 1, at = 0): readonly (readonly number[])[] {
  const scale = `select=eq(n\\,${at}),scale=${columns}:${rows}:flags=area`;
  const run = spawnSync(
    'ffmpeg',
    [
      '-v',
      'error',
      '-f',
      'h264',
      '-i',
      film,
      '-vf',
      scale,
      '-frames:v',
      '1',
      '-pix_fmt',
      'rgb24',
      '-f',
      'rawvideo',
      '-',
    ],
    { maxBuffer: 2 ** 24 },
  );
  const bytes = [...run.stdout];
  return Array.from({ length: bytes.length / 3 }, (_, index) => bytes.slice(index * 3, index * 3 + 3));
}

/** The first octet behind the RTP header: NAL unit header (RFC 6184 1.3). Header extensions are stepped over. */
export function payloadOf(packet: Buffer): Buffer {
  const first = packet.readUInt8(0);
  const fixed = 12 + 4 * (first & 15);
  const extension = (first & 0x10) === 0 ? 0 : 4 + 4 * packet.readUInt16BE(fixed + 2);
  return packet.subarray(fixed + extension);
}

export const NAL = { slice: 1, idr: 5, sei: 6, sps: 7, pps: 8, aggregate: 24, fragment: 28 } as const;
export const nalOf = (packet: Buffer): number => (payloadOf(packet)[0] ?? 0) & 31;
/** What a packet holds: types inside an aggregate, the fragmented type of a fragment. */
export function typesIn(packet: Buffer): number[] {
  const payload = payloadOf(packet);
  const type = (payload[0] ?? 0) & 31;
  if (type === NAL.fragment) return [(payload[1] ?? 0) & 31];
  if (type !== NAL.aggregate) return [type];
  const types: number[] = [];
  for (let at = 1; at + 2 < payload.length; at += 2 + payload.readUInt16BE(at))
    types.push((payload[at + 2] ?? 0) & 31);
  return types;
}

/** RTP packets back to Annex B, without any check: what is missing is missing. */
export function annexB(packets: readonly Buffer[]): Buffer {
  const start = Buffer.from([0, 0, 0, 1]);
  const parts: Buffer[] = [];
  for (const packet of packets) {
    const payload = payloadOf(packet);
    const head = payload[0] ?? 0;
    const type = head & 31;
    if (type === NAL.fragment) {
      const sub = payload[1] ?? 0;
      if ((sub & 0x80) !== 0) parts.push(start, Buffer.from([(head & 0xe0) | (sub & 31)]));
      parts.push(payload.subarray(2));
    } else if (type === NAL.aggregate) {
      for (let at = 1; at + 2 < payload.length; at += 2 + payload.readUInt16BE(at))
        parts.push(start, payload.subarray(at + 2, at + 2 + payload.readUInt16BE(at)));
    } else if (type > 0 && type < NAL.aggregate) parts.push(start, payload);
  }
  return Buffer.concat(parts);
}
