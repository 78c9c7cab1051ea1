// RFC 3262 3: reliable provisional responses: numbers, times, PRACK, and what ends them.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import { RELIABLE_TABLE, reliableDiagram, reliableRow } from '#src/sip/ua/reliable-table.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { suite } from '#test/support/suite.ts';
import { ALLOW, leaks, NOTHING, type Rig, rig, SCRIPT_HOST, scripted } from './help.ts';

const test = suite('sip/ua/reliable');
const BOB = 'sip:bob@192.0.2.2';
const SDP = { body: 'v=0\r\n' };

test('the table: no row twice; what is over sends nothing', () => {
  for (const row of RELIABLE_TABLE) assert.is(reliableRow(row.state, row.event), row);
  for (const event of ['give', 'repeat', 'give up'] as const)
    assert.is(reliableRow('over', event), undefined, event);
  for (const event of ['repeat', 'give up', 'PRACK'] as const)
    assert.is(reliableRow('idle', event), undefined, event);
  for (const event of ['give', 'repeat', 'give up', 'PRACK', 'final'] as const)
    assert.ok(reliableRow('unacknowledged', event), event);
});

test('the picture in the README is that of the table', () => {
  const readme = readFileSync(new URL('../../../../src/sip/ua/README.md', import.meta.url), 'utf8');
  assert.ok(readme.includes(`\`\`\`mermaid\n${reliableDiagram()}\n\`\`\``), reliableDiagram());
});

interface Stage {
  readonly at: Rig;
  readonly invite: SipRequest;
  readonly incoming: Incoming;
  /** Of Bob's dialog: what came in it. */
  readonly answered: boolean[];
  prack(rack: string, branch: string, cseq?: number): Promise<void>;
  reliable(): SipResponse[];
}

/** An INVITE that Bob has not yet answered; PRACKs are answered 200 or 481 as they match. */
async function staged(seed = 1): Promise<Stage> {
  const at = await rig(seed);
  const { bob, script } = at;
  const taken: Incoming[] = [];
  const answered: boolean[] = [];
  bob.ua.onRequest((incoming) => {
    taken.push(incoming);
    const { request, localTag } = incoming;
    const dialog = Dialog.uas(request, { localTag, contact: bob.contact });
    bob.ua.attach(dialog, {
      onRequest: (later) => {
        const fits = later.request.method === 'PRACK' && incoming.acknowledgeProvisional(later.request);
        answered.push(fits);
        later.respond(fits ? 200 : 481);
      },
    });
    incoming.onEnd.on(() => bob.ua.detach(dialog));
  });
  const invite = scripted('INVITE', BOB);
  script.send(invite, bob.target);
  await at.advance(5);
  const [incoming] = taken;
  if (!incoming) throw new Error('no INVITE came');
  const prack = async (rack: string, branch: string, cseq = 2): Promise<void> => {
    const request = scripted('PRACK', BOB, [['RAck', rack]], branch);
    request.headers.set('From', invite.header('From') ?? '');
    request.headers.set('To', `<${BOB}>;tag=${incoming.localTag}`);
    request.headers.set('Call-ID', invite.callId);
    request.headers.set('CSeq', `${cseq} PRACK`);
    script.send(request, bob.target);
    await at.advance(5);
  };
  const reliable = (): SipResponse[] =>
    script.responses.filter((response) => response.header('RSeq') !== undefined);
  return { at, invite, incoming, answered, prack, reliable };
}

const rackOf = (response: SipResponse | undefined): string => `${response?.typed('RSeq')} 1 INVITE`;
ALLOW.push('PRACK');

test('[MD-2.2.5a] numbered, marked, repeated at T1 and twice as long each time until its PRACK', async () => {
  const { at, incoming, prack, reliable } = await staged();
  const times: number[] = [];
  at.script.transport.onMessage.on(({ message }) => {
    if (!(message instanceof SipRequest)) times.push(at.clock.now());
  });
  assert.ok(incoming.respondReliably(183, SDP));
  await at.advance(16_000);
  assert.equal(
    times.map((time) => time - (times[0] ?? 0)),
    [0, 500, 1500, 3500, 7500, 15_500],
    'no ceiling at T2',
  );
  const [first] = reliable();
  assert.is(first?.header('Require'), '100rel');
  const rseq = first?.typed('RSeq') ?? 0;
  assert.ok(rseq >= 1 && rseq < 2 ** 31);
  await prack(rackOf(first), 'z9hG4bKp');
  assert.equal(at.script.statuses('PRACK'), [200]);
  const count = reliable().length;
  await at.advance(60_000);
  assert.is(reliable().length, count, 'quiet afterwards');
  await at.stop();
});

test('[MD-2.2.5a] only the exact RAck acknowledges; a repeated PRACK gets its answer again', async () => {
  const { at, incoming, prack, reliable, answered } = await staged();
  incoming.respondReliably(183, SDP);
  await at.advance(5);
  const rseq = reliable()[0]?.typed('RSeq') ?? 0;
  await prack(`${rseq + 1} 1 INVITE`, 'z9hG4bKa', 2);
  await prack(`${rseq} 2 INVITE`, 'z9hG4bKb', 3);
  await prack(`${rseq} 1 UPDATE`, 'z9hG4bKc', 4);
  await prack('nonsense', 'z9hG4bKd', 5);
  assert.equal(at.script.statuses('PRACK'), [481, 481, 481, 400]);
  assert.ok(incoming.holdsSuccess);
  await prack(`${rseq} 1 INVITE`, 'z9hG4bKe', 6);
  await prack(`${rseq} 1 INVITE`, 'z9hG4bKe', 6);
  assert.equal(at.script.statuses('PRACK').slice(4), [200, 200]);
  assert.is(answered.filter(Boolean).length, 1, 'the owner hears of it once');
  await prack(`${rseq} 1 INVITE`, 'z9hG4bKf', 7);
  assert.is(at.script.statuses('PRACK').at(-1), 481, 'nothing is out any more');
  await at.stop();
});

test('[MD-2.2.5a] one after the other, each with the next number', async () => {
  const { at, incoming, prack, reliable } = await staged();
  incoming.respondReliably(183, SDP);
  incoming.respondReliably(180);
  await at.advance(5);
  assert.is(reliable().length, 1);
  const first = reliable()[0]?.typed('RSeq') ?? 0;
  await prack(`${first} 1 INVITE`, 'z9hG4bKa');
  assert.equal(
    reliable().map(({ status, typed }) => [status, typeof typed]),
    [
      [183, 'function'],
      [180, 'function'],
    ],
  );
  assert.is(reliable()[1]?.typed('RSeq'), first + 1);
  assert.not.ok(incoming.holdsSuccess, 'the second brings no description');
  await at.stop();
});

test('[MD-2.2.5a] a 2xx waits for the PRACK of a description, not for that of a mere 180', async () => {
  const { at, incoming, prack, reliable } = await staged();
  incoming.respondReliably(183, SDP);
  await at.advance(5);
  assert.not.ok(incoming.respond(200), 'held back');
  await prack(rackOf(reliable()[0]), 'z9hG4bKa');
  incoming.respondReliably(180);
  await at.advance(5);
  assert.ok(incoming.respond(200, { headers: [['Contact', `<${BOB}>`]] }));
  await at.advance(300);
  const late = reliable()[1];
  const repeats = reliable().length;
  await at.advance(5_000);
  assert.is(reliable().length, repeats, 'the 180 is repeated no more');
  await prack(rackOf(late), 'z9hG4bKb', 3);
  assert.is(at.script.statuses('PRACK').at(-1), 200, 'a late PRACK of what was out still matches');
  await at.stop();
});

test('[MD-2.2.5a] no PRACK in 64 T1: the owner is told, a refusal ends everything', async () => {
  const { at, incoming, reliable } = await staged();
  let told = 0;
  incoming.onPrackTimeout.on(() => {
    told += 1;
    incoming.respond(504);
  });
  incoming.respondReliably(183, SDP);
  await at.advance(31_900);
  assert.is(told, 0);
  await at.advance(200);
  assert.is(told, 1);
  assert.is(at.script.statuses('INVITE').at(-1), 504);
  const count = reliable().length;
  assert.not.ok(incoming.respondReliably(180));
  await at.advance(400_000);
  assert.is(reliable().length, count);
  assert.equal(leaks(at), NOTHING);
  await at.stop();
});

test('closing with one still out leaves no timer', async () => {
  const { at, incoming } = await staged();
  incoming.respondReliably(183, SDP);
  await at.advance(5);
  await at.stop();
  assert.is(at.clock.pending, 0);
});

type Step = 'give' | 'give body' | 'prack' | 'old prack' | 'success' | 'refuse' | 'wait' | 'wait long';

test('any order of responses, PRACKs, losses and repetitions: numbers rise by one, a 2xx never overtakes, nothing stays', async () => {
  const step = fc.constantFrom<Step>(
    'give',
    'give body',
    'prack',
    'old prack',
    'success',
    'refuse',
    'wait',
    'wait long',
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(step, { maxLength: 15 }), async (seed, steps) => {
      const { at, incoming, prack, reliable } = await staged(seed);
      incoming.onPrackTimeout.on(() => void incoming.respond(504));
      const luck = new SeededRandom(seed);
      at.network.rule = () => {
        const chance = luck.uniform();
        return chance < 0.15
          ? { drop: true }
          : chance < 0.3
            ? { copies: 2 }
            : { delay: Milliseconds(chance * 50) };
      };
      let cseq = 1;
      for (const what of steps) {
        if (what === 'give') incoming.respondReliably(180);
        else if (what === 'give body') incoming.respondReliably(183, SDP);
        else if (what === 'success') {
          const held = incoming.holdsSuccess;
          const sent = incoming.respond(200, { headers: [['Contact', `<sip:script@${SCRIPT_HOST}>`]] });
          assert.not.ok(held && sent, 'a 2xx overtook a description');
        } else if (what === 'refuse') incoming.respond(486);
        else if (what === 'wait') await at.advance(700);
        else if (what === 'wait long') await at.advance(20_000);
        else {
          cseq += 1;
          const all = reliable();
          await prack(rackOf(what === 'prack' ? all.at(-1) : all[0]), `z9hG4bKq${cseq}`, cseq);
        }
      }
      const numbers = [...new Set(reliable().map((response) => response.typed('RSeq') ?? 0))];
      const least = Math.min(...numbers);
      for (const number of numbers) assert.ok(number - least < steps.length, 'numbers in a row');
      incoming.respond(486);
      at.network.rule = undefined;
      await at.advance(400_000);
      assert.equal(leaks(at), NOTHING);
      await at.stop();
    }),
    { numRuns: 150 },
  );
});

test.run();
