import * as assert from 'uvu/assert';
import { SystemClock } from '#src/base/clock.ts';
import { silentLogger } from '#src/base/log.ts';
import { SystemRandom } from '#src/base/random.ts';
import { SipResponse } from '#src/sip/message/message.ts';
import { TransactionLayer } from '#src/sip/transaction/layer.ts';
import { SIP_TIMERS } from '#src/sip/transaction/timers.ts';
import type { SipTransport } from '#src/sip/transport/sip-transport.ts';
import { sampleRequest } from '#test/support/sip-samples.ts';
import { suite } from '#test/support/suite.ts';
import { closeAll, deadPort, rawTcp, started, targetOf } from '../transport/help.ts';

const test = suite('sip/transaction over real sockets');
test.after.each(closeAll);

const layerOver = (transport: SipTransport): TransactionLayer =>
  new TransactionLayer({
    ...{
      transport,
      clock: new SystemClock(),
      random: new SystemRandom(),
      timers: SIP_TIMERS,
      log: silentLogger(),
    },
  });

test('a refused UDP port ends its own transaction at once; the one beside it is answered', async () => {
  const near = layerOver(await started(['udp:127.0.0.1:0']));
  const farSide = await started(['udp:127.0.0.1:0']);
  const far = layerOver(farSide);
  far.onRequest.on((server) => server.respond(SipResponse.reply(server.request, 200, { toTag: 'x' })));
  const port = await deadPort();
  const failed = new Promise<string>((resolve, reject) =>
    near.request(
      sampleRequest({ callId: 'dead' }),
      { transport: 'udp', host: '127.0.0.1', port },
      {
        onResponse: () => reject(new Error('nobody is there')),
        onFailure: ({ id, detail }) => resolve(`${id} ${detail.code}`),
      },
    ),
  );
  const answered = new Promise<number>((resolve, reject) =>
    near.request(sampleRequest({ callId: 'live' }), targetOf(farSide, 'udp'), {
      onResponse: ({ status }) => resolve(status),
      onFailure: reject,
    }),
  );
  assert.is(await failed, 'sip.transport ECONNREFUSED');
  assert.is(await answered, 200);
  near.stop();
  far.stop();
});

test('Content-Length: abc over TCP is answered 400, then the connection closes; the next one works', async () => {
  const transport = await started(['tcp:127.0.0.1:0']);
  const layer = layerOver(transport);
  layer.onRequest.on((server) => server.respond(SipResponse.reply(server.request, 200, { toTag: 'x' })));
  const via = 'SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKx';
  const good = sampleRequest({ via }).toBuffer();
  const bad = good.toString('latin1').replace('Content-Length: 0', 'Content-Length: abc');
  const peer = await rawTcp(targetOf(transport, 'tcp'));
  peer.socket.write(bad);
  assert.match(await peer.until(/\r\n\r\n/), /^SIP\/2\.0 400 /);
  await peer.closed;
  const again = await rawTcp(targetOf(transport, 'tcp'));
  again.socket.write(good);
  assert.match(await again.until(/\r\n\r\n/), /^SIP\/2\.0 200 /);
  assert.is(layer.counters.get('sip_bad_requests_answered_total'), 1);
  layer.stop();
});

test('60 kB of a CRLF CRLF over TCP are met with a close and no more', async () => {
  const transport = await started(['tcp:127.0.0.1:0']);
  const layer = layerOver(transport);
  const peer = await rawTcp(targetOf(transport, 'tcp'));
  peer.socket.write('a\r\n\r\n'.repeat(12_000));
  await peer.closed;
  assert.is(await peer.until(/never/), '');
  assert.is(layer.size, 0);
  layer.stop();
});

test('a large request that falls back to UDP is a UDP transaction, and is answered', async () => {
  const near = layerOver(await started(['udp:127.0.0.1:0']));
  const farSide = await started(['udp:127.0.0.1:0']);
  const far = layerOver(farSide);
  far.onRequest.on((server) => server.respond(SipResponse.reply(server.request, 200, { toTag: 'x' })));
  const client = await new Promise<string>((resolve, reject) => {
    const transaction = near.request(
      sampleRequest({ method: 'MESSAGE', body: 'x'.repeat(4000) }),
      targetOf(farSide, 'udp'),
      {
        onResponse: (_, flow) => resolve(`${flow.transport} ${transaction.flow?.transport}`),
        onFailure: reject,
      },
    );
  });
  assert.is(client, 'udp udp');
  near.stop();
  far.stop();
});

test.run();
