import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { TransactionMachine } from '#src/sip/transaction/machine.ts';
import { toMermaid } from '#src/sip/transaction/mermaid.ts';
import { MACHINES, type Machine, type Row } from '#src/sip/transaction/table.ts';
import { SIP_TIMERS, TIMER_RULES } from '#src/sip/transaction/timers.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('sip/transaction/table');
const machines = Object.values(MACHINES);
const statesOf = (machine: Machine) => [
  ...new Set([machine.initial, ...machine.rows.map(({ next }) => next)]),
];

/** Timers that run in a state: started on some way into it and not stopped since. */
function timersIn(machine: Machine): Map<string, Set<string>> {
  const running = new Map<string, Set<string>>();
  const visit = (state: string, timers: Set<string>): void => {
    const known = running.get(state);
    if (known && [...timers].every((each) => known.has(each))) return;
    running.set(state, new Set([...(known ?? []), ...timers]));
    for (const row of machine.rows.filter((each) => each.state === state))
      visit(row.next, after(row, timers));
  };
  visit(machine.initial, applied(machine.entry, new Set()));
  return running;
}

function applied(actions: readonly string[], before: ReadonlySet<string>): Set<string> {
  const timers = new Set(before);
  for (const action of actions) {
    const [verb, timer = ''] = action.split(' ');
    if (verb === 'start' || verb === 'restart' || verb === 'slow') timers.add(timer);
    if (verb === 'stop') timers.delete(timer);
  }
  return timers;
}

function after(row: Row, before: ReadonlySet<string>): Set<string> {
  const timers = new Set(before);
  if (row.event.startsWith('timer ')) timers.delete(row.event.slice(6));
  return row.next === 'terminated' ? new Set() : applied(row.actions, timers);
}

test('one row at most for each state and event, and every action is spelled right', () => {
  const plain = ['send', 'ack', 'pass', 'report timeout', 'report transport'];
  for (const machine of machines) {
    const keys = machine.rows.map(({ state, event }) => `${state} ${event}`);
    assert.is(new Set(keys).size, keys.length, machine.name);
    for (const action of [...machine.entry, ...machine.rows.flatMap(({ actions }) => actions)]) {
      const [verb = '', timer = ''] = action.split(' ');
      const known =
        plain.includes(action) ||
        (['start', 'restart', 'slow', 'stop'].includes(verb) && timer in TIMER_RULES);
      assert.ok(known, `${machine.name}: ${action}`);
    }
    for (const row of machine.rows) assert.match(row.clause, /^(RFC 6026 [78]\.\d|17\.[12]\.\d(\.\d)?)$/);
  }
});

test('every event of a machine is known in every state, but for timers that cannot run there', () => {
  for (const machine of machines) {
    const running = timersIn(machine);
    for (const state of statesOf(machine).filter((each) => each !== 'terminated')) {
      for (const event of machine.events) {
        const row = machine.rows.find((each) => each.state === state && each.event === event);
        const impossible = event.startsWith('timer ') && !running.get(state)?.has(event.slice(6));
        assert.is(row === undefined, impossible, `${machine.name}: ${state} × ${event}`);
      }
    }
  }
});

test('from every state the end is reached', () => {
  for (const machine of machines) {
    for (const start of statesOf(machine)) {
      const seen = new Set([start]);
      for (const state of seen) for (const row of machine.rows) if (row.state === state) seen.add(row.next);
      assert.ok(seen.has('terminated'), `${machine.name}: ${start}`);
    }
  }
});

test('the interpreter takes each row: state, actions and end as the table says', () => {
  for (const machine of machines) {
    for (const row of machine.rows) {
      const clock = new VirtualClock();
      const done: string[] = [];
      let ends = 0;
      const walker = new TransactionMachine(
        { ...machine, initial: row.state, entry: [] },
        {
          clock,
          timers: SIP_TIMERS,
          reliable: () => false,
          perform: (action) => done.push(action),
          onEnd: () => {
            ends += 1;
          },
        },
      );
      assert.equal(walker.fire(row.event), { kind: 'taken', row });
      assert.is(walker.state, row.next);
      const own = row.actions.filter((action) => !/^(start|restart|slow|stop) /.test(action));
      assert.equal(done, own);
      assert.is(ends, row.next === 'terminated' ? 1 : 0);
      if (row.next === 'terminated') {
        assert.is(clock.pending, 0);
        assert.equal(walker.fire(row.event), { kind: 'over' });
      }
    }
  }
});

test('an event without a row has a typed outcome', () => {
  const parts = {
    clock: new VirtualClock(),
    timers: SIP_TIMERS,
    reliable: () => true,
    perform: () => undefined,
  };
  const walker = new TransactionMachine(MACHINES.inviteClient, { ...parts, onEnd: () => undefined });
  assert.equal(walker.fire('ACK'), { kind: 'unknown', state: 'calling', event: 'ACK' });
});

test('the pictures in the README are the tables', () => {
  const readme = readFileSync('src/sip/transaction/README.md', 'utf8');
  for (const machine of machines) assert.ok(readme.includes(toMermaid(machine)), machine.name);
});

test.run();
