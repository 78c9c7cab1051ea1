// Plain SIP accounts as people have them: no P-CSCF configured, default listen addresses, no TLS port of our own.
import * as assert from 'uvu/assert';
import { startDns } from '#test/support/dns-server.ts';
import { suite } from '#test/support/suite.ts';
import { Device } from './support/agent.ts';
import { Authority } from './support/certificates.ts';
import { IMPU, REALM } from './support/configuration.ts';
import { scratch } from './support/process.ts';
import { withKamailio } from './support/world.ts';

const test = suite('peers/plain-registrar');

const ANY = ['udp:0.0.0.0:0', 'tcp:0.0.0.0:0'];

test('over TLS without a TLS port: called and calling through the one connection', {
  peers: ['baresip', 'Kamailio'],
  timeoutMs: 60_000,
}, async () => {
  const keys = scratch();
  try {
    const authority = new Authority(keys.path);
    const tls = authority.issue('server', ['DNS:op.example', 'IP:127.0.0.1']);
    await withKamailio({ tls }, async ({ kamailio, device, softphone }) => {
      const pcscf = `sip:127.0.0.1:${kamailio.tlsPort}`;
      const tablet = await device('tablet', {
        profile: 'sip',
        pcscf,
        ca: authority.certificate,
        listen: ANY,
      });
      await tablet.registered();
      const stored = /Address: *<?"?sip:[0-9a-f]{32}@127\.0\.0\.1:(\d+);transport=tls/.exec(
        kamailio.locations(),
      );
      assert.ok(stored, kamailio.locations());
      assert.match(
        kamailio.locations(),
        new RegExp(`Received: *<?"?sip:127\\.0\\.0\\.1:${stored?.[1]};transport=tls`),
      );
      const caller = await softphone('caller');
      caller.command('dial', IMPU);
      const incoming = await tablet.whenCall('a ringing call', (call) => call.state === 'ringing');
      await tablet.act(incoming.id, 'answer');
      await caller.event('CALL_ESTABLISHED');
      await tablet.act(incoming.id, 'hangup');
      await caller.event('CALL_CLOSED');
      caller.events.length = 0;
      const outgoing = await tablet.dial('+46709999999');
      await caller.event('CALL_INCOMING');
      caller.command('accept');
      await tablet.whenState(outgoing.id, 'active');
      caller.command('hangup');
      await tablet.whenState(outgoing.id, 'ended');
    });
  } finally {
    keys.remove();
  }
});

test('an account with nothing but its domain finds the registrar by SRV', { peers: ['Kamailio'] }, () =>
  withKamailio({}, async ({ kamailio, file }) => {
    const dns = await startDns({
      [REALM]: [],
      [`_sip._udp.${REALM}`]: [
        { type: 'SRV', target: `pbx.${REALM}`, port: kamailio.port, priority: 1, weight: 0 },
      ],
      [`pbx.${REALM}`]: [{ type: 'A', address: '127.0.0.1' }],
    });
    const config = `profile = "sip"
[account]
impu = "${IMPU}"
impi = "tablet@op.example"
password = "tablet-secret"
register = true
[sip]
dns = "${dns.address}"
[audio]
capture = "null"
playback = "null"
`;
    const device = await Device.start(config, file('plain'));
    try {
      const { registration } = await device.registered();
      assert.is(registration.pcscf, `127.0.0.1:${kamailio.port}`);
      assert.is(registration.transport, 'udp');
    } finally {
      await device.stop();
      await dns.close();
    }
  }),
);

test.run();
