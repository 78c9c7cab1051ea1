// Whether an address of this host is on cellular access (NG.110 2.9.2: encryption is set apart for it).
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** What modems call their interfaces where the kernel does not say what they are. */
const MODEM_NAME = /^(?:wwan|rmnet|ppp)/;

/** Linux: the kernel marks a modem's interface with the device type `wwan`. */
const isModem = (name: string): boolean => MODEM_NAME.test(name) || deviceType(name) === 'wwan';

function deviceType(name: string): string | undefined {
  try {
    return /^DEVTYPE=(.*)$/m.exec(readFileSync(`/sys/class/net/${name}/uevent`, 'utf8'))?.[1];
  } catch {
    // No such file: an interface that is no device.
    return undefined;
  }
}

/** Read anew for each call: a device may change its access at any time. */
export function isCellular(
  address: string,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): boolean {
  return Object.entries(interfaces).some(
    ([name, addresses]) => isModem(name) && (addresses ?? []).some((entry) => entry.address === address),
  );
}
