// Which addresses are on cellular access.
import type { networkInterfaces } from 'node:os';
import * as assert from 'uvu/assert';
import { isCellular } from '#src/device/access.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('device/access');

const at = (address: string) => ({
  ...{ address, netmask: '255.255.255.0', mac: '00:00:00:00:00:00', internal: false, cidr: null },
  family: 'IPv4' as const,
});
const HOST: ReturnType<typeof networkInterfaces> = {
  lo: [at('127.0.0.1')],
  wlan0: [at('192.0.2.1')],
  wwan0: [at('10.0.0.1')],
  ppp0: [at('10.0.0.2')],
};

for (const [address, cellular] of [
  ['10.0.0.1', true],
  ['10.0.0.2', true],
  ['192.0.2.1', false],
  ['127.0.0.1', false],
  ['203.0.113.1', false],
] as const) {
  test(`[MD-2.9.2a3] ${address}: ${cellular ? 'cellular' : 'not cellular'}`, () =>
    assert.is(isCellular(address, HOST), cellular));
}

test('this machine can be asked', () => assert.is(isCellular('127.0.0.1'), false));

test.run();
