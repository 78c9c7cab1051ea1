// Quality, audio test and received video over HTTP.
import { request } from 'node:http';
import * as assert from 'uvu/assert';
import type { Frame } from '#src/media/mp4.ts';
import { suite } from '#test/support/suite.ts';
import { QUIET_AUDIO, QUIET_VIDEO } from '../media/figures.ts';
import { call, Rig, TOKEN } from './rig.ts';

const test = suite('web/media');

let rig: Rig;
test.before(async () => {
  rig = await Rig.start();
  rig.calls.set('x', call('x', 'active'));
});
test.after(() => rig.stop());

/** Constrained baseline, level 1.2, 320x240 (26.114 A.4.2a). */
const SPS = Buffer.from('J0LgDJWgUH6Af1A=', 'base64');
const PPS = Buffer.from('KM46gA==', 'base64');
const START = Buffer.from([0, 0, 0, 1]);
const frame = (at: number, key: boolean, octets = 100): Frame => ({
  data: Buffer.concat([
    ...(key ? [START, SPS, START, PPS] : []),
    START,
    Buffer.from([key ? 0x65 : 0x41]),
    Buffer.alloc(octets, 0xaa),
  ]),
  timestamp: at * 3_000,
  key,
});

/** Boxes of a film by type. */
const boxes = (film: Buffer): string[] => {
  const types: string[] = [];
  for (let at = 0; at + 8 <= film.length; at += film.readUInt32BE(at))
    types.push(film.toString('latin1', at + 4, at + 8));
  return types;
};

interface Viewer {
  readonly status: Promise<number>;
  readonly type: () => string | undefined;
  readonly film: () => Buffer;
  readonly ended: Promise<void>;
  readonly leave: () => void;
  readonly pause: () => void;
  readonly resume: () => void;
}

function watch(): Viewer {
  const parts: Buffer[] = [];
  const status = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<void>();
  let type: string | undefined;
  let pause = (): void => undefined;
  let resume = (): void => undefined;
  const asked = request(
    `${rig.server.url}/api/v1/calls/x/video`,
    { headers: { authorization: `Bearer ${TOKEN}` }, agent: false },
    (response) => {
      type = response.headers['content-type'];
      pause = () => void response.pause();
      resume = () => void response.resume();
      status.resolve(response.statusCode ?? 0);
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('close', () => ended.resolve());
    },
  );
  asked.on('error', () => ended.resolve());
  asked.end();
  return {
    status: status.promise,
    type: () => type,
    film: () => Buffer.concat(parts),
    ended: ended.promise,
    leave: () => asked.destroy(),
    pause: () => pause(),
    resume: () => resume(),
  };
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('what there is to tell of a call, and nothing of a call that nobody knows', async () => {
  rig.details = {
    told: [{ at: '2030-01-01T00:00:00.000Z', text: 'The call is being forwarded.' }],
    diversion: [{ uri: 'tel:+46700000001', cause: 302, reason: 'always' }],
    connected: { uri: 'tel:+46700000002', name: 'Eva' },
  };
  const answer = await rig.api('GET', 'calls/x/details');
  assert.is(answer.status, 200);
  assert.equal(answer.body, rig.details);
  assert.is((await rig.api('GET', 'calls/y/details')).status, 404);
});

test('digits of the far end, and none of a call that nobody knows', async () => {
  rig.digits = [{ digit: '5', duration_ms: 120, at: '2030-01-01T00:00:00.000Z' }];
  const answer = await rig.api('GET', 'calls/x/digits');
  assert.is(answer.status, 200);
  assert.equal(answer.body, rig.digits);
  assert.is((await rig.api('GET', 'calls/y/digits')).status, 404);
});

test('quality: what was measured, nothing else', async () => {
  assert.equal((await rig.api('GET', 'calls/x/quality')).body, {});
  rig.quality = {
    audio: { ...QUIET_AUDIO, rttMs: 42, mosLocal: 4.2, keepalivesSent: 2 },
    video: { ...QUIET_VIDEO, received: 2, firSent: 1, width: 640 },
  };
  const headers = { authorization: `Bearer ${TOKEN}` };
  const body = JSON.parse((await rig.raw('GET', '/api/v1/calls/x/quality', headers)).text);
  assert.is(body.audio.rtt_ms, 42);
  assert.is(body.audio.mos, 4.2);
  assert.is(body.audio.keepalives, 2);
  assert.is(body.audio.echo_return_loss_db, undefined);
  assert.is(body.video.received, 2);
  assert.is(body.video.fir_sent, 1);
  assert.is(body.video.width, 640);
  assert.is(body.video.first_frame_ms, undefined);
  assert.is((await rig.api('GET', 'calls/none/quality')).status, 404);
});

test('the audio test: its figures, and 409 while a call is on', async () => {
  const measured = await rig.api('POST', 'audio/measure');
  assert.is(measured.status, 200);
  assert.equal(measured.body, { delay_ms: 80, confidence: 0.9, echo_db: -12.5, kept: true });
  rig.inUse = true;
  assert.is((await rig.api('POST', 'audio/measure')).status, 409);
});

test('no video: 409; no such call: 404; no token: 401', async () => {
  assert.is((await rig.api('GET', 'calls/x/video')).status, 409);
  assert.is((await rig.api('GET', 'calls/none/video')).status, 404);
  assert.is((await rig.raw('GET', '/api/v1/calls/x/video')).status, 401);
});

test('[MD-2.9.1e] a viewer asks for a key frame and gets the film from there, with its type', async () => {
  rig.hasVideo = true;
  const asked = rig.keyFramesAsked;
  const viewer = watch();
  await until(() => rig.keyFramesAsked === asked + 1);
  for (const at of [0, 1]) rig.watched.onFrame.emit(frame(at, false));
  for (const at of [2, 3, 4]) rig.watched.onFrame.emit(frame(at, at === 2));
  assert.is(await viewer.status, 200);
  assert.is(viewer.type(), 'video/mp4; codecs="avc1.42E00C"');
  await until(() => boxes(viewer.film()).length >= 6);
  assert.equal(boxes(viewer.film()), ['ftyp', 'moov', 'moof', 'mdat', 'moof', 'mdat']);
  rig.watched.onGone.emit();
  await viewer.ended;
});

test('the video is over before it began: no content', async () => {
  const asked = rig.keyFramesAsked;
  const viewer = watch();
  await until(() => rig.keyFramesAsked === asked + 1);
  rig.watched.onGone.emit();
  assert.is(await viewer.status, 204);
});

test('who reads too slowly skips to the next key frame, and nothing piles up', async () => {
  const asked = rig.keyFramesAsked;
  const viewer = watch();
  await until(() => rig.keyFramesAsked === asked + 1);
  const large = 200_000;
  rig.watched.onFrame.emit(frame(0, true, large));
  rig.watched.onFrame.emit(frame(1, false, large));
  assert.is(await viewer.status, 200);
  viewer.pause();
  const before = process.memoryUsage().arrayBuffers;
  for (let at = 2; at < 400; at += 1) rig.watched.onFrame.emit(frame(at, false, large));
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 64 * 1024 * 1024, `${grown} octets wait`);
  viewer.resume();
  await until(() => rig.keyFramesAsked === asked + 2);
  const dropped = boxes(viewer.film()).filter((type) => type === 'moof').length;
  assert.ok(dropped < 100, `${dropped} of 400 frames came`);
  rig.watched.onFrame.emit(frame(400, false));
  rig.watched.onFrame.emit(frame(401, true));
  rig.watched.onFrame.emit(frame(402, false));
  await until(() => boxes(viewer.film()).filter((type) => type === 'moof').length > dropped);
  viewer.leave();
});

test('viewers are counted, and a place is free again when one leaves', async () => {
  const asked = rig.keyFramesAsked;
  const viewers = Array.from({ length: 16 }, watch);
  await until(() => rig.keyFramesAsked === asked + 16);
  assert.is((await rig.api('GET', 'calls/x/video')).status, 503);
  for (const viewer of viewers) viewer.leave();
  await Promise.all(viewers.map(({ ended }) => ended));
  const again = watch();
  await until(() => rig.keyFramesAsked > asked + 16);
  again.leave();
});

test.run();
