import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { RequirementRow } from '#src/cli/conformance/rows/row.ts';
import { ROWS } from '#src/cli/conformance/rows.ts';
import { conformance, idsIn, type TestOutcome } from '#src/cli/conformance/status.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('cli/conformance');

const row = (id: string, more: Partial<RequirementRow> = {}): RequirementRow => ({
  id,
  clause: 'NG.110 9',
  text: 'x',
  ...more,
});
const ran = (
  name: string,
  status: TestOutcome['status'] = 'passed',
  peers: readonly string[] = [],
): TestOutcome => ({ test: name, status, peers });
const statusOf = (id: string, rows: readonly RequirementRow[], outcomes: readonly TestOutcome[]) =>
  conformance(rows, outcomes).rows.find((one) => one.id === id)?.status;

test('the data: ids once, parents there, every clause named', () => {
  const ids = ROWS.map(({ id }) => id);
  assert.is(new Set(ids).size, ids.length);
  assert.ok(ids.length > 100);
  for (const { id, parent, clause, text } of ROWS) {
    assert.match(id, /^MD-[0-9A]/);
    assert.ok(parent === undefined || ids.includes(parent), `${id} under ${parent}`);
    assert.ok(clause.length > 0 && text.length > 3, id);
  }
});

/** The chapters with many children: a parent of each, and the letters that follow its id. */
const CHILDREN: readonly [string, string][] = [
  ['MD-2.4.3', 'a b c d e f g h i j'],
  ['MD-2.4.4', 'a b c d e f g h'],
  ['MD-2.9.1a', '1 2'],
  ['MD-2.9.1b', '1 2 3 4 5 6 7'],
  ['MD-2.9.1f', '1 2 3 4'],
  ['MD-2.9.1g', '1 2 3'],
  ['MD-2.9.2a', '1 2 3'],
  ['MD-2.9.2b', '1 2 3'],
];
for (const [parent, letters] of CHILDREN)
  test(`the data: ${parent} is the sum of its children`, () => {
    assert.ok(ROWS.find(({ id }) => id === parent)?.rollUp);
    assert.equal(
      ROWS.filter((one) => one.parent === parent).map(({ id }) => id),
      letters.split(' ').map((letter) => `${parent}${letter}`),
    );
  });

test('ids are read from brackets', () => {
  assert.equal(idsIn('[MD-2.2.7] no compression'), ['MD-2.2.7']);
  assert.equal(idsIn('[MD-2.2.6a, MD-2.7b] [x] forks [MD-A.3]'), ['MD-2.2.6a', 'MD-2.7b', 'MD-A.3']);
  assert.equal(idsIn('MD-2.2.7 without brackets'), []);
});

test('ids that tests name stand for a row, and for the child where a row is the sum of its children', () => {
  const tests = join(import.meta.dirname, '../..');
  const sources = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.test.ts') && !name.endsWith('cli/conformance.test.ts'),
  );
  const sums = new Set(ROWS.filter(({ rollUp }) => rollUp).map(({ id }) => id));
  const known = new Set(ROWS.map(({ id }) => id));
  for (const name of sources)
    for (const [id] of readFileSync(join(tests, name), 'utf8').matchAll(
      /(?<=\[|\[MD-[^\]]*[\s,])MD-[^\],\s]+/g,
    ))
      if (!id.includes('$')) assert.ok(known.has(id) && !sums.has(id), `${name}: ${id}`);
});

/** A single row: what ran, what it is. */
const LEAF: readonly [string, RequirementRow, readonly TestOutcome[], string][] = [
  ['no test', row('MD-1'), [], 'not yet'],
  ['only failed', row('MD-1'), [ran('[MD-1] a', 'failed')], 'not yet'],
  ['only skipped', row('MD-1'), [ran('[MD-1] a', 'skipped', ['SIPp'])], 'not yet'],
  ['passed, nobody else judged', row('MD-1'), [ran('[MD-1] a')], 'shown'],
  [
    'passed, a stranger judged one',
    row('MD-1'),
    [ran('[MD-1] a'), ran('[MD-1] b', 'passed', ['SIPp'])],
    'proven',
  ],
  ['one failed', row('MD-1'), [ran('[MD-1] a', 'failed'), ran('[MD-1] b', 'passed', ['SIPp'])], 'partly'],
  ['one skipped', row('MD-1'), [ran('[MD-1] a', 'skipped'), ran('[MD-1] b', 'passed', ['SIPp'])], 'partly'],
  [
    'only our operator can',
    row('MD-1', { operatorOnly: true }),
    [ran('[MD-1] a', 'passed', ['SIPp'])],
    'shown',
  ],
  ['native client', row('MD-1', { native: true }), [ran('[MD-1] a', 'passed', ['SIPp'])], 'not applicable'],
  ['a test of another row', row('MD-1'), [ran('[MD-1a] a', 'passed', ['SIPp'])], 'not yet'],
];
for (const [name, one, outcomes, wanted] of LEAF)
  test(`a row: ${name}`, () => assert.is(statusOf('MD-1', [one], outcomes), wanted));

const stranger = (id: string) => ran(`[${id}] x`, 'passed', ['SIPp']);
const PARENT: readonly [string, RequirementRow, Partial<RequirementRow>, readonly TestOutcome[], string][] = [
  [
    'roll-up, all proven',
    row('MD-1', { rollUp: true }),
    {},
    [stranger('MD-1a'), stranger('MD-1b')],
    'proven',
  ],
  ['roll-up, one missing', row('MD-1', { rollUp: true }), {}, [stranger('MD-1a')], 'partly'],
  ['roll-up, none', row('MD-1', { rollUp: true }), {}, [], 'not yet'],
  [
    'roll-up, one only shown',
    row('MD-1', { rollUp: true }),
    {},
    [stranger('MD-1a'), ran('[MD-1b] x')],
    'shown',
  ],
  [
    'roll-up, one shown for want of strangers',
    row('MD-1', { rollUp: true }),
    { operatorOnly: true },
    [stranger('MD-1a'), ran('[MD-1b] x')],
    'proven',
  ],
  [
    'roll-up, one not applicable',
    row('MD-1', { rollUp: true }),
    { native: true },
    [stranger('MD-1a')],
    'proven',
  ],
  ['own test wanted and missing', row('MD-1'), {}, [stranger('MD-1a'), stranger('MD-1b')], 'partly'],
  [
    'own test failed',
    row('MD-1'),
    {},
    [stranger('MD-1a'), stranger('MD-1b'), ran('[MD-1] x', 'failed')],
    'partly',
  ],
  ['own test shown', row('MD-1'), {}, [stranger('MD-1a'), stranger('MD-1b'), ran('[MD-1] x')], 'shown'],
  ['own test proven', row('MD-1'), {}, [stranger('MD-1a'), stranger('MD-1b'), stranger('MD-1')], 'proven'],
  ['own test proven, child not', row('MD-1'), {}, [stranger('MD-1a'), stranger('MD-1')], 'partly'],
];
for (const [name, one, b, outcomes, wanted] of PARENT)
  test(`a parent: ${name}`, () => {
    const rows = [one, row('MD-1a', { parent: 'MD-1' }), row('MD-1b', { parent: 'MD-1', ...b })];
    assert.is(statusOf('MD-1', rows, outcomes), wanted);
  });

test('tests and judges are named; a failed test vouches for nobody', () => {
  const [one] = conformance(
    [row('MD-1')],
    [ran('[MD-1] a', 'failed', ['Kamailio']), ran('[MD-1] b', 'passed', ['SIPp'])],
  ).rows;
  assert.equal(one?.tests, ['[MD-1] a', '[MD-1] b']);
  assert.equal(one?.peers, ['SIPp']);
});

test('an id that no row has is told', () => {
  assert.equal(conformance([row('MD-1')], [ran('[MD-99] x')]).unknown, ['MD-99']);
});

test.run();
