// A call that stands between the device of the harness and its peer, and what must be left of it: nothing.
import * as assert from 'uvu/assert';
import { Call } from '#src/call/call.ts';
import { makeWorld, type PeerCall, sdp, type TestWorld, type WorldOptions } from './harness.ts';

/** One call, as both its ends see it. */
export interface Talk {
  readonly world: TestWorld;
  readonly call: Call;
  readonly peer: PeerCall;
}

/** All calls have ended: no stream, no timer, no dialog is left. */
export const clean = async (world: TestWorld): Promise<void> => {
  assert.equal(await world.leaks(), { streams: 0, timers: 0, dialogs: 0 });
};

/** The call of this id at the device; by default the one that came in last. */
export const callOf = (world: TestWorld, id = world.latest().id): Call => {
  const call = world.manager.get(id);
  if (!(call instanceof Call)) throw new Error('no call');
  return call;
};

/** The peer calls; it rings. */
export async function rung(world: TestWorld, name: string, body = sdp()): Promise<Talk> {
  const peer = world.peer.call(name);
  await peer.invite({ body });
  return { world, call: callOf(world), peer };
}

/** The peer calls, and the owner answers. */
export async function answered(world: TestWorld, name: string, body = sdp()): Promise<Talk> {
  const talk = await rung(world, name, body);
  talk.call.answer();
  await world.advance(5);
  await talk.peer.ack();
  return talk;
}

/** A world of its own with one call that is up. */
export const talking = async (options: WorldOptions = {}, body = sdp()): Promise<Talk> =>
  answered(await makeWorld(options), 'talk', body);

/** The peer hangs up, and nothing is left. */
export async function end({ world, peer }: Talk): Promise<void> {
  await peer.send('BYE');
  await clean(world);
}
