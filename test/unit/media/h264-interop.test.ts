// RFC 6184, RFC 4585, RFC 5104 beside strangers: ffmpeg sends to our depacketiser and decodes our packets, tshark reads both.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as assert from 'uvu/assert';
import { makeNative } from '#test/support/native.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('media/h264-interop');
const root = resolve(import.meta.dirname, '../../..');
const fixture = (name: string): string => join(root, 'native/test/fixtures', name);
const folder = mkdtempSync(join(tmpdir(), 'tandem-h264-'));
const wire = join(folder, 'h264_wire');
const LIMIT_MS = 120_000;
const DELIMITER = 9;
const LOCAL = '127.0.0.1';

test.before(() => {
  const built = makeNative('media');
  assert.ok(built.ok, built.output);
  const headers = ['-iquote', join(root, 'native/media'), '-iquote', join(root, 'native/video')];
  const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', ...headers, '-o', wire];
  const parts = ['native/test/video/h264_wire.c', 'build/native/release/libtm_media.a'];
  execFileSync('cc', [...flags, ...parts.map((part) => join(root, part))]);
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Length (2 octets) and octets, one after the other. */
const toRecords = (datagrams: readonly Buffer[]): Buffer =>
  Buffer.concat(
    datagrams.flatMap((one) => {
      const head = Buffer.alloc(2);
      head.writeUInt16BE(one.length);
      return [head, one];
    }),
  );

function fromRecords(records: Buffer): Buffer[] {
  const datagrams: Buffer[] = [];
  for (let at = 0; at < records.length; ) {
    const length = records.readUInt16BE(at);
    datagrams.push(records.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return datagrams;
}

/** NAL units of a stream as hex; start codes and trailing zeros are no part of them. */
function units(stream: Buffer, { delimiters }: { readonly delimiters: boolean }): string[] {
  const found: string[] = [];
  let from = stream.indexOf('000001', 0, 'hex');
  while (from >= 0) {
    const next = stream.indexOf('000001', from + 3, 'hex');
    let unit = stream.subarray(from + 3, next < 0 ? undefined : next);
    while (unit.length > 0 && unit.at(-1) === 0) unit = unit.subarray(0, -1);
    if (unit.length > 0 && (delimiters || ((unit[0] ?? 0) & 31) !== DELIMITER))
      found.push(unit.toString('hex'));
    from = next;
  }
  return found;
}

async function open(): Promise<{ readonly socket: Socket; readonly port: number }> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  await new Promise<void>((done, failed) => socket.once('error', failed).bind(0, LOCAL, done));
  return { socket, port: socket.address().port };
}

const isRtcp = (datagram: Buffer): boolean => (datagram[1] ?? 0) >= 192 && (datagram[1] ?? 0) <= 223;

/** What ffmpeg sends of a file, RTP only. */
async function sentByFfmpeg(file: string, flags: readonly string[], pktSize: number): Promise<Buffer[]> {
  const { socket, port } = await open();
  const datagrams: Buffer[] = [];
  socket.on('message', (message) => {
    if (!isRtcp(message)) datagrams.push(Buffer.from(message));
  });
  const target = `rtp://${LOCAL}:${port}?pkt_size=${pktSize}`;
  const words = [
    '-v',
    'error',
    '-i',
    file,
    '-c',
    'copy',
    ...flags,
    '-payload_type',
    '96',
    '-f',
    'rtp',
    target,
  ];
  const child = spawn('ffmpeg', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((done) => child.once('exit', done));
  assert.is(code, 0);
  await new Promise<void>((done) => setImmediate(() => setImmediate(done))); // what the kernel still holds
  socket.close();
  return datagrams;
}

interface Unpacked {
  readonly frames: number;
  readonly keys: number;
  readonly damaged: number;
  readonly lost: number;
  readonly singles: number;
  readonly aggregates: number;
  readonly fragments: number;
}

function unpack(datagrams: readonly Buffer[]): { readonly told: Unpacked; readonly stream: Buffer } {
  const out = join(folder, 'out.h264');
  const said = execFileSync(wire, ['unpack', out], { input: toRecords(datagrams), encoding: 'utf8' });
  return { told: JSON.parse(said), stream: readFileSync(out) };
}

const FROM_FFMPEG = [
  { mode: 0, file: 'aud-slices.h264', flags: ['-rtpflags', 'h264_mode0'], pktSize: 1400 },
  { mode: 1, file: 'aud-slices.h264', flags: [], pktSize: 1400 },
  { mode: 1, file: 'baseline.h264', flags: [], pktSize: 300 },
  { mode: 1, file: 'high.h264', flags: [], pktSize: 500 },
];

for (const { mode, file, flags, pktSize } of FROM_FFMPEG) {
  const restored = async (drop: boolean): Promise<void> => {
    const datagrams = await sentByFfmpeg(fixture(file), flags, pktSize);
    const { told, stream } = unpack(drop ? datagrams.filter((_, index) => index !== 3) : datagrams);
    const sent = units(readFileSync(fixture(file)), { delimiters: true });
    assert.equal(units(stream, { delimiters: true }), sent);
    assert.is(told.damaged, 0);
    assert.is(told.lost, 0);
    if (mode === 0) assert.equal([told.aggregates, told.fragments], [0, 0]);
    if (pktSize < 1000) assert.ok(told.fragments > 0, JSON.stringify(told));
  };
  test.proof(
    `[MD-2.4.4c] ffmpeg sends ${file} in mode ${mode}, ${pktSize} octets: restored octet for octet`,
    {
      peers: ['ffmpeg'],
      timeoutMs: LIMIT_MS,
      run: () => restored(false),
      control: () => restored(true),
    },
  );
}

function packed(file: string, mode: number, limit: number, cvoId = 0): Buffer[] {
  const words = ['pack', fixture(file), String(mode), String(limit), String(cvoId)];
  return fromRecords(execFileSync(wire, words, { maxBuffer: 1 << 24 }));
}

/** Hashes of the decoded pictures. */
const pictures = (framemd5: string): string[] =>
  framemd5
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').at(-1)?.trim() ?? '');

const decoded = (file: string): string[] =>
  pictures(
    execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-fps_mode', 'passthrough', '-f', 'framemd5', '-'], {
      encoding: 'utf8',
    }),
  );

/** Whether a UDP port is bound, by the kernel's own list. */
const bound = (port: number): boolean =>
  readFileSync('/proc/net/udp', 'utf8').includes(`:${port.toString(16).toUpperCase().padStart(4, '0')} `);

/** What ffmpeg writes of packets that it gets by RTP with nothing but this SDP. */
async function receivedByFfmpeg(datagrams: readonly Buffer[], mode: number): Promise<Buffer> {
  const { socket, port: own } = await open();
  const free = await open();
  const port = free.port - (free.port % 2);
  free.socket.close();
  const sdp = join(folder, 'in.sdp');
  const out = join(folder, 'received.h264');
  const head = ['v=0', `o=- 0 0 IN IP4 ${LOCAL}`, 's=-', `c=IN IP4 ${LOCAL}`, 't=0 0'];
  const media = [
    `m=video ${port} RTP/AVP 96`,
    'a=rtpmap:96 H264/90000',
    `a=fmtp:96 packetization-mode=${mode}`,
  ];
  writeFileSync(sdp, `${[...head, ...media].join('\r\n')}\r\n`);
  const input = ['-protocol_whitelist', 'file,udp,rtp', '-analyzeduration', '300000', '-i', sdp];
  const child = spawn('ffmpeg', ['-v', 'fatal', '-y', ...input, '-c', 'copy', '-f', 'h264', out], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise((done) => child.once('exit', done));
  try {
    while (!bound(port)) {
      assert.is(child.exitCode, null, 'ffmpeg ended early');
      await new Promise((done) => setTimeout(done, 20));
    }
    for (const datagram of datagrams) {
      await new Promise((done) => socket.send(datagram, port, LOCAL, done));
      await new Promise((done) => setTimeout(done, 2));
    }
    const bye = Buffer.from('80c900011122334481cb000111223344', 'hex');
    while (child.exitCode === null) {
      socket.send(bye, port + 1, LOCAL);
      await Promise.race([ended, new Promise((done) => setTimeout(done, 100))]);
    }
  } finally {
    child.kill('SIGKILL');
    socket.close();
  }
  assert.ok(own > 0);
  return readFileSync(out);
}

const TO_FFMPEG = [
  { mode: 0, file: 'aud-slices.h264', limit: 1400 },
  { mode: 1, file: 'aud-slices.h264', limit: 1200 },
  { mode: 1, file: 'baseline.h264', limit: 200 },
];

for (const { mode, file, limit } of TO_FFMPEG) {
  const shown = async (drop: boolean): Promise<void> => {
    const datagrams = packed(file, mode, limit);
    const stream = await receivedByFfmpeg(
      drop ? datagrams.filter((_, index) => index !== 4) : datagrams,
      mode,
    );
    const copy = join(folder, 'shown.h264');
    writeFileSync(copy, stream);
    assert.equal(decoded(copy), decoded(fixture(file)));
  };
  test.proof(
    `[MD-2.4.4c] our packets of ${file} in mode ${mode}, ${limit} octets: ffmpeg decodes every picture as it was`,
    {
      peers: ['ffmpeg'],
      timeoutMs: LIMIT_MS,
      run: () => shown(false),
      control: () => shown(true),
    },
  );
}

/** A capture of UDP datagrams for tshark: IPv4 without link layer. */
function capture(datagrams: readonly Buffer[], port: number): string {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65535, 16);
  head.writeUInt32LE(101, 20); // LINKTYPE_RAW
  const packets = datagrams.flatMap((data, index) => {
    const record = Buffer.alloc(16 + 28);
    const length = 28 + data.length;
    record.writeUInt32LE(1 + Math.floor(index / 1000), 0);
    record.writeUInt32LE((index % 1000) * 1000, 4);
    record.writeUInt32LE(length, 8);
    record.writeUInt32LE(length, 12);
    record.writeUInt8(0x45, 16);
    record.writeUInt16BE(length, 18);
    record.writeUInt8(64, 24);
    record.writeUInt8(17, 25);
    record.writeUInt32BE(0x7f000001, 28);
    record.writeUInt32BE(0x7f000001, 32);
    record.writeUInt16BE(port, 36);
    record.writeUInt16BE(port, 38);
    record.writeUInt16BE(8 + data.length, 40);
    return [record, data];
  });
  const file = join(folder, 'wire.pcap');
  writeFileSync(file, Buffer.concat([head, ...packets]));
  return file;
}

/** Fields of each packet by tshark, several of a name joined with commas. */
function dissect(datagrams: readonly Buffer[], as: 'rtp' | 'rtcp', fields: readonly string[]): string[][] {
  const port = as === 'rtp' ? 40000 : 40001;
  const words = [
    '-r',
    capture(datagrams, port),
    '-d',
    `udp.port==${port},${as}`,
    '-o',
    'h264.dynamic.payload.type:96',
  ];
  const read = spawnSync('tshark', [...words, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])], {
    encoding: 'utf8',
  });
  assert.is(read.status, 0, read.stderr);
  return read.stdout
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => line.split('\t'));
}

const FEEDBACK_FIELDS = [
  'rtcp.psfb.fmt',
  'rtcp.rtpfb.fmt',
  'rtcp.psfb.fir.fci.csn',
  'rtcp.rtpfb.nack_pid',
  'rtcp.rtpfb.tmmbr.fci.exp',
  'rtcp.rtpfb.tmmbr.fci.mantissa',
  'rtcp.rtpfb.tmmbr.fci.measuredoverhead',
  '_ws.expert.message',
  '_ws.malformed',
];
const FEEDBACK_ROWS = [
  { name: 'PLI', row: ['1', '', '', '', '', '', ''] },
  { name: 'FIR', row: ['4', '', '7', '', '', '', ''] },
  // tshark counts on behind 65535: 65537 is 1.
  { name: 'NACK', row: ['', '1', '', '65534,65535,65537,32', '', '', ''] },
  { name: 'TMMBR of 312,144 bit/s', row: ['', '3', '', '', '2', '78036', '40'] },
  { name: 'TMMBN', row: ['', '4', '', '', '2', '78036', '40'] },
  { name: 'PLI in reduced size', row: ['1', '', '', '', '', '', ''] },
];

test.proof('our feedback messages: tshark reads the fields and has no complaint', {
  peers: ['tshark'],
  timeoutMs: LIMIT_MS,
  run: () => feedbackReads((datagrams) => datagrams),
  // Each message cut by its last word: lengths no longer agree.
  control: () => feedbackReads((datagrams) => datagrams.map((one) => one.subarray(0, -4))),
});

function feedbackReads(change: (datagrams: Buffer[]) => Buffer[]): void {
  const datagrams = change(fromRecords(execFileSync(wire, ['feedback'])));
  const rows = dissect(datagrams, 'rtcp', FEEDBACK_FIELDS);
  assert.is(rows.length, FEEDBACK_ROWS.length);
  FEEDBACK_ROWS.forEach(({ name, row }, index) => {
    assert.equal(rows[index], [...row, '', ''], `${name}, and no complaint`);
  });
}

const oriented = (id: number): void => {
  const rows = dissect(packed('baseline.h264', 1, 300, 4), 'rtp', [
    'rtp.marker',
    'rtp.ext.profile',
    'rtp.ext.rfc5285.id',
    'rtp.ext.rfc5285.data',
    'h264.nal_unit_hdr',
    '_ws.malformed',
  ]);
  const extended = rows.filter((row) => row[1] !== '');
  assert.is(extended.length, 2, 'one for each key frame');
  for (const [marker, , seen, data] of extended) {
    assert.ok(marker === '1' || marker === 'True');
    assert.is(Number(seen), id);
    assert.is(data, '09'); // back camera, 90 degrees
  }
  assert.ok(rows.every((row) => row[5] === ''));
};

test.proof('orientation on the last packet of each key frame, as tshark reads it', {
  peers: ['tshark'],
  timeoutMs: LIMIT_MS,
  run: () => oriented(4),
  control: () => oriented(5),
});

test.run();
