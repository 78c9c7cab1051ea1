import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { NUMBER, Scene, type Station } from './stations.ts';

const test = suite('operator/barring');

const ABROAD = 'tel:+4930123456';
const AT_HOME = 'tel:+46709999999';
// 24.229 7.2A.4.3: cells of Sweden (MCC 240) and of Germany (MCC 262).
const SWEDEN = '3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=24001000101ABCDE';
const GERMANY = '3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=26202000101ABCDE';

const ACCOUNTS = [
  { impi: 'phone@op.example', password: 'secret', impus: [NUMBER], role: 'primary' },
  { impi: 'tablet@op.example', password: 'secret', impus: [NUMBER] },
  { impi: 'guest', password: 'secret', impus: ['sip:guest@op.example', ABROAD, AT_HOME] },
];

async function world(barred: readonly string[]) {
  const scene = await Scene.start({
    accounts: ACCOUNTS,
    services: [{ identity: NUMBER, barred }],
  });
  return { scene, ...(await scene.three()) };
}

/** What a call comes to: the status it is refused with, or undefined when somebody is called. */
async function outcome(caller: Station, to: string, place?: string): Promise<number | undefined> {
  const headers = place === undefined ? [] : [['P-Access-Network-Info', place] as const];
  await caller.send(caller.make('INVITE', to, headers));
  return caller.statuses('INVITE').findLast((status) => status >= 300);
}

const rows = [
  ['c1', 'BAOC', 'baoc', { [ABROAD]: 603, [AT_HOME]: 603 }],
  ['c2', 'BOIC', 'boic', { [ABROAD]: 603, [AT_HOME]: undefined }],
  ['c3', 'BOIC-exHC', 'boic_exhc', { [ABROAD]: 603, [AT_HOME]: undefined }],
] as const;

for (const [child, title, name, expected] of rows) {
  const check = async (barred: readonly string[]): Promise<void> => {
    for (const [to, status] of Object.entries(expected)) {
      const { tablet, guest } = await world(barred);
      assert.is(await outcome(tablet, to), status, to);
      assert.is(guest.requests('INVITE').length, status === undefined ? 1 : 0);
      if (status)
        assert.match(
          tablet.responses('INVITE').at(-1)?.header('Warning') ?? '',
          /^399 op\.example ".*barred"$/,
        );
    }
  };
  test.proof(
    `[MD-2.3.1${child}] ${title}: what is barred is refused with 603 and told in words, the rest goes out`,
    {
      run: () => check([name]),
      control: () => check([]),
    },
  );
}

test.proof('[MD-2.3.1c4] BAIC: nobody is rung, the caller gets 603', {
  run: () => allIn(['baic']),
  control: () => allIn([]),
});

async function allIn(barred: readonly string[]): Promise<void> {
  const { guest, phone, tablet } = await world(barred);
  assert.is(await outcome(guest, NUMBER), 603);
  assert.equal([phone.requests('INVITE').length, tablet.requests('INVITE').length], [0, 0]);
}

test.proof('[MD-2.3.9] [MD-2.3.1c5] BIC-roam: of two devices with one number only the one abroad is barred', {
  run: () => roaming(['bic_roam']),
  control: () => roaming([]),
});

async function roaming(barred: readonly string[]): Promise<void> {
  const { guest, phone, tablet } = await world(barred);
  await phone.register([['P-Access-Network-Info', SWEDEN]]);
  await tablet.register([['P-Access-Network-Info', GERMANY]]);
  await guest.send(guest.make('INVITE', NUMBER));
  assert.equal([phone.requests('INVITE').length, tablet.requests('INVITE').length], [1, 0]);
  await phone.register([['P-Access-Network-Info', GERMANY]]);
  assert.is(await outcome(guest, NUMBER), 603);
}

test.proof('[MD-2.3.9] outgoing: international is judged from where the one device is', {
  run: () => fromAbroad(['boic_exhc']),
  control: () => fromAbroad([]),
});

async function fromAbroad(barred: readonly string[]): Promise<void> {
  // The phone at home calls Germany: international. The tablet in Germany does: a call within the country.
  const { phone, tablet } = await world(barred);
  assert.is(await outcome(phone, ABROAD, SWEDEN), 603);
  assert.is(await outcome(tablet, ABROAD, GERMANY), undefined);
  // And home from abroad is the exception that the service makes.
  assert.is(await outcome(tablet, AT_HOME, GERMANY), undefined);
}

test('BOIC from abroad bars the call home too', async () => {
  const { tablet } = await world(['boic']);
  assert.is(await outcome(tablet, AT_HOME, GERMANY), 603);
});

test('a visited network that its P-CSCF names makes a device roam, WLAN with a country too', async () => {
  for (const headers of [
    [['P-Visited-Network-ID', '"Other network"']],
    [['P-Access-Network-Info', 'IEEE-802.11;i-wlan-node-id=00112233aabb;country=DE']],
  ] as const) {
    const { guest, tablet, phone } = await world(['bic_roam']);
    await tablet.register(headers);
    await guest.send(guest.make('INVITE', NUMBER));
    assert.equal([phone.requests('INVITE').length, tablet.requests('INVITE').length], [1, 0]);
  }
});

test('a device on a cable or a WLAN that tells no country is at home', async () => {
  const { guest, tablet } = await world(['bic_roam']);
  await tablet.register([['P-Access-Network-Info', 'IEEE-802.11;i-wlan-node-id=00112233aabb']]);
  await guest.send(guest.make('INVITE', NUMBER));
  assert.is(tablet.requests('INVITE').length, 1);
});

test('anonymous callers are refused with 433 (ACR), others are not', async () => {
  const { guest, phone } = await world(['acr']);
  await guest.send(guest.make('INVITE', NUMBER, [['Privacy', 'id']]));
  assert.is(guest.statuses('INVITE').at(-1), 433);
  await guest.send(guest.make('INVITE', NUMBER));
  assert.is(phone.requests('INVITE').length, 1);
});

test('emergency calls go out in spite of every barring (24.611 4.5.2.4.1)', async () => {
  const scene = await Scene.start({
    accounts: ACCOUNTS,
    services: [{ identity: NUMBER, barred: ['baoc'] }],
    emergency: { psap: 'sip:guest@op.example', numbers: ['112'] },
  });
  const { tablet, guest } = await scene.three();
  for (const to of ['urn:service:sos', 'urn:service:sos.fire', 'sip:112@op.example;user=phone']) {
    await tablet.send(tablet.make('INVITE', to));
    assert.is(guest.last('INVITE').to.uri.toString(), to);
  }
  assert.is(guest.last('INVITE').header('P-Asserted-Identity'), `<${NUMBER}>`);
});

test('a PSAP of another network is called at its own address', async () => {
  const scene = await Scene.start({ accounts: ACCOUNTS, emergency: { psap: 'sip:psap@192.0.2.77:5060' } });
  const { tablet } = await scene.three();
  const center = await scene.station({ host: '192.0.2.77', impi: 'x', identity: 'sip:psap@192.0.2.77' });
  await tablet.send(tablet.make('INVITE', 'urn:service:sos.police'));
  assert.is(center.last('INVITE').requestUri.toString(), 'sip:psap@192.0.2.77:5060');
  assert.is(center.last('INVITE').to.uri.toString(), 'urn:service:sos.police');
});

test('services of an identity that nobody has are a mistake in the configuration', async () => {
  const failed = await Scene.start({
    accounts: ACCOUNTS,
    services: [{ identity: 'sip:nobody@op.example' }],
  }).then(
    () => '',
    (error: unknown) => String(error),
  );
  assert.match(failed, 'nobody has the identity');
});

test('without a PSAP, or by policy, an emergency call is answered with alternative service (380)', async () => {
  const { tablet } = await world([]);
  await tablet.send(tablet.make('INVITE', 'urn:service:sos'));
  const answer = tablet.responses('INVITE').at(-1);
  assert.is(answer?.status, 380);
  assert.is(answer?.header('Content-Type'), 'application/3gpp-ims+xml');
  assert.match(answer?.body.toString() ?? '', '<type>emergency</type>');
  assert.match(answer?.header('P-Asserted-Identity') ?? '', /^<sip:term@192\.0\.2\.1:5060;/);
});

test.proof('[MD-2.6c] a call-back of the PSAP rings every device in spite of barring and diversion', {
  run: () => callBack('sip:guest@op.example'),
  control: () => callBack(undefined),
});

async function callBack(psap: string | undefined): Promise<void> {
  const scene = await Scene.start({
    accounts: ACCOUNTS,
    services: [{ identity: NUMBER, barred: ['baic', 'bic_roam', 'acr'], cfu: 'sip:guest@op.example' }],
    ...(psap === undefined ? {} : { emergency: { psap } }),
  });
  const { tablet, phone, guest } = await scene.three();
  await tablet.register([['P-Access-Network-Info', GERMANY]]);
  await guest.send(guest.make('INVITE', NUMBER, [['Priority', 'psap-callback']]));
  assert.equal([phone.requests('INVITE').length, tablet.requests('INVITE').length], [1, 1]);
  assert.is(phone.last('INVITE').header('Priority'), 'psap-callback');
}

test('the mark of a call-back counts from a neighbour that asserts the PSAP, and from nobody else', async () => {
  for (const trusted of [['192.0.2.77'], ['192.0.2.77:5060'], []]) {
    const scene = await Scene.start({
      accounts: ACCOUNTS,
      policy: { trusted },
      services: [{ identity: NUMBER, barred: ['baic'] }],
      emergency: { psap: 'sip:psap@sos.example' },
    });
    const { phone } = await scene.three();
    const center = await scene.station({ host: '192.0.2.77', impi: 'x', identity: 'sip:psap@sos.example' });
    const asserted = ['P-Asserted-Identity', '<sip:psap@sos.example>, <tel:+112>'] as const;
    await center.send(center.make('INVITE', NUMBER, [['Priority', 'psap-callback'], asserted]));
    assert.is(phone.requests('INVITE').length, trusted.length);
    if (trusted.length > 0)
      assert.equal(phone.last('INVITE').assertedIdentities.map(String), [
        '<sip:psap@sos.example>',
        '<tel:+112>',
      ]);
  }
});

test.run();
