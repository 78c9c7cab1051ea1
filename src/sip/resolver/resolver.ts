// RFC 3263: from a SIP URI to the addresses to try, in order.
import { isIP, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Clock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import type { Random } from '#src/base/random.ts';
import { Milliseconds, Seconds, toMilliseconds } from '#src/base/units.ts';
import type { SipUri } from '#src/sip/message/uri.ts';
import { canonicalAddress, type Target, type TransportName } from '#src/sip/transport/address.ts';
import { type Dns, type Family, NodeDns } from './dns.ts';
import { Failures, isLocalName, locate, type Place } from './locate.ts';

export interface ResolverOptions {
  /** `"server:port"`; the system's servers when absent. */
  readonly dns?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** What we speak, most liked first; default TLS, TCP, UDP. */
  readonly transports?: readonly TransportName[];
  /** Order of the addresses of one host; default IPv6 first where this machine has a global IPv6 address. */
  readonly families?: readonly Family[];
  /** How long the server has for an answer, and how often it is asked; default 2 s, twice. */
  readonly timeout?: Seconds;
  readonly tries?: number;
  /** In place of Node's resolver. */
  readonly source?: Dns;
}

const DEFAULT_TRANSPORTS: readonly TransportName[] = ['tls', 'tcp', 'udp'];
const DEFAULT_TIMEOUT = Seconds(2);
const DEFAULT_TRIES = 2;
const LOOPBACK: Readonly<Record<Family, string>> = { ipv4: '127.0.0.1', ipv6: '::1' };
/** What one resolution may lead to: records of strangers bound neither our memory nor our patience. */
const MAX_PLACES = 32;
const MAX_TARGETS = 64;

/** Answers are not kept beyond one resolution: the time to live is the name server's business. */
export class Resolver {
  readonly #dns: Dns;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #transports: readonly TransportName[];
  readonly #families: readonly Family[];
  readonly #failed = new Map<string, number>();

  constructor(options: ResolverOptions) {
    const { dns: server, timeout = DEFAULT_TIMEOUT, tries = DEFAULT_TRIES } = options;
    this.#dns = options.source ?? new NodeDns({ server, timeout, tries });
    this.#clock = options.clock;
    this.#random = options.random;
    this.#transports = options.transports ?? DEFAULT_TRANSPORTS;
    this.#families = options.families ?? preferredFamilies();
  }

  /**
   * At least one target, in order of trial; those marked as failed only when there is no other. Rejects with TandemError
   * `dns.failed` (a name server did not answer), `dns.no-records` or `sip.transport-unsupported`.
   */
  async resolve(uri: SipUri | Target): Promise<Target[]> {
    if (!('params' in uri)) return [uri];
    const failures = new Failures();
    const parts = { dns: this.#dns, random: this.#random, transports: this.#transports };
    const places = (await locate(uri, parts, failures)).slice(0, MAX_PLACES);
    // RFC 5922 7.2: the certificate is for the domain of the URI, not for a host that the DNS named.
    const serverName = uri.host;
    const lists = await Promise.all(places.map((place) => this.#targets(place, serverName, failures)));
    const targets = withoutRepeats(lists.flat()).slice(0, MAX_TARGETS);
    if (targets.length === 0) throw failures.first ?? noRecords(uri.host);
    const usable = targets.filter((target) => this.unavailableFor(target) === undefined);
    return usable.length > 0 ? usable : targets;
  }

  /** Not to be asked for `span`: it failed, or said so with Retry-After (RFC 3261 21.5.4, RFC 3263 4.3). */
  markFailed(target: Target, span: Seconds): void {
    const now = this.#clock.now();
    for (const [key, until] of this.#failed) if (until <= now) this.#failed.delete(key);
    this.#failed.set(keyOf(target), now + toMilliseconds(span));
  }

  /** It worked after all. */
  clearFailed(target: Target): void {
    this.#failed.delete(keyOf(target));
  }

  /** How much longer a target is marked; undefined when it is not. */
  unavailableFor(target: Target): Milliseconds | undefined {
    const left = (this.#failed.get(keyOf(target)) ?? 0) - this.#clock.now();
    return left > 0 ? Milliseconds(left) : undefined;
  }

  async #targets(place: Place, serverName: string, failures: Failures): Promise<Target[]> {
    const { transport, port } = place;
    const target = (host: string): Target => ({
      transport,
      host,
      port,
      ...(transport === 'tls' ? { serverName } : {}),
    });
    if (isIP(place.host)) return [target(place.host)];
    if (isLocalName(place.host)) return this.#families.map((family) => target(LOOPBACK[family]));
    const lists = this.#families.map((family) => failures.collect(this.#dns.addresses(place.host, family)));
    return (await Promise.all(lists)).flat().map(target);
  }
}

const keyOf = ({ transport, host, port }: Target): string => `${transport} ${canonicalAddress(host)} ${port}`;

function withoutRepeats(targets: readonly Target[]): Target[] {
  return [...new Map(targets.map((target) => [keyOf(target), target])).values()];
}

/** RFC 6724: IPv6 is of use, and comes first, only where this machine has an address of more than local scope. */
function preferredFamilies(): readonly Family[] {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const global = own.some(({ address, internal }) => !internal && isIPv6(address) && /^[23]/.test(address));
  return global ? ['ipv6', 'ipv4'] : ['ipv4', 'ipv6'];
}

const noRecords = (host: string): TandemError =>
  new TandemError('network', 'dns.no-records', `The name ${host} leads to no address.`, {
    detail: { name: host },
  });
