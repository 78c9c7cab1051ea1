import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { type Pcscf, PcscfList, pcscfRoute } from '#src/ims/pcscf.ts';
import { isSipUri, parseUri, type SipUri } from '#src/sip/message/uri.ts';
import type { Target } from '#src/sip/transport/address.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('ims/pcscf');

function sip(text: string): SipUri {
  const result = parseUri(text);
  if (!result.ok || !isSipUri(result.value)) throw new Error(text);
  return result.value;
}

const tls = (host: string): Target => ({ transport: 'tls', host, port: 5061 });

/** `two.example` has two addresses, `dead.example` none, anything else is an address itself. */
function names(asked: string[] = []) {
  return {
    resolve: async (uri: SipUri): Promise<Target[]> => {
      asked.push(uri.toString());
      if (uri.host === 'dead.example') throw new TandemError('network', 'dns.failed', 'No answer.');
      if (uri.host === 'two.example') return [tls('192.0.2.1'), tls('192.0.2.2')];
      return [tls(uri.host)];
    },
  };
}

async function round(list: PcscfList): Promise<Pcscf[]> {
  const found: Pcscf[] = [];
  list.begin();
  for (let next = await list.next(); next; next = await list.next()) found.push(next);
  return found;
}
const hosts = (found: readonly Pcscf[]): string[] => found.map(({ target }) => target.host);

test('the configured order, every address once, looked up only when its turn comes', async () => {
  const asked: string[] = [];
  const uris = [sip('sip:two.example'), sip('sip:dead.example'), sip('sip:192.0.2.2'), sip('sip:192.0.2.9')];
  const list = new PcscfList(uris, names(asked), new VirtualClock());
  list.begin();
  assert.is((await list.next())?.target.host, '192.0.2.1');
  assert.equal(asked, ['sip:two.example;transport=tls']);
  assert.equal(hosts(await round(list)), ['192.0.2.1', '192.0.2.2', '192.0.2.9']);
  assert.is(list.failure?.id, 'dns.failed');
});

test('[MD-2.2.2a3] one that failed comes last until its time is over; one with Retry-After not at all', async () => {
  const clock = new VirtualClock();
  const list = new PcscfList(
    [sip('sip:192.0.2.1'), sip('sip:192.0.2.2'), sip('sip:192.0.2.3')],
    names(),
    clock,
  );
  const [first, second] = await round(list);
  if (!first || !second) throw new Error('no P-CSCF');
  list.block(first, Seconds(330), 'soft');
  list.block(second, Seconds(600), 'hard');
  assert.equal(hosts(await round(list)), ['192.0.2.3', '192.0.2.1']);
  await clock.advance(Milliseconds(330_000));
  assert.equal(hosts(await round(list)), ['192.0.2.1', '192.0.2.3']);
  await clock.advance(Milliseconds(270_000));
  assert.equal(hosts(await round(list)), ['192.0.2.1', '192.0.2.2', '192.0.2.3']);
});

test('a list made from the domain leaves the transport to RFC 3263', async () => {
  const asked: string[] = [];
  const list = new PcscfList([sip('sip:fritz.example')], names(asked), new VirtualClock(), true);
  await round(list);
  assert.equal(asked, ['sip:fritz.example']);
});

test('a proxy named by a 305 is tried first, once', async () => {
  const list = new PcscfList([sip('sip:192.0.2.1')], names(), new VirtualClock());
  list.redirect(sip('sip:192.0.2.7'));
  assert.equal(hosts(await round(list)), ['192.0.2.7', '192.0.2.1']);
  assert.equal(hosts(await round(list)), ['192.0.2.1']);
});

test('the Route carries the address and the port of the registration', () => {
  const target: Target = { transport: 'tls', host: '2001:db8::1', port: 5061, serverName: 'two.example' };
  assert.is(
    pcscfRoute({ uri: sip('sip:two.example'), target }).toString(),
    '<sip:[2001:db8::1]:5061;transport=tls;lr>',
  );
});

test.run();
