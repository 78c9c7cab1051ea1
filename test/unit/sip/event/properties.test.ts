// Any order, loss and repetition: a subscription that is stopped leaves nothing behind, one that is not comes back.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { Notifier } from '#src/sip/event/notifier.ts';
import { Subscription } from '#src/sip/event/subscriber.ts';
import { TERMINATION_TABLE } from '#src/sip/event/subscription-table.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { SIP_TIMERS } from '#src/sip/transaction/timers.ts';
import { suite } from '#test/support/suite.ts';
import { leaks, NOTHING, rig, uri } from '../ua/help.ts';

const test = suite('sip/event/properties');

const reasons = TERMINATION_TABLE.map(({ reason }) => reason);
const action = fc.oneof(
  fc.constantFrom('start', 'stop', 'drop', 'refresh', 'tell', 'forget'),
  fc.constantFrom(...reasons),
);
const plan = fc.record({
  seed: fc.nat(),
  loss: fc.double({ min: 0, max: 0.4, noNaN: true }),
  repeat: fc.double({ min: 0, max: 0.3, noNaN: true }),
  jitter: fc.nat({ max: 400 }),
  expires: fc.integer({ min: 60, max: 2000 }),
  steps: fc.array(fc.record({ wait: fc.nat({ max: 120_000 }), action }), { maxLength: 12 }),
  stop: fc.boolean(),
});

test('subscriptions under loss, repetition, delay and every ending', { timeoutMs: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ seed, loss, repeat, jitter, expires, steps, stop }) => {
      const each = await rig(seed);
      const { alice, bob, network, clock } = each;
      const random = new SeededRandom(seed + 1);
      network.rule = () => ({
        drop: random.uniform() < loss,
        copies: random.uniform() < repeat ? 2 : 1,
        delay: Milliseconds(1 + random.uniform() * jitter),
      });
      const notifier = new Notifier({
        ua: bob.ua,
        clock,
        event: 'reg',
        expires: { min: Seconds(60), max: Seconds(1000), usual: Seconds(600) },
        contact: () => bob.contact,
        body: () => ({ contentType: 'text/plain', body: 'x' }),
      });
      bob.ua.onRequest((incoming) => void notifier.handle(incoming));
      const identity = NameAddr.of(uri('sip:alice@a.example'));
      const subscription = new Subscription({
        ua: alice.ua,
        clock,
        random: new SeededRandom(seed + 2),
        timers: SIP_TIMERS,
        log: silentLogger(),
        event: 'reg',
        accept: ['text/plain'],
        expires: Seconds(expires),
        parts: () => ({
          uri: uri('sip:alice@192.0.2.2'),
          from: identity,
          to: identity,
          contact: alice.contact,
        }),
      });
      subscription.start();
      for (const step of steps) {
        await clock.advance(Milliseconds(step.wait));
        if (step.action === 'start') subscription.start();
        else if (step.action === 'stop') subscription.stop();
        else if (step.action === 'drop') subscription.drop();
        else if (step.action === 'refresh') subscription.refresh();
        else if (step.action === 'tell') notifier.notifyAll();
        else if (step.action === 'forget') notifier.stop();
        else notifier.subscriptions[0]?.terminate(step.action);
      }
      network.rule = undefined;
      if (stop) {
        subscription.stop();
        await clock.advance(Milliseconds(1_200_000));
        assert.is(subscription.state, 'terminated');
        assert.is(notifier.subscriptions.length, 0);
        assert.equal(leaks(each), NOTHING);
      } else {
        // Longer than any pause and any grant.
        await clock.advance(Milliseconds(4_000_000));
        if (subscription.state !== 'terminated') {
          assert.ok(['active', 'refreshing'].includes(subscription.state), subscription.state);
          assert.is(notifier.subscriptions.length, 1);
          assert.is(alice.ua.load.dialogs, 1);
        }
      }
      await each.stop();
    }),
    { numRuns: 80, seed: 20_260_102 },
  );
});

test.run();
