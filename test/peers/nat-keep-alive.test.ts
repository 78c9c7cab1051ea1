// What keep-alives are for (NG.110 2.9.1): calls behind a real NAT that forgets silent bindings, and the same calls without.
// SIPp outside answers; packets that come to the house are dumpcap's and tshark's to tell. All calls run side by side.
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { statSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { sdpHead } from '#test/support/sdp-samples.ts';
import { type Proof, suite } from '#test/support/suite.ts';
import { accept, called, respond } from './scenarios/callee.ts';
import { ackRefusal, invite, reply, rings } from './scenarios/caller.ts';
import { body, expect, pause, type Step, scenario, send } from './scenarios/xml.ts';
import { Device } from './support/agent.ts';
import { pack } from './support/amr.ts';
import { Capture, type Packet, packets } from './support/capture.ts';
import { type DeviceSettings, deviceConfig } from './support/configuration.ts';
import { PCMU } from './support/far-end.ts';
import { GATEWAY, Home, INSIDE, natLack, OUTSIDE } from './support/nat.ts';
import { NatEnd } from './support/nat-end.ts';
import { freePort, Peer, scratch, until } from './support/process.ts';
import { Sipp } from './support/sipp.ts';

const test = suite('peers/nat-keep-alive');
const lack = natLack();
const folder = scratch();
test.after(() => folder.remove());

const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Seconds: what the gateway remembers, and how often we speak. */
const [TIMEOUT, KEEP] = [5, 2];
/** With the recommended interval. */
const [LONG_TIMEOUT, RECOMMENDED] = [20, 15];
const SILENCE = 3.2;
/** The first payload type of video that our device offers. */
const H264 = 104;

/** G.711 always sends; what leaves silence out is AMR-WB. `sound`: a payload. */
const SPEECH = {
  PCMU: { type: PCMU, map: 'PCMU/8000', sound: Buffer.alloc(160, 0xd5) },
  'AMR-WB': {
    type: 96,
    map: 'AMR-WB/16000/1',
    sound: pack('bandwidth-efficient', [{ type: 0, bits: '0'.repeat(132) }]),
  },
} as const;
type Speech = keyof typeof SPEECH;

type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

interface Ports {
  readonly sip: number;
  readonly audio: number;
  readonly video: number;
}
let nextPort = 40_000;
const somePorts = (): Ports => {
  nextPort += 10;
  return { sip: nextPort, audio: nextPort + 2, video: nextPort + 4 };
};

interface Described {
  readonly address?: string;
  readonly version?: number;
  readonly speech?: Speech;
  readonly audio?: Direction;
  readonly video?: Direction | 'none';
}
/** So little RTCP that its first one is some time off, but for what opens its way. */
const RARE_REPORTS = ['b=RS:40', 'b=RR:40'];

const described = (
  ports: Ports,
  { address = OUTSIDE, version = 1, speech = 'PCMU', audio = 'sendrecv', video = 'none' }: Described = {},
): string[] => [
  ...sdpHead(address, `far 1 ${version}`),
  ...[
    `m=audio ${ports.audio} RTP/AVP ${SPEECH[speech].type} 13`,
    `a=rtpmap:${SPEECH[speech].type} ${SPEECH[speech].map}`,
    `a=${audio}`,
    ...RARE_REPORTS,
  ],
  ...(video === 'none'
    ? []
    : [
        ...[`m=video ${ports.video} RTP/AVP ${H264}`, `a=rtpmap:${H264} H264/90000`],
        ...[`a=fmtp:${H264} profile-level-id=42e01f;packetization-mode=1`, `a=${video}`],
      ]),
];

/** SIPp, the called one, changes the call. */
const changes = (lines: readonly string[]): Step[] =>
  [
    ...(['INVITE', 'ACK'] as const).map((method) =>
      send([
        `${method} [$target] SIP/2.0`,
        `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-again-${method}`,
        ...[
          'From:[$to];tag=callee',
          'To:[$from]',
          'Call-ID: [call_id]',
          `CSeq: 1 ${method}`,
          'Max-Forwards: 70',
        ],
        'Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>',
        ...body(method === 'INVITE' ? lines : undefined),
      ]),
    ),
  ].flatMap((step, index) => (index === 0 ? [step, expect(100, { optional: true }), expect(200)] : [step]));

const hungUp = (): Step[] => [expect('BYE', { timeout: 100_000 }), send(reply(200))];

const numbered = (type: number, ssrc: number, count: number, payload: Buffer): Buffer[] =>
  Array.from({ length: count }, (_, at) => {
    const head = Buffer.alloc(12);
    head.writeUInt8(0x80, 0);
    head.writeUInt8(type, 1);
    head.writeUInt16BE(at, 2);
    head.writeUInt32BE(at * 160, 4);
    head.writeUInt32BE(ssrc, 8);
    return Buffer.concat([head, payload]);
  });
const LATE = 10;
const lateSound = (speech: Speech): Buffer[] =>
  numbered(SPEECH[speech].type, 0x1a7e, LATE, SPEECH[speech].sound);
/** A sender's report of nobody in particular (RFC 3550 6.4.1), and a receiver's with its name. */
const SENDER_REPORT = Buffer.from(`80c80006${'00001a7e'}${'0'.repeat(40)}`, 'hex');

/** The first picture of ffmpeg's film as RTP. */
async function picture(): Promise<Buffer[]> {
  const port = await freePort();
  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  const all: Buffer[] = [];
  socket.on('message', (packet) => all.push(packet));
  const film =
    '-v error -re -f lavfi -i testsrc=size=160x120:rate=10 -frames:v 5 -c:v libx264 -preset ultrafast';
  const more = `-pix_fmt yuv420p -profile:v baseline -payload_type ${H264} -f rtp rtp://127.0.0.1:${port}?pkt_size=1200`;
  const ffmpeg = await Peer.start('ffmpeg', [...film.split(' '), ...more.split(' ')]);
  await ffmpeg.ended();
  await wait(0.2);
  socket.close();
  return all;
}

const CAMERA = folder.file('camera.h264');
/** A film with one key frame, so that a lost one is missed. */
function film(): void {
  const made = spawnSync('ffmpeg', [
    ...'-v error -f lavfi -i testsrc=size=160x120:rate=10 -frames:v 200 -c:v libx264 -preset ultrafast'.split(
      ' ',
    ),
    ...'-pix_fmt yuv420p -profile:v baseline -g 1000 -f h264'.split(' '),
    CAMERA,
  ]);
  assert.is(made.status, 0, String(made.stderr));
}

const deviceAt = (
  home: Home,
  place: 'inside' | 'outside',
  name: string,
  settings: DeviceSettings,
): Promise<Device> => {
  const address = place === 'inside' ? INSIDE : OUTSIDE;
  const management = place === 'inside' ? home.management : home.managementOutside;
  const config = deviceConfig({
    profile: 'sip',
    impu: `sip:device@${address}`,
    listen: [`tcp:${address}:0`],
    address,
    codecs: ['PCMU', 'H264'],
    ...settings,
    more: `${settings.more ?? ''}\n[web]\nlisten = "${management}:0"\n`,
  });
  return Device.start(config, folder.file(name), undefined, home.prefix(place));
};

interface Shown {
  /** Packets from the far port that came to the house since `since` (seconds of the epoch). */
  readonly arrived: number;
  /** What the device counted of them. */
  readonly counted: number;
}
interface House {
  readonly home: Home;
  readonly capture: Capture;
}

/** Seconds: what ours and the kernel's may differ by. */
const CLOCK = 0.05;
const now = (): number => Date.now() / 1000;
const arrived: Record<string, Shown> = {};
/** Seconds in which our side is silent, and what it sends meanwhile. */
interface Silence {
  readonly port: number;
  readonly from: number;
  readonly to: number;
}
const silences = new Map<string, Silence>();
const descriptions: Record<string, number> = {};
/** Read when the capture has ended. */
const later: {
  readonly name: string;
  readonly port: number;
  readonly since: number;
  readonly counted: number;
}[] = [];

interface Scene {
  readonly name: string;
  readonly keep: number;
  readonly change?: Direction;
  readonly video?: boolean;
  /** Our side leaves silence out. Its descriptions keep the binding too: without keep-alive they are lost on the way. */
  readonly silent?: boolean;
  /** Seconds without a packet of the far end. */
  readonly silence?: number;
}

/** The device calls from behind the NAT; when all has been silent for three timeouts the far end speaks. */
async function lateWord({ home }: House, scene: Scene, film: readonly Buffer[]): Promise<void> {
  const { name, keep, change, video = false, silent = false, silence = SILENCE * TIMEOUT } = scene;
  const ports = somePorts();
  const speech: Speech = silent ? 'AMR-WB' : 'PCMU';
  const seen = folder.file(`${name}.h264`);
  const far = await NatEnd.start(home, 'outside', OUTSIDE, [
    ports.audio,
    ports.audio + 1,
    ports.video,
    ports.video + 1,
  ]);
  const device = await deviceAt(home, 'inside', name, {
    ...(silent ? { capture: 'null', codecs: ['AMR-WB'] } : {}),
    media: `keepalive_interval = ${keep}\ndtx = true`,
    more: video ? `[video]\nsink = "file:${seen}"\n` : '',
  });
  const answer = described(ports, { speech, video: video ? 'sendonly' : 'none' });
  const sipp = await Sipp.start({
    folder: folder.path,
    name,
    host: OUTSIDE,
    port: ports.sip,
    prefix: home.prefix('outside'),
    transport: 't1',
    limitSeconds: 140,
    scenario: scenario(name, [
      called(),
      ...accept({ body: answer }),
      ...(change ? [pause(1500), ...changes(described(ports, { speech, version: 2, audio: change }))] : []),
      ...hungUp(),
    ]),
  });
  try {
    const { id } = await device.dial(`sip:${name}@${OUTSIDE}:${ports.sip};transport=tcp`, { video });
    await device.whenState(id, 'active', 15_000);
    // A report of RTCP at once, when its way has been opened.
    await wait(0.3);
    const reported = now();
    far.send(ports.audio + 1, [SENDER_REPORT]);
    if (!video) await far.heard(ports.audio);
    if (silent && keep === 0) home.lose(ports.audio);
    await wait(2.2);
    later.push({ name: `${name}-rtcp`, port: ports.audio + 1, since: reported, counted: 0 });
    const from = now();
    await wait(silence);
    const since = now();
    if (silent) silences.set(name, { port: ports.audio, from, to: since });
    const before = (await device.call(id)).audio?.received ?? 0;
    if (video) far.send(ports.video, film, 10);
    else far.send(ports.audio, lateSound(speech));
    await wait(1.5);
    const counted = ((await device.call(id)).audio?.received ?? 0) - before;
    await device.act(id, 'hangup');
    const size = (): number => statSync(seen, { throwIfNoEntry: false })?.size ?? 0;
    const pictures = video ? await until('a film', size, 3000).catch(() => 0) : 0;
    later.push({ name, port: video ? ports.video : ports.audio, since, counted: video ? pictures : counted });
    await sipp.succeeded();
  } catch (error) {
    if (error instanceof Error)
      error.message += `\n${sipp.messages().slice(-3000)}\n${device.peer.output.slice(-2000)}`;
    throw error;
  } finally {
    await Promise.all([device.stop(), sipp.stop(), far.stop()]);
  }
}

const SIP_PORTS = { on: 5070, off: 5072 };

/** The device rings behind the NAT; the far end sends a report of RTCP before the answer. */
async function ringing({ home }: House, name: 'on' | 'off'): Promise<void> {
  const ports = somePorts();
  const sip = SIP_PORTS[name];
  home.forward(sip);
  const far = await NatEnd.start(home, 'outside', OUTSIDE, [ports.audio, ports.audio + 1]);
  const device = await deviceAt(home, 'inside', `ring-${name}`, {
    listen: [`tcp:${INSIDE}:${sip}`],
    media: `keepalive_interval = ${name === 'on' ? KEEP : 0}`,
  });
  const sipp = await Sipp.start({
    folder: folder.path,
    name: `ring-${name}`,
    host: OUTSIDE,
    port: ports.sip,
    target: `${GATEWAY}:${sip}`,
    prefix: home.prefix('outside'),
    transport: 't1',
    scenario: scenario(`ring-${name}`, [
      invite('far', { body: described(ports) }),
      ...rings(),
      expect(486),
      ackRefusal('far'),
    ]),
  });
  try {
    const { id } = await device.whenCall('a ringing call', ({ state }) => state === 'ringing');
    await wait(0.5);
    const since = now();
    far.send(ports.audio + 1, [SENDER_REPORT]);
    await wait(0.5);
    await device.act(id, 'reject');
    later.push({ name: `ring-${name}-rtcp`, port: ports.audio + 1, since, counted: 0 });
    await sipp.succeeded();
  } finally {
    await Promise.all([device.stop(), sipp.stop(), far.stop()]);
  }
}

const HOLE_LATE = 0.5;
/** RFC 6184: a slice of a key frame, whole or in fragments. */
const IDR = '5';
interface Opened {
  readonly port: number;
  readonly at: number;
}
const holes = new Map<string, Opened>();

/** The called one is behind the NAT and opens its hole half a second after its answer. Who sends the film: our device, or ffmpeg. */
async function lateHole({ home }: House, name: 'device' | 'ffmpeg'): Promise<void> {
  const ports = somePorts();
  const far = await NatEnd.start(home, 'inside', INSIDE, [
    ports.audio,
    ports.audio + 1,
    ports.video,
    ports.video + 1,
  ]);
  const empty = numbered(20, 0xfa2, 20, Buffer.alloc(0));
  const open = async (port: number): Promise<void> => {
    await wait(HOLE_LATE);
    holes.set(name, { port: ports.video, at: now() });
    far.send(ports.video, empty, 70, [OUTSIDE, port]);
  };
  if (name === 'ffmpeg') {
    const port = ports.video + 100;
    const to = `rtp://${GATEWAY}:${ports.video}?localrtpport=${port}&localrtcpport=${port + 1}&pkt_size=1200`;
    const args = `-re -i ${CAMERA} -c copy -payload_type ${H264} -f rtp`.split(' ');
    const ffmpeg = await home.start('outside', 'ffmpeg', [...args, to], { ready: /^SDP:/m });
    try {
      await open(port);
      await wait(4);
    } finally {
      await Promise.all([ffmpeg.stop(), far.stop()]);
    }
    return;
  }
  home.forward(ports.sip);
  const device = await deviceAt(home, 'outside', 'hole', {
    more: `[video]\ncapture = "file:${CAMERA}"\nsink = "none"\n`,
  });
  const sipp = await Sipp.start({
    folder: folder.path,
    name: 'hole',
    host: INSIDE,
    port: ports.sip,
    prefix: home.prefix('inside'),
    transport: 't1',
    scenario: scenario('hole', [
      called(),
      respond(180, { contact: `${GATEWAY}:${ports.sip}` }),
      ...accept({
        contact: `${GATEWAY}:${ports.sip}`,
        body: described(ports, { address: GATEWAY, video: 'recvonly' }),
      }),
      ...hungUp(),
    ]),
  });
  try {
    const { id } = await device.dial(`sip:hole@${GATEWAY}:${ports.sip};transport=tcp`, { video: true });
    await device.whenState(id, 'active', 15_000);
    const port = Number(sipp.messages().match(/^m=video (\d+)/m)?.[1]);
    await open(port);
    await wait(4);
    await device.act(id, 'hangup');
    await sipp.succeeded();
  } finally {
    await Promise.all([device.stop(), sipp.stop(), far.stop()]);
  }
}

const MODES: readonly Omit<Scene, 'keep'>[] = [
  { name: 'sendonly', change: 'recvonly', silent: true },
  { name: 'inactive', change: 'inactive' },
  { name: 'recvonly', change: 'sendonly' },
  { name: 'sendrecv', silent: true },
  { name: 'video', video: true },
];

const failures = new Map<string, unknown>();
const keys: Record<string, number> = {};

async function playAll(): Promise<void> {
  film();
  const first = await picture();
  const run = async (
    seconds: number,
    name: string,
    scenes: (house: House) => Record<string, Promise<void>>,
  ): Promise<void> => {
    const home = new Home(seconds);
    try {
      const path = folder.file(`${name}.pcapng`);
      const capture = await Capture.start(path, 'lan', home.prefix('inside'));
      const running = Object.entries(scenes({ home, capture }));
      await Promise.all(
        running.map(([name, scene]) => scene.catch((error: unknown) => failures.set(name, error))),
      );
      await capture.stop();
    } finally {
      home.remove();
    }
  };
  await Promise.all([
    run(TIMEOUT, 'short', (house) => ({
      ...Object.fromEntries(
        MODES.map((mode) => [
          `${mode.name}-on`,
          lateWord(house, { ...mode, name: `${mode.name}-on`, keep: KEEP }, first),
        ]),
      ),
      ...Object.fromEntries(
        MODES.map((mode) => [
          `${mode.name}-off`,
          lateWord(house, { ...mode, name: `${mode.name}-off`, keep: 0 }, first),
        ]),
      ),
      'ring-on': ringing(house, 'on'),
      'ring-off': ringing(house, 'off'),
      device: lateHole(house, 'device'),
      ffmpeg: lateHole(house, 'ffmpeg'),
    })),
    run(LONG_TIMEOUT, 'long', (house) => ({
      long: lateWord(
        house,
        { name: 'long', keep: RECOMMENDED, change: 'inactive', silence: 3 * LONG_TIMEOUT + 1 },
        first,
      ),
    })),
  ]);
  const arrivals = (house: string): Packet[] =>
    packets(folder.file(`${house}.pcapng`), `udp && ip.src == ${OUTSIDE}`, [
      'frame.time_epoch',
      'udp.srcport',
    ]);
  const [short, long] = [arrivals('short'), arrivals('long')];
  for (const { name, port, since, counted } of later) {
    const fits = (packet: Packet): boolean =>
      Number(packet['udp.srcport']?.[0]) === port && Number(packet['frame.time_epoch']?.[0]) >= since - CLOCK;
    arrived[name] = { arrived: (name.startsWith('long') ? long : short).filter(fits).length, counted };
  }
  for (const [name, { port, from, to }] of silences) {
    const filter = `ip.src == ${INSIDE} && udp.dstport == ${port} && frame.time_epoch >= ${from} && frame.time_epoch <= ${to}`;
    const sent = packets(folder.file('short.pcapng'), filter, ['frame.time_epoch']);
    descriptions[name] = sent.length / (to - from);
  }
  for (const [name, { port, at }] of holes) {
    const filter = `udp.dstport == ${port} && h264 && frame.time_epoch >= ${at - 0.1}`;
    const fields = ['frame.time_epoch', 'h264.nal_unit_type', 'h264.nal_unit_hdr'];
    const seen = packets(folder.file('short.pcapng'), filter, fields, [
      ...['-d', `udp.port==${port},rtp`, '-o', `h264.dynamic.payload.type:${H264}`],
    ]);
    const key = seen.find((packet) =>
      [packet['h264.nal_unit_hdr'], packet['h264.nal_unit_type']].flat().includes(IDR),
    );
    keys[name] = key ? Number(key['frame.time_epoch']?.[0]) - at : Number.POSITIVE_INFINITY;
    if (seen.length === 0) failures.set(name, new Error('no video came through the hole'));
  }
}
let played: Promise<void> | undefined;

const sound = (name: string): void => {
  const broken = failures.get(name);
  if (broken)
    throw new Error(`the scene ${name} broke: ${broken instanceof Error ? broken.message : broken}`);
};

const options = (
  names: readonly string[],
  { run, control, peers = [] }: Omit<Proof, 'timeoutMs'>,
): Proof => ({
  peers: ['SIPp', 'tshark', ...peers],
  timeoutMs: 200_000,
  run: async () => {
    played ??= playAll();
    await played;
    for (const name of names) sound(name);
    await run();
  },
  control,
});

const proof = (title: string, names: readonly string[], how: Omit<Proof, 'timeoutMs'>): void => {
  if (lack === undefined) test.proof(title, options(names, how));
  else test.skip(title, lack);
};

function came(name: string, least: number): void {
  const shown = arrived[name];
  if (!shown) throw new Error(`nothing known of ${name}`);
  assert.ok(shown.arrived >= least, `${name}: ${shown.arrived} packets came to the house`);
}
function comes(name: string): void {
  came(name, LATE / 2);
  assert.ok(
    (arrived[name]?.counted ?? 0) >= LATE / 2,
    `${name}: the device counted ${arrived[name]?.counted}`,
  );
}

const WORDS: Readonly<Record<string, string>> = {
  sendonly: 'a held call with silence on our side (sendonly, DTX)',
  sendrecv: 'a two-way call with silence on our side (sendrecv, DTX)',
  inactive: 'a call held by both (inactive)',
  recvonly: 'a one-way call (recvonly)',
  video: 'a video call that waits for its first frame',
};
/** A description every eighth frame (26.092, 26.192), where speech is 50 packets a second. */
const DESCRIPTIONS_A_SECOND = 1000 / 160;
function leftOut(name: string): void {
  const rate = descriptions[name] ?? Number.NaN;
  assert.ok(rate > 1 && rate < 1.5 * DESCRIPTIONS_A_SECOND, `${name}: ${rate} packets a second in silence`);
}
for (const { name, silent = false } of MODES)
  proof(
    `[MD-2.9.1a1] behind a NAT ${WORDS[name]} outlives three timeouts; without keep-alive${silent ? ', its descriptions of silence lost,' : ''} it does not`,
    [`${name}-on`, `${name}-off`],
    {
      run: () => {
        comes(`${name}-on`);
        if (silent) leftOut(`${name}-on`);
      },
      control: () => comes(`${name}-off`),
    },
  );
proof('[MD-2.9.1a1] the recommended 15 s outlive timeouts of 20 s', ['long', 'inactive-off'], {
  run: () => comes('long'),
  control: () => comes('inactive-off'),
});
proof(
  '[MD-2.9.1g2] called behind a NAT: RTCP of the caller arrives before the answer',
  ['ring-on', 'ring-off'],
  {
    run: () => came('ring-on-rtcp', 1),
    control: () => came('ring-off-rtcp', 1),
  },
);
proof(
  '[MD-2.9.1g3] calling from behind a NAT: RTCP of the other side arrives right after the answer',
  ['recvonly-on', 'recvonly-off'],
  {
    run: () => came('recvonly-on-rtcp', 1),
    control: () => came('recvonly-off-rtcp', 1),
  },
);
function keyFrame(name: string): void {
  assert.ok(
    (keys[name] ?? Number.POSITIVE_INFINITY) < 1,
    `a key frame ${keys[name]} s after the hole was opened`,
  );
}
proof(
  '[MD-2.9.1f4] the first key frame is not lost on a called one whose hole opens 500 ms late',
  ['device', 'ffmpeg'],
  {
    peers: ['ffmpeg'],
    run: () => keyFrame('device'),
    // A sender that neither holds back nor repeats.
    control: () => keyFrame('ffmpeg'),
  },
);

test.run();
