import * as assert from 'uvu/assert';
import type { CallSnapshot, LogRow } from '#src/call/snapshot.ts';
import { callText, logText, statusText } from '#src/cli/client/format.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('cli/format');

const START = '2026-01-02T03:04:05.000Z';
const audio = { codec: 'AMR-WB', srtp: true, sent: 1, received: 1, lost: 0, jitter_ms: 1, mos: 4 };
const call: CallSnapshot = {
  ...{ id: 'x', direction: 'out', state: 'active', waiting: false, hold: 'none', dialogs: [], start: START },
  ...{ remote: { uri: 'sip:b@example.org' }, identity: 'sip:a@example.org', video: false },
};
const row: LogRow = {
  ...call,
  state: 'ended',
  answered: START,
  end: { at: '2026-01-02T03:05:05.000Z', by: 'local', label: 'answered' },
};

test('a call: what flows in it', () => {
  assert.is(callText(call), 'x to sip:b@example.org active\n');
  const shown = callText({ ...call, audio, video: true });
  assert.is(shown, 'x to sip:b@example.org active, AMR-WB, encrypted, video\n');
  const clear = callText({ ...call, direction: 'in', audio: { ...audio, srtp: false } });
  assert.is(clear, 'x from sip:b@example.org active, AMR-WB\n');
});

test('a call: whether it waits, and who holds it', () => {
  assert.is(callText({ ...call, hold: 'local' }), 'x to sip:b@example.org active, on hold\n');
  assert.is(callText({ ...call, hold: 'remote' }), 'x to sip:b@example.org active, put on hold by them\n');
  const waiting = { ...call, direction: 'in', state: 'ringing', waiting: true } as const;
  assert.is(callText(waiting), 'x from sip:b@example.org ringing, waiting\n');
});

test('the log: nothing flowed in a call that nobody answered', () => {
  const { answered: _, ...missed } = row;
  assert.not.match(
    logText([{ ...missed, audio, end: { ...row.end, by: 'remote', label: 'missed' } }]),
    /AMR-WB|encrypted/,
  );
});

test('the log: a call that failed says why in words', () => {
  const failed = (sip: number): string =>
    logText([{ ...row, end: { ...row.end, by: 'remote', label: 'failed', sip } }]);
  for (const [sip, words] of [
    [486, 'failed: busy (486)'],
    [603, 'failed: declined (603)'],
    [480, 'failed: not available (480)'],
    [404, 'failed: no such number (404)'],
    [499, 'failed (499)'],
  ] as const)
    assert.ok(failed(sip).includes(`  ${words}  `), failed(sip));
});

test('the log: a row tells encryption and video', () => {
  const shown = logText([{ ...row, audio, video: true }]);
  assert.match(
    shown,
    /answered +60 s +sip:b@example.org +\(sip:a@example.org\), AMR-WB, encrypted, video\n$/,
  );
});

test('the status: live calls beside the registration', () => {
  const status = {
    ...{ version: '1', uptime: 1, listen: [], federation: [] },
    registration: { state: 'off', identities: [] },
  } as const;
  assert.match(statusText(status, [call, row]), /^call +x to sip:b@example.org active$/m);
  assert.not.match(statusText(status, [row]), /^call/m);
  const identities = [{ uri: 'sip:o@example.org', kind: 'shared', active: false }] as const;
  const shown = statusText({ ...status, registration: { state: 'registered', identities } }, []);
  assert.match(shown, /^identity +sip:o@example\.org \(shared, switched off\)$/m);
});

test('what a stranger wrote does not steer the terminal', () => {
  const remote = { uri: 'sip:b@example.org', name: 'a\u001b[2J\n' };
  assert.not.match(logText([{ ...row, remote }]).trimEnd(), /\p{Cc}/u);
});

test.run();
