import * as assert from 'uvu/assert';
import { currentAccess, formatAccess, wlanNodeId } from '#src/ims/access-network.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('ims/access-network');

test('a WLAN is told with the MAC address of its access point (24.229 7.2A.4)', () => {
  assert.is(
    formatAccess({ kind: 'wlan', bssid: '00:11:22:33:AA:BB' }),
    'IEEE-802.11;i-wlan-node-id=00112233aabb',
  );
  assert.is(
    formatAccess({ kind: 'wlan', bssid: '00-11-22-33-aa-bb' }),
    'IEEE-802.11;i-wlan-node-id=00112233aabb',
  );
  assert.is(formatAccess({ kind: 'wlan' }), 'IEEE-802.11');
  assert.is(formatAccess({ kind: 'ethernet' }), 'IEEE-802.3');
});

test('what is no BSSID is refused', () => {
  for (const text of ['', '00:11:22:33:44', '00:11:22:33:44:gg', 'x00112233aabb'])
    assert.not.ok(wlanNodeId(text).ok, text);
});

test('`auto` reads the interface, the others do not', async () => {
  const reader = async (address: string) =>
    address === '192.0.2.1' ? ({ kind: 'wlan', bssid: '02:00:00:00:00:01' } as const) : undefined;
  assert.equal(await currentAccess({ access: 'auto' }, '192.0.2.1', reader), {
    kind: 'wlan',
    bssid: '02:00:00:00:00:01',
  });
  assert.is(await currentAccess({ access: 'auto' }, '127.0.0.1', reader), undefined);
  assert.equal(await currentAccess({ access: 'ethernet' }, '192.0.2.1', reader), { kind: 'ethernet' });
  assert.equal(await currentAccess({ access: 'wlan' }, '192.0.2.1', reader), { kind: 'wlan' });
});

test('the loopback interface is no access network', async () => {
  assert.is(await currentAccess({ access: 'auto' }, '127.0.0.1'), undefined);
});

test.run();
