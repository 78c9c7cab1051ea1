// The calls that show keep-alives (NG.110 2.9.1), played side by side under one capture: SIPp signals, ffmpeg is the late source.
import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { sdpHead } from '#test/support/sdp-samples.ts';
import { Capture } from '../support/capture.ts';
import { FarEnd, Film, H264, type Kind } from '../support/far-end.ts';
import { type Place, type Trace, traces } from '../support/media-trace.ts';
import { freePort, ownAddress, scratch, until } from '../support/process.ts';
import type { Sipp } from '../support/sipp.ts';
import { accept, called, respond } from './callee.ts';
import { ack, ackRefusal, cancel, inDialog, invite, reply, rings } from './caller.ts';
import { Stage } from './stage.ts';
import { expect, pause, type Step, scenario, send } from './xml.ts';

const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Seconds between keep-alives of most calls here, so that a minute shows more. */
export const SHORT = 3;
/** Seconds of the calls that keep the recommended values. */
export const RING = 40;
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

export const SUITE = 'AES_CM_128_HMAC_SHA1_80';
export const KEY_OCTETS = 30;

/** Where the far ends of all calls are: the capture sees what goes there, whatever other tests send meanwhile. */
const FAR = ownAddress();

/** The far end's description. */
const described = (far: FarEnd, { version = 1, audio = 'sendrecv', ...rest }: Described = {}): string[] => {
  const { video = 'sendrecv', videoType = H264, more = [], key } = rest;
  const profile = key ? 'RTP/SAVP' : 'RTP/AVP';
  const crypto = key ? [`a=crypto:1 ${SUITE} inline:${key.toString('base64')}`] : [];
  return [
    ...sdpHead(FAR, `far 1 ${version}`),
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

export const places: Record<string, Place> = {};
let film: Film;

/** One call by SIPp's scenario; `owner` plays meanwhile. */
async function call(
  name: string,
  stage: Stage,
  steps: (far: FarEnd) => readonly Step[],
  owner: (told: Told) => Promise<unknown>,
  caller = true,
): Promise<void> {
  const far = await FarEnd.open(film, FAR);
  const sip = await freePort(FAR);
  places[name] = { sip, audio: far.audio, video: far.video };
  const play = caller ? stage.called.bind(stage) : stage.play.bind(stage);
  try {
    await play(name, scenario(name, steps(far)), (sipp) => owner({ stage, far, sipp }), {
      host: FAR,
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

export const TAKEN = 20;

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
      const { id } = await stage.device.dial(`sip:${name}@${FAR}:${sipp.port};transport=udp`, {
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
export const CALLERS = ['caller-1', 'caller-2', 'caller-3'];
export const CALLED = ['late', 'never', 'talk'];
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
  const capture = await Capture.start(folder.file('all.pcapng'), 'lo', [], FAR);
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

/** All of them, once. */
export function playCalls(): Promise<void> {
  played ??= playAll();
  return played;
}
export const forget = (): void => folder.remove();

/** What the wire showed of a call; a scene that broke is told where it is judged. */
export function scene(name: string, of = name): Trace {
  const broken = failures.get(of);
  if (broken) throw new Error(`the scene ${of} broke: ${broken instanceof Error ? broken.message : broken}`);
  const trace = seen[name];
  if (!trace) throw new Error(`no call ${name}`);
  return trace;
}
