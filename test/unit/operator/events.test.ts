import * as assert from 'uvu/assert';
import { DialogLedger } from '#src/operator/events/dialog-ledger.ts';
import { MOST_SUBSCRIPTIONS } from '#src/operator/events/packages.ts';
import { type DialogInfo, parseDialogInfo } from '#src/services/dialog-info/dialog-info.ts';
import { type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { ackOf, NUMBER, Scene, type Station } from './stations.ts';

const test = suite('operator/events');

const ask = (station: Station, event: string, expires = 3600): SipRequest =>
  station.make('SUBSCRIBE', NUMBER, [
    ['Event', event],
    ['Expires', String(expires)],
  ]);

/** Answers every NOTIFY that came and was not answered yet; those of a package, in order. */
async function notifies(station: Station, event: string): Promise<SipRequest[]> {
  // The next one leaves only after the answer to the one before.
  for (let answered = 0; answered < station.requests('NOTIFY').length; answered += 1) {
    const next = station.requests('NOTIFY')[answered];
    if (next) await station.reply(next, 200);
  }
  return station.requests('NOTIFY').filter((each) => each.event?.type === event);
}

const read = (notify: SipRequest | undefined): DialogInfo => {
  const parsed = parseDialogInfo(notify?.body ?? Buffer.alloc(0));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

test('the dialogs of a number are told to its devices, as the proxy sees them', async () => {
  const scene = await Scene.start();
  const { phone, tablet, guest } = await scene.three();
  await tablet.send(ask(tablet, 'dialog'));
  assert.equal(tablet.statuses('SUBSCRIBE'), [200]);
  const [first] = await notifies(tablet, 'dialog');
  assert.equal([read(first).version, read(first).dialogs], [0, []]);

  const invite = guest.make('INVITE', NUMBER);
  await guest.send(invite);
  await phone.reply(phone.last('INVITE'), 180);
  await tablet.reply(tablet.last('INVITE'), 180);
  await scene.pass(2);
  const rung = read((await notifies(tablet, 'dialog')).at(-1));
  assert.equal(
    rung.dialogs.map(({ state, direction }) => [state, direction]),
    [
      ['early', 'recipient'],
      ['early', 'recipient'],
    ],
  );

  await phone.reply(phone.last('INVITE'), 200);
  await tablet.reply(tablet.last('CANCEL'), 200);
  await tablet.reply(tablet.last('INVITE'), 487);
  await scene.pass(2);
  const [dialog, second] = read((await notifies(tablet, 'dialog')).at(-1)).dialogs;
  assert.is(second, undefined);
  assert.equal(
    [dialog?.state, dialog?.callId, dialog?.localTag, dialog?.remoteTag],
    ['confirmed', invite.callId, '192.0.2.11-u', invite.from.tag],
  );
  assert.is(dialog?.remote.identity?.uri, 'sip:guest@op.example');
  assert.is(dialog?.local.target?.params['+sip.instance'], '"<urn:uuid:aa>"');

  const answer = guest.responses('INVITE').at(-1);
  if (!answer) throw new Error('no answer');
  await guest.send(ackOf(invite, answer, guest));
  await guest.send(
    guest.make(
      'BYE',
      'sip:me@192.0.2.11:5060',
      [
        ['From', invite.from.toString()],
        ['To', answer.to.toString()],
        ...answer.recordRoutes.toReversed().map((route) => ['Route', route.toString()] as const),
      ],
      { callId: invite.callId, cseq: 2 },
    ),
  );
  await phone.reply(phone.last('BYE'), 200);
  await scene.pass(2);
  const last = read((await notifies(tablet, 'dialog')).at(-1));
  assert.equal(last.dialogs, []);
  assert.ok(last.version >= 3);
});

test('the mailbox is told with its counts, and again when they change', async () => {
  const scene = await Scene.start();
  const { tablet, guest } = await scene.three();
  await tablet.send(ask(tablet, 'message-summary'));
  await guest.send(guest.make('SUBSCRIBE', 'sip:guest@op.example', [['Event', 'message-summary']]));
  const body = async (station: Station): Promise<string> =>
    (await notifies(station, 'message-summary')).at(-1)?.body.toString() ?? '';
  assert.is(await body(tablet), `Messages-Waiting: no\r\nMessage-Account: ${NUMBER}\r\n`);
  const { operator } = scene;
  const [account] = operator.accounts.all;
  const [identity] = account?.identities ?? [];
  if (!identity) throw new Error('no identity');
  operator.events.setMailbox(identity, {
    waiting: true,
    messages: [{ kind: 'voice', new: 2, old: 8, urgent_new: 0, urgent_old: 2 }],
  });
  await scene.pass(1);
  assert.is(
    await body(tablet),
    `Messages-Waiting: yes\r\nMessage-Account: ${NUMBER}\r\nVoice-Message: 2/8 (0/2)\r\n`,
  );
  assert.match(await body(guest), /^Messages-Waiting: no\r\n/);
});

test('dialogs that nobody ever ends do not pile up: the oldest are forgotten', async () => {
  const scene = await Scene.start();
  const { guest } = await scene.three();
  const { location } = scene.operator;
  const [binding] = location.all;
  if (!binding) throw new Error('nobody is registered');
  const ledger = new DialogLedger(location);
  const calls: string[] = [];
  for (let at = 0; at < 520; at += 1) {
    const invite = guest.make('INVITE', NUMBER);
    calls.push(invite.callId);
    const answer = SipResponse.reply(invite, 200, { toTag: `t${at}` });
    ledger.answered(invite, binding.account, answer, binding.flow);
  }
  const told = new Set(ledger.of(binding.account).map(({ callId }) => callId));
  assert.equal([...told], calls.slice(20));
});

test('a subscription is refreshed, ended, and forgotten by who does not answer', async () => {
  const scene = await Scene.start();
  const { tablet } = await scene.three();
  const first = ask(tablet, 'dialog', 600);
  await tablet.send(first);
  const answer = tablet.responses('SUBSCRIBE').at(-1);
  await notifies(tablet, 'dialog');
  const again = (cseq: number, expires: number): SipRequest =>
    tablet.make(
      'SUBSCRIBE',
      answer?.contacts[0]?.uri.toString() ?? NUMBER,
      [
        ['From', first.from.toString()],
        ['To', answer?.to.toString() ?? ''],
        ['Event', 'dialog'],
        ['Expires', String(expires)],
      ],
      { callId: first.callId, cseq },
    );
  await tablet.send(again(2, 600));
  assert.is((await notifies(tablet, 'dialog')).length, 2);
  assert.is(scene.operator.events.subscriptions, 1);
  await tablet.send(again(3, 0));
  const last = (await notifies(tablet, 'dialog')).at(-1);
  assert.match(last?.header('Subscription-State') ?? '', /^terminated/);
  assert.is(scene.operator.events.subscriptions, 0);
  await tablet.send(ask(tablet, 'dialog'));
  await scene.pass(60);
  assert.is(scene.operator.events.subscriptions, 0, 'its NOTIFY met silence');
});

test('an account has so many subscriptions to a package; a fetch and others are not kept away', async () => {
  const scene = await Scene.start();
  const { tablet, guest } = await scene.three();
  const guestAsks = (expires: number): SipRequest =>
    guest.make('SUBSCRIBE', 'sip:guest@op.example', [
      ['Event', 'dialog'],
      ['Expires', String(expires)],
    ]);
  for (let at = 0; at < MOST_SUBSCRIPTIONS; at += 1) await guest.send(guestAsks(600));
  await notifies(guest, 'dialog');
  assert.is(scene.operator.events.subscriptions, MOST_SUBSCRIPTIONS);
  await guest.send(guestAsks(600));
  const refusal = guest.responses('SUBSCRIBE').at(-1);
  assert.equal([refusal?.status, refusal?.header('Retry-After')], [480, '60']);
  assert.is(scene.operator.events.subscriptions, MOST_SUBSCRIPTIONS);
  await guest.send(guestAsks(0));
  await guest.send(guest.make('SUBSCRIBE', 'sip:guest@op.example', [['Event', 'message-summary']]));
  assert.equal(guest.statuses('SUBSCRIBE').slice(-2), [200, 200]);
  await tablet.send(ask(tablet, 'dialog'));
  assert.equal(tablet.statuses('SUBSCRIBE'), [200]);
  await notifies(guest, 'dialog');
  await scene.pass(601);
  await guest.send(guestAsks(600));
  assert.is(guest.statuses('SUBSCRIBE').at(-1), 200, 'the others have run out');
});

test('two subscriptions with one Call-ID: the end of one does not silence the other', async () => {
  const scene = await Scene.start();
  const { tablet, guest } = await scene.three();
  const callId = 'one-for-both';
  const first = tablet.make('SUBSCRIBE', NUMBER, [['Event', 'dialog']], { callId });
  await tablet.send(first);
  const { to, contacts } = tablet.responses('SUBSCRIBE').at(-1) ?? SipResponse.reply(first, 500);
  await tablet.send(
    tablet.make(
      'SUBSCRIBE',
      NUMBER,
      [
        ['From', `<${NUMBER}>;tag=second`],
        ['Event', 'dialog'],
      ],
      { callId },
    ),
  );
  await notifies(tablet, 'dialog');
  await tablet.send(
    tablet.make(
      'SUBSCRIBE',
      contacts[0]?.uri.toString() ?? NUMBER,
      [
        ['From', first.from.toString()],
        ['To', to.toString()],
        ['Event', 'dialog'],
        ['Expires', '0'],
      ],
      { callId, cseq: 2 },
    ),
  );
  const before = (await notifies(tablet, 'dialog')).length;
  assert.is(scene.operator.events.subscriptions, 1);
  await guest.send(guest.make('INVITE', NUMBER));
  await tablet.reply(tablet.last('INVITE'), 180);
  await scene.pass(2);
  const told = (await notifies(tablet, 'dialog')).slice(before);
  assert.ok(told.some((notify) => notify.to.tag === 'second' && read(notify).dialogs.length === 1));
});

test.proof('by policy it is refused, or left to the devices', {
  run: async () => {
    const refused = await Scene.start({ policy: { dialog_events: 'refuse', message_waiting: false } });
    const { tablet } = await refused.three();
    for (const event of ['dialog', 'message-summary', 'presence']) await tablet.send(ask(tablet, event));
    assert.equal(tablet.statuses('SUBSCRIBE'), [489, 489, 489]);
    const routed = await Scene.start({ policy: { dialog_events: 'route' } });
    const three = await routed.three();
    await three.tablet.send(ask(three.tablet, 'dialog'));
    assert.is(three.phone.last('SUBSCRIBE').header('P-Asserted-Identity'), `<${NUMBER}>`);
    assert.equal(three.tablet.requests('SUBSCRIBE'), []);
  },
  control: async () => {
    const scene = await Scene.start();
    const { tablet } = await scene.three();
    for (const event of ['dialog', 'message-summary', 'presence']) await tablet.send(ask(tablet, event));
    assert.equal(tablet.statuses('SUBSCRIBE'), [489, 489, 489]);
  },
});

test.run();
