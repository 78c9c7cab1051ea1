// Our numeric address as a remote host sees it, when we listen on every address: RFC 3261 18.1.1 wants it in the Via.
import { readFileSync } from 'node:fs';
import { BlockList, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { canonicalAddress } from './address.ts';

/** One address of this machine. */
export interface OwnAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefix: number;
  readonly internal: boolean;
}

const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;
const IPV6_LINK_LOCAL = /^fe[89ab]/i;

export function ownAddresses(): OwnAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).map(({ address, cidr, internal }) => ({
      interface: name,
      address,
      prefix: Number(cidr?.split('/')[1] ?? 0),
      internal,
    })),
  );
}

/** The interface of the default route, as Linux tells; undefined elsewhere or without one. */
export function defaultInterface(family: 4 | 6): string | undefined {
  try {
    if (family === 4) {
      const lines = readFileSync('/proc/net/route', 'utf8').split('\n').slice(1);
      return lines
        .map((line) => line.split('\t'))
        .find(([, to, , , , , , mask]) => to === ZERO4 && mask === ZERO4)?.[0];
    }
    const routes = readFileSync('/proc/net/ipv6_route', 'utf8').split('\n');
    const columns = routes.map((line) => line.trim().split(/\s+/));
    return columns.find(
      ([to, length, , , , , , , , name]) => to === ZERO6 && length === '00' && name !== 'lo',
    )?.[9];
  } catch {
    // No such file: another system, where the first address has to do.
    return undefined;
  }
}

const ZERO4 = '00000000';
const ZERO6 = '0'.repeat(32);

/** The address on the same link as `remote`, else the one of the default route, else any, else loopback. */
export function addressTowards(
  remote: string,
  own: readonly OwnAddress[] = ownAddresses(),
  defaultOf: (family: 4 | 6) => string | undefined = defaultInterface,
): string {
  const family = isIPv6(remote) ? 6 : 4;
  const ours = own.filter(({ address }) => (isIPv6(address) ? 6 : 4) === family);
  const isSelf = ours.some(({ address }) => canonicalAddress(address) === canonicalAddress(remote));
  if (isSelf) return remote;
  const near = ours.filter((each) => holds(each, remote)).sort((a, b) => b.prefix - a.prefix)[0];
  if (near) return near.address;
  const usable = ours.filter(({ address, internal }) => !internal && !IPV6_LINK_LOCAL.test(address));
  const route = defaultOf(family);
  return (usable.find((each) => each.interface === route) ?? usable[0])?.address ?? LOOPBACK[family];
}

function holds(own: OwnAddress, remote: string): boolean {
  if (own.prefix === 0) return false;
  const type = isIPv6(own.address) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(own.address.split('%')[0] ?? own.address, own.prefix, type);
  return list.check(remote.split('%')[0] ?? remote, type);
}
