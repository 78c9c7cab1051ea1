// What a call tells the media engine: each line of the SDP that was agreed arrives there.
import * as assert from 'uvu/assert';
import type { StreamConfig } from '#src/call/media.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp } from './harness.ts';

const test = suite('call/sound-settings');

/** The configuration after a call with `lines` more in the offer's audio. */
async function agreed(...lines: readonly string[]): Promise<StreamConfig | undefined> {
  const world = await makeWorld();
  const peer = world.peer.call('a');
  await peer.invite({ body: sdp() + lines.map((line) => `${line}\r\n`).join('') });
  world.manager.get(world.latest().id)?.answer();
  await world.advance(5);
  await peer.ack();
  const last = world.media.streams[0]?.last;
  await peer.send('BYE');
  return last;
}

test('RTCP goes beside RTP unless a=rtcp says where', async () => {
  const remote = { address: PEER.host, port: 4000 };
  assert.equal((await agreed())?.remote, { ...remote, rtcpPort: 4001 });
  assert.equal((await agreed('a=rtcp:5000'))?.remote, { ...remote, rtcpPort: 5000 });
  assert.equal((await agreed('a=rtcp:5000 IN IP4 192.0.2.50'))?.remote, {
    ...remote,
    rtcpAddress: '192.0.2.50',
    rtcpPort: 5000,
  });
  assert.equal((await agreed('a=rtcp:5000 IN IP4 media.example'))?.remote, {
    ...remote,
    rtcpAddress: '192.0.2.77',
    rtcpPort: 5000,
  });
  assert.equal((await agreed('a=rtcp:5000 IN IP6 2001:db8::1'))?.remote, { ...remote, rtcpPort: 5000 });
});

test('the bandwidths of RTCP, and none of it when both are zero', async () => {
  assert.equal((await agreed())?.rtcp, { enabled: true });
  assert.is((await agreed('b=RS:0', 'b=RR:1500'))?.rtcp?.receivers, 1500);
  assert.is((await agreed('b=RS:0', 'b=RR:0'))?.rtcp?.enabled, false);
});

test('payload types by direction: the peer numbers its answer differently', async () => {
  const world = await makeWorld();
  const peer = world.peer.call('a');
  await peer.invite({ body: undefined });
  world.manager.get(world.latest().id)?.answer();
  await world.advance(5);
  await peer.ack(sdp({ payload: '8 121' }).replace(':101', ':121'));
  const last = world.media.streams[0]?.last;
  assert.is(last?.codec.payloadType, 8);
  assert.is(last?.codec.receivePayloadType, 8);
  assert.is(last?.dtmf?.payloadType, 121);
  assert.is(last?.dtmf?.receivePayloadType, 101);
  await peer.send('BYE');
});

test.run();
