import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import {
  REGISTRATION_TABLE,
  type RegistrationPhase,
  registrationDiagram,
} from '#src/ims/registration-table.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('ims/registration-table');

// The keys of the table are its phases.
const phases = Object.keys(REGISTRATION_TABLE) as RegistrationPhase[];

test('the README shows the table', () => {
  const readme = readFileSync(new URL('../../../src/ims/README.md', import.meta.url), 'utf8');
  assert.is(/```mermaid\n(.*?)```/s.exec(readme)?.[1], registrationDiagram());
});

test('every phase can be reached, and the agent can stop in each', () => {
  const reached = new Set(
    phases.flatMap((phase) => Object.values(REGISTRATION_TABLE[phase]).map(({ next }) => next)),
  );
  for (const phase of phases) {
    assert.ok(reached.has(phase), phase);
    const row = REGISTRATION_TABLE[phase];
    assert.ok(row.stop || row['time-up'], `${phase} knows neither stop nor its end`);
  }
});

test('every row cites its clause', () => {
  for (const phase of phases) {
    for (const [event, { clause }] of Object.entries(REGISTRATION_TABLE[phase])) {
      assert.match(clause, /^(RFC \d+|24\.229|33\.203|corrected)/, `${phase} ${event}`);
    }
  }
});

test('whoever waits knows how it goes on', () => {
  for (const phase of phases) {
    for (const [event, { next, actions }] of Object.entries(REGISTRATION_TABLE[phase])) {
      if (next === 'waiting') assert.ok(actions.includes('delay'), `${phase} ${event}`);
      if (next === 'selecting')
        assert.ok(
          actions.some((a) => ['begin', 'next', 'redirect'].includes(a)),
          `${phase} ${event}`,
        );
    }
  }
});

test.run();
