import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Milliseconds } from '#src/base/units.ts';
import { SipResponse } from '#src/sip/message/message.ts';
import type { TransportName } from '#src/sip/transport/address.ts';
import { sampleRequest } from '#test/support/sip-samples.ts';
import { suite } from '#test/support/suite.ts';
import { bench } from './help.ts';

const test = suite('sip/transaction/properties');
const LONG = Milliseconds(600_000);
const RUNS = { numRuns: 60 };

const verdict = fc.record({
  drop: fc.boolean(),
  copies: fc.integer({ min: 1, max: 3 }),
  delay: fc.integer({ min: 0, max: 4000 }).map(Milliseconds),
});

test('whatever the network loses, repeats, delays and re-orders, both sides end and hold no timer', async () => {
  const story = fc.record({
    transport: fc.constantFrom<TransportName>('udp', 'tcp'),
    method: fc.constantFrom('INVITE', 'OPTIONS'),
    verdicts: fc.array(verdict, { minLength: 1, maxLength: 40 }),
    answers: fc.array(fc.constantFrom(100, 180, 183, 200, 302, 486, 500, 603), { maxLength: 6 }),
    pause: fc.integer({ min: 0, max: 3000 }),
    close: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(story, async ({ transport, method, verdicts, answers, pause, close }) => {
      const side = await bench(transport);
      let next = 0;
      side.network.rule = ({ bytes }) => {
        next += 1;
        const rule = verdicts[next % verdicts.length];
        return bytes.length === 0 || !rule ? undefined : rule;
      };
      const client = side.near.request(sampleRequest({ method }), side.target, side.handlers);
      for (const status of answers) {
        await side.clock.advance(Milliseconds(pause));
        const [server] = side.incoming;
        server?.respond(SipResponse.reply(server.request, status, { toTag: 'far' }));
      }
      if (close) side.incoming[0]?.flow.close();
      await side.clock.advance(LONG);
      // A server whose user never gave a final answer waits for it (17.2.1): give one.
      for (const server of side.incoming)
        server.respond(SipResponse.reply(server.request, 500, { toTag: 'far' }));
      await side.clock.advance(LONG);
      assert.is(side.near.size, client.state === 'proceeding' ? 1 : 0);
      client.abandon();
      assert.is(side.near.size + side.far.size, 0);
      await side.stop();
      await side.clock.advance(LONG);
      assert.is(side.clock.pending, 0, 'no timer is left');
      const finals = side.responses.filter(({ status }) => status >= 300).length;
      assert.ok(finals <= 1 && side.failures.length <= 1);
      assert.ok(finals + side.failures.length <= 1 || method === 'INVITE');
    }),
    RUNS,
  );
});

test('without loss every request gets its final answer exactly once, however copies are re-ordered', async () => {
  const story = fc.record({
    verdicts: fc.array(
      fc.record({ copies: fc.integer({ min: 1, max: 3 }), delay: fc.integer({ min: 0, max: 90 }) }),
      {
        minLength: 1,
        maxLength: 20,
      },
    ),
    statuses: fc.array(fc.constantFrom(200, 404, 486, 603), { minLength: 1, maxLength: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(story, async ({ verdicts, statuses }) => {
      const side = await bench('udp');
      let next = 0;
      side.network.rule = () => {
        next += 1;
        const rule = verdicts[next % verdicts.length];
        return { copies: rule?.copies ?? 1, delay: Milliseconds(rule?.delay ?? 1) };
      };
      const got = new Map<string, number[]>();
      side.far.onRequest.on((server) => {
        const status = statuses[Number(server.request.callId)] ?? 500;
        server.respond(SipResponse.reply(server.request, status, { toTag: 'far' }));
      });
      for (const index of statuses.keys()) {
        const callId = String(index);
        got.set(callId, []);
        const method = index % 2 === 0 ? 'MESSAGE' : 'OPTIONS';
        side.near.request(sampleRequest({ method, callId }), side.target, {
          onResponse: ({ status }) => void got.get(callId)?.push(status),
          onFailure: () => assert.unreachable(),
        });
      }
      await side.clock.advance(LONG);
      assert.equal(
        [...got.values()],
        statuses.map((status) => [status]),
      );
      assert.is(side.incoming.length, statuses.length);
      assert.is(side.near.size + side.far.size + side.clock.pending, 0);
      await side.stop();
    }),
    RUNS,
  );
});

test.run();
