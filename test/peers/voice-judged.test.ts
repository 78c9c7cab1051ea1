// Voice on the wire, judged by others: tshark reads the packets, ffmpeg and baresip decode them.
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { ack, hungUp, invite, rings } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { expect, scenario } from './scenarios/xml.ts';
import { Baresip } from './support/baresip.ts';
import { Capture, type Packet } from './support/capture.ts';
import { scratch, until } from './support/process.ts';
import { dominant, hearTone, readWav, secondsOfTone } from './support/tone.ts';

const test = suite('peers/voice-judged');

const DEVICE_TONE = 1000;
const PHONE_TONE = 440;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const value = (packet: Packet | undefined, field: string): string => packet?.[field]?.[0] ?? '';

const folder = scratch();
test.after(() => folder.remove());

type Form = 'bandwidth-efficient' | 'octet-aligned';

interface Far {
  readonly stage: Stage;
  /** The call at the device. */
  readonly id: string;
  /** RTP to the device. */
  send(packet: Buffer): void;
}

/** SIPp calls with this audio section (`PORT` is a socket of ours); `body` runs in the call. */
async function called(
  codec: 'AMR-WB' | 'PCMU',
  audio: readonly string[],
  body: (far: Far) => Promise<void>,
): Promise<{ readonly capture: Capture; readonly port: number }> {
  const stage = await Stage.open({ codecs: [codec], autoAnswer: 'all' });
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  let source = 0;
  socket.on('message', (_, from) => (source = from.port));
  const capture = await Capture.start(folder.file(`${port}.pcapng`));
  try {
    const media = audio.map((line) => line.replace('PORT', String(port)));
    const lines = ['v=0', 'o=sipp 1 1 IN IP4 [local_ip]', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', ...media];
    await stage.called(
      'far',
      scenario('far', [
        invite('far', { body: lines }),
        ...rings({ optional: true }),
        expect(200),
        ack('far'),
        ...hungUp(),
      ]),
      async () => {
        const { id } = await stage.call('far', 'active');
        await until('RTP of the device', () => source > 0);
        const send = (packet: Buffer): void => socket.send(packet, source, '127.0.0.1');
        await body({ stage, id, send });
        await stage.device.act(id, 'hangup');
      },
    );
  } finally {
    await stage.close();
    await capture.stop();
    socket.close();
  }
  return { capture, port };
}

const AMR_WB: Readonly<Record<Form, readonly string[]>> = {
  'bandwidth-efficient': ['m=audio PORT RTP/AVP 97', 'a=rtpmap:97 AMR-WB/16000/1'],
  'octet-aligned': ['m=audio PORT RTP/AVP 97', 'a=rtpmap:97 AMR-WB/16000/1', 'a=fmtp:97 octet-align=1'],
};

/** How tshark is told the form: SDP does not tell it. */
const tsharkForm = (form: Form): string[] => [
  '-o',
  `amr.encoding.version:${form === 'octet-aligned' ? 'RFC 3267 octet aligned' : 'RFC 3267 BW-efficient'}`,
];

const AMR_FIELDS = [
  'rtp.seq',
  'rtp.timestamp',
  'rtp.payload',
  'amr.wb.toc.ft',
  'amr.wb.cmr',
  'amr.toc.q',
  '_ws.expert',
] as const;
const NO_DATA = 15;
const HIGHEST_MODE = 8;
const SAMPLES_PER_FRAME = 320;

/** RTP of 12 octets that asks for a mode and carries no speech (RFC 4867 4.3, 4.4). */
function modeRequest(form: Form, mode: number, count: number): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt8(0x80, 0);
  head.writeUInt8(97, 1);
  head.writeUInt16BE(count, 2);
  head.writeUInt32BE(count * SAMPLES_PER_FRAME, 4);
  head.writeUInt32BE(0x5eed, 8);
  // CMR 4 bits, F 0, FT 15, Q 1; octet-aligned with padding after each part.
  const payload = form === 'octet-aligned' ? [mode << 4, 0x7c] : [(mode << 4) | (NO_DATA >> 1), 0xc0];
  return Buffer.concat([head, Buffer.from(payload)]);
}

/** Of modes 0 to 8 (RFC 4867 table 2, 5.3). */
const SPEECH_OCTETS = [17, 23, 32, 36, 40, 46, 50, 58, 60];

/** The one frame of a payload in the storage format of RFC 4867 5.3. */
function stored(form: Form, payload: Buffer): Buffer {
  if (form === 'octet-aligned')
    return Buffer.concat([Buffer.from([payload.readUInt8(1) & 0x7c]), payload.subarray(2)]);
  const bits = [...payload].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  const speech = bits.slice(10);
  const type = Number.parseInt(bits.slice(5, 9), 2);
  const octets = Buffer.alloc(SPEECH_OCTETS[type] ?? 0);
  for (const [index] of octets.entries())
    octets.writeUInt8(Number.parseInt(speech.slice(index * 8, index * 8 + 8).padEnd(8, '0'), 2), index);
  return Buffer.concat([Buffer.from([(type << 3) | 4]), octets]);
}

/** A call in which the far end asks for each mode in turn; `readAs` is the form that the judges assume. */
async function everyMode(form: Form, readAs: Form): Promise<void> {
  const { capture, port } = await called('AMR-WB', AMR_WB[form], async ({ send }) => {
    let count = 0;
    for (let mode = 0; mode <= HIGHEST_MODE; mode += 1) {
      for (let times = 0; times < (mode === 0 ? 16 : 7); times += 1) {
        send(modeRequest(form, mode, count));
        count += 1;
        await wait(40);
      }
    }
  });
  const speech = capture.packets(`rtp && udp.dstport == ${port}`, AMR_FIELDS, tsharkForm(readAs));
  assert.ok(speech.length >= 150, `${speech.length} packets`);
  assert.equal(
    speech.filter((packet) => packet['_ws.expert']),
    [],
    'what tshark complains of',
  );
  const modes = new Map<number, number>();
  for (const packet of speech) {
    assert.is(packet['amr.wb.toc.ft']?.length, 1, 'one frame a packet');
    assert.ok(truth(value(packet, 'amr.toc.q')));
    const mode = Number(value(packet, 'amr.wb.toc.ft'));
    modes.set(mode, (modes.get(mode) ?? 0) + 1);
  }
  for (let mode = 0; mode <= HIGHEST_MODE; mode += 1)
    assert.ok((modes.get(mode) ?? 0) >= 10, `mode ${mode}: ${JSON.stringify([...modes])}`);
  const frames = speech.map((packet) =>
    stored(readAs, Buffer.from(value(packet, 'rtp.payload').replaceAll(':', ''), 'hex')),
  );
  const [awb, wav] = [folder.file(`${port}.awb`), folder.file(`${port}.wav`)];
  writeFileSync(awb, Buffer.concat([Buffer.from('#!AMR-WB\n'), ...frames]));
  const decoded = spawnSync('ffmpeg', ['-v', 'error', '-y', '-i', awb, wav], { encoding: 'utf8' });
  assert.is(decoded.stderr, '', 'ffmpeg');
  const pcm = readWav(wav);
  const length = pcm.samples.length / pcm.rate;
  assert.ok(Math.abs(length - speech.length * 0.02) < 0.05, `${length} s decoded`);
  assert.ok(
    secondsOfTone(pcm, DEVICE_TONE) > length - 0.5,
    `${secondsOfTone(pcm, DEVICE_TONE)} s of tone in ${length} s`,
  );
  assert.is(Math.round(dominant(pcm) / 20), DEVICE_TONE / 20);
}

for (const [form, other] of [
  ['bandwidth-efficient', 'octet-aligned'],
  ['octet-aligned', 'bandwidth-efficient'],
] as const) {
  test.proof(
    `[MD-2.4.3d] AMR-WB ${form}: every mode read by tshark without complaint, and decoded by ffmpeg`,
    {
      peers: ['tshark', 'ffmpeg', 'SIPp'],
      timeoutMs: 60_000,
      run: () => everyMode(form, form),
      control: () => everyMode(form, other),
    },
  );
}

const RULES = [
  'm=audio PORT RTP/AVP 97',
  'a=rtpmap:97 AMR-WB/16000/1',
  `a=fmtp:97 mode-set=0,1,2,4,8; mode-change-period=2; mode-change-neighbor=1`,
];
const MODE_SET = [0, 1, 2, 4, 8];

/** The far end asks for the lowest mode, then for the highest: every change keeps the rules of the offer. */
async function modeControl(wishes: readonly number[]): Promise<void> {
  const { capture, port } = await called('AMR-WB', RULES, async ({ send }) => {
    let count = 0;
    for (const wish of wishes) {
      for (let times = 0; times < 16; times += 1) {
        send(modeRequest('bandwidth-efficient', wish, count));
        count += 1;
        await wait(40);
      }
    }
  });
  const speech = capture.packets(
    `rtp && udp.dstport == ${port}`,
    AMR_FIELDS,
    tsharkForm('bandwidth-efficient'),
  );
  const modes = speech.map((packet) => Number(value(packet, 'amr.wb.toc.ft')));
  const changes = modes.flatMap((mode, at) => (at > 0 && mode !== modes[at - 1] ? [at] : []));
  assert.ok(
    modes.every((mode) => MODE_SET.includes(mode)),
    `modes ${new Set(modes)}`,
  );
  for (const [index, at] of changes.entries()) {
    const [before, after] = [modes[at - 1] ?? -1, modes[at] ?? -1];
    assert.is(Math.abs(MODE_SET.indexOf(before) - MODE_SET.indexOf(after)), 1, `${before} to ${after}`);
    assert.is((at - (changes[0] ?? 0)) % 2, 0, `changes at ${changes}`);
    assert.ok(at - (changes[index - 1] ?? at - 2) >= 2);
  }
  assert.ok(modes.includes(0), 'the lowest was reached');
  assert.is(modes.at(-1), 8, 'and then the highest');
}

test.proof('[MD-2.4.3e] modes change as the far end asks, every second frame and to a neighbour in the set', {
  peers: ['tshark', 'SIPp'],
  timeoutMs: 60_000,
  run: () => modeControl([0, 8]),
  control: () => modeControl([0, 2]),
});

/** A call with baresip's own AMR-WB, which is octet-aligned only: both ends must hear the tone of the other. */
async function withBaresip(codec: 'AMR-WB' | 'PCMU'): Promise<void> {
  const stage = await Stage.open({
    codecs: [codec],
    autoAnswer: 'all',
    playback: `file:${folder.file(`${codec}-{call}.wav`)}`,
  });
  const baresip = await Baresip.start({
    folder: folder.file(`baresip-${codec}`),
    account: '<sip:bob@127.0.0.1>;regint=0;audio_codecs=AMR-WB/16000/1',
    modules: ['amr'],
    hertz: PHONE_TONE,
    rate: 16_000,
  });
  try {
    baresip.command('dial', `sip:device@${stage.address}`);
    await until('an end of the attempt', () =>
      baresip.events.some(({ type }) => type === 'CALL_ESTABLISHED' || type === 'CALL_CLOSED'),
    );
    const [call] = await stage.device.calls();
    assert.is(call?.audio?.codec, 'AMR-WB');
    await wait(3000);
    await stage.device.act(call?.id ?? '', 'hangup');
    await baresip.event('CALL_CLOSED');
    assert.ok((await hearTone(baresip.heard(), DEVICE_TONE, 2)) >= 2, 'at baresip');
    const path = folder.file(`${codec}-${call?.id}.wav`);
    assert.ok((await hearTone(path, PHONE_TONE, 2)) >= 2, 'at the device');
  } finally {
    await baresip.stop();
    await stage.close();
  }
}

test.proof('[MD-2.4.3d] AMR-WB octet-aligned with baresip: each end hears the tone of the other', {
  peers: ['baresip'],
  timeoutMs: 60_000,
  run: () => withBaresip('AMR-WB'),
  control: () => withBaresip('PCMU'),
});

test.skip(
  '[MD-2.4.3d] SID, NO_DATA and several frames a packet',
  'no silence suppression yet, one frame a packet is sent',
);

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
    ...AMR_WB['bandwidth-efficient'].map((line) => line.replace(/97$/, '97 101')),
    'a=rtpmap:101 telephone-event/16000',
    'a=fmtp:101 0-15',
  ],
} as const;

const truth = (text: string): boolean => text === '1' || text === 'True';

/** Two digits; each one's packets as RFC 4733 2.5 has them, in the clock `assumed`. */
async function events(clock: 8000 | 16000, assumed: number): Promise<void> {
  const { capture, port } = await called(
    clock === 8000 ? 'PCMU' : 'AMR-WB',
    EVENTS[clock],
    async ({ stage, id }) => {
      await wait(300);
      await stage.device.act(id, 'dtmf', { digits: '5#' });
      await wait(1200);
    },
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
