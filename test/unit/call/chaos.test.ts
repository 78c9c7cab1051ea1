// Any order of events, with packets lost, repeated and overtaking each other: every call ends once, nothing is left.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Seconds } from '#src/base/units.ts';
import { CALL_LABELS } from '#src/call/labels.ts';
import { CALL_STATES } from '#src/call/table.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, type PeerCall, sdp, type TestWorld } from './harness.ts';
import { attempt, onBothNetworks, trouble } from './luck.ts';
import { clean } from './talk.ts';

const test = suite('call/chaos');

/** What one step does; `at` picks the call or the message that it is done to. */
interface Step {
  readonly what: (typeof STEPS)[number];
  readonly at: number;
}

const STEPS = [
  'invite',
  'invite without offer',
  'cancel',
  'ack',
  'ack with answer',
  'bye',
  're-invite',
  're-invite without offer',
  'update',
  'dial',
  'ringing',
  'early media',
  'freed',
  'ok',
  'ok without answer',
  'busy',
  'pending',
  'answer our other requests',
  'owner answers',
  'owner rejects',
  'owner hangs up',
  'owner holds',
  'owner resumes',
  'owner answers, the others held',
  'we are elsewhere',
  'invite with a timer',
  'peer refreshes',
  'not now',
  'answer our UPDATE',
  'owner dials digits',
  'wait',
  'wait long',
] as const;

const steps = fc.array(fc.record({ what: fc.constantFrom(...STEPS), at: fc.nat(7) }), {
  minLength: 5,
  maxLength: 30,
});

/** What a peer may say of a session's time. */
const TIMERS: readonly (readonly (readonly [string, string])[])[] = [
  ['100;refresher=uac', '100;refresher=uas', '90', '4;refresher=uac', '0', '4000000000;refresher=uas'].map(
    (value) => ['Session-Expires', value] as const,
  ),
].flatMap((fields) =>
  fields.map((field) => [field, ['Supported', 'timer'], ['Allow', 'INVITE, UPDATE']] as const),
);

async function perform(world: TestWorld, peers: PeerCall[], { what, at }: Step): Promise<void> {
  const { manager, peer } = world;
  const theirs = peers[at % Math.max(1, peers.length)];
  const ours = manager.list()[at % Math.max(1, manager.list().length)];
  const call = ours && manager.get(ours.id);
  const invites = peer.requests('INVITE');
  const invite = invites[invites.length - 1 - (at % Math.max(1, invites.length))];
  const tag = `t${at % 4}`;
  switch (what) {
    case 'invite':
    case 'invite without offer': {
      const next = peer.call(`c${peers.length}`);
      peers.push(next);
      return next.invite(what === 'invite' ? { body: sdp() } : {});
    }
    case 'cancel':
      return theirs?.cancel(['Reason', 'SIP;cause=200;text="Call completed elsewhere"']);
    case 'ack':
      return theirs?.ack();
    case 'ack with answer':
      return theirs?.ack(sdp());
    case 'bye':
      return theirs?.send('BYE');
    case 're-invite':
      return theirs?.send('INVITE', sdp({ version: 2 + at }));
    case 're-invite without offer':
      return theirs?.send('INVITE');
    case 'update':
      return theirs?.send('UPDATE', at % 2 === 0 ? sdp({ direction: 'sendonly' }) : undefined);
    case 'dial':
      manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
      return world.advance(2);
    case 'ringing':
      return invite && peer.reply(invite, 180, { tag });
    case 'early media':
      return invite && peer.reply(invite, 183, { tag, body: sdp({ port: 5000 + at }) });
    case 'freed':
      return invite && peer.reply(invite, 199, { tag });
    case 'ok':
      return invite && peer.reply(invite, 200, { tag, body: sdp({ port: 6000 + at }) });
    case 'ok without answer':
      return invite && peer.reply(invite, 200, { tag });
    case 'busy':
      return invite && peer.reply(invite, 486, { tag });
    case 'pending':
      return invite && peer.reply(invite, 491, { tag });
    case 'answer our other requests':
      for (const request of [...peer.requests('BYE'), ...peer.requests('CANCEL')].slice(-3))
        await peer.reply(request, 200);
      return undefined;
    case 'owner answers':
      return attempt(() => call?.answer());
    case 'owner rejects':
      return attempt(() => call?.reject());
    case 'owner hangs up':
      return attempt(() => call?.hangup());
    case 'owner holds':
      return attempt(() => void call?.hold());
    case 'owner resumes':
      return attempt(() => void (call && manager.resume(call)));
    case 'owner answers, the others held':
      return attempt(() => call && manager.answer(call, {}, at % 2 === 0 ? 'hold' : 'end'));
    case 'we are elsewhere':
      manager.moved(at % 2 === 0);
      return world.advance(2);
    case 'invite with a timer': {
      const next = peer.call(`c${peers.length}`);
      peers.push(next);
      return next.invite({ body: sdp(), headers: TIMERS[at % TIMERS.length] ?? [] });
    }
    case 'peer refreshes':
      return theirs?.send('UPDATE', undefined, TIMERS[at % TIMERS.length] ?? []);
    case 'not now':
      return invite && peer.reply(invite, 500, { tag, headers: [['Retry-After', `${at}`]] });
    case 'answer our UPDATE': {
      const update = peer.requests('UPDATE').at(-1);
      const headers = TIMERS[at % TIMERS.length] ?? [];
      return update && peer.reply(update, at === 7 ? 481 : 200, { headers });
    }
    case 'owner dials digits':
      return attempt(() => call?.sendDtmf('1'));
    case 'wait':
      return world.advance(100 * (at + 1));
    case 'wait long':
      return world.advance(9_000 * (at + 1));
  }
}

async function lifeOf(seed: number, loss: number, plan: readonly Step[]): Promise<void> {
  const world = await makeWorld({ seed, config: { ringTime: Seconds(1_000_000) } });
  trouble(world, seed, loss);
  const peers: PeerCall[] = [];
  for (const step of plan) {
    await perform(world, peers, step);
    for (const { id } of world.manager.list()) {
      const state = world.manager.get(id)?.state;
      assert.ok(state && CALL_STATES.includes(state));
    }
  }
  // What is still on its way arrives; then the owner has had enough.
  world.network.rule = undefined;
  await world.advance(2_000);
  for (const { id } of world.manager.list()) attempt(() => world.manager.get(id)?.hangup());
  const made = new Set(world.manager.list().map((call) => call.id));
  // Whatever still lives ends by its own timers: no ACK, no answer to BYE, ringing over.
  await world.advance(200_000);
  const alive = world.manager.list().filter((call) => !world.manager.get(call.id)?.ended);
  assert.equal(
    alive.map((call) => call.state),
    [],
  );
  for (const id of made) assert.is(world.log.rows.filter((row) => row.id === id).length, 1, 'one row a call');
  for (const row of world.log.rows) assert.ok(CALL_LABELS.includes(row.end.label));
  await clean(world);
  for (const [what, count] of Object.entries(world.ua.load)) assert.is(count, 0, what);
}

onBothNetworks(test, 200, steps, lifeOf);

test.run();
