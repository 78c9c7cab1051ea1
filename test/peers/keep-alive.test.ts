// Keep-alives on the wire (NG.110 2.9.1): SIPp signals, ffmpeg is the late source, tshark reads the kernel's times.
// All calls run side by side while one capture runs; each test judges its own.
import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { Srtp } from '#test/support/srtp.ts';
import { type Proof, suite } from '#test/support/suite.ts';
import { accept, called, respond } from './scenarios/callee.ts';
import { ack, ackRefusal, cancel, inDialog, invite, reply, rings } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { expect, pause, type Step, scenario, send } from './scenarios/xml.ts';
import { Capture } from './support/capture.ts';
import { FarEnd, Film, H264, type Kind } from './support/far-end.ts';
import {
  bursts,
  filled,
  gaps,
  keepAlives,
  type Media,
  type Place,
  rtcpOf,
  type Trace,
  traces,
  whenSignal,
} from './support/media-trace.ts';
import { freePort, scratch, until } from './support/process.ts';
import type { Sipp } from './support/sipp.ts';

const test = suite('peers/keep-alive');
const peers = ['SIPp', 'tshark'];
const withFilm = [...peers, 'ffmpeg'];
const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Seconds; of the recommendation (NG.110 2.9.1). */
const [LEAST_SPACING, MOST_SPACING, START_WITHIN, BURST, INTERVAL] = [0.05, 0.1, 0.1, 1, 15];
/** Of most calls here, so that a minute shows more. */
const SHORT = 3;
const RING = 40;
const LONG_TALK = 62;

type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

interface Described {
  readonly version?: number;
  readonly audio?: Direction;
  readonly video?: Direction | 'none';
  readonly videoType?: number;
  /** SRTP, with this key. */
  readonly key?: Buffer;
  /** More lines of the audio. */
  readonly more?: readonly string[];
}

const SUITE = 'AES_CM_128_HMAC_SHA1_80';
const KEY_OCTETS = 30;

/** The far end's description. */
const described = (far: FarEnd, { version = 1, audio = 'sendrecv', ...rest }: Described = {}): string[] => {
  const { video = 'sendrecv', videoType = H264, more = [], key } = rest;
  const profile = key ? 'RTP/SAVP' : 'RTP/AVP';
  const crypto = key ? [`a=crypto:1 ${SUITE} inline:${key.toString('base64')}`] : [];
  return [
    ...['v=0', `o=far 1 ${version} IN IP4 127.0.0.1`, 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'],
    ...[`m=audio ${far.audio} ${profile} 0`, 'a=rtpmap:0 PCMU/8000', `a=${audio}`, ...crypto, ...more],
    ...(video === 'none'
      ? []
      : [
          ...[`m=video ${far.video} ${profile} ${videoType}`, `a=rtpmap:${videoType} H264/90000`],
          ...[`a=fmtp:${videoType} profile-level-id=42e01f;packetization-mode=1`, `a=${video}`, ...crypto],
        ]),
  ];
};

/** The port that the device named last for this. */
const portOf = (sipp: Sipp, kind: Kind): number => {
  const blocks = sipp.messages().split(/^-{20,}.*$/m);
  const named = blocks.findLast((one) => /received \[/.test(one) && new RegExp(`^m=${kind} `, 'm').test(one));
  return Number(named?.match(new RegExp(`^m=${kind} (\\d+)`, 'm'))?.[1]);
};

const folder = scratch();
const CAMERA = folder.file('camera.h264');
const VIDEO = { sink: '"none"', capture: '"none"', added: '"receive"' };

/** A device that shows video. */
const device = (media: string, video: Partial<typeof VIDEO> = {}): Promise<Stage> =>
  Stage.open({
    codecs: ['PCMU', 'H264'],
    timers: { t1: 500, t2: 4000, t4: 5000 },
    media,
    more: `[video]\n${Object.entries({
      ...VIDEO,
      sink: `"file:${folder.file('seen-{call}.h264')}"`,
      ...video,
    })
      .map(([key, value]) => `${key} = ${value}`)
      .join('\n')}\n`,
  });

const interval = (seconds: number): string => `keepalive_interval = ${seconds}`;

interface Told {
  readonly stage: Stage;
  readonly far: FarEnd;
  readonly sipp: Sipp;
}

const places: Record<string, Place> = {};
let film: Film;

/** One call by SIPp's scenario; `owner` plays meanwhile. */
async function call(
  name: string,
  stage: Stage,
  steps: (far: FarEnd) => readonly Step[],
  owner: (told: Told) => Promise<unknown>,
  caller = true,
): Promise<void> {
  const far = await FarEnd.open(film);
  const sip = await freePort();
  places[name] = { sip, audio: far.audio, video: far.video };
  const play = caller ? stage.called.bind(stage) : stage.play.bind(stage);
  try {
    await play(name, scenario(name, steps(far)), (sipp) => owner({ stage, far, sipp }), {
      port: sip,
      limitSeconds: 100,
    });
  } finally {
    far.close();
  }
}

/** SIPp calls and is hung up on; what follows the ACK comes between. */
const calls = (user: string, body: readonly string[], then: readonly Step[] = []): Step[] => [
  invite(user, { body }),
  ...rings(),
  expect(200, { timeout: 60_000 }),
  ack(user),
  ...then,
  expect('BYE', { timeout: 90_000 }),
  send(reply(200)),
];

const changes = (user: string, cseq: number, body: readonly string[]): Step[] => [
  inDialog('INVITE', user, { cseq, body }),
  expect(100, { optional: true }),
  expect(200),
  ack(user, { cseq }),
];

const rejects = (user: string, status: number): Step[] => [
  expect(status, { timeout: 60_000 }),
  ackRefusal(user),
];

const answered = async ({ stage }: Told, user: string, choice: object = {}): Promise<string> => {
  const { id } = await stage.call(user, 'ringing');
  await stage.device.act(id, 'answer', choice);
  return id;
};

/** Rings, and is rejected. */
const longRing = async (name: string, media: string): Promise<void> => {
  const stage = await device(media);
  try {
    await call(
      name,
      stage,
      (far) => [invite(name, { body: described(far) }), ...rings(), ...rejects(name, 486)],
      async () => {
        const { id } = await stage.call(name, 'ringing');
        await wait(RING);
        await stage.device.act(id, 'reject');
      },
    );
  } finally {
    await stage.close();
  }
};

/** Rings, is answered; sound first, then the film for a second; then nothing of the peer's. */
const lateFilm = async (
  name: string,
  media: string,
  silence: number,
  {
    kind = 'video',
    rtcpBesideVideo = false,
  }: { readonly kind?: Kind; readonly rtcpBesideVideo?: boolean } = {},
): Promise<void> => {
  const stage = await device(media);
  try {
    await call(
      name,
      stage,
      (far) => calls(name, described(far, rtcpBesideVideo ? { more: [`a=rtcp:${far.video + 1}`] } : {})),
      async (told) => {
        await stage.call(name, 'ringing');
        await wait(1.5);
        const id = await answered(told, name);
        await until('the answer', () => portOf(told.sipp, 'video') > 0);
        told.far.stream('audio', portOf(told.sipp, 'audio'));
        await wait(2.5);
        if (kind === 'video') told.far.stream('video', portOf(told.sipp, 'video'));
        await wait(1);
        told.far.hush('video');
        await wait(silence);
        await stage.device.act(id, 'hangup');
      },
    );
  } finally {
    await stage.close();
  }
};

/** Both stream; then the far end wants to send only. */
const twoWay = async (): Promise<void> => {
  const name = 'two-way';
  const stage = await device(interval(SHORT), { capture: `"file:${CAMERA}"` });
  try {
    await call(
      name,
      stage,
      (far) =>
        calls(name, described(far), [
          pause(6500),
          ...changes(name, 2, described(far, { version: 2, audio: 'sendonly', video: 'sendonly' })),
        ]),
      async (told) => {
        const id = await answered(told, name);
        await until('the answer', () => portOf(told.sipp, 'video') > 0);
        // The device's own video comes first.
        await wait(1);
        told.far.stream('audio', portOf(told.sipp, 'audio'));
        told.far.stream('video', portOf(told.sipp, 'video'));
        await wait(14);
        await stage.device.act(id, 'hangup');
      },
    );
  } finally {
    await stage.close();
  }
};

/** One after the other: cancelled, rejected, answered without video (and without RTCP). */
const ends = async (): Promise<void> => {
  // Bursts that touch: an end shows at once.
  const stage = await device(interval(1));
  try {
    await call(
      'cancelled',
      stage,
      (far) => [
        invite('cancelled', { body: described(far) }),
        ...rings(),
        pause(2500),
        cancel('cancelled'),
        expect(200),
        expect(487),
        ackRefusal('cancelled'),
      ],
      () => wait(4.5),
    );
    await call(
      'rejected',
      stage,
      (far) => [invite('rejected', { body: described(far) }), ...rings(), ...rejects('rejected', 486)],
      async () => {
        const { id } = await stage.call('rejected', 'ringing');
        await wait(2.5);
        await stage.device.act(id, 'reject');
        await wait(1.5);
      },
    );
    await call(
      'no-video',
      stage,
      (far) => calls('no-video', described(far, { more: ['b=RS:0', 'b=RR:0'] })),
      async (told) => {
        await stage.call('no-video', 'ringing');
        await wait(2.5);
        const id = await answered(told, 'no-video', { video: false });
        await wait(2);
        await stage.device.act(id, 'hangup');
      },
    );
  } finally {
    await stage.close();
  }
};

const TAKEN = 20;

/** A call of sound, to which the far end adds video, its payload type that of the usual keep-alives. */
const added = async (name: string, policy: 'receive' | 'refuse'): Promise<void> => {
  const stage = await device(interval(SHORT), { added: `"${policy}"` });
  try {
    await call(
      name,
      stage,
      (far) =>
        calls(name, described(far, { video: 'none' }), [
          pause(1500),
          ...changes(name, 2, described(far, { version: 2, videoType: TAKEN })),
        ]),
      async (told) => {
        const id = await answered(told, name);
        await wait(6);
        await stage.device.act(id, 'hangup');
      },
    );
  } finally {
    await stage.close();
  }
};

/** The first payload type of video that the device offers. */
const OFFERED = 104;

/** The device calls; the far end tells its ports in a 183, and answers later. */
const dialled = async (name: string, stage: Stage): Promise<void> => {
  await call(
    name,
    stage,
    (far) => [
      called(),
      respond(100),
      respond(183, { body: described(far, { video: 'sendonly', videoType: OFFERED }) }),
      pause(1500),
      ...accept({ body: described(far, { video: 'sendonly', videoType: OFFERED }) }),
      expect('BYE'),
      send(reply(200)),
    ],
    async ({ sipp }) => {
      const { id } = await stage.device.dial(`sip:${name}@127.0.0.1:${sipp.port};transport=udp`, {
        video: true,
      });
      await stage.device.whenState(id, 'active');
      await wait(1.5);
      await stage.device.act(id, 'hangup');
    },
    false,
  );
};

/** The machine may be busy elsewhere: the best of three is the device's own time. */
const CALLERS = ['caller-1', 'caller-2', 'caller-3'];
const CALLED = ['late', 'never', 'talk'];
const CALM = 20;

const caller = async (): Promise<void> => {
  const stage = await device(interval(SHORT));
  try {
    // Others start now, and the first packets are to be timed.
    await wait(CALM);
    for (const name of CALLERS) await dialled(name, stage);
  } finally {
    await stage.close();
  }
};

/** Sealed from the first packet on. */
const sealed = async (): Promise<void> => {
  const name = 'sealed';
  const stage = await device(interval(1));
  try {
    await call(
      name,
      stage,
      (far) => calls(name, described(far, { key: Buffer.alloc(KEY_OCTETS, 7) })),
      async (told) => {
        await stage.call(name, 'ringing');
        await wait(1);
        const id = await answered(told, name);
        await wait(1);
        await stage.device.act(id, 'hangup');
      },
    );
  } finally {
    await stage.close();
  }
};

/** Keep-alive switched off: called, then calling. */
const off = async (): Promise<void> => {
  const stage = await device(interval(0));
  try {
    await call(
      'off',
      stage,
      (far) => calls('off', described(far)),
      async (told) => {
        await stage.call('off', 'ringing');
        await wait(1);
        const id = await answered(told, 'off');
        await wait(2);
        await stage.device.act(id, 'hangup');
      },
    );
    await dialled('off-caller', stage);
  } finally {
    await stage.close();
  }
};

let seen: Readonly<Record<string, Trace>> = {};
const failures = new Map<string, unknown>();

async function playAll(): Promise<void> {
  const made = spawnSync('ffmpeg', [
    ...[
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      'testsrc=size=160x120:rate=10',
      '-frames:v',
      '20',
      '-c:v',
      'libx264',
    ],
    ...[
      '-preset',
      'ultrafast',
      '-pix_fmt',
      'yuv420p',
      '-profile:v',
      'baseline',
      '-g',
      '10',
      '-f',
      'h264',
      CAMERA,
    ],
  ]);
  assert.is(made.status, 0, String(made.stderr));
  film = await Film.start();
  const capture = await Capture.start(folder.file('all.pcapng'));
  const scenes: Readonly<Record<string, () => Promise<void>>> = {
    ring: () => longRing('ring', ''),
    'slow-ring': () => longRing('slow-ring', 'keepalive_spacing = 0.15\nkeepalive_interval = 10'),
    talk: () => lateFilm('talk', '', LONG_TALK, { rtcpBesideVideo: true }),
    late: () => lateFilm('late', interval(SHORT), 2 * SHORT + 1.5),
    never: () => lateFilm('never', interval(SHORT), SHORT + 1, { kind: 'audio' }),
    'two-way': twoWay,
    ends,
    added: () => added('added', 'receive'),
    refused: () => added('refused', 'refuse'),
    caller,
    sealed,
    off,
  };
  await Promise.all(
    Object.entries(scenes).map(([name, play]) => play().catch((error: unknown) => failures.set(name, error))),
  );
  await capture.stop();
  await film.stop();
  seen = traces(capture.path, places);
}
let played: Promise<void> | undefined;

/** A proof on what all calls left on the wire. */
const proof = (title: string, { run, control, peers }: Proof): void =>
  test.proof(title, {
    ...(peers ? { peers } : {}),
    timeoutMs: 150_000,
    run: async () => {
      played ??= playAll();
      await played;
      await run();
    },
    control,
  });

test.after(() => folder.remove());

/** What the wire showed of a call; a scene that broke is told where it is judged. */
function scene(name: string, of = name): Trace {
  const broken = failures.get(of);
  if (broken) throw new Error(`the scene ${of} broke: ${broken instanceof Error ? broken.message : broken}`);
  const trace = seen[name];
  if (!trace) throw new Error(`no call ${name}`);
  return trace;
}

/** One of the calls holds; else what the last one lacks is told. */
function oneOf(names: readonly string[], of: string | undefined, check: (trace: Trace) => void): void {
  let lack: unknown;
  for (const name of names) {
    try {
      check(scene(name, of ?? name));
      return;
    } catch (error) {
      lack = error;
    }
  }
  throw lack;
}

const told = (list: readonly number[]): string => list.map((one) => one.toFixed(3)).join(' ');
const within = (list: readonly number[], least: number, most: number): void => {
  for (const one of list) assert.ok(one >= least && one <= most, `${told([one])} in ${told(list)}`);
};
/** The kernel stamps when it may. */
const EARLY = 0.003;

function startAndSpacing(trace: Trace): void {
  const { at } = whenSignal(trace, 180);
  const packets = keepAlives(trace, { kind: 'video' });
  assert.ok(packets.length > 10, `${packets.length} packets`);
  assert.ok(Math.abs((packets[0]?.at ?? 0) - at) <= START_WITHIN, `${packets[0]?.at} after ${at}`);
  for (const burst of bursts(packets, 2)) within(gaps(burst), LEAST_SPACING - EARLY, MOST_SPACING);
}
proof('[MD-2.9.1b1] video to come: empty packets from the 180 on, every 50 to 100 ms', {
  peers,
  run: () => startAndSpacing(scene('ring')),
  control: () => startAndSpacing(scene('slow-ring')),
});

function shape(trace: Trace): void {
  const all = bursts(keepAlives(trace, { kind: 'video' }), 2);
  const starts = all.map(([first]) => ({ at: first?.at ?? 0 }));
  assert.is(all.length, Math.ceil(RING / INTERVAL), `bursts in ${RING} s: ${told(gaps(starts))}`);
  within(gaps(starts), INTERVAL - 0.05, INTERVAL + 0.05);
  within(
    all.map((burst) => (burst.at(-1)?.at ?? 0) - (burst[0]?.at ?? 0)),
    BURST - 0.1,
    BURST + 0.02,
  );
}
proof('[MD-2.9.1b2] bursts of one second, one every 15 s, as long as it rings', {
  peers,
  run: () => shape(scene('ring')),
  control: () => shape(scene('slow-ring')),
});

/** From the answer to `until` without a pause. */
function unbroken(trace: Trace, to: number): void {
  const { at } = whenSignal(trace, 200);
  const packets = keepAlives(trace, { kind: 'video', from: at, to });
  assert.ok(packets.length > 20, `${packets.length} packets`);
  within(gaps([{ at }, ...packets]), 0, MOST_SPACING + EARLY);
  within([to - (packets.at(-1)?.at ?? 0)], 0, 2 * MOST_SPACING);
}
const firstFilm = (trace: Trace): number =>
  filled(trace, { kind: 'video', ours: false })[0]?.at ?? Number.POSITIVE_INFINITY;

function stopsAtFilm(trace: Trace, kind: Kind): void {
  const at = filled(trace, { kind, ours: false })[0]?.at;
  if (at === undefined) throw new Error(`no ${kind} of ffmpeg`);
  const after = keepAlives(trace, { kind: 'video', from: at + 0.01, to: at + SHORT - 0.2 });
  assert.is(after.length, 0, `${after.length} empty packets after the first ${kind}`);
}
proof('[MD-2.9.1b3] the first packet of video ends them, sound alone does not', {
  peers: withFilm,
  run: () => {
    stopsAtFilm(scene('late'), 'video');
    const never = scene('never');
    assert.ok(filled(never, { kind: 'audio', ours: false }).length > 20, 'sound of ffmpeg');
    unbroken(never, whenSignal(never, 'BYE').at);
  },
  control: () => stopsAtFilm(scene('never'), 'audio'),
});

function ownStream(trace: Trace): void {
  const { at } = whenSignal(trace, 200);
  // Nothing of the peer's has come before that second is over.
  const to = Math.min(firstFilm(trace), at + 1);
  const own = filled(trace, { kind: 'video' })[0]?.at ?? Number.POSITIVE_INFINITY;
  const after = keepAlives(trace, { kind: 'video', from: Math.min(own, at + 0.5) + 0.001, to });
  assert.is(after.length, 0, `${after.length} empty packets`);
}
proof('[MD-2.9.1b4] its own video on a two-way stream ends them, on a receive-only one they go on', {
  peers,
  run: () => ownStream(scene('two-way')),
  control: () => ownStream(scene('late')),
});

/** Nothing after `at`, though it was flowing right before. */
function silentFrom(trace: Trace, at: number): void {
  const before = keepAlives(trace, { kind: 'video', from: at - 0.5, to: at });
  if (before.length < 3) throw new Error('nothing flowed before');
  const after = keepAlives(trace, { kind: 'video', from: at + 0.02, to: at + 1.5 });
  assert.is(after.length, 0, `${after.length} packets after`);
}
for (const [name, status] of [
  ['rejected', 486],
  ['cancelled', 487],
  ['no-video', 200],
] as const)
  proof(`[MD-2.9.1b5] a final ${status} (${name}) ends the bursts`, {
    peers,
    run: () => {
      const trace = scene(name, 'ends');
      silentFrom(trace, whenSignal(trace, status).at);
    },
    // Where there is no final response yet.
    control: () => {
      const trace = scene(name, 'ends');
      silentFrom(trace, whenSignal(trace, status).at - 1);
    },
  });

proof('[MD-2.9.1b6] after the 200 they go on without pause until video comes', {
  peers: withFilm,
  run: () => unbroken(scene('late'), firstFilm(scene('late'))),
  control: () => unbroken(scene('off'), whenSignal(scene('off'), 'BYE').at),
});

function sinceAdded(trace: Trace): void {
  const { at } = whenSignal(trace, 200, 2);
  const bye = whenSignal(trace, 'BYE').at;
  const packets = keepAlives(trace, { kind: 'video', to: bye });
  assert.ok(packets.length > 20, `${packets.length} packets`);
  within([(packets[0]?.at ?? 0) - at], -START_WITHIN, START_WITHIN);
  within(gaps(packets), 0, MOST_SPACING + EARLY);
  within([bye - (packets.at(-1)?.at ?? 0)], 0, 2 * MOST_SPACING);
}
proof('[MD-2.9.1b7] video added by a re-INVITE: the same from there', {
  peers,
  run: () => sinceAdded(scene('added')),
  control: () => sinceAdded(scene('refused')),
});

function oneWay(trace: Trace, seconds: number, pace: number): void {
  const first = firstFilm(trace);
  const bye = whenSignal(trace, 'BYE').at;
  if (bye - first < seconds) throw new Error('a short call');
  const packets = keepAlives(trace, { kind: 'video', from: first + 0.01, to: bye });
  assert.is(packets.length, Math.floor((bye - first) / pace), 'packets to the end');
  within(gaps(packets), pace - 0.05, pace + 0.05);
}
proof('[MD-2.9.1c] after the first video a one-way stream gets one every 15 s to the end, for a minute', {
  peers: withFilm,
  run: () => oneWay(scene('talk'), 60, INTERVAL),
  control: () => oneWay(scene('late'), 2 * SHORT, INTERVAL),
});

function noneWhileTwoWay(trace: Trace, kinds: readonly Kind[]): void {
  const from = whenSignal(trace, 200).at + 0.6;
  const to = whenSignal(trace, 200, 2).at;
  for (const kind of kinds) {
    assert.ok(filled(trace, { kind, from, to }).length > 20, `${kind} of ours`);
    const sent = keepAlives(trace, { kind, from, to });
    assert.is(sent.length, 0, `${sent.length} empty packets of ${kind}`);
  }
}
proof('[MD-2.9.1c] none while media flows both ways, and again after a re-INVITE to one way', {
  peers: withFilm,
  run: () => {
    const trace = scene('two-way');
    noneWhileTwoWay(trace, ['audio', 'video']);
    const from = whenSignal(trace, 200, 2).at;
    const to = whenSignal(trace, 'BYE').at;
    for (const kind of ['audio', 'video'] as const) {
      const own = filled(trace, { kind, to: from + 0.2 }).at(-1)?.at ?? from;
      const again = keepAlives(trace, { kind, from: own, to });
      assert.ok(again.length >= 2, `${kind}: ${again.length}`);
      within(gaps([{ at: own }, ...again]), SHORT - 0.1, SHORT + 0.1);
    }
  },
  // One that answered receive-only.
  control: () => {
    const late = scene('late');
    const from = firstFilm(late);
    assert.is(
      keepAlives(late, { kind: 'video', from: from + 0.01, to: whenSignal(late, 'BYE').at }).length,
      0,
    );
  },
});

const STATIC_TYPES = 34;

function form(packets: readonly Media[], type: (one: number) => boolean): void {
  assert.ok(packets.length > 5, `${packets.length} packets`);
  assert.is(new Set(packets.map(({ ssrc }) => ssrc)).size, 1, 'one SSRC');
  for (const [index, one] of packets.entries()) {
    if (!one.payload) {
      assert.is(one.octets, 12);
      assert.ok(type(one.type), `payload type ${one.type}`);
    }
    const before = packets[index - 1];
    if (before) assert.is(one.sequence, (before.sequence + 1) % 65_536, 'sequence');
  }
}
proof('[MD-2.9.1a2] 12 octets of payload type 20, the SSRC of the media, its sequence running through both', {
  peers,
  run: () => {
    const trace = scene('two-way');
    for (const kind of ['audio', 'video'] as const) {
      const all = trace.media.filter((one) => one.ours && !one.rtcp && one.kind === kind);
      assert.ok(all.some(({ payload }) => payload) && all.some(({ payload }) => !payload), 'both');
      form(all, (type) => type === 20);
    }
  },
  control: () => form(keepAlives(scene('added'), { kind: 'video' }), (type) => type === 20),
});
proof('[MD-2.9.1a2] another static payload type where 20 is that of the video', {
  peers,
  run: () =>
    form(keepAlives(scene('added'), { kind: 'video' }), (type) => type !== TAKEN && type <= STATIC_TYPES),
  control: () =>
    form(keepAlives(scene('late'), { kind: 'video' }), (type) => type !== TAKEN && type <= STATIC_TYPES),
});

const [HEADER, TAG] = [12, 10];

function underSeal(trace: Trace): void {
  const video = whenSignal(trace, 200).raw.split(/^m=video/m)[1] ?? '';
  const key = Buffer.from(video.match(/inline:([\w+/=]+)/)?.[1] ?? '', 'base64');
  const packets = trace.media.filter((one) => one.ours && !one.rtcp && one.kind === 'video');
  assert.ok(packets.length > 20, `${packets.length} packets`);
  assert.is(key.length, KEY_OCTETS, 'a key in the answer');
  const judge = new Srtp(SUITE, key);
  for (const { octets, type, raw } of packets) {
    assert.is(octets, HEADER + TAG);
    assert.is(type, 20);
    assert.is(
      (judge.open(raw) ?? judge.open(raw, 1))?.length,
      HEADER,
      'made with the key of the later answer',
    );
  }
}
proof('[MD-2.9.1a2] under SRTP they are sealed, before the answer by the key that it will tell', {
  peers,
  run: () => underSeal(scene('sealed')),
  control: () => underSeal(scene('late')),
});

/** RTP and RTCP of the device come from where its answer says, as the far end's do. */
function samePort(trace: Trace, named: readonly number[]): void {
  for (const [at, kind] of (['audio', 'video'] as const).entries()) {
    const ours = trace.media.filter((one) => one.ours && one.kind === kind);
    assert.ok(ours.length > 20);
    for (const rtcp of [false, true]) {
      const ports = new Set(ours.filter((one) => one.rtcp === rtcp).map(({ from }) => from));
      assert.equal([...ports], [(named[at] ?? 0) + (rtcp ? 1 : 0)], `${kind} ${rtcp ? 'RTCP' : 'RTP'}`);
    }
    const theirs = trace.media.filter((one) => !one.ours && !one.rtcp && one.kind === kind);
    assert.ok(theirs.length > 20, 'sent to there');
    for (const { to } of theirs) assert.is(to, named[at]);
  }
}
proof('[MD-2.9.1f1] one port to send and receive, that of the description, after a re-INVITE too', {
  peers: withFilm,
  run: () => {
    const trace = scene('two-way');
    const { ports } = whenSignal(trace, 200);
    assert.equal(whenSignal(trace, 200, 2).ports, ports);
    samePort(trace, ports);
  },
  // A description with ports of another call.
  control: () => samePort(scene('two-way'), whenSignal(scene('late'), 200).ports),
});

function opened(trace: Trace): void {
  const ringing = whenSignal(trace, 180).at;
  const answer = whenSignal(trace, 200);
  for (const [at, kind] of (['audio', 'video'] as const).entries()) {
    const early = keepAlives(trace, { kind, from: ringing - START_WITHIN, to: answer.at });
    assert.ok(early.length > 0, `${kind} before the 200`);
    within([(early[0]?.at ?? 0) - ringing], -START_WITHIN, START_WITHIN);
    for (const { from } of early) assert.is(from, answer.ports[at], 'the port of the 200');
  }
}
proof(
  '[MD-2.9.1f2] after the 180 and before the 200 from the port of the later answer to the port of the offer',
  {
    peers,
    run: () => oneOf(CALLED, undefined, opened),
    control: () => opened(scene('off')),
  },
);

function openedByCaller(trace: Trace): void {
  for (const status of [183, 200]) {
    const { at } = whenSignal(trace, status);
    for (const kind of ['audio', 'video'] as const) {
      const packets = keepAlives(trace, { kind, from: at, to: at + START_WITHIN });
      assert.ok(packets.length > 0, `${kind} after the ${status}`);
    }
  }
}
proof('[MD-2.9.1f3] the caller sends one at the description of a 183 and at the 200', {
  peers,
  run: () => oneOf(CALLERS, 'caller', openedByCaller),
  control: () => openedByCaller(scene('off-caller', 'off')),
});

const EMPTY_REPORT = 8;
const [SENDER_REPORT, RECEIVER_REPORT] = [200, 201];

/** An empty report within 100 ms of `at`. */
function reportOpens(trace: Trace, at: number): void {
  for (const kind of ['audio', 'video'] as const) {
    const [first] = rtcpOf(trace, { kind, from: at - START_WITHIN, to: at + START_WITHIN });
    assert.ok(first, `RTCP of ${kind}`);
    assert.ok([SENDER_REPORT, RECEIVER_REPORT].includes(first?.reports[0] ?? 0), `${first?.reports}`);
    assert.is(first?.blocks, 0);
    assert.ok((first?.octets ?? 0) >= EMPTY_REPORT);
  }
}
proof('[MD-2.9.1g2] called: an empty report opens the way of RTCP beside the packet after the 180', {
  peers,
  run: () => oneOf(CALLED, undefined, (trace) => reportOpens(trace, whenSignal(trace, 180).at)),
  control: () => reportOpens(scene('off'), whenSignal(scene('off'), 180).at),
});
proof('[MD-2.9.1g3] calling: an empty report within 100 ms of the answer', {
  peers,
  run: () =>
    oneOf(CALLERS, 'caller', (trace) => reportOpens(trace, whenSignal(trace, 200).at + START_WITHIN)),
  control: () =>
    reportOpens(scene('off-caller', 'off'), whenSignal(scene('off-caller', 'off'), 200).at + START_WITHIN),
});

/** RTCP of its sound leaves from the port above and goes where it is announced: to the port above that of its video. */
function reports(trace: Trace, announced: number): void {
  const [port = 0] = whenSignal(trace, 200).ports;
  const sent = rtcpOf(trace, {}).filter(({ from }) => from === port + 1);
  assert.ok(sent.length > 2, `${sent.length} of RTCP`);
  assert.equal([...new Set(sent.map(({ to }) => to))], [announced]);
}
proof('[MD-2.9.1g1] RTCP is used, from the port above to the one announced (port + 1, a=rtcp)', {
  peers,
  run: () => {
    reports(scene('late'), (places.late?.audio ?? 0) + 1);
    reports(scene('talk'), (places.talk?.video ?? 0) + 1);
  },
  // Both its bandwidths are zero.
  control: () => reports(scene('no-video', 'ends'), (places['no-video']?.audio ?? 0) + 1),
});

test.run();
