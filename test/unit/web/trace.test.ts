import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { ladder } from '#src/web/trace/ladder.ts';
import { pcap } from '#src/web/trace/pcap.ts';
import { type TraceEntry, TraceRing } from '#src/web/trace/ring.ts';
import { suite } from '#test/support/suite.ts';
import { call, Rig, TOKEN } from './rig.ts';

const test = suite('web/trace');

const message = (callId: string, more = ''): Buffer =>
  Buffer.from(
    `OPTIONS sip:b@op.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\nFrom: <sip:a@op.example>;tag=1\r\nTo: <sip:b@op.example>\r\nCall-ID: ${callId}\r\nCSeq: 1 OPTIONS\r\n${more}Content-Length: 0\r\n\r\n`,
  );

const entry = (callId: string, more: Partial<Omit<TraceEntry, 'at'>> = {}): Omit<TraceEntry, 'at'> => ({
  direction: 'out',
  transport: 'udp',
  local: { host: '127.0.0.1', port: 5060 },
  remote: { host: '127.0.0.2', port: 5070 },
  callId,
  summary: 'OPTIONS',
  cseq: '1 OPTIONS',
  bytes: message(callId),
  ...more,
});

const ring = (limits?: { entries: number; octets: number }): TraceRing =>
  new TraceRing(new VirtualClock(new Date('2020-02-03T04:05:06.789Z')), limits);

test('the ladder has a line for each message', () => {
  const trace = ring();
  trace.add(entry('a'));
  trace.add(entry('a', { direction: 'in', summary: '200 O\x1bK', transport: 'tcp' }));
  const lines = ladder(trace.list()).trimEnd().split('\n');
  assert.match(
    lines[0] ?? '',
    /^04:05:06\.789 127\.0\.0\.1:5060 +-+ OPTIONS -+> 127\.0\.0\.2:5070 +udp \(1 OPTIONS\) a$/,
  );
  assert.match(lines[1] ?? '', /<-+ 200 O\?K -+ .* tcp /);
});

test('it is bounded in entries and octets', () => {
  const few = ring({ entries: 2, octets: 1e6 });
  for (const id of ['a', 'b', 'c']) few.add(entry(id));
  assert.equal(
    few.list().map(({ callId }) => callId),
    ['b', 'c'],
  );
  const small = ring({ entries: 100, octets: 500 });
  for (const id of ['a', 'b', 'c']) small.add(entry(id));
  assert.ok(small.list().length < 3);
});

test('no secret is kept', () => {
  const trace = ring();
  const bytes = message(
    'a',
    'Authorization: Digest username="u", response="0123456789abcdef"\r\nX: a=crypto:1 AES inline:QUJD\r\n',
  );
  trace.add(entry('a', { bytes }));
  const kept = trace.list()[0]?.bytes.toString() ?? '';
  assert.is(kept.length, bytes.length);
  assert.not.match(kept, /0123456789abcdef|QUJD/);
  assert.match(kept, /username="u", response="x{16}"/);
});

test('tshark reads the packet file', { peers: ['tshark'] }, () => {
  const trace = ring();
  trace.add(entry('four'));
  trace.add(
    entry('six', {
      direction: 'in',
      local: { host: '::1', port: 5060 },
      remote: { host: 'fe80::1:2%eth0', port: 40000 },
    }),
  );
  trace.add(
    entry('mixed', { local: { host: '::ffff:127.0.0.1', port: 5060 }, remote: { host: '::2', port: 5061 } }),
  );
  const long = Buffer.concat([message('long'), Buffer.alloc(80_000, 0x20)]);
  trace.add(entry('long', { bytes: long }));
  const folder = mkdtempSync(join(tmpdir(), 'tandem-pcap-'));
  const file = join(folder, 'trace.pcap');
  writeFileSync(file, pcap(trace.list()));
  const fields = [
    'frame.time_epoch',
    'ip.src',
    'ipv6.src',
    'ipv6.dst',
    'udp.srcport',
    'sip.Call-ID',
    'udp.checksum.status',
    'ip.checksum.status',
  ];
  const lines = execFileSync(
    'tshark',
    [
      '-r',
      file,
      '-o',
      'udp.check_checksum:TRUE',
      '-o',
      'ip.check_checksum:TRUE',
      '-T',
      'fields',
      '-E',
      'separator=|',
      ...fields.flatMap((name) => ['-e', name]),
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  )
    .trimEnd()
    .split('\n')
    .map((line) => line.split('|'));
  rmSync(folder, { recursive: true });
  assert.equal(
    lines.map((line) => line[5]),
    ['four', 'six', 'mixed', 'long'],
  );
  assert.match(lines[0]?.[0] ?? '', /^1580702706\.789/);
  assert.equal(lines[0]?.slice(1, 5), ['127.0.0.1', '', '', '5060']);
  assert.equal(lines[1]?.slice(1, 5), ['', 'fe80::1:2', '::1', '40000']);
  assert.equal(lines[2]?.slice(2, 4), ['::ffff:127.0.0.1', '::2']);
  // 1: good; the cut one cannot be summed.
  assert.equal(
    lines.slice(0, 3).map((line) => line[6]),
    ['1', '1', '1'],
  );
  assert.is(lines[0]?.[7], '1');
});

test('the API gives the ladder, the packet file, and those of one call', async () => {
  const rig = await Rig.start();
  rig.trace.add(entry('x@sip'));
  rig.trace.add(entry('other'));
  rig.calls.set('x', call('x'));
  const headers = { authorization: `Bearer ${TOKEN}` };
  const all = await rig.raw('GET', '/api/v1/trace', headers);
  assert.match(all.headers['content-type'] ?? '', /^text\/plain/);
  assert.is(all.text.trimEnd().split('\n').length, 2);
  const one = await rig.raw('GET', '/api/v1/trace?format=ladder&call=x', headers);
  assert.is(one.text.trimEnd().split('\n').length, 1);
  assert.is((await rig.raw('GET', '/api/v1/trace?call=none', headers)).status, 404);
  const file = await rig.raw('GET', '/api/v1/trace?format=pcap&call=x', headers);
  assert.is(file.headers['content-type'], 'application/vnd.tcpdump.pcap');
  await rig.stop();
});

test.run();
