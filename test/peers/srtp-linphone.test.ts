// SRTP with linphone, suite by suite: each end hears the tone of the other.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Stage } from './scenarios/stage.ts';
import { assertHeard, TONE_LEVEL } from './support/heard.ts';
import { Linphone } from './support/linphone.ts';
import { scratch } from './support/process.ts';

const test = suite('peers/srtp-linphone');
const DEVICE_TONE = 1000;
const FAR_TONE = 440;

const folder = scratch();
test.after(() => folder.remove());

/** linphone calls a device that takes nothing but SRTP. */
async function talks(name: string | undefined): Promise<void> {
  const run = randomBytes(4).toString('hex');
  const atDevice = folder.file(`${run}.wav`);
  const stage = await Stage.open({ srtp: 'required', autoAnswer: 'all', playback: `file:${atDevice}` });
  const linphone = await Linphone.start({ folder: folder.file(run), hertz: FAR_TONE, suite: name });
  try {
    assert.is(await linphone.call(`sip:device@${stage.address}`), 'running');
    await new Promise((resolve) => setTimeout(resolve, 4500));
    const [call] = await stage.device.calls();
    assert.is(call?.audio?.srtp, true);
    await linphone.stop();
    // linphone 5.3 (Debian 13) makes no file of what it hears; then its own tone at our end has to do.
    if (existsSync(linphone.heard)) await assertHeard(linphone.heard, DEVICE_TONE, 'at linphone', TONE_LEVEL);
    else console.log('this linphone records nothing: judged at the device alone');
    await stage.device.whenState(call?.id ?? '', 'ended');
    await assertHeard(atDevice, FAR_TONE, 'at the device', TONE_LEVEL);
  } finally {
    await linphone.stop();
    await stage.close();
  }
}

for (const name of ['AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32', 'AES_256_CM_HMAC_SHA1_80']) {
  test.proof(`[MD-2.9.2a1] ${name} with linphone: both tones heard`, {
    peers: ['linphone'],
    timeoutMs: 60_000,
    run: () => talks(name),
    control: () => talks(undefined),
  });
}

test.run();
