// Pacing: how late RTP packets leave, seen by a receiver with kernel timestamps, while the JavaScript thread is busy; beside it, at the
// same time, a bare C loop (clock_nanosleep, SCHED_FIFO) with as many streams.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { silentLogger } from '#src/base/log.ts';
import { MediaEngine } from '#src/media/engine.ts';
import { makeFilm } from '#test/peers/support/film.ts';
import { scratch } from '#test/peers/support/process.ts';
import { type BenchLine, benchLine, median } from './line.ts';

const STREAM_COUNTS = [1, 10, 100];
/** With SRTP and a video call beside them. */
const SECURE_COUNTS = [1, 10];
const RUNS = 5;
const SECONDS = 3;
const GOAL_US = 100;
/** One burst of work of the JavaScript thread; timers and events wait that long, as in a busy agent. */
const BURST_MS = 20;
const LOCAL = '127.0.0.1';

const root = resolve(import.meta.dirname, '../..');

interface Seen {
  readonly who: 'ours' | 'loop';
  readonly streams: number;
  readonly packets: number;
  readonly fifo: boolean;
  readonly p50_us: number;
  readonly p99_us: number;
  readonly max_us: number;
}

function buildProbe(): string {
  const folder = join(root, 'build/bench');
  const probe = join(folder, 'pacing_probe');
  mkdirSync(folder, { recursive: true });
  const source = join(root, 'native/bench/pacing_probe.c');
  execFileSync('cc', ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-pthread', '-o', probe, source]);
  return probe;
}

/** Keeps the JavaScript thread busy until told to stop; what it computes is of the kind an agent computes. */
function load(): () => void {
  const text = JSON.stringify(Array.from({ length: 2000 }, (_, id) => ({ id, name: `entry ${id}` })));
  let busy = true;
  const burst = (): void => {
    for (const end = performance.now() + BURST_MS; performance.now() < end; ) JSON.parse(text);
    if (busy) setImmediate(burst);
  };
  setImmediate(burst);
  return () => {
    busy = false;
  };
}

/** SRTP on each stream, and a video call beside them. */
interface Besides {
  readonly film: string;
}
const SUITE = 'AES_CM_128_HMAC_SHA1_80';
const KEYS = {
  send: { suite: SUITE, key: Buffer.alloc(30, 1) },
  receive: { suite: SUITE, key: Buffer.alloc(30, 2) },
} as const;

/** A film under SRTP to a port that nobody reads. */
function showFilm(engine: MediaEngine, film: string, port: number): void {
  const video = engine.openVideo({ address: LOCAL, ports: { from: 0, to: 0 } });
  video.attach({ capture: `file:${film}` });
  video.configure({
    remote: { address: LOCAL, port },
    codec: {
      payloadType: 104,
      packetizationMode: 1,
      sendProfileLevelId: '42e01f',
      receiveProfileLevelId: '42e01f',
      spropParameterSets: [],
    },
    feedback: { nack: true, pli: true, fir: true, tmmbr: true, rsize: false, trrIntMs: 0 },
    ...{ avpf: true, firAlways: false, send: true, receive: false, rtcp: { enabled: false } },
    ...{ cname: 'bench@localhost', srtp: KEYS },
  });
}

/** One run: `count` streams and the loop, `SECONDS` long. */
async function measure(
  probe: string,
  count: number,
  besides?: Besides,
): Promise<{ readonly ours: Seen; readonly loop: Seen }> {
  const child = spawn(probe, [String(count), String(SECONDS)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((done, failed) => {
    child.once('error', failed);
    child.once('exit', (code) =>
      code === 0 ? done() : failed(new Error(`pacing_probe ended with ${code}`)),
    );
  });
  const engine = MediaEngine.open({ log: silentLogger() });
  const seen: Seen[] = [];
  let stop = (): void => undefined;
  const lines = createInterface(child.stdout);
  lines.on('line', (line) => {
    if (!line.startsWith('ports ')) {
      seen.push(JSON.parse(line));
      return;
    }
    const [port = 0, , rtcpPort = 0] = line.split(' ').slice(1).map(Number);
    for (let i = 0; i < count; i += 1) {
      const stream = engine.openStream({
        address: LOCAL,
        ports: { from: 0, to: 0 },
        capture: 'tone:440',
        playback: 'null',
      });
      stream.configure({
        remote: { address: LOCAL, port, rtcpPort },
        codec: { name: 'PCMU', payloadType: 0, clockRate: 8000 },
        ptimeMs: 20,
        send: true,
        receive: true,
        cname: 'bench@localhost',
        ...(besides && { srtp: KEYS }),
      });
    }
    if (besides) showFilm(engine, besides.film, rtcpPort);
    stop = load();
  });
  const read = new Promise<void>((done) => lines.once('close', done));
  try {
    await Promise.all([ended, read]);
  } finally {
    stop();
    await engine.close();
  }
  const ours = seen.find(({ who }) => who === 'ours');
  const loop = seen.find(({ who }) => who === 'loop');
  if (!ours || !loop || ours.streams !== count) throw new Error(`pacing_probe saw ${JSON.stringify(seen)}`);
  return { ours, loop };
}

/** Median of RUNS runs. */
async function lineOf(probe: string, count: number, metric: string, besides?: Besides): Promise<BenchLine> {
  const runs: { readonly ours: Seen; readonly loop: Seen }[] = [];
  for (let i = 0; i < RUNS; i += 1) runs.push(await measure(probe, count, besides));
  const behind = median(runs.map(({ ours, loop }) => ours.p99_us - loop.p99_us));
  return benchLine({
    ...{ bench: 'pacing', metric, unit: 'us', better: 'lower' },
    ours: median(runs.map(({ ours }) => ours.p99_us)),
    limit: median(runs.map(({ loop }) => loop.p99_us)),
    limit_name: 'bare C loop',
    goal: `within ${GOAL_US} us of the loop`,
    met: behind <= GOAL_US,
  });
}

const counted = (count: number): string => `${count} ${count === 1 ? 'stream' : 'streams'}`;

export async function runPacing(): Promise<BenchLine[]> {
  const probe = buildProbe();
  const folder = scratch();
  const lines: BenchLine[] = [];
  try {
    for (const count of STREAM_COUNTS)
      lines.push(await lineOf(probe, count, `p99 lateness, ${counted(count)}, JS busy`));
    const film = makeFilm(folder.file('film.264'), { size: '640x480', level: '3.1', frames: 100, rate: 30 });
    for (const count of SECURE_COUNTS)
      lines.push(
        await lineOf(probe, count, `p99 lateness, ${counted(count)}, SRTP and a video call on, JS busy`, {
          film,
        }),
      );
  } finally {
    folder.remove();
  }
  return lines;
}

export const run = runPacing;
