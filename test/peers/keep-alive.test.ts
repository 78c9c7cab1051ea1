// Keep-alives on the wire (NG.110 2.9.1): SIPp signals, ffmpeg is the late source, tshark reads the kernel's times.
// All calls run side by side while one capture runs; each test judges its own.
import * as assert from 'uvu/assert';
import { Srtp } from '#test/support/srtp.ts';
import { type Proof, suite } from '#test/support/suite.ts';
import {
  CALLED,
  CALLERS,
  forget,
  KEY_OCTETS,
  places,
  playCalls,
  RING,
  SHORT,
  SUITE,
  scene,
  TAKEN,
} from './scenarios/keep-alive-calls.ts';
import type { Kind } from './support/far-end.ts';
import {
  bursts,
  filled,
  gaps,
  keepAlives,
  type Media,
  rtcpOf,
  type Trace,
  whenSignal,
} from './support/media-trace.ts';

const test = suite('peers/keep-alive');
const peers = ['SIPp', 'tshark'];
const withFilm = [...peers, 'ffmpeg'];

/** Seconds; of the recommendation (NG.110 2.9.1). */
const [LEAST_SPACING, MOST_SPACING, START_WITHIN, BURST, INTERVAL] = [0.05, 0.1, 0.1, 1, 15];

/** A proof on what all calls left on the wire. */
const proof = (title: string, { run, control, peers }: Proof): void =>
  test.proof(title, {
    ...(peers ? { peers } : {}),
    timeoutMs: 150_000,
    run: async () => {
      await playCalls();
      await run();
    },
    control,
  });

test.after(() => forget());

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
    within([(early[0]?.at ?? 0) - ringing], 0, START_WITHIN);
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
