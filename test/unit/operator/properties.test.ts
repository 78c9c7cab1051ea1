// Any order of answers, losses and second thoughts: the caller gets exactly one end, and nothing stays behind. Documents from outside are read
// or refused, never thrown at.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { ConferenceTeller, type ReportedUser } from '#src/operator/focus/conference-info.ts';
import { readRefer } from '#src/operator/focus/refer.ts';
import { diversions, extended } from '#src/operator/services/history-info.ts';
import { SipRequest } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { parseUri } from '#src/sip/message/uri.ts';
import { suite } from '#test/support/suite.ts';
import { NUMBER, Scene, type Station, sipUriOf } from './stations.ts';

const test = suite('operator/properties');
const FRIEND = 'sip:friend@op.example';

type Step =
  | { readonly who: 'phone' | 'tablet' | 'friend'; readonly status: number }
  | { readonly who: 'guest' }
  | { readonly who: 'time'; readonly seconds: number };

const STATUSES = [100, 180, 183, 199, 200, 302, 408, 480, 486, 487, 500, 503, 600, 603];

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      who: fc.constantFrom('phone', 'tablet', 'friend'),
      status: fc.constantFrom(...STATUSES),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ who: 'guest' } as const) },
  { weight: 2, arbitrary: fc.record({ who: fc.constant('time'), seconds: fc.integer({ min: 1, max: 30 }) }) },
);

const services = fc.record(
  {
    cfu: fc.constant(FRIEND),
    cfb: fc.constant(FRIEND),
    cfnr: fc.constant(FRIEND),
    cfnrc: fc.constant(FRIEND),
    notify: fc.boolean(),
    reveal_target: fc.boolean(),
  },
  { requiredKeys: [] },
);

/** Answers what is there to be answered: a CANCEL first, as devices do. */
async function answer(station: Station, status: number, done: Set<SipRequest>): Promise<void> {
  const invite = station.requests('INVITE').findLast((each) => !done.has(each));
  if (!invite) return;
  if (status >= 200) done.add(invite);
  await station.reply(invite, status, status === 302 ? [['Contact', `<${FRIEND}>`]] : []);
}

async function play(
  steps: readonly Step[],
  set: Record<string, unknown>,
  policy: Record<string, unknown>,
): Promise<void> {
  const scene = await Scene.start({
    accounts: [
      { impi: 'phone@op.example', password: 'secret', impus: [NUMBER], role: 'primary' },
      { impi: 'tablet@op.example', password: 'secret', impus: [NUMBER] },
      { impi: 'guest', password: 'secret', impus: ['sip:guest@op.example'] },
      { impi: 'friend', password: 'secret', impus: [FRIEND] },
    ],
    services: [{ identity: NUMBER, no_reply_seconds: 5, ...set }],
    policy: { ring_seconds: 40, ...policy },
  });
  const stations = await scene.three();
  const friend = await scene.station({ host: '192.0.2.14', impi: 'friend', identity: FRIEND });
  await friend.register();
  const { guest } = stations;
  const invite = guest.make('INVITE', NUMBER, [['Supported', '199']]);
  await guest.send(invite);
  const done = new Set<SipRequest>();
  for (const each of steps) {
    if (each.who === 'time') await scene.pass(each.seconds);
    else if (each.who === 'guest') {
      await guest.send(
        guest.make('CANCEL', NUMBER, [['Via', invite.topVia.toString()]], { callId: invite.callId }),
      );
    } else await answer(each.who === 'friend' ? friend : stations[each.who], each.status, done);
  }
  // Whoever has said nothing more is given up: ringing, cancelled, and forgotten.
  await scene.pass(200);
  const finals = new Set(guest.statuses('INVITE').filter((status) => status >= 300));
  const answered = guest.statuses('INVITE').some((status) => status >= 200 && status < 300);
  // A late 2xx after a refusal belongs to who answered in spite of a CANCEL (RFC 3261 16.7).
  assert.ok(
    finals.size === 1 || (finals.size === 0 && answered),
    `ends ${[...finals]}, answered ${answered}`,
  );
  assert.is(scene.operator.waiting, 0);
  const stopped = scene.operator.stop();
  await scene.pass(40);
  await stopped;
  assert.is(scene.clock.pending, 0);
}

test('a call with any services, in any order of what its ends do, ends once and leaves nothing', {
  timeoutMs: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 10 }),
      services,
      fc.record({
        fork: fc.constantFrom('parallel', 'sequence'),
        busy_everywhere: fc.boolean(),
        deflection: fc.boolean(),
      }),
      play,
    ),
    {
      numRuns: 100,
      examples: [
        // Two in turn say nothing more after their CANCEL.
        [
          [
            { who: 'phone', status: 100 },
            { who: 'time', seconds: 30 },
            { who: 'time', seconds: 10 },
            { who: 'tablet', status: 100 },
          ],
          {},
          { fork: 'sequence', busy_everywhere: false, deflection: false },
        ],
      ],
    },
  );
});

test('a Refer-To of any text is read or refused', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string().map((tail) => `<sip:a@b?${tail}>`),
    fc.string().map((tail) => `<sip:a@b;${tail}>`),
  );
  fc.assert(
    fc.property(text, (value) => {
      const request = SipRequest.create({
        method: 'REFER',
        uri: sipUriOf('sip:conf@op.example'),
        headers: [['Refer-To', value.replace(/[\r\n]/g, ' ')]],
      });
      const wish = readRefer(request);
      if (!wish.ok) assert.ok(wish.error.status >= 400);
      else for (const [, header] of wish.value.headers) assert.not.match(header, /[\r\n]/);
    }),
  );
});

const user: fc.Arbitrary<ReportedUser> = fc.record({
  uri: fc.constantFrom('sip:a@x', 'sip:b@x', 'sip:c@x', 'sip:"<&@x'),
  name: fc.option(fc.constantFrom('Ann', 'B <ob> & "C"'), { nil: undefined }),
  status: fc.constantFrom('dialing-out', 'alerting', 'connected', 'on-hold'),
  joined: fc.constantFrom('dialed-in', 'dialed-out'),
});

test('what subscribers are told adds up to what is', () => {
  const steps = fc.array(fc.uniqueArray(user, { selector: ({ uri }) => uri, maxLength: 4 }), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(steps, (moments) => {
      const teller = new ConferenceTeller();
      const known = new Map<string, string>();
      moments.forEach((users, at) => {
        const text = teller.next({ entity: 'sip:conf@x', maximum: 5, users });
        assert.match(text, new RegExp(`state="${at === 0 ? 'full' : 'partial'}" version="${at + 1}"`));
        for (const [, uri = '', state, rest = ''] of text.matchAll(
          /<user entity="([^"]*)" state="(full|deleted)"(.*)\n/g,
        )) {
          if (state === 'deleted') known.delete(uri);
          else known.set(uri, /<status>([^<]*)</.exec(rest)?.[1] ?? '');
        }
        const escaped = (uri: string): string =>
          uri.replace('&', '&amp;').replace('<', '&lt;').replace('"', '&quot;');
        assert.equal(
          new Map([...known].sort()),
          new Map(users.map((each) => [escaped(each.uri), each.status] as const).toSorted()),
        );
        assert.not(teller.differs(users));
      });
    }),
  );
});

test('a history grows by one entry for each diversion, whoever wrote the beginning', () => {
  const uri = fc.constantFrom(
    'sip:a@x.example',
    'tel:+4612345',
    'sip:b@op.example;user=phone',
    'sips:c@y.example',
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(uri, uri, fc.constantFrom(302, 404, 486, 408, 503), fc.boolean()), { maxLength: 6 }),
      (hops) => {
        let history: readonly NameAddr[] = [];
        hops.forEach(([from, to, cause, reveal], at) => {
          const [one, other] = [parseUri(from), parseUri(to)];
          if (!one.ok || !other.ok) throw new Error('no URI');
          const next = extended(
            history,
            { from: one.value, to: other.value, cause, status: cause, reveal },
            'op.example',
          );
          assert.ok(next);
          history = next ?? [];
          assert.is(diversions(history), at + 1);
          assert.is(history.at(-1)?.params.get('index'), `1${'.1'.repeat(at + 1)}`);
          for (const entry of history) assert.ok(NameAddr.parse(entry.toString()).ok);
        });
      },
    ),
  );
});

test.run();
