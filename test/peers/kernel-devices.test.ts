// The engine on devices of a real kernel: snd-aloop as sound card, vivid as camera, in an emulated machine.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { type GuestRun, guestLack, runInGuest } from './support/guest.ts';

const test = suite('peers/kernel-devices');
const lack = guestLack();
const LIMIT_MS = 300_000;

/** One boot for all. */
let boot: Promise<GuestRun> | undefined;
const guest = (): Promise<GuestRun> => {
  boot ??= runInGuest(['kernel_sound', 'kernel_video']).then((run) => {
    if ('lack' in run) throw new Error(run.lack);
    return run;
  });
  return boot;
};

async function held(program: string, names: readonly string[]): Promise<void> {
  const { passed, output } = await guest();
  for (const name of names) assert.ok(passed.includes(name), `${name}\n${output}`);
  assert.match(output, new RegExp(`${program} ends with 0`));
}

const SOUND = 'sound through a card of the kernel: listed, heard, busy, pulled out and put in again';
const VIDEO = 'video from a camera of the kernel: listed, encoded, seen, pulled out and put in again';

if (lack === undefined) {
  test(SOUND, { peers: ['Linux snd-aloop'], timeoutMs: LIMIT_MS }, () =>
    held('kernel_sound', [
      'the card is listed by its stable name',
      'a tone through a card of the kernel',
      'control: nobody plays, nothing is heard',
      'a device that somebody else has',
      'pulled out and put in again in a call',
    ]),
  );
  test(VIDEO, { peers: ['Linux vivid'], timeoutMs: LIMIT_MS }, () =>
    held('kernel_video', [
      'the camera is listed',
      'a picture from a camera of the kernel',
      'a camera that is not there',
      'camera pulled out and put in again in a call',
    ]),
  );
} else {
  test.skip(SOUND, lack);
  test.skip(VIDEO, lack);
}

test.run();
