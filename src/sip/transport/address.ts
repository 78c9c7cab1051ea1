// RFC 3261 18, 19.1.2: where messages go and where we listen.
import { isIP, isIPv6 } from 'node:net';
import { err, ok, type Result } from '#src/base/result.ts';

export type TransportName = 'udp' | 'tcp' | 'tls';

/** A numeric address and port. IPv6 without brackets. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** An address to listen on; port 0 means any. */
export interface ListenAddress extends Endpoint {
  readonly transport: TransportName;
}

/** One address to try, as RFC 3263 yields it. */
export interface Target extends Endpoint {
  readonly transport: TransportName;
  /** TLS: the name asked for by SNI and looked for in the certificate (RFC 5922); without it the numeric host. */
  readonly serverName?: string;
}

/** RFC 3261 19.1.2: the port when none is written. */
export const DEFAULT_PORT: Readonly<Record<TransportName, number>> = { udp: 5060, tcp: 5060, tls: 5061 };

const MAX_PORT = 65_535;

export const isReliable = (transport: TransportName): boolean => transport !== 'udp';

/** A host as it stands in a URI or Via: IPv6 in brackets. */
export const bracketed = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

export const formatEndpoint = (at: Endpoint): string => `${bracketed(at.host)}:${at.port}`;

/** The inverse of `parseListen`: `"udp:127.0.0.1:5060"`, `"tls:[::1]:5061"`. */
export const formatListen = (at: ListenAddress): string => `${at.transport}:${formatEndpoint(at)}`;

export const isTransportName = (text: string): text is TransportName =>
  text === 'udp' || text === 'tcp' || text === 'tls';

/** `"udp:127.0.0.1:5060"`, `"tcp:[::]:5060"`; the error is a sentence. */
export function parseListen(text: string): Result<ListenAddress, string> {
  const match = /^([a-z]+):(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (!match) return err(`"${text}" is not of the form transport:address:port`);
  const [, transport = '', six, four, digits] = match;
  const host = six ?? four ?? '';
  const port = Number(digits);
  if (!isTransportName(transport)) return err(`"${transport}" is not udp, tcp or tls`);
  if (isIP(host) !== (six === undefined ? 4 : 6)) return err(`"${host}" is not a numeric address`);
  if (port > MAX_PORT) return err(`${port} is not a port`);
  return ok({ transport, host, port });
}

/** An IPv4 address as a dual-stack socket reports it, `::ffff:192.0.2.1`, in its plain form; others as they are. */
export function plainAddress(host: string): string {
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  if (dotted !== undefined) return dotted;
  const words = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(host);
  if (!words) return host;
  return words
    .slice(1)
    .map((word) => Number.parseInt(word, 16))
    .flatMap((word) => [word >> 8, word & 0xff])
    .join('.');
}

/** Whether two numeric addresses are the same, whatever the spelling of IPv6. */
export function sameAddress(a: string, b: string): boolean {
  return a === b || canonicalAddress(a) === canonicalAddress(b);
}

/** One spelling for each numeric address; anything else in lower case. */
export function canonicalAddress(host: string): string {
  if (!isIPv6(host) || host.includes('%')) return host.toLowerCase();
  return plainAddress(new URL(`http://[${host}]`).hostname.slice(1, -1));
}

export const isWildcard = (host: string): boolean => host === '0.0.0.0' || canonicalAddress(host) === '::';

/** An address of this machine to itself. */
export const isLoopback = (host: string): boolean =>
  host.startsWith('127.') || canonicalAddress(host) === '::1';

/** The address family of a numeric host. */
export const familyOf = (host: string): 4 | 6 => (isIPv6(host) ? 6 : 4);

const IPV6_WORDS = 8;

/** A numeric address as 4 or 16 octets in network order; a zone is left out. */
export function packAddress(host: string): Buffer {
  if (!isIPv6(host)) return Buffer.from(host.split('.').map(Number));
  const plain = new URL(`http://[${host.split('%')[0]}]`).hostname.slice(1, -1);
  const [left = '', right = ''] = plain.split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const [front, back] = [words(left), words(right)];
  const gap = Array<number>(IPV6_WORDS - front.length - back.length).fill(0);
  return Buffer.from([...front, ...gap, ...back].flatMap((word) => [word >> 8, word & 0xff]));
}

/** The inverse of `packAddress`; anything but 4 octets is read as IPv6. */
export function unpackAddress(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join('.');
  const words = Array.from({ length: IPV6_WORDS }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
}
