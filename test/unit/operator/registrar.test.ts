import * as assert from 'uvu/assert';
import { Seconds } from '#src/base/units.ts';
import { parseRegInfo } from '#src/ims/reg-info.ts';
import { suite } from '#test/support/suite.ts';
import { NUMBER, OFFICE, OPERATOR, Scene } from './stations.ts';

const test = suite('operator/registrar');

test('a first REGISTER is challenged with SHA-256 and MD5, and served with credentials', async () => {
  const scene = await Scene.start();
  const phone = await scene.station({
    host: '192.0.2.11',
    impi: 'phone@op.example',
    instance: 'urn:uuid:aa',
  });
  const answer = await phone.register([
    ['Supported', 'path, outbound, gruu'],
    ['Expires', '1800'],
  ]);
  const [challenge] = phone.responses('REGISTER');
  assert.is(challenge?.status, 401);
  assert.equal(
    challenge?.headers.getAll('WWW-Authenticate').map((text) => /algorithm=([^,]+)/.exec(text)?.[1]),
    ['SHA-256', 'MD5'],
  );
  assert.is(answer.status, 200);
  assert.is(answer.header('Service-Route'), `<sip:orig@${OPERATOR}:5060;transport=udp;lr>`);
  assert.is(answer.header('Path'), `<sip:term@${OPERATOR}:5060;transport=udp;lr>`);
  assert.is(answer.header('P-Associated-URI'), `<${NUMBER}>, <tel:+46701234567>, <${OFFICE}>`);
  assert.is(answer.header('Require'), 'outbound');
  assert.match(answer.header('Authentication-Info') ?? '', /rspauth="[0-9a-f]{64}"/);
  assert.match(
    answer.header('Contact') ?? '',
    /^<sip:me@192\.0\.2\.11:5060>;\+sip\.instance="<urn:uuid:aa>";reg-id=1;expires=1800;pub-gruu="sip:\+46701234567@op\.example;gr=urn:uuid:aa"$/,
  );
});

test('a wrong password and an identity of somebody else are forbidden, an unknown user too', async () => {
  const scene = await Scene.start();
  const wrong = await scene.station({ host: '192.0.2.21', impi: 'phone@op.example', password: 'wrong' });
  assert.is((await wrong.register()).status, 403);
  const foreign = await scene.station({ host: '192.0.2.22', impi: 'guest', identity: NUMBER });
  assert.is((await foreign.register()).status, 403);
  const unknown = await scene.station({ host: '192.0.2.23', impi: 'nobody' });
  assert.is((await unknown.register()).status, 403);
  assert.is(scene.operator.location.all.length, 0);
});

test('several devices with IMPIs of their own share an identity; each removes only its own', async () => {
  const scene = await Scene.start();
  const { phone, tablet } = await scene.three();
  assert.is(scene.operator.location.all.length, 3);
  assert.is(tablet.responses('REGISTER').at(-1)?.contacts.length, 2);
  await phone.register([
    ['Contact', '*'],
    ['Expires', '0'],
  ]);
  assert.equal(
    scene.operator.location.all.map(({ account }) => account.impi),
    ['tablet@op.example', 'guest'],
  );
});

test('a plain softphone registers without a header of IMS, with the bare user name', async () => {
  const scene = await Scene.start();
  const guest = await scene.station({ host: '192.0.2.13', impi: 'guest', identity: 'sip:guest@op.example' });
  assert.is((await guest.register()).status, 200);
  assert.equal(
    guest
      .responses('REGISTER')[0]
      ?.headers.getAll('WWW-Authenticate')
      .map((text) => /algorithm=([^,]+)/.exec(text)?.[1]),
    ['MD5'],
  );
});

test('a softphone may write the address of the operator in place of its domain', async () => {
  const scene = await Scene.start();
  const guest = await scene.station({
    host: '192.0.2.13',
    impi: 'guest',
    identity: `sip:guest@${OPERATOR}:5060`,
  });
  assert.is((await guest.register([], `sip:${OPERATOR}:5060`)).status, 200);
  const phone = await scene.station({ host: '192.0.2.11', impi: 'phone@op.example' });
  await phone.register();
  await phone.send(phone.make('INVITE', 'sip:guest@op.example'));
  assert.is(guest.last('INVITE').header('P-Called-Party-ID'), '<sip:guest@op.example>');
});

test('the same instance and reg-id replace their binding, whatever the address', async () => {
  const scene = await Scene.start();
  const first = await scene.station({
    host: '192.0.2.11',
    impi: 'phone@op.example',
    instance: 'urn:uuid:aa',
  });
  const moved = await scene.station({
    host: '192.0.2.19',
    impi: 'phone@op.example',
    instance: 'urn:uuid:aa',
  });
  await first.register([['Supported', 'outbound']]);
  await moved.register([['Supported', 'outbound']]);
  assert.equal(
    scene.operator.location.all.map(({ contact }) => contact.uri.toString()),
    ['sip:me@192.0.2.19:5060'],
  );
});

test('the policy: too brief is 423, too long is cut; what ran out is gone', async () => {
  const scene = await Scene.start({ policy: { min_expires: 300, expires: 600 } });
  const phone = await scene.station({ host: '192.0.2.11', impi: 'phone@op.example' });
  const brief = await phone.register([['Expires', '60']]);
  assert.is(brief.status, 423);
  assert.is(brief.minExpires, 300);
  const long = await phone.register([['Expires', '7200']]);
  assert.is(long.contacts[0]?.params.get('expires'), '600');
  await scene.pass(601);
  assert.is(scene.operator.location.all.length, 0);
});

test('faults: a status for the next REGISTER, a stale nonce, a wrong rspauth, silence', async () => {
  const scene = await Scene.start();
  const phone = await scene.station({ host: '192.0.2.11', impi: 'phone@op.example' });
  const { faults } = scene.operator;
  faults.set({ registerStatus: 503, retryAfter: Seconds(30), once: true });
  const refused = await phone.register();
  assert.is(refused.status, 503);
  assert.is(refused.retryAfter, 30);
  assert.is((await phone.register()).status, 200);
  faults.set({ stale: true });
  assert.match((await phone.register()).header('WWW-Authenticate') ?? '', /stale=true/);
  faults.set({ stale: false, wrongRspauth: true });
  assert.match((await phone.register()).header('Authentication-Info') ?? '', /rspauth="0{32}"/);
  faults.set({ wrongRspauth: false, silent: true });
  const before = phone.received.length;
  await phone.send(phone.make('OPTIONS', 'sip:op.example'));
  assert.is(phone.received.length, before);
});

test('the reg event package: full state first, then what changes, and the end of our own', async () => {
  const scene = await Scene.start();
  const { tablet, phone } = await scene.three();
  const subscribe = tablet.make('SUBSCRIBE', NUMBER, [
    ['Event', 'reg'],
    ['Expires', '600000'],
    ['Accept', 'application/reginfo+xml'],
  ]);
  await tablet.send(subscribe);
  assert.equal(tablet.statuses('SUBSCRIBE'), [200]);
  const document = (index: number) => {
    const parsed = parseRegInfo(tablet.requests('NOTIFY')[index]?.body ?? Buffer.alloc(0));
    if (!parsed.ok) throw new Error(parsed.error);
    return parsed.value;
  };
  const first = tablet.last('NOTIFY');
  assert.match(first.header('Subscription-State') ?? '', /^active;expires=\d+$/);
  await tablet.reply(first, 200);
  assert.is(document(0).state, 'full');
  assert.equal(
    document(0).registrations.map(({ aor, contacts }) => [aor, contacts.length]),
    [
      [NUMBER, 2],
      ['tel:+46701234567', 2],
      [OFFICE, 2],
    ],
  );
  assert.equal(
    document(0).registrations[0]?.contacts.map(({ instance }) => instance),
    ['urn:uuid:aa', 'urn:uuid:bb'],
  );
  await phone.register([
    ['Expires', '0'],
    ['Supported', 'outbound'],
  ]);
  await tablet.reply(tablet.last('NOTIFY'), 200);
  assert.equal([document(1).state, document(1).version], ['partial', 1]);
  assert.equal(
    document(1).registrations[0]?.contacts.map(({ state, event }) => [state, event]),
    [['terminated', 'unregistered']],
  );
  const own = scene.operator.location.all.find(({ account }) => account.impi === 'tablet@op.example');
  if (own) scene.operator.location.remove(own, 'probation', Seconds(75));
  await scene.pass(0.1);
  assert.is(document(2).registrations[0]?.state, 'terminated');
  assert.is(document(2).registrations[0]?.contacts[0]?.retryAfter, 75);
  assert.is(tablet.last('NOTIFY').header('Subscription-State'), 'terminated;reason=noresource');
  await tablet.reply(tablet.last('NOTIFY'), 200);
  assert.is(scene.operator.subscriptions, 0);
});

test('other packages are unknown, strangers may not subscribe', async () => {
  const scene = await Scene.start();
  const { tablet } = await scene.three();
  await tablet.send(tablet.make('SUBSCRIBE', NUMBER, [['Event', 'presence']]));
  assert.equal(tablet.statuses('SUBSCRIBE'), [489]);
  const stranger = await scene.station({
    host: '192.0.2.66',
    impi: 'x',
    identity: 'sip:x@elsewhere.example',
  });
  await stranger.send(stranger.make('SUBSCRIBE', NUMBER, [['Event', 'reg']]));
  assert.equal(stranger.statuses('SUBSCRIBE'), [403]);
});

test.run();
