import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import { Sessions } from '#src/web/security/session.ts';
import { suite } from '#test/support/suite.ts';
import { call, errorId, Rig, TestDemo, TOKEN } from './rig.ts';

const test = suite('web/security');
let rig: Rig;
const demo = new TestDemo();
test.before(async () => {
  rig = await Rig.start(demo);
});
test.after(() => rig.stop());

/** Opens the page and gives its cookie. */
async function open(): Promise<string> {
  const link = new URL(rig.server.makeLink());
  const answer = await rig.raw('GET', link.pathname + link.search);
  assert.is(answer.status, 200);
  const cookie = answer.headers['set-cookie']?.[0] ?? '';
  assert.match(cookie, /; HttpOnly; SameSite=Strict/);
  return cookie.split(';')[0] ?? '';
}

test('a name that is not ours is refused, whatever is borne (DNS rebinding)', async () => {
  const bearer = { authorization: `Bearer ${TOKEN}` };
  for (const host of [
    'evil.example',
    'evil.example:8080',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
  ]) {
    const answer = await rig.raw('GET', '/api/v1/status', { ...bearer, host });
    assert.equal([answer.status, errorId(answer.text)], [421, 'host'], host);
  }
  for (const host of ['localhost', 'localhost:1', '127.0.0.1', '192.168.1.7:80', '[::1]:80', 'LOCALHOST'])
    assert.is((await rig.raw('GET', '/api/v1/status', { ...bearer, host })).status, 200, host);
});

test('a link opens the page once', async () => {
  const link = new URL(rig.server.makeLink());
  const first = await rig.raw('GET', link.pathname + link.search);
  assert.is(first.status, 200);
  const second = await rig.raw('GET', link.pathname + link.search);
  assert.equal([second.status, errorId(second.text)], [401, 'link']);
  assert.is(second.headers['set-cookie'], undefined);
  assert.is((await rig.raw('GET', '/open?once=guess')).status, 401);
  assert.is((await rig.raw('GET', '/open')).status, 400);
});

test('a link and a session end by themselves', async () => {
  const clock = new VirtualClock();
  const sessions = new Sessions({ token: 't', clock, random: new SeededRandom(1) });
  const late = sessions.makeLink();
  await clock.advance(Milliseconds(10 * 60_000));
  assert.is(sessions.open(late), undefined);
  const session = sessions.open(sessions.makeLink());
  assert.ok(sessions.knows(session));
  await clock.advance(Milliseconds(12 * 3_600_000));
  assert.not(sessions.knows(session));
  sessions.close();
  assert.is(clock.pending, 0);
});

test('the session reads the page and the API', async () => {
  const cookie = await open();
  assert.is((await rig.raw('GET', '/api/v1/status', { cookie })).status, 200);
  assert.is((await rig.raw('GET', '/page.js', { cookie })).text, 'SCRIPT');
  const page = await rig.raw('GET', '/', { cookie });
  assert.match(page.text, /data-demo="yes"/);
  assert.not.match(page.text, /https?:/);
  assert.is(
    (await rig.raw('GET', '/api/v1/status', { cookie: cookie.replace(/.$/, 'x').replace(/=./, '=x') }))
      .status,
    401,
  );
});

test('a change by the session must come from the page itself (CSRF)', async () => {
  const cookie = await open();
  rig.calls.set('x', call('x'));
  const origin = rig.server.url;
  const post = (headers: Record<string, string>) =>
    rig.raw('POST', '/api/v1/calls/x/answer', { cookie, ...headers });
  for (const headers of [
    {},
    { origin },
    { 'x-tandem-page': '1' },
    { origin: 'http://evil.example', 'x-tandem-page': '1' },
    { origin: 'null', 'x-tandem-page': '1' },
    { origin: 'http://127.0.0.1:1', 'x-tandem-page': '1' },
  ]) {
    const answer = await post(headers as Record<string, string>);
    assert.equal([answer.status, errorId(answer.text)], [403, 'origin'], JSON.stringify(headers));
  }
  assert.is(rig.calls.get('x')?.state, 'ringing');
  assert.is((await post({ origin, 'x-tandem-page': '1' })).status, 200);
});

test('the link can be asked for with the token', async () => {
  const { status, body } = await rig.api('POST', 'link');
  assert.is(status, 201);
  const url = new URL((body as { url: string }).url);
  assert.is((await rig.raw('GET', url.pathname + url.search)).status, 200);
});

test('the demonstration rings and tells its phones; elsewhere nothing of it is there', async () => {
  const bearer = { authorization: `Bearer ${TOKEN}` };
  const plain = await Rig.start();
  const table: readonly [method: string, path: string, status: number][] = [
    ['POST', '/demo/ring', 200],
    ['GET', '/demo/phones', 200],
    ['POST', '/demo/phones/phone/answer', 200],
    ['POST', '/demo/phones/phone/decline', 200],
    ['POST', '/demo/phones/phone/hangup', 409],
    ['POST', '/demo/phones/nobody/answer', 404],
    ['POST', '/demo/phones/phone/call', 404],
  ];
  for (const [method, path, status] of table) {
    assert.is((await rig.raw(method, path, bearer)).status, status, path);
    assert.is((await rig.raw(method, path)).status, 401, path);
    assert.is((await plain.raw(method, path, bearer)).status, 404, path);
  }
  assert.equal(demo.asked, ['ring', 'answer phone', 'decline phone']);
  const told = await rig.raw('GET', '/demo/phones', bearer);
  assert.equal(JSON.parse(told.text), demo.phones());
  await plain.stop();
});

test.run();
