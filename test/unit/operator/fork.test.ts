import * as assert from 'uvu/assert';
import type { SipRequest } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { ackOf, NUMBER, OFFICE, OPERATOR, Scene, type Station } from './stations.ts';

const test = suite('operator/fork');

async function ringing(
  settings: Readonly<Record<string, unknown>> = {},
  headers: readonly (readonly [string, string])[] = [],
) {
  const scene = await Scene.start(settings);
  const stations = await scene.three();
  const invite = stations.guest.make('INVITE', NUMBER, headers);
  await stations.guest.send(invite);
  return { scene, ...stations, invite };
}

const cancelled = (station: Station): string | undefined => station.last('CANCEL').header('Reason');

async function accept487(station: Station): Promise<void> {
  const invite = station.last('INVITE');
  await station.reply(station.last('CANCEL'), 200);
  await station.reply(invite, 487);
}

test('[MD-1.1a] a call to the number reaches every device of the federation, each at its own address', async () => {
  const { phone, tablet, guest } = await ringing();
  const toPhone = phone.last('INVITE');
  const toTablet = tablet.last('INVITE');
  assert.is(toPhone.requestUri.toString(), 'sip:me@192.0.2.11:5060');
  assert.is(toTablet.requestUri.toString(), 'sip:me@192.0.2.12:5060;transport=tcp');
  assert.is(toPhone.header('P-Called-Party-ID'), `<${NUMBER}>`);
  assert.is(toPhone.header('P-Asserted-Identity'), '<sip:guest@op.example>');
  assert.is(toPhone.maxForwards, 69);
  assert.equal(toPhone.recordRoutes.map(String), [`<sip:${OPERATOR}:5060;transport=udp;lr>`]);
  // RFC 5658: caller and callee speak other transports.
  assert.equal(toTablet.recordRoutes.map(String), [
    `<sip:${OPERATOR}:5060;transport=tcp;lr>`,
    `<sip:${OPERATOR}:5060;transport=udp;lr>`,
  ]);
  assert.equal(guest.requests('INVITE'), []);
});

test('[MD-2.2.6b] answered on one: the others are told that the call was completed elsewhere', async () => {
  const { phone, tablet, guest, invite } = await ringing();
  await phone.reply(phone.last('INVITE'), 180);
  await tablet.reply(tablet.last('INVITE'), 180);
  assert.equal(
    guest.statuses('INVITE').filter((status) => status > 100),
    [180, 180],
  );
  await tablet.reply(tablet.last('INVITE'), 200);
  assert.is(cancelled(phone), 'SIP;cause=200;text="Call completed elsewhere"');
  assert.is(phone.last('CANCEL').topVia.branch, phone.last('INVITE').topVia.branch);
  await accept487(phone);
  const answer = guest.responses('INVITE').at(-1);
  assert.is(answer?.status, 200);
  assert.is(answer?.vias.length, invite.vias.length);
  if (!answer) return;
  await guest.send(ackOf(invite, answer, guest));
  assert.is(tablet.last('ACK').requestUri.toString(), 'sip:me@192.0.2.12:5060;transport=tcp');
  assert.equal(tablet.last('ACK').routes.map(String), []);
  // The other way round: the tablet hangs up.
  const bye = tablet.make(
    'BYE',
    `sip:me@192.0.2.13:5060`,
    [
      ['From', answer.to.toString()],
      ['To', answer.from.toString()],
      ...tablet.last('INVITE').recordRoutes.map((route) => ['Route', route.toString()] as const),
    ],
    { callId: invite.callId },
  );
  await tablet.send(bye);
  await guest.reply(guest.last('BYE'), 200);
  assert.equal(tablet.statuses('BYE'), [200]);
});

test('[MD-2.2.6b] declined on one with 603: the others are told so, and the caller', async () => {
  const { phone, tablet, guest } = await ringing();
  await tablet.reply(tablet.last('INVITE'), 180);
  await phone.reply(phone.last('INVITE'), 603);
  assert.is(cancelled(tablet), 'SIP;cause=603;text="Declined"');
  await accept487(tablet);
  assert.is(guest.statuses('INVITE').at(-1), 603);
});

test('[MD-2.2.6b] busy everywhere (600): the others are told so', async () => {
  const { phone, tablet, guest } = await ringing();
  await tablet.reply(tablet.last('INVITE'), 180);
  await phone.reply(phone.last('INVITE'), 600);
  assert.is(cancelled(tablet), 'SIP;cause=600;text="Busy Everywhere"');
  await accept487(tablet);
  assert.is(guest.statuses('INVITE').at(-1), 600);
});

test('a 486 ends its own leg only', async () => {
  const { phone, tablet, guest } = await ringing();
  await tablet.reply(tablet.last('INVITE'), 180);
  await phone.reply(phone.last('INVITE'), 486);
  assert.equal(tablet.requests('CANCEL'), []);
  await tablet.reply(tablet.last('INVITE'), 200);
  assert.is(guest.statuses('INVITE').at(-1), 200);
});

test('[MD-2.2.6c2] by policy the primary device answers 486 for all: the others get cause 600', async () => {
  const settings = { policy: { busy_everywhere: true } };
  const first = await ringing(settings);
  await first.tablet.reply(first.tablet.last('INVITE'), 180);
  await first.phone.reply(first.phone.last('INVITE'), 486);
  assert.is(cancelled(first.tablet), 'SIP;cause=600;text="Busy Everywhere"');
  await accept487(first.tablet);
  assert.is(first.guest.statuses('INVITE').at(-1), 486);
  // A secondary device's 486 is no such trigger.
  const second = await ringing(settings);
  await second.phone.reply(second.phone.last('INVITE'), 180);
  await second.tablet.reply(second.tablet.last('INVITE'), 486);
  assert.equal(second.phone.requests('CANCEL'), []);
});

test("the caller's own CANCEL goes to all without a Reason", async () => {
  const { phone, tablet, guest, invite } = await ringing();
  for (const each of [phone, tablet]) await each.reply(each.last('INVITE'), 180);
  const cancel = guest.make('CANCEL', NUMBER, [['Via', invite.topVia.toString()]], { callId: invite.callId });
  await guest.send(cancel);
  assert.equal(guest.statuses('CANCEL'), [200]);
  for (const each of [phone, tablet]) {
    assert.is(cancelled(each), undefined);
    await accept487(each);
  }
  assert.is(guest.statuses('INVITE').at(-1), 487);
});

test('a CANCEL waits for the first provisional answer (RFC 3261 9.1)', async () => {
  const { phone, tablet } = await ringing();
  await phone.reply(phone.last('INVITE'), 200);
  assert.equal(tablet.requests('CANCEL'), []);
  await tablet.reply(tablet.last('INVITE'), 180);
  assert.is(tablet.requests('CANCEL').length, 1);
});

test('a second 200 that crossed the CANCEL is passed on: the caller must release it', async () => {
  const { phone, tablet, guest } = await ringing();
  for (const each of [phone, tablet]) await each.reply(each.last('INVITE'), 180);
  await phone.reply(phone.last('INVITE'), 200);
  await tablet.reply(tablet.last('INVITE'), 200);
  const tags = guest
    .responses('INVITE')
    .filter(({ status }) => status === 200)
    .map(({ to }) => to.tag);
  assert.equal(new Set(tags).size, 2);
});

test('nobody answers in time: the legs are told 408', async () => {
  const { scene, phone, tablet, guest } = await ringing({ policy: { ring_seconds: 20 } });
  for (const each of [phone, tablet]) await each.reply(each.last('INVITE'), 180);
  await scene.pass(21);
  for (const each of [phone, tablet]) {
    assert.is(cancelled(each), 'SIP;cause=408;text="Request Timeout"');
    await accept487(each);
  }
  assert.is(guest.statuses('INVITE').at(-1), 408);
});

test('in sequence: the primary first, the next when it refuses', async () => {
  const { phone, tablet, guest } = await ringing({ policy: { fork: 'sequence' } });
  assert.is(phone.requests('INVITE').length, 1);
  assert.is(tablet.requests('INVITE').length, 0);
  await phone.reply(phone.last('INVITE'), 480);
  assert.is(tablet.requests('INVITE').length, 1);
  await tablet.reply(tablet.last('INVITE'), 200);
  assert.is(guest.statuses('INVITE').at(-1), 200);
});

test('in sequence: one that is given up for its time does not hurry the next; silent ones are forgotten, each in its time', async () => {
  const scene = await Scene.start({ policy: { fork: 'sequence', ring_seconds: 40 } });
  const { phone, tablet, guest } = await scene.three();
  const third = await scene.station({
    host: '192.0.2.15',
    impi: 'tablet@op.example',
    instance: 'urn:uuid:cc',
  });
  await third.register();
  await guest.send(guest.make('INVITE', NUMBER));
  const rung = (): number =>
    [phone, tablet, third].filter((each) => each.requests('INVITE').length > 0).length;
  await phone.reply(phone.last('INVITE'), 180);
  await scene.pass(40);
  assert.is(cancelled(phone), 'SIP;cause=408;text="Request Timeout"');
  assert.is(rung(), 2);
  await accept487(phone);
  assert.is(rung(), 2);
  const [second, last] = tablet.requests('INVITE').length > 0 ? [tablet, third] : [third, tablet];
  await second.reply(second.last('INVITE'), 180);
  await scene.pass(40);
  assert.is(rung(), 3);
  await last.reply(last.last('INVITE'), 180);
  // The second never says how its INVITE ended.
  await scene.pass(100);
  assert.is(scene.operator.waiting, 0);
  assert.ok((guest.statuses('INVITE').at(-1) ?? 0) >= 400);
});

test('the best answer of several: a busy one tells more than a silent one', async () => {
  const { phone, tablet, guest } = await ringing();
  await phone.reply(phone.last('INVITE'), 408);
  await tablet.reply(tablet.last('INVITE'), 486);
  assert.is(guest.statuses('INVITE').at(-1), 486);
});

test('P-Preferred-Identity is asserted when it is the caller’s, else the default identity is', async () => {
  const scene = await Scene.start();
  const { tablet, guest } = await scene.three();
  const called = async (preferred: string): Promise<SipRequest> => {
    await tablet.send(
      tablet.make('INVITE', 'sip:guest@op.example', [['P-Preferred-Identity', `<${preferred}>`]]),
    );
    return guest.last('INVITE');
  };
  assert.is((await called(OFFICE)).header('P-Asserted-Identity'), `<${OFFICE}>`);
  assert.is((await called('sip:boss@op.example')).header('P-Asserted-Identity'), `<${NUMBER}>`);
  assert.is(guest.last('INVITE').header('P-Preferred-Identity'), undefined);
});

test('privacy: the asserted identity stays inside', async () => {
  const { phone } = await ringing({}, [['Privacy', 'id']]);
  assert.is(phone.last('INVITE').header('P-Asserted-Identity'), undefined);
});

test('a second identity of the set reaches the same devices, and says which was called', async () => {
  const scene = await Scene.start();
  const { phone, guest } = await scene.three();
  await guest.send(guest.make('INVITE', OFFICE));
  assert.is(phone.last('INVITE').header('P-Called-Party-ID'), `<${OFFICE}>`);
});

test('a device that calls its own number rings the others only', async () => {
  const scene = await Scene.start();
  const { phone, tablet } = await scene.three();
  await tablet.send(tablet.make('INVITE', NUMBER));
  assert.is(phone.requests('INVITE').length, 1);
  assert.is(tablet.requests('INVITE').length, 0);
});

test('a softphone that is known by its credentials only is asked for them', async () => {
  const scene = await Scene.start();
  const { phone } = await scene.three();
  const other = await scene.station({ host: '192.0.2.44', impi: 'guest', identity: 'sip:guest@op.example' });
  await other.authenticated(other.make('INVITE', `sip:+46701234567@${OPERATOR}`));
  assert.is(other.statuses('INVITE')[0], 407);
  assert.is(phone.last('INVITE').header('P-Called-Party-ID'), `<${NUMBER}>`);
  assert.is(phone.last('INVITE').header('Proxy-Authorization'), undefined);
});

test('unknown numbers are 404, nobody there 480, too many hops 483, unknown demands 420', async () => {
  const scene = await Scene.start();
  const guest = await scene.station({ host: '192.0.2.13', impi: 'guest', identity: 'sip:guest@op.example' });
  await guest.register();
  await guest.send(guest.make('INVITE', 'sip:nobody@op.example'));
  await guest.send(guest.make('INVITE', NUMBER));
  await guest.send(guest.make('INVITE', NUMBER, [['Max-Forwards', '0']]));
  await guest.send(guest.make('INVITE', NUMBER, [['Proxy-Require', 'teleport']]));
  assert.equal(guest.statuses('INVITE'), [404, 480, 483, 420]);
});

test.run();
