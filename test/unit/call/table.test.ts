import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { callDiagram } from '#src/call/diagram.ts';
import {
  CALL_ACTIONS,
  CALL_EVENTS,
  CALL_STATES,
  CALL_TABLE,
  type CallState,
  outcome,
} from '#src/call/table.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('call/table');

const pairs = CALL_STATES.flatMap((state) =>
  CALL_EVENTS.map((event) => ({ state, event, found: outcome(state, event) })),
);

test('every state has an outcome for every event', () => {
  assert.is(pairs.length, CALL_STATES.length * CALL_EVENTS.length);
  for (const { state, event, found } of pairs) assert.ok(found, `${state} × ${event}`);
});

test('only the first event makes a call, and nothing leads back', () => {
  for (const { state, found } of pairs) {
    if (typeof found === 'string') continue;
    assert.is.not(found.next, 'new', state);
    if (state === 'ended') assert.is(found.next, 'ended');
  }
});

test('every state can be reached, and from every one the end', () => {
  const from = (start: CallState): Set<CallState> => {
    const seen = new Set<CallState>([start]);
    for (const state of seen) {
      for (const found of Object.values(CALL_TABLE[state]))
        if (typeof found !== 'string') seen.add(found.next);
    }
    return seen;
  };
  assert.is(from('new').size, CALL_STATES.length);
  for (const state of CALL_STATES) assert.ok(from(state).has('ended'), state);
});

test('a call ends once: `end` on the way out of life, `finish` on the way into `ended`', () => {
  const over: readonly CallState[] = ['cancelling', 'leaving', 'releasing', 'ended'];
  for (const { state, event, found } of pairs) {
    if (typeof found === 'string') continue;
    const where = `${state} × ${event}`;
    const ends = found.actions.includes('end');
    assert.is(ends, !over.includes(state) && over.includes(found.next), where);
    assert.is(found.actions.includes('finish'), state !== 'ended' && found.next === 'ended', where);
    if (found.actions.includes('finish')) assert.is(found.actions.at(-1), 'finish', where);
  }
});

test('the owner can hang up whatever lives, and nothing that is over', () => {
  for (const state of CALL_STATES) {
    const over =
      state === 'new' ||
      state === 'cancelling' ||
      state === 'leaving' ||
      state === 'releasing' ||
      state === 'ended';
    assert.is(typeof outcome(state, 'hangup') === 'string', over, state);
  }
});

test('closing ends every call that exists', () => {
  for (const state of CALL_STATES) {
    const found = outcome(state, 'abandon');
    if (state === 'new' || state === 'ended') assert.is(found, 'ignored');
    else assert.is(typeof found === 'string' ? found : found.next, 'ended', state);
  }
});

test('a request to change the call is always answered', () => {
  for (const state of CALL_STATES) {
    const found = outcome(state, 'modify');
    if (state === 'new') continue;
    const answering = ['negotiate', 'negotiate-early', 'refuse-modify'] as const;
    assert.ok(typeof found !== 'string' && answering.some((action) => found.actions.includes(action)), state);
  }
});

test('every action is used', () => {
  const used = new Set(pairs.flatMap(({ found }) => (typeof found === 'string' ? [] : [...found.actions])));
  for (const action of CALL_ACTIONS) assert.ok(used.has(action), action);
});

test('the picture in the README is that of the table', () => {
  const readme = readFileSync(new URL('../../../src/call/README.md', import.meta.url), 'utf8');
  assert.ok(
    readme.includes(`\`\`\`mermaid\n${callDiagram()}\n\`\`\``),
    'the picture in src/call/README.md is not what callDiagram() gives',
  );
});

test.run();
