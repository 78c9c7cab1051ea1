// Emergency calls at a network that SIPp plays, on the loopback only: refused without a packet, or sent with the place (MD-2.6b).
import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { refuse, respond } from './scenarios/callee.ts';
import { ackRefusal, hungUp, invite, rings } from './scenarios/caller.ts';
import { withRegistrar } from './scenarios/registered.ts';
import { NO_EVENTS, outgoing, registers } from './scenarios/registrar.ts';
import { Stage } from './scenarios/stage.ts';
import { differs, expect, matches, scenario, sdp } from './scenarios/xml.ts';
import { Capture } from './support/capture.ts';
import { scratch } from './support/process.ts';

const test = suite('peers/emergency');

const NATIVE = 'sip:[+]46701234567@op.example';
const PLACE = 'latitude = 59.334\nlongitude = 18.063\nuncertainty = 30\ncivic = ["country=SE", "A3=Malmö"]';
/** No body of the network may be called in a test: whatever is dialled goes to SIPp on the loopback. */
const ALLOWED = `[network]\ncountry = "SE"\n[emergency]\nallowed = true\n`;

const statusOf = async (stage: Stage, to: string): Promise<readonly [status: number, text: string]> => {
  const { status, body } = await stage.device.fetch('POST', 'calls', { to });
  return [status, JSON.stringify(body)];
};

const nothingSent = (dialled: readonly string[]): Promise<void> =>
  withRegistrar([registers(), NO_EVENTS], async ({ stage, registrar }) => {
    await stage.device.registered();
    const folder = scratch();
    const capture = await Capture.start(folder.file('emergency.pcapng'));
    try {
      for (const to of dialled) {
        const [status, text] = await statusOf(stage, to);
        assert.is(status, 409, `${to}: ${text}`);
        assert.match(text, /"call\.emergency".*telephone/);
      }
    } finally {
      await capture.stop();
    }
    const sent = capture.packets(`sip and udp.port == ${registrar.port}`, ['sip.Method']);
    folder.remove();
    assert.equal(sent, []);
    assert.equal(await stage.device.calls(), []);
  });

test.proof(
  '[MD-2.6b] where it is not allowed no emergency number draws a packet, and each is refused at once',
  {
    peers: ['SIPp', 'tshark'],
    timeoutMs: 60_000,
    run: () =>
      nothingSent([
        '112',
        '110',
        '911',
        'tel:112',
        'sip:112@op.example',
        'urn:service:sos',
        'urn:service:sos.fire',
      ]),
    control: () => nothingSent(['+46709999999']),
  },
);

const withPlace = (more: string): Promise<void> =>
  withRegistrar(
    [
      registers([`P-Associated-URI: <sip:+46701234567@op.example>`]),
      NO_EVENTS,
      outgoing([
        respond(200, { body: sdp({ formats: '0' }) }),
        expect('ACK', {
          checks: [
            matches('invite', '^INVITE urn:service:sos SIP/2.0'),
            matches('invite', 'To: <urn:service:sos>'),
            matches('invite', `From: <${NATIVE}>;tag=`),
            matches('invite', `P-Preferred-Identity: <${NATIVE}>`),
            matches('invite', 'Geolocation: <cid:[^>]+>'),
            matches('invite', 'Geolocation-Routing: yes'),
            matches('invite', 'Content-Type: multipart/mixed'),
            matches('invite', 'Content-Disposition: render;handling=optional'),
            matches('invite', 'm=audio '),
            differs('invite', 'Privacy:'),
            differs('invite', 'Additional-Identity:'),
          ],
        }),
        ...hungUp(),
      ]),
    ],
    async ({ stage, registrar }) => {
      await stage.device.registered();
      const { id } = await stage.device.dial('112', { privacy: true });
      await stage.device.whenState(id, 'active');
      await stage.device.act(id, 'hangup');
      await stage.device.whenState(id, 'ended');
      const [pidf] = /<\?xml[\s\S]*?<\/presence>/.exec(registrar.messages()) ?? [''];
      const text = (name: string): string =>
        spawnSync('xmllint', ['--xpath', `string(//*[local-name()='${name}'])`, '-'], {
          input: Buffer.from(pidf, 'latin1'),
        })
          .stdout.toString()
          .trim();
      assert.is(text('pos'), '59.334 18.063');
      assert.is(text('A3'), 'Malmö');
      assert.is(spawnSync('xmllint', ['--noout', '-'], { input: Buffer.from(pidf, 'latin1') }).status, 0);
    },
    { more: `${ALLOWED}${more}` },
  );

test.proof('[MD-2.6b] where it is allowed the service is called by its URN, with the place', {
  peers: ['SIPp', 'xmllint'],
  timeoutMs: 60_000,
  run: () => withPlace(PLACE),
  control: () => withPlace(''),
});

const ALTERNATIVE = [
  '<?xml version="1.0" encoding="UTF-8"?>',
  '<ims-3gpp version="1"><alternative-service><type>emergency</type><reason>use a phone</reason>',
  '<action>emergency-registration</action></alternative-service></ims-3gpp>',
];

const alternative = (status: number): Promise<void> =>
  withRegistrar(
    [
      registers(),
      NO_EVENTS,
      outgoing([...refuse(status, { body: ALTERNATIVE, type: 'application/3gpp-ims+xml' })]),
    ],
    async ({ stage }) => {
      await stage.device.registered();
      const { id } = await stage.device.dial('17');
      await stage.device.whenState(id, 'ended');
      const { body } = await stage.device.fetch('GET', `calls/${id}/details`);
      assert.match(JSON.stringify(body), /"type":"emergency"/);
      const call = await stage.device.call(id);
      assert.match(call.end?.reason?.text ?? '', /use a telephone/);
    },
  );

test.proof('[MD-2.6b] a number that only the network knows as an emergency: its 380 is told', {
  peers: ['SIPp'],
  timeoutMs: 60_000,
  run: () => alternative(380),
  control: () => alternative(404),
});

const callBack = (headers: readonly string[]): Promise<void> => {
  const user = 'psap';
  return withQuiet((stage) =>
    stage.called(
      user,
      scenario(user, [invite(user, { headers }), ...rings(), expect(486), ackRefusal(user)]),
      async () => {
        const call = await stage.device.whenCall('a call', ({ remote }) => remote.uri.includes(user));
        assert.is(call.state, 'ringing');
        await stage.device.act(call.id, 'reject');
      },
    ),
  );
};

const withQuiet = async (body: (stage: Stage) => Promise<void>): Promise<void> => {
  const stage = await Stage.open();
  try {
    // The owner's switch works at once.
    const { status } = await stage.device.fetch('PATCH', 'config', { call: { dnd: true } });
    assert.is(status, 200);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await body(stage);
  } finally {
    await stage.close();
  }
};

test.proof('[MD-2.6c] a call-back of the emergency services rings in spite of do-not-disturb', {
  peers: ['SIPp'],
  timeoutMs: 60_000,
  run: () => callBack(['Priority: psap-callback']),
  control: () => callBack([]),
});

test.run();
