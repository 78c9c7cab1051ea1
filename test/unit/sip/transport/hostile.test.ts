import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { Milliseconds } from '#src/base/units.ts';
import { sampleRequest } from '#test/support/sip-samples.ts';
import { suite } from '#test/support/suite.ts';
import { closeAll, next, rawTcp, rawUdp, started, targetOf } from './help.ts';

const test = suite('sip/transport/hostile');
test.after.each(closeAll);

const VIA = 'SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKx';
const whole = sampleRequest({ via: VIA }).toBuffer();

test('60 kB of a CRLF CRLF over TCP: one fault, the connection closes, the next one works', async () => {
  const far = await started(['tcp:127.0.0.1:0']);
  const peer = await rawTcp(targetOf(far, 'tcp'));
  let faults = 0;
  far.onFault.on(() => {
    faults += 1;
  });
  peer.socket.write('a\r\n\r\n'.repeat(12_000));
  await peer.closed;
  assert.is(faults, 1);
  assert.is(far.counters.get('sip_faults_dropped_total'), 1);
  const again = await rawTcp(targetOf(far, 'tcp'));
  const message = next(far.onMessage);
  again.socket.write(whole);
  await message;
});

test('Content-Length: abc over TCP: a fault that can be answered, then the connection closes', async () => {
  const far = await started(['tcp:127.0.0.1:0']);
  const peer = await rawTcp(targetOf(far, 'tcp'));
  const fault = next(far.onFault);
  peer.socket.write(whole.toString('latin1').replace('Content-Length: 0', 'Content-Length: abc'));
  const { fault: told, flow } = await fault;
  assert.is(told.status, 400);
  assert.is(told.partial?.topVia.branch, 'z9hG4bKx');
  await peer.closed;
  assert.not.ok(flow.alive);
});

test('a message cut anywhere, and several in one piece, arrive', async () => {
  const far = await started(['tcp:127.0.0.1:0']);
  const peer = await rawTcp(targetOf(far, 'tcp'));
  const seen: string[] = [];
  const third = next(far.onMessage, ({ message }) => {
    seen.push(message.callId);
    return seen.length === 3;
  });
  const bytes = Buffer.concat(
    ['a', 'b', 'c'].map((callId) => sampleRequest({ via: VIA, callId, body: 'body' }).toBuffer()),
  );
  peer.socket.setNoDelay(true);
  for (let at = 0; at < bytes.length; at += 97) {
    peer.socket.write(bytes.subarray(at, at + 97));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await third;
  assert.equal(seen, ['a', 'b', 'c']);
});

test('half a message, however slowly it grows, ends the connection in 20 s', async () => {
  const clock = new VirtualClock();
  const far = await started(['tcp:127.0.0.1:0'], { clock });
  const peer = await rawTcp(targetOf(far, 'tcp'));
  const message = next(far.onMessage);
  peer.socket.write(Buffer.concat([whole, whole.subarray(0, 40)]));
  const { flow } = await message;
  await clock.advance(Milliseconds(19_999));
  assert.ok(flow.alive);
  const closed = next(flow.onClose);
  await clock.advance(Milliseconds(1));
  assert.is((await closed)?.id, 'transport.closed');
  assert.is(far.counters.get('sip_connections_slow_closed_total'), 1);
});

test('an accepted connection that says nothing is closed in 32 s; one that spoke stays for two hours', async () => {
  const clock = new VirtualClock();
  const far = await started(['tcp:127.0.0.1:0'], { clock });
  const accepted = next(far.onFlow);
  await rawTcp(targetOf(far, 'tcp'));
  const mute = await accepted;
  const talker = await rawTcp(targetOf(far, 'tcp'));
  const message = next(far.onMessage);
  talker.socket.write(whole);
  const { flow } = await message;
  await clock.advance(Milliseconds(31_999));
  assert.ok(mute.alive);
  await clock.advance(Milliseconds(1));
  assert.not.ok(mute.alive);
  await clock.advance(Milliseconds(7_100_000));
  assert.ok(flow.alive);
  await clock.advance(Milliseconds(3_600_000));
  assert.not.ok(flow.alive);
  assert.is(far.counters.get('sip_connections_idle_closed_total'), 1);
});

test('datagrams of rubbish, line ends, cut STUN and nothing at all are counted, nothing else happens', async () => {
  const far = await started(['udp:127.0.0.1:0']);
  const peer = await rawUdp();
  const cutStun = Buffer.alloc(24);
  cutStun.writeUInt16BE(1, 0);
  cutStun.writeUInt16BE(400, 2);
  cutStun.writeUInt32BE(0x2112a442, 4);
  const rubbish = ['\r\n\r\n', '\0\0\0\0', 'hello', '\x80\x81\x82', 'a\r\n\r\n'.repeat(12_000), cutStun, ''];
  const { port } = targetOf(far, 'udp');
  for (const each of rubbish) peer.send(each, port, '127.0.0.1');
  const message = next(far.onMessage);
  peer.send(whole, port, '127.0.0.1');
  await message;
  const counted = (['sip_stray_datagrams_total', 'sip_faults_received_total'] as const).map((name) =>
    far.counters.get(name),
  );
  assert.equal(counted, [4, 3]);
  assert.is(far.counters.get('sip_messages_received_total'), 1);
});

test('a thousand UDP senders: pairs remembered are bounded', async () => {
  const far = await started(['udp:127.0.0.1:0'], { settings: { maxUdpFlows: 4 } });
  const flows = new Set<string>();
  const { port } = targetOf(far, 'udp');
  for (let count = 0; count < 20; count += 1) {
    const peer = await rawUdp();
    const message = next(far.onMessage);
    peer.send(whole, port, '127.0.0.1');
    const { flow } = await message;
    flows.add(flow.id);
    assert.ok(flow.alive);
  }
  assert.is(flows.size, 20);
});

test.run();
