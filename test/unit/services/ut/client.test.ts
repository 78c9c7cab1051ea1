import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import { XcapClient } from '#src/services/ut/client.ts';
import { HttpDigest } from '#src/services/ut/digest.ts';
import type { HttpRequest, HttpResponse } from '#src/services/ut/http.ts';
import { defaultRoot, documentUrl } from '#src/services/ut/root.ts';
import { UtServices } from '#src/services/ut/services.ts';
import { readXcapError } from '#src/services/ut/xcap-error.ts';
import { suite } from '#test/support/suite.ts';
import { SAMPLE } from './samples.ts';

const test = suite('services/ut/client');

const URL = 'http://xcap.op.example/simservs.ngn.etsi.org/users/sip:a@op.example/simservs.xml';
const answer = (status: number, headers: Record<string, string> = {}, body = ''): HttpResponse => ({
  status,
  headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
  body: Buffer.from(body),
});

/** A server that says what it is told to, one answer after the other; then the document. */
class Scene {
  readonly asked: HttpRequest[] = [];
  readonly clock = new VirtualClock();
  readonly ut: UtServices;
  etag = '"1"';
  text = SAMPLE;

  constructor(answers: (HttpResponse | undefined)[] = [], password: string | undefined = 'secret') {
    const client = new XcapClient({
      random: new SeededRandom(1),
      place: () => ({ document: URL, identity: 'sip:a@op.example' }),
      credentials: password === undefined ? undefined : { username: 'a@op.example', password },
      exchange: async (request) => {
        this.asked.push(request);
        const next = answers.shift();
        if (next) return next;
        return request.method === 'GET' ? answer(200, { etag: this.etag }, this.text) : answer(200);
      },
    });
    this.ut = new UtServices({ client, clock: this.clock, log: silentLogger() });
  }

  get methods(): string[] {
    return this.asked.map(({ method }) => method);
  }
}

const idOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (error instanceof TandemError) return error.id;
    throw error;
  }
};

const WISH = { switches: { call_waiting: false } };

test('the root of 23.003 13.9, and the document of RFC 4825 6.2', () => {
  assert.is(defaultRoot('user@operator.com', ''), 'https://xcap.operator.com');
  assert.is(
    defaultRoot('234150999999999@ims.mnc015.mcc234.3gppnetwork.org', 'op.example'),
    'https://xcap.ims.mnc015.mcc234.pub.3gppnetwork.org',
  );
  assert.is(defaultRoot('kitchen', 'op.example'), 'https://xcap.op.example');
  const place = { root: 'http://x/y/', auid: 'simservs.ngn.etsi.org' };
  assert.is(
    documentUrl({ ...place, xui: 'sip:+46701234567@op.example;user=phone' }),
    'http://x/y/simservs.ngn.etsi.org/users/sip:+46701234567@op.example;user=phone/simservs.xml',
  );
  assert.is(
    documentUrl({ ...place, xui: 'sip:a/b?c#d@x' }),
    'http://x/y/simservs.ngn.etsi.org/users/sip:a%2Fb%3Fc%23d@x/simservs.xml',
  );
});

test('a change reads, writes onto what was read, and reads back', async () => {
  const scene = new Scene();
  const told: unknown[] = [];
  scene.ut.onChange.on((view) => told.push(view));
  await scene.ut.change(WISH);
  assert.equal(scene.methods, ['GET', 'PUT', 'GET']);
  const put = scene.asked[1];
  assert.is(put?.url, `${URL}/~~/simservs/communication-waiting/@active`);
  assert.is(put?.headers['if-match'], '"1"');
  assert.is(put?.headers['content-type'], 'application/xcap-att+xml');
  assert.is(put?.headers['x-3gpp-intended-identity'], '"sip:a@op.example"');
  assert.is(put?.body?.toString(), 'false');
  assert.is(told.length, 1);
});

test('[MD-2.3.2] somebody else wrote meanwhile: read anew and once more, not for ever', async () => {
  const scene = new Scene([undefined, answer(412)]);
  await scene.ut.change(WISH);
  assert.equal(scene.methods, ['GET', 'PUT', 'GET', 'PUT', 'GET']);
  const stubborn = new Scene([undefined, answer(412), undefined, answer(412)]);
  assert.is(await idOf(stubborn.ut.change(WISH)), 'ut.changed');
  assert.equal(stubborn.methods, ['GET', 'PUT', 'GET', 'PUT']);
});

test('changes wait for each other', async () => {
  const scene = new Scene();
  await Promise.all([scene.ut.change(WISH), scene.ut.change({ switches: { hide_number: true } })]);
  assert.equal(scene.methods, ['GET', 'PUT', 'GET', 'GET', 'PUT', 'GET']);
});

test('[MD-2.3.2] a refusal is told in words', async () => {
  const body =
    '<?xml version="1.0"?><xcap-error xmlns="urn:ietf:params:xml:ns:xcap-error"><constraint-failure phrase="No forwarding abroad"/></xcap-error>';
  const scene = new Scene([undefined, answer(409, {}, body)]);
  try {
    await scene.ut.change(WISH);
    assert.unreachable();
  } catch (error) {
    if (!TandemError.is(error)) throw error;
    assert.is(error.id, 'ut.conflict');
    assert.match(error.message, /its rules do not allow this setting\. It says: No forwarding abroad/);
    assert.is(error.detail.reason, 'constraint-failure');
  }
  assert.is(await idOf(new Scene([answer(404)]).ut.read()), 'ut.absent');
  assert.is(await idOf(new Scene([undefined, answer(404)]).ut.change(WISH)), 'ut.not-provisioned');
  assert.is(await idOf(new Scene([answer(500)]).ut.read()), 'ut.refused');
  assert.is(await idOf(new Scene([answer(302, { location: 'http://elsewhere/' })]).ut.read()), 'ut.refused');
  assert.is(await idOf(new Scene([answer(200, {}, '<simservs')]).ut.read()), 'ut.malformed');
  assert.is(await idOf(new Scene([answer(200, {}, '<other/>')]).ut.read()), 'ut.malformed');
  const bomb = '<!DOCTYPE simservs [<!ENTITY a "aaaa">]><simservs>&a;</simservs>';
  assert.is(await idOf(new Scene([answer(200, {}, bomb)]).ut.read()), 'ut.malformed');
});

test('every element of RFC 4825 11.2 has words, and a body that is none too', () => {
  const error = (inside: string) =>
    readXcapError(
      Buffer.from(`<xcap-error xmlns="urn:ietf:params:xml:ns:xcap-error">${inside}</xcap-error>`),
    );
  const names = ['not-well-formed', 'not-xml-frag', 'no-parent', 'schema-validation-error'];
  const more = ['not-xml-att-value', 'cannot-insert', 'cannot-delete', 'uniqueness-failure', 'not-utf-8'];
  for (const name of [...names, ...more, 'constraint-failure'])
    assert.not.match(error(`<${name}/>`).words, /does not say/, name);
  const password = error('<password-required xmlns="http://uri.etsi.org/ngn/params/xml/simservs/xcap"/>');
  assert.match(password.words, /password/);
  assert.match(error('<future/>').words, /does not say/);
  for (const body of ['', 'text', '<html><body>Conflict</body></html>', '<xcap-error'])
    assert.match(readXcapError(Buffer.from(body)).words, /does not say/);
});

test('after a 403 the network is left alone for a while', async () => {
  const scene = new Scene([answer(403)]);
  assert.is(await idOf(scene.ut.read()), 'ut.forbidden');
  assert.is(await idOf(scene.ut.read()), 'ut.forbidden');
  assert.is(scene.asked.length, 1);
  await scene.clock.advance(Milliseconds(60_000));
  await scene.ut.read();
  assert.is(scene.asked.length, 2);
});

test('closed, nothing is asked', async () => {
  const ut = new UtServices({ client: undefined, clock: new VirtualClock(), log: silentLogger() });
  assert.is(ut.isOpen, false);
  assert.is(await idOf(ut.read()), 'ut.closed');
  assert.is(await idOf(ut.change(WISH)), 'ut.closed');
});

const CHALLENGE = 'Digest realm="op.example", nonce="n1", algorithm=SHA-256, qop="auth"';

test('a challenge is answered, the next request answers by itself, a wrong password is not tried again', async () => {
  const scene = new Scene([answer(401, { 'www-authenticate': CHALLENGE })]);
  await scene.ut.read();
  await scene.ut.read();
  const shown = scene.asked.map(({ headers }) => headers.authorization ?? '');
  assert.is(shown[0], '');
  assert.match(shown[1] ?? '', /nc=00000001/);
  assert.match(shown[2] ?? '', /nc=00000002/);
  const refused = new Scene([
    answer(401, { 'www-authenticate': CHALLENGE }),
    answer(401, { 'www-authenticate': CHALLENGE }),
  ]);
  assert.is(await idOf(refused.ut.read()), 'ut.unauthorized');
  assert.is(refused.asked.length, 2);
  const stale = new Scene([
    answer(401, { 'www-authenticate': CHALLENGE }),
    answer(401, { 'www-authenticate': `${CHALLENGE}, stale=true` }),
  ]);
  await stale.ut.read();
  assert.is(stale.asked.length, 3);
  const basic = new Scene([answer(401, { 'www-authenticate': 'Basic realm="x"' })]);
  assert.is(await idOf(basic.ut.read()), 'ut.unauthorized');
  assert.is(basic.asked.length, 1);
  assert.is(await idOf(new Scene([answer(401, { 'www-authenticate': CHALLENGE })], '').ut.read()), 'none');
});

/** Its random octets are the client nonce of the example. */
const fixed = (cnonce: string) => ({ bytes: () => Buffer.from(cnonce, 'hex'), uniform: () => 0 });
const challenged = (text: string, cnonce: string) => {
  const digest = new HttpDigest({ username: 'Mufasa', password: 'Circle Of Life' }, fixed(cnonce));
  digest.challenged(answer(401, { 'www-authenticate': text }));
  return digest;
};
const GET: HttpRequest = { method: 'GET', url: 'http://www.example.org/dir/index.html', headers: {} };

test('the digest of RFC 2617 3.5', () => {
  // The example has the password "Circle Of Life" and the client nonce 0a4f113b.
  const digest = challenged(
    'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    '0a4f113b',
  );
  const { authorization = '' } = digest.authorize(GET);
  assert.match(authorization, /response="6629fae49393a05397450978507c4ef1"/);
  assert.match(authorization, /opaque="5ccc069c403ebaf9f0171e9517f40e41"/);
  assert.match(authorization, /uri="\/dir\/index\.html"/);
});

test('a server that shows a wrong rspauth does not know the password; the next nonce is taken', () => {
  const digest = challenged(CHALLENGE, '0a4f113b');
  digest.authorize(GET);
  assert.is(digest.trusts(answer(200, { 'authentication-info': 'rspauth="0", qop=auth' })), false);
  digest.authorize(GET);
  assert.is(digest.trusts(answer(200, { 'authentication-info': 'nextnonce="n2"' })), true);
  const { authorization = '' } = digest.authorize(GET);
  assert.match(authorization, /nonce="n2"/);
  assert.match(authorization, /nc=00000001/);
});

test.run();
