import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { ackOf, NUMBER, Scene } from './stations.ts';

const test = suite('operator/phone');

const OFFER = [
  'v=0',
  'o=- 1 1 IN IP4 192.0.2.13',
  's=-',
  'c=IN IP4 192.0.2.13',
  't=0 0',
  'm=audio 30000 RTP/AVP 0',
  'a=rtpmap:0 PCMU/8000',
  '',
].join('\r\n');

async function withPhone(behaviour: string, more: Readonly<Record<string, unknown>> = {}) {
  const scene = await Scene.start({ phones: [{ id: 'phone', uri: NUMBER, behaviour, ...more }] });
  const { phone: other, tablet, guest } = await scene.three();
  const phone = scene.operator.phone('phone');
  if (!phone) throw new Error('no phone');
  const invite = guest.make('INVITE', NUMBER, [['Content-Type', 'application/sdp']], { body: OFFER });
  return { scene, other, tablet, guest, phone, invite };
}

test('a phone registers as one of the federation, the primary one', async () => {
  const { scene, phone } = await withPhone('ring');
  assert.ok(phone.snapshot.registered);
  const own = scene.operator.location.all.find(({ account }) => account.impi.startsWith('phone-'));
  assert.is(own?.account.role, 'primary');
  assert.is(own?.account.identities[0]?.toString(), NUMBER);
});

test('it rings, and answers when it is told: the others get cause 200', async () => {
  const { scene, phone, tablet, guest, invite } = await withPhone('ring');
  await guest.send(invite);
  await tablet.reply(tablet.last('INVITE'), 180);
  assert.equal(phone.snapshot.ringing, ['sip:guest@op.example']);
  phone.answer();
  await scene.pass(0.1);
  assert.is(tablet.last('CANCEL').header('Reason'), 'SIP;cause=200;text="Call completed elsewhere"');
  assert.is(guest.statuses('INVITE').at(-1), 200);
  assert.is(phone.snapshot.calls[0]?.state, 'active');
});

test('it tells what became of a call that another device took, and of one that it declined', async () => {
  const { scene, phone, tablet, guest, invite } = await withPhone('ring');
  const ended: unknown[] = [];
  phone.onEnded.on((end) => ended.push(end));
  await guest.send(invite);
  await tablet.reply(tablet.last('INVITE'), 200);
  await scene.pass(0.1);
  assert.equal(ended, [{ direction: 'in', remote: 'sip:guest@op.example', label: 'completed elsewhere' }]);
  const second = guest.make('INVITE', NUMBER, [['Content-Type', 'application/sdp']], { body: OFFER });
  await guest.send(second);
  phone.decline();
  assert.equal(ended[1], { direction: 'in', remote: 'sip:guest@op.example', label: 'rejected' });
});

test('it declines when it is told, by 486 or another status', async () => {
  for (const status of [486, 603]) {
    const { scene, phone, tablet, guest, invite } = await withPhone('ring');
    await guest.send(invite);
    await tablet.reply(tablet.last('INVITE'), 180);
    phone.decline(status);
    await scene.pass(0.1);
    assert.is(tablet.requests('CANCEL').length, status === 603 ? 1 : 0);
    assert.equal(phone.snapshot.ringing, []);
  }
});

test('it answers, declines or ignores by itself', async () => {
  const answering = await withPhone('answer');
  await answering.guest.send(answering.invite);
  await answering.scene.pass(0.2);
  assert.is(answering.guest.statuses('INVITE').at(-1), 200);

  const declining = await withPhone('decline');
  await declining.guest.send(declining.invite);
  for (const each of [declining.tablet, declining.other]) await each.reply(each.last('INVITE'), 486);
  assert.is(declining.guest.statuses('INVITE').at(-1), 486);

  const ignoring = await withPhone('ignore');
  await ignoring.guest.send(ignoring.invite);
  await ignoring.scene.pass(5);
  assert.equal(ignoring.guest.statuses('INVITE'), [100]);
});

test('the caller gives up: the phone stops ringing', async () => {
  const { scene, other, phone, tablet, guest, invite } = await withPhone('ring');
  await guest.send(invite);
  for (const each of [tablet, other]) await each.reply(each.last('INVITE'), 486);
  await guest.send(
    guest.make('CANCEL', NUMBER, [['Via', invite.topVia.toString()]], { callId: invite.callId }),
  );
  await scene.pass(0.1);
  assert.equal(phone.snapshot.ringing, []);
  assert.is(guest.statuses('INVITE').at(-1), 486);
});

test('it calls when it is told, as its number', async () => {
  const { scene, phone, guest } = await withPhone('ring');
  phone.call('sip:guest@op.example');
  await scene.pass(0.2);
  assert.is(guest.last('INVITE').header('P-Asserted-Identity'), `<${NUMBER}>`);
  assert.is(phone.snapshot.calls[0]?.direction, 'out');
});

test('it rejects for all by itself (603), and answers by itself after a while', async () => {
  const rejecting = await withPhone('reject');
  await rejecting.guest.send(rejecting.invite);
  await rejecting.tablet.reply(rejecting.tablet.last('INVITE'), 180);
  for (const each of [rejecting.tablet, rejecting.other]) await each.reply(each.last('INVITE'), 487);
  assert.is(rejecting.guest.statuses('INVITE').at(-1), 603);

  const later = await withPhone('ring', { answer_after: 3 });
  await later.guest.send(later.invite);
  await later.scene.pass(2);
  assert.is(later.guest.statuses('INVITE').at(-1), 180);
  await later.scene.pass(2);
  assert.is(later.guest.statuses('INVITE').at(-1), 200);
  // Told to answer earlier, it does not answer again.
  assert.is(later.phone.snapshot.calls.length, 1);
});

test('an announcement: 183 with sound and P-Early-Media, then the refusal with its Reason', async () => {
  const { scene, guest, phone, tablet, other, invite } = await withPhone('announce', {
    announce_seconds: 4,
    announce_status: 404,
    announce_reason: 'Q.850;cause=1',
  });
  const before = scene.media.open;
  await guest.send(invite);
  await scene.pass(0.5);
  const progress = guest.responses('INVITE').find(({ status }) => status === 183);
  assert.is(progress?.header('P-Early-Media'), 'sendonly');
  assert.match(progress?.body.toString() ?? '', /m=audio \d+ RTP\/AVP 0/);
  assert.is(progress?.header('Require'), undefined);
  assert.is(scene.media.open, before + 1);
  const last = scene.media.streams.at(-1);
  assert.is(last?.last?.send, true);
  for (const each of [tablet, other]) await each.reply(each.last('INVITE'), 487);
  await scene.pass(4);
  const final = guest.responses('INVITE').at(-1);
  assert.is(final?.status, 404);
  assert.is(final?.reasons[0]?.cause, 1);
  assert.is(scene.media.open, before);
  assert.equal(phone.snapshot.calls, []);
});

test('an announcement for who takes 100rel is reliable; its PRACK is answered, a wrong one is not', async () => {
  const { scene, guest } = await withPhone('announce');
  const invite = guest.make(
    'INVITE',
    NUMBER,
    [
      ['Content-Type', 'application/sdp'],
      ['Supported', '100rel'],
    ],
    { body: OFFER },
  );
  await guest.send(invite);
  await scene.pass(0.3);
  const progress = guest.responses('INVITE').find(({ status }) => status === 183);
  assert.is(progress?.header('Require'), '100rel');
  if (!progress) return;
  const prack = (rack: string, cseq: number) =>
    guest.make(
      'PRACK',
      progress.contacts[0]?.uri.toString() ?? '',
      [
        ['From', invite.from.toString()],
        ['To', progress.to.toString()],
        ['RAck', rack],
        ...progress.recordRoutes.toReversed().map((route) => ['Route', route.toString()] as const),
      ],
      { callId: invite.callId, cseq },
    );
  await guest.send(prack('1 1 INVITE', 2));
  await scene.pass(0.2);
  assert.is(guest.statuses('PRACK').at(-1), 481);
  await guest.send(prack(`${progress.header('RSeq')} 1 INVITE`, 3));
  await scene.pass(0.2);
  assert.is(guest.statuses('PRACK').at(-1), 200);
});

test('the caller gives up during an announcement: 487, ports are given back', async () => {
  const { scene, guest, tablet, other, invite } = await withPhone('announce');
  const before = scene.media.open;
  await guest.send(invite);
  await scene.pass(0.5);
  for (const each of [tablet, other]) await each.reply(each.last('INVITE'), 480);
  await guest.send(
    guest.make('CANCEL', NUMBER, [['Via', invite.topVia.toString()]], { callId: invite.callId }),
  );
  await scene.pass(0.5);
  assert.is(scene.media.open, before);
  assert.ok([480, 487].includes(guest.statuses('INVITE').at(-1) ?? 0));
});

test('two announcements of one number are two early dialogs, each with a description of its own', async () => {
  const scene = await Scene.start({
    phones: ['one', 'two'].map((id) => ({ id, uri: NUMBER, behaviour: 'announce' })),
  });
  const { guest } = await scene.three();
  await guest.send(guest.make('INVITE', NUMBER, [['Content-Type', 'application/sdp']], { body: OFFER }));
  await scene.pass(0.5);
  const early = guest.responses('INVITE').filter(({ status }) => status === 183);
  assert.is(new Set(early.map(({ to }) => to.tag)).size, 2);
  assert.is(new Set(early.map(({ body }) => /m=audio (\d+)/.exec(body.toString())?.[1])).size, 2);
});

/** The guest talks with the phone; what rang beside it has been told. */
async function talking() {
  const rig = await withPhone('answer');
  const { scene, guest, invite } = rig;
  await guest.send(invite);
  await scene.pass(0.3);
  const answer = guest.responses('INVITE').findLast(({ status }) => status === 200);
  if (!answer) throw new Error('not answered');
  await guest.send(ackOf(invite, answer, guest));
  for (const each of [rig.tablet, rig.other]) await each.reply(each.last('INVITE'), 487);
  return { ...rig, answer };
}

test('it holds what it talks to, and takes it back', async () => {
  const { scene, guest, phone } = await talking();
  for (const [action, direction] of [
    ['hold', 'sendonly'],
    ['resume', 'sendrecv'],
  ] as const) {
    const done = phone.hold(action);
    await scene.pass(0.3);
    const change = guest.last('INVITE');
    assert.match(change.body.toString(), action === 'hold' ? /a=sendonly/ : /m=audio/);
    if (direction === 'sendrecv') assert.not.match(change.body.toString(), /a=sendonly/);
    const reply = action === 'hold' ? OFFER.replace('a=rtpmap', 'a=recvonly\r\na=rtpmap') : OFFER;
    await guest.reply(change, 200, [['Content-Type', 'application/sdp']], undefined, reply);
    await scene.pass(0.3);
    await done;
    assert.is(phone.snapshot.calls[0]?.hold, action === 'hold' ? 'local' : 'none');
  }
});

test('it calls whom it is told to by a REFER, and lets a call take the place of the one it has', async () => {
  const { scene, guest, phone, invite, answer } = await talking();
  const contact = answer.contacts[0]?.uri.toString() ?? '';
  const routes = answer.recordRoutes.toReversed().map((route) => ['Route', route.toString()] as const);
  const refer = guest.make(
    'REFER',
    contact,
    [
      ['From', invite.from.toString()],
      ['To', answer.to.toString()],
      ...routes,
      ['Refer-To', '<sip:guest@op.example>'],
    ],
    { callId: invite.callId, cseq: 2 },
  );
  await guest.send(refer);
  await scene.pass(0.3);
  assert.is(guest.statuses('REFER').at(-1), 202);
  assert.is(guest.last('INVITE').to.uri.toString(), 'sip:guest@op.example');

  // A phone that is to decline what comes next does not decline this.
  phone.decline();
  const replacing = guest.make(
    'INVITE',
    NUMBER,
    [
      ['Content-Type', 'application/sdp'],
      ['Replaces', `${invite.callId};to-tag=${answer.to.tag};from-tag=${invite.from.tag}`],
    ],
    { body: OFFER },
  );
  await guest.send(replacing);
  await scene.pass(0.3);
  const statuses = guest.responses('INVITE').filter(({ callId }) => callId === replacing.callId);
  assert.is(statuses.at(-1)?.status, 200);
});

test('the operator stops: its phones say goodbye, nothing is left', async () => {
  const { scene, guest } = await withPhone('ring');
  await guest.register([['Expires', '0']]);
  const stopped = scene.operator.stop();
  await scene.pass(40);
  await stopped;
  assert.is(scene.operator.location.all.length, 0);
  assert.is(scene.clock.pending, 0);
});

test.run();
