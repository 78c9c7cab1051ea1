// RFC 7315 5.4, TS 24.229 7.2A.4: P-Access-Network-Info, which tells the operator where the device is attached.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import type { Result } from '#src/base/result.ts';
import { err, ok } from '#src/base/result.ts';

/** `[network] access` of the configuration. */
export type AccessSetting =
  | { readonly access: 'wlan'; readonly bssid?: string }
  | { readonly access: 'ethernet' }
  | { readonly access: 'auto' };

/** Where the device is attached. */
export type Access = { readonly kind: 'wlan'; readonly bssid?: string } | { readonly kind: 'ethernet' };

/** Finds out how the interface that owns a local address is attached. */
export type AccessReader = (address: string) => Promise<Access | undefined>;

const BSSID =
  /^([0-9a-f]{2})[:-]?([0-9a-f]{2})[:-]?([0-9a-f]{2})[:-]?([0-9a-f]{2})[:-]?([0-9a-f]{2})[:-]?([0-9a-f]{2})$/i;

/** i-wlan-node-id: the access point's MAC address as 12 hexadecimal digits without separators. */
export function wlanNodeId(bssid: string): Result<string, string> {
  const match = BSSID.exec(bssid.trim());
  return match
    ? ok(match.slice(1).join('').toLowerCase())
    : err('a BSSID is six octets such as 00:11:22:aa:bb:cc');
}

/** The header field's value. */
export function formatAccess(access: Access): string {
  if (access.kind === 'ethernet') return 'IEEE-802.3';
  const node = access.bssid === undefined ? undefined : wlanNodeId(access.bssid);
  return node?.ok ? `IEEE-802.11;i-wlan-node-id=${node.value}` : 'IEEE-802.11';
}

/** What the configuration says, or what the interface of `address` shows. */
export async function currentAccess(
  setting: AccessSetting,
  address: string,
  reader: AccessReader = readInterface,
): Promise<Access | undefined> {
  if (setting.access === 'ethernet') return { kind: 'ethernet' };
  if (setting.access === 'auto') return reader(address);
  return setting.bssid === undefined ? { kind: 'wlan' } : { kind: 'wlan', bssid: setting.bssid };
}

/** The interface that owns `address`; loopback is no access network. */
function interfaceOf(address: string): string | undefined {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some((entry) => entry.address === address && !entry.internal)) return name;
  }
  return undefined;
}

/** Linux: sysfs tells wireless from wired; the BSSID comes from `iw`, where that is installed. */
const readInterface: AccessReader = async (address) => {
  const name = interfaceOf(address);
  if (name === undefined) return undefined;
  const wireless =
    existsSync(`/sys/class/net/${name}/phy80211`) || existsSync(`/sys/class/net/${name}/wireless`);
  if (!wireless) return { kind: 'ethernet' };
  const bssid = await associatedWith(name);
  return bssid === undefined ? { kind: 'wlan' } : { kind: 'wlan', bssid };
};

const run = promisify(execFile);
const IW_TIMEOUT_MS = 2000;

async function associatedWith(name: string): Promise<string | undefined> {
  // A board without `iw` still tells that it is on a WLAN, only not at which access point.
  const output = await run('iw', ['dev', name, 'link'], { timeout: IW_TIMEOUT_MS }).then(
    ({ stdout }) => stdout,
    () => '',
  );
  return /Connected to ([0-9a-f:]{17})/i.exec(output)?.[1];
}
