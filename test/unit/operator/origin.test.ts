import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { NUMBER, OFFICE, Scene, type Station } from './stations.ts';

const test = suite('operator/origin');

const BOSS = 'tel:+22221111';
const ACCOUNTS = [
  {
    impi: 'phone@op.example',
    password: 'secret',
    impus: [NUMBER, OFFICE],
    shared: [BOSS],
    role: 'primary',
  },
  { impi: 'tablet@op.example', password: 'secret', impus: [NUMBER, OFFICE] },
  { impi: 'boss@op.example', password: 'secret', impus: [BOSS] },
  { impi: 'guest', password: 'secret', impus: ['sip:guest@op.example'] },
];

async function world(services: readonly Readonly<Record<string, unknown>>[] = []) {
  const scene = await Scene.start({ accounts: ACCOUNTS, services });
  const stations = await scene.three();
  const boss = await scene.station({ host: '192.0.2.15', impi: 'boss@op.example', identity: BOSS });
  await boss.register();
  return { scene, ...stations, boss };
}

// 24.174 A.2.2-1: From and P-Preferred-Identity are the native identity, Additional-Identity is that of somebody else.
const asBoss = (station: Station) =>
  station.make('INVITE', 'sip:guest@op.example', [
    ['P-Preferred-Identity', `<${NUMBER}>`],
    ['Additional-Identity', `<${BOSS}>`],
  ]);

test.proof(
  '[MD-2.4.6.2b] an identity that was lent replaces From and the asserted identity; the header stays inside',
  {
    run: () => lent('phone'),
    control: () => lent('tablet'),
  },
);

async function lent(who: 'phone' | 'tablet'): Promise<void> {
  const stations = await world();
  const invite = asBoss(stations[who]);
  await stations[who].send(invite);
  const { guest } = stations;
  assert.is(guest.requests('INVITE').length, 1);
  const called = guest.last('INVITE');
  assert.is(called.from.uri.toString(), BOSS);
  assert.is(called.from.tag, invite.from.tag);
  assert.is(called.header('P-Asserted-Identity'), `<${BOSS}>`);
  assert.is(called.header('Additional-Identity'), undefined);
  // The caller gets its own From back.
  await guest.reply(called, 180);
  assert.is(stations[who].responses('INVITE').at(-1)?.from.toString(), invite.from.toString());
}

test('a request of no known dialog to a name of our own is answered here: it goes round in no circle', async () => {
  const { phone } = await world();
  for (const uri of ['sip:nobody@op.example', 'sip:nobody@192.0.2.1']) {
    const options = phone.make('OPTIONS', uri);
    options.headers.set('To', `<${uri}>;tag=unknown`);
    await phone.send(options);
    assert.is(phone.statuses('OPTIONS').at(-1), 481, uri);
  }
  assert.is(phone.statuses('OPTIONS').length, 2);
});

test('an identity that was not lent: 403, and the Warning says why', async () => {
  const { tablet, guest } = await world();
  await tablet.send(asBoss(tablet));
  const answer = tablet.responses('INVITE').at(-1);
  assert.is(answer?.status, 403);
  assert.is(answer?.header('Warning'), '399 op.example "Identity not allowed"');
  assert.is(guest.requests('INVITE').length, 0);
});

test('Additional-Identity with one of the own registration means nothing and is taken off', async () => {
  const { phone, guest } = await world();
  await phone.send(
    phone.make('INVITE', 'sip:guest@op.example', [
      ['P-Preferred-Identity', `<${OFFICE}>`],
      ['Additional-Identity', `<${OFFICE}>`],
    ]),
  );
  const called = guest.last('INVITE');
  assert.is(called.header('P-Asserted-Identity'), `<${OFFICE}>`);
  assert.is(called.from.uri.toString(), NUMBER);
  assert.is(called.header('Additional-Identity'), undefined);
});

test('privacy covers the lent identity too', async () => {
  const { phone, guest } = await world();
  const invite = asBoss(phone);
  invite.headers.add('Privacy', 'id');
  invite.headers.set('From', '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=x');
  await phone.send(invite);
  const called = guest.last('INVITE');
  assert.is(called.header('P-Asserted-Identity'), undefined);
  assert.is(called.from.uri.toString(), 'sip:anonymous@anonymous.invalid');
});

test('[MD-2.4.6.2c2] a call to a lent identity rings its owner, and the borrower with Additional-Identity beside its own', async () => {
  const { phone, tablet, guest, boss } = await world();
  await guest.send(guest.make('INVITE', BOSS));
  assert.is(boss.last('INVITE').header('P-Called-Party-ID'), `<${BOSS}>`);
  assert.is(boss.last('INVITE').header('Additional-Identity'), undefined);
  assert.is(phone.last('INVITE').header('P-Called-Party-ID'), `<${NUMBER}>`);
  assert.is(phone.last('INVITE').header('Additional-Identity'), `<${BOSS}>`);
  assert.is(phone.last('INVITE').to.uri.toString(), BOSS);
  assert.is(tablet.requests('INVITE').length, 0);
  await phone.reply(phone.last('INVITE'), 180);
  await boss.reply(boss.last('INVITE'), 200);
  assert.is(phone.last('CANCEL').header('Reason'), 'SIP;cause=200;text="Call completed elsewhere"');
  // The borrower answers as the identity that was called.
  await guest.send(guest.make('INVITE', BOSS));
  await phone.reply(phone.last('INVITE'), 200);
  assert.is(guest.responses('INVITE').at(-1)?.header('P-Asserted-Identity'), `<${BOSS}>`);
});

test.proof('[MD-2.3.1a] the caller sees who answered, as the identity which that one chose', {
  run: () => presented([]),
  control: () => presented([['Privacy', 'id']]),
});

async function presented(headers: readonly (readonly [string, string])[]): Promise<void> {
  const { phone, guest } = await world();
  await guest.send(guest.make('INVITE', NUMBER));
  await phone.reply(phone.last('INVITE'), 200, [['P-Preferred-Identity', `<${OFFICE}>`], ...headers]);
  assert.is(guest.responses('INVITE').at(-1)?.header('P-Asserted-Identity'), `<${OFFICE}>`);
}

test('[MD-2.3.7] restricted for one call or by service: no identity goes back, and no self-made one', async () => {
  for (const services of [[], [{ identity: NUMBER, restrict_answer: true }]]) {
    const { phone, guest } = await world(services);
    await guest.send(guest.make('INVITE', NUMBER));
    await phone.reply(phone.last('INVITE'), 200, [
      ['P-Asserted-Identity', '<sip:king@op.example>'],
      ...(services.length === 0 ? [['Privacy', 'id'] as const] : []),
    ]);
    const answer = guest.responses('INVITE').at(-1);
    assert.is(answer?.header('P-Asserted-Identity'), undefined);
    assert.is(answer?.header('Privacy'), 'id');
  }
});

test.proof('[MD-2.3.6] restricted by service: nobody sees who calls, unless the call says otherwise', {
  run: () => restrictedCall(true),
  control: () => restrictedCall(false),
});

async function restrictedCall(restrict: boolean): Promise<void> {
  const { tablet, guest } = await world([{ identity: NUMBER, restrict_call: restrict }]);
  await tablet.send(tablet.make('INVITE', 'sip:guest@op.example'));
  assert.is(guest.last('INVITE').header('P-Asserted-Identity'), undefined);
  assert.is(guest.last('INVITE').header('Privacy'), 'id');
  await tablet.send(tablet.make('INVITE', 'sip:guest@op.example', [['Privacy', 'none']]));
  assert.is(guest.last('INVITE').header('P-Asserted-Identity'), `<${NUMBER}>`);
}

test('what a caller asserts of itself is never believed, and where it is goes no further', async () => {
  const { tablet, guest } = await world();
  await tablet.send(
    tablet.make('INVITE', 'sip:guest@op.example', [
      ['P-Asserted-Identity', '<sip:king@op.example>'],
      ['P-Access-Network-Info', 'IEEE-802.3'],
    ]),
  );
  assert.is(guest.last('INVITE').header('P-Asserted-Identity'), `<${NUMBER}>`);
  assert.is(guest.last('INVITE').header('P-Access-Network-Info'), undefined);
});

test.run();
