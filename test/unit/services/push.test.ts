import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { Call } from '#src/call/call.ts';
import { SipRequest } from '#src/sip/message/message.ts';
import { fragmentStatus } from '#src/sip/message/sipfrag.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { suite } from '#test/support/suite.ts';
import { IMPU, INSTANCE, PCSCF } from '../ims/network.ts';
import { type Asked, Household, PHONE } from './household.ts';

const test = suite('services/push');

const PHONE_CONTACT = `<sip:phone@${PCSCF}:5061;transport=tls>`;

const errorOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return error instanceof TandemError ? error.id : String(error);
  }
  return 'none';
};

/** The device talks, and the phone is asked to take the call. */
async function pushed(): Promise<{
  scene: Household;
  call: Call;
  refer: Incoming;
  bye: () => Promise<void>;
}> {
  const scene = await Household.start();
  const refers: Incoming[] = [];
  scene.net.answer('REFER', (incoming) => void refers.push(incoming));
  const { id, far } = await scene.talk();
  scene.federation.push(id, PHONE.toUpperCase());
  await scene.net.pass(0.5);
  const call = scene.calls.get(id);
  const [refer] = refers;
  if (!(call instanceof Call) || !refer) throw new Error('no REFER');
  return { scene, call, refer, bye: () => scene.bye(far) };
}

/** The phone says how its INVITE fares. */
async function report(scene: Household, refer: Incoming, status: number, state: string): Promise<void> {
  scene.server.send(
    notifyTo(refer, `SIP/2.0 ${status} Whatever\r\n`, state),
    { onFinal: () => undefined, onFailure: () => undefined },
    { flow: refer.flow },
  );
  await scene.net.pass(0.5);
}

let cseq = 0;

function notifyTo({ request, localTag }: Incoming, body: string, state: string): SipRequest {
  cseq += 1;
  return SipRequest.create({
    method: 'NOTIFY',
    uri: request.contacts[0]?.uri ?? request.requestUri,
    headers: [
      ['From', request.to.withTag(localTag).toString()],
      ['To', request.from.toString()],
      ['Call-ID', request.callId],
      ['CSeq', `${cseq} NOTIFY`],
      ['Event', 'refer'],
      ['Subscription-State', state],
      ['Contact', PHONE_CONTACT],
      ['Max-Forwards', '70'],
      ['Content-Type', 'message/sipfrag'],
    ],
    body,
  });
}

test('the other device is asked, literally: to call our far end in the place of this dialog', async () => {
  const { call, refer } = await pushed();
  const text = refer.request.toBuffer().toString();
  assert.match(text, /^REFER sip:phone@192\.0\.2\.50 SIP\/2\.0\r\n/);
  const name = call.dialogNames[0];
  const replaces = encodeURIComponent(`${name?.callId};to-tag=${name?.remoteTag};from-tag=${name?.localTag}`);
  assert.is(refer.request.header('Refer-To'), `<sip:bob@op.example?Replaces=${replaces}&Require=replaces>`);
  assert.is(refer.request.header('Referred-By'), `<${IMPU}>`);
  assert.is(call.details.push?.state, 'asked');
});

test.proof('taken there: the far end lets us go, and the log says pulled', {
  run: async () => assert.is(await ends(202), 'pulled'),
  control: async () => assert.is(await ends(603), 'pulled'),
});

async function ends(status: number): Promise<string | undefined> {
  const { scene, call, refer, bye } = await pushed();
  refer.respond(status, { headers: [['Contact', PHONE_CONTACT]] });
  await scene.net.pass(0.5);
  if (status === 202) await report(scene, refer, 200, 'terminated;reason=noresource');
  await bye();
  return scene.calls.get(call.id)?.snapshot.end?.label;
}

test('a far end that forgets to let us go is let go', async () => {
  const { scene, call, refer } = await pushed();
  refer.respond(202, { headers: [['Contact', PHONE_CONTACT]] });
  await scene.net.pass(0.5);
  await report(scene, refer, 180, 'active;expires=60');
  assert.equal(call.details.push, { instance: PHONE.toUpperCase(), state: 'ringing', status: 180 });
  await report(scene, refer, 200, 'terminated;reason=noresource');
  assert.is(call.details.push?.state, 'done');
  assert.is(call.snapshot.state, 'active');
  await scene.net.pass(7);
  const end = scene.calls.get(call.id)?.snapshot.end;
  assert.equal([end?.by, end?.label], ['local', 'pulled']);
});

test('refused, declined or unheard: the call goes on here, and the owner is told', async () => {
  for (const status of [403, 480, 603]) {
    const { scene, call, refer } = await pushed();
    refer.respond(status);
    await scene.net.pass(1);
    assert.equal([call.snapshot.state, call.details.push?.state], ['active', 'failed']);
    assert.match(call.details.told?.at(-1)?.text ?? '', /did not take the call/);
    assert.is(
      errorOf(() => scene.federation.push(call.id, PHONE)),
      'none',
      'it may be tried again',
    );
  }
  const { scene, call, refer } = await pushed();
  refer.respond(202, { headers: [['Contact', PHONE_CONTACT]] });
  await scene.net.pass(0.5);
  await report(scene, refer, 603, 'terminated;reason=noresource');
  assert.equal([call.snapshot.state, call.details.push?.state], ['active', 'failed']);
});

test('only an active call, only to a device of the number, only to another one', async () => {
  const scene = await Household.start();
  scene.net.answer('REFER', () => undefined);
  assert.is(
    errorOf(() => scene.federation.push('nobody', PHONE)),
    'call.unknown',
  );
  const { id } = await scene.talk();
  assert.is(
    errorOf(() => scene.federation.push(id, 'urn:uuid:nobody')),
    'federation.unknown-device',
  );
  assert.is(
    errorOf(() => scene.federation.push(id, INSTANCE)),
    'federation.self',
  );
  assert.is(
    errorOf(() => scene.federation.push(id, PHONE)),
    'none',
  );
  assert.is(
    errorOf(() => scene.federation.push(id, PHONE)),
    'call.state',
    'one at a time',
  );
});

test('an emergency call stays here', async () => {
  const scene = await Household.start({
    call: { emergency: { allowed: true, numbers: [], country: 'SE', place: { civic: [] } } },
  });
  const { id } = await scene.talk('112');
  assert.is(
    errorOf(() => scene.federation.push(id, PHONE)),
    'call.emergency-kept',
  );
  assert.equal(scene.sent('REFER'), []);
});

const REFER_TO = '<sip:bob@op.example?Replaces=x%40h%3Bto-tag%3Dft%3Bfrom-tag%3Dpt&Require=replaces>';
const statuses = ({ notifies }: Asked): (number | undefined)[] =>
  notifies.map(({ body }) => fragmentStatus(body)?.status);
const hand = (scene: Household, asserted?: string): Promise<Asked> =>
  scene.ask(
    'REFER',
    [
      ['Refer-To', REFER_TO],
      ['Referred-By', `<${IMPU}>`],
    ],
    asserted,
  );

test('a call that is handed over rings, and is taken by the owner', async () => {
  const scene = await Household.start();
  const asked = await hand(scene);
  assert.equal(asked.statuses, [202]);
  assert.equal(scene.rings, [true]);
  const [row] = scene.federation.list;
  assert.equal([row?.offered, row?.pullable, row?.remote.uri], [true, true, 'sip:bob@op.example']);
  assert.is(scene.invites.length, 0, 'nobody is called before the owner wants it');
  scene.federation.pull(row?.id ?? '');
  const invite = await scene.invited();
  const text = invite.request.toBuffer().toString();
  assert.match(text, /^INVITE sip:bob@op\.example SIP\/2\.0\r\n/);
  assert.match(text, /\r\nReplaces: x@h;to-tag=ft;from-tag=pt\r\n/);
  assert.match(text, /\r\nRequire: replaces\r\n/);
  assert.match(text, /\r\nReferred-By: <sip:\+46701234567@op\.example>\r\n/);
  assert.equal([scene.rings, scene.federation.list], [[true, false], []]);
  await scene.accept(invite);
  assert.is(statuses(asked).at(-1), 200);
  assert.ok(statuses(asked).includes(180));
  assert.match(asked.notifies.at(-1)?.header('Subscription-State') ?? '', /^terminated/);
});

test('at a sound device whoever is talked with is held when the owner takes it', async () => {
  const scene = await Household.start({
    call: { audio: { capture: 'alsa:default', playback: 'alsa:default' } },
  });
  const { id } = await scene.talk();
  await hand(scene);
  scene.federation.pull(scene.federation.list[0]?.id ?? '');
  await scene.net.pass(0.5);
  const hold = scene.inDialog.findLast(({ request }) => request.method === 'INVITE');
  assert.match(hold?.request.body.toString() ?? '', /\r\na=sendonly\r\n/);
  assert.ok(scene.calls.get(id));
});

test('it is one row with what dialog information tells of the same call', async () => {
  const scene = await Household.start();
  await scene.dialogs(
    'full',
    `<dialog id="d" call-id="x@h" local-tag="pt" remote-tag="ft"><state>confirmed</state>
     <remote><identity>sip:bob@op.example</identity></remote></dialog>`,
  );
  const asked = await hand(scene);
  assert.equal(
    scene.federation.list.map(({ offered }) => offered),
    [true],
  );
  scene.federation.pull(scene.federation.list[0]?.id ?? '');
  await scene.net.pass(0.5);
  assert.is(scene.invites.length, 1);
  scene.invites[0]?.respond(481);
  await scene.net.pass(1);
  assert.is(statuses(asked).at(-1), 481);
});

test('not taken: declined, in vain, refused by setting', async () => {
  const declined = await Household.start();
  const first = await hand(declined);
  declined.federation.decline(declined.federation.list[0]?.id ?? '');
  await declined.net.pass(1);
  assert.equal([statuses(first).at(-1), declined.federation.list, declined.rings], [603, [], [true, false]]);
  assert.is(
    errorOf(() => declined.federation.decline('nobody')),
    'federation.unknown',
  );

  const unheard = await Household.start();
  const second = await hand(unheard);
  await unheard.net.pass(61);
  assert.equal([statuses(second).at(-1), unheard.federation.list], [480, []]);

  const refused = await Household.start({ config: { push: 'refuse' } });
  assert.equal((await hand(refused)).statuses, [603]);
});

test('taken at once, by setting', async () => {
  const scene = await Household.start({ config: { push: 'take' } });
  const asked = await hand(scene);
  assert.is(scene.invites.length, 1);
  assert.not.ok(scene.rings.includes(true));
  const [invite] = scene.invites;
  if (invite) await scene.accept(invite);
  assert.is(statuses(asked).at(-1), 200);
});

test.proof('nobody else hands us a call, and nothing but a call is handed over', {
  run: async () => {
    const scene = await Household.start();
    const stranger = await hand(scene, 'sip:mallory@op.example');
    assert.equal([stranger.statuses, scene.rings], [[405], []]);
    const plain = await scene.ask('REFER', [['Refer-To', '<sip:bob@op.example>']]);
    assert.equal([plain.statuses, scene.rings], [[403], []]);
  },
  control: async () => {
    const scene = await Household.start();
    assert.equal([(await hand(scene)).statuses, scene.rings], [[405], []]);
  },
});

test.run();
