// Transfers among messages in any order: every call ends in a legal state, and nothing is left behind.
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp, type TestWorld } from './harness.ts';
import { answered, clean, type Talk } from './talk.ts';

const test = suite('call/transfer-chaos');

const CAROL = `<sip:carol@${PEER.host}:${PEER.port}>`;
const STATUSES = ['100 Trying', '180 Ringing', '200 OK', '486 Busy Here', 'nonsense'];
const STATES = ['active;expires=10', 'terminated;reason=noresource', 'active'];

const step = fc.oneof(
  fc.record({
    kind: fc.constantFrom('blind', 'consultative', 'refer', 'refer-silent', 'bye', 'hangup', 'replace'),
  }),
  fc.record({
    kind: fc.constant('notify' as const),
    status: fc.constantFrom(...STATUSES),
    state: fc.constantFrom(...STATES),
    id: fc.nat(4),
  }),
  fc.record({
    kind: fc.constant('answer' as const),
    status: fc.constantFrom(180, 200, 202, 403, 486, 487, 603),
  }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(10, 1_000, 40_000, 200_000) }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** The newest request of the device without a final answer gets this one. */
async function answer(world: TestWorld, status: number): Promise<void> {
  const open = world.peer
    .requests()
    .findLast(({ method }) => method === 'REFER' || method === 'INVITE' || method === 'NOTIFY');
  if (!open) return;
  const body = open.method === 'INVITE' && status === 200 ? { body: sdp() } : {};
  await world.peer.reply(open, status, { tag: open.to.tag ?? 'far', ...body });
}

async function perform(world: TestWorld, a: Talk, b: Talk, each: Step): Promise<void> {
  try {
    if (each.kind === 'notify') {
      await a.peer.send('NOTIFY', `SIP/2.0 ${each.status}\r\n`, [
        ['Event', each.id === 0 ? 'refer' : `refer;id=${each.id}`],
        ['Subscription-State', each.state],
        ['Content-Type', 'message/sipfrag'],
      ]);
    } else if (each.kind === 'answer') await answer(world, each.status);
    else if (each.kind === 'wait') await world.advance(each.ms);
    else if (each.kind === 'blind') world.transfers.blind(a.call.id, 'sip:carol@example.com');
    else if (each.kind === 'consultative') world.transfers.consultative(a.call.id, b.call.id);
    else if (each.kind === 'refer') await a.peer.send('REFER', undefined, [['Refer-To', CAROL]]);
    else if (each.kind === 'refer-silent')
      await a.peer.send('REFER', undefined, [
        ['Refer-To', CAROL],
        ['Refer-Sub', 'false'],
      ]);
    else if (each.kind === 'bye') await a.peer.send('BYE');
    else if (each.kind === 'hangup') world.manager.get(a.call.id)?.hangup();
    else {
      const call = world.peer.call(`new-${world.peer.received.length}`);
      await call.invite({ body: sdp(), headers: [['Replaces', `a;to-tag=${a.peer.toTag};from-tag=from-a`]] });
    }
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
  }
}

test('any order ends well', { timeoutMs: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(step, { maxLength: 14 }), async (seed, steps) => {
      const world = await makeWorld({ seed });
      const a = await answered(world, 'a');
      const b = await answered(world, 'b');
      for (const each of steps) await perform(world, a, b, each);
      world.manager.releaseAll();
      await clean(world);
      for (const row of world.log.rows) assert.is(row.state, 'ended');
      for (const id of ['a', 'b']) {
        assert.is(world.log.rows.length >= 2, true, id);
      }
    }),
    { numRuns: 120, includeErrorInReport: true },
  );
});

test.run();
