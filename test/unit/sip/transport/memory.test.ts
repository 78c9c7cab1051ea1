import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import type { Target, TransportName } from '#src/sip/transport/address.ts';
import { MemoryNetwork } from '#src/sip/transport/memory.ts';
import { sampleRequest } from '#test/support/sip-samples.ts';
import { suite } from '#test/support/suite.ts';
import { failure, listen } from './help.ts';

const test = suite('sip/transport/memory');
const VIA = 'SIP/2.0/UDP placeholder.invalid;branch=z9hG4bKtest';

async function pair() {
  const clock = new VirtualClock();
  const network = new MemoryNetwork({ clock, random: new SeededRandom(1) });
  const near = network.transport(['udp:192.0.2.1:5060', 'tcp:192.0.2.1:5060'].map(listen));
  const far = network.transport(['udp:192.0.2.2:5060', 'tcp:192.0.2.2:5060'].map(listen));
  await near.start();
  await far.start();
  const seen: string[] = [];
  far.onMessage.on(({ message }) => seen.push(message.callId));
  const to = (transport: TransportName): Target => ({ transport, host: '192.0.2.2', port: 5060 });
  const ask = (transport: TransportName, callId: string) =>
    near.send(sampleRequest({ via: VIA, callId }), to(transport));
  return { clock, network, near, far, seen, to, ask };
}

test('packets take their time, get lost, repeated and overtaken by UDP', async () => {
  const { clock, network, seen, ask } = await pair();
  const verdicts = [{ delay: Milliseconds(50) }, { copies: 2 }, { drop: true }, undefined];
  network.rule = () => verdicts.shift();
  for (const callId of ['slow', 'twice', 'lost', 'plain']) await ask('udp', callId);
  assert.equal(seen, []);
  await clock.advance(Milliseconds(1));
  assert.equal(seen, ['twice', 'twice', 'plain']);
  await clock.advance(Milliseconds(49));
  assert.equal(seen, ['twice', 'twice', 'plain', 'slow']);
});

test('a connection keeps order and loses nothing', async () => {
  const { clock, network, seen, ask } = await pair();
  const opening = ask('tcp', 'a');
  await clock.advance(Milliseconds(5));
  await opening;
  const verdicts = [{ delay: Milliseconds(50) }, { drop: true }, { copies: 3 }];
  network.rule = () => verdicts.shift();
  for (const callId of ['b', 'c', 'd']) await ask('tcp', callId);
  await clock.advance(Milliseconds(100));
  assert.equal(seen, ['a', 'b', 'c', 'd']);
});

test('a port in use, a refused connection, an attempt that times out', async () => {
  const { clock, network, near, to } = await pair();
  const second = network.transport([listen('udp:192.0.2.1:5060')]);
  const taken = await failure(second.start());
  assert.equal(
    [taken.id, taken.detail],
    ['transport.listen', { address: 'udp:192.0.2.1:5060', code: 'EADDRINUSE' }],
  );
  const refused = failure(near.send(sampleRequest({ via: VIA }), { ...to('tcp'), port: 9 }));
  await clock.advance(Milliseconds(10));
  assert.is((await refused).detail.code, 'ECONNREFUSED');
  network.rule = () => ({ drop: true });
  const late = failure(near.send(sampleRequest({ via: VIA }), to('tcp')));
  await clock.advance(Milliseconds(4000));
  assert.is((await late).detail.code, 'ETIMEDOUT');
});

test('closing one end closes the other; stopping closes all', async () => {
  const { clock, near, far, ask } = await pair();
  const ends: string[] = [];
  far.onFlow.on((flow) => flow.onClose.on((error) => ends.push(`far ${error?.id}`)));
  const opening = ask('tcp', 'a');
  await clock.advance(Milliseconds(5));
  const flow = await opening;
  flow.onClose.on((error) => ends.push(`near ${error?.id}`));
  await near.stop();
  await clock.advance(Milliseconds(5));
  assert.equal(ends, ['near undefined', 'far transport.closed']);
  assert.is(clock.pending, 0);
  const error = await failure(near.send(sampleRequest({ via: VIA }), flow));
  assert.is(error.id, 'transport.closed');
});

test('the size rule works here as on real sockets', async () => {
  const { clock, near, far, to } = await pair();
  const sending = near.send(sampleRequest({ via: VIA, body: 'x'.repeat(1500) }), to('udp'));
  await clock.advance(Milliseconds(5));
  assert.is((await sending).transport, 'tcp');
  assert.is(far.counters.get('sip_messages_received_total'), 1);
});

test.run();
