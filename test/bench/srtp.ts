// SRTP of one packet of 160 octets: ours beside werift's, and what libsrtp2 alone and OpenSSL's bare primitives need.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RtpHeader, SrtpSession } from 'werift-rtp';
import { makeNative } from '#test/support/native.ts';
import { type BenchLine, benchLine, median } from './line.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = join(root, 'build/bench');

interface Measured {
  readonly what: 'tm_srtp' | 'libsrtp2' | 'OpenSSL';
  readonly suite: string;
  readonly way: 'protect' | 'open';
  readonly ns: number;
}

/** Numbers of RFC 5764 4.1.2 and RFC 7714 14.2 for the suites that werift has. */
const SUITES = [
  { name: 'AES_CM_128_HMAC_SHA1_80', profile: 1, salt: 14 },
  { name: 'AEAD_AES_128_GCM', profile: 7, salt: 12 },
] as const;

function probe(): Measured[] {
  mkdirSync(folder, { recursive: true });
  const built = makeNative('media');
  if (!built.ok) throw new Error(built.output);
  const program = join(folder, 'srtp_probe');
  const bare = spawnSync('pkg-config', ['--exists', 'libcrypto']).status === 0;
  execFileSync('cc', [
    ...['-std=gnu11', '-O2', '-Wall', '-Wextra', '-iquote', join(root, 'native/media')],
    ...(bare ? ['-DWITH_OPENSSL'] : []),
    ...[
      '-o',
      program,
      join(root, 'native/bench/srtp_probe.c'),
      join(root, 'build/native/release/libtm_media.a'),
    ],
    ...['-lsrtp2', '-pthread', ...(bare ? ['-lcrypto'] : [])],
  ]);
  const output = execFileSync(program, { encoding: 'utf8' });
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const ROUNDS = 15;
const PACKETS = 2000;
const WARM_UP = 3;

function werift({ profile, salt }: (typeof SUITES)[number]): {
  readonly protect: number;
  readonly open: number;
} {
  const key = Buffer.alloc(16, 1);
  const keys = {
    localMasterKey: key,
    localMasterSalt: Buffer.alloc(salt, 2),
    remoteMasterKey: key,
    remoteMasterSalt: Buffer.alloc(salt, 2),
  };
  const session = new SrtpSession({ keys, profile });
  const payload = Buffer.alloc(160, 0xd5);
  const there: number[] = [];
  const back: number[] = [];
  let sequence = 0;
  for (let round = 0; round < ROUNDS + WARM_UP; round += 1) {
    const headers = Array.from(
      { length: PACKETS },
      () => new RtpHeader({ payloadType: 8, ssrc: 1, sequenceNumber: sequence++ % 65_536, timestamp: 160 }),
    );
    const start = process.hrtime.bigint();
    const packets = headers.map((header) => session.encrypt(payload, header));
    const middle = process.hrtime.bigint();
    for (const packet of packets) session.decrypt(packet);
    const end = process.hrtime.bigint();
    if (round < WARM_UP) continue;
    there.push(Number(middle - start) / PACKETS);
    back.push(Number(end - middle) / PACKETS);
  }
  return { protect: median(there), open: median(back) };
}

const microseconds = (ns: number | undefined): number | null => (ns === undefined ? null : ns / 1000);

export async function run(): Promise<readonly BenchLine[]> {
  const measured = probe();
  const find = (what: Measured['what'], suite: string, way: Measured['way']): number | null =>
    microseconds(measured.find((one) => one.what === what && one.suite === suite && one.way === way)?.ns);
  return SUITES.flatMap((suite) => {
    const peer = werift(suite);
    const line = (way: Measured['way'], limit: 'libsrtp2' | 'OpenSSL'): BenchLine =>
      benchLine({
        bench: 'srtp',
        metric: `${suite.name}, ${way}`,
        unit: 'us/packet',
        better: 'lower',
        ours: find('tm_srtp', suite.name, way),
        peer: microseconds(peer[way]),
        peer_name: 'werift',
        limit: find(limit, suite.name, limit === 'OpenSSL' ? 'protect' : way),
        limit_name: limit === 'OpenSSL' ? 'OpenSSL, bare' : 'libsrtp2 alone',
      });
    return [line('protect', 'libsrtp2'), line('protect', 'OpenSSL'), line('open', 'libsrtp2')];
  });
}
