import * as assert from 'uvu/assert';
import { SystemClock, VirtualClock } from '#src/base/clock.ts';
import { operatorSchema } from '#src/base/config/operator-schema.ts';
import { settle } from '#src/base/config/settings.ts';
import { fromJson } from '#src/base/config/toml.ts';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { type Account, Accounts } from '#src/operator/accounts.ts';
import { NO_SERVICES, Services } from '#src/operator/services/service-data.ts';
import { answerXcap, type XcapAnswer } from '#src/operator/ut/answer.ts';
import { HttpDigestServer } from '#src/operator/ut/digest.ts';
import { Documents } from '#src/operator/ut/documents.ts';
import { UtServer } from '#src/operator/ut/server.ts';
import { XcapClient } from '#src/services/ut/client.ts';
import { HttpDigest } from '#src/services/ut/digest.ts';
import { httpExchange } from '#src/services/ut/http.ts';
import { UtServices } from '#src/services/ut/services.ts';
import { parseUri, type Uri } from '#src/sip/message/uri.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('operator/ut');

const IDENTITY = 'sip:+46701234567@op.example';
const DOCUMENT = `/simservs.ngn.etsi.org/users/${IDENTITY}/simservs.xml`;
const CP = '?xmlns(cp=urn:ietf:params:xml:ns:common-policy)';

const uri = (text: string): Uri => {
  const parsed = parseUri(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};

function setUp() {
  const tree = fromJson({
    accounts: [
      { impi: 'tablet@op.example', password: 'secret', impus: [IDENTITY, 'tel:+46701234567'] },
      { impi: 'other@op.example', password: 'secret', impus: ['sip:other@op.example'] },
    ],
  });
  if (tree.kind !== 'table') throw new Error('no table');
  const { config } = settle(operatorSchema, [{ origin: 'file', file: 'test.toml', tree }]);
  const accounts = new Accounts(config);
  const services = new Services(accounts);
  const documents = new Documents(services);
  const [own, other] = accounts.all;
  if (!own || !other) throw new Error('no accounts');
  return { accounts, services, documents, own, other };
}

interface Asking {
  readonly account?: Account;
  readonly type?: string;
  readonly body?: string;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
}

type World = ReturnType<typeof setUp>;
const ask = (
  { documents, own }: World,
  method: string,
  path: string,
  { account = own, type, body = '', ifMatch, ifNoneMatch }: Asking = {},
): XcapAnswer =>
  answerXcap({ method, path, type, ifMatch, ifNoneMatch, body: Buffer.from(body) }, account, documents);

const ELEMENT = { type: 'application/xcap-el+xml' };
const ATTRIBUTE = { type: 'application/xcap-att+xml' };
const reason = ({ status, body }: XcapAnswer): string =>
  `${status} ${/<xcap-error[^>]*><([\w-]+)/.exec(body)?.[1] ?? ''}`;
const RULES = `${DOCUMENT}/~~/simservs/communication-diversion/cp:ruleset`;
const rule = (id: string, conditions: string, target: string): string =>
  `<cp:rule xmlns:cp="urn:ietf:params:xml:ns:common-policy" id="${id}"><cp:conditions>${conditions}</cp:conditions><cp:actions><forward-to xmlns="http://uri.etsi.org/ngn/params/xml/simservs/xcap"><target>${target}</target></forward-to></cp:actions></cp:rule>`;

test('nodes are read, written and deleted by RFC 4825', () => {
  const world = setUp();
  const active = `${DOCUMENT}/~~/simservs/communication-waiting/@active`;
  assert.is(ask(world, 'GET', active).body, 'true');
  const before = ask(world, 'GET', DOCUMENT);
  assert.is(before.headers['content-type'], 'application/vnd.etsi.simservs+xml');
  const { etag = '' } = before.headers;
  assert.is(ask(world, 'GET', DOCUMENT, { ifNoneMatch: etag }).status, 304);
  assert.is(ask(world, 'PUT', active, { ...ATTRIBUTE, body: 'false', ifMatch: '"old"' }).status, 412);
  const put = ask(world, 'PUT', active, { ...ATTRIBUTE, body: 'false', ifMatch: etag });
  assert.is(put.status, 200);
  assert.is(put.headers.etag, ask(world, 'GET', DOCUMENT).headers.etag);
  assert.not.equal(put.headers.etag, etag);
  assert.is(ask(world, 'GET', active).body, 'false');
  // A rule is made (201), found by its id, replaced (200), gone.
  const place = `${RULES}/cp:rule%5B@id=%22x%22%5D${CP}`;
  const sent = rule(
    'x',
    '<busy xmlns="http://uri.etsi.org/ngn/params/xml/simservs/xcap"/>',
    'sip:f@op.example',
  );
  assert.is(ask(world, 'PUT', place, { ...ELEMENT, body: sent }).status, 201);
  assert.is(ask(world, 'GET', `${RULES}/cp:rule%5B1%5D/@id${CP}`).body, 'x');
  assert.is(ask(world, 'PUT', place, { ...ELEMENT, body: sent }).status, 200);
  assert.match(ask(world, 'GET', `${RULES}/namespace::*${CP}`).body, /xmlns:cp="urn:ietf/);
  assert.is(ask(world, 'DELETE', place).status, 200);
  assert.is(ask(world, 'DELETE', place).status, 404);
  assert.is(ask(world, 'GET', place).status, 404);
});

test('a fragment may use the prefixes of its place, as the example of 24.611 A.2 does', () => {
  const world = setUp();
  const place = `${DOCUMENT}/~~/simservs/incoming-communication-barring/cp:ruleset/cp:rule%5b@id=%22rule1%22%5d${CP}`;
  const body = `<cp:rule id="rule1">\n <cp:conditions>\n </cp:conditions>\n <cp:actions>\n <allow>false</allow>\n </cp:actions>\n</cp:rule>`;
  assert.is(ask(world, 'PUT', place, { ...ELEMENT, body }).status, 201);
  assert.ok(world.services.of(uri(IDENTITY)).barred.has('baic'));
});

test('the services follow the document, and the document the services', () => {
  const world = setUp();
  const { services } = world;
  const own = uri(IDENTITY);
  services.set(own, {
    ...NO_SERVICES,
    targets: { cfu: uri('sip:friend@op.example') },
    noReply: Seconds(2),
    barred: new Set(['acr', 'boic']),
    reveal: false,
  });
  const { body } = ask(world, 'GET', DOCUMENT);
  assert.match(body, /<target>sip:friend@op\.example<\/target>/);
  assert.match(body, /<NoReplyTimer>5<\/NoReplyTimer>/);
  assert.match(body, /<international\/>/);
  const place = `${RULES}/cp:rule%5B@id=%22n%22%5D${CP}`;
  const sent = rule(
    'n',
    '<no-answer xmlns="http://uri.etsi.org/ngn/params/xml/simservs/xcap"/>',
    'tel:+46709999999',
  );
  assert.is(ask(world, 'PUT', place, { ...ELEMENT, body: sent }).status, 201);
  const set = services.of(own);
  assert.equal(Object.keys(set.targets).sort(), ['cfnr', 'cfu']);
  // What a document has no words for.
  assert.equal([set.noReply, set.reveal, [...set.barred].sort()], [2, false, ['acr', 'boic']]);
  const timer = `${DOCUMENT}/~~/simservs/communication-diversion/NoReplyTimer`;
  const NS = 'http://uri.etsi.org/ngn/params/xml/simservs/xcap';
  const sendTimer = (seconds: number) =>
    ask(world, 'PUT', timer, { ...ELEMENT, body: `<NoReplyTimer xmlns="${NS}">${seconds}</NoReplyTimer>` });
  assert.is(sendTimer(30).status, 200);
  assert.is(services.of(own).noReply, 30);
  services.set(own, NO_SERVICES);
  assert.match(ask(world, 'GET', `${RULES}/cp:rule%5B@id=%22n%22%5D${CP}`).body, /rule-deactivated/);
  // A rule with a condition of its own is nobody's service, and is kept.
  const more = rule(
    'c',
    '<cp:identity xmlns:cp="urn:ietf:params:xml:ns:common-policy"><cp:one id="sip:b@x"/></cp:identity>',
    'sip:f@x',
  );
  assert.is(
    ask(world, 'PUT', `${RULES}/cp:rule%5B@id=%22c%22%5D${CP}`, { ...ELEMENT, body: more }).status,
    201,
  );
  assert.equal(services.of(own).targets, {});
  assert.match(ask(world, 'GET', DOCUMENT).body, /sip:b@x/);
});

test('what breaks the schema or the policy changes nothing, and is told (RFC 4825 11, 24.623 6.2)', () => {
  const world = setUp();
  const before = ask(world, 'GET', DOCUMENT);
  const put = (node: string, asking: Asking) => reason(ask(world, 'PUT', DOCUMENT + node, asking));
  const timer = '/~~/simservs/communication-diversion/NoReplyTimer';
  assert.is(
    put(timer, { ...ELEMENT, body: '<NoReplyTimer>4</NoReplyTimer>' }),
    '409 schema-validation-error',
  );
  assert.is(put(timer, { ...ELEMENT, body: '<NoReplyTimer>20' }), '409 not-xml-frag');
  assert.is(put(timer, { ...ELEMENT, body: '<Other>20</Other>' }), '409 cannot-insert');
  assert.is(put(timer, { type: 'text/plain', body: '20' }), '415 ');
  assert.is(put('/~~/simservs/nothing/here', { ...ELEMENT, body: '<here/>' }), '409 no-parent');
  assert.is(
    put('/~~/simservs/video-diversion', { ...ELEMENT, body: '<video-diversion/>' }),
    '409 constraint-failure',
  );
  assert.is(
    put('/~~/simservs/communication-waiting/@active', { ...ATTRIBUTE, body: 'maybe' }),
    '409 schema-validation-error',
  );
  assert.is(
    put('/~~/simservs/communication-waiting/@active', { ...ATTRIBUTE, body: '<' }),
    '409 not-xml-att-value',
  );
  assert.is(
    put('/~~/simservs/communication-waiting/@more', { ...ATTRIBUTE, body: 'x' }),
    '409 constraint-failure',
  );
  assert.is(put('', { type: 'application/vnd.etsi.simservs+xml', body: '<simservs' }), '409 not-well-formed');
  const twice = `<cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy">${rule('a', '', 'sip:f@x')}${rule('a', '', 'sip:g@x')}</cp:ruleset>`;
  assert.is(
    put(`/~~/simservs/communication-diversion/cp:ruleset${CP}`, { ...ELEMENT, body: twice }),
    '409 uniqueness-failure',
  );
  const gone = ask(world, 'DELETE', `${DOCUMENT}/~~/simservs/communication-waiting`);
  assert.is(reason(gone), '409 constraint-failure');
  assert.is(reason(ask(world, 'DELETE', DOCUMENT)), '409 constraint-failure');
  const utf8 = answerXcap(
    {
      ...{ method: 'PUT', path: `${DOCUMENT}${timer}`, type: ELEMENT.type, body: Buffer.from([0x3c, 0xff]) },
      ...{ ifMatch: undefined, ifNoneMatch: undefined },
    },
    world.own,
    world.documents,
  );
  assert.is(reason(utf8), '409 not-utf-8');
  assert.equal(ask(world, 'GET', DOCUMENT), before);
});

test('the root element is put as a whole, with what its owner may not change', () => {
  const world = setUp();
  const { body } = ask(world, 'GET', `${DOCUMENT}/~~/simservs`);
  const put = (sent: string) => ask(world, 'PUT', `${DOCUMENT}/~~/simservs`, { ...ELEMENT, body: sent });
  assert.is(put(body.replace('<NoReplyTimer>20<', '<NoReplyTimer>30<')).status, 200);
  assert.is(world.services.of(uri(IDENTITY)).noReply, 30);
  assert.is(reason(put(body.replace(/<communication-waiting[^>]*>/, ''))), '409 constraint-failure');
  assert.is(reason(put('<other/>')), '409 cannot-insert');
  assert.is(reason(put('<simservs')), '409 not-xml-frag');
});

test('a document is its owner’s; other places are none', () => {
  const world = setUp();
  assert.is(ask(world, 'GET', DOCUMENT, { account: world.other }).status, 403);
  assert.is(ask(world, 'GET', DOCUMENT.replace(IDENTITY, 'tel:+46701234567')).status, 200);
  for (const path of [
    '/',
    '/x',
    `${DOCUMENT}/~~/simservs/%5B`,
    DOCUMENT.replace('simservs.xml', 'index'),
    '/%ff/users/%ff/simservs.xml',
  ])
    assert.is(ask(world, 'GET', path).status, 404, path);
  assert.is(ask(world, 'POST', DOCUMENT).status, 405);
  assert.match(ask(world, 'GET', '/xcap-caps/global/index').body, /simservs\.ngn\.etsi\.org/);
});

test('digest: what is right passes once, what is not is asked again', async () => {
  const { accounts } = setUp();
  const clock = new VirtualClock();
  const server = new HttpDigestServer({
    ...{ realm: 'op.example', clock, random: new SeededRandom(2) },
    account: (name) => accounts.byUserName(name),
    algorithms: () => ['SHA-256', 'MD5'],
  });
  const request = { method: 'PUT', url: 'http://x/a?b', headers: {}, body: Buffer.from('body') } as const;
  const judge = (authorization: string | undefined, path = '/a?b') =>
    server.judge({ authorization, method: 'PUT', path, body: request.body });
  const client = (password: string): HttpDigest => {
    const digest = new HttpDigest({ username: 'tablet@op.example', password }, new SeededRandom(3));
    const { challenges = [] } = judge(undefined) as { challenges?: readonly string[] };
    digest.challenged({ status: 401, headers: { 'www-authenticate': challenges }, body: Buffer.alloc(0) });
    return digest;
  };
  const good = client('secret');
  const { authorization } = good.authorize(request);
  const passed = judge(authorization);
  assert.is(passed.account?.impi, 'tablet@op.example');
  const info = passed.account ? passed.info : '';
  assert.is(
    good.trusts({ status: 200, headers: { 'authentication-info': [info] }, body: Buffer.alloc(0) }),
    true,
  );
  // The same count again, another place, a wrong password, an old nonce.
  assert.match(judge(authorization).account ? '' : 'refused', /refused/);
  assert.is(judge(good.authorize(request).authorization, '/other').account, undefined);
  assert.is(judge(client('wrong').authorize(request).authorization).account, undefined);
  const late = client('secret').authorize(request).authorization;
  await clock.advance(Milliseconds(400_000));
  const stale = judge(late);
  assert.ok(!stale.account && stale.challenges.every((text) => text.includes('stale=true')));
});

test('client and server over sockets: digest, escapes of the path, and a body that is too large', async () => {
  const world = setUp();
  const clock = new SystemClock();
  const random = new SeededRandom(4);
  const server = await UtServer.start({
    ...{ listen: '127.0.0.1:0', tls: undefined, accounts: world.accounts, documents: world.documents },
    ...{ algorithms: () => ['SHA-256', 'MD5'], clock, random, log: silentLogger() },
  });
  try {
    const exchange = httpExchange({ clock, patience: Milliseconds(10_000), ca: undefined });
    const client = new XcapClient({
      ...{ exchange, random, place: () => ({ document: server.url + DOCUMENT }) },
      credentials: { username: 'tablet@op.example', password: 'secret' },
    });
    const ut = new UtServices({ client, clock, log: silentLogger() });
    const view = await ut.change({ forwarding: { busy: { active: true, target: 'tel:+46709999999' } } });
    assert.equal(view.forwarding.busy, { provisioned: true, active: true, target: 'tel:+46709999999' });
    assert.is(world.services.of(uri(IDENTITY)).targets.cfb?.toString(), 'tel:+46709999999');
    const off = await ut.change({ forwarding: { busy: { active: false } } });
    assert.is(off.forwarding.busy.target, 'tel:+46709999999');
    const large = await exchange({
      ...{ method: 'PUT', url: server.url + DOCUMENT, headers: {} },
      body: Buffer.alloc(300_000, 0x20),
    });
    assert.is(large.status, 413);
  } finally {
    await server.stop();
  }
});

test.run();
