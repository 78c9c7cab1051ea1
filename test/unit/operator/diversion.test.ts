import * as assert from 'uvu/assert';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { NUMBER, Scene, type Station } from './stations.ts';

const test = suite('operator/diversion');

const FRIEND = 'sip:friend@op.example';
const ACCOUNTS = [
  { impi: 'phone@op.example', password: 'secret', impus: [NUMBER, 'tel:+46701234567'], role: 'primary' },
  { impi: 'tablet@op.example', password: 'secret', impus: [NUMBER, 'tel:+46701234567'] },
  { impi: 'guest', password: 'secret', impus: ['sip:guest@op.example'] },
  { impi: 'friend', password: 'secret', impus: [FRIEND] },
];

async function scene(
  services: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
) {
  const made = await Scene.start({
    accounts: ACCOUNTS,
    services: [{ identity: NUMBER, ...services }],
    ...more,
  });
  const friend = await made.station({ host: '192.0.2.14', impi: 'friend', identity: FRIEND });
  await friend.register();
  return { scene: made, friend };
}

async function ringing(
  services: Readonly<Record<string, unknown>>,
  headers: readonly (readonly [string, string])[] = [],
  more: Readonly<Record<string, unknown>> = {},
) {
  const made = await scene(services, more);
  const stations = await made.scene.three();
  const invite = stations.guest.make('INVITE', NUMBER, headers);
  await stations.guest.send(invite);
  return { ...made, ...stations, invite };
}

const history = (message: SipRequest | SipResponse | undefined): string | undefined =>
  message?.header('History-Info');

const answers = (station: Station, status: number): SipResponse[] =>
  station.responses('INVITE').filter((response) => response.status === status);

async function accept487(station: Station): Promise<void> {
  const invite = station.last('INVITE');
  await station.reply(station.last('CANCEL'), 200);
  await station.reply(invite, 487);
}

// TS 24.604 table 4.5.2.6.2.4 as it looks for B who diverts to C: both entries, index, mp, cause.
const CFU_HISTORY = `<${NUMBER}>;index=1, <${FRIEND};cause=302>;index=1.1;mp=1`;

test.proof(
  '[MD-2.3.1b1] CFU: no device rings, the target does; it and the caller learn who diverted and why',
  {
    run: () => unconditional({ cfu: FRIEND }),
    control: () => unconditional({}),
  },
);

async function unconditional(services: Readonly<Record<string, unknown>>): Promise<void> {
  const { phone, tablet, guest, friend } = await ringing(services);
  assert.is(friend.requests('INVITE').length, 1);
  assert.equal([phone.requests('INVITE').length, tablet.requests('INVITE').length], [0, 0]);
  const diverted = friend.last('INVITE');
  assert.is(history(diverted), CFU_HISTORY);
  assert.is(diverted.to.uri.toString(), NUMBER);
  assert.is(diverted.header('P-Called-Party-ID'), `<${FRIEND}>`);
  assert.is(diverted.header('P-Asserted-Identity'), '<sip:guest@op.example>');
  const [forwarded] = answers(guest, 181);
  assert.is(forwarded?.header('P-Asserted-Identity'), `<${NUMBER}>`);
  assert.is(history(forwarded), CFU_HISTORY);
  await friend.reply(diverted, 180);
  await friend.reply(diverted, 200);
  for (const status of [180, 200]) {
    const [answer] = answers(guest, status);
    assert.is(history(answer), CFU_HISTORY);
    assert.is(answer?.header('P-Asserted-Identity'), `<${FRIEND}>`);
  }
}

test.proof('[MD-2.3.1b2] CFNL: diverted while no device is registered, and only then', {
  run: () => notLoggedIn(false),
  control: () => notLoggedIn(true),
});

async function notLoggedIn(loggedIn: boolean): Promise<void> {
  const made = await scene({ cfnl: FRIEND });
  const { phone, guest, tablet } = await made.scene.three();
  if (!loggedIn) for (const each of [phone, tablet]) await each.register([['Expires', '0']]);
  await guest.send(guest.make('INVITE', NUMBER));
  assert.is(made.friend.requests('INVITE').length, 1);
  assert.is(history(made.friend.last('INVITE')), `<${NUMBER}>;index=1, <${FRIEND};cause=404>;index=1.1;mp=1`);
}

test.proof('[MD-2.3.1b3] CFB: diverted when every device is busy, with the Reason of the one that said so', {
  run: () => busy(486),
  control: () => busy(480),
});

async function busy(status: number): Promise<void> {
  const { phone, tablet, friend, guest } = await ringing({ cfb: FRIEND });
  await phone.reply(phone.last('INVITE'), status);
  assert.is(friend.requests('INVITE').length, 0);
  await tablet.reply(tablet.last('INVITE'), status);
  assert.is(friend.requests('INVITE').length, 1);
  assert.is(
    history(friend.last('INVITE')),
    `<${NUMBER}?Reason=SIP%3Bcause%3D486>;index=1, <${FRIEND};cause=486>;index=1.1;mp=1`,
  );
  await friend.reply(friend.last('INVITE'), 200);
  assert.is(guest.statuses('INVITE').at(-1), 200);
}

test.proof('[MD-2.3.1b4] CFNRc: diverted when no device can be reached and none has rung', {
  run: () => notReachable(false),
  control: () => notReachable(true),
});

async function notReachable(rang: boolean): Promise<void> {
  const { phone, tablet, friend } = await ringing({ cfnrc: FRIEND });
  if (rang) await phone.reply(phone.last('INVITE'), 180);
  await phone.reply(phone.last('INVITE'), 503);
  await tablet.reply(tablet.last('INVITE'), 408);
  assert.is(friend.requests('INVITE').length, 1);
  assert.match(history(friend.last('INVITE')) ?? '', `<${FRIEND};cause=503>`);
}

test.proof(
  '[MD-2.3.1b5] [MD-2.3.8] CFNR: every leg in early dialog is cancelled with cause 408, then the target rings',
  {
    run: () => noReply({ cfnr: FRIEND, no_reply_seconds: 5 }),
    control: () => noReply({}),
  },
);

async function noReply(services: Readonly<Record<string, unknown>>): Promise<void> {
  const { scene: world, phone, tablet, friend, guest } = await ringing(services, [['Supported', '199']]);
  await phone.reply(phone.last('INVITE'), 180);
  await world.pass(3);
  // 24.604 4.5.2.6.3: a further 180 does not begin the time anew.
  await tablet.reply(tablet.last('INVITE'), 180);
  await world.pass(2.5);
  for (const each of [phone, tablet]) {
    assert.ok(each.requests('CANCEL').length > 0);
    assert.is(each.last('CANCEL').header('Reason'), 'SIP;cause=408;text="Request Timeout"');
    await accept487(each);
  }
  assert.is(history(friend.last('INVITE')), `<${NUMBER}>;index=1, <${FRIEND};cause=408>;index=1.1;mp=1`);
  // RFC 6228: the caller hears that these early dialogs are gone.
  const gone = answers(guest, 199).map(({ to }) => to.tag);
  assert.equal(
    gone.toSorted(),
    answers(guest, 180)
      .map(({ to }) => to.tag)
      .toSorted(),
  );
  assert.equal(answers(guest, 487), []);
  await friend.reply(friend.last('INVITE'), 180);
  await friend.reply(friend.last('INVITE'), 200);
  assert.is(guest.statuses('INVITE').at(-1), 200);
  assert.is(world.clock.pending > 0, true);
}

test('CFNR: a device that answers in spite of the CANCEL has the call, the target is released', async () => {
  const made = await ringing({ cfnr: FRIEND, no_reply_seconds: 5 });
  const { scene: world, phone, tablet, friend, guest } = made;
  await phone.reply(phone.last('INVITE'), 180);
  await tablet.reply(tablet.last('INVITE'), 486);
  await world.pass(6);
  await friend.reply(friend.last('INVITE'), 180);
  await phone.reply(phone.last('CANCEL'), 200);
  await phone.reply(phone.last('INVITE'), 200);
  assert.is(guest.statuses('INVITE').at(-1), 200);
  assert.is(friend.last('CANCEL').header('Reason'), 'SIP;cause=200;text="Call completed elsewhere"');
});

test('answered in time: nothing is diverted, and the time is over', async () => {
  const { scene: world, phone, tablet, friend } = await ringing({ cfnr: FRIEND, no_reply_seconds: 5 });
  await phone.reply(phone.last('INVITE'), 180);
  await phone.reply(phone.last('INVITE'), 200);
  await tablet.reply(tablet.last('INVITE'), 487);
  await world.pass(20);
  assert.is(friend.requests('INVITE').length, 0);
});

test('a waiting call that nobody took (480, Q.850 cause 19) is no reply, not an unreachable number', async () => {
  const { phone, tablet, friend } = await ringing({ cfnr: FRIEND, cfnrc: 'sip:guest@op.example' });
  for (const each of [phone, tablet])
    await each.reply(each.last('INVITE'), 480, [['Reason', 'Q.850;cause=19']]);
  assert.match(history(friend.last('INVITE')) ?? '', ';cause=408>');
});

test('communication deflection: by policy a 302 diverts, immediately (480) or while it rings (487)', async () => {
  for (const rang of [false, true]) {
    const { phone, tablet, friend } = await ringing({}, [], { policy: { deflection: true } });
    if (rang) await phone.reply(phone.last('INVITE'), 180);
    await tablet.reply(tablet.last('INVITE'), 404);
    await phone.reply(phone.last('INVITE'), 302, [['Contact', `<${FRIEND}>`]]);
    assert.match(history(friend.last('INVITE')) ?? '', `<${FRIEND};cause=${rang ? 487 : 480}>`);
  }
  const without = await ringing({});
  await without.tablet.reply(without.tablet.last('INVITE'), 404);
  await without.phone.reply(without.phone.last('INVITE'), 302, [['Contact', `<${FRIEND}>`]]);
  assert.is(without.guest.statuses('INVITE').at(-1), 302);
});

test('the caller gives up while the target rings: the target is cancelled', async () => {
  const { friend, guest, invite } = await ringing({ cfu: FRIEND });
  await friend.reply(friend.last('INVITE'), 180);
  await guest.send(
    guest.make('CANCEL', NUMBER, [['Via', invite.topVia.toString()]], { callId: invite.callId }),
  );
  assert.is(friend.requests('CANCEL').length, 1);
  await accept487(friend);
  assert.is(guest.statuses('INVITE').at(-1), 487);
});

test('two that divert to each other: the limit ends it, and says why', async () => {
  const made = await Scene.start({
    accounts: ACCOUNTS,
    policy: { diversion_limit: 3 },
    services: [
      { identity: NUMBER, cfu: FRIEND },
      { identity: FRIEND, cfu: NUMBER },
    ],
  });
  const { guest } = await made.three();
  await guest.send(guest.make('INVITE', NUMBER));
  assert.is(answers(guest, 181).length, 3);
  const last = guest.responses('INVITE').at(-1);
  assert.is(last?.status, 480);
  assert.is(last?.header('Warning'), '399 op.example "Too many diversions appeared"');
});

test('the limit counts what came in History-Info too; busy gives 486', async () => {
  const before = '<sip:a@x.example>;index=1, <sip:b@x.example;cause=302>;index=1.1;mp=1';
  const { phone, tablet, guest, friend } = await ringing({ cfb: FRIEND }, [['History-Info', before]], {
    policy: { diversion_limit: 1 },
  });
  for (const each of [phone, tablet]) await each.reply(each.last('INVITE'), 486);
  assert.is(friend.requests('INVITE').length, 0);
  assert.is(guest.statuses('INVITE').at(-1), 486);
});

test('who wants no presentation stays unseen: anonymous entry to the target, hidden target to the caller', async () => {
  const hidden = '<sip:anonymous@anonymous.invalid?Privacy=history>;index=1';
  const { guest, friend } = await ringing({ cfu: FRIEND, reveal: false, reveal_target: false });
  assert.is(history(friend.last('INVITE')), `${hidden}, <${FRIEND};cause=302>;index=1.1;mp=1`);
  const [forwarded] = answers(guest, 181);
  assert.is(forwarded?.header('P-Asserted-Identity'), undefined);
  assert.is(forwarded?.header('Privacy'), 'id');
  assert.is(
    history(forwarded),
    `${hidden}, <sip:anonymous@anonymous.invalid;cause=302?Privacy=history>;index=1.1;mp=1`,
  );
  await friend.reply(friend.last('INVITE'), 200);
  const [answer] = answers(guest, 200);
  assert.is(answer?.header('P-Asserted-Identity'), undefined);
  const silent = await ringing({ cfu: FRIEND, notify: false });
  assert.equal(answers(silent.guest, 181), []);
});

test('a target outside is called at its own address, with the cause in the Request-URI', async () => {
  const made = await scene({ cfu: 'sip:far@192.0.2.99:5060' });
  const { guest } = await made.scene.three();
  const far = await made.scene.station({ host: '192.0.2.99', impi: 'far', identity: 'sip:far@192.0.2.99' });
  await guest.send(guest.make('INVITE', NUMBER));
  const diverted = far.last('INVITE');
  assert.is(diverted.requestUri.toString(), 'sip:far@192.0.2.99:5060;cause=302');
  await far.reply(diverted, 200);
  assert.is(guest.statuses('INVITE').at(-1), 200);
});

test('a tel target is written as a SIP URI; one that nobody has is 404', async () => {
  const { guest } = await ringing({ cfu: 'tel:+46709999999' });
  const [forwarded] = answers(guest, 181);
  assert.match(history(forwarded) ?? '', '<sip:+46709999999@op.example;user=phone;cause=302>');
  assert.is(guest.statuses('INVITE').at(-1), 404);
});

test.run();
