// CANCEL of a ringing call: the table of labels (NG.110 2.7), and its races (RFC 3261 9, 15).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import {
  ack,
  ackRefusal,
  callSetUp,
  cancel,
  cancelTaken,
  hangUp,
  inDialog,
  ringing,
} from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { expect, has, keep, pause, type Step, scenario } from './scenarios/xml.ts';
import type { CallObject } from './support/agent.ts';

const test = suite('peers/sipp-cancel');
const peers = ['SIPp'];

let stage: Stage;
test.before(async () => {
  stage = await Stage.open();
});
test.after(() => stage.close());

/** 200 to the CANCEL and 487 to the INVITE, in this order or the other. */
const cancelled = (user: string, reasons: readonly string[]): Step[] => [
  ...ringing(user),
  pause(200),
  cancel(
    user,
    reasons.map((reason) => `Reason: ${reason}`),
  ),
  cancelTaken(),
  expect(487, { checks: [has('CSeq', '1 INVITE')] }),
  ackRefusal(user),
];

let calls = 0;

/** The row of a call that was taken back with these Reason header fields. */
async function rowAfter(reasons: readonly string[]): Promise<CallObject> {
  calls += 1;
  const user = `cancel${calls}`;
  await stage.called(user, scenario(user, cancelled(user, reasons)));
  return stage.logged(user);
}

interface Case {
  readonly name: string;
  readonly reasons: readonly string[];
  readonly label: string;
  readonly by: 'network' | 'remote';
}

const LABELS: readonly Case[] = [
  {
    name: '200',
    reasons: ['SIP;cause=200;text="Call completed elsewhere"'],
    label: 'completed elsewhere',
    by: 'network',
  },
  { name: '200 without text', reasons: ['SIP;cause=200'], label: 'completed elsewhere', by: 'network' },
  { name: '408', reasons: ['SIP;cause=408;text="Request Timeout"'], label: 'missed', by: 'network' },
  { name: '600', reasons: ['SIP;cause=600;text="Busy Everywhere"'], label: 'rejected/missed', by: 'network' },
  { name: '603', reasons: ['SIP;cause=603;text="Declined"'], label: 'rejected', by: 'network' },
  { name: 'no Reason', reasons: [], label: 'missed', by: 'remote' },
  { name: 'Q.850 only', reasons: ['Q.850;cause=16;text="Terminated"'], label: 'missed', by: 'remote' },
  {
    name: 'Q.850 before SIP in one line',
    reasons: ['Q.850;cause=16, SIP;cause=200;text="Call completed elsewhere"'],
    label: 'completed elsewhere',
    by: 'network',
  },
  {
    name: 'two lines',
    reasons: ['Q.850;cause=21', 'SIP;cause=603'],
    label: 'rejected',
    by: 'network',
  },
  {
    name: 'an odd text',
    reasons: ['SIP;cause=200;text="besvarat \\"n\xe5gon\\" annanstans; \'ok\'"'],
    label: 'completed elsewhere',
    by: 'network',
  },
  {
    name: 'lower case and blanks',
    reasons: ['sip ; cause = 600 ; text = "busy everywhere"'],
    label: 'rejected/missed',
    by: 'network',
  },
  { name: 'a cause that means nothing here', reasons: ['SIP;cause=500'], label: 'missed', by: 'remote' },
  { name: 'a cause that is no number', reasons: ['SIP;cause=abc'], label: 'missed', by: 'remote' },
];

for (const { name, reasons, label, by } of LABELS) {
  const control = label === 'missed' ? ['SIP;cause=200'] : [];
  const check = async (given: readonly string[]): Promise<void> => {
    const { end } = await rowAfter(given);
    assert.equal([end?.label, end?.by], [label, by]);
  };
  test.proof(`[MD-2.7b] a CANCEL with Reason ${name} is logged as ${label}`, {
    peers,
    run: () => check(reasons),
    control: () => check(control),
  });
}

test('the Reason of the CANCEL is kept with the call', { peers }, async () => {
  const { end } = await rowAfter(['SIP;cause=200;text="Call completed elsewhere"', 'Q.850;cause=26']);
  assert.equal(end?.reason, { protocol: 'SIP', cause: 200, text: 'Call completed elsewhere' });
});

test('a CANCEL that meets the 200 gets its own 200; the call stands and the BYE ends it', {
  peers,
}, async () => {
  const user = 'crossing';
  await stage.called(
    user,
    scenario(user, [
      ...ringing(user),
      // The owner answers meanwhile; the CANCEL leaves after the 200 is on its way.
      expect(200),
      cancel(user),
      cancelTaken(),
      ack(user),
      pause(300),
      ...hangUp(user),
    ]),
    async () => {
      await stage.takeUp(user);
    },
  );
  const row = await stage.logged(user);
  assert.equal([row.end?.label, row.end?.by], ['answered', 'remote']);
});

test('a CANCEL for no INVITE is answered 481', { peers }, async () => {
  const user = 'nothing';
  await stage.called(user, scenario(user, [cancel(user), expect(481)]));
});

test('a repeated CANCEL is answered alike, and the call is logged once', { peers }, async () => {
  const user = 'twice';
  await stage.called(
    user,
    scenario(user, [
      ...ringing(user),
      cancel(user),
      cancelTaken(),
      expect(487),
      cancel(user),
      cancelTaken(),
      ackRefusal(user),
    ]),
    undefined,
    { more: ['-nr'] },
  );
  const rows = (await stage.device.log()).filter((row) => row.remote.uri.includes(user));
  assert.is(rows.length, 1);
});

test('a BYE in the early dialog ends the ringing', { peers }, async () => {
  const user = 'earlybye';
  await stage.called(
    user,
    scenario(user, [
      ...ringing(user),
      pause(100),
      inDialog('BYE', user, { cseq: 2 }),
      expect(200, { checks: [has('CSeq', '2 BYE')], optional: false }),
      expect(487, { checks: [has('CSeq', '1 INVITE')] }),
      ackRefusal(user),
    ]),
  );
  assert.is((await stage.logged(user)).end?.label, 'missed');
});

test('answered calls are not touched by a late CANCEL of another transaction', { peers }, async () => {
  const user = 'other';
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user, {}, { checks: [keep('To', 'tag=([0-9a-zA-Z]+)', 'tag')] }),
      cancel(user, [], { branch: 'strange' }),
      expect(481),
      inDialog('BYE', user, { cseq: 2, toTag: '[$tag]' }),
      expect(200),
    ]),
    () => stage.answer(user),
  );
  assert.is((await stage.logged(user)).end?.label, 'answered');
});

test.run();
