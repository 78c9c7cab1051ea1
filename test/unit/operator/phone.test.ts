import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { NUMBER, Scene } from './stations.ts';

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

async function withPhone(behaviour: string) {
  const scene = await Scene.start({ phones: [{ id: 'phone', uri: NUMBER, behaviour }] });
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
