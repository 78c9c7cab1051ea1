// H.264 on its way in: our inspector and depacketiser beside libavcodec's parser, and the passes over memory that nothing can beat.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeNative } from '#test/support/native.ts';
import { type BenchLine, benchLine } from './line.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = join(root, 'build/bench');

interface Measured {
  readonly what: 'inspector' | 'depacketiser' | 'libavcodec' | 'memchr' | 'memcpy';
  readonly mb_per_s: number;
  readonly ns_each: number;
  readonly things: number;
}

/** Eight seconds of 640x480 at 30 frames a second and 1.5 Mbit/s, as a call has it. */
function makeStream(): string {
  const file = join(folder, 'nal.h264');
  if (existsSync(file)) return file;
  const input = ['-f', 'lavfi', '-i', 'testsrc2=size=640x480:rate=30', '-t', '8', '-pix_fmt', 'yuv420p'];
  const coding = ['-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-b:v', '1500k'];
  const form = ['-x264-params', 'keyint=60:slices=1'];
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...input, ...coding, ...form, file]);
  return file;
}

/** With libavcodec as peer where its headers are installed. */
function buildProbe(): string {
  const built = makeNative('media');
  if (!built.ok) throw new Error(built.output);
  const program = join(folder, 'nal_probe');
  const peer = spawnSync('pkg-config', ['--exists', 'libavcodec']).status === 0;
  const headers = ['-iquote', join(root, 'native/media'), '-iquote', join(root, 'native/video')];
  execFileSync('cc', [
    '-std=gnu11',
    '-O2',
    '-Wall',
    '-Wextra',
    ...headers,
    ...(peer ? ['-DWITH_LIBAVCODEC'] : []),
    '-o',
    program,
    join(root, 'native/bench/nal_probe.c'),
    join(root, 'build/native/release/libtm_media.a'),
    ...(peer ? ['-lavcodec', '-lavutil'] : []),
  ]);
  return program;
}

export async function run(): Promise<readonly BenchLine[]> {
  mkdirSync(folder, { recursive: true });
  const output = execFileSync(buildProbe(), [makeStream()], { encoding: 'utf8' });
  const seen: Measured[] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const rate = (what: Measured['what']): number | null =>
    seen.find((one) => one.what === what)?.mb_per_s ?? null;
  const packet = seen.find((one) => one.what === 'depacketiser')?.ns_each ?? null;
  const line = (metric: string, ours: number | null, limit: Measured['what']): BenchLine =>
    benchLine({
      bench: 'nal',
      metric,
      unit: 'MB/s',
      better: 'higher',
      ours,
      peer: rate('libavcodec'),
      peer_name: rate('libavcodec') === null ? null : 'libavcodec parser',
      limit: rate(limit),
      limit_name: limit,
      goal: 'faster than the peer',
      met: ours === null || rate('libavcodec') === null ? null : ours > (rate('libavcodec') ?? 0),
    });
  return [
    line('inspector', rate('inspector'), 'memchr'),
    line('depacketiser and inspector', rate('depacketiser'), 'memcpy'),
    benchLine({
      bench: 'nal',
      metric: 'depacketiser and inspector, a packet',
      unit: 'ns',
      better: 'lower',
      ours: packet,
    }),
  ];
}
