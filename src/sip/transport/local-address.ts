// Our numeric address as a remote host sees it, when we listen on every address: RFC 3261 18.1.1 wants it in the Via.
import { readFileSync } from 'node:fs';
import { BlockList, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { canonicalAddress, packAddress } from './address.ts';

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

let known: readonly OwnAddress[] | undefined;

/** The same within one turn of the event loop: one message asks for it several times, and the kernel takes its time. */
function addressesNow(): readonly OwnAddress[] {
  if (!known) {
    known = ownAddresses();
    setImmediate(() => {
      known = undefined;
    });
  }
  return known;
}

/** The kernel's tables as Linux prints them: `/proc/net/route` and `/proc/net/ipv6_route`. */
export interface RouteTables {
  readonly four: string;
  readonly six: string;
}

interface Route {
  readonly network: Buffer;
  readonly prefix: number;
  readonly metric: number;
  readonly interface: string;
}

/** RTF_REJECT of linux/route.h: nothing goes there. */
const REJECT = 0x200;

/** The interface of the most exact route to `remote`; undefined without one, and elsewhere than on Linux. */
export function routeInterface(remote: string, tables: RouteTables = readTables()): string | undefined {
  const host = packAddress(remote);
  const routes = host.length === 4 ? routesOf4(tables.four) : routesOf6(tables.six);
  return routes
    .filter(({ network, prefix }) => sharePrefix(network, host, prefix))
    .sort((a, b) => b.prefix - a.prefix || a.metric - b.metric)[0]?.interface;
}

function readTables(): RouteTables {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      // No such file: another system, where the first address has to do.
      return '';
    }
  };
  return { four: read('/proc/net/route'), six: read('/proc/net/ipv6_route') };
}

const rowsOf = (text: string): string[][] => text.split('\n').map((line) => line.trim().split(/\s+/));

/** Addresses stand there in the byte order of the machine, which is little-endian on all that we run on. */
function routesOf4(text: string): Route[] {
  return rowsOf(text)
    .slice(1)
    .flatMap(([name, to, , flags, , , metric, mask]) => {
      if (!name || !to || !mask || Number.parseInt(flags ?? '', 16) & REJECT) return [];
      const ones = Number.parseInt(mask, 16).toString(2).replaceAll('0', '').length;
      const network = Buffer.from(to, 'hex').reverse();
      return [{ network, prefix: ones, metric: Number(metric), interface: name }];
    });
}

function routesOf6(text: string): Route[] {
  return rowsOf(text).flatMap(([to, length, , , , metric, , , flags, name]) => {
    if (!name || !to || name === 'lo' || Number.parseInt(flags ?? '', 16) & REJECT) return [];
    const prefix = Number.parseInt(length ?? '', 16);
    return [
      { network: Buffer.from(to, 'hex'), prefix, metric: Number.parseInt(metric ?? '', 16), interface: name },
    ];
  });
}

function sharePrefix(a: Buffer, b: Buffer, bits: number): boolean {
  const whole = bits >> 3;
  if (a.length !== b.length || a.compare(b, 0, whole, 0, whole) !== 0) return false;
  const left = 8 - (bits & 7);
  return left === 8 || (a[whole] ?? 0) >> left === (b[whole] ?? 0) >> left;
}

/** The address on the same link as `remote`, else the one its route leaves by, else any, else loopback. */
export function addressTowards(
  remote: string,
  own: readonly OwnAddress[] = addressesNow(),
  routeOf: (remote: string) => string | undefined = routeInterface,
): string {
  const family = isIPv6(remote) ? 6 : 4;
  const ours = own.filter(({ address }) => (isIPv6(address) ? 6 : 4) === family);
  const isSelf = ours.some(({ address }) => canonicalAddress(address) === canonicalAddress(remote));
  if (isSelf) return remote;
  const near = ours.filter((each) => holds(each, remote)).sort((a, b) => b.prefix - a.prefix)[0];
  if (near) return near.address;
  const usable = ours.filter(({ address, internal }) => !internal && !IPV6_LINK_LOCAL.test(address));
  const route = routeOf(remote);
  return (usable.find((each) => each.interface === route) ?? usable[0])?.address ?? LOOPBACK[family];
}

/**
 * Whether anything leads there now: the same link, or a route. Where the kernel's tables cannot be read, it is taken
 * for granted.
 */
export function hasWayTo(
  remote: string,
  own: readonly OwnAddress[] = ownAddresses(),
  tables: RouteTables = readTables(),
): boolean {
  const isSelf = own.some(({ address }) => canonicalAddress(address) === canonicalAddress(remote));
  if (isSelf || own.some((each) => isIPv6(each.address) === isIPv6(remote) && holds(each, remote)))
    return true;
  return (tables.four === '' && tables.six === '') || routeInterface(remote, tables) !== undefined;
}

function holds(own: OwnAddress, remote: string): boolean {
  if (own.prefix === 0) return false;
  const type = isIPv6(own.address) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(own.address.split('%')[0] ?? own.address, own.prefix, type);
  return list.check(remote.split('%')[0] ?? remote, type);
}
