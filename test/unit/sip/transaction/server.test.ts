import * as assert from 'uvu/assert';
import { Milliseconds } from '#src/base/units.ts';
import { SipResponse } from '#src/sip/message/message.ts';
import { IMS_TIMERS, SIP_TIMERS, type TimerSettings } from '#src/sip/transaction/timers.ts';
import { sampleRequest } from '#test/support/sip-samples.ts';
import { suite } from '#test/support/suite.ts';
import { type Bench, bench, departures } from './help.ts';

const test = suite('sip/transaction/server');
const HOUR = Milliseconds(3_600_000);
const presets: readonly (readonly [string, TimerSettings])[] = [
  ['sip', SIP_TIMERS],
  ['ims', IMS_TIMERS],
];

function first(side: Bench) {
  const [server] = side.incoming;
  if (!server) throw new Error('no request came');
  return server;
}

/** Puts a request on the wire as a peer would, without a transaction on the near side. */
async function inject(side: Bench, sample: Parameters<typeof sampleRequest>[0]): Promise<void> {
  const via = 'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKpeer;rport';
  const transport = side.near;
  await transport.sendAck(sampleRequest({ via, ...sample }), side.target);
  await side.clock.advance(Milliseconds(1));
}

for (const [name, timers] of presets) {
  const { t1, t2, t4 } = timers;

  test(`${name}: a final refusal is repeated by Timer G up to T2 until Timer H, without an ACK`, async () => {
    const side = await bench('udp', timers);
    await inject(side, { method: 'INVITE' });
    const times = departures(side.network, side.clock, /^SIP\/2\.0 404/);
    const failures: string[] = [];
    first(side).onFailure.on(({ id, fault }) => failures.push(`${id} ${fault}`));
    first(side).respond(SipResponse.reply(first(side).request, 404, { toTag: 'x' }));
    await side.clock.advance(HOUR);
    const gaps = times.slice(1).map((each, index) => each - (times[index] ?? 0));
    assert.equal(gaps.slice(0, 4), [t1, 2 * t1, 4 * t1, Math.min(8 * t1, t2)]);
    assert.ok(Math.max(...gaps) === t2);
    assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) < 64 * t1);
    assert.equal(failures, ['sip.timeout peer']);
    assert.is(side.far.size + side.clock.pending, 0);
    await side.stop();
  });

  test(`${name}: the ACK confirms; Timer I takes further ones`, async () => {
    const side = await bench('udp', timers);
    await inject(side, { method: 'INVITE' });
    first(side).respond(SipResponse.reply(first(side).request, 404, { toTag: 'x' }));
    await side.clock.advance(Milliseconds(1));
    await inject(side, { method: 'ACK', toTag: 'x' });
    assert.is(first(side).state, 'confirmed');
    await inject(side, { method: 'ACK', toTag: 'x' });
    await side.clock.advance(Milliseconds(t4 - 3));
    assert.is(side.far.size, 1);
    await side.clock.advance(Milliseconds(3));
    assert.is(side.far.size + side.acks.length, 0);
    await side.stop();
  });

  test(`${name}: Timer L keeps an accepted INVITE for 64 T1 and absorbs repetitions`, async () => {
    const side = await bench('udp', timers);
    await inject(side, { method: 'INVITE' });
    const ends: number[] = [];
    first(side).onEnd.on(() => ends.push(side.clock.now()));
    first(side).respond(SipResponse.reply(first(side).request, 200, { toTag: 'x' }));
    const answered = side.clock.now();
    const times = departures(side.network, side.clock, /^SIP/);
    await inject(side, { method: 'INVITE' });
    assert.equal(times, [], 'the user repeats the 2xx, not the transaction');
    first(side).respond(SipResponse.reply(first(side).request, 200, { toTag: 'x' }));
    assert.is(times.length, 1);
    await inject(side, { method: 'ACK', toTag: 'x' });
    assert.is(side.acks.length, 1);
    assert.is(side.incoming.length, 1);
    await side.clock.advance(HOUR);
    assert.equal(ends, [answered + 64 * t1]);
    assert.is(side.clock.pending, 0);
    await side.stop();
  });

  test(`${name}: another request is answered again for Timer J`, async () => {
    const side = await bench('udp', timers);
    await inject(side, { method: 'OPTIONS' });
    const times = departures(side.network, side.clock, /^SIP\/2\.0 200/);
    await inject(side, { method: 'OPTIONS' });
    assert.equal(times, [], 'nothing is said before the user does');
    first(side).respond(SipResponse.reply(first(side).request, 200, { toTag: 'x' }));
    await side.clock.advance(Milliseconds(64 * t1 - 2));
    await inject(side, { method: 'OPTIONS' });
    assert.is(times.length, 2);
    assert.is(side.incoming.length, 1);
    await side.clock.advance(Milliseconds(2));
    await inject(side, { method: 'OPTIONS' });
    assert.is(side.incoming.length, 2);
    await side.stop();
  });
}

test('100 comes by itself after 200 ms, unless the user was quicker', async () => {
  const side = await bench();
  const times = departures(side.network, side.clock, /^SIP\/2\.0 1/);
  await inject(side, { method: 'INVITE' });
  const came = side.clock.now();
  await side.clock.advance(Milliseconds(200));
  assert.equal(times, [came + 200]);
  assert.match(side.network.packets.at(-1)?.bytes.toString('latin1') ?? '', /^SIP\/2\.0 100 Trying\r\n/);
  await inject(side, {
    method: 'INVITE',
    callId: 'b',
    via: 'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb;rport',
  });
  const second = side.incoming[1];
  second?.respond(SipResponse.reply(second.request, 180, { toTag: 'x' }));
  await side.clock.advance(Milliseconds(1000));
  assert.is(times.length, 2);
  await side.stop();
});

test('a repeated INVITE brings the last provisional again', async () => {
  const side = await bench();
  await inject(side, { method: 'INVITE' });
  first(side).respond(SipResponse.reply(first(side).request, 180, { toTag: 'x' }));
  const times = departures(side.network, side.clock, /^SIP\/2\.0 180/);
  await inject(side, { method: 'INVITE' });
  assert.is(times.length, 1);
  assert.is(side.incoming.length, 1);
  assert.is(side.far.counters.get('sip_retransmissions_received_total'), 1);
  await side.stop();
});

test('a response that comes too late is dropped and counted', async () => {
  const side = await bench();
  await inject(side, { method: 'INVITE' });
  const { request } = first(side);
  first(side).respond(SipResponse.reply(request, 486, { toTag: 'x' }));
  const times = departures(side.network, side.clock, /^SIP/);
  for (const status of [180, 200, 487])
    first(side).respond(SipResponse.reply(request, status, { toTag: 'x' }));
  assert.equal(times, []);
  assert.is(side.far.counters.get('sip_responses_out_of_state_total'), 3);
  await side.stop();
});

test('CANCEL finds its INVITE by branch and sent-by, not one of another peer', async () => {
  const side = await bench();
  await inject(side, { method: 'INVITE' });
  const found = (via: string) => side.far.findInvite(sampleRequest({ method: 'CANCEL', via }));
  assert.is(found('SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKpeer;rport'), first(side));
  assert.is(found('SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bKpeer'), undefined);
  assert.is(found('SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother'), undefined);
  await inject(side, { method: 'CANCEL' });
  assert.equal(
    side.incoming.map(({ request }) => request.method),
    ['INVITE', 'CANCEL'],
  );
  await side.stop();
});

test('a peer of RFC 2543 without the magic cookie: repetition, CANCEL and ACK are matched', async () => {
  const side = await bench();
  const via = 'SIP/2.0/UDP 192.0.2.1:5060;branch=1';
  await inject(side, { method: 'INVITE', via });
  await inject(side, { method: 'INVITE', via });
  assert.is(side.incoming.length, 1);
  const cancel = sampleRequest({ method: 'CANCEL', via });
  assert.is(side.far.findInvite(cancel), first(side));
  first(side).respond(SipResponse.reply(first(side).request, 486, { toTag: 'ours' }));
  await inject(side, { method: 'ACK', via, toTag: 'another' });
  assert.is(first(side).state, 'completed');
  assert.is(side.acks.length, 1, 'an ACK for somebody else is passed on');
  await inject(side, { method: 'ACK', via, toTag: 'ours' });
  assert.is(first(side).state, 'confirmed');
  await inject(side, { method: 'INVITE', via, cseq: 2 });
  assert.is(side.incoming.length, 2);
  await side.stop();
});

test('an INVITE server outlives a transport error; another server does not', async () => {
  const side = await bench('tcp');
  const failures: string[] = [];
  side.far.onRequest.on((server) =>
    server.onFailure.on(({ id }) => failures.push(`${server.request.method} ${id}`)),
  );
  side.near.request(sampleRequest({ method: 'INVITE' }), side.target, side.handlers);
  side.near.request(sampleRequest({ callId: 'other' }), side.target, side.handlers);
  await side.clock.advance(Milliseconds(5));
  const [invite, options] = side.incoming;
  options?.respond(SipResponse.reply(options.request, 100));
  invite?.flow.close();
  options?.flow.close();
  // Nobody listens any more where the Via points, so a new connection fails as well (18.2.2).
  side.network.rule = () => ({ drop: true });
  invite?.respond(SipResponse.reply(invite.request, 180, { toTag: 'x' }));
  options?.respond(SipResponse.reply(options.request, 100));
  await side.clock.advance(Milliseconds(5000));
  assert.equal(failures, ['INVITE sip.transport', 'OPTIONS sip.transport']);
  assert.equal([invite?.state, options?.state], ['proceeding', 'terminated']);
  await side.stop();
});

test('a broken request is answered without a transaction; a broken ACK is not', async () => {
  const side = await bench();
  const bad = (method: string): string =>
    `${method} sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKbad;rport\r\n` +
    `From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: x\r\nCSeq: nonsense ${method}\r\n\r\n`;
  const from = { host: '192.0.2.1', port: 5060 };
  const to = { host: '192.0.2.2', port: 5060 };
  for (const method of ['OPTIONS', 'ACK']) {
    const packet = { transport: 'udp' as const, from, to, bytes: Buffer.from(bad(method)) };
    side.network.carry(packet, () => side.network.at('udp', to)?.deliver(packet));
  }
  await side.clock.advance(Milliseconds(5));
  const answers = side.network.packets.filter(({ bytes }) => bytes.toString('latin1').startsWith('SIP/2.0'));
  assert.is(answers.length, 1);
  assert.match(
    answers[0]?.bytes.toString('latin1') ?? '',
    /^SIP\/2\.0 400 [^\r]+\r\n[\s\S]*To: <sip:b@example\.com>;tag=/,
  );
  assert.is(side.far.size, 0);
  await side.stop();
});

test.run();
