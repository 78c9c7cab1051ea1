// Voice on the wire, judged by others: tshark reads the packets, ffmpeg decodes them.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { type Far, type FarCall, farCall, rtp } from './scenarios/far.ts';
import {
  AMR,
  type AmrName,
  type Form,
  type Frame,
  NO_DATA,
  pack,
  silenceType,
  stored,
  tsharkForm,
  unpack,
} from './support/amr.ts';
import type { Packet } from './support/capture.ts';
import { scratch } from './support/process.ts';
import { dominant, readWav, secondsOfTone } from './support/tone.ts';

const test = suite('peers/voice-judged');

const DEVICE_TONE = 1000;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const value = (packet: Packet | undefined, field: string): string => packet?.[field]?.[0] ?? '';

const folder = scratch();
test.after(() => folder.remove());

const audioOf = (name: AmrName, form: Form, more: readonly string[] = []): readonly string[] => {
  const parameters = [...(form === 'octet-aligned' ? ['octet-align=1'] : []), ...more];
  return [
    'm=audio PORT RTP/AVP 97',
    `a=rtpmap:97 ${name}/${name === 'AMR' ? 8000 : 16_000}/1`,
    ...(parameters.length > 0 ? [`a=fmtp:97 ${parameters.join(';')}`] : []),
  ];
};

const AMR_FIELDS = [
  'frame.number',
  'udp.dstport',
  'rtp.payload',
  'amr.nb.toc.ft',
  'amr.wb.toc.ft',
  'amr.nb.cmr',
  'amr.wb.cmr',
  'amr.toc.q',
  '_ws.expert',
] as const;
const frameTypes = (packet: Packet): readonly number[] =>
  (packet['amr.wb.toc.ft'] ?? packet['amr.nb.toc.ft'] ?? []).map(Number);

/** Asks for each of these modes in turn, in packets that carry no speech. */
const asking =
  (name: AmrName, form: Form, wishes: readonly { readonly mode: number; readonly times: number }[]) =>
  async ({ send }: Far): Promise<void> => {
    let count = 0;
    for (const { mode, times } of wishes) {
      const payload = pack(form, [{ type: NO_DATA, bits: '' }], mode);
      for (let time = 0; time < times; time += 1) {
        send(rtp(97, count, count * AMR[name].samplesPerFrame, payload));
        count += 1;
        await wait(40);
      }
    }
  };

/** A call is held once; the control reads it otherwise. */
const held = new Map<string, Promise<FarCall>>();
function once(key: string, call: () => Promise<FarCall>): Promise<FarCall> {
  const made = held.get(key) ?? call();
  held.set(key, made);
  return made;
}
const capturePath = (key: string): string => folder.file(`${key.replaceAll(/\W/g, '-')}.pcapng`);

/** A call in which the far end asks for each mode in turn; `readAs` is the form that the judges assume. */
async function everyMode(name: AmrName, form: Form, readAs: Form): Promise<void> {
  const highest = silenceType(name) - 1;
  const key = `${name} ${form}`;
  const wishes = Array.from({ length: highest + 1 }, (_, mode) => ({ mode, times: mode === 0 ? 16 : 7 }));
  const { capture, port } = await once(key, () =>
    farCall(capturePath(key), { codecs: [name] }, audioOf(name, form), asking(name, form, wishes)),
  );
  const speech = capture.packets(
    `rtp.p_type == 97 && udp.dstport == ${port}`,
    AMR_FIELDS,
    tsharkForm(readAs),
  );
  assert.ok(speech.length >= 120, `${speech.length} packets`);
  assert.equal(
    speech.filter((packet) => packet['_ws.expert']),
    [],
    'what tshark complains of',
  );
  const modes = new Map<number, number>();
  for (const packet of speech) {
    assert.ok(truth(value(packet, 'amr.toc.q')));
    const [mode = -1, ...others] = frameTypes(packet);
    assert.equal(others, [], 'one frame a packet');
    modes.set(mode, (modes.get(mode) ?? 0) + 1);
  }
  for (let mode = 0; mode <= highest; mode += 1)
    assert.ok((modes.get(mode) ?? 0) >= 8, `mode ${mode}: ${JSON.stringify([...modes])}`);
  assertTone(
    name,
    speech.flatMap((packet) => unpack(name, readAs, payloadOf(packet))),
  );
}

const payloadOf = (packet: Packet): Buffer =>
  Buffer.from(value(packet, 'rtp.payload').replaceAll(':', ''), 'hex');

/** ffmpeg makes of the frames the tone that the device sent, from beginning to end. */
function assertTone(name: AmrName, frames: readonly Frame[]): void {
  const [file, wav] = [folder.file(`decoded.${name === 'AMR' ? 'amr' : 'awb'}`), folder.file('decoded.wav')];
  writeFileSync(file, stored(name, frames));
  const decoded = spawnSync('ffmpeg', ['-v', 'error', '-y', '-i', file, wav], { encoding: 'utf8' });
  assert.is(decoded.stderr, '', 'ffmpeg');
  const pcm = readWav(wav);
  const length = pcm.samples.length / pcm.rate;
  assert.ok(Math.abs(length - frames.length * 0.02) < 0.05, `${length} s decoded of ${frames.length} frames`);
  assert.ok(
    secondsOfTone(pcm, DEVICE_TONE) > length - 0.5,
    `${secondsOfTone(pcm, DEVICE_TONE)} s of tone in ${length} s`,
  );
  assert.is(Math.round(dominant(pcm) / 20), DEVICE_TONE / 20);
}

for (const [name, row] of [
  ['AMR', 'MD-2.4.3c'],
  ['AMR-WB', 'MD-2.4.3d'],
] as const) {
  for (const [form, other] of [
    ['bandwidth-efficient', 'octet-aligned'],
    ['octet-aligned', 'bandwidth-efficient'],
  ] as const) {
    test.proof(
      `[${row}] ${name} ${form}: every mode read by tshark without complaint, and decoded by ffmpeg`,
      {
        peers: ['tshark', 'ffmpeg', 'SIPp'],
        timeoutMs: 60_000,
        run: () => everyMode(name, form, form),
        control: () => everyMode(name, form, other),
      },
    );
  }
}

/** How soon a request shows on the wire: the packet on its way, the other half of a period of two, a late thread. */
const AT_ONCE_PACKETS = 6;

/** The far end asks for the lowest mode, then for the highest: every change keeps to `set` and the rules of the offer. */
async function modeControl(name: AmrName, offered: readonly number[], set: readonly number[]): Promise<void> {
  const rules = [`mode-set=${offered}`, 'mode-change-period=2', 'mode-change-neighbor=1'];
  const [lowest = 0, highest = 0] = [offered[0], offered.at(-1)];
  const key = `${name} rules`;
  const form = 'bandwidth-efficient';
  const wishes = [
    { mode: lowest, times: 12 },
    { mode: highest, times: 12 },
  ];
  const { capture, port } = await once(key, () =>
    farCall(capturePath(key), { codecs: [name] }, audioOf(name, form, rules), asking(name, form, wishes)),
  );
  const packets = capture.packets(`rtp.p_type == 97 && udp.port == ${port}`, AMR_FIELDS, tsharkForm(form));
  const sent = packets.filter((packet) => value(packet, 'udp.dstport') === String(port));
  const modes = sent.map((packet) => frameTypes(packet)[0] ?? -1);
  const changes = modes.flatMap((mode, at) => (at > 0 && mode !== modes[at - 1] ? [at] : []));
  assert.ok(
    modes.every((mode) => set.includes(mode)),
    `modes ${[...new Set(modes)]}`,
  );
  for (const [index, at] of changes.entries()) {
    const [before, after] = [modes[at - 1] ?? -1, modes[at] ?? -1];
    assert.is(Math.abs(set.indexOf(before) - set.indexOf(after)), 1, `${before} to ${after}`);
    assert.is((at - (changes[0] ?? 0)) % 2, 0, `changes at ${changes}`);
    assert.ok(at - (changes[index - 1] ?? at - 2) >= 2);
  }
  assert.ok(modes.includes(lowest), 'the lowest was reached');
  assert.is(modes.at(-1), highest, 'and then the highest');
  for (const wish of [lowest, highest]) {
    const asked = packets.findIndex(
      (packet) =>
        value(packet, 'udp.dstport') !== String(port) &&
        (value(packet, 'amr.wb.cmr') || value(packet, 'amr.nb.cmr')) === String(wish),
    );
    const after = packets
      .slice(asked)
      .filter((packet) => sent.includes(packet))
      .map((packet) => frameTypes(packet)[0]);
    const obeyed = after.findIndex((mode) => mode !== after[0]);
    assert.ok(
      asked >= 0 && obeyed >= 0 && obeyed <= AT_ONCE_PACKETS,
      `${wish}: obeyed after ${obeyed} packets`,
    );
  }
}

for (const [name, set, other] of [
  ['AMR', [0, 2, 4, 7], [0, 2, 5, 7]],
  ['AMR-WB', [0, 1, 2, 4, 8], [0, 2, 4, 8]],
] as const) {
  test.proof(
    `[MD-2.4.3e] ${name}: modes change at once when asked for, every second frame, to a neighbour in the set`,
    {
      peers: ['tshark', 'SIPp'],
      timeoutMs: 60_000,
      run: () => modeControl(name, set, set),
      control: () => modeControl(name, set, other),
    },
  );
}

/** Packets of 20 ms: 600 ms, the waiting times of the clause. */
const CLIMB_PACKETS = 30;

/** What the device sends while nobody asks for a mode (26.114 7.5.2.1.6): the second of a set of four, the next one after each 600 ms. */
async function beginning(name: AmrName, set: readonly number[], asked: boolean): Promise<void> {
  const form = 'bandwidth-efficient';
  const rules = [`mode-set=${set}`, 'mode-change-period=2', 'mode-change-neighbor=1'];
  const talk = asked
    ? asking(name, form, [{ mode: set.at(-1) ?? 0, times: 40 }])
    : (): Promise<void> => wait(CLIMB_PACKETS * set.length * 20);
  const { capture, port } = await once(`${name} beginning ${asked}`, () =>
    farCall(capturePath(`${name} beginning ${asked}`), { codecs: [name] }, audioOf(name, form, rules), talk),
  );
  const modes = capture
    .packets(`rtp.p_type == 97 && udp.dstport == ${port}`, AMR_FIELDS, tsharkForm(form))
    .map((packet) => frameTypes(packet)[0] ?? -1);
  const starts = set.map((mode) => modes.indexOf(mode));
  assert.is(modes[0], set[1], 'the second lowest');
  assert.is(starts[0], -1, 'never the lowest');
  for (const [at, start] of starts.entries()) {
    const before = starts[at - 1] ?? 0;
    if (at < 2) continue;
    // A change waits for the other half of its period.
    assert.ok(
      start - before >= CLIMB_PACKETS - 2 && start - before <= CLIMB_PACKETS + 2,
      `changes at ${starts}`,
    );
  }
  assert.is(modes.at(-1), set.at(-1), 'the highest in the end');
}

for (const [name, set] of [
  ['AMR', [0, 2, 4, 7]],
  ['AMR-WB', [0, 1, 2, 8]],
] as const) {
  test.proof(`[MD-2.4.3e] ${name}: a stream begins low and climbs every 600 ms, unless it is asked`, {
    peers: ['tshark', 'SIPp'],
    timeoutMs: 60_000,
    run: () => beginning(name, set, false),
    control: () => beginning(name, set, true),
  });
}

const EVENT_FIELDS = [
  'frame.time_epoch',
  'rtp.seq',
  'rtp.timestamp',
  'rtp.marker',
  'rtpevent.event_id',
  'rtpevent.end_of_event',
  'rtpevent.duration',
  'rtpevent.volume',
] as const;

const EVENTS = {
  8000: ['m=audio PORT RTP/AVP 0 101', 'a=rtpmap:101 telephone-event/8000', 'a=fmtp:101 0-15'],
  16000: [
    ...audioOf('AMR-WB', 'bandwidth-efficient').map((line) => line.replace(/97$/, '97 101')),
    'a=rtpmap:101 telephone-event/16000',
    'a=fmtp:101 0-15',
  ],
} as const;

const truth = (text: string): boolean => text === '1' || text === 'True';

/** Two digits; each one's packets as RFC 4733 2.5 has them, in the clock `assumed`. */
async function events(clock: 8000 | 16000, assumed: number): Promise<void> {
  const key = `events ${clock}`;
  const { capture, port } = await once(key, () =>
    farCall(
      capturePath(key),
      { codecs: [clock === 8000 ? 'PCMU' : 'AMR-WB'] },
      EVENTS[clock],
      async ({ stage, id }) => {
        await wait(300);
        await stage.device.act(id, 'dtmf', { digits: '5#' });
        await wait(1200);
      },
    ),
  );
  const packets = capture.packets(`rtpevent && udp.dstport == ${port}`, EVENT_FIELDS);
  const times = [...new Set(packets.map((packet) => value(packet, 'rtp.timestamp')))];
  assert.is(times.length, 2, `${times.length} events in ${packets.length} packets`);
  for (const [index, time] of times.entries()) {
    const own = packets.filter((packet) => value(packet, 'rtp.timestamp') === time);
    assert.ok(own.every((packet) => value(packet, 'rtpevent.event_id') === ['5', '11'][index]));
    const marks = own.map((packet) => truth(value(packet, 'rtp.marker')));
    assert.equal(
      marks,
      own.map((_, at) => at === 0),
      'the marker stands on the first packet alone',
    );
    const sequence = own.map((packet) => Number(value(packet, 'rtp.seq')));
    assert.ok(sequence.every((number, at) => at === 0 || number === ((sequence[at - 1] ?? 0) + 1) % 65_536));
    const ends = own.map((packet) => truth(value(packet, 'rtpevent.end_of_event')));
    assert.equal(
      ends,
      own.map((_, at) => at >= own.length - 3),
      'three packets end it',
    );
    const durations = own.map((packet) => Number(value(packet, 'rtpevent.duration')));
    const going = durations.slice(0, -2);
    assert.ok(
      going.every((length, at) => at === 0 || length > (going[at - 1] ?? 0)),
      `durations ${durations}`,
    );
    assert.equal(new Set(durations.slice(-3)).size, 1, 'the end is repeated as it was');
    // The wire's own clock: the last duration against the time from the first packet to the first end.
    const stamps = own.map((packet) => Number(value(packet, 'frame.time_epoch')));
    const told = ((durations.at(-1) ?? 0) - (durations[0] ?? 0)) / assumed;
    const passed = (stamps.at(-3) ?? 0) - (stamps[0] ?? 0);
    assert.ok(Math.abs(told - passed) < 0.03, `${told} s told, ${passed} s passed`);
  }
}

for (const clock of [8000, 16000] as const) {
  test.proof(`[MD-2.4.3g] digits on the wire at ${clock} Hz: marker, growing duration, three ends`, {
    peers: ['tshark', 'SIPp'],
    timeoutMs: 60_000,
    run: () => events(clock, clock),
    control: () => events(clock, clock === 8000 ? 16000 : 8000),
  });
}

test.run();
