// What is told of a call beside the call object: once, in order, bounded, in printable text.
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { DetailNotes } from '#src/call/details.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('call/details');

test('a sentence is told once, in one line, with its time', () => {
  let changes = 0;
  const notes = new DetailNotes(new VirtualClock(new Date('2026-01-01T00:00:00Z')), () => {
    changes += 1;
  });
  notes.tell('Diverted\r\nto\u202eEva.');
  notes.tell('Diverted to Eva.');
  notes.tell('\u0000');
  assert.equal(notes.snapshot, { told: [{ at: '2026-01-01T00:00:00.000Z', text: 'Diverted to Eva.' }] });
  assert.is(changes, 1);
});

test('a peer that tells too much is not listened to for ever', () => {
  const notes = new DetailNotes(new VirtualClock(new Date(0)), () => undefined);
  for (let index = 0; index < 1000; index += 1) notes.tell(`${index}${'x'.repeat(10_000)}`);
  const { told = [] } = notes.snapshot;
  assert.is(told.length, 32);
  assert.ok(told.every(({ text }) => text.length <= 400));
  assert.match(told[0]?.text ?? '', /^0x/);
});

test('members stand beside each other, the newer value of one in place of the older', () => {
  const notes = new DetailNotes(new VirtualClock(new Date(0)), () => undefined);
  notes.set({ connected: { uri: 'tel:+1' } });
  notes.set({ hints: ['a'] });
  notes.set({ connected: { uri: 'tel:+2' } });
  assert.equal(notes.snapshot, { connected: { uri: 'tel:+2' }, hints: ['a'] });
});

test.run();
