// Any order, loss and repetition: a call ends in a legal state at both ends, and nothing stays behind.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { suite } from '#test/support/suite.ts';
import { leaks, NOTHING, request, rig } from './help.ts';

const test = suite('sip/ua/properties');

interface Plan {
  readonly seed: number;
  readonly loss: number;
  readonly repeat: number;
  readonly jitter: number;
  /** Milliseconds after the INVITE; undefined for never. */
  readonly ring: number | undefined;
  readonly answer: number | undefined;
  readonly status: number;
  readonly cancel: number | undefined;
  readonly bye: number;
  readonly tcp: boolean;
}

const time = fc.option(fc.nat({ max: 5000 }), { nil: undefined });
const plan: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(),
  loss: fc.double({ min: 0, max: 0.4, noNaN: true }),
  repeat: fc.double({ min: 0, max: 0.3, noNaN: true }),
  jitter: fc.nat({ max: 400 }),
  ring: time,
  answer: time,
  status: fc.constantFrom(200, 200, 200, 486, 603),
  cancel: time,
  bye: fc.nat({ max: 3000 }),
  tcp: fc.boolean(),
});

/** Ends of the transactions, of the longest repetitions, and of what was started last. */
const LONG = 400_000;

interface Outcome {
  caller: 'waiting' | 'talking' | 'ended' | 'refused' | 'failed';
  called: 'nobody' | 'ringing' | 'talking' | 'ended' | 'refused' | 'lost';
  answers: number;
}

async function play(chosen: Plan): Promise<Outcome> {
  const each = await rig(chosen.seed);
  const { alice, bob, network, clock } = each;
  const random = new SeededRandom(chosen.seed);
  network.rule = () => ({
    drop: random.uniform() < chosen.loss,
    copies: random.uniform() < chosen.repeat ? 2 : 1,
    delay: Milliseconds(1 + random.uniform() * chosen.jitter),
  });
  const outcome: Outcome = { caller: 'waiting', called: 'nobody', answers: 0 };
  const at = (ms: number | undefined, action: () => void): void => {
    if (ms !== undefined) clock.after(Milliseconds(ms), action);
  };

  bob.ua.onRequest((incoming) => {
    assert.is(outcome.called, 'nobody', 'the INVITE came once');
    outcome.called = 'ringing';
    const dialog = Dialog.uas(incoming.request, { localTag: incoming.localTag, contact: bob.contact });
    const over = (how: 'ended' | 'refused' | 'lost'): void => {
      outcome.called = how;
      dialog.terminate();
      bob.ua.detach(dialog);
    };
    bob.ua.attach(dialog, {
      onRequest: (later) => {
        assert.is(later.request.method, 'BYE');
        later.respond(200);
        over('ended');
      },
    });
    incoming.onCancel.on(() => {
      if (incoming.respond(487)) over('refused');
    });
    incoming.onAckTimeout.on(() => {
      if (outcome.called !== 'talking') return;
      bob.ua.sendInDialog(dialog, dialog.createRequest('BYE'), {
        onFinal: () => undefined,
        onFailure: () => undefined,
      });
      over('lost');
    });
    at(chosen.ring, () => void incoming.respond(180));
    // Somebody answers at last, for an INVITE may wait for ever.
    at(chosen.answer ?? 6000, () => {
      const headers = [['Contact', bob.contact.toString()]] as const;
      if (!incoming.respond(chosen.status, { headers })) return;
      if (chosen.status === 200) outcome.called = 'talking';
      else over('refused');
    });
  });

  const target = chosen.tcp ? 'sip:bob@192.0.2.2;transport=tcp' : 'sip:bob@192.0.2.2';
  const sending = alice.ua.send(request('INVITE', target), {
    onFinal: (response) => {
      outcome.answers += 1;
      assert.is(outcome.caller, 'waiting', 'one final answer');
      outcome.caller = response.isSuccess ? 'talking' : 'refused';
      if (!response.isSuccess) return;
      const dialog = Dialog.uac(sending.request, response);
      alice.ua.attach(dialog, {
        onRequest: (later) => {
          later.respond(200);
          outcome.caller = 'ended';
          alice.ua.detach(dialog);
        },
      });
      alice.ua.ack(dialog, sending.request);
      at(chosen.bye, () => {
        if (outcome.caller !== 'talking') return;
        outcome.caller = 'ended';
        alice.ua.detach(dialog);
        alice.ua.sendInDialog(dialog, dialog.createRequest('BYE'), {
          onFinal: () => undefined,
          onFailure: () => undefined,
        });
      });
    },
    onFailure: () => {
      assert.is(outcome.caller, 'waiting', 'one end');
      outcome.caller = 'failed';
    },
  });
  at(chosen.cancel, () => sending.cancel());
  await clock.advance(Milliseconds(LONG));
  // A callee whose caller gave up keeps ringing or talking until its owner ends it; nothing else may stay.
  const alone = outcome.called === 'talking' || outcome.called === 'ringing';
  if (alone) assert.is(bob.ua.load.dialogs, 1);
  else assert.equal(bob.ua.load, NOTHING.bob, JSON.stringify(outcome));
  // A connection watches itself for idleness.
  if (!alone && !chosen.tcp) assert.equal(leaks(each), NOTHING);
  assert.equal(alice.ua.load, NOTHING.alice);
  await each.stop();
  // What the closing connections have on the way.
  await clock.advance(Milliseconds(1000));
  assert.is(clock.pending, 0);
  return outcome;
}

test('calls under loss, repetition, delay and CANCEL', { timeoutMs: 120_000 }, async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(plan, async (chosen) => {
      const outcome = await play(chosen);
      assert.is.not(outcome.caller, 'waiting');
      assert.is.not(outcome.caller, 'talking');
      assert.ok(outcome.answers <= 1);
      const key = `${outcome.caller}/${outcome.called}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }),
    { numRuns: 150, seed: 20_260_101 },
  );
  for (const key of ['ended/ended', 'refused/refused']) assert.ok((seen.get(key) ?? 0) > 10, key);
});

test.run();
