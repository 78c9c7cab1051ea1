// A registered device and its P-CSCF: routes and identities of calls, who is believed.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { respond } from './scenarios/callee.ts';
import { refused as refusedCall } from './scenarios/caller.ts';
import { withRegistrar } from './scenarios/registered.ts';
import { type Branch, brings, grant, leaves, NO_EVENTS, outgoing, registers } from './scenarios/registrar.ts';
import type { Stage } from './scenarios/stage.ts';
import { differs, expect, keep, matches, pause, scenario } from './scenarios/xml.ts';
import { until } from './support/process.ts';

const test = suite('peers/sipp-pcscf');
const peers = ['SIPp'];
const PUBLIC = 'sip:+46701234567@op.example';
const SECOND = 'sip:second@op.example';
const CALLEE = 'sip:+46709999999@op.example';
const ASSOCIATED = `P-Associated-URI: <${PUBLIC}>, <${SECOND}>`;

/** One INVITE of the device, refused. SIPp judges only where it receives. */
const busied = (checks: readonly string[]): Branch => outgoing([respond(486), expect('ACK', { checks })]);
const holds = (regexp: string): string => matches('invite', regexp);
const lacks = (regexp: string): string => differs('invite', regexp);

test.proof(
  '[MD-2.2.2a2] a call walks P-CSCF and Service-Route in order, and the next 200 replaces the route',
  {
    peers,
    timeoutMs: 40_000,
    run: () => serviceRoute('scscf2'),
    control: () => serviceRoute('scscf1'),
  },
);

const serviceRoute = (later: string): Promise<void> => {
  const route = (name: string): string =>
    `Service-Route: <sip:orig@${name}.op.example;lr>, <sip:as.${name}.op.example;lr>`;
  const walked = (name: string): string =>
    holds(
      `Route: <sip:127.0.0.1:[0-9]+;[^>]*lr[^>]*>[^<]*<sip:orig@${name}.op.example;lr>[^<]*<sip:as.${name}`,
    );
  return withRegistrar(
    [
      {
        method: 'REGISTER',
        steps: [grant(8, [route('scscf1')]), expect('REGISTER'), grant(3600, [route(later)]), ...leaves()],
      },
      NO_EVENTS,
      busied([walked('scscf1')]),
      busied([walked('scscf2'), lacks('scscf1')]),
    ],
    async ({ stage, registrar }) => {
      await stage.device.registered();
      await ended(stage, CALLEE);
      await until('the refresh', () => registrar.messages().includes('CSeq: 2 REGISTER'), 12_000);
      await until('its 200', async () => ((await stage.device.status()).registration.expires ?? 0) > 100);
      await ended(stage, CALLEE);
    },
  );
};

/** Dials, and waits for the end. */
async function ended(stage: Stage, to: string, more: object = {}): Promise<void> {
  const call = await stage.device.dial(to, more);
  await stage.device.whenState(call.id, 'ended');
}

test.proof('[MD-2.4.6.1a] a call under another identity of the subscription prefers it', {
  peers,
  timeoutMs: 40_000,
  run: () => preferred(SECOND),
  control: () => preferred(PUBLIC),
});

const preferred = (identity: string): Promise<void> =>
  withRegistrar(
    [
      registers([ASSOCIATED]),
      NO_EVENTS,
      busied([holds(`P-Preferred-Identity: <${SECOND}>`), holds(`From: <${SECOND}>`)]),
    ],
    async ({ stage }) => {
      await stage.device.registered();
      await ended(stage, CALLEE, { identity });
    },
  );

test.proof('[MD-2.4.6.1a] an identity that is not registered is refused, and nothing is sent', {
  peers,
  timeoutMs: 40_000,
  run: () => unknownIdentity('sip:third@op.example'),
  control: () => unknownIdentity(SECOND),
});

const unknownIdentity = (identity: string): Promise<void> =>
  withRegistrar([registers([ASSOCIATED]), NO_EVENTS], async ({ stage, registrar }) => {
    await stage.device.registered();
    const { status } = await stage.device.fetch('POST', 'calls', { to: CALLEE, identity });
    assert.ok(status >= 400 && status < 500, `status ${status}`);
    assert.not.match(registrar.messages(), /^INVITE /m);
  });

test.proof('[MD-2.2.5c] the INVITE names service, features and identity as IR.92 asks', {
  peers,
  timeoutMs: 40_000,
  run: () => named('mmtel'),
  control: () => named('other'),
});

const named = (service: string): Promise<void> =>
  withRegistrar(
    [
      registers([ASSOCIATED]),
      NO_EVENTS,
      busied([
        holds(`P-Preferred-Identity: <${PUBLIC.replaceAll('+', '[+]')}>`),
        holds(`P-Preferred-Service: .*urn:urn-7:3gpp-service.ims.icsi.${service}`),
        holds(`Accept-Contact: .*[+]g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.${service}"`),
        holds(`Contact: [^;]*;.*[+]g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.${service}"`),
        holds('Supported: .*100rel'),
        holds('P-Early-Media: supported'),
        lacks('P-Access-Network-Info'),
        holds('^INVITE tel:[+]46709999999 SIP/2.0'),
      ]),
    ],
    async ({ stage }) => {
      await stage.device.registered();
      await ended(stage, '+46709999999');
    },
  );

/** What a Swede dials, and the Request-URI of it (IR.92 2.2.3). */
const DIALLED: readonly (readonly [dialled: string, uri: string])[] = [
  ['+46 70-999 99 99', 'tel:+46709999999'],
  ['070-999 99 99', 'tel:+46709999999'],
  ['0044 20 7946 0123', 'tel:+442079460123'],
  ['90510', 'tel:90510;phone-context=op.example'],
  ['*21#', 'tel:*21#;phone-context=op.example'],
  ['tel:0701234567;phone-context=pbx.example', 'tel:0701234567;phone-context=pbx.example'],
  ['sip:bob@op.example', 'sip:bob@op.example'],
  ['alice', 'sip:alice@op.example'],
];

test.proof('[MD-2.2.4a] numbers and names go out as 24.229 writes them, by the habits of the country', {
  peers,
  timeoutMs: 60_000,
  run: () => dialledIn('SE'),
  control: () => dialledIn('DE'),
});

const pattern = (uri: string): string => uri.replaceAll(/[+*]/g, '[$&]');

const dialledIn = (country: string): Promise<void> =>
  withRegistrar(
    [
      registers([ASSOCIATED]),
      NO_EVENTS,
      ...DIALLED.map(([, uri]) =>
        busied([holds(`^INVITE ${pattern(uri)} SIP/2.0`), holds(`To: <${pattern(uri)}>`)]),
      ),
    ],
    async ({ stage }) => {
      await stage.device.registered();
      for (const [dialled] of DIALLED) await ended(stage, dialled);
    },
    { more: `[network]\ncountry = "${country}"` },
  );

/** The network has lost the device: a 504 that says so makes it register anew (24.229 5.1.2A.1.6). */
const lost = (asserted: string): Branch => ({
  ...busied([]),
  steps: [
    respond(504, {
      headers: [`P-Asserted-Identity: <${asserted}>`],
      type: 'application/3gpp-ims+xml',
      body: [
        '<?xml version="1.0"?>',
        '<ims-3gpp version="1"><alternative-service><type>restoration</type><reason>lost</reason>',
        '<action>initial-registration</action></alternative-service></ims-3gpp>',
      ],
    }),
    expect('ACK'),
  ],
});

test.proof(
  '[MD-2.2.5d] a 504 of our own proxy that asks for restoration: the call has failed, the device registers anew',
  {
    peers,
    timeoutMs: 60_000,
    run: () => restored('sip:orig@scscf.op.example'),
    control: () => restored('sip:orig@evil.example'),
  },
);

const restored = (asserted: string): Promise<void> =>
  withRegistrar(
    [
      {
        method: 'REGISTER',
        first: { checks: [keep('Contact', '<([^>]*)>', 'target')] },
        steps: [grant(3600, [ASSOCIATED, 'Service-Route: <sip:orig@scscf.op.example;lr>'])],
      },
      NO_EVENTS,
      lost(asserted),
      { ...registers([ASSOCIATED]), method: 'REGISTER' },
      NO_EVENTS,
    ],
    async ({ stage, registrar }) => {
      await stage.device.registered();
      await ended(stage, CALLEE);
      const anew = await until(
        'a second initial registration',
        () => registrar.messages().match(/^CSeq: 1 REGISTER/gm)?.length === 4,
        3000,
      ).catch(() => false);
      assert.is(anew, true);
      await stage.device.registered();
      const [row] = await stage.device.log();
      assert.equal([row?.end?.label, row?.end?.sip], ['failed', 504]);
    },
  );

/** The P-CSCF brings a call with these header fields; the owner looks, then rejects. */
const brought = (headers: readonly string[], look: (stage: Stage) => Promise<void>): Promise<void> =>
  withRegistrar(
    [registers([ASSOCIATED], [pause(500), ...brings('caller', headers)]), NO_EVENTS],
    async ({ stage }) => {
      const call = await stage.device.whenCall('a call', ({ state }) => state === 'ringing');
      try {
        await look(stage);
      } finally {
        await stage.device.act(call.id, 'reject');
      }
    },
  );

test.proof('[MD-2.4.6.2c1] the identity that P-Called-Party-ID names is shown and logged', {
  peers,
  timeoutMs: 40_000,
  run: () => calledParty([`P-Called-Party-ID: <${SECOND}>`]),
  control: () => calledParty([]),
});

const calledParty = (headers: readonly string[]): Promise<void> =>
  withRegistrar(
    [registers([ASSOCIATED], [pause(500), ...brings('caller', headers)]), NO_EVENTS],
    async ({ stage }) => {
      const call = await stage.device.whenCall('a call', ({ state }) => state === 'ringing');
      await stage.device.act(call.id, 'reject');
      assert.equal([call.called_identity, call.identity], [SECOND, SECOND]);
      await stage.device.whenState(call.id, 'ended');
      assert.is((await stage.device.log())[0]?.called_identity, SECOND);
    },
  );

const ASSERTIONS: readonly (readonly [
  what: string,
  headers: readonly string[],
  uri: string,
  name?: string,
])[] = [
  [
    'a SIP URI',
    ['P-Asserted-Identity: "Ada" <sip:+46700000001@op.example;user=phone>'],
    'sip:+46700000001@op.example',
    'Ada',
  ],
  ['a tel URI', ['P-Asserted-Identity: "Ada" <tel:+46700000001>'], 'tel:+46700000001', 'Ada'],
  [
    'both',
    ['P-Asserted-Identity: "Ada" <sip:ada@op.example>', 'P-Asserted-Identity: <tel:+46700000001>'],
    'tel:+46700000001',
  ],
];

for (const [what, headers, uri, name] of ASSERTIONS) {
  const shown = async (stage: Stage): Promise<void> => {
    const [call] = await stage.device.calls();
    assert.equal([call?.remote.uri, call?.remote.name], [uri, name]);
  };
  test.proof(`[MD-2.3.12] what the P-CSCF asserts is shown: ${what}`, {
    peers,
    timeoutMs: 40_000,
    run: () => brought(headers, shown),
    control: () => brought([], shown),
  });
}

test('a call that does not come from the P-CSCF is refused with 403, whatever it asserts', { peers }, () =>
  withRegistrar([registers([ASSOCIATED]), NO_EVENTS], async ({ stage }) => {
    await stage.device.registered();
    const target = (await stage.device.status()).listen.find((address) => address.startsWith('udp:'));
    const headers = ['P-Asserted-Identity: <tel:+46700000001>'];
    await stage.called(
      'stranger',
      scenario('stranger', refusedCall('stranger', 403, { headers })),
      undefined,
      {
        host: '127.0.0.2',
        target: target?.slice('udp:'.length) ?? '',
      },
    );
    assert.equal(await stage.device.calls(), []);
  }),
);

test.run();
