import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { Seconds } from '#src/base/units.ts';
import { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { TransportName } from '#src/sip/transport/address.ts';
import type { SipTransport } from '#src/sip/transport/sip-transport.ts';
import { sampleRequest } from '#test/support/sip-samples.ts';
import { suite } from '#test/support/suite.ts';
import {
  asRequest,
  authority,
  closeAll,
  datagram,
  deadPort,
  failure,
  issued,
  next,
  rawTcp,
  rawUdp,
  started,
  targetOf,
} from './help.ts';

const test = suite('sip/transport/sockets');
test.after.each(closeAll);

const VIA = 'SIP/2.0/UDP placeholder.invalid;branch=z9hG4bKtest';
const ca = authority();
const server = issued(ca, ['sip.example.com', '127.0.0.1', '::1']);
const tls = { ca: ca.certificate, certificate: server.certificate, key: server.key };

/** Echoes: answers every request with 200. */
function answering(transport: SipTransport): SipRequest[] {
  const seen: SipRequest[] = [];
  transport.onMessage.on(({ message, flow }) => {
    if (!(message instanceof SipRequest)) return;
    seen.push(message);
    void transport.send(SipResponse.reply(message, 200, { toTag: 'far' }), flow);
  });
  return seen;
}

for (const name of ['udp', 'tcp', 'tls'] as const satisfies readonly TransportName[]) {
  for (const host of ['127.0.0.1', '[::1]']) {
    test(`${name} over ${host}: a request there, its response back over the same flow`, async () => {
      const near = await started([`${name}:${host}:0`], { tls });
      const far = await started([`${name}:${host}:0`], { tls });
      const seen = answering(far);
      const response = next(near.onMessage);
      const flow = await near.send(sampleRequest({ via: VIA }), targetOf(far, name));
      const back = await response;
      assert.is(back.flow, flow);
      assert.instance(back.message, SipResponse);
      const [via] = back.message.vias;
      const [at] = near.listening;
      assert.is(`${via?.transport} ${via?.sentBy}`, `${name.toUpperCase()} ${host}:${at?.port}`);
      assert.is(via?.rport, name === 'udp' ? at?.port : undefined, 'rport is for UDP');
      assert.is(seen.length, 1);
      assert.equal([flow.secure, flow.transport], [name === 'tls', name]);
      assert.equal(near.localContact(flow), { host: at?.host, port: at?.port, transport: name });
      assert.is(far.counters.get('sip_messages_received_total'), 1);
      assert.is(far.counters.get('sip_messages_sent_total'), 1);
    });
  }
}

test('several addresses at once, [::] with and without IPv4 beside it', async () => {
  const far = await started(['udp:[::]:0', 'tcp:[::]:0', 'tcp:127.0.0.1:0', 'tls:127.0.0.1:0'], { tls });
  assert.is(far.listening.length, 4);
  assert.ok(far.listening.every(({ port }) => port > 0));
  answering(far);
  const near = await started(['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']);
  for (const transport of ['udp', 'tcp'] as const) {
    const { port } = targetOf(far, transport, '::');
    const response = next(near.onMessage);
    await near.send(sampleRequest({ via: VIA }), { transport, host: '127.0.0.1', port });
    const { message, flow } = await response;
    assert.instance(message, SipResponse);
    assert.is(flow.remote.host, '127.0.0.1', 'no mapped address is shown');
  }
  // And the other way: a dual-stack UDP socket asks over IPv4.
  answering(near);
  const response = next(far.onMessage, ({ message }) => message instanceof SipResponse);
  const flow = await far.send(sampleRequest({ via: VIA }), targetOf(near, 'udp'));
  assert.is((await response).message.topVia.host, '127.0.0.1');
  assert.is(flow.local.port, targetOf(far, 'udp').port);
});

test('[::] and 0.0.0.0 on one port live side by side', async () => {
  const probe = await started(['udp:[::]:0', 'tcp:[::]:0']);
  const [udp, tcp] = probe.listening.map(({ port }) => port);
  await closeAll();
  const both = [`udp:[::]:${udp}`, `udp:0.0.0.0:${udp}`, `tcp:0.0.0.0:${tcp}`, `tcp:[::]:${tcp}`];
  const transport = await started(both);
  assert.is(transport.listening.length, 4);
});

for (const name of ['udp', 'tcp', 'tls'] as const) {
  test(`${name}: a port in use is told with address and code, and nothing stays open`, async () => {
    const first = await started([`${name}:127.0.0.1:0`], { tls });
    const { port } = targetOf(first, name);
    const other = await deadPort();
    const addresses = [`udp:127.0.0.1:${other}`, `${name}:127.0.0.1:${port}`];
    const error = await failure(started(addresses, { tls }));
    assert.equal(
      [error.id, error.fault, error.detail],
      ['transport.listen', 'caller', { address: `${name}:127.0.0.1:${port}`, code: 'EADDRINUSE' }],
    );
    // The address opened before is free again.
    const again = await started([`udp:127.0.0.1:${other}`]);
    assert.is(again.listening.length, 1);
  });
}

test('a request over 1300 bytes goes by TCP, its Via says so', async () => {
  const far = await started(['udp:127.0.0.1:0']);
  const { port } = targetOf(far, 'udp');
  const stream = await started([`tcp:127.0.0.1:${port}`]);
  const seen = answering(stream);
  const near = await started(['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']);
  const response = next(near.onMessage);
  const big = sampleRequest({ via: VIA, body: 'x'.repeat(1300) });
  const flow = await near.send(big, { transport: 'udp', host: '127.0.0.1', port });
  assert.is(flow.transport, 'tcp');
  await response;
  assert.is(seen[0]?.topVia.transport, 'TCP');
  assert.not.ok(seen[0]?.topVia.wantsRport);
  assert.is(near.counters.get('sip_size_switched_total'), 1);
  // A retransmission, and what belongs to the same transaction, takes the flow as it is.
  const small = await near.send(sampleRequest({ via: VIA }), { transport: 'udp', host: '127.0.0.1', port });
  assert.is(small.transport, 'udp');
  const exact = await near.send(sampleRequest({ via: VIA, body: 'x'.repeat(1300) }), small, { exact: true });
  assert.is(exact.transport, 'udp');
});

test('a request over 1300 bytes goes by UDP when TCP is refused, and TCP is not asked again at once', async () => {
  const far = await started(['udp:127.0.0.1:0']);
  const seen = answering(far);
  const near = await started(['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']);
  for (const callId of ['one', 'two']) {
    const response = next(near.onMessage);
    const flow = await near.send(
      sampleRequest({ via: VIA, callId, body: 'x'.repeat(2000) }),
      targetOf(far, 'udp'),
    );
    assert.is(flow.transport, 'udp');
    await response;
  }
  assert.is(seen[0]?.body.length, 2000);
  assert.equal([seen[0]?.topVia.transport, seen[0]?.topVia.wantsRport], ['UDP', true]);
  assert.is(near.counters.get('sip_size_fallbacks_total'), 2);
  assert.is(near.counters.get('sip_connects_failed_total'), 1);
});

test('a request of 1300 bytes sharp stays on UDP', async () => {
  const far = await started(['udp:127.0.0.1:0', 'tcp:127.0.0.1:0']);
  const near = await started(['udp:127.0.0.1:0']);
  const request = sampleRequest({ via: VIA });
  await near.send(request, targetOf(far, 'udp'));
  const room = 1300 - request.toBuffer().length - '00'.length - 1;
  const { port } = targetOf(far, 'udp');
  const fitting = sampleRequest({ via: VIA, body: 'x'.repeat(room) });
  const flow = await near.send(fitting, { transport: 'udp', host: '127.0.0.1', port });
  assert.ok(fitting.toBuffer().length <= 1300 && fitting.toBuffer().length > 1290);
  assert.is(flow.transport, 'udp');
});

test('an ICMP error is told on the flow of that peer only, and the flow lives on', async () => {
  const near = await started(['udp:127.0.0.1:0']);
  const far = await started(['udp:127.0.0.1:0']);
  answering(far);
  const good = await near.send(sampleRequest({ via: VIA }), targetOf(far, 'udp'));
  const told: string[] = [];
  good.onUnreachable.on(() => told.push('good'));
  const port = await deadPort();
  for (let round = 1; round <= 2; round += 1) {
    const flow = await near.send(sampleRequest({ via: VIA }), { transport: 'udp', host: '127.0.0.1', port });
    const error = await next(flow.onUnreachable);
    assert.equal([error.id, error.detail.code, flow.alive], ['transport.unreachable', 'ECONNREFUSED', true]);
  }
  const response = next(near.onMessage);
  await near.send(sampleRequest({ via: VIA }), targetOf(far, 'udp'));
  await response;
  assert.equal(told, []);
  assert.is(near.counters.get('sip_unreachable_total'), 2);
});

test('a peer that is connected to still reaches us from another port', async () => {
  const near = await started(['udp:127.0.0.1:0']);
  const peer = await rawUdp();
  const other = await rawUdp();
  const { port } = peer.address();
  const arrived = datagram(peer);
  await near.send(sampleRequest({ via: VIA }), { transport: 'udp', host: '127.0.0.1', port });
  assert.is((await arrived).port, targetOf(near, 'udp').port, 'requests leave from the port we listen on');
  const via = 'SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx;rport';
  for (const socket of [other, peer]) {
    const message = next(near.onMessage);
    socket.send(sampleRequest({ via }).toBuffer(), targetOf(near, 'udp').port, '127.0.0.1');
    assert.is((await message).flow.remote.port, socket.address().port);
  }
});

test('RFC 3581 and 18.2.2: rport, received, maddr and sent-by decide where an answer goes', async () => {
  const far = await started(['udp:127.0.0.1:0']);
  answering(far);
  const source = await rawUdp();
  const named = await rawUdp();
  const { port: there } = named.address();
  const cases = [
    [`SIP/2.0/UDP 198.51.100.9:${there};branch=z9hG4bKa;rport`, source],
    [`SIP/2.0/UDP 198.51.100.9:${there};branch=z9hG4bKb`, named],
    [`SIP/2.0/UDP 127.0.0.1:${there};branch=z9hG4bKc`, named],
    [`SIP/2.0/UDP phone.example.com:${there};branch=z9hG4bKd;received=198.51.100.7`, named],
    [`SIP/2.0/UDP 198.51.100.9:${there};branch=z9hG4bKe;maddr=127.0.0.1`, named],
  ] as const;
  for (const [via, answered] of cases) {
    const arrived = datagram(answered);
    source.send(sampleRequest({ via }).toBuffer(), targetOf(far, 'udp').port, '127.0.0.1');
    const { bytes, port } = await arrived;
    assert.is(port, targetOf(far, 'udp').port, via);
    const text = bytes.toString('latin1');
    if (via.includes('198.51.100') || via.includes('phone')) assert.match(text, 'received=127.0.0.1');
    if (via.includes(';rport')) assert.match(text, `rport=${source.address().port}`);
    assert.not.match(text, 'received=198.51.100.7', 'a sender does not choose it');
  }
});

test('a response over a connection that closed goes by a new one to the sent-by port', async () => {
  const far = await started(['tcp:127.0.0.1:0']);
  const home = await started(['tcp:127.0.0.1:0']);
  const peer = await rawTcp(targetOf(far, 'tcp'));
  const incoming = next(far.onMessage);
  const { port } = targetOf(home, 'tcp');
  peer.socket.write(sampleRequest({ via: `SIP/2.0/TCP 127.0.0.1:${port};branch=z9hG4bKz` }).toBuffer());
  const { message, flow } = await incoming;
  const closed = next(flow.onClose);
  peer.socket.destroy();
  await closed;
  const arrived = next(home.onMessage);
  const used = await far.send(SipResponse.reply(asRequest(message), 200, { toTag: 'x' }), flow);
  assert.is.not(used.id, flow.id);
  assert.instance((await arrived).message, SipResponse);
});

test('connections are shared, unless a fresh one is asked for', async () => {
  const far = await started(['tcp:127.0.0.1:0']);
  const near = await started(['tcp:127.0.0.1:0']);
  const target = targetOf(far, 'tcp');
  const [one, two] = await Promise.all([
    near.send(sampleRequest({ via: VIA, callId: 'a' }), target),
    near.send(sampleRequest({ via: VIA, callId: 'b' }), target),
  ]);
  assert.is(one, two);
  const fresh = await near.send(sampleRequest({ via: VIA, callId: 'c' }), target, { fresh: true });
  assert.is.not(fresh, one);
  assert.is(await near.send(sampleRequest({ via: VIA, callId: 'd' }), target), fresh, 'the youngest serves');
  assert.is(await near.send(sampleRequest({ via: VIA, callId: 'e' }), one), one, 'a flow means itself');
  assert.is(near.counters.get('sip_connections_opened_total'), 2);
});

test('a dead target is told with its code; UDP without a UDP address is told', async () => {
  const near = await started(['tcp:127.0.0.1:0']);
  const port = await deadPort();
  const failing = async (target: Parameters<SipTransport['send']>[1]) => {
    const { id, detail } = await failure(near.send(sampleRequest({ via: VIA }), target));
    return [id, detail.code];
  };
  assert.equal(await failing({ transport: 'tcp', host: '127.0.0.1', port }), [
    'transport.connect',
    'ECONNREFUSED',
  ]);
  assert.equal(await failing({ transport: 'udp', host: '127.0.0.1', port }), [
    'transport.unsupported',
    undefined,
  ]);
});

test('a peer that reads nothing is given up when its queue is full', async () => {
  const far = await started(['tcp:127.0.0.1:0'], { settings: { connectTimeout: Seconds(1) } });
  const peer = await rawTcp(targetOf(far, 'tcp'));
  const incoming = next(far.onMessage);
  peer.socket.write(sampleRequest({ via: 'SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKz' }).toBuffer());
  const { message, flow } = await incoming;
  peer.socket.pause();
  const response = SipResponse.reply(asRequest(message), 200, { toTag: 'x', body: 'x'.repeat(500_000) });
  const closed = next(flow.onClose);
  let sent = 0;
  try {
    for (; sent < 100; sent += 1) await far.send(response, flow);
    assert.unreachable();
  } catch (error) {
    assert.is(TandemError.is(error) && error.id, 'transport.congested');
  }
  assert.ok(sent < 50);
  assert.is((await closed)?.id, 'transport.congested');
  assert.is(far.counters.get('sip_connections_slow_closed_total'), 1);
});

test('more connections than allowed are turned away', async () => {
  const far = await started(['tcp:127.0.0.1:0'], { settings: { maxConnectionsPerAddress: 2 } });
  await rawTcp(targetOf(far, 'tcp'));
  await rawTcp(targetOf(far, 'tcp'));
  const third = await rawTcp(targetOf(far, 'tcp'));
  await third.closed;
  assert.is(far.counters.get('sip_connections_refused_total'), 1);
});

test.run();
