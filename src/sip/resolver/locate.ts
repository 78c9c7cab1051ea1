// RFC 3263 4: which transports, hosts and ports a URI leads to, before addresses are looked up.
import { isIP } from 'node:net';
import { TandemError } from '#src/base/errors.ts';
import type { Random } from '#src/base/random.ts';
import type { SipUri } from '#src/sip/message/uri.ts';
import { DEFAULT_PORT, isTransportName, type TransportName } from '#src/sip/transport/address.ts';
import type { Dns } from './dns.ts';
import { type NaptrRecord, orderNaptr, orderSrv } from './order.ts';

/** A host, maybe still a name, to be reached in one way. */
export interface Place {
  readonly transport: TransportName;
  readonly host: string;
  readonly port: number;
}

export interface LocateParts {
  readonly dns: Dns;
  readonly random: Random;
  /** What we speak, in the order in which we like it. */
  readonly transports: readonly TransportName[];
}

/** RFC 3263 4.1 NAPTR services. */
const SERVICES: Readonly<Record<string, TransportName>> = {
  'SIP+D2U': 'udp',
  'SIP+D2T': 'tcp',
  'SIPS+D2T': 'tls',
};
/** RFC 3263 4.1 SRV names. */
const SRV_PREFIX: Readonly<Record<TransportName, string>> = {
  udp: '_sip._udp',
  tcp: '_sip._tcp',
  tls: '_sips._tcp',
};

/** RFC 6761 6.3: this machine, whatever a name server says; it is not asked. */
export const isLocalName = (host: string): boolean => /^(?:.+\.)?localhost\.?$/i.test(host);

/** RFC 6762 3: answered by the neighbours, who have no service records of the DNS; asking for those only costs time. */
const isNeighbour = (host: string): boolean => /\.local\.?$/i.test(host);

/** The transport a URI names; `sips` turns TCP into TLS (RFC 3261 26.2.2). */
function namedTransport(uri: SipUri): TransportName | undefined {
  const named = uri.transport?.toLowerCase();
  if (named === undefined || named === '') return undefined;
  const transport = uri.scheme === 'sips' && named === 'tcp' ? 'tls' : named;
  if (!isTransportName(transport) || (uri.scheme === 'sips' && transport === 'udp')) {
    const sentence = `The address asks for a transport that is not supported: ${named}.`;
    throw new TandemError('caller', 'sip.transport-unsupported', sentence, { detail: { transport: named } });
  }
  return transport;
}

/** What a failure of the DNS leaves behind: the other ways are tried, and it is told when none is left. */
export class Failures {
  first: TandemError | undefined;

  /** The answer, or nothing and the failure noted. */
  async collect<Item>(answer: Promise<Item[]>): Promise<Item[]> {
    try {
      return await answer;
    } catch (error) {
      this.first ??= TandemError.from(error, 'dns.failed');
      return [];
    }
  }
}

/** In order of trial. */
export async function locate(uri: SipUri, parts: LocateParts, failures: Failures): Promise<Place[]> {
  const host = uri.params.get('maddr') || uri.host;
  const named = namedTransport(uri);
  const usual = uri.scheme === 'sips' ? 'tls' : 'udp';
  // 4.1: a numeric host or a port leaves nothing to look up but the address.
  if (isIP(host) || uri.port !== undefined || isLocalName(host) || isNeighbour(host)) {
    const transport = named ?? usual;
    return [{ transport, host, port: uri.port ?? DEFAULT_PORT[transport] }];
  }
  const wanted = uri.scheme === 'sips' ? parts.transports.filter((each) => each === 'tls') : parts.transports;
  const found = named
    ? await bySrv(`${SRV_PREFIX[named]}.${host}`, named, parts, failures)
    : await byNaptr(host, wanted, parts, failures);
  if (found.length > 0) return found;
  // 4.2: without SRV the host's own address and the default port.
  const transport = named ?? (wanted.includes(usual) ? usual : (wanted[0] ?? usual));
  return [{ transport, host, port: DEFAULT_PORT[transport] }];
}

async function byNaptr(
  host: string,
  wanted: readonly TransportName[],
  parts: LocateParts,
  failures: Failures,
): Promise<Place[]> {
  const records = orderNaptr(await failures.collect(parts.dns.naptr(host)));
  const usable = records.flatMap((record) => {
    const transport = SERVICES[record.service.toUpperCase()];
    return transport && wanted.includes(transport) ? [{ record, transport }] : [];
  });
  const ways =
    usable.length > 0
      ? usable.map(
          ({ record, transport }) =>
            () =>
              byRecord(record, transport, parts, failures),
        )
      : wanted.map((each) => () => bySrv(`${SRV_PREFIX[each]}.${host}`, each, parts, failures));
  return (await Promise.all(ways.map((way) => way()))).flat();
}

/** RFC 3403 4.1: flag `s` leads to SRV, `a` straight to a host. */
async function byRecord(
  record: NaptrRecord,
  transport: TransportName,
  parts: LocateParts,
  failures: Failures,
): Promise<Place[]> {
  const { flags, replacement } = record;
  if (replacement === '' || replacement === '.') return [];
  if (flags.toLowerCase() === 's') return await bySrv(replacement, transport, parts, failures);
  return flags.toLowerCase() === 'a' ? [{ transport, host: replacement, port: DEFAULT_PORT[transport] }] : [];
}

async function bySrv(
  name: string,
  transport: TransportName,
  { dns, random }: LocateParts,
  failures: Failures,
): Promise<Place[]> {
  const records = await failures.collect(dns.srv(name));
  // RFC 2782: a target of "." says that the service is decidedly not there.
  const offered = records.filter((record) => record.name !== '' && record.name !== '.');
  return orderSrv(offered, random).map((record) => ({ transport, host: record.name, port: record.port }));
}
