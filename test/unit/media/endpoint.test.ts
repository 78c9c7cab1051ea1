import * as assert from 'uvu/assert';
import { parseCapture, parsePlayback } from '#src/media/endpoint.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('media/endpoint');

test('each kind of source is read', () => {
  assert.equal(parseCapture('null'), { ok: true, value: { kind: 'null' } });
  assert.equal(parseCapture('tone:440.5'), { ok: true, value: { kind: 'tone', hertz: 440.5 } });
  assert.equal(parseCapture('file:/a b:c.wav'), { ok: true, value: { kind: 'file', path: '/a b:c.wav' } });
  assert.equal(parseCapture('alsa:plughw:CARD=USB,DEV=0'), {
    ok: true,
    value: { kind: 'device', name: 'plughw:CARD=USB,DEV=0' },
  });
});

test('what is wrong is named', () => {
  for (const [text, reason] of [
    ['', 'none of'],
    ['pulse:x', 'pulse:x'],
    ['NULL', 'none of'],
    ['constructor:440', 'none of'],
    ['alsa', 'name of a device'],
    ['alsa:', 'name of a device'],
    ['file:', 'a path'],
    ['tone:', 'frequency'],
    ['tone:0', 'below 8000'],
    ['tone:8000', 'below 8000'],
    ['tone:1e3', 'below 8000'],
    ['tone:-5', 'below 8000'],
    ['tone:440Hz', 'below 8000'],
    ['file:a\0b', 'zero octet'],
  ] as const) {
    const parsed = parseCapture(text);
    assert.is(parsed.ok, false, text);
    if (!parsed.ok) assert.match(parsed.error, reason);
  }
});

test('a tone is no playback', () => {
  const parsed = parsePlayback('tone:440');
  assert.is(parsed.ok, false);
  assert.is(parsePlayback('file:x.wav').ok, true);
});

test.run();
