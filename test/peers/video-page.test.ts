// The film of the API in a browser: what the far end sends is seen as moving pictures, pixel by pixel.
import { writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { Chromium } from '#test/support/chromium.ts';
import { suite } from '#test/support/suite.ts';
import { VideoStage } from './scenarios/video-call.ts';
import { makeFilm, packetsOf } from './support/film.ts';
import { scratch } from './support/process.ts';

const test = suite('peers/video-page');
const folder = scratch();
test.after(() => folder.remove());

/** Red, then green, then blue, a second each. */
const COLOURS =
  'color=c=red:size=320x240:rate=25:duration=1[a];color=c=lime:size=320x240:rate=25:duration=1[b];' +
  'color=c=blue:size=320x240:rate=25:duration=1[c];[a][b][c]concat=n=3';

/** Plays `path` by Media Source Extensions and notes the colour in the middle, ten times a second. */
const player = (path: string, token: string): string => `(() => {
  document.body.innerHTML = '<video muted autoplay playsinline width=320 height=240></video><canvas></canvas>';
  const video = document.querySelector('video');
  const pen = document.querySelector('canvas').getContext('2d', { willReadFrequently: true });
  window.seen = [];
  window.film = fetch('${path}', { headers: { authorization: 'Bearer ${token}' } }).then(async (response) => {
    const type = response.headers.get('content-type') ?? '';
    window.answer = response.status + ' ' + type;
    const source = new MediaSource();
    video.src = URL.createObjectURL(source);
    await new Promise((done) => source.addEventListener('sourceopen', done, { once: true }));
    const buffer = source.addSourceBuffer(type);
    const reader = response.body.getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const changed = new Promise((done) => buffer.addEventListener('updateend', done, { once: true }));
      buffer.appendBuffer(read.value);
      await changed;
      if (buffer.buffered.length > 0 && video.currentTime < buffer.buffered.start(0))
        video.currentTime = buffer.buffered.start(0);
      if (video.paused) video.play().catch(() => undefined);
    }
  }).catch((error) => { window.answer = String(error); });
  setInterval(() => {
    if (video.videoWidth === 0) return;
    pen.drawImage(video, 0, 0, 32, 24);
    window.seen.push([...pen.getImageData(16, 12, 1, 1).data.slice(0, 3)]);
  }, 100);
  return true;
})()`;

const nameOf = ([red = 0, green = 0, blue = 0]: readonly number[]): string =>
  red > 180 && green < 80 && blue < 80
    ? 'red'
    : green > 180 && red < 80
      ? 'green'
      : blue > 180 && red < 80
        ? 'blue'
        : 'other';

async function shown(graph: string): Promise<void> {
  const packets = await packetsOf(makeFilm(folder.file('colours.264'), { graph, frames: 75, every: 25 }));
  const video = await VideoStage.open();
  const browser = await Chromium.open();
  try {
    await video.called({}, async (id) => {
      await video.far.reached();
      await browser.go(`${video.stage.device.url}/`);
      await browser.evaluate(player(`/api/v1/calls/${id}/video`, video.stage.device.token));
      await new Promise((resolve) => setTimeout(resolve, 300));
      await video.far.play(packets);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const picture = process.env.TANDEM_SCREENSHOT;
      if (picture) writeFileSync(picture, await browser.screenshot());
      assert.match(String(await browser.evaluate('window.answer')), /^200 video\/mp4; codecs="avc1\.42/);
      const seen = JSON.parse(String(await browser.evaluate('JSON.stringify(window.seen)'))) as number[][]; // of the player above
      const names = seen.map(nameOf).filter((name, at, all) => name !== 'other' && name !== all[at - 1]);
      assert.equal([...new Set(names)], ['red', 'green', 'blue'], `seen ${JSON.stringify(seen)}`);
    });
  } finally {
    await browser.close();
    await video.close();
  }
}

test.proof('[MD-2.4.5] received video in the API: a browser shows every colour that was sent, in its order', {
  peers: ['Chromium', 'ffmpeg', 'SIPp'],
  timeoutMs: 90_000,
  run: () => shown(COLOURS),
  control: () => shown('color=c=red:size=320x240:rate=25'),
});

test.run();
