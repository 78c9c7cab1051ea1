// What the messages of a call tell beside setting it up: connected identity, diversion, why it was refused.
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { type CallDetails, DetailNotes } from '#src/call/details.ts';
import { DIVERSION_CAUSES, DIVERSION_WORDS, readDiversion } from '#src/call/diversion.ts';
import { FAILURES, failureWords } from '#src/call/failures.ts';
import { Findings } from '#src/call/findings.ts';
import { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { DEVICE, makeWorld, PEER, sdp, type TestWorld, uri } from './harness.ts';
import { clean } from './talk.ts';

const test = suite('call/findings');

const TARGET = `sip:bob@${PEER.host}:${PEER.port}`;

const details = (world: TestWorld): CallDetails => {
  const call = world.manager.get(world.latest().id);
  if (!call) throw new Error('no call');
  return call.details;
};
const told = (world: TestWorld): string[] => (details(world).told ?? []).map(({ text }) => text);

const message = (...headers: [string, string][]): SipRequest =>
  SipRequest.create({
    method: 'INVITE',
    uri: uri('sip:dev@192.0.2.1'),
    headers: [['From', '<sip:a@x.example>;tag=1'], ['To', '<sip:b@x.example>'], ...headers],
  });

for (const { cause, reason } of DIVERSION_CAUSES) {
  test(`[MD-2.3.8] cause ${cause} of a diverted-to address: ${reason}`, () => {
    const found = readDiversion(
      message(
        ['History-Info', '<sip:bob@x.example>;index=1'],
        ['History-Info', `"Eva" <sip:eva@x.example;cause=${cause}>;index=1.1;mp=1`],
      ),
    );
    assert.equal(found, {
      steps: [{ uri: 'sip:bob@x.example', cause, reason }],
      target: { uri: 'sip:eva@x.example', name: 'Eva' },
    });
  });
}

test('two diversions, in order; a step that only went to a contact is none', () => {
  const found = readDiversion(
    message([
      'History-Info',
      '<sip:a@x.example>;index=1, <sip:a@192.0.2.7?Reason=SIP%3Bcause%3D486>;index=1.1;rc=1, ' +
        '<sip:b@x.example;cause=486>;index=1.2;mp=1.1, <tel:+4670;cause=408>;index=1.3, <sip:c@x.example;cause=408>;index=1.3;mp=1.2',
    ]),
  );
  assert.equal(
    found?.steps.map(({ uri: each, reason }) => [each, reason]),
    [
      ['sip:a@192.0.2.7', 'busy'],
      ['sip:b@x.example', 'no answer'],
    ],
  );
  assert.is(found?.target?.uri, 'sip:c@x.example');
  assert.is(readDiversion(message(['History-Info', '<sip:a@x.example>;index=1'])), undefined);
});

test('a cause that stands in the Reason of the one who did not take it', () => {
  const found = readDiversion(
    message([
      'History-Info',
      '<sip:a@x.example?Reason=SIP%3Bcause%3D408>;index=1, <sip:b@x.example>;index=1.1;mp=1',
    ]),
  );
  assert.equal(found?.steps, [{ uri: 'sip:a@x.example', cause: 408, reason: 'no answer' }]);
});

test('whoever wants to stay hidden in the history does', () => {
  const entry = '<sip:a@x.example?Privacy=history>;index=1, <sip:b@x.example;cause=302>;index=1.1;mp=1';
  assert.is(
    readDiversion(message(['History-Info', entry]))?.steps[0]?.uri,
    'sip:anonymous@anonymous.invalid',
  );
  const all = message(
    ['Privacy', 'history'],
    ['History-Info', '<sip:a@x.example>;index=1, <sip:b@x.example;cause=302>;index=1.1'],
  );
  assert.is(readDiversion(all)?.steps[0]?.uri, 'sip:anonymous@anonymous.invalid');
});

test('Diversion, the latest first; each of its words', () => {
  for (const [word, reason] of Object.entries(DIVERSION_WORDS)) {
    const found = readDiversion(message(['Diversion', `<sip:a@x.example>;reason=${word};counter=1`]));
    assert.equal(found?.steps, [{ uri: 'sip:a@x.example', reason }]);
  }
  const two = readDiversion(
    message(['Diversion', '<sip:b@x.example>;reason=user-busy, <sip:a@x.example>;reason=x']),
  );
  assert.equal(
    two?.steps.map(({ uri: each, reason }) => [each, reason]),
    [
      ['sip:a@x.example', 'unknown reason'],
      ['sip:b@x.example', 'busy'],
    ],
  );
});

test('a history of a thousand entries is no burden', () => {
  const entries = Array.from(
    { length: 1000 },
    (_, index) => `<sip:${index}@x.example;cause=302>;index=1.${index}`,
  );
  assert.ok((readDiversion(message(['History-Info', entries.join(', ')]))?.steps.length ?? 0) <= 20);
});

test('[MD-2.3.1b1] [MD-2.3.1b5] the caller hears that, where and why the call is forwarded', async () => {
  const world = await makeWorld();
  world.manager.dial({ to: TARGET });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  await world.peer.reply(invite, 181, { tag: 'a' });
  assert.equal(told(world), ['The call is being forwarded.']);
  await world.peer.reply(invite, 180, {
    tag: 'a',
    headers: [
      ['History-Info', '<sip:bob@x.example>;index=1, "Eva" <sip:eva@x.example;cause=408>;index=1.1;mp=1'],
    ],
  });
  assert.equal(details(world).diversion, [{ uri: 'sip:bob@x.example', cause: 408, reason: 'no answer' }]);
  assert.is(told(world).at(-1), 'The call is forwarded to Eva (sip:eva@x.example): no answer.');
  await world.peer.reply(invite, 486, { tag: 'a' });
  // And after its end.
  assert.is(details(world).diversion?.length, 1);
});

test('[MD-2.3.8] the called one sees who was called first, and a CANCEL of the diverted leg is a plain end', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('a');
  await peer.invite({
    body: sdp(),
    headers: [
      ['History-Info', '<sip:boss@x.example>;index=1, <sip:door@x.example;cause=486>;index=1.1;mp=1'],
    ],
  });
  assert.equal(details(world).diversion, [{ uri: 'sip:boss@x.example', cause: 486, reason: 'busy' }]);
  assert.equal(told(world), ['Forwarded; it was for sip:boss@x.example: busy.']);
  await peer.cancel(['Reason', 'SIP;cause=302;text="Moved"']);
  assert.is(world.latest().state, 'ended');
  assert.is(world.latest().end?.label, 'missed');
  await peer.ack();
  await clean(world);
});

test.proof('[MD-2.3.1a] the connected identity of the 200, of a trusted network', {
  run: () =>
    connectedBy([['P-Asserted-Identity', '"Eva" <sip:eva@x.example>, <tel:+46709>']], { uri: 'tel:+46709' }),
  control: () => connectedBy([], { uri: 'tel:+46709' }),
});

async function connectedBy(
  headers: [string, string][],
  wanted: CallDetails['connected'],
  trusted = true,
): Promise<void> {
  const notes = new DetailNotes(new VirtualClock(new Date(0)), () => undefined);
  new Findings(notes, () => trusted).answered(SipResponse.reply(message(), 200, { toTag: 'b', headers }));
  assert.equal(notes.snapshot.connected, wanted);
}

test('a stranger who asserts is not believed; a hidden one is shown as hidden', async () => {
  await connectedBy([['P-Asserted-Identity', '<tel:+46709>']], undefined, false);
  await connectedBy([['Privacy', 'id']], { uri: 'sip:anonymous@anonymous.invalid', name: 'Anonymous' });
});

test('[MD-2.3.1a] UPDATE with another From: who is there now, and whom our next requests are to (RFC 4916)', async () => {
  const world = await makeWorld();
  const call = world.manager.dial({ to: TARGET });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  await world.peer.reply(invite, 200, { tag: 'b', body: sdp() });
  const update = (cseq: number, from: string): Promise<void> =>
    world.peer.send(
      world.peer.request('UPDATE', {
        uri: `sip:dev@${DEVICE.host}:${DEVICE.port}`,
        callId: invite.callId,
        cseq,
        from: `${from};tag=b`,
        to: invite.from.toString(),
      }),
    );
  await update(1, `<${TARGET}>`);
  assert.is(call.details.connected, undefined);
  await update(2, '"Eva" <sip:eva@x.example>');
  assert.equal(call.details.connected, { uri: 'sip:eva@x.example', name: 'Eva' });
  await update(3, '"<b>Bob" <tel:+46700>');
  assert.equal(call.details.connected, { uri: 'tel:+46700', name: '<b>Bob' });
  call.hangup();
  await world.advance(5);
  assert.is(world.peer.last('BYE').to.uri.toString(), 'tel:+46700');
  assert.is(world.peer.last('BYE').to.tag, 'b');
});

for (const [status, { sentence }] of Object.entries(FAILURES)) {
  test(`a ${status} is told in words`, () =>
    assert.ok(sentence.endsWith('.') && failureWords(Number(status)).brief));
}

test('[MD-2.3.1c2] a barring is told in the words of the network, and stands at the end of the call', async () => {
  const world = await makeWorld();
  const call = world.manager.dial({ to: TARGET });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 603, {
    headers: [['Warning', '399 as.op.example "Outgoing calls are barred"']],
  });
  assert.equal(told(world), [
    'The call was declined, by whom you called or by a barring. The network says: Outgoing calls are barred',
  ]);
  assert.equal(call.snapshot.end?.reason, { protocol: 'SIP', cause: 603, text: 'Outgoing calls are barred' });
  assert.match(failureWords(499).sentence, /499/);
});

test.run();
