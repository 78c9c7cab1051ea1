import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  canonicalAddress,
  formatListen,
  packAddress,
  parseListen,
  plainAddress,
  sameAddress,
  unpackAddress,
} from '#src/sip/transport/address.ts';
import { CounterSet, TRANSPORT_COUNTERS } from '#src/sip/transport/counters.ts';
import {
  addressTowards,
  hasWayTo,
  type OwnAddress,
  routeInterface,
} from '#src/sip/transport/local-address.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('sip/transport/address');

test('listen addresses as the configuration writes them', () => {
  for (const text of ['udp:127.0.0.1:5060', 'tcp:[::]:5060', 'tls:[2001:db8::1]:0', 'udp:0.0.0.0:65535']) {
    const parsed = parseListen(text);
    assert.ok(parsed.ok, text);
    assert.is(parsed.ok && formatListen(parsed.value), text);
  }
  const wrong = [
    '',
    'udp',
    'sctp:127.0.0.1:1',
    'udp:localhost:5060',
    'udp:::1:5060',
    'udp:[127.0.0.1]:1',
    'tcp:[::]',
  ];
  for (const text of [...wrong, 'udp:127.0.0.1:65536', 'udp:127.0.0.1:-1', 'udp:999.0.0.1:5060']) {
    assert.not.ok(parseListen(text).ok, text);
  }
});

test('one address, several spellings', () => {
  assert.ok(sameAddress('2001:DB8:0::1', '2001:db8::1'));
  assert.ok(sameAddress('::ffff:192.0.2.1', '192.0.2.1'));
  assert.not.ok(sameAddress('192.0.2.1', '192.0.2.10'));
  assert.is(plainAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.is(canonicalAddress('FE80::1%eth0'), 'fe80::1%eth0');
});

test('packing and unpacking are inverse', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (host) => {
      // `::ffff:192.0.2.1` is written as its IPv4 address.
      const back = unpackAddress(packAddress(host));
      assert.ok(sameAddress(back, host), `${host} became ${back}`);
    }),
  );
});

test('our address towards a host: the same link, else the default route, else what there is', () => {
  const own = (name: string, address: string, prefix: number, internal = false): OwnAddress => ({
    ...{ interface: name, address, prefix, internal },
  });
  const all = [
    own('lo', '127.0.0.1', 8, true),
    own('lo', '::1', 128, true),
    own('wlan0', '192.168.1.5', 24),
    own('eth0', '10.0.0.5', 8),
    own('eth0', 'fe80::5', 64),
    own('eth0', '2001:db8::5', 64),
  ];
  const towards = (remote: string, route?: string): string => addressTowards(remote, all, () => route);
  assert.is(towards('127.0.0.9'), '127.0.0.1');
  assert.is(towards('10.9.9.9', 'wlan0'), '10.0.0.5');
  assert.is(towards('203.0.113.1', 'eth0'), '10.0.0.5');
  assert.is(towards('203.0.113.1', 'wlan0'), '192.168.1.5');
  assert.is(towards('203.0.113.1'), '192.168.1.5');
  assert.is(towards('192.168.1.5'), '192.168.1.5');
  assert.is(towards('2001:db8:9::1'), '2001:db8::5');
  assert.is(towards('::1'), '::1');
  assert.is(
    addressTowards('203.0.113.1', all.slice(0, 2), () => undefined),
    '127.0.0.1',
  );
});

test('the most exact route of the kernel decides, as behind a VPN', () => {
  const four = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'wlan0\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\t0\t0\t0',
    'eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
    'wg0\t0000080A\t00000000\t0001\t0\t0\t0\t0000FCFF\t0\t0\t0',
    'eth0\t0002080A\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    '',
  ].join('\n');
  const zero = '0'.repeat(32);
  const six = [
    `${zero} 00 ${zero} 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     eth0`,
    `fd420000000000000000000000000000 2c ${zero} 00 ${zero} 00000100 00000001 00000000 00000001     wg0`,
    `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo`,
  ].join('\n');
  const by = (remote: string): string | undefined => routeInterface(remote, { four, six });
  assert.is(by('203.0.113.1'), 'eth0');
  assert.is(by('10.8.0.1'), 'wg0');
  assert.is(by('10.11.255.1'), 'wg0');
  assert.is(by('10.12.0.1'), 'eth0');
  assert.is(by('10.8.2.1'), 'wg0', 'a route that rejects is none');
  assert.is(by('fd42:0:f::1'), 'wg0');
  assert.is(by('fd42:0:10::1'), 'eth0');
  assert.is(routeInterface('10.8.0.1', { four: '', six: '' }), undefined);
  const own: OwnAddress = { interface: 'wlan0', address: '192.168.1.5', prefix: 24, internal: false };
  const gone = { four: 'Iface\tDestination\n', six: '' };
  assert.is(hasWayTo('203.0.113.1', [own], { four, six }), true);
  assert.is(hasWayTo('192.168.1.9', [own], gone), true, 'the same link needs no route');
  assert.is(hasWayTo('203.0.113.1', [own], gone), false);
  assert.is(hasWayTo('203.0.113.1', [own], { four: '', six: '' }), true, 'no tables to be read');
});

test('every counter is named and documented, and shown even at zero', () => {
  const counters = new CounterSet(TRANSPORT_COUNTERS);
  counters.add('sip_messages_sent_total', 2);
  const readings = counters.readings();
  assert.is(readings.length, Object.keys(TRANSPORT_COUNTERS).length);
  for (const { name, help } of readings) {
    assert.match(name, /^sip_[a-z_]+_total$/);
    assert.match(help, /^[A-Z].{20,}\.$/);
  }
  assert.is(readings.find(({ name }) => name === 'sip_messages_sent_total')?.value, 2);
});

test.run();
