// The audio test: what is kept, for which devices, and when it is refused.
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { AudioTest } from '#src/device/acoustics.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('device/acoustics');

function device(store = new Map<string, string>(), capture = 'alsa:mic') {
  const delays: (number | undefined)[] = [];
  const state = { calling: false, found: { delayMs: 83.4, confidence: 0.9, echoDb: -20 } };
  const started: unknown[] = [];
  const parts = {
    media: {
      measureDelay: async (devices: unknown) => {
        started.push(devices);
        return state.found;
      },
      setDelay: (delay: number | undefined) => void delays.push(delay),
    },
    store: {
      get: (key: string) => store.get(key),
      set: (key: string, value: string) => void store.set(key, value),
    },
    sound: { capture, playback: 'alsa:speaker' },
    isCalling: () => state.calling,
  };
  return { audio: new AudioTest(parts), delays, state, started, store };
}

test('a sure measure is kept for these devices and used from the next start on', async () => {
  const first = device();
  assert.equal(first.delays, []);
  assert.equal(await first.audio.measure(), { delay_ms: 83, confidence: 0.9, echo_db: -20, kept: true });
  assert.equal(first.started, [{ capture: 'alsa:mic', playback: 'alsa:speaker' }]);
  assert.equal(device(first.store).delays, [83]);
  assert.equal(device(first.store, 'alsa:other').delays, [], 'of another microphone nothing is known');
});

test('a guess is told and not kept', async () => {
  const { audio, state, store } = device();
  state.found = { delayMs: 10, confidence: 0.1, echoDb: -60 };
  assert.is((await audio.measure()).kept, false);
  assert.is(store.size, 0);
});

test('what stands in the store is not believed blindly', () => {
  for (const text of ['', 'x', '-5', '501', 'Infinity'])
    assert.equal(device(new Map([['audio.delay alsa:mic alsa:speaker', text]])).delays, [], text);
});

test('not while a call lives, and one at a time', async () => {
  const { audio, state, started } = device();
  const inUse = (error: unknown): boolean => TandemError.is(error, 'audio.in-use');
  state.calling = true;
  await audio.measure().then(
    () => assert.unreachable(),
    (error) => assert.ok(inUse(error)),
  );
  state.calling = false;
  const one = audio.measure();
  await audio.measure().then(
    () => assert.unreachable(),
    (error) => assert.ok(inUse(error)),
  );
  await one;
  assert.is(started.length, 1);
});

test.run();
