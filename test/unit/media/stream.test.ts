import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { silentLogger } from '#src/base/log.ts';
import { MediaEngine } from '#src/media/engine.ts';
import type { StreamConfig } from '#src/media/stream.ts';
import { suite } from '#test/support/suite.ts';
import {
  AMR_WB,
  assertHeard,
  assertSilent,
  configTo,
  connect,
  eventually,
  next,
  openStream,
  PCMA,
  PCMU,
  talk,
  withEngine,
} from './sound.ts';

const test = suite('media/stream');
const TALK_MS = 1000;

const CODINGS: readonly [string, StreamConfig['codec'], number][] = [
  ['PCMU', PCMU, 20],
  ['PCMA in packets of 40 ms', PCMA, 40],
  ['AMR-WB, bandwidth-efficient', AMR_WB, 20],
  ['AMR-WB, octet-aligned', { ...AMR_WB, octetAligned: true, modeSet: [0, 2, 8] }, 20],
];

for (const [name, codec, ptimeMs] of CODINGS) {
  test(`${name}: each side hears the other's tone at its level`, () =>
    withEngine(async (engine, folder) => {
      const files = [join(folder, 'a.wav'), join(folder, 'b.wav')] as const;
      const a = openStream(engine, { capture: 'tone:440', playback: `file:${files[0]}` });
      const b = openStream(engine, { capture: 'tone:1000', playback: `file:${files[1]}` });
      const first = Promise.all([next(a.onFirstPacket), next(b.onFirstPacket)]);
      connect(a, b, { codec, ptimeMs });
      await first;
      await talk(TALK_MS);
      const stats = a.stats();
      assert.is(stats.lost, 0);
      assert.ok(Math.abs(stats.levelIn - -12) < 1, `${stats.levelIn}`);
      assert.ok(Math.abs(stats.levelOut - -12) < 2, `${stats.levelOut}`);
      assert.is(stats.remoteSsrc, b.stats().ssrc);
      await Promise.all([a.close(), b.close()]);
      assertHeard(files[0], 1000);
      assertHeard(files[1], 440);
      assertSilent(files[0], 440);
      assert.ok(a.stats().sent >= stats.sent, 'the last values stay');
    }));
}

test('a WAV that is played loops and is heard', () =>
  withEngine(async (engine, folder) => {
    const tone = join(folder, 'tone.wav');
    const heard = join(folder, 'heard.wav');
    const maker = openStream(engine, { capture: 'tone:600' });
    const writer = openStream(engine, { playback: `file:${tone}` });
    connect(maker, writer);
    await talk(700);
    await Promise.all([maker.close(), writer.close()]);
    const player = openStream(engine, { capture: `file:${tone}` });
    const listener = openStream(engine, { playback: `file:${heard}` });
    connect(player, listener, { codec: AMR_WB });
    await talk(TALK_MS);
    await listener.close();
    const level = listener.stats().levelOut;
    assert.ok(level > -20, `${level} dBov`);
  }));

test('digits go across, both ways, and the sound comes back after them', () =>
  withEngine(async (engine, folder) => {
    const file = join(folder, 'b.wav');
    const a = openStream(engine, { capture: 'tone:440' });
    const b = openStream(engine, { capture: 'tone:1000', playback: `file:${file}` });
    const digits: string[] = [];
    a.onDtmf.on(({ digit }) => digits.push(`a${digit}`));
    b.onDtmf.on(({ digit, durationMs }) => {
      digits.push(`b${digit}`);
      assert.ok(durationMs >= 65 && durationMs < 200, `${durationMs} ms`);
    });
    connect(a, b, { codec: AMR_WB, dtmf: { payloadType: 101, clockRate: 16_000 } });
    await next(b.onFirstPacket);
    a.sendDtmf('1*');
    a.sendDtmf('D', { durationMs: 150 });
    b.sendDtmf('0');
    await eventually(() => digits.length >= 4);
    assert.equal(
      digits.filter((entry) => entry.startsWith('b')),
      ['b1', 'b*', 'bD'],
    );
    assert.equal(
      digits.filter((entry) => entry.startsWith('a')),
      ['a0'],
    );
    await talk(600);
    assert.is(a.stats().dtmfSent, 3);
    assert.is(b.stats().dtmfReceived, 3);
    await b.close();
    assertHeard(file, 440);
  }));

test('directions change in mid-call', () =>
  withEngine(async (engine, folder) => {
    const file = join(folder, 'b.wav');
    const a = openStream(engine, { capture: 'tone:440' });
    const b = openStream(engine, { playback: `file:${file}` });
    connect(a, b);
    await talk(600);
    a.configure(configTo(b.port, { send: false }));
    await talk(100);
    const { sent, received } = a.stats();
    await talk(600);
    assert.is(a.stats().sent, sent, 'nothing is sent any more');
    assert.ok(a.stats().received > received, 'and receiving goes on');
    a.configure(configTo(b.port));
    b.configure(configTo(a.port, { receive: false }));
    await talk(500);
    assert.ok(a.stats().sent > sent);
    b.configure(configTo(a.port));
    await talk(600);
    await b.close();
    assertHeard(file, 440, 150, 50);
    assertSilent(file, 440, 150, 700);
    assertSilent(file, 440, 150, 1300);
  }));

test('the codec changes in mid-call', () =>
  withEngine(async (engine, folder) => {
    const file = join(folder, 'b.wav');
    const a = openStream(engine, { capture: 'tone:440' });
    const b = openStream(engine, { playback: `file:${file}` });
    for (const codec of [PCMU, AMR_WB, { ...AMR_WB, octetAligned: true }, PCMA]) {
      connect(a, b, { codec });
      await talk(500);
    }
    await b.close();
    for (const skip of [100, 600, 1100]) assertHeard(file, 440, 150, skip);
  }));

test('RTCP: the round trip and the far loss are known', { timeoutMs: 20_000 }, () =>
  withEngine(async (engine) => {
    const a = openStream(engine, { capture: 'tone:440' });
    const b = openStream(engine, { capture: 'tone:1000' });
    connect(a, b);
    // A report answers a report: the second of either side comes within 5 s * 1.5 / 1.2 of the first.
    await eventually(() => a.stats().rttMs !== undefined || b.stats().rttMs !== undefined, 12_000);
    const known = a.stats().rttMs === undefined ? b.stats() : a.stats();
    assert.ok((known.rttMs ?? -1) >= 0 && (known.rttMs ?? 1000) < 500, `${known.rttMs}`);
    assert.is(known.farLoss, 0);
  }),
);

test('several calls at once, each with its own sound', () =>
  withEngine(async (engine, folder) => {
    const pairs = Array.from({ length: 12 }, (_, index) => {
      const file = join(folder, `${index}.wav`);
      const hertz = 300 + 200 * index;
      const from = openStream(engine, { capture: `tone:${hertz}` });
      const to = openStream(engine, { playback: `file:${file}` });
      connect(from, to, { codec: index % 2 ? PCMA : AMR_WB });
      return { file, hertz, to };
    });
    await talk(TALK_MS);
    assert.is(engine.counters.media_streams_open, 24);
    await Promise.all(pairs.map(({ to }) => to.close()));
    for (const { file, hertz } of pairs) assertHeard(file, hertz);
    assert.is(engine.counters.media_streams_open, 12);
    assert.is(engine.counters.media_rtp_lost_total, 0);
  }));

test('an engine that is closed has ended its streams', async () => {
  const engine = MediaEngine.open({ log: silentLogger(), realtime: false });
  assert.is(engine.info.realtime, false);
  const stream = openStream(engine);
  const closed = stream.close();
  await Promise.all([engine.close(), engine.close(), closed]);
  assert.is(engine.counters.media_streams_open, 0);
});

test.run();
