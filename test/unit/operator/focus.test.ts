import * as assert from 'uvu/assert';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { sampleSdp } from '#test/support/sdp-samples.ts';
import { suite } from '#test/support/suite.ts';
import { ackOf, NUMBER, Scene, type Station } from './stations.ts';

const test = suite('operator/focus');

const FACTORY = 'sip:mmtel@conf-factory.op.example';
const FRIEND = 'sip:friend@op.example';
const BOSS = 'tel:+22221111';
const ACCOUNTS = [
  { impi: 'phone@op.example', password: 'secret', impus: [NUMBER], role: 'primary', shared: [BOSS] },
  { impi: 'tablet@op.example', password: 'secret', impus: [NUMBER] },
  { impi: 'guest', password: 'secret', impus: ['sip:guest@op.example'] },
  { impi: 'friend', password: 'secret', impus: [FRIEND] },
  { impi: 'boss', password: 'secret', impus: [BOSS] },
];

const sdp = (host: string): string => sampleSdp(host, ['m=audio 30000 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000']);

interface Seat {
  readonly station: Station;
  readonly invite: SipRequest;
  readonly answer: SipResponse;
  readonly uri: string;
}

async function world(conference: Readonly<Record<string, unknown>> = {}) {
  const scene = await Scene.start({ accounts: ACCOUNTS, conference });
  const stations = await scene.three();
  const friend = await scene.station({ host: '192.0.2.14', impi: 'friend', identity: FRIEND });
  await friend.register();
  return { scene, ...stations, friend };
}

/** Calls the factory or a conference, and is in it. */
async function join(
  station: Station,
  to: string,
  headers: readonly (readonly [string, string])[] = [],
): Promise<Seat> {
  const invite = station.make('INVITE', to, [['Content-Type', 'application/sdp'], ...headers], {
    body: sdp(station.fields.host),
  });
  await station.send(invite);
  const answer = station.responses('INVITE').findLast(({ status }) => status === 200);
  if (!answer) throw new Error(`no answer: ${station.statuses('INVITE')}`);
  await station.send(ackOf(invite, answer, station));
  return { station, invite, answer, uri: answer.contacts[0]?.uri.toString() ?? '' };
}

/** A request in the dialog of a seat. */
function within(
  seat: Seat,
  method: string,
  cseq: number,
  headers: readonly (readonly [string, string])[] = [],
): SipRequest {
  const { station, invite, answer } = seat;
  const routes = answer.recordRoutes.toReversed().map((route) => ['Route', route.toString()] as const);
  return station.make(
    method,
    seat.uri,
    [['From', invite.from.toString()], ['To', answer.to.toString()], ...routes, ...headers],
    { callId: invite.callId, cseq },
  );
}

async function acceptNotifies(station: Station, answered: Set<SipRequest>): Promise<SipRequest[]> {
  const all: SipRequest[] = [];
  for (let round = 0; round < 6; round += 1) {
    for (const notify of station.requests('NOTIFY').filter((each) => !answered.has(each))) {
      answered.add(notify);
      all.push(notify);
      await station.reply(notify, 200);
    }
  }
  return all;
}

/** The party takes the INVITE that the focus sends it. */
async function take(party: Station): Promise<SipRequest> {
  const invite = party.last('INVITE');
  await party.reply(invite, 180);
  await party.reply(
    invite,
    200,
    [['Content-Type', 'application/sdp']],
    `${party.fields.host}-p`,
    sdp(party.fields.host),
  );
  return invite;
}

const REPLACES = `Replaces=one%40192.0.2.13%3Bto-tag%3Da%3Bfrom-tag%3Db&Require=replaces`;

test('the factory makes a conference of its own URI with isfocus, for each INVITE another one', async () => {
  const { scene, guest, friend } = await world();
  const first = await join(guest, FACTORY);
  const second = await join(friend, FACTORY);
  assert.match(first.uri, /^sip:conf-[^@]+@conf-factory\.op\.example$/);
  assert.is.not(first.uri, second.uri);
  for (const status of [180, 200]) {
    const response = guest.responses('INVITE').find((each) => each.status === status);
    assert.ok(response?.contacts[0]?.params.has('isfocus'));
    assert.is(response?.header('Alert-Info'), undefined);
  }
  for (const method of ['REFER', 'SUBSCRIBE'])
    assert.ok(first.answer.headers.values('Allow').includes(method));
  assert.is(scene.operator.focus?.conferences.length, 2);
});

test.proof(
  '[MD-2.3.3a] REFER with Replaces: the focus calls the party, tells of it, and the roster follows',
  {
    run: () => added('INVITE'),
    control: () => added('MESSAGE'),
  },
);

async function added(method: string): Promise<void> {
  const { guest, friend } = await world();
  const seat = await join(guest, FACTORY);
  const answered = new Set<SipRequest>();
  await guest.send(
    guest.make('SUBSCRIBE', seat.uri, [
      ['Event', 'conference'],
      ['Expires', '600'],
    ]),
  );
  const [whole] = await acceptNotifies(guest, answered);
  assert.match(
    whole?.body.toString() ?? '',
    /state="full" version="1"[\s\S]*<user entity="sip:guest@op.example" state="full">/,
  );
  const refer = guest.make('REFER', seat.uri, [
    ['Refer-To', `<${FRIEND};method=${method}?${REPLACES}>`],
    ['Referred-By', '<sip:somebody@else.example>'],
  ]);
  await guest.send(refer);
  assert.is(guest.statuses('REFER').at(-1), 202);
  const called = await take(friend);
  assert.is(called.header('Replaces'), 'one@192.0.2.13;to-tag=a;from-tag=b');
  assert.is(called.header('Require'), 'replaces');
  // 24.147 5.3.2.5.2: who really referred.
  assert.is(called.header('Referred-By'), '<sip:guest@op.example>');
  assert.is(called.header('P-Asserted-Identity'), `<${seat.uri}>`);
  assert.ok(called.contacts[0]?.params.has('isfocus'));
  const notes = await acceptNotifies(guest, answered);
  const fragments = notes.filter((each) => each.event?.type === 'refer');
  assert.equal(
    fragments.map((each) => each.body.toString().trim()),
    ['SIP/2.0 100 Trying', 'SIP/2.0 180 Ringing', 'SIP/2.0 200 OK'],
  );
  assert.is(fragments.at(-1)?.header('Subscription-State'), 'terminated;reason=noresource');
  const roster = notes
    .filter((each) => each.event?.type === 'conference')
    .map((each) => each.body.toString());
  assert.match(
    roster.at(-1) ?? '',
    /state="partial"[\s\S]*<user entity="sip:friend@op\.example" state="full">[\s\S]*<status>connected<\/status>/,
  );
  assert.not.match(roster.at(-1) ?? '', /entity="sip:guest@op\.example"/);
}

test('REFER in the dialog of the call: NOTIFYs come in it, each with the id of its REFER', async () => {
  const { guest, friend } = await world();
  const seat = await join(guest, FACTORY);
  await guest.send(within(seat, 'REFER', 2, [['Refer-To', `<${FRIEND}>`]]));
  assert.is(guest.statuses('REFER').at(-1), 202);
  await take(friend);
  const notes = await acceptNotifies(guest, new Set());
  assert.ok(notes.length > 1);
  for (const note of notes) {
    assert.is(note.header('Event'), 'refer;id=2');
    assert.is(note.callId, seat.invite.callId);
  }
});

test('a party that does not come: the last NOTIFY says why; Refer-Sub: false says nothing', async () => {
  const { guest, friend } = await world();
  const seat = await join(guest, FACTORY);
  const answered = new Set<SipRequest>();
  await guest.send(guest.make('REFER', seat.uri, [['Refer-To', `<${FRIEND}>`]]));
  await friend.reply(friend.last('INVITE'), 486);
  const notes = await acceptNotifies(guest, answered);
  assert.is(notes.at(-1)?.body.toString().trim(), 'SIP/2.0 486 Busy Here');
  await guest.send(
    guest.make('REFER', seat.uri, [
      ['Refer-To', `<${FRIEND}>`],
      ['Refer-Sub', 'false'],
    ]),
  );
  assert.is(guest.responses('REFER').at(-1)?.header('Refer-Sub'), 'false');
  await friend.reply(friend.last('INVITE'), 486);
  assert.equal(await acceptNotifies(guest, answered), []);
});

test('a party that does not know Replaces is called again without it; its maker hears of one outcome only', async () => {
  const { scene, guest, friend } = await world();
  const seat = await join(guest, FACTORY);
  await guest.send(guest.make('REFER', seat.uri, [['Refer-To', `<${FRIEND}?${REPLACES}>`]]));
  await friend.reply(friend.last('INVITE'), 420, [['Unsupported', 'replaces']]);
  await scene.pass(0.5);
  const again = await take(friend);
  assert.is(again.header('Replaces'), undefined);
  assert.is(again.header('Require'), undefined);
  const notes = await acceptNotifies(guest, new Set());
  // Repeated ones are one.
  const said = new Map(notes.map((each) => [each.cseq.number, each.body.toString().trim()]));
  assert.equal([...said.values()], ['SIP/2.0 100 Trying', 'SIP/2.0 180 Ringing', 'SIP/2.0 200 OK']);
});

test('a participant is removed by REFER with method=BYE, everybody by the conference URI itself', async () => {
  const { scene, guest, friend } = await world();
  const seat = await join(guest, FACTORY);
  await guest.send(guest.make('REFER', seat.uri, [['Refer-To', `<${FRIEND}>`]]));
  await take(friend);
  await guest.send(guest.make('REFER', seat.uri, [['Refer-To', `<${FRIEND};method=BYE>`]]));
  await scene.pass(0.2);
  assert.is(friend.requests('BYE').length, 1);
  await friend.reply(friend.last('BYE'), 200);
  assert.equal(
    scene.operator.focus?.conferences[0]?.participants.map(({ uri }) => uri),
    ['sip:guest@op.example'],
  );
  await guest.send(guest.make('REFER', seat.uri, [['Refer-To', `<${seat.uri};method=BYE>`]]));
  await scene.pass(0.2);
  assert.is(guest.requests('BYE').length, 1);
  assert.equal(scene.operator.focus?.conferences, []);
});

test('the conference URI can be called, and ends with its maker or not, as the policy says', async () => {
  for (const ends of [true, false]) {
    const { scene, guest, friend } = await world({ ends_with_creator: ends });
    const seat = await join(guest, FACTORY);
    await join(friend, seat.uri);
    const { focus } = scene.operator;
    assert.is(focus?.conferences[0]?.participants.length, 2);
    await guest.send(within(seat, 'BYE', 2));
    await scene.pass(0.2);
    assert.is(guest.statuses('BYE').at(-1), 200);
    assert.is(friend.requests('BYE').length > 0, ends);
    assert.is(focus?.conferences.length, ends ? 0 : 1);
    if (!ends) continue;
    await friend.send(friend.make('INVITE', seat.uri));
    assert.is(friend.statuses('INVITE').at(-1), 404);
  }
});

test('strangers may neither add nor look; a full conference takes nobody', async () => {
  const { guest, friend, phone } = await world({ maximum: 2 });
  const seat = await join(guest, FACTORY);
  await friend.send(friend.make('REFER', seat.uri, [['Refer-To', `<${NUMBER}>`]]));
  assert.is(friend.statuses('REFER').at(-1), 403);
  await friend.send(friend.make('SUBSCRIBE', seat.uri, [['Event', 'conference']]));
  assert.is(friend.statuses('SUBSCRIBE').at(-1), 403);
  await join(friend, seat.uri);
  await phone.send(
    phone.make('INVITE', seat.uri, [['Content-Type', 'application/sdp']], { body: sdp('192.0.2.11') }),
  );
  assert.is(phone.statuses('INVITE').at(-1), 486);
});

test('what a Refer-To may not say', async () => {
  const { guest } = await world();
  const seat = await join(guest, FACTORY);
  for (const [target, status] of [
    [`<${FRIEND};method=MESSAGE>`, 403],
    ['<mailto:a@b.example>', 416],
    [`<${FRIEND}?Replaces=a%0D%0AX%3A%20y>`, 400],
  ] as const) {
    await guest.send(guest.make('REFER', seat.uri, [['Refer-To', target]]));
    assert.is(guest.statuses('REFER').at(-1), status, target);
  }
  const twice = guest.make('REFER', seat.uri, [['Refer-To', `<${FRIEND}>`]]);
  twice.headers.add('Refer-To', `<${NUMBER}>`);
  await guest.send(twice);
  assert.is(guest.statuses('REFER').at(-1), 400);
});

test.proof('[MD-2.3.3b] made under a lent identity, the conference sees that one; it may not be anybody’s', {
  run: () => lent(BOSS),
  control: () => lent('tel:+33330000'),
});

async function lent(identity: string): Promise<void> {
  const { scene, phone } = await world();
  const invite = phone.make(
    'INVITE',
    FACTORY,
    [
      ['Content-Type', 'application/sdp'],
      ['Additional-Identity', `<${identity}>`],
    ],
    { body: sdp('192.0.2.11') },
  );
  await phone.send(invite);
  assert.equal(
    scene.operator.focus?.conferences.flatMap(({ participants }) => participants.map(({ uri }) => uri)),
    [BOSS],
  );
}

test('subscribers hear that the conference is over; nothing is left', async () => {
  const { scene, guest, friend, phone, tablet } = await world();
  const seat = await join(guest, FACTORY);
  const answered = new Set<SipRequest>();
  await guest.send(guest.make('SUBSCRIBE', seat.uri, [['Event', 'conference']]));
  await acceptNotifies(guest, answered);
  await guest.send(within(seat, 'BYE', 2));
  const notes = await acceptNotifies(guest, answered);
  assert.match(notes.at(-1)?.header('Subscription-State') ?? '', /^terminated;reason=noresource/);
  for (const each of [phone, tablet, guest, friend]) await each.register([['Expires', '0']]);
  const stopped = scene.operator.stop();
  await scene.pass(60);
  await stopped;
  assert.is(scene.clock.pending, 0);
  assert.is(scene.media.open, 0);
});

test.run();
