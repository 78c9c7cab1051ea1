// The device and baresip side by side, as an intercom without a server: same machine, same codec, same silence.
import { join } from 'node:path';
import { Device } from '#test/peers/support/agent.ts';
import { Baresip } from '#test/peers/support/baresip.ts';
import { deviceConfig } from '#test/peers/support/configuration.ts';
import { freePort, scratch } from '#test/peers/support/process.ts';

/** What a device runs. */
const BUNDLE = join(import.meta.dirname, '../../dist/tandem.js');

export interface Pair {
  readonly device: Device;
  readonly devicePort: number;
  readonly baresip: Baresip;
}

export async function withPair<Value>(body: (pair: Pair) => Promise<Value>): Promise<Value> {
  const folder = scratch();
  const devicePort = await freePort();
  const device = await Device.start(
    deviceConfig({
      profile: 'sip',
      impu: 'sip:door@127.0.0.1',
      listen: [`udp:127.0.0.1:${devicePort}`],
      codecs: ['PCMA'],
      capture: 'tone:440',
    }),
    folder.file('device'),
    BUNDLE,
  );
  const baresip = await Baresip.start({
    folder: folder.file('baresip'),
    account: '<sip:bob@127.0.0.1>;regint=0',
  });
  try {
    return await body({ device, devicePort, baresip });
  } finally {
    await baresip.stop();
    await device.stop();
    folder.remove();
  }
}
