// What the device does by itself around calls: buttons, groups in turn, the door, how long calls may be.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { silentLogger } from '#src/base/log.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { CallLimits } from '#src/call/limits.ts';
import { Buttons, type Group } from '#src/device/buttons.ts';
import { Door, type DoorSettings } from '#src/device/door.ts';
import { GroupCall } from '#src/device/group-call.ts';
import { GROUP_EVENTS, GROUP_STATES, GROUP_TABLE } from '#src/device/group-table.ts';
import { KeyReader, pressedKeys } from '#src/device/key-reader.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp, type TestWorld } from '../call/harness.ts';

const test = suite('device/features');
const log = silentLogger();
const to = (user: string): string => `sip:${user}@${PEER.host}:${PEER.port}`;

// How long calls may be.

const limited = async (dial?: number, talk?: number): Promise<TestWorld> => {
  const world = await makeWorld({ config: { audio: { capture: 'null', playback: 'alsa:default' } } });
  new CallLimits(world.manager, world.clock, {
    dial: dial === undefined ? undefined : Seconds(dial),
    talk: talk === undefined ? undefined : Seconds(talk),
  });
  return world;
};

test('a call out that nobody answers is given up after its time, and says so', async () => {
  const world = await limited(20);
  const call = world.manager.dial({ to: to('bob') });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 180);
  await world.advance(19_900);
  assert.is(call.snapshot.state, 'early');
  await world.advance(200);
  assert.is(call.snapshot.end?.label, 'cancelled');
  assert.is(world.peer.requests('CANCEL').length, 1);
  assert.match((call.details.told ?? []).map(({ text }) => text).join(), /Nobody answered in time/);
});

test('a conversation is warned of its end, and ended; an answered call does not ring out', async () => {
  const world = await limited(5, 60);
  const call = world.manager.dial({ to: to('bob') });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: sdp() });
  await world.advance(49_000);
  assert.is(call.snapshot.state, 'active');
  assert.not.ok(world.media.streams[0]?.tones.includes('waiting'));
  await world.advance(2_000);
  assert.ok(world.media.streams[0]?.tones.includes('waiting'));
  await world.advance(9_500);
  assert.is(call.snapshot.end?.label, 'answered');
  assert.ok(world.peer.requests('BYE').length > 0);
});

test('no limit holds for an emergency call', async () => {
  const world = await makeWorld({
    config: { emergency: { allowed: true, numbers: [], place: { civic: [] } } },
  });
  new CallLimits(world.manager, world.clock, { dial: Seconds(5), talk: Seconds(10) });
  const call = world.manager.dial({ to: '112' });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 180);
  await world.advance(6_000);
  assert.is(call.snapshot.state, 'early');
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: sdp() });
  await world.advance(20_000);
  assert.is(call.snapshot.state, 'active');
});

// Groups.

test('a group calls in turn: busy, silent, then one who answers', async () => {
  const world = await makeWorld();
  const buttons = new Buttons({
    ...{ calls: world.manager, clock: world.clock, log },
    buttons: [{ name: 'bell', target: 'family' }],
    groups: [{ name: 'family', targets: ['a', 'b', 'c'].map(to), each: Seconds(20) }],
  });
  const first = buttons.press('bell');
  assert.is(first.remote.uri, to('a'));
  await world.advance(5);
  // Again and again by an impatient visitor.
  assert.is(buttons.press('bell').id, first.id);
  await world.peer.reply(world.peer.last('INVITE'), 486);
  await world.advance(5);
  assert.match(world.peer.last('INVITE').requestUri.toString(), /:b@/);
  await world.peer.reply(world.peer.last('INVITE'), 180);
  await world.advance(20_000);
  const cancelled = world.peer.requests('INVITE')[1];
  assert.is(world.peer.requests('CANCEL').length, 1);
  if (cancelled) await world.peer.reply(cancelled, 487);
  assert.match(world.peer.last('INVITE').requestUri.toString(), /:c@/);
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: sdp() });
  await world.advance(60_000);
  assert.is(world.peer.requests('INVITE').filter(({ to: { tag } }) => tag === undefined).length, 3);
  assert.is(buttons.press('bell').remote.uri, to('c'));
});

test('the owner who hangs up ends the turn', async () => {
  const world = await makeWorld();
  const buttons = new Buttons({
    ...{ calls: world.manager, clock: world.clock, log },
    buttons: [{ name: 'bell', target: 'family' }],
    groups: [{ name: 'family', targets: ['a', 'b'].map(to), each: Seconds(20) }],
  });
  const { id } = buttons.press('bell');
  await world.advance(5);
  world.manager.get(id)?.hangup();
  await world.advance(60_000);
  assert.is(new Set(world.peer.requests('INVITE').map(({ requestUri }) => requestUri.toString())).size, 1);
});

test('a group of which nobody can be dialled is told; a button that nobody knows too', async () => {
  const world = await makeWorld();
  const groups: Group[] = [{ name: 'nobody', targets: ['urn:x:y', 'mailto:a'], each: Seconds(5) }];
  const buttons = new Buttons({
    ...{ calls: world.manager, clock: world.clock, log, groups },
    buttons: [
      { name: 'bell', target: 'nobody' },
      { name: 'sos', target: '112' },
    ],
  });
  for (const [name, id] of [
    ['bell', 'call.unreachable'],
    ['other', 'button.unknown'],
    // No button makes an emergency call where none is allowed.
    ['sos', 'call.emergency'],
  ] as const) {
    assert.throws(
      () => buttons.press(name),
      (error: unknown) => TandemError.is(error, id),
    );
  }
});

test('Tandem closes while a group is called: nobody else is, and no timer hangs up what is hung up', async () => {
  const world = await makeWorld();
  const buttons = new Buttons({
    ...{ calls: world.manager, clock: world.clock, log },
    buttons: [{ name: 'top', target: 'family' }],
    groups: [{ name: 'family', targets: ['a', 'b'].map(to), each: Seconds(1) }],
  });
  buttons.press('top');
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 180);
  await world.advance(500);
  buttons.stop();
  // The peer never answers the CANCEL.
  const closed = world.manager.close();
  await world.advance(10_000);
  await closed;
  assert.is(world.peer.requests('INVITE').filter(({ cseq }) => cseq.number === 1).length, 1);
});

test('every state of a group knows every event, and ends for good', () => {
  for (const state of GROUP_STATES)
    for (const event of GROUP_EVENTS) assert.ok(GROUP_TABLE[state][event] !== undefined, `${state} ${event}`);
  assert.ok(GROUP_EVENTS.every((event) => GROUP_TABLE.over[event] === 'ignored'));
});

test('whatever happens to its calls, a group calls each at most once and leaves no timer', () => {
  const step = fc.constantFrom('active', 'refused', 'hung-up', 'time');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.integer({ min: 1, max: 5 }), (steps, size) => {
      const clock = new VirtualClock(new Date(0));
      const dialled: string[] = [];
      let over = 0;
      const group: GroupCall = new GroupCall({
        targets: Array.from({ length: size }, (_, index) => `${index}`),
        each: Seconds(1),
        ...{ clock, log },
        dial: (target) => {
          dialled.push(target);
          return { ...CALL, id: target };
        },
        hangup: () => undefined,
        over: () => {
          over += 1;
        },
      });
      group.begin();
      for (const what of steps) {
        const id = group.call ?? 'none';
        if (what === 'active') group.changed({ ...CALL, id, state: 'active' });
        else if (what === 'refused') group.changed({ ...CALL, id, state: 'ended', end: ENDED });
        else if (what === 'hung-up')
          group.changed({ ...CALL, id, state: 'ended', end: { ...ENDED, by: 'local', label: 'cancelled' } });
        else void clock.advance(Milliseconds(1_000));
      }
      assert.is(new Set(dialled).size, dialled.length);
      assert.ok(over <= 1);
      if (group.state === 'over') assert.is(clock.pending, 0);
    }),
    { numRuns: 300 },
  );
});

const CALL = {
  id: 'x',
  direction: 'out',
  state: 'dialing',
  waiting: false,
  hold: 'none',
  remote: { uri: 'sip:a@b' },
  identity: 'sip:c@d',
  video: false,
  dialogs: [],
  start: '2026-01-01T00:00:00.000Z',
} as const;
const ENDED = { at: CALL.start, by: 'remote', label: 'failed' } as const;

// Keys.

/** linux/input.h: 16 octets of time; type, code (2 each), value (4), little endian. */
const event = (type: number, code: number, value: number): Buffer => {
  const octets = Buffer.alloc(24);
  octets.writeUInt16LE(type, 16);
  octets.writeUInt16LE(code, 18);
  octets.writeInt32LE(value, 20);
  return octets;
};

test('keys that go down, however the octets are cut', () => {
  // EV_KEY 2 down, EV_SYN, EV_KEY 2 up, EV_KEY 3 repeats, EV_KEY 28 down
  const all = Buffer.concat([
    event(1, 2, 1),
    event(0, 0, 0),
    event(1, 2, 0),
    event(1, 3, 2),
    event(1, 28, 1),
  ]);
  for (let cut = 0; cut <= all.length; cut += 1) {
    const first = pressedKeys(all.subarray(0, cut));
    const second = pressedKeys(Buffer.concat([first.rest, all.subarray(cut)]));
    assert.equal([...first.keys, ...second.keys], [2, 28]);
    assert.is(second.rest.length, 0);
  }
});

test('a device that goes away is waited for', async () => {
  const clock = new VirtualClock(new Date(0));
  const streams: PassThrough[] = [];
  const keys: number[] = [];
  const open = (): PassThrough => {
    const stream = new PassThrough();
    streams.push(stream);
    return stream;
  };
  const reader = new KeyReader('/dev/input/event0', (code) => keys.push(code), { clock, log, open });
  streams[0]?.write(event(1, 2, 1).subarray(0, 10));
  streams[0]?.destroy(new Error('unplugged'));
  await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(Milliseconds(5_000));
  streams[1]?.write(event(1, 7, 1));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(keys, [7]);
  reader.stop();
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(clock.pending, 0);
  assert.is(streams.length, 2);
});

// The door.

const SETTINGS: DoorSettings = { code: '1234', output: '/nowhere', open: Seconds(3), callers: 'all' };

async function atTheDoor(settings: Partial<DoorSettings> = {}): Promise<{
  world: TestWorld;
  written: string[];
  press: (digits: string) => Promise<void>;
  door: Door;
}> {
  const world = await makeWorld();
  const written: string[] = [];
  const write = async (_path: string, text: string): Promise<void> => void written.push(text.trim());
  const door = new Door({
    ...{ calls: world.manager, clock: world.clock, log, write },
    settings: { ...SETTINGS, ...settings },
  });
  const peer = world.peer.call('a');
  await peer.invite();
  world.manager.get(world.latest().id)?.answer();
  await world.advance(5);
  await peer.ack();
  const press = async (digits: string): Promise<void> => {
    for (const digit of digits) {
      world.media.streams[0]?.onDtmf.emit({ digit, durationMs: 100 });
      await world.advance(200);
    }
  };
  return { world, written, press, door };
}

test('the code opens for its time, once', async () => {
  const { world, written, press } = await atTheDoor();
  await press('1234');
  assert.equal(written, ['1']);
  await world.advance(3_000);
  assert.equal(written, ['1', '0']);
});

test('digits after a pause or a star begin anew', async () => {
  const { world, written, press } = await atTheDoor();
  await press('12');
  await world.advance(6_000);
  await press('34*1234');
  assert.equal(written, ['1']);
});

test('three wrong codes, and the call is not listened to any more', async () => {
  const { written, press } = await atTheDoor();
  await press('111122223333');
  await press('1234');
  assert.equal(written, []);
});

test('whoever may not open does not', async () => {
  const stranger = await atTheDoor({ callers: ['sip:owner@example.com'] });
  await stranger.press('1234');
  assert.equal(stranger.written, []);
  const owner = await atTheDoor({ callers: [`sip:peer@${PEER.host}`] });
  await owner.press('1234');
  assert.equal(owner.written, ['1']);
});

test('only in a conversation; an open door is closed when the device stops', async () => {
  const { written, press, door, world } = await atTheDoor();
  await press('1234');
  await door.stop();
  assert.equal(written, ['1', '0']);
  await press('1234');
  await world.advance(10_000);
  assert.equal(written, ['1', '0']);
});

test('a door that is slow to open is closed all the same when the device stops: the last word is the last that is written', async () => {
  const world = await makeWorld();
  const written: string[] = [];
  const slow = Promise.withResolvers<void>();
  const write = async (_path: string, text: string): Promise<void> => {
    if (text === '1\n') await slow.promise;
    written.push(text.trim());
  };
  const door = new Door({
    ...{ calls: world.manager, clock: world.clock, log, write },
    settings: SETTINGS,
  });
  const peer = world.peer.call('a');
  await peer.invite();
  world.manager.get(world.latest().id)?.answer();
  await world.advance(5);
  await peer.ack();
  for (const digit of '1234') world.media.streams[0]?.onDtmf.emit({ digit, durationMs: 100 });
  const stopped = door.stop();
  await world.advance(100);
  slow.resolve();
  await stopped;
  assert.equal(written, ['1', '0']);
});

test('a file is written, and one that cannot be is only logged', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'door-'));
  const output = join(folder, 'value');
  writeFileSync(output, '0\n');
  const world = await makeWorld();
  for (const path of [output, join(folder, 'no', 'such')]) {
    const door = new Door({
      ...{ calls: world.manager, clock: world.clock, log },
      settings: { ...SETTINGS, output: path },
    });
    const peer = world.peer.call(path);
    await peer.invite();
    world.manager.get(world.latest().id)?.answer();
    await world.advance(5);
    await peer.ack();
    for (const digit of '1234') world.media.streams.at(-1)?.onDtmf.emit({ digit, durationMs: 100 });
    for (let tries = 0; tries < 100 && readFileSync(output, 'utf8') !== '1\n'; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await door.stop();
  }
  assert.is(readFileSync(output, 'utf8'), '0\n');
  rmSync(folder, { recursive: true });
});

test.run();
