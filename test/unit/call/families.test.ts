import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { makeWorld, sdp } from './harness.ts';

const test = suite('call/families');

test('an offer of IPv6 over IPv4 signalling is answered by IPv6 where we have it, else 488', async () => {
  for (const [own, status] of [
    ['2001:db8::1', 200],
    ['::1', 488],
  ] as const) {
    const world = await makeWorld();
    const { transport } = world.ua;
    const usual = transport.localContact.bind(transport);
    transport.localContact = (to) =>
      'host' in to && to.host.includes(':') ? { host: own, port: 5060, transport: 'udp' } : usual(to);
    const call = world.peer.call(`six-${status}`);
    await call.invite({ body: sdp().replace(/c=IN IP4 .*/, 'c=IN IP6 2001:db8::9') });
    if (status === 488) {
      assert.is(call.statuses().at(-1), 488);
      continue;
    }
    world.manager.get(world.latest().id)?.answer();
    await world.advance(5);
    const answer = call.responses.find((response) => response.isSuccess)?.body.toString() ?? '';
    assert.match(answer, /c=IN IP6 2001:db8::1\r\n/);
    assert.is(world.media.streams[0]?.options.address, own);
    assert.is(world.media.streams[0]?.last?.remote.address, '2001:db8::9');
  }
});

test.run();
