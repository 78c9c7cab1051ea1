// Calls with linphone: digits each way, and video each way under SRTP, its pictures by its own openh264 and turbojpeg.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Stage } from './scenarios/stage.ts';
import { decode, makeFilm } from './support/film.ts';
import { Linphone } from './support/linphone.ts';
import { scratch, until } from './support/process.ts';

const test = suite('peers/linphone-calls');
const FAR_TONE = 440;
const SUITE = 'AES_CM_128_HMAC_SHA1_80';

const folder = scratch();
test.after(() => folder.remove());
let count = 0;

interface Talk {
  readonly stage: Stage;
  readonly linphone: Linphone;
  readonly id: string;
}

/** linphone calls a device that answers. */
async function talk(
  settings: Parameters<typeof Stage.open>[0],
  options: { readonly suite?: string; readonly video?: boolean; readonly reliable?: boolean },
  body: (talk: Talk) => Promise<void>,
): Promise<void> {
  count += 1;
  const stage = await Stage.open({ autoAnswer: 'all', ...settings });
  const linphone = await Linphone.start({
    folder: folder.file(`linphone${count}`),
    hertz: FAR_TONE,
    ...options,
  });
  try {
    assert.is(await linphone.call(`sip:device@${stage.address}`), 'running');
    const { id } = await stage.device.whenCall('the call', ({ state }) => state === 'active');
    await body({ stage, linphone, id });
    await stage.device.act(id, 'hangup');
    await stage.device.whenState(id, 'ended');
  } finally {
    await linphone.stop();
    await stage.close();
  }
}

const PRESSED = '15#';

const digits = (atLinphone: string, atDevice: string): Promise<void> =>
  talk({}, {}, async ({ stage, linphone, id }) => {
    await stage.device.act(id, 'dtmf', { digits: atLinphone });
    linphone.command(atDevice);
    const told = (): string =>
      [...linphone.peer.output.matchAll(/Receiving tone (\S) from/g)].map(([, digit]) => digit).join('');
    const heard = async (): Promise<string> => {
      const { body } = await stage.device.fetch('GET', `calls/${id}/digits`);
      return (body as { digit: string }[]).map(({ digit }) => digit).join('');
    };
    await until(
      'digits both ways',
      async () => told().length >= PRESSED.length && (await heard()).length >= PRESSED.length,
      12_000,
    ).catch(() => undefined);
    assert.is(told(), PRESSED, 'of the device at linphone');
    assert.is(await heard(), PRESSED, 'of linphone at the device');
  });

/** An IMS device, called by its address. */
const IMS = {
  profile: 'ims',
  pcscf: 'sip:127.0.0.1:9;transport=udp',
  account: 'register = false',
  codecs: ['PCMU'],
} as const;

const acknowledged = (reliable: boolean): Promise<void> =>
  talk(IMS, { reliable }, async ({ stage, id }) => {
    const seen = await stage.device.ladder(id);
    assert.match(seen, /183 Session Progress/);
    assert.match(seen, /PRACK/);
    await until('sound of linphone', async () => ((await stage.device.call(id)).audio?.received ?? 0) > 20);
  });

test.proof('[MD-2.2.5a] linphone acknowledges our reliable 183, and the call is talked in', {
  peers: ['linphone'],
  timeoutMs: 90_000,
  run: () => acknowledged(true),
  control: () => acknowledged(false),
});

test.proof(
  '[MD-2.4.3g] digits of the device at linphone, and of linphone at the device: each one once, in order',
  {
    peers: ['linphone'],
    timeoutMs: 90_000,
    run: () => digits(PRESSED, PRESSED),
    control: () => digits(PRESSED, '51#'),
  },
);

/** Red above, blue below. */
const FLAG = 'color=c=red:size=320x120:rate=25[t];color=c=blue:size=320x120:rate=25[b];[t][b]vstack';
/** linphone names no packetization-mode: slices have to fit into packets. */
const film = makeFilm(folder.file('device.264'), { graph: FLAG, frames: 100, every: 25, sliceOctets: 1000 });

/** Colours in the middle of the upper and of the lower half. */
function halves(picture: string): readonly (readonly number[])[] {
  const words = ['-v', 'error', '-i', picture, '-vf', 'scale=8:8:flags=area', '-frames:v', '1'];
  const { stdout } = spawnSync('ffmpeg', [...words, '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-']);
  return [1, 6].map((y) => [...stdout.subarray(3 * (8 * y + 4), 3 * (8 * y + 5))]);
}
const isLike = (seen: readonly number[] = [], wanted: readonly number[]): boolean =>
  wanted.every((value, at) => Math.abs(value - (seen[at] ?? -99)) < 40);

async function bothShow(capture: string): Promise<void> {
  const sink = folder.file(`seen${count}.264`);
  const settings = {
    codecs: ['PCMU', 'H264'],
    srtp: 'required',
    more: `[video]\ncapture = "${capture}"\nsink = "file:${sink}"`,
  };
  await talk(settings, { suite: SUITE, video: true }, async ({ stage, linphone, id }) => {
    const snapshot = folder.file(`snapshot${count}.jpg`);
    await until(
      'pictures of linphone',
      async () => {
        const { body } = await stage.device.fetch('GET', `calls/${id}/quality`);
        return ((body as { video?: { frames?: number } }).video?.frames ?? 0) >= 3;
      },
      15_000,
    );
    linphone.command(`snapshot ${snapshot}`);
    await until('its snapshot', () => existsSync(snapshot) && statSync(snapshot).size > 0, 8000).catch(
      () => undefined,
    );
    assert.ok(existsSync(snapshot), 'linphone shows a picture');
    const [above, below] = halves(snapshot);
    assert.ok(
      isLike(above, [255, 0, 0]) && isLike(below, [0, 0, 255]),
      `linphone shows ${JSON.stringify([above, below])}`,
    );
    const call = await stage.device.call(id);
    assert.is((call.audio as { srtp?: boolean } | undefined)?.srtp, true);
  });
  const received = decode(sink);
  assert.is(received.complaints, '');
  assert.ok(received.pictures.length >= 3, `${received.pictures.length} pictures`);
}

test.proof(
  '[MD-2.4.4a] [MD-2.9.2a1] video with linphone under SRTP: each end shows the picture of the other',
  {
    peers: ['linphone', 'ffmpeg'],
    timeoutMs: 90_000,
    run: () => bothShow(`file:${film}`),
    control: () => bothShow('none'),
  },
);

test('AMR and AMR-WB cannot be judged by linphone: its packages have neither', {
  peers: ['linphone'],
}, async () => {
  const linphone = await Linphone.start({ folder: folder.file('codecs'), hertz: FAR_TONE });
  try {
    linphone.command('codec list');
    await linphone.peer.waitFor(/speex|PCMA/i, 5000);
    assert.not.match(linphone.peer.output, /\bAMR/i, 'now it can: let it judge');
  } finally {
    await linphone.stop();
  }
});

test.run();
