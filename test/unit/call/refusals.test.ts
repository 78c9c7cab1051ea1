// Final refusals of an INVITE: what is tried once more, and what the owner is told.
import * as assert from 'uvu/assert';
import { AMENDMENT_TABLE, AMENDMENTS } from '#src/call/amendments.ts';
import type { Call } from '#src/call/call.ts';
import { HeaderList } from '#src/sip/message/header-list.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp, type TestWorld, uri, type WorldOptions } from './harness.ts';

const test = suite('call/refusals');

const TARGET = `sip:bob@${PEER.host}:${PEER.port}`;

async function dialled(
  options: WorldOptions = {},
  to = TARGET,
): Promise<{ world: TestWorld; call: Call; invite: SipRequest }> {
  const world = await makeWorld(options);
  const call = world.manager.dial({ to });
  await world.advance(5);
  return { world, call, invite: world.peer.last('INVITE') };
}

const IMS: WorldOptions = {
  line: {
    profile: 'ims',
    domain: 'op.example',
    route: [NameAddr.of(uri(`sip:${PEER.host}:${PEER.port};lr`))],
  },
};

test('every row of the table names something that can be changed, once for a status', () => {
  const statuses = AMENDMENT_TABLE.map(({ status }) => status);
  assert.is(new Set(statuses).size, statuses.length);
  const used = new Set(AMENDMENT_TABLE.flatMap((row) => [...row.try]));
  for (const amendment of AMENDMENTS) assert.ok(used.has(amendment), amendment);
});

test('[MD-2.2.5d] 3xx: nobody else is called, and the owner is told whom the network names, best first', async () => {
  const { world, call, invite } = await dialled();
  await world.peer.reply(invite, 302, {
    headers: [
      ['Contact', '<sip:second@example.com>;q=0.3, "First" <tel:+4670>;q=0.9'],
      ['Warning', '399 example.com "gone out"'],
      ['Retry-After', '30'],
    ],
  });
  assert.is(world.peer.requests('INVITE').length, 1);
  const { failure } = call.details;
  assert.equal(failure?.contacts, [{ uri: 'tel:+4670', name: 'First' }, { uri: 'sip:second@example.com' }]);
  assert.equal(failure?.warnings, [{ code: 399, text: 'gone out' }]);
  assert.is(failure?.retry_after, 30);
  assert.is(call.snapshot.end?.label, 'failed');
  assert.is(call.snapshot.end?.sip, 302);
  assert.match(call.snapshot.end?.reason?.text ?? '', /tel:\+4670/);
});

test('305 and 485 with their contacts, 503 with Retry-After, Reason of several protocols', async () => {
  for (const [status, headers] of [
    [305, [['Contact', '<sip:proxy.example.com;lr>']]],
    [485, [['Contact', '<sip:bob.smith@example.com>']]],
    [
      503,
      [
        ['Retry-After', '120'],
        ['Reason', 'Q.850;cause=42;text="congestion"'],
      ],
    ],
  ] as const) {
    const { world, call, invite } = await dialled();
    await world.peer.reply(invite, status, { headers });
    assert.is(world.peer.requests('INVITE').length, 1, `${status}`);
    const { failure } = call.details;
    if (status === 503) {
      assert.is(failure?.retry_after, 120);
      assert.equal(failure?.reasons, [{ protocol: 'Q.850', cause: 42, text: 'congestion' }]);
    } else assert.is(failure?.contacts?.length, 1);
  }
});

const imsXml = (type: string, action: string): string =>
  `<?xml version="1.0"?><ims-3gpp version="1"><alternative-service><type>${type}</type><reason>r</reason><action>${action}</action></alternative-service></ims-3gpp>`;

async function answerXml(world: TestWorld, invite: SipRequest, status: number, xml: string): Promise<void> {
  // The helper labels every body as a description.
  await world.peer.reply(invite, status, {
    headers: [
      ['P-Asserted-Identity', '<sip:orig@scscf.op.example>'],
      ['Content-Type', 'application/3gpp-ims+xml'],
    ],
    body: xml,
  });
}

test('[MD-2.6b] 380 for an emergency: the owner is told to use a telephone, and nothing is tried', async () => {
  const { world, call, invite } = await dialled(IMS, '19222');
  await answerXml(world, invite, 380, imsXml('emergency', 'emergency-registration'));
  assert.equal(call.details.failure?.alternative_service, {
    type: 'emergency',
    action: 'emergency-registration',
    reason: 'r',
  });
  assert.match(call.snapshot.end?.reason?.text ?? '', /use a telephone/);
  assert.is(world.peer.requests('INVITE').length, 1);
});

test('504 with a restoration body: the line is asked to register anew, the call fails and says so', async () => {
  const asked: SipResponse[] = [];
  const { world, call, invite } = await dialled({
    line: { ...IMS.line, restore: (response) => void asked.push(response) },
  });
  await answerXml(world, invite, 504, imsXml('restoration', 'initial-registration'));
  assert.is(asked.length, 1);
  assert.is(call.snapshot.end?.sip, 504);
  assert.match(call.snapshot.end?.reason?.text ?? '', /registers anew/);
  const other = await dialled({ line: { ...IMS.line, restore: (response) => void asked.push(response) } });
  await other.world.peer.reply(other.invite, 504);
  assert.is(asked.length, 1, 'a plain 504 asks for nothing');
});

const OPTIONAL: WorldOptions = {
  config: { security: { srtp: 'optional', srtpCellular: 'off', e2ae: false, isCellular: () => false } },
};
const profileOf = ({ body }: SipRequest): string =>
  `${/m=audio \d+ (\S+)/.exec(String(body))?.[1]}${/^a=pcfg/m.test(String(body)) ? ' or SRTP' : ''}`;

test('[MD-2.9.2a2] 488 of a far end that takes SRTP alone (Asterisk with media_encryption): offered so at last, once', async () => {
  const { world, call } = await dialled(OPTIONAL, `sip:bob@${PEER.host}:${PEER.port};transport=tls`);
  for (let tries = 0; call.state !== 'ended' && tries < 9; tries += 1) {
    await world.peer.reply(world.peer.last('INVITE'), 488);
  }
  assert.equal(world.peer.requests('INVITE').map(profileOf), ['RTP/AVP or SRTP', 'RTP/AVP', 'RTP/SAVP']);
  assert.is(call.snapshot.end?.sip, 488);
});

test('keys stay out of clear signalling whatever is refused', async () => {
  const { world, call } = await dialled(OPTIONAL);
  await world.peer.reply(world.peer.last('INVITE'), 488);
  assert.equal(world.peer.requests('INVITE').map(profileOf), ['RTP/AVP']);
  assert.is(call.snapshot.end?.sip, 488);
});

test('[MD-2.2.5d] 420: once more without what the network does not know, and not a third time', async () => {
  const { world, call, invite } = await dialled();
  assert.ok(invite.supported.includes('100rel'));
  await world.peer.reply(invite, 420, { headers: [['Unsupported', '100rel']] });
  const again = world.peer.last('INVITE');
  assert.is(again.cseq.number, invite.cseq.number + 1);
  assert.not.ok(again.supported.includes('100rel'));
  assert.ok(again.supported.includes('199'));
  await world.peer.reply(again, 420, { headers: [['Unsupported', '199']] });
  assert.is(call.snapshot.end?.sip, 420);
  assert.equal(call.details.failure?.unsupported, ['199']);
});

test('420 of what the call requires ends it', async () => {
  const world = await makeWorld();
  const identity = NameAddr.of(uri('sip:me@192.0.2.1'));
  const call = world.manager.place({
    target: uri(TARGET),
    identity,
    privacy: 'none',
    video: false,
    headers: [
      ['Require', 'replaces'],
      ['Replaces', 'a@b;to-tag=1;from-tag=2'],
    ],
  });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 420, { headers: [['Unsupported', 'replaces']] });
  assert.is(call.snapshot.end?.sip, 420);
  assert.is(world.peer.requests('INVITE').length, 1);
});

for (const [dialledAs, uriAgain] of [
  ['+46701234567', 'sip:+46701234567@op.example;user=phone'],
  ['0701234567', 'sip:0701234567;phone-context=op.example@op.example;user=phone'],
] as const)
  test(`[MD-2.2.4a] 416: ${dialledAs} as a SIP URI`, async () => {
    const { world, call, invite } = await dialled(IMS, dialledAs);
    assert.is(invite.requestUri.scheme, 'tel');
    await world.peer.reply(invite, 416);
    const again = world.peer.last('INVITE');
    assert.is(again.requestUri.toString(), uriAgain);
    assert.is(again.to.uri.toString(), uriAgain);
    assert.is(again.callId, invite.callId);
    await world.peer.reply(again, 416);
    assert.is(call.snapshot.end?.sip, 416);
    assert.is(world.peer.requests('INVITE').length, 2);
  });

for (const status of [413, 415] as const)
  test(`${status}: once more without the further body part`, async () => {
    const world = await makeWorld();
    const part = {
      headers: HeaderList.of([['Content-Type', 'application/pidf+xml']]),
      body: Buffer.from('<presence/>'),
    };
    const call = world.manager.place({
      target: uri(TARGET),
      identity: NameAddr.of(uri('sip:me@192.0.2.1')),
      privacy: 'none',
      video: false,
      parts: [part],
    });
    await world.advance(5);
    const first = world.peer.last('INVITE');
    assert.is(first.contentType?.value, 'multipart/mixed');
    await world.peer.reply(first, status);
    const again = world.peer.last('INVITE');
    assert.is(again.contentType?.value, 'application/sdp');
    await world.peer.reply(again, 200, { body: sdp() });
    assert.is(call.snapshot.state, 'active');
  });

test('an IMS network is told that the owner hung up', async () => {
  const { world, call, invite } = await dialled(IMS);
  await world.peer.reply(invite, 200, { tag: 'a', body: sdp({ payload: '0 101' }) });
  call.hangup();
  await world.advance(5);
  assert.is(world.peer.last('BYE').header('Reason'), 'RELEASE_CAUSE;cause=1;text="User ends call"');
});

test('an IMS network is told that the owner gave up, a plain one is not', async () => {
  for (const options of [IMS, {}]) {
    const { world, call, invite } = await dialled(options);
    await world.peer.reply(invite, 180, { tag: 'a' });
    call.hangup();
    await world.advance(5);
    const reason = world.peer.last('CANCEL').header('Reason');
    assert.is(reason, options === IMS ? 'RELEASE_CAUSE;cause=1;text="User ends call"' : undefined);
  }
});

test.run();
