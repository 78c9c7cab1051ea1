import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { parseUri, SipUri } from '#src/sip/message/uri.ts';
import { orderNaptr, orderSrv } from '#src/sip/resolver/order.ts';
import { Resolver, type ResolverOptions } from '#src/sip/resolver/resolver.ts';
import type { Target } from '#src/sip/transport/address.ts';
import { type DnsRecord, type DnsServer, startDns } from '#test/support/dns-server.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('sip/resolver');

const a = (address: string): DnsRecord => ({ type: 'A', address });
const aaaa = (address: string): DnsRecord => ({ type: 'AAAA', address });
const srv = (target: string, port: number, priority = 1, weight = 0): DnsRecord => ({
  ...{ type: 'SRV', target, port, priority, weight },
});
const naptr = (order: number, service: string, replacement: string, flags = 's'): DnsRecord => ({
  ...{ type: 'NAPTR', order, preference: 10, flags, service, replacement },
});

/** The example of RFC 3263 4.1, with addresses. */
const ZONE: Readonly<Record<string, DnsRecord[]>> = {
  'example.com': [
    naptr(50, 'SIPS+D2T', '_sips._tcp.example.com'),
    naptr(90, 'SIP+D2T', '_sip._tcp.example.com'),
    naptr(100, 'SIP+D2U', '_sip._udp.example.com'),
    naptr(10, 'E2U+sip', 'elsewhere.example.com'),
    a('192.0.2.200'),
  ],
  '_sips._tcp.example.com': [srv('s1.example.com', 5071)],
  '_sip._tcp.example.com': [srv('s2.example.com', 5062, 2), srv('s1.example.com', 5060, 1)],
  '_sip._udp.example.com': [srv('s1.example.com', 5060)],
  's1.example.com': [a('192.0.2.1'), aaaa('2001:db8::1')],
  's2.example.com': [a('192.0.2.2'), a('192.0.2.3')],
  'plain.example': [a('192.0.2.9')],
  'door.local': [a('192.0.2.44')],
  'srvonly.example': [],
  '_sip._udp.srvonly.example': [srv('s2.example.com', 5066)],
  'absent.example': [],
  '_sip._tcp.absent.example': [{ type: 'SRV', target: '.', port: 0, priority: 0, weight: 0 }],
};

interface Bench {
  readonly dns: DnsServer;
  readonly clock: VirtualClock;
  readonly resolver: Resolver;
  readonly ask: (uri: string) => Promise<string[]>;
  readonly fails: (uri: string) => Promise<TandemError>;
}

async function withDns(
  body: (bench: Bench) => Promise<void>,
  options: Partial<ResolverOptions> = {},
): Promise<void> {
  const dns = await startDns(ZONE);
  const clock = new VirtualClock();
  const resolver = new Resolver({
    ...{ clock, random: new SeededRandom(3), dns: dns.address, timeout: Seconds(0.15), tries: 1 },
    ...{ families: ['ipv4', 'ipv6'], ...options },
  });
  const ask = async (uri: string): Promise<string[]> => (await resolver.resolve(sip(uri))).map(show);
  const fails = async (uri: string): Promise<TandemError> => {
    try {
      await ask(uri);
    } catch (error) {
      if (error instanceof TandemError) return error;
      throw error;
    }
    throw new Error(`${uri} led somewhere`);
  };
  try {
    await body({ dns, clock, resolver, ask, fails });
  } finally {
    await dns.close();
  }
}

const show = ({ transport, host, port, serverName }: Target): string =>
  `${transport} ${host} ${port}${serverName === undefined ? '' : ` ${serverName}`}`;

function sip(text: string): SipUri {
  const uri = parseUri(text);
  if (uri.ok && uri.value instanceof SipUri) return uri.value;
  throw new Error(text);
}

test('a numeric host, a port, a transport, maddr: nothing more is asked than needed', () =>
  withDns(async ({ dns, ask }) => {
    assert.equal(await ask('sip:192.0.2.7'), ['udp 192.0.2.7 5060']);
    assert.equal(await ask('sip:[2001:db8::7]:5070;transport=tcp'), ['tcp 2001:db8::7 5070']);
    assert.equal(await ask('sips:192.0.2.7'), ['tls 192.0.2.7 5061 192.0.2.7']);
    assert.equal(await ask('sips:192.0.2.7;transport=tcp'), ['tls 192.0.2.7 5061 192.0.2.7']);
    assert.equal(await ask('sip:bob@example.com;maddr=192.0.2.8;transport=TCP'), ['tcp 192.0.2.8 5060']);
    assert.equal(await ask('sip:localhost'), ['udp 127.0.0.1 5060', 'udp ::1 5060']);
    assert.equal(dns.asked, []);
    assert.equal(await ask('sip:example.com:5099'), ['udp 192.0.2.200 5099']);
    assert.equal(dns.asked.sort(), ['A example.com', 'AAAA example.com']);
    assert.equal(await ask('sip:door.local;transport=tcp'), ['tcp 192.0.2.44 5060']);
    assert.equal(
      dns.asked.filter((each) => /NAPTR|SRV/.test(each)),
      [],
    );
  }));

test('NAPTR decides the transports, SRV the hosts, both in their order (RFC 3263 4.1)', () =>
  withDns(async ({ ask }) => {
    assert.equal(await ask('sip:bob@example.com'), [
      'tls 192.0.2.1 5071 example.com',
      'tls 2001:db8::1 5071 example.com',
      'tcp 192.0.2.1 5060',
      'tcp 2001:db8::1 5060',
      'tcp 192.0.2.2 5062',
      'tcp 192.0.2.3 5062',
      'udp 192.0.2.1 5060',
      'udp 2001:db8::1 5060',
    ]);
    assert.equal(await ask('sips:bob@example.com'), [
      'tls 192.0.2.1 5071 example.com',
      'tls 2001:db8::1 5071 example.com',
    ]);
    assert.equal(await ask('sip:bob@example.com;transport=tcp'), [
      'tcp 192.0.2.1 5060',
      'tcp 2001:db8::1 5060',
      'tcp 192.0.2.2 5062',
      'tcp 192.0.2.3 5062',
    ]);
  }));

test('only what we speak is used; the family order is ours', () =>
  withDns(
    async ({ ask }) => {
      assert.equal(await ask('sip:bob@example.com'), ['udp 2001:db8::1 5060', 'udp 192.0.2.1 5060']);
    },
    { transports: ['udp'], families: ['ipv6', 'ipv4'] },
  ));

test('without NAPTR the SRV records of each transport, without those the host itself', () =>
  withDns(async ({ dns, ask }) => {
    assert.equal(await ask('sip:srvonly.example'), ['udp 192.0.2.2 5066', 'udp 192.0.2.3 5066']);
    assert.equal(await ask('sip:plain.example'), ['udp 192.0.2.9 5060']);
    assert.equal(await ask('sips:plain.example'), ['tls 192.0.2.9 5061 plain.example']);
    assert.equal(await ask('sip:plain.example;transport=tls'), ['tls 192.0.2.9 5061 plain.example']);
    dns.zone.set('flag.example', [naptr(1, 'SIP+D2T', 's2.example.com', 'a')]);
    assert.equal(await ask('sip:flag.example'), ['tcp 192.0.2.2 5060', 'tcp 192.0.2.3 5060']);
  }));

test('a name that leads nowhere is dns.no-records, a server that fails is dns.failed with what was asked', () =>
  withDns(async ({ dns, fails }) => {
    const nowhere = await fails('sip:nobody.example');
    assert.equal(
      [nowhere.id, nowhere.fault, nowhere.detail.name],
      ['dns.no-records', 'network', 'nobody.example'],
    );
    assert.is((await fails('sip:absent.example')).id, 'dns.no-records');
    for (const [fault, code] of [
      ['servfail', 'ESERVFAIL'],
      ['refused', 'EREFUSED'],
      ['drop', 'ETIMEOUT'],
    ] as const) {
      dns.faults.set('plain.example', fault);
      const error = await fails('sip:plain.example:5060');
      assert.equal([error.id, error.detail.code, error.detail.name], ['dns.failed', code, 'plain.example']);
    }
  }));

test('DNS that fails half-way: what did answer is used', () =>
  withDns(async ({ dns, ask, fails }) => {
    dns.faults.set('s1.example.com', 'servfail');
    assert.equal(await ask('sip:bob@example.com'), ['tcp 192.0.2.2 5062', 'tcp 192.0.2.3 5062']);
    dns.faults.set('s1.example.com', 'drop');
    assert.equal(await ask('sip:bob@example.com;transport=tcp'), [
      'tcp 192.0.2.2 5062',
      'tcp 192.0.2.3 5062',
    ]);
    dns.faults.set('s2.example.com', 'servfail');
    assert.is((await fails('sip:bob@example.com;transport=tcp')).id, 'dns.failed');
    dns.faults.clear();
    dns.faults.set('AAAA s1.example.com', 'drop');
    assert.equal(await ask('sips:bob@example.com'), ['tls 192.0.2.1 5071 example.com']);
    dns.faults.clear();
    dns.faults.set('NAPTR example.com', 'servfail');
    assert.is((await ask('sip:bob@example.com')).length, 8, 'without NAPTR the SRV records still lead there');
    dns.faults.set('SRV _sip._udp.example.com', 'servfail');
    assert.equal(await ask('sip:example.com;transport=udp'), ['udp 192.0.2.200 5060']);
  }));

test('a silent server is a bounded wait', () =>
  withDns(async ({ dns, fails }) => {
    for (const name of [
      'dead.example',
      '_sips._tcp.dead.example',
      '_sip._tcp.dead.example',
      '_sip._udp.dead.example',
    ]) {
      dns.faults.set(name, 'drop');
    }
    assert.is((await fails('sip:dead.example')).detail.code, 'ETIMEOUT');
  }));

test('a failed target stands back for its time, unless it is the only one', () =>
  withDns(async ({ clock, resolver, ask }) => {
    const uri = 'sip:bob@example.com;transport=tcp';
    const all = await ask(uri);
    const [first] = await resolver.resolve(sip(uri));
    assert.ok(first);
    if (!first) return;
    resolver.markFailed(first, Seconds(30));
    assert.equal(await ask(uri), all.slice(1));
    assert.is(resolver.unavailableFor(first), 30_000);
    await clock.advance(Milliseconds(29_999));
    assert.equal(await ask(uri), all.slice(1));
    await clock.advance(Milliseconds(1));
    assert.equal(await ask(uri), all);
    for (const target of await resolver.resolve(sip(uri))) resolver.markFailed(target, Seconds(30));
    assert.equal(await ask(uri), all, 'when all failed, all are tried again');
    resolver.clearFailed(first);
    assert.equal(await ask(uri), all.slice(0, 1));
  }));

test('a target is its own answer; a transport we do not have is told', () =>
  withDns(async ({ resolver, fails }) => {
    const target: Target = { transport: 'tls', host: '192.0.2.1', port: 1, serverName: 'x.example' };
    assert.equal(await resolver.resolve(target), [target]);
    for (const uri of ['sip:example.com;transport=ws', 'sips:example.com;transport=udp']) {
      assert.is((await fails(uri)).id, 'sip.transport-unsupported');
    }
  }));

test('RFC 2782: priorities in order, weights in proportion, nobody lost', () => {
  const random = new SeededRandom(11);
  const records = [
    { name: 'backup', port: 1, priority: 20, weight: 0 },
    { name: 'zero', port: 1, priority: 10, weight: 0 },
    { name: 'one', port: 1, priority: 10, weight: 10 },
    { name: 'three', port: 1, priority: 10, weight: 30 },
  ];
  const firsts = new Map<string, number>();
  const rounds = 20_000;
  for (let round = 0; round < rounds; round += 1) {
    const order = orderSrv(records, random);
    assert.is(order.at(-1)?.name, 'backup');
    assert.is(new Set(order.map(({ name }) => name)).size, 4);
    const name = order[0]?.name ?? '';
    firsts.set(name, (firsts.get(name) ?? 0) + 1);
  }
  const share = (name: string): number => (firsts.get(name) ?? 0) / rounds;
  // A number from 0 to 40: 0 falls to the weightless, 1 to 10 to one, 11 to 40 to three.
  assert.ok(Math.abs(share('zero') - 1 / 41) < 0.01);
  assert.ok(Math.abs(share('one') - 10 / 41) < 0.02);
  assert.ok(Math.abs(share('three') - 30 / 41) < 0.02);
});

test('ordering keeps every record, whatever the numbers', () => {
  const number = fc.integer({ min: 0, max: 65_535 });
  const record = fc.record({ name: fc.string(), port: number, priority: number, weight: number });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), fc.integer(), (records, seed) => {
      const ordered = orderSrv(records, new SeededRandom(seed));
      assert.is(ordered.length, records.length);
      assert.equal(new Set(ordered), new Set(records));
      const priorities = ordered.map(({ priority }) => priority);
      assert.equal(
        priorities,
        [...priorities].sort((x, y) => x - y),
      );
    }),
  );
  const naptrs = [3, 1, 2].map((order) => ({
    ...{ order, preference: 1, flags: 's', service: '', regexp: '', replacement: '' },
  }));
  assert.equal(
    orderNaptr(naptrs).map(({ order }) => order),
    [1, 2, 3],
  );
});

test.run();
