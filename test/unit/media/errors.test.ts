import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { findAddon, requireAddon } from '#src/media/addon.ts';
import { suite } from '#test/support/suite.ts';
import { ANY_PORTS, configTo, LOCAL, openStream, PCMU, thrown, withEngine } from './sound.ts';

const test = suite('media/errors');

test('what cannot be opened is refused by id, with the reason', () =>
  withEngine(async (engine) => {
    const cases: readonly [string, RegExp, Parameters<typeof openStream>[1]][] = [
      ['media.config', /capture.*pulse/, { capture: 'pulse:x' }],
      ['media.config', /playback.*tone/, { playback: 'tone:440' }],
      ['media.file', /missing\.wav: not-found/, { capture: 'file:/missing.wav' }],
      ['media.file', /malformed|unsupported|truncated/, { capture: 'file:/proc/self/status' }],
      ['media.file', /nowhere\/x\.wav/, { playback: 'file:/nowhere/x.wav' }],
      ['media.file', /disk-full/, { playback: 'file:/dev/full' }],
      ['media.device', /no-such-card/, { capture: 'alsa:no-such-card' }],
      ['media.device', /no-such-card/, { playback: 'alsa:no-such-card' }],
      ['media.address', /localhost/, { address: 'localhost' }],
      ['media.address', /192\.0\.2\.1/, { address: '192.0.2.1' }],
      ['media.ports', /70000/, { ports: { from: 70_000, to: 70_100 } }],
    ];
    for (const [id, reason, options] of cases) {
      const error = thrown(() => openStream(engine, options));
      assert.is(error.id, id, error.message);
      assert.match(error.message, reason);
    }
    assert.is(engine.counters.media_streams_open, 0);
  }));

test('ports: pairs in the range, then media.ports; a closed stream gives its pair back', () =>
  withEngine(async (engine) => {
    const ports = { from: 28_101, to: 28_105 };
    const one = openStream(engine, { ports });
    const two = openStream(engine, { ports });
    assert.equal([one.port, two.port].sort(), [28_102, 28_104]);
    assert.is(one.rtcpPort, one.port + 1);
    assert.is(thrown(() => openStream(engine, { ports })).id, 'media.ports');
    await one.close();
    assert.is(openStream(engine, { ports }).port, one.port);
  }));

test('what cannot be configured is refused, and the stream stays as it was', () =>
  withEngine(async (engine) => {
    const stream = openStream(engine);
    const good = configTo(4000);
    // The types forbid it; a caller without types may still say it.
    const evs = { name: 'EVS', payloadType: 98, clockRate: 16_000 } as unknown as typeof PCMU;
    const cases: readonly [string, RegExp, Partial<typeof good>][] = [
      ['media.codec', /EVS/, { codec: evs }],
      ['media.codec', /16000/, { codec: { ...PCMU, clockRate: 16_000 } }],
      [
        'media.codec',
        /mode 9/,
        { codec: { name: 'AMR-WB', payloadType: 96, clockRate: 16_000, modeSet: [9] } },
      ],
      ['media.argument', /payload type 128/, { codec: { ...PCMU, payloadType: 128 } }],
      ['media.argument', /one payload type/, { dtmf: { payloadType: 0, clockRate: 8000 } }],
      ['media.argument', /packet time/, { ptimeMs: 0 }],
      ['media.argument', /CNAME/, { cname: '' }],
      ['media.argument', /CNAME/, { cname: 'x'.repeat(64) }],
      ['media.address', /port 0/, { remote: { address: LOCAL, port: 0 } }],
      ['media.address', /family/, { remote: { address: '::1', port: 4000 } }],
      ['media.address', /example/, { remote: { address: 'example.com', port: 4000 } }],
    ];
    for (const [id, reason, changes] of cases) {
      const error = thrown(() => stream.configure({ ...good, ...changes }));
      assert.is(error.id, id, error.message);
      assert.match(error.message, reason);
    }
    stream.configure(good);
    assert.is(thrown(() => stream.sendDtmf('1')).id, 'media.argument');
    stream.configure({ ...good, dtmf: { payloadType: 101, clockRate: 8000 } });
    assert.is(thrown(() => stream.sendDtmf('1x')).id, 'media.argument');
    assert.is(thrown(() => stream.sendDtmf('')).id, 'media.argument');
    assert.is(thrown(() => stream.sendDtmf('1'.repeat(65))).id, 'media.argument');
    stream.sendDtmf('1');
  }));

test('a closed stream and a closed engine say so', () =>
  withEngine(async (engine, folder) => {
    const stream = openStream(engine, { playback: `file:${join(folder, 'x.wav')}` });
    await Promise.all([stream.close(), stream.close()]);
    assert.is(thrown(() => stream.configure(configTo(4000))).id, 'media.closed');
    assert.is(thrown(() => stream.sendDtmf('1')).id, 'media.closed');
    assert.is(stream.stats().sent, 0);
    await engine.close();
    assert.is(thrown(() => openStream(engine, { ports: ANY_PORTS })).id, 'media.closed');
  }));

test('an addon that is not built, or is none, is named', () => {
  const missing = thrown(() => findAddon('file:///nowhere/src/media/addon.ts'));
  assert.is(missing.id, 'media.addon');
  assert.match(missing.message, /build-native/);
  const broken = thrown(() => requireAddon('/proc/self/status'));
  assert.is(broken.id, 'media.addon');
});

test.run();
