import * as assert from 'uvu/assert';
import { Milliseconds } from '#src/base/units.ts';
import { SipResponse } from '#src/sip/message/message.ts';
import { IMS_TIMERS, SIP_TIMERS, type TimerSettings } from '#src/sip/transaction/timers.ts';
import { sampleRequest } from '#test/support/sip-samples.ts';
import { suite } from '#test/support/suite.ts';
import { type Bench, bench, departures } from './help.ts';

const test = suite('sip/transaction/client');
const HOUR = Milliseconds(3_600_000);
const presets: readonly (readonly [string, TimerSettings])[] = [
  ['sip', SIP_TIMERS],
  ['ims', IMS_TIMERS],
];

const lose = (side: Bench): void => {
  side.network.rule = () => ({ drop: true });
};

/** Sum of the first intervals, for comparing with moments. */
const moments = (...intervals: number[]): number[] => {
  let at = 0;
  return [0, ...intervals.map((each) => (at += each))];
};

for (const [name, timers] of presets) {
  const { t1, t2, t4 } = timers;

  test(`${name}: an INVITE nobody answers is repeated by Timer A and given up by Timer B`, async () => {
    const side = await bench('udp', timers);
    lose(side);
    const times = departures(side.network, side.clock, /^INVITE/);
    side.near.request(sampleRequest({ method: 'INVITE' }), side.target, side.handlers);
    await side.clock.advance(Milliseconds(64 * t1 - 1));
    assert.equal(times, moments(t1, 2 * t1, 4 * t1, 8 * t1, 16 * t1, 32 * t1));
    assert.is(side.failures.length, 0);
    await side.clock.advance(Milliseconds(1));
    assert.equal(
      side.failures.map(({ id, fault }) => [id, fault]),
      [['sip.timeout', 'network']],
    );
    await side.clock.advance(HOUR);
    assert.is(side.failures.length, 1);
    assert.is(side.near.size + side.clock.pending, 0);
    await side.stop();
  });

  test(`${name}: another request is repeated by Timer E, capped by T2, and given up by Timer F`, async () => {
    const side = await bench('udp', timers);
    lose(side);
    const times = departures(side.network, side.clock, /^OPTIONS/);
    side.near.request(sampleRequest(), side.target, side.handlers);
    await side.clock.advance(Milliseconds(64 * t1));
    const gaps = times.slice(1).map((each, index) => each - (times[index] ?? 0));
    assert.equal(gaps.slice(0, 4), [t1, 2 * t1, 4 * t1, Math.min(8 * t1, t2)]);
    assert.ok(gaps.slice(3).every((gap) => gap === t2));
    assert.equal(
      side.failures.map(({ id }) => id),
      ['sip.timeout'],
    );
    assert.is(side.near.size + side.clock.pending, 0);
    await side.stop();
  });

  test(`${name}: a provisional slows Timer E to T2; the final answer leaves Timer K`, async () => {
    const side = await bench('udp', timers);
    const times = departures(side.network, side.clock, /^OPTIONS/);
    side.near.request(sampleRequest(), side.target, side.handlers);
    await side.clock.advance(Milliseconds(2));
    side.incoming[0]?.respond(SipResponse.reply(sampleOf(side), 100));
    await side.clock.advance(Milliseconds(t1 + t2));
    assert.equal(times, [0, t1, t1 + t2]);
    side.incoming[0]?.respond(SipResponse.reply(sampleOf(side), 200));
    await side.clock.advance(Milliseconds(1));
    assert.equal(
      side.responses.map(({ status }) => status),
      [100, 100, 100, 200],
      'a provisional that a retransmission brought again is passed as well',
    );
    assert.is(side.near.size, 1);
    await side.clock.advance(Milliseconds(t4 - 1));
    assert.is(side.near.size, 1);
    await side.clock.advance(Milliseconds(1));
    assert.is(side.near.size, 0);
    await side.stop();
  });

  test(`${name}: a refused INVITE acknowledges each repetition until Timer D`, async () => {
    const side = await bench('udp', timers);
    const acks = departures(side.network, side.clock, /^ACK/);
    // The ACKs are lost, so the far side repeats its answer by Timer G until Timer H.
    side.network.rule = chain(side, (text) => (text.startsWith('ACK') ? { drop: true } : undefined));
    side.near.request(sampleRequest({ method: 'INVITE' }), side.target, side.handlers);
    await side.clock.advance(Milliseconds(1));
    const failures: string[] = [];
    side.incoming[0]?.onFailure.on(({ id }) => failures.push(id));
    side.incoming[0]?.respond(SipResponse.reply(sampleOf(side), 486, { toTag: 'far' }));
    await side.clock.advance(Milliseconds(64 * t1));
    const gaps = acks.slice(1).map((each, index) => each - (acks[index] ?? 0));
    assert.equal(gaps.slice(0, 3), [t1, 2 * t1, 4 * t1]);
    assert.ok(gaps.slice(3).every((gap) => gap === t2));
    assert.equal(failures, ['sip.timeout']);
    assert.equal(
      side.responses.map(({ status }) => status),
      [486],
    );
    await side.clock.advance(Milliseconds(t1));
    assert.is(side.near.size, 1, 'Timer D is longer than 64 T1');
    await side.clock.advance(Milliseconds(2));
    assert.is(side.near.size + side.far.size + side.clock.pending, 0);
    await side.stop();
  });

  test(`${name}: Accepted passes every 2xx for 64 T1, then no more`, async () => {
    const side = await bench('udp', timers);
    side.near.request(sampleRequest({ method: 'INVITE' }), side.target, side.handlers);
    await side.clock.advance(Milliseconds(1));
    const [server] = side.incoming;
    server?.respond(SipResponse.reply(sampleOf(side), 200, { toTag: 'fork-1' }));
    await side.clock.advance(Milliseconds(1));
    server?.respond(SipResponse.reply(sampleOf(side), 200, { toTag: 'fork-2' }));
    await side.clock.advance(Milliseconds(64 * t1 - 2));
    server?.respond(SipResponse.reply(sampleOf(side), 200, { toTag: 'fork-3' }));
    await side.clock.advance(Milliseconds(1));
    assert.equal(
      side.responses.map(({ to }) => to.tag),
      ['fork-1', 'fork-2', 'fork-3'],
    );
    assert.is(side.failures.length, 0);
    await side.clock.advance(HOUR);
    assert.is(side.near.size + side.far.size + side.clock.pending, 0);
    await side.stop();
  });
}

function sampleOf(side: Bench) {
  const [server] = side.incoming;
  if (!server) throw new Error('no request came');
  return server.request;
}

function chain(side: Bench, rule: (text: string) => { drop: boolean } | undefined) {
  const before = side.network.rule;
  return (packet: Parameters<NonNullable<typeof before>>[0]) => {
    const earlier = before?.(packet);
    return rule(packet.bytes.toString('latin1')) ?? earlier;
  };
}

test('over TCP nothing is repeated, and the ends come at once', async () => {
  const side = await bench('tcp');
  const times = departures(side.network, side.clock, /^(OPTIONS|INVITE)/);
  side.near.request(sampleRequest(), side.target, side.handlers);
  await side.clock.advance(Milliseconds(10_000));
  assert.equal(times, [1]);
  side.incoming[0]?.respond(SipResponse.reply(sampleOf(side), 200));
  await side.clock.advance(Milliseconds(1));
  assert.is(side.near.size + side.far.size, 0);
  await side.stop();
});

test('the ACK for a refusal is that of 17.1.1.3', async () => {
  const side = await bench();
  const request = sampleRequest({
    method: 'INVITE',
    headers: [
      ['Route', '<sip:p1.example.com;lr>'],
      ['Route', '<sip:p2.example.com;lr>'],
    ],
  });
  side.near.request(request, side.target, side.handlers);
  await side.clock.advance(Milliseconds(1));
  side.incoming[0]?.respond(SipResponse.reply(sampleOf(side), 603, { toTag: 'far' }));
  await side.clock.advance(Milliseconds(1));
  const ack = side.network.packets.at(-1)?.bytes.toString('latin1') ?? '';
  assert.match(ack, /^ACK sip:bob@example\.com SIP\/2\.0\r\n/);
  assert.is(ack.match(/^Via: .*$/gm)?.length, 1);
  assert.match(ack, `Via: ${request.topVia.toString()}\r\n`);
  assert.match(ack, 'To: <sip:bob@example.com>;tag=far\r\n');
  assert.match(ack, 'CSeq: 1 ACK\r\n');
  assert.match(ack, 'Route: <sip:p1.example.com;lr>\r\nRoute: <sip:p2.example.com;lr>\r\n');
  await side.clock.advance(Milliseconds(1));
  assert.is(side.incoming[0]?.state, 'confirmed');
  assert.is(side.acks.length, 0, 'such an ACK ends at the transaction');
  await side.stop();
});

test('an ICMP error ends the transactions to that target that still send, and no other', async () => {
  const side = await bench();
  const dead = { ...side.target, port: 9 };
  const early: string[] = [];
  side.near.request(sampleRequest({ method: 'INVITE', callId: 'a' }), side.target, side.handlers);
  side.near.request(sampleRequest({ callId: 'b' }), dead, {
    onResponse: () => assert.unreachable(),
    onFailure: ({ id, detail }) => void early.push(`${id} ${detail.code}`),
  });
  await side.clock.advance(Milliseconds(5));
  assert.equal(early, ['sip.transport ECONNREFUSED']);
  assert.is(side.near.size, 1);
  side.incoming[0]?.respond(SipResponse.reply(sampleOf(side), 180));
  await side.clock.advance(Milliseconds(5));
  assert.equal(
    side.responses.map(({ status }) => status),
    [180],
  );
  assert.is(side.failures.length, 0);
  await side.stop();
});

test('a connection that cannot be made, or closes before an answer, is told', async () => {
  const side = await bench('tcp');
  side.near.request(sampleRequest(), { ...side.target, port: 9 }, side.handlers);
  await side.clock.advance(Milliseconds(5));
  assert.equal(
    side.failures.map(({ id, detail }) => [id, detail.reason]),
    [['sip.transport', 'transport.connect']],
  );
  side.near.request(sampleRequest(), side.target, side.handlers);
  await side.clock.advance(Milliseconds(5));
  side.incoming[0]?.flow.close();
  await side.clock.advance(Milliseconds(5));
  assert.equal(side.failures.map(({ id, detail }) => [id, detail.reason]).slice(1), [
    ['sip.transport', 'transport.closed'],
  ]);
  await side.stop();
});

test('a response that belongs to nothing is counted and shown, no more', async () => {
  const side = await bench();
  const strays: number[] = [];
  side.near.onStrayResponse.on(({ response }) => strays.push(response.status));
  const client = side.near.request(sampleRequest({ method: 'INVITE' }), side.target, side.handlers);
  await side.clock.advance(Milliseconds(1));
  client.abandon();
  side.incoming[0]?.respond(SipResponse.reply(sampleOf(side), 200, { toTag: 'x' }));
  await side.clock.advance(Milliseconds(5));
  assert.equal(strays, [200]);
  assert.is(side.near.counters.get('sip_stray_responses_total'), 1);
  assert.is(side.responses.length, 0);
  await side.stop();
});

test('parameters for the Via travel with it: keep, beside branch and rport', async () => {
  const side = await bench();
  side.near.request(sampleRequest({ method: 'REGISTER' }), side.target, side.handlers, {
    viaParams: [['keep']],
  });
  await side.clock.advance(Milliseconds(1));
  const via = sampleOf(side).topVia;
  assert.match(via.branch ?? '', /^z9hG4bK[0-9a-f]{16}$/);
  assert.ok(via.params.has('keep'));
  assert.equal([via.host, via.port, via.rport], ['192.0.2.1', 5060, 5060]);
  await side.stop();
});

test.run();
