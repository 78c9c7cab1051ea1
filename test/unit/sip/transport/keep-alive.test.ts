import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { SeededRandom, SystemRandom } from '#src/base/random.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { BACK_OFF_BASE_ALL_FAILED, BACK_OFF_MAX, backOff } from '#src/sip/transport/back-off.ts';
import { KeepAlive } from '#src/sip/transport/keep-alive.ts';
import { MemoryNetwork } from '#src/sip/transport/memory.ts';
import {
  bindingRefusal,
  bindingRequest,
  bindingSuccess,
  isStun,
  parseStun,
} from '#src/sip/transport/stun.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import { sampleRequest } from '#test/support/sip-samples.ts';
import { suite } from '#test/support/suite.ts';
import { closeAll, datagram, next, rawTcp, rawUdp, started, targetOf } from './help.ts';

const test = suite('sip/transport/keep-alive');
test.after.each(closeAll);

const VIA = 'SIP/2.0/UDP placeholder.invalid;branch=z9hG4bKtest';
const EVERY_MINUTE = { interval: Seconds(60), kind: 'auto' } as const;

test('a CRLF CRLF is answered with one CRLF, between messages and alone', async () => {
  const far = await started(['tcp:127.0.0.1:0']);
  const peer = await rawTcp(targetOf(far, 'tcp'));
  peer.socket.write('\r\n\r\n');
  assert.is(await peer.until(/\r\n/), '\r\n');
  const message = next(far.onMessage);
  const bytes = sampleRequest({ via: 'SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx' }).toBuffer();
  peer.socket.write(Buffer.concat([Buffer.from('\r\n\r\n'), bytes, Buffer.from('\r\n\r\n')]));
  await message;
  assert.is(await peer.until(/(\r\n){3}/), '\r\n\r\n\r\n');
  assert.is(far.counters.get('sip_keepalives_answered_total'), 3);
});

test('a STUN binding request is answered with the address it came from, IPv4 and IPv6', async () => {
  for (const host of ['127.0.0.1', '::1']) {
    const far = await started([`udp:${host === '::1' ? '[::1]' : host}:0`]);
    const peer = await rawUdp(host);
    const id = Buffer.from('0123456789ab');
    const arrived = datagram(peer);
    peer.send(bindingRequest(id), targetOf(far, 'udp').port, host);
    const read = parseStun((await arrived).bytes);
    assert.ok(read.ok);
    assert.equal(read.ok && [read.value.kind, read.value.id, read.value.mapped], [
      'success',
      id,
      { host, port: peer.address().port },
    ]);
  }
});

test('our TCP and UDP flows stay alive while the far end answers', async () => {
  const far = await started(['tcp:127.0.0.1:0', 'udp:127.0.0.1:0']);
  for (const transport of ['tcp', 'udp'] as const) {
    const clock = new VirtualClock();
    const near = await started(['udp:127.0.0.1:0'], { clock });
    const flow = await near.send(sampleRequest({ via: VIA }), targetOf(far, transport));
    flow.keepAlive(EVERY_MINUTE);
    const before = far.counters.get('sip_keepalives_answered_total');
    for (let round = 1; round <= 5; round += 1) {
      await untilPing(clock, near, round);
      await settled(() => far.counters.get('sip_keepalives_answered_total') >= round + before);
    }
    assert.ok(flow.alive, transport);
  }
});

/** In steps shorter than any repetition, so that the answer of a real socket comes in time. */
async function untilPing(clock: VirtualClock, near: Transport, count: number): Promise<void> {
  const sent = (): number => near.counters.get('sip_keepalives_sent_total');
  for (let step = 0; step <= 200 && sent() < count; step += 1) await clock.advance(Milliseconds(400));
  assert.is(sent(), count);
}

/** Lets sockets work until something holds. */
async function settled(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !holds(); turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
  assert.ok(holds());
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

test('a TCP peer that does not answer a ping in 10 s: the flow fails', async () => {
  const clock = new VirtualClock();
  const near = await started(['tcp:127.0.0.1:0'], { clock });
  const accepted = next(near.onFlow);
  const peer = await rawTcp(targetOf(near, 'tcp'));
  const flow = await accepted;
  peer.socket.write(sampleRequest({ via: 'SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx' }).toBuffer());
  await next(near.onMessage);
  flow.keepAlive(EVERY_MINUTE);
  const pinged = peer.until(/\r\n\r\n/);
  await untilPing(clock, near, 1);
  assert.is(await pinged, '\r\n\r\n');
  assert.ok(flow.alive);
  const closed = next(flow.onClose);
  await clock.advance(Milliseconds(10_000));
  assert.is((await closed)?.id, 'transport.flow-failed');
  assert.not.ok(flow.alive);
  assert.is(near.counters.get('sip_flows_failed_total'), 1);
});

test('pings to which no answer was promised fail nothing', async () => {
  const clock = new VirtualClock();
  const near = await started(['tcp:127.0.0.1:0'], { clock });
  const accepted = next(near.onFlow);
  const peer = await rawTcp(targetOf(near, 'tcp'));
  const flow = await accepted;
  peer.socket.write(sampleRequest({ via: 'SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx' }).toBuffer());
  await next(near.onMessage);
  flow.keepAlive({ interval: Seconds(30), kind: 'crlf', answered: false });
  const pinged = peer.until(/(\r\n){4}/);
  await clock.advance(Milliseconds(600_000));
  assert.match(await pinged, /^(\r\n){4}/);
  assert.ok(flow.alive);
});

async function memoryPair() {
  const clock = new VirtualClock();
  const network = new MemoryNetwork({ clock, random: new SeededRandom(7) });
  const near = network.transport([{ transport: 'udp', host: '192.0.2.1', port: 5060 }]);
  const far = network.transport([{ transport: 'udp', host: '192.0.2.2', port: 5060 }]);
  await near.start();
  await far.start();
  const flow = await near.send(sampleRequest({ via: VIA }), {
    transport: 'udp',
    host: '192.0.2.2',
    port: 5060,
  });
  return { clock, network, near, far, flow };
}

test('a lost STUN request is repeated; ten seconds of silence fail the flow', async () => {
  const { clock, network, near, flow } = await memoryPair();
  flow.keepAlive(EVERY_MINUTE);
  const times: number[] = [];
  let lost = 2;
  network.rule = ({ bytes }) => {
    if (!isStun(bytes) || bytes.readUInt16BE(0) !== 1) return undefined;
    times.push(clock.now());
    lost -= 1;
    return { drop: lost >= 0 };
  };
  await clock.advance(Milliseconds(65_000));
  const [first = 0] = times;
  assert.equal(
    times.map((time) => time - first),
    [0, 500, 1500],
  );
  assert.ok(flow.alive && first >= 48_000 && first <= 60_000);
  lost = Number.POSITIVE_INFINITY;
  await clock.advance(Milliseconds(80_000));
  assert.not.ok(flow.alive);
  assert.is(near.counters.get('sip_flows_failed_total'), 1);
  assert.is(clock.pending, 0);
});

test('a mapped address that changes fails the flow (RFC 5626 4.4.2)', async () => {
  const { clock, network, far, flow } = await memoryPair();
  flow.keepAlive(EVERY_MINUTE);
  await clock.advance(Milliseconds(61_000));
  assert.ok(flow.alive);
  const errors: unknown[] = [];
  flow.onClose.on((error) => errors.push(error?.detail.reason));
  network.rule = (packet) => {
    if (!isStun(packet.bytes) || packet.from.host !== '192.0.2.2') return undefined;
    const read = parseStun(packet.bytes);
    if (!read.ok) return undefined;
    const forged = { ...packet, bytes: bindingSuccess(read.value.id, { host: '203.0.113.5', port: 4 }) };
    network.rule = undefined;
    network.carry(forged, () => network.at('udp', packet.to)?.deliver(forged));
    return { drop: true };
  };
  await clock.advance(Milliseconds(61_000));
  assert.equal(errors, ['mapped address changed']);
  await far.stop();
});

test('plain CRLF over UDP is never expected to be answered', async () => {
  const { clock, network, flow } = await memoryPair();
  flow.keepAlive({ interval: Seconds(30), kind: 'crlf' });
  await clock.advance(Milliseconds(600_000));
  assert.ok(flow.alive);
  assert.ok(network.packets.filter(({ bytes }) => bytes.toString() === '\r\n\r\n').length >= 20);
  flow.close();
  assert.is(clock.pending, 0);
});

test('pauses are 80 to 100 % of the interval', async () => {
  const clock = new VirtualClock();
  const pauses: number[] = [];
  let last = 0;
  const keepAlive = new KeepAlive({
    ...{ clock, random: new SystemRandom(), interval: Seconds(100), repeat: false, answered: true },
    ping: () => {
      pauses.push(clock.now() - last);
      last = clock.now();
      queueMicrotask(() => keepAlive.pong());
    },
    onFailure: () => assert.unreachable(),
  });
  await clock.advance(Milliseconds(20_000_000));
  keepAlive.stop();
  assert.ok(pauses.length >= 200 && pauses.every((each) => each >= 80_000 && each <= 100_000));
  assert.ok(Math.max(...pauses) - Math.min(...pauses) > 15_000);
  assert.is(clock.pending, 0);
});

test('the back-off lies between half and all of min(max, base * 2^failures)', () => {
  const random = new SystemRandom();
  for (let failures = 0; failures < 12; failures += 1) {
    const bound = Math.min(1800, 30 * 2 ** failures);
    const waits = Array.from({ length: 200 }, () =>
      backOff({ base: BACK_OFF_BASE_ALL_FAILED, max: BACK_OFF_MAX, failures, random }),
    );
    assert.ok(waits.every((wait) => wait >= bound / 2 && wait <= bound));
    assert.ok(Math.max(...waits) - Math.min(...waits) > bound / 4, 'it is spread');
  }
  const edges = [0, 1 - 2 ** -32].map((uniform) =>
    backOff({
      base: Seconds(4),
      max: Seconds(60),
      failures: 2,
      random: { uniform: () => uniform, bytes: Buffer.alloc },
    }),
  );
  assert.is(edges[0], 8);
  assert.ok((edges[1] ?? 0) > 15.9 && (edges[1] ?? 0) <= 16);
});

// RFC 5769 2.2 and 2.3: sample responses, the values behind them as the RFC gives them.
const SAMPLE_ID = 'b7e7a701bc34d686fa87dfae';
test('STUN as RFC 5389 writes it: bytes of a request and a success', () => {
  const id = Buffer.from(SAMPLE_ID, 'hex');
  const request = bindingRequest(id).toString('hex');
  const head = [
    '0001', // binding request
    '0008', // eight octets of attributes: the fingerprint
    '2112a442', // magic cookie
    SAMPLE_ID,
    '80280004', // FINGERPRINT, four octets
  ].join('');
  assert.is(request.slice(0, head.length), head);
  const success = bindingSuccess(id, { host: '192.0.2.1', port: 32853 }).toString('hex');
  // RFC 5769 2.2: XOR-MAPPED-ADDRESS of 192.0.2.1:32853.
  assert.match(success, '002000080001a147e112a643');
  const six = bindingSuccess(id, { host: '2001:db8:1234:5678:11:2233:4455:6677', port: 32853 }).toString(
    'hex',
  );
  // RFC 5769 2.3.
  assert.match(six, '002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9');
});

test('STUN that is cut, changed or of another kind is an error, never an exception', () => {
  const id = Buffer.from(SAMPLE_ID, 'hex');
  const good = bindingSuccess(id, { host: '192.0.2.1', port: 1 });
  assert.ok(parseStun(good).ok);
  for (let length = 0; length < good.length; length += 1)
    assert.not.ok(parseStun(good.subarray(0, length)).ok);
  for (let at = 0; at < good.length; at += 1) {
    const changed = Buffer.from(good);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    const read = parseStun(changed);
    // Without its type the fingerprint is an attribute like any other.
    assert.is(read.ok, at === 32 || at === 33, `octet ${at}`);
  }
  const refusal = parseStun(bindingRefusal(id, [0x7777]));
  assert.ok(refusal.ok && refusal.value.kind === 'error');
});

test.run();
