// Encryption of media by policy: what is offered, what is taken, and what does not start (NG.110 2.9.2).
import * as assert from 'uvu/assert';
import { negotiatedPolicy, usesEdge, wantedPolicy } from '#src/call/security.ts';
import type { CallConfig, SecuritySettings } from '#src/call/world.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp } from './harness.ts';

const test = suite('call/security');

const policy = (more: Partial<SecuritySettings>): { config: Partial<CallConfig> } => ({
  config: {
    security: { srtp: 'off', srtpCellular: 'off', e2ae: false, isCellular: () => false, ...more },
  },
});

const KEY = 'inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';
const SUITE = 'AES_CM_128_HMAC_SHA1_80';
const secured = (): string => `${sdp().replace('RTP/AVP', 'RTP/SAVP')}a=crypto:1 ${SUITE} ${KEY}\r\n`;
const target = { host: PEER.host, port: 5061 };

test('[MD-2.9.2a3] each access has its own policy', async () => {
  const { config } = policy({ srtp: 'required', srtpCellular: 'off', isCellular: (at) => at === '10.0.0.1' });
  const world = { config, line: {} } as unknown as Parameters<typeof wantedPolicy>[0];
  assert.is(wantedPolicy(world, '192.0.2.1'), 'required');
  assert.is(wantedPolicy(world, '10.0.0.1'), 'off');
});

test('[MD-2.9.2a2] an optional key is offered over TLS only, a required one anywhere', async () => {
  const of = (srtp: SecuritySettings['srtp'], transport: 'udp' | 'tls') => {
    const world = { ...policy({ srtp }), line: {} } as unknown as Parameters<typeof wantedPolicy>[0];
    return negotiatedPolicy(world, { ...target, transport }, '192.0.2.1');
  };
  assert.equal([of('optional', 'udp'), of('optional', 'tls')], ['off', 'optional']);
  assert.equal([of('required', 'udp'), of('required', 'tls')], ['required', 'required']);
  assert.equal([of('off', 'udp'), of('off', 'tls')], ['off', 'off']);
});

test('[MD-2.9.2b2] the edge is asked when both have announced it, over TLS', async () => {
  const of = (e2ae: boolean, announced: boolean, transport: 'udp' | 'tls') => {
    const world = { ...policy({ e2ae }), line: { e2ae: announced } } as unknown as Parameters<
      typeof usesEdge
    >[0];
    return usesEdge(world, { ...target, transport });
  };
  assert.is(of(true, true, 'tls'), true);
  assert.is(of(false, true, 'tls'), false);
  assert.is(of(true, false, 'tls'), false);
  assert.is(of(true, true, 'udp'), false);
});

for (const srtp of ['off', 'optional', 'required'] as const) {
  test(`an offer with a usable key is taken: ${srtp}`, async () => {
    const world = await makeWorld(policy({ srtp }));
    const peer = world.peer.call('a');
    await peer.invite({ body: secured() });
    world.manager.get(world.latest().id)?.answer();
    await world.advance(5);
    const answer = String(peer.responses.find(({ status }) => status === 200)?.body);
    assert.match(answer, /m=audio \d+ RTP\/SAVP /);
    assert.is((answer.match(/a=crypto:/g) ?? []).length, 1);
    const [early, last] = world.media.streams[0]?.configurations ?? [];
    assert.is(last?.srtp?.receive.suite, SUITE);
    assert.equal(last?.srtp?.receive.key, Buffer.from(KEY.slice(7), 'base64'));
    assert.ok(answer.includes(last?.srtp?.send.key.toString('base64') ?? 'no key'));
    assert.equal(early?.srtp, last?.srtp, 'the keep-alives before the answer are sealed with the same key');
    await peer.ack();
    assert.is(world.latest().audio?.srtp, true);
    await peer.send('BYE');
    assert.is(world.log.rows[0]?.audio?.srtp, true);
  });
}

test('in clear: taken unless encryption is required, and not shown as encrypted', async () => {
  for (const srtp of ['off', 'optional'] as const) {
    const world = await makeWorld(policy({ srtp }));
    const peer = world.peer.call('a');
    await peer.invite();
    world.manager.get(world.latest().id)?.answer();
    await peer.ack();
    assert.is(world.latest().audio?.srtp, false);
    assert.is(world.media.streams[0]?.last?.srtp, undefined);
  }
});

test('a caller in clear where encryption is required: 488 before it rings, and the log says why', async () => {
  const world = await makeWorld(policy({ srtp: 'required' }));
  const peer = world.peer.call('a');
  await peer.invite();
  assert.equal(peer.statuses(), [488]);
  const [row] = world.log.rows;
  assert.is(row?.end.label, 'failed');
  assert.is(row?.end.sip, 488);
  assert.match(row?.end.reason?.text ?? '', /encrypted/);
  assert.equal(
    world.troubles.map(({ id }) => id),
    ['call.not-encrypted'],
  );
  assert.is(world.media.streams.length, 0);
});

test('we call where encryption is required: only SAVP is offered', async () => {
  const world = await makeWorld(policy({ srtp: 'required' }));
  world.manager.dial({ to: `sip:b@${PEER.host}` });
  await world.advance(5);
  const offer = String(world.peer.last('INVITE').body);
  assert.match(offer, /m=audio \d+ RTP\/SAVP /);
  assert.match(offer, /a=crypto:1 /);
});

for (const [what, status, body] of [
  ['answers in clear', 200, sdp()],
  ['refuses the description', 488, undefined],
] as const) {
  test(`the callee ${what} where encryption is required: the call does not start`, async () => {
    const world = await makeWorld(policy({ srtp: 'required' }));
    world.manager.dial({ to: `sip:b@${PEER.host}` });
    await world.advance(5);
    await world.peer.reply(world.peer.last('INVITE'), status, body === undefined ? {} : { body });
    await world.advance(5);
    assert.is(world.peer.requests('INVITE').length, 1, 'never again in clear');
    assert.is(world.peer.requests('BYE').length, status === 200 ? 1 : 0);
    assert.is(world.latest().end?.label, 'failed');
    assert.is(world.latest().end?.sip, 488);
    assert.match(world.latest().end?.reason?.text ?? '', /encrypted/);
    assert.is(
      world.media.streams[0]?.configurations.filter(({ send }) => send).length,
      0,
      'nothing was said',
    );
    assert.equal(
      world.troubles.map(({ id }) => id),
      ['call.not-encrypted'],
    );
  });
}

test('an optional key over clear signalling: no key, RTP/AVP', async () => {
  const world = await makeWorld(policy({ srtp: 'optional' }));
  world.manager.dial({ to: `sip:b@${PEER.host}` });
  await world.advance(5);
  assert.not.match(String(world.peer.last('INVITE').body), /inline:|SAVP/);
});

test.run();
