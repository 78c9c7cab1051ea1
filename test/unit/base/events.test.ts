import * as assert from 'uvu/assert';
import { Signal } from '#src/base/events.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('base/events');

test('each listener hears each value until it is taken off', () => {
  const heard: string[] = [];
  const signal = new Signal<number>();
  const off = signal.on((value) => heard.push(`a${value}`));
  signal.on((value) => heard.push(`b${value}`));
  signal.emit(1);
  off();
  off();
  signal.emit(2);
  assert.equal(heard, ['a1', 'b1', 'b2']);
});

test('a listener that throws stops nobody', () => {
  const errors: unknown[] = [];
  const heard: number[] = [];
  const signal = new Signal<number>({ onError: (error) => errors.push(error) });
  signal.on(() => {
    throw new Error('x');
  });
  signal.on((value) => heard.push(value));
  signal.emit(1);
  assert.equal(heard, [1]);
  assert.is(errors.length, 1);
});

test('the source is told of the first listener and of the last', () => {
  const told: boolean[] = [];
  const signal = new Signal<number>({ onListened: (isListenedTo) => told.push(isListenedTo) });
  const offs = [1, 2].map(() => signal.on(() => undefined));
  assert.equal(told, [true]);
  for (const off of [...offs, ...offs]) off();
  assert.equal(told, [true, false]);
  assert.not(signal.isListenedTo);
});

test('a signal that is cleared tells nobody any more, and whoever wanted to know hears that', () => {
  const seen: (number | boolean)[] = [];
  const signal = new Signal<number>({ onListened: (isListenedTo) => void seen.push(isListenedTo) });
  signal.on((value) => void seen.push(value));
  signal.emit(1);
  signal.clear();
  signal.emit(2);
  signal.clear();
  assert.equal(seen, [true, 1, false]);
});

test.run();
