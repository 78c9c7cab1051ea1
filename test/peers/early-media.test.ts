// What a caller hears before the answer (NG.110 2.2.8): SIPp signals, ffmpeg is the far end of the sound, and the loudspeaker
// is the tests' own sound card, recorded by ALSA's file plug-in.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { called, refuse, respond } from './scenarios/callee.ts';
import { reply } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { expect, pause, type Step, scenario, sdp, send } from './scenarios/xml.ts';
import { makeSpeaker, played, SPEAKER } from './support/loudspeaker.ts';
import { freePort, Peer, scratch, until } from './support/process.ts';
import { cut, level, levelAt, type Pcm } from './support/tone.ts';

const test = suite('peers/early-media');
const peers = ['SIPp', 'ffmpeg'];

const folder = scratch();

type Mode = 'auto' | 'header' | 'never';
const stages = new Map<Mode, Stage>();
const farEnds: Peer[] = [];
const ports = { a: 0, b: 0 };

test.before(async () => {
  makeSpeaker(folder);
  [ports.a, ports.b] = [await freePort(), await freePort()];
  for (const mode of ['auto', 'header', 'never'] as const)
    stages.set(
      mode,
      await Stage.open({ capture: 'null', playback: SPEAKER, sip: `early_media = "${mode}"` }),
    );
});
test.after(async () => {
  for (const stage of stages.values()) await stage.close();
  folder.remove();
});

const SLICE = 0.2;
/** Seconds of this frequency, in slices in which it is most of what is there. */
function secondsOf(pcm: Pcm, hertz: number): number {
  let seconds = 0;
  for (let at = 0; at + SLICE <= pcm.samples.length / pcm.rate; at += SLICE) {
    const part = cut(pcm, at, at + SLICE);
    const here = levelAt(part, hertz);
    if (here > -45 && here > level(part) - 6) seconds += SLICE;
  }
  return seconds;
}

/** TS 22.001 annex F, and what ffmpeg says in each dialog. */
const HERTZ = { ringback: 425, a: 1000, b: 1600 } as const;
type Heard = keyof typeof HERTZ;

/** ffmpeg talks from the port that the dialog describes, in PCMU, to where the INVITE said. */
async function talk(dialog: 'a' | 'b', to: number): Promise<void> {
  const sound = `sine=frequency=${HERTZ[dialog]}:sample_rate=8000`;
  farEnds.push(
    await Peer.start('ffmpeg', [
      ...'-v error -re -f lavfi -i'.split(' '),
      sound,
      ...'-c:a pcm_mulaw -ar 8000 -ac 1 -payload_type 0 -f rtp'.split(' '),
      `rtp://127.0.0.1:${to}?localrtpport=${ports[dialog]}&pkt_size=172`,
    ]),
  );
}

interface Case {
  readonly what: string;
  readonly mode: Mode;
  readonly answers: readonly Step[];
  /** Who really sends. */
  readonly talks: readonly ('a' | 'b')[];
  readonly heard: Heard | 'nothing';
}

const described = (dialog: 'a' | 'b'): readonly string[] => sdp({ port: ports[dialog], formats: '0' });

let calls = 0;

/** Not less than this, so that what should not be heard would be; not more, on a machine that has much else to do. */
const LISTEN_MS = { least: 2400, most: 8000 };
const ENOUGH_SECONDS = 0.8;

/** Listens until what should be heard is, gives up, and tells what was heard. */
async function listen({ mode, answers, talks, heard }: Omit<Case, 'what'>): Promise<Heard | 'nothing'> {
  const stage = stages.get(mode);
  if (!stage) throw new Error('no device');
  calls += 1;
  const user = `early${calls}x`;
  const steps = [
    called(),
    ...answers,
    expect('CANCEL'),
    send(reply(200)),
    ...refuse(487, { tag: 'a' }),
    pause(50),
  ];
  try {
    await stage.play(user, scenario(user, steps), async (sipp) => {
      const { id } = await stage.device.dial(`sip:${user}@127.0.0.1:${sipp.port}`);
      await stage.device.whenState(id, 'early');
      const to = await until('the INVITE', () => /^m=audio (\d+)/m.exec(sipp.messages())?.[1]);
      const hears = (seconds: number) => (): boolean =>
        heard === 'nothing' || secondsOf(played(folder), HERTZ[heard]) >= seconds;
      for (const dialog of talks) {
        await talk(dialog, Number(to));
        // Whoever comes later comes while the first one talks.
        if (talks.length > 1) await until('the first of it', hears(SLICE), 4000).catch(() => undefined);
      }
      await new Promise((done) => setTimeout(done, LISTEN_MS.least));
      await until('enough of it', hears(ENOUGH_SECONDS), LISTEN_MS.most - LISTEN_MS.least).catch(
        () => undefined,
      );
      await stage.device.act(id, 'hangup');
    });
  } finally {
    for (const peer of farEnds.splice(0)) await peer.stop();
  }
  const pcm = played(folder);
  const found = (Object.keys(HERTZ) as Heard[])
    .map((heard) => ({ heard, seconds: secondsOf(pcm, HERTZ[heard]) }))
    .toSorted((one, other) => other.seconds - one.seconds);
  return found[0] && found[0].seconds >= 0.6 ? found[0].heard : 'nothing';
}

const pem = (value: string): readonly string[] => [`P-Early-Media: ${value}`];

/** Mode, what is said of the dialogs a and b, who sends: what the owner hears. */
const cases = (): readonly Case[] => [
  { what: 'a 180', mode: 'auto', answers: [respond(180, { tag: 'a' })], talks: [], heard: 'ringback' },
  {
    what: 'a 183 with media and no header',
    mode: 'auto',
    answers: [respond(183, { tag: 'a', body: described('a') })],
    talks: ['a'],
    heard: 'a',
  },
  {
    what: 'a 180 whose media is not authorised, and comes all the same',
    mode: 'auto',
    answers: [respond(180, { tag: 'a', body: described('a'), headers: pem('inactive') })],
    talks: ['a'],
    heard: 'a',
  },
  {
    what: 'a 180 whose media is authorised, and does not come',
    mode: 'auto',
    answers: [respond(180, { tag: 'a', body: described('a'), headers: pem('sendrecv') })],
    talks: [],
    heard: 'nothing',
  },
  {
    what: 'two dialogs, of which only the second sends',
    mode: 'auto',
    answers: [
      respond(180, { tag: 'a', body: described('a') }),
      respond(183, { tag: 'b', body: described('b') }),
    ],
    talks: ['b'],
    heard: 'b',
  },
  {
    what: 'two dialogs that both send, the second authorised',
    mode: 'auto',
    answers: [
      respond(183, { tag: 'a', body: described('a') }),
      respond(183, { tag: 'b', body: described('b'), headers: pem('sendonly') }),
    ],
    talks: ['b', 'a'],
    heard: 'b',
  },
  {
    what: '"header": a 180 whose media is not authorised',
    mode: 'header',
    answers: [respond(180, { tag: 'a', body: described('a') })],
    talks: ['a'],
    heard: 'ringback',
  },
  {
    what: '"header": a 183 whose media is authorised',
    mode: 'header',
    answers: [respond(183, { tag: 'a', body: described('a'), headers: pem('sendonly') })],
    talks: ['a'],
    heard: 'a',
  },
  {
    what: '"never": a 180 with media, authorised',
    mode: 'never',
    answers: [respond(180, { tag: 'a', body: described('a'), headers: pem('sendrecv') })],
    talks: ['a'],
    heard: 'ringback',
  },
];

test.proof('[MD-2.2.8] early media: header, received sound and setting make what the owner hears', {
  peers,
  timeoutMs: 180_000,
  run: async () => {
    for (const { what, heard, ...situation } of cases())
      assert.is(await listen({ ...situation, heard }), heard, what);
  },
  control: async () => {
    // Nobody sends, and the 180 rings.
    const [, , third] = cases();
    if (third) assert.is(await listen({ ...third, talks: [] }), third.heard, third.what);
  },
});

test.run();
