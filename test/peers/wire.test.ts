// What really passes the wire, read by tshark: one registration and two calls through Kamailio with baresip.
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import type { CallObject } from './support/agent.ts';
import { Capture, type Packet, packets } from './support/capture.ts';
import { IMPU } from './support/configuration.ts';
import { scratch, until } from './support/process.ts';
import { withKamailio } from './support/world.ts';

const test = suite('peers/wire');

const CALLER = 'sip:+46709999999@op.example';
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Row extends CallObject {
  readonly video: boolean;
  readonly start: string;
  readonly answered?: string;
  readonly end: NonNullable<CallObject['end']> & { readonly at: string };
}

interface Recording {
  /** Of the whole run. */
  readonly pcap: string;
  /** The device's own trace of the same time. */
  readonly trace: string;
  /** Keeps what passed this Kamailio, by UDP and TCP. */
  readonly ours: string;
  /** The calls in order: in, out. */
  readonly rows: readonly Row[];
}

const only = (port: number): string => `(udp.port == ${port} || tcp.port == ${port})`;

const folder = scratch();
let recording: Promise<Recording> | undefined;
/** Recorded when the first test asks. */
const recorded = (): Promise<Recording> => (recording ??= record());
test.after(() => folder.remove());

async function record(): Promise<Recording> {
  const capture = await Capture.start(folder.file('wire.pcapng'));
  let result: Recording | undefined;
  await withKamailio({ reginfo: true, authInvite: true }, async ({ kamailio, device, softphone }) => {
    const tablet = await device('tablet', { codecs: ['PCMA', 'PCMU'] });
    await tablet.registered();
    const caller = await softphone('caller');
    caller.command('dial', IMPU);
    const incoming = await tablet.whenCall('a call', ({ state }) => state === 'ringing');
    await pause(1200);
    await tablet.act(incoming.id, 'answer');
    await caller.event('CALL_ESTABLISHED');
    await pause(2500);
    // baresip re-INVITEs twice.
    caller.command('hold');
    await until('hold', async () => (await tablet.call(incoming.id)).hold === 'remote');
    await pause(300);
    caller.command('resume');
    await until('resume', async () => (await tablet.call(incoming.id)).hold === 'none');
    await pause(3500);
    caller.command('hangup');
    await tablet.whenState(incoming.id, 'ended');

    caller.events.length = 0;
    const outgoing = await tablet.dial(CALLER);
    await caller.event('CALL_INCOMING');
    caller.command('accept');
    await tablet.whenState(outgoing.id, 'active');
    await pause(1500);
    await tablet.act(outgoing.id, 'hangup');
    await caller.event('CALL_CLOSED');

    const answer = await fetch(`${tablet.url}/api/v1/trace?format=pcap`, {
      headers: { authorization: `Bearer ${tablet.token}` },
    });
    writeFileSync(folder.file('trace.pcap'), Buffer.from(await answer.arrayBuffer()));
    // A log row is the ended call, with its times.
    const rows = (await tablet.log()).toReversed() as Row[];
    await tablet.stop();
    const ours = only(kamailio.port);
    result = { pcap: capture.path, trace: folder.file('trace.pcap'), ours, rows };
  });
  await capture.stop();
  if (!result) throw new Error('nothing recorded');
  return result;
}

const count = (path: string, filter: string): number => packets(path, filter, ['frame.number']).length;

/** Enough SIP in the file, and none of it wishes compression, nor is compressed. */
function assertClear(path: string, ours: string, atLeast: number): void {
  const messages = count(path, `${ours} && sip`);
  assert.ok(messages >= atLeast, `${messages} SIP messages`);
  assert.is(count(path, `${ours} && sigcomp`), 0);
  assert.is(count(path, `${ours} && frame matches "(?i)sigcomp"`), 0, 'sigcomp named');
}

test.proof('[MD-2.2.7] a whole capture, and the trace of the device, hold no word of compression', {
  peers: ['tshark', 'Kamailio', 'baresip'],
  timeoutMs: 60_000,
  run: async () => {
    const { pcap, trace, ours } = await recorded();
    assertClear(pcap, ours, 30);
    assertClear(trace, ours, 15);
  },
  control: async () => {
    const { pcap, ours } = await recorded();
    assertClear(await withWish(pcap, Number(ours.match(/\d+/)?.[0])), ours, 30);
  },
});

/** The capture with one more message in it, of somebody who wishes compression. */
async function withWish(pcap: string, port: number): Promise<string> {
  const capture = await Capture.start(folder.file('wish.pcapng'));
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const text = [
    'OPTIONS sip:a@127.0.0.1;comp=sigcomp SIP/2.0',
    'Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1;comp=sigcomp',
    'From: <sip:a@127.0.0.1>;tag=1',
    'To: <sip:a@127.0.0.1>',
    'Call-ID: 1',
    'CSeq: 1 OPTIONS',
    'Content-Length: 0',
  ].join('\r\n');
  socket.send(`${text}\r\n\r\n`, port, '127.0.0.1');
  await capture.stop();
  socket.close();
  const both = folder.file('both.pcapng');
  execFileSync('mergecap', ['-w', both, pcap, capture.path]);
  return both;
}

test.proof('[MD-2.2.2a1] on the wire the Contact of REGISTER holds the ICSI, escaped, and the instance', {
  peers: ['tshark', 'Kamailio'],
  timeoutMs: 60_000,
  run: () => featureTags('ims'),
  control: () => featureTags('sip'),
});

async function featureTags(profile: 'ims' | 'sip'): Promise<void> {
  const path = folder.file(`register-${profile}.pcapng`);
  const capture = await Capture.start(path);
  let ours = '';
  await withKamailio({}, async ({ kamailio, device }) => {
    ours = only(kamailio.port);
    await (await device('tablet', { profile })).registered();
  });
  await capture.stop();
  const fields = ['sip.contact.parameter', 'sip.Contact'] as const;
  const registers = packets(path, `${ours} && sip.Method == "REGISTER"`, fields);
  // The first, the one with credentials, the one that de-registers.
  assert.ok(registers.length >= 3, `${registers.length} REGISTERs`);
  for (const register of registers) {
    const tags = register[fields[0]] ?? [];
    assert.ok(
      tags.includes('+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'),
      JSON.stringify(register),
    );
    assert.ok(tags.some((tag) => /^\+sip\.instance="<urn:uuid:[0-9a-f-]{36}>"$/.test(tag)));
    assert.ok(tags.includes('audio'));
  }
}

test.proof('[MD-2.2.2a1] a device with video says so by the tag video', {
  peers: ['tshark', 'Kamailio'],
  timeoutMs: 60_000,
  run: () => videoTag(['PCMU', 'H264']),
  control: () => videoTag(['PCMU']),
});

async function videoTag(codecs: readonly string[]): Promise<void> {
  const path = folder.file(`video-${codecs.length}.pcapng`);
  const capture = await Capture.start(path);
  let ours = '';
  await withKamailio({}, async ({ kamailio, device, file }) => {
    ours = only(kamailio.port);
    const more = `[video]\nsink = "file:${file('{call}.264')}"`;
    await (await device('tablet', { profile: 'ims', codecs, more })).registered();
  });
  await capture.stop();
  const fields = ['sip.contact.parameter'] as const;
  const registers = packets(path, `${ours} && sip.Method == "REGISTER"`, fields);
  assert.ok(registers.length >= 3, `${registers.length} REGISTERs`);
  for (const register of registers)
    assert.ok(register[fields[0]]?.includes('video'), JSON.stringify(register));
}

const SIP_FIELDS = [
  'frame.time_epoch',
  'sip.Method',
  'sip.Status-Code',
  'sip.CSeq.method',
  'sip.Call-ID',
  'sip.from.addr',
  'sip.to.addr',
] as const;

/** As the owner sees a URI. */
const bare = (uri: string): string => uri.replace(/;.*/, '');
const value = (packet: Packet | undefined, field: string): string => packet?.[field]?.[0] ?? '';
const seconds = (packet: Packet | undefined): number => Number(value(packet, 'frame.time_epoch'));

/** Rows of the log beside what the wire says of the same calls: who, which way, when, how long. */
function assertLogged(rows: readonly Row[], pcap: string, ours: string): void {
  const sip = packets(pcap, `${ours} && sip`, SIP_FIELDS);
  assert.is(rows.length, 2);
  const ids = [
    ...new Set(
      sip.filter((one) => value(one, 'sip.Method') === 'INVITE').map((one) => value(one, 'sip.Call-ID')),
    ),
  ];
  assert.is(ids.length, 2);
  for (const [index, row] of rows.entries()) {
    const own = sip.filter((one) => value(one, 'sip.Call-ID') === ids[index]);
    const invite = own.find((one) => value(one, 'sip.Method') === 'INVITE');
    const ok = own.find(
      (one) => value(one, 'sip.Status-Code') === '200' && value(one, 'sip.CSeq.method') === 'INVITE',
    );
    const bye = own.find((one) => value(one, 'sip.Method') === 'BYE');
    const near = (text: string | undefined, packet: Packet | undefined, what: string): void => {
      const apart = Math.abs(Date.parse(text ?? '') / 1000 - seconds(packet));
      assert.ok(apart < 1, `${row.direction}, ${what}: ${apart} s apart`);
    };
    near(row.start, invite, 'start');
    near(row.answered, ok, 'answer');
    near(row.end.at, bye, 'end');
    const logged = (Date.parse(row.end.at) - Date.parse(row.answered ?? '')) / 1000;
    assert.ok(Math.abs(logged - (seconds(bye) - seconds(ok))) < 1, 'duration');
    const [from, to] = [bare(value(invite, 'sip.from.addr')), bare(value(invite, 'sip.to.addr'))];
    const incoming = row.direction === 'in';
    assert.equal([row.direction, row.video], [index === 0 ? 'in' : 'out', false]);
    assert.equal([row.remote.uri, row.identity], incoming ? [from, to] : [to, from]);
    assert.is(row.end.label, 'answered');
  }
}

test.proof('[MD-2.7c] rows of the log equal the wire: caller, way, identity, start, answer, end', {
  peers: ['tshark', 'Kamailio', 'baresip'],
  timeoutMs: 60_000,
  run: async () => {
    const { rows, pcap, ours } = await recorded();
    assertLogged(rows, pcap, ours);
  },
  control: async () => {
    const { rows, pcap, ours } = await recorded();
    const late = folder.file('late.pcapng');
    execFileSync('editcap', ['-t', '2', pcap, late]);
    assertLogged(rows, late, ours);
  },
});

const RTP_FIELDS = ['frame.time_epoch', 'udp.srcport', 'udp.dstport', 'rtp.ssrc'] as const;

interface Sides {
  readonly device: number;
  readonly phone: number;
  /** From the first SDP of the call to its last, seconds. */
  readonly from: number;
  readonly to: number;
}

/** The audio ports that the two sides name in all SDP of each call, in order of the calls. */
function announced({ pcap, ours }: Recording): Sides[] {
  const sip = packets(pcap, `${ours} && sip.Call-ID`, [...SIP_FIELDS, 'sdp.media.port']);
  const calls = [
    ...new Set(sip.filter((one) => value(one, 'sdp.media.port')).map((one) => value(one, 'sip.Call-ID'))),
  ];
  return calls.map((id) => {
    const own = sip.filter((one) => value(one, 'sip.Call-ID') === id);
    const named = own.map((one) => Number(value(one, 'sdp.media.port'))).filter((port) => port > 0);
    const ports = [...new Set(named)];
    // One port each, whatever was offered again; the ranges are those of the two configurations.
    assert.is(ports.length, 2, `ports in SDP: ${ports}`);
    const device = ports.find((port) => port >= 26_000 && port < 27_000) ?? 0;
    const phone = ports.find((port) => port !== device) ?? 0;
    const bye = own.find((one) => value(one, 'sip.Method') === 'BYE');
    return { device, phone, from: seconds(own[0]), to: seconds(bye) };
  });
}

/** Every RTP packet goes from the port that its sender announced to the one that the other did. */
function assertSymmetric(pcap: string, calls: readonly Sides[]): void {
  const rtp = packets(pcap, 'rtp', RTP_FIELDS);
  for (const { device, phone, from, to } of calls) {
    const during = rtp.filter((one) => seconds(one) > from && seconds(one) < to);
    const [a, b] = [String(device), String(phone)];
    const ways = during
      .map((one) => [value(one, 'udp.srcport'), value(one, 'udp.dstport')] as const)
      .filter((way) => way.includes(a) || way.includes(b));
    const count = (source: string, target: string): number =>
      ways.filter(([first, second]) => first === source && second === target).length;
    const [out, back] = [count(a, b), count(b, a)];
    assert.ok(out >= 50 && back >= 50, `${out} out, ${back} back`);
    assert.is(ways.length, out + back, 'nothing from or to another port');
  }
}

test.proof('[MD-2.9.1f1] all RTP comes from the port that its sender named in SDP, after a re-INVITE too', {
  peers: ['tshark', 'baresip'],
  timeoutMs: 60_000,
  run: async () => {
    const all = await recorded();
    assertSymmetric(all.pcap, announced(all));
    const [call] = announced(all);
    // In another call we may have offered anew, with the one codec in use.
    const reinvites = packets(
      all.pcap,
      `${all.ours} && sip.Method == "INVITE" && sip.to.tag`,
      SIP_FIELDS,
    ).filter((one) => seconds(one) > (call?.from ?? 0) && seconds(one) < (call?.to ?? 0));
    assert.ok(reinvites.length >= 2, 'hold and resume');
    const later = packets(all.pcap, `rtp && udp.srcport == ${call?.device}`, RTP_FIELDS).filter(
      (one) => seconds(one) > seconds(reinvites.at(-1)) + 1 && seconds(one) < (call?.to ?? 0),
    );
    assert.ok(later.length >= 50, `${later.length} packets after the last re-INVITE`);
  },
  control: async () => {
    const all = await recorded();
    // As if the device had named another port than it sends from.
    assertSymmetric(
      all.pcap,
      announced(all).map((call) => ({ ...call, device: call.device + 2 })),
    );
  },
});

test.proof('[MD-2.9.1g1] RTCP goes both ways between the ports above those of RTP, with a canonical name', {
  peers: ['tshark', 'baresip'],
  timeoutMs: 60_000,
  run: async () => {
    const all = await recorded();
    assertReports(all.pcap, announced(all)[0], 1);
  },
  control: async () => {
    const all = await recorded();
    assertReports(all.pcap, announced(all)[0], 3);
  },
});

function assertReports(pcap: string, call: Sides | undefined, above: number): void {
  const [device, phone] = [(call?.device ?? 0) + above, (call?.phone ?? 0) + above];
  const between = (from: number, to: number): Packet[] =>
    packets(pcap, `rtcp && udp.srcport == ${from} && udp.dstport == ${to}`, [
      'rtcp.pt',
      'rtcp.sdes.type',
      'rtcp.sdes.text',
      '_ws.expert',
    ]);
  const [out, back] = [between(device, phone), between(phone, device)];
  assert.ok(out.length >= 1, `${out.length} RTCP packets of the device`);
  assert.ok(back.length >= 1, `${back.length} RTCP packets of baresip`);
  for (const report of out) {
    // A report first, then the description whose first item is the CNAME (RFC 3550 6.1).
    assert.match(value(report, 'rtcp.pt'), /^20[01]$/);
    assert.is(value(report, 'rtcp.sdes.type'), '1');
    assert.ok(value(report, 'rtcp.sdes.text').length > 0, JSON.stringify(report));
    assert.not.ok(report['_ws.expert'], JSON.stringify(report));
  }
}

test.run();
