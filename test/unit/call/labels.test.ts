import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { type EndingFacts, endOf } from '#src/call/ending.ts';
import { CANCEL_CAUSES, cancelLabel, decidingReason, type ReasonValue } from '#src/call/labels.ts';
import { SipResponse } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('call/labels');

/** As the wire brings them. */
const reasons = (...headers: string[]): readonly ReasonValue[] =>
  SipResponse.create({ status: 200, headers: headers.map((value) => ['Reason', value] as const) }).reasons;

for (const [what, headers, label] of [
  ['no Reason', [], 'missed'],
  ['200', ['SIP;cause=200;text="Call completed elsewhere"'], 'completed elsewhere'],
  [
    '200 with blanks, as the seed prints it',
    ['SIP; cause=200; text="Call completed elsewhere"'],
    'completed elsewhere',
  ],
  ['200 without text', ['SIP;cause=200'], 'completed elsewhere'],
  ['408', ['SIP;cause=408'], 'missed'],
  ['600', ['SIP;cause=600;text=" Busy Everywhere"'], 'rejected/missed'],
  ['603', ['SIP;cause=603;text="Declined"'], 'rejected'],
  ['protocol in lower case', ['sip;cause=603'], 'rejected'],
  ['Q.850 only', ['Q.850;cause=16;text="Terminated"'], 'missed'],
  ['two values, SIP second', ['Q.850;cause=16, SIP;cause=200'], 'completed elsewhere'],
  ['two header fields', ['Q.850;cause=31', 'SIP;cause=603'], 'rejected'],
  ['the text against the cause', ['SIP;cause=480;text="Call Completed Elsewhere"'], 'completed elsewhere'],
  [
    'the text of busy everywhere under another cause',
    ['SIP;cause=486;text="Busy everywhere"'],
    'rejected/missed',
  ],
  ['another cause', ['SIP;cause=487;text="ORIGINATOR_CANCEL"'], 'missed'],
  ['a protocol nobody knows', ['X-OWN;cause=200'], 'missed'],
  ['punctuation inside the text', ['SIP;cause=200;text="a,b;cause=603"'], 'completed elsewhere'],
] as const) {
  test(`[MD-2.7b] CANCEL with ${what}: ${label}`, () => assert.is(cancelLabel(reasons(...headers)), label));
}

test('each row of the cause table cites its clause', () => {
  for (const row of CANCEL_CAUSES) assert.match(row.clause, /NG\.110/);
});

test('the reason shown is SIP, then Q.850, then whatever there is', () => {
  assert.is(decidingReason(reasons('Q.850;cause=16', 'SIP;cause=200'))?.protocol, 'SIP');
  assert.is(decidingReason(reasons('X;cause=1', 'Q.850;cause=16'))?.protocol, 'Q.850');
  assert.is(decidingReason([]), undefined);
});

const timeout = new TandemError('network', 'sip.timeout', 'No answer.');

const ends: readonly (readonly [string, EndingFacts, object])[] = [
  [
    'we hang up an answered call',
    { event: 'hangup', direction: 'in', answered: true },
    { by: 'local', label: 'answered' },
  ],
  [
    'the peer hangs up',
    { event: 'bye', direction: 'out', answered: true },
    { by: 'remote', label: 'answered' },
  ],
  [
    'we give up before the answer',
    { event: 'hangup', direction: 'out', answered: false },
    { by: 'local', label: 'cancelled' },
  ],
  [
    'the owner rejects',
    { event: 'reject', direction: 'in', answered: false },
    { by: 'local', label: 'rejected', sip: 486 },
  ],
  [
    'nobody answers',
    { event: 'ring-timeout', direction: 'in', answered: false },
    { by: 'local', label: 'missed', sip: 480 },
  ],
  [
    'waiting is off',
    { event: 'unanswerable', direction: 'in', answered: false, status: 486 },
    { by: 'local', label: 'missed', sip: 486 },
  ],
  [
    'no codec in common',
    { event: 'unanswerable', direction: 'in', answered: false, status: 488 },
    { by: 'local', label: 'failed', sip: 488 },
  ],
  [
    '486 to our INVITE',
    { event: 'refused', direction: 'out', answered: false, status: 486 },
    { by: 'remote', label: 'failed', sip: 486 },
  ],
  [
    '603',
    { event: 'refused', direction: 'out', answered: false, status: 603 },
    { by: 'remote', label: 'failed', sip: 603 },
  ],
  [
    '480',
    { event: 'refused', direction: 'out', answered: false, status: 480 },
    { by: 'remote', label: 'failed', sip: 480 },
  ],
  [
    '503',
    { event: 'refused', direction: 'out', answered: false, status: 503 },
    { by: 'network', label: 'failed', sip: 503 },
  ],
  [
    '302',
    { event: 'refused', direction: 'out', answered: false, status: 302 },
    { by: 'network', label: 'failed', sip: 302 },
  ],
  [
    'no response',
    { event: 'failed', direction: 'out', answered: false, error: timeout },
    { by: 'network', label: 'failed', sip: 408 },
  ],
  [
    'no way',
    { event: 'failed', direction: 'out', answered: false },
    { by: 'network', label: 'failed', sip: 503 },
  ],
  [
    'the ACK never came',
    { event: 'ack-timeout', direction: 'in', answered: true },
    { by: 'network', label: 'failed', sip: 408 },
  ],
  [
    'the caller takes it back',
    { event: 'cancelled', direction: 'in', answered: false },
    { by: 'remote', label: 'missed' },
  ],
  [
    'BYE while ringing',
    { event: 'bye', direction: 'in', answered: false },
    { by: 'remote', label: 'missed' },
  ],
  [
    'Tandem closes while it rings',
    { event: 'abandon', direction: 'in', answered: false },
    { by: 'local', label: 'missed', sip: 480 },
  ],
  [
    'the dialog is lost',
    { event: 'lost', direction: 'out', answered: true, status: 481 },
    { by: 'network', label: 'answered', sip: 481 },
  ],
];

for (const [what, facts, expected] of ends) {
  test(`how it ended: ${what}`, () => assert.equal(endOf(facts, 'now'), { at: 'now', ...expected }));
}

test("answered elsewhere is the network's doing, with its reason", () => {
  const facts: EndingFacts = {
    event: 'cancelled',
    direction: 'in',
    answered: false,
    reasons: reasons('SIP;cause=200;text="Call completed elsewhere"'),
  };
  assert.equal(endOf(facts, 'now'), {
    at: 'now',
    by: 'network',
    reason: { protocol: 'SIP', cause: 200, text: 'Call completed elsewhere' },
    label: 'completed elsewhere',
  });
});

test.run();
