// RFC 6665: subscriber against our notifier, and against a server played by hand.
import * as assert from 'uvu/assert';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { Notifier, type NotifierOptions } from '#src/sip/event/notifier.ts';
import { NOTIFIER_TABLE, notifierRow } from '#src/sip/event/notifier-table.ts';
import { defaultRefreshAfter, Subscription, type SubscriptionOptions } from '#src/sip/event/subscriber.ts';
import {
  afterRefusal,
  afterTermination,
  REFUSAL_TABLE,
  SUBSCRIPTION_STATES,
  SUBSCRIPTION_TABLE,
  subscriptionRow,
  TERMINATION_TABLE,
} from '#src/sip/event/subscription-table.ts';
import { SipRequest } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { SIP_TIMERS } from '#src/sip/transaction/timers.ts';
import { suite } from '#test/support/suite.ts';
import { leaks, NOTHING, type Rig, rig, SCRIPT_HOST, uri } from '../ua/help.ts';

const test = suite('sip/event');

const inRig = (title: string, body: (at: Rig) => Promise<void>): void =>
  test(title, async () => {
    const each = await rig();
    await body(each);
    await each.stop();
  });

let seed = 4;

interface Watched {
  readonly subscription: Subscription;
  readonly states: string[];
  readonly bodies: string[];
}

function subscribe(each: Rig, host: string, options: Partial<SubscriptionOptions> = {}): Watched {
  const identity = NameAddr.of(uri('sip:alice@a.example'));
  const subscription = new Subscription({
    ua: each.alice.ua,
    clock: each.clock,
    random: new SeededRandom(seed++),
    timers: SIP_TIMERS,
    log: silentLogger(),
    event: 'reg',
    accept: ['application/reginfo+xml'],
    expires: Seconds(3600),
    parts: () => ({
      uri: uri(`sip:alice@${host}`),
      from: identity,
      to: identity,
      contact: each.alice.contact,
    }),
    ...options,
  });
  const states: string[] = [];
  const bodies: string[] = [];
  subscription.onState.on(({ state }) => void states.push(state));
  subscription.onNotify.on((notify) => void bodies.push(`${notify.subscriptionState?.state} ${notify.body}`));
  subscription.start();
  return { subscription, states, bodies };
}

function serve(each: Rig, options: Partial<NotifierOptions> = {}) {
  let version = 0;
  const notifier = new Notifier({
    ua: each.bob.ua,
    clock: each.clock,
    event: 'reg',
    expires: { min: Seconds(60), max: Seconds(7200), usual: Seconds(3600) },
    contact: () => each.bob.contact,
    body: () => {
      version += 1;
      return { contentType: 'text/plain', body: `v${version}` };
    },
    ...options,
  });
  each.bob.ua.onRequest((incoming) => void notifier.handle(incoming));
  return notifier;
}

const BOB = '192.0.2.2';

/** A NOTIFY in answer to a SUBSCRIBE that the script has heard. */
function notify(
  each: Rig,
  subscribeRequest: SipRequest,
  state: string,
  options: { tag?: string; cseq?: number; event?: string } = {},
): void {
  const { tag = 'script', cseq = 1, event = 'reg' } = options;
  const made = SipRequest.create({
    method: 'NOTIFY',
    uri: subscribeRequest.contacts[0]?.uri ?? uri('sip:x@192.0.2.1'),
    headers: [
      ['Via', `SIP/2.0/UDP ${SCRIPT_HOST}:5060;branch=z9hG4bKn${tag}${cseq}${each.script.responses.length}`],
      ['From', `<sip:alice@a.example>;tag=${tag}`],
      ['To', subscribeRequest.header('From') ?? ''],
      ['Call-ID', subscribeRequest.callId],
      ['CSeq', `${cseq} NOTIFY`],
      ['Contact', `<sip:script@${SCRIPT_HOST}>`],
      ['Event', event],
      ...(state === '' ? [] : [['Subscription-State', state] as const]),
    ],
  });
  each.script.send(made, each.alice.target);
}

test('the tables: no row twice, every state reachable, clauses named', () => {
  const reached = new Set(['idle', ...SUBSCRIPTION_TABLE.map(({ next }) => next)]);
  for (const state of SUBSCRIPTION_STATES) {
    assert.ok(reached.has(state), state);
    assert.is(subscriptionRow(state, 'start')?.next, 'subscribing', 'start works from everywhere');
    if (state !== 'terminated') assert.is(subscriptionRow(state, 'drop')?.next, 'terminated');
  }
  for (const row of SUBSCRIPTION_TABLE)
    assert.is(subscriptionRow(row.state, row.event), row, `${row.state} ${row.event}`);
  for (const row of NOTIFIER_TABLE) assert.is(notifierRow(row.state, row.event), row);
  for (const { state, next, actions } of SUBSCRIPTION_TABLE) {
    if (next === 'terminated' || next === 'waiting') assert.is(actions[0], 'release', `${state} to ${next}`);
    if (next === 'waiting') assert.ok(actions.includes('wait'));
  }
  for (const { status, means } of REFUSAL_TABLE) assert.is(afterRefusal(status), means);
  for (const status of [408, 480, 486, 500, 503, 600]) assert.is(afterRefusal(status), 'busy');
  for (const { reason, means } of TERMINATION_TABLE) assert.is(afterTermination(reason.toUpperCase()), means);
  assert.is(afterTermination(undefined), 'ended, later');
  assert.is(afterTermination('novel'), 'ended, later');
});

test('refresh at half up to 1200 s, else 600 s before the end (TS 24.229 5.1.1.3)', () => {
  const cases = [120, 360, 1200, 1201, 1600, 600_000].map((granted) =>
    Number(defaultRefreshAfter(Seconds(granted))),
  );
  assert.equal(cases, [60, 180, 600, 601, 1000, 599_400]);
});

inRig('subscribed, told, refreshed before the end, un-subscribed, nothing left', async (each) => {
  const notifier = serve(each);
  const watched = subscribe(each, BOB, { expires: Seconds(360) });
  await each.advance(100);
  assert.equal(watched.states, ['subscribing', 'active']);
  assert.equal(watched.bodies, ['active v1']);
  notifier.notifyAll();
  await each.advance(100);
  assert.equal(watched.bodies, ['active v1', 'active v2']);
  assert.is(notifier.subscriptions[0]?.expires, 360);
  await each.advance(179_000);
  assert.is(watched.bodies.length, 2);
  await each.advance(2000);
  assert.equal(watched.bodies.at(-1), 'active v3');
  await each.advance(3_600_000);
  assert.is(watched.subscription.state, 'active');
  watched.subscription.stop();
  await each.advance(1000);
  assert.is(watched.subscription.state, 'terminated');
  assert.match(watched.bodies.at(-1) ?? '', /^terminated v/);
  assert.is(notifier.subscriptions.length, 0);
  await each.advance(200_000);
  assert.equal(leaks(each), NOTHING);
});

inRig('423: asked again with what the server wants, and so from then on', async (each) => {
  const notifier = serve(each, { expires: { min: Seconds(800), max: Seconds(7200), usual: Seconds(800) } });
  const watched = subscribe(each, BOB, { expires: Seconds(100) });
  await each.advance(100);
  assert.is(watched.subscription.state, 'active');
  assert.is(notifier.subscriptions[0]?.expires, 800);
});

inRig('423 that asks for no more than was offered is a refusal', async (each) => {
  each.script.answer = (incoming) => each.script.reply(incoming, 423, 't', [['Min-Expires', '60']]);
  const watched = subscribe(each, SCRIPT_HOST);
  await each.advance(100);
  assert.is(watched.subscription.state, 'terminated');
  assert.is(each.script.of('SUBSCRIBE').length, 1);
});

inRig('each refusal does what its row says', async (each) => {
  for (const { status, means } of REFUSAL_TABLE) {
    if (means === 'too brief') continue;
    each.script.answer = (incoming) => each.script.reply(incoming, status);
    const watched = subscribe(each, SCRIPT_HOST);
    await each.advance(100);
    assert.is(watched.subscription.state, means === 'refused' ? 'terminated' : 'waiting', String(status));
    assert.is(watched.subscription.error?.id, 'sip.subscribe');
    watched.subscription.drop();
  }
});

inRig('503 with Retry-After: not before, and under a new Call-ID', async (each) => {
  each.script.answer = (incoming) => each.script.reply(incoming, 503, 't', [['Retry-After', '77']]);
  const watched = subscribe(each, SCRIPT_HOST);
  await each.advance(76_900);
  assert.is(each.script.of('SUBSCRIBE').length, 1);
  await each.advance(200);
  const sent = each.script.of('SUBSCRIBE');
  assert.is(sent.length, 2);
  assert.is.not(sent[0]?.callId, sent[1]?.callId);
  watched.subscription.stop();
  assert.is(watched.subscription.state, 'terminated');
});

inRig('trouble again and again: the pauses double to their limit', async (each) => {
  const times: number[] = [];
  each.script.answer = (incoming) => {
    times.push(each.clock.now());
    each.script.reply(incoming, 500);
  };
  subscribe(each, SCRIPT_HOST, { retry: { base: Seconds(10), max: Seconds(40) } });
  await each.advance(400_000);
  const pauses = times.slice(1).map((time, index) => (time - (times[index] ?? 0)) / 1000);
  for (const [index, pause] of pauses.entries()) {
    const span = Math.min(40, 10 * 2 ** index);
    assert.ok(pause >= span / 2 && pause <= span + 0.1, `${index}: ${pause}`);
  }
});

inRig('a 2xx without NOTIFY: Timer N, then tried again', async (each) => {
  each.script.answer = (incoming) => each.script.reply(incoming, 200, 't', [['Expires', '3600']]);
  const watched = subscribe(each, SCRIPT_HOST);
  await each.advance(31_900);
  assert.is(watched.subscription.state, 'subscribing');
  await each.advance(200);
  assert.is(watched.subscription.state, 'waiting');
  assert.is(watched.subscription.error?.id, 'sip.no-notify');
  await each.advance(31_000);
  assert.is(each.script.of('SUBSCRIBE').length, 2);
});

inRig('the NOTIFY may come before the 200 and makes the dialog; another fork is 481', async (each) => {
  each.script.answer = (incoming) => {
    if (incoming.method !== 'SUBSCRIBE') return;
    notify(each, incoming, 'active;expires=1800', { tag: 'first' });
    notify(each, incoming, 'active;expires=1800', { tag: 'second' });
    each.script.reply(incoming, 200, 'first', [['Expires', '3600']]);
  };
  const watched = subscribe(each, SCRIPT_HOST);
  await each.advance(100);
  assert.equal(each.script.statuses('NOTIFY'), [200, 481]);
  assert.is(watched.subscription.state, 'active');
  assert.is(watched.subscription.dialog?.remoteTag, 'first');
});

inRig('when the 2xx is of one fork and the NOTIFY of another, the NOTIFY counts', async (each) => {
  each.script.answer = (incoming) => {
    if (incoming.method === 'SUBSCRIBE') each.script.reply(incoming, 200, 'one', [['Expires', '3600']]);
  };
  const watched = subscribe(each, SCRIPT_HOST);
  await each.advance(100);
  const [sent] = each.script.of('SUBSCRIBE');
  if (sent) notify(each, sent, 'pending', { tag: 'two' });
  await each.advance(100);
  assert.is(watched.subscription.dialog?.remoteTag, 'two');
  assert.is(each.alice.ua.load.dialogs, 1);
  watched.subscription.drop();
  assert.is(each.alice.ua.load.dialogs, 0);
});

inRig('the expiry that a NOTIFY names counts', async (each) => {
  each.script.answer = (incoming) => {
    if (incoming.method !== 'SUBSCRIBE') return;
    each.script.reply(incoming, 200, 'script', [['Expires', '3600']]);
    if (incoming.to.tag === undefined) notify(each, incoming, 'active;expires=100');
  };
  subscribe(each, SCRIPT_HOST);
  await each.advance(49_900);
  assert.is(each.script.of('SUBSCRIBE').length, 1);
  await each.advance(200);
  assert.is(each.script.of('SUBSCRIBE').length, 2);
  assert.is(each.script.of('SUBSCRIBE')[1]?.to.tag, 'script');
});

inRig('a NOTIFY for something else is 489, one without state 400', async (each) => {
  each.script.answer = (incoming) => {
    if (incoming.method === 'SUBSCRIBE') each.script.reply(incoming, 200);
  };
  const watched = subscribe(each, SCRIPT_HOST);
  await each.advance(100);
  const [sent] = each.script.of('SUBSCRIBE');
  if (!sent) return;
  notify(each, sent, 'active', { event: 'presence', cseq: 1 });
  await each.advance(10);
  notify(each, sent, '', { cseq: 2 });
  await each.advance(10);
  assert.equal(each.script.statuses('NOTIFY'), [489, 400]);
  assert.is(watched.subscription.state, 'subscribing');
});

for (const { reason, means } of [
  ...TERMINATION_TABLE,
  { reason: 'unheard-of', means: 'ended, later' } as const,
]) {
  inRig(`terminated with ${reason}: ${means}`, async (each) => {
    const notifier = serve(each);
    const watched = subscribe(each, BOB);
    await each.advance(20_000);
    notifier.subscriptions[0]?.terminate(reason);
    await each.advance(100);
    const expected = { 'ended, now': 'active', 'ended, later': 'waiting', 'ended, never': 'terminated' }[
      means
    ];
    assert.is(watched.subscription.state, expected);
    await each.advance(40_000);
    assert.is(watched.subscription.state, means === 'ended, never' ? 'terminated' : 'active');
    assert.is(notifier.subscriptions.length, means === 'ended, never' ? 0 : 1);
  });
}

inRig('retry-after of a terminated subscription is kept', async (each) => {
  const notifier = serve(each);
  const watched = subscribe(each, BOB);
  await each.advance(20_000);
  notifier.subscriptions[0]?.terminate('probation', Seconds(500));
  await each.advance(499_000);
  assert.is(watched.subscription.state, 'waiting');
  await each.advance(2000);
  assert.is(watched.subscription.state, 'active');
});

inRig('a server that always ends at once is not asked in a circle', async (each) => {
  const notifier = serve(each);
  each.bob.ua.onRequest((incoming) => notifier.handle(incoming)?.terminate('deactivated'));
  subscribe(each, BOB);
  await each.advance(600_000);
  const sent = each.network.packets.filter(({ bytes }) => bytes.toString('latin1').startsWith('SUBSCRIBE'));
  assert.ok(sent.length < 12, String(sent.length));
});

inRig('481 to a refresh: a new subscription at once', async (each) => {
  const notifier = serve(each);
  const watched = subscribe(each, BOB, { expires: Seconds(120) });
  await each.advance(100);
  const before = watched.subscription.dialog?.callId;
  notifier.stop();
  await each.advance(61_000);
  assert.is(watched.subscription.state, 'active');
  assert.is.not(watched.subscription.dialog?.callId, before);
  assert.is(watched.states.filter((state) => state === 'subscribing').length, 2);
});

inRig('a refresh that meets trouble is tried again while the subscription lives', async (each) => {
  let troubled = true;
  each.script.answer = (incoming) => {
    if (incoming.method !== 'SUBSCRIBE') return;
    const first = incoming.to.tag === undefined;
    if (!first && troubled) each.script.reply(incoming, 500);
    else each.script.reply(incoming, 200, 'script', [['Expires', '1000']]);
    if (first) notify(each, incoming, 'active');
  };
  const watched = subscribe(each, SCRIPT_HOST);
  await each.advance(501_000);
  assert.is(watched.subscription.state, 'active');
  troubled = false;
  await each.advance(60_000);
  const sent = each.script.of('SUBSCRIBE');
  assert.is(new Set(sent.map(({ callId }) => callId)).size, 1);
  assert.ok(sent.length >= 3);
  await each.advance(400_000);
  assert.is(watched.subscription.state, 'active');
});

inRig('a server that fell silent: the subscription expires and is made anew', async (each) => {
  const notifier = serve(each);
  const watched = subscribe(each, BOB, { expires: Seconds(120) });
  await each.advance(100);
  each.network.rule = () => ({ drop: true });
  await each.advance(130_000);
  assert.ok(['subscribing', 'waiting'].includes(watched.subscription.state), watched.subscription.state);
  each.network.rule = undefined;
  await each.advance(300_000);
  assert.is(watched.subscription.state, 'active');
  assert.is(notifier.subscriptions.length, 1);
});

inRig('stopped before anything came, and while waiting', async (each) => {
  const early = subscribe(each, SCRIPT_HOST);
  await each.advance(10);
  early.subscription.stop();
  assert.is(early.subscription.state, 'terminated');
  const [sent] = each.script.of('SUBSCRIBE');
  if (sent) notify(each, sent, 'active');
  await each.advance(10);
  assert.equal(each.script.statuses('NOTIFY'), [481]);
  await each.advance(100_000);
  assert.equal(leaks(each), NOTHING);
});

inRig('what became of an earlier SUBSCRIBE does not matter to the next', async (each) => {
  const watched = subscribe(each, SCRIPT_HOST);
  await each.advance(20_000);
  watched.subscription.start();
  await each.advance(12_200);
  assert.is(watched.subscription.state, 'subscribing');
  assert.equal(watched.states, ['subscribing']);
});

inRig('un-subscribed from a server that says nothing more: over after Timer N', async (each) => {
  each.script.answer = (incoming) => {
    if (incoming.method !== 'SUBSCRIBE') return;
    each.script.reply(incoming, 200);
    if (incoming.to.tag === undefined) notify(each, incoming, 'active');
  };
  const watched = subscribe(each, SCRIPT_HOST);
  await each.advance(100);
  watched.subscription.stop();
  await each.advance(100);
  assert.is(each.script.of('SUBSCRIBE')[1]?.expires, 0);
  assert.is(watched.subscription.state, 'unsubscribing');
  await each.advance(32_000);
  assert.is(watched.subscription.state, 'terminated');
  await each.advance(100_000);
  assert.equal(leaks(each), NOTHING);
});

inRig('the notifier: wrong event, no Contact, refusal, fetch', async (each) => {
  const notifier = serve(each, { authorize: (request) => (request.header('X-Refuse') ? 403 : 'active') });
  const results: string[] = [];
  const ask = async (options: Partial<SubscriptionOptions>): Promise<void> => {
    const watched = subscribe(each, BOB, options);
    await each.advance(100);
    results.push(`${watched.subscription.state} ${watched.subscription.error?.detail.status ?? '-'}`);
    watched.subscription.drop();
  };
  await ask({ event: 'presence' });
  const identity = NameAddr.of(uri('sip:a@a.example'));
  const parts = { uri: uri(`sip:a@${BOB}`), from: identity, to: identity, contact: each.alice.contact };
  await ask({ parts: () => ({ ...parts, headers: [['X-Refuse', 'yes']] }) });
  assert.equal(results, ['terminated 489', 'terminated 403']);
  const fetched = subscribe(each, BOB, { expires: Seconds(0) });
  await each.advance(100);
  assert.equal(fetched.bodies, ['terminated v1']);
  assert.is(notifier.subscriptions.length, 0);
  fetched.subscription.drop();
});

inRig('pending says nothing until it is authorized', async (each) => {
  const notifier = serve(each, { authorize: () => 'pending' });
  const watched = subscribe(each, BOB);
  await each.advance(100);
  notifier.notifyAll();
  await each.advance(100);
  assert.equal(watched.bodies, ['pending ']);
  notifier.subscriptions[0]?.authorize();
  await each.advance(100);
  assert.equal(watched.bodies, ['pending ', 'active v1']);
});

inRig('the notifier forgets who expires, who answers 481, and who is silent', async (each) => {
  const notifier = serve(each);
  const silent = subscribe(each, BOB, { expires: Seconds(600) });
  const gone = subscribe(each, BOB, { expires: Seconds(600) });
  await each.advance(100);
  assert.is(notifier.subscriptions.length, 2);
  gone.subscription.drop();
  notifier.notifyAll();
  await each.advance(100);
  assert.is(notifier.subscriptions.length, 1);
  each.network.rule = () => ({ drop: true });
  silent.subscription.drop();
  notifier.notifyAll();
  await each.advance(33_000);
  assert.is(notifier.subscriptions.length, 0);
  each.network.rule = undefined;
  const expiring = subscribe(each, BOB, { expires: Seconds(100), refreshAfter: () => Seconds(1000) });
  await each.clock.advance(Milliseconds(99_000));
  assert.is(notifier.subscriptions.length, 1);
  expiring.subscription.drop();
  await each.clock.advance(Milliseconds(2000));
  assert.is(notifier.subscriptions.length, 0);
  await each.advance(100_000);
  assert.equal(leaks(each), NOTHING);
});

inRig('notifications go out one after the other', async (each) => {
  const notifier = serve(each);
  const watched = subscribe(each, BOB);
  for (let turn = 0; turn < 5; turn += 1) notifier.notifyAll();
  await each.advance(100);
  let delay = 50;
  each.network.rule = () => {
    delay = (delay * 7) % 97;
    return { delay: Milliseconds(delay) };
  };
  for (let turn = 0; turn < 20; turn += 1) notifier.notifyAll();
  await each.advance(20_000);
  const versions = watched.bodies.map((body) => Number(body.replace(/\D/g, '')));
  assert.is(versions.length, 21);
  assert.equal(
    versions,
    versions.toSorted((a, b) => a - b),
  );
});

test.run();
