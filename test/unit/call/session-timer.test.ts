import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { Call } from '#src/call/call.ts';
import { REFRESHER_TABLE, SESSION_DEFAULTS } from '#src/call/session-expires.ts';
import { SessionTimer } from '#src/call/session-timer.ts';
import {
  SESSION_TIMER_EVENTS,
  SESSION_TIMER_STATES,
  SESSION_TIMER_TABLE,
  sessionTimerDiagram,
} from '#src/call/session-timer-table.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, type PeerCall, sdp, type TestWorld } from './harness.ts';
import { clean } from './talk.ts';

const test = suite('call/session-timer');

type Headers = readonly (readonly [string, string])[];

const TIMER: Headers = [
  ['Supported', 'timer'],
  ['Allow', 'INVITE, ACK, BYE, UPDATE'],
];
/** 1800 seconds, and what our default comes to. */
const HALF = 900_000;
const GUARD = (1800 - 32) * 1000;

/** A call of the device, answered with these. */
async function dialled(headers: Headers, alone = false) {
  const session = { ...SESSION_DEFAULTS, alone };
  const world = await makeWorld({ config: { session } });
  const call = world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  await world.peer.reply(invite, 200, { tag: 'b', body: sdp(), headers });
  return { world, call, invite };
}

/** A call of the peer, answered. */
async function called(headers: Headers, alone = false) {
  const session = { ...SESSION_DEFAULTS, alone };
  const world = await makeWorld({ config: { session } });
  const peer = world.peer.call('in');
  await peer.invite({ body: sdp(), headers });
  const call = world.manager.get(world.latest().id);
  if (!(call instanceof Call)) throw new Error('no call');
  call.answer();
  await world.advance(5);
  await peer.ack();
  return { world, call, peer, ok: peer.responses.at(-1) };
}

const hangUp = async (world: TestWorld, call: Call): Promise<void> => {
  call.hangup();
  await world.advance(5);
  await world.peer.reply(world.peer.last('BYE'), 200);
  await clean(world);
};

const sent = (world: TestWorld, method: string): SipRequest[] => [
  ...new Map(world.peer.requests(method).map((request) => [request.cseq.number, request])).values(),
];

test('[MD-2.2.9] the INVITE offers the timer and leaves the refresher open', async () => {
  const { world, call, invite } = await dialled([]);
  assert.is(invite.header('Session-Expires'), '1800');
  assert.is(invite.header('Min-SE'), '90');
  assert.ok(invite.supported.includes('timer'));
  await hangUp(world, call);
});

test('[MD-2.2.9] refreshed at half by UPDATE without body, again and again, about itself as uac', async () => {
  const { world, call } = await dialled([
    ...TIMER,
    ['Require', 'timer'],
    ['Session-Expires', '1800;refresher=uac'],
  ]);
  for (const round of [1, 2, 3]) {
    await world.advance(HALF - 20);
    assert.is(sent(world, 'UPDATE').length, round - 1);
    await world.advance(20);
    const update = world.peer.last('UPDATE');
    assert.is(sent(world, 'UPDATE').length, round);
    assert.is(update.body.length, 0);
    assert.is(update.header('Session-Expires'), '1800;refresher=uac');
    assert.ok(update.supported.includes('timer'));
    await world.peer.reply(update, 200, { headers: [...TIMER, ['Session-Expires', '1800;refresher=uac']] });
  }
  assert.is(call.snapshot.state, 'active');
  await hangUp(world, call);
});

test('[MD-2.2.9] without UPDATE in Allow a re-INVITE refreshes, with the description as it was', async () => {
  const { world, call, invite } = await dialled([
    ['Supported', 'timer'],
    ['Allow', 'INVITE, ACK, BYE'],
    ['Session-Expires', '1800;refresher=uac'],
  ]);
  await world.advance(HALF);
  const again = world.peer.last('INVITE');
  assert.ok(again.cseq.number > invite.cseq.number);
  assert.is(String(again.body), String(invite.body), 'nothing of the description changes, o= neither');
  assert.match(String(again.body), /a=sendrecv/);
  await world.peer.reply(again, 200, { body: sdp(), headers: [['Session-Expires', '1800;refresher=uac']] });
  await world.advance(HALF);
  const third = world.peer.last('INVITE');
  assert.is(String(third.body), String(invite.body));
  await world.peer.reply(third, 200, { body: sdp(), headers: [['Session-Expires', '1800;refresher=uac']] });
  await hangUp(world, call);
});

test('[MD-2.2.9] an UPDATE that meets 405 gives way to a re-INVITE at once', async () => {
  const { world, call } = await dialled([...TIMER, ['Session-Expires', '1800;refresher=uac']]);
  await world.advance(HALF);
  await world.peer.reply(world.peer.last('UPDATE'), 405);
  await world.advance(5);
  assert.is(sent(world, 'INVITE').length, 2);
  await world.peer.reply(world.peer.last('INVITE'), 200, {
    body: sdp(),
    headers: [['Session-Expires', '1800;refresher=uac']],
  });
  await hangUp(world, call);
});

test('[MD-2.2.9] 422 twice: Session-Expires and Min-SE as the other side wants them, same Call-ID', async () => {
  const world = await makeWorld();
  const call = world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  const first = world.peer.last('INVITE');
  for (const least of ['1860', '1920']) {
    await world.peer.reply(world.peer.last('INVITE'), 422, { tag: least, headers: [['Min-SE', least]] });
    const next = world.peer.last('INVITE');
    assert.is(next.header('Session-Expires'), least);
    assert.is(next.header('Min-SE'), least);
    assert.is(next.callId, first.callId);
    assert.is(next.to.tag, undefined);
  }
  const last = world.peer.last('INVITE');
  assert.is(last.cseq.number, first.cseq.number + 2);
  assert.is(world.peer.requests('ACK').length, 2);
  await world.peer.reply(last, 200, {
    tag: 'b',
    body: sdp(),
    headers: [...TIMER, ['Session-Expires', '1920;refresher=uac']],
  });
  await world.advance(960_000);
  assert.is(world.peer.last('UPDATE').header('Session-Expires'), '1920;refresher=uac');
  await world.peer.reply(world.peer.last('UPDATE'), 200, {
    headers: [['Session-Expires', '1920;refresher=uac']],
  });
  await hangUp(world, call);
});

for (const [what, headers] of [
  ['without Min-SE', []],
  ['with a Min-SE no higher than ours', [['Min-SE', '1800']]],
] as const) {
  test(`a 422 ${what} ends the call`, async () => {
    const world = await makeWorld();
    world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
    await world.advance(5);
    await world.peer.reply(world.peer.last('INVITE'), 422, { tag: 'b', headers });
    assert.is(world.log.rows[0]?.end.sip, 422);
    await clean(world);
  });
}

test('a peer that raises its Min-SE for ever is left', async () => {
  const world = await makeWorld();
  world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  for (let least = 2000; world.log.rows.length === 0; least += 1)
    await world.peer.reply(world.peer.last('INVITE'), 422, {
      tag: `t${least}`,
      headers: [['Min-SE', `${least}`]],
    });
  assert.is(sent(world, 'INVITE').length, 6);
  await clean(world);
});

test('[MD-2.2.9] an INVITE with too short a time: 422 and what we would take; without timer support it is taken', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('short');
  await peer.invite({ body: sdp(), headers: [...TIMER, ['Session-Expires', '60']] });
  assert.equal(peer.statuses(), [422]);
  assert.is(peer.responses[0]?.header('Min-SE'), '90');
  const mute = world.peer.call('mute');
  await mute.invite({ body: sdp(), headers: [['Session-Expires', '60']] });
  assert.equal(mute.statuses(), [100, 180]);
  await mute.cancel();
  await clean(world);
});

for (const [asked, answer, requires] of [
  ['1800', '1800;refresher=uac', true],
  ['600;refresher=uac', '600;refresher=uac', true],
  ['600;refresher=uas', '600;refresher=uas', true],
  ['600;refresher=nobody', '600;refresher=uac', true],
  ['4294967295', '86400;refresher=uac', true],
] as const) {
  test(`[MD-2.2.9] Session-Expires: ${asked} is answered ${answer}`, async () => {
    const { world, call, ok } = await called([...TIMER, ['Session-Expires', asked]]);
    assert.is(ok?.status, 200);
    assert.is(ok?.header('Session-Expires'), answer);
    assert.is(ok?.require.includes('timer'), requires);
    await hangUp(world, call);
  });
}

test('a caller without the timer: nothing runs, unless we refresh alone', async () => {
  const plain = await called([]);
  assert.is(plain.ok?.header('Session-Expires'), undefined);
  await hangUp(plain.world, plain.call);
  const alone = await called([['Allow', 'INVITE, UPDATE']], true);
  assert.is(alone.ok?.header('Session-Expires'), '1800;refresher=uas');
  assert.equal(alone.ok?.require, []);
  await alone.world.advance(HALF);
  assert.is(alone.world.peer.last('UPDATE').header('Session-Expires'), '1800;refresher=uac');
  await alone.world.peer.reply(alone.world.peer.last('UPDATE'), 200);
  await alone.world.advance(HALF);
  assert.is(sent(alone.world, 'UPDATE').length, 2, 'and goes on to');
  await alone.world.peer.reply(alone.world.peer.last('UPDATE'), 200);
  await hangUp(alone.world, alone.call);
});

test('a callee without the timer is refreshed in IMS only; one that knows it and leaves it out has it off', async () => {
  for (const [headers, alone, refreshes] of [
    [[['Allow', 'UPDATE']], false, 0],
    [[['Allow', 'UPDATE']], true, 1],
    [TIMER, true, 0],
  ] as const) {
    const { world, call } = await dialled(headers, alone);
    await world.advance(HALF);
    assert.is(sent(world, 'UPDATE').length, refreshes);
    if (refreshes > 0) await world.peer.reply(world.peer.last('UPDATE'), 200);
    await hangUp(world, call);
  }
});

const refreshedByPeer = async (peer: PeerCall, method: string, headers: Headers): Promise<void> => {
  await peer.send(method, method === 'INVITE' ? sdp() : undefined, headers);
  if (method === 'INVITE') await peer.ack();
};

for (const method of ['UPDATE', 'INVITE']) {
  test(`[MD-2.2.9] refreshed by the peer with ${method}; when it falls silent: BYE before the end, and why`, async () => {
    const { world, peer } = await called([...TIMER, ['Session-Expires', '1800;refresher=uac']]);
    await world.advance(GUARD - 100);
    await refreshedByPeer(peer, method, [...TIMER, ['Session-Expires', '1800;refresher=uac']]);
    assert.is(peer.responses.at(-1)?.header('Session-Expires'), '1800;refresher=uac');
    assert.ok(peer.responses.at(-1)?.require.includes('timer'));
    await world.advance(GUARD - 100);
    assert.is(world.peer.requests('BYE').length, 0);
    await world.advance(200);
    assert.is(sent(world, 'BYE').length, 1);
    await world.peer.reply(world.peer.last('BYE'), 200);
    const { by, sip, label, reason } = world.log.rows[0]?.end ?? {};
    assert.equal([by, sip, label], ['network', 408, 'answered']);
    assert.match(reason?.text ?? '', /not been heard/);
    await clean(world);
  });
}

test('[MD-2.2.9] a third of a short time is kept before its end', async () => {
  const { world } = await dialled([...TIMER, ['Session-Expires', '30;refresher=uas']]);
  await world.advance(19_900);
  assert.is(world.peer.requests('BYE').length, 0);
  await world.advance(200);
  await world.peer.reply(world.peer.last('BYE'), 200);
  await clean(world);
});

test('the peer may take over, change the time, and switch it off', async () => {
  const { world, call, peer } = await called([...TIMER, ['Session-Expires', '1800;refresher=uas']]);
  await refreshedByPeer(peer, 'UPDATE', [...TIMER, ['Session-Expires', '300;refresher=uac']]);
  await world.advance(200_000);
  assert.is(world.peer.requests('UPDATE').length, 0, 'theirs now');
  await refreshedByPeer(peer, 'UPDATE', [...TIMER, ['Session-Expires', '200;refresher=uas']]);
  await world.advance(100_100);
  const update = world.peer.last('UPDATE');
  assert.is(update.header('Session-Expires'), '200;refresher=uac');
  await world.peer.reply(update, 200, { headers: TIMER });
  await world.advance(1_000_000);
  assert.is(sent(world, 'UPDATE').length, 1, 'off');
  assert.is(call.snapshot.state, 'active');
  await hangUp(world, call);
});

test('a refresh of the peer that is too short meets 422, and the session goes on', async () => {
  const { world, call, peer } = await called([...TIMER, ['Session-Expires', '1800;refresher=uac']]);
  await refreshedByPeer(peer, 'UPDATE', [...TIMER, ['Session-Expires', '50;refresher=uac']]);
  assert.equal(peer.statuses('UPDATE'), [422]);
  assert.is(call.snapshot.state, 'active');
  await hangUp(world, call);
});

for (const status of [481, 408]) {
  test(`[MD-2.2.9] our refresh meets ${status}: the call is over`, async () => {
    const { world } = await dialled([...TIMER, ['Session-Expires', '1800;refresher=uac']]);
    await world.advance(HALF);
    await world.peer.reply(world.peer.last('UPDATE'), status);
    await world.peer.reply(world.peer.last('BYE'), 481);
    assert.is(world.log.rows[0]?.end.sip, status);
    await clean(world);
  });
}

test('[MD-2.2.9] our refresh meets no answer at all: the call is over', async () => {
  const { world } = await dialled([...TIMER, ['Session-Expires', '1800;refresher=uac']]);
  await world.advance(HALF + 33_000);
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(world.log.rows[0]?.end.sip, 408);
  await clean(world);
});

for (const status of [500, 488, 491]) {
  test(`our refresh is refused with ${status}: again before the end, and BYE when nothing helps`, async () => {
    const { world } = await dialled([...TIMER, ['Session-Expires', '1800;refresher=uac']]);
    world.peer.onMessage = (message) => {
      if ('method' in message && message.method === 'UPDATE') void world.peer.reply(message, status);
    };
    await world.advance(HALF * 2 + 100);
    assert.ok(sent(world, 'UPDATE').length >= 3, 'tried again');
    world.peer.onMessage = undefined;
    await world.peer.reply(world.peer.last('BYE'), 200);
    assert.is(world.log.rows[0]?.end.by, 'network');
    await clean(world);
  });
}

test('[MD-2.2.9] a refresh that crosses (491) or is put off (Retry-After) comes again in their time', async () => {
  const { world, call } = await dialled([...TIMER, ['Session-Expires', '1800;refresher=uac']]);
  await world.advance(HALF);
  assert.is(sent(world, 'UPDATE').length, 1);
  await world.peer.reply(world.peer.last('UPDATE'), 491, { tag: 'b' });
  await world.advance(2_000);
  assert.is(sent(world, 'UPDATE').length, 1, 'the owner of the Call-ID waits 2.1 s at least');
  await world.advance(2_010);
  assert.is(sent(world, 'UPDATE').length, 2);
  await world.peer.reply(world.peer.last('UPDATE'), 500, { tag: 'b', headers: [['Retry-After', '7']] });
  await world.advance(6_900);
  assert.is(sent(world, 'UPDATE').length, 2);
  await world.advance(200);
  assert.is(sent(world, 'UPDATE').length, 3);
  await world.peer.reply(world.peer.last('UPDATE'), 200, {
    tag: 'b',
    headers: [['Session-Expires', '1800;refresher=uac']],
  });
  await hangUp(world, call);
});

test('a hold is a refresh as well, and says who refreshes', async () => {
  const { world, call } = await dialled([...TIMER, ['Session-Expires', '1800;refresher=uas']]);
  void call.hold();
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  assert.is(invite.header('Session-Expires'), '1800;refresher=uas');
  await world.peer.reply(invite, 200, {
    body: sdp({ direction: 'recvonly' }),
    headers: [...TIMER, ['Session-Expires', '1800;refresher=uas']],
  });
  await hangUp(world, call);
});

for (const [header, value] of [
  ['Session-Expires', 'soon'],
  ['Session-Expires', '4294967296'],
  ['Min-SE', '-1'],
] as const) {
  test(`${header}: ${value} is no number: 400`, async () => {
    const world = await makeWorld();
    const peer = world.peer.call('bad');
    await peer.invite({ body: sdp(), headers: [...TIMER, [header, value]] });
    assert.equal(peer.statuses(), [400]);
    await clean(world);
  });
}

test('every pair of who knows the timer and who was asked for has one answer', () => {
  for (const knows of [true, false])
    for (const asked of [undefined, 'uac', 'uas'] as const)
      assert.is(REFRESHER_TABLE.filter((row) => row.knows === knows && row.asked === asked).length, 1);
});

test('every state has an outcome for every event, and every state can be left', () => {
  for (const state of SESSION_TIMER_STATES) {
    for (const event of SESSION_TIMER_EVENTS)
      assert.ok(SESSION_TIMER_TABLE[state][event], `${state} × ${event}`);
    assert.equal(SESSION_TIMER_TABLE[state].stop, { next: 'off', actions: ['disarm'] });
  }
});

test('the picture in the README is that of the table', () => {
  const readme = readFileSync(new URL('../../../src/call/README.md', import.meta.url), 'utf8');
  assert.ok(readme.includes(`\`\`\`mermaid\n${sessionTimerDiagram()}\n\`\`\``));
});

test('whatever is agreed in whatever order, nothing runs after the end and nobody waits for longer than said', async () => {
  const { world } = await called(TIMER);
  const ok = world.peer.responses('INVITE').at(-1);
  const request = world.peer.call('x');
  await request.invite({ body: sdp() });
  const asked = world.peer.received.length;
  assert.ok(ok && asked > 0);
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          interval: fc.integer({ min: 1, max: 4000 }),
          refresher: fc.constantFrom('uac', 'uas', 'none', undefined),
          wait: fc.integer({ min: 0, max: 4_000_000 }),
        }),
        { minLength: 1, maxLength: 12 },
      ),
      async (steps) => {
        const clock = new VirtualClock(new Date(0));
        let ended = 0;
        const timer = new SessionTimer(clock, SESSION_DEFAULTS, {
          refresh: () => undefined,
          expired: () => {
            ended += 1;
          },
        });
        for (const { interval, refresher, wait } of steps) {
          const response = world.peer.responses('INVITE').at(-1)?.clone();
          if (!response) throw new Error('no response');
          response.headers.remove('Session-Expires');
          if (refresher !== 'none')
            response.headers.set(
              'Session-Expires',
              `${interval}${refresher ? `;refresher=${refresher}` : ''}`,
            );
          timer.accepted(response);
          const runs = timer.state !== 'off';
          const before = ended;
          await clock.advance(Milliseconds(wait));
          assert.is(ended - before, runs && wait >= bound(interval, refresher) ? 1 : 0);
          if (ended > before) assert.is(timer.state, 'off');
        }
        timer.stop();
        assert.is(clock.pending, 0);
      },
    ),
    { numRuns: 200 },
  );
});

const bound = (interval: number, refresher: string | undefined): number =>
  1000 * (refresher === 'uas' ? interval - Math.min(32, interval / 3) : Seconds(interval));

test.run();
