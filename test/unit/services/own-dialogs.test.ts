import * as assert from 'uvu/assert';
import { type DialogInfo, parseDialogInfo } from '#src/services/dialog-info/dialog-info.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { IMPU, INSTANCE } from '../ims/network.ts';
import { Household } from './household.ts';

const test = suite('services/own-dialogs');

const ASK = [['Event', 'dialog'] as const, ['Expires', '600'] as const];

const read = (notify: SipRequest | undefined): DialogInfo => {
  const parsed = parseDialogInfo(notify?.body ?? Buffer.alloc(0));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

test('another device of the number is told of every dialog here, from the first word to the last', async () => {
  const scene = await Household.start();
  const asked = await scene.ask('SUBSCRIBE', ASK);
  assert.equal(asked.statuses, [200]);
  const first = read(asked.notifies[0]);
  assert.equal([first.version, first.state, first.entity, first.dialogs.length], [0, 'full', IMPU, 0]);
  const text = asked.notifies[0]?.toBuffer().toString() ?? '';
  assert.match(text, /\r\nEvent: dialog\r\n/);
  assert.match(text, /\r\nSubscription-State: active;expires=600\r\n/);
  assert.match(text, /\r\nContent-Type: application\/dialog-info\+xml\r\n/);

  const call = scene.calls.dial({ to: 'sip:bob@op.example' });
  await scene.net.pass(2);
  const [invite] = scene.invites;
  if (!invite) throw new Error('no INVITE');
  invite.respond(180, { headers: [['Contact', '<sip:far@192.0.2.1>']] });
  await scene.net.pass(2);
  const far = await scene.accept(invite);
  await scene.net.pass(2);
  await scene.bye(far);
  await scene.net.pass(2);
  const documents = asked.notifies.map(read);
  assert.equal(
    documents.map(({ version }) => version),
    documents.map((_, index) => index),
  );
  assert.equal(
    documents.map(({ dialogs }) => dialogs[0]?.state),
    [undefined, 'trying', 'early', 'confirmed', 'terminated'],
  );
  const [confirmed] = documents[3]?.dialogs ?? [];
  assert.equal(
    [confirmed?.id, confirmed?.callId, confirmed?.localTag, confirmed?.remoteTag, confirmed?.direction],
    [call.id, far.callId, far.remoteTag, far.localTag, 'initiator'],
  );
  assert.is(confirmed?.local.identity?.uri, IMPU);
  assert.is(confirmed?.local.target?.params['+sip.instance'], `"<${INSTANCE}>"`);
  assert.is(confirmed?.remote.identity?.uri, 'sip:bob@op.example');
  assert.match(confirmed?.remote.target?.uri ?? '', /^sip:far@/);
  assert.is(documents[4]?.dialogs[0]?.event, 'remote-bye');
});

test('one that comes in says who calls, and how it ended', async () => {
  const scene = await Household.start();
  const asked = await scene.ask('SUBSCRIBE', ASK);
  await scene.ring('in@h');
  await scene.net.pass(2);
  const [ringing] = read(asked.notifies.at(-1)).dialogs;
  assert.equal(
    [ringing?.state, ringing?.direction, ringing?.remoteTag, ringing?.remote.identity],
    ['early', 'recipient', 'bob', { uri: 'sip:bob@op.example', name: 'Bob' }],
  );
  scene.calls.live[0]?.reject();
  await scene.net.pass(2);
  const [ended] = read(asked.notifies.at(-1)).dialogs;
  assert.equal([ended?.state, ended?.event, ended?.code], ['terminated', 'rejected', 486]);
});

test('not more often than once a second, and the last word is the truth', async () => {
  const scene = await Household.start();
  const asked = await scene.ask('SUBSCRIBE', ASK);
  const { far } = await scene.talk();
  await scene.bye(far);
  // Trying at once; confirmed and over within the second that follows.
  await scene.net.pass(3);
  assert.ok(asked.notifies.length <= 4, `${asked.notifies.length} NOTIFYs`);
  assert.is(read(asked.notifies.at(-1)).dialogs.filter(({ state }) => state !== 'terminated').length, 0);
});

test.proof('nobody else is told: the network must assert that it is one of ourselves', {
  run: async () => {
    const scene = await Household.start();
    for (const asserted of ['sip:mallory@op.example', 'sip:anonymous@anonymous.invalid']) {
      const asked = await scene.ask('SUBSCRIBE', ASK, asserted);
      assert.equal([asked.statuses, asked.notifies.length], [[403], 0], asserted);
    }
    const unsaid = await scene.ask('SUBSCRIBE', [...ASK, ['P-Preferred-Identity', `<${IMPU}>`]], '');
    assert.is(unsaid.statuses.includes(200), false);
  },
  control: async () => {
    const scene = await Household.start();
    assert.equal((await scene.ask('SUBSCRIBE', ASK)).statuses, [403]);
  },
});

test('our own question that comes back is a loop', async () => {
  const scene = await Household.start();
  const [own] = scene.subscribes;
  if (!own) throw new Error('no SUBSCRIBE');
  const statuses: number[] = [];
  const copy = own.request.clone();
  copy.headers.remove('Via');
  copy.headers.remove('Route');
  copy.headers.add('P-Asserted-Identity', `<${IMPU}>`);
  const [register] = scene.net.of('REGISTER');
  copy.requestUri = register?.request.contacts[0]?.uri ?? copy.requestUri;
  scene.server.send(
    copy,
    { onFinal: ({ status }) => void statuses.push(status), onFailure: () => void statuses.push(0) },
    { flow: own.flow },
  );
  await scene.net.pass(1);
  assert.equal(statuses, [482]);
});

test('a fetch is answered once; what is asked too briefly is refused; the end is told', async () => {
  const scene = await Household.start();
  const fetched = await scene.ask('SUBSCRIBE', [
    ['Event', 'dialog'],
    ['Expires', '0'],
  ]);
  assert.is(fetched.statuses[0], 200);
  assert.match(fetched.notifies.at(-1)?.header('Subscription-State') ?? '', /^terminated/);
  const brief = await scene.ask('SUBSCRIBE', [
    ['Event', 'dialog'],
    ['Expires', '5'],
  ]);
  assert.is(brief.statuses[0], 423);
  const asked = await scene.ask('SUBSCRIBE', ASK);
  scene.federation.stop();
  await scene.net.pass(1);
  assert.match(asked.notifies.at(-1)?.header('Subscription-State') ?? '', /^terminated;reason=deactivated/);
});

test('a call pulled here tells whose place it takes with its first word', async () => {
  const scene = await Household.start();
  const asked = await scene.ask('SUBSCRIBE', ASK);
  await scene.dialogs(
    'full',
    `<dialog id="d" call-id="x@h" local-tag="pt" remote-tag="ft"><state>confirmed</state>
     <remote><identity>sip:bob@op.example</identity></remote></dialog>`,
  );
  scene.federation.pull(scene.federation.list[0]?.id ?? '');
  await scene.net.pass(0.1);
  const [entry] = read(asked.notifies.at(-1)).dialogs;
  assert.is(entry?.state, 'trying');
  assert.equal(entry?.replaces, { callId: 'x@h', localTag: 'pt', remoteTag: 'ft' });
});

test.run();
