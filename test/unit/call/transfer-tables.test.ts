// The tables of transfers: every pair has an outcome, every state an end, and the pictures are theirs.
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import {
  REFER_CLIENT_EVENTS,
  REFER_CLIENT_STATES,
  REFER_CLIENT_TABLE,
  referClientDiagram,
} from '#src/call/transfer/refer-client-table.ts';
import {
  TRANSFEROR_EVENTS,
  TRANSFEROR_STATES,
  TRANSFEROR_TABLE,
  transferorDiagram,
} from '#src/call/transfer/transferor-table.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('call/transfer-tables');

test('a REFER: the outcome is told once, and the end lets go', () => {
  const outcomes = ['tell outcome', 'tell refusal', 'tell unknown'];
  for (const state of REFER_CLIENT_STATES) {
    for (const event of REFER_CLIENT_EVENTS) {
      const found = REFER_CLIENT_TABLE[state][event];
      assert.ok(found, `${state} × ${event}`);
      if (found === 'ignored') continue;
      const tells = found.actions.some((action) => outcomes.includes(action));
      const open = state !== 'concluded' && state !== 'over';
      const ends = found.next === 'concluded' || found.next === 'over';
      assert.is(tells, open && ends && event !== 'stop', `${state} × ${event}`);
      assert.is(
        found.actions.includes('release'),
        state !== 'over' && found.next === 'over',
        `${state} × ${event}`,
      );
    }
  }
});

test('a transfer: nothing happens after its end, and only a success hangs up', () => {
  for (const state of TRANSFEROR_STATES) {
    for (const event of TRANSFEROR_EVENTS) {
      const found = TRANSFEROR_TABLE[state][event];
      assert.ok(found, `${state} × ${event}`);
      if (state === 'done' || state === 'failed') assert.is(found, 'ignored');
      if (found === 'ignored') continue;
      assert.is(found.actions.includes('tell done'), found.next === 'done');
      assert.is(found.actions.includes('tell failed'), found.next === 'failed');
      if (found.actions.includes('hang up')) assert.is(found.next, 'done');
      if (found.actions.includes('retrieve')) assert.is(found.next, 'failed');
    }
  }
});

test('the pictures in the README are those of the tables', () => {
  const text = readFileSync('src/call/transfer/README.md', 'utf8');
  assert.ok(text.includes(referClientDiagram()));
  assert.ok(text.includes(transferorDiagram()));
});

test.run();
