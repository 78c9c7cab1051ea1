// RFC 3261 18: UDP, TCP and TLS over IPv4 and IPv6, several listen addresses at once.
import type { Clock } from '#src/base/clock.ts';
import { describe, systemCode, TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import {
  canonicalAddress,
  type Endpoint,
  familyOf,
  formatEndpoint,
  formatListen,
  isLoopback,
  isWildcard,
  type ListenAddress,
  sameAddress,
  type Target,
} from './address.ts';
import type { BaseFlow } from './base-flow.ts';
import { Connections } from './connections.ts';
import { TransportCore } from './core.ts';
import { addressTowards, ownAddresses } from './local-address.ts';
import { DEFAULT_TRANSPORT_SETTINGS, type TransportSettings } from './settings.ts';
import type { TlsSettings } from './tls.ts';
import { type UdpFlow, UdpPort } from './udp.ts';
import { claimUdp } from './udp-socket.ts';

export interface SipTransportOptions {
  readonly listen: readonly ListenAddress[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly tls?: TlsSettings;
  readonly settings?: Partial<TransportSettings>;
}

export class SipTransport extends TransportCore {
  readonly #options: SipTransportOptions;
  readonly #connections: Connections;
  #ports: UdpPort[] = [];
  #listening: ListenAddress[] = [];

  constructor(options: SipTransportOptions) {
    const { clock, random, log } = options;
    const settings = { ...DEFAULT_TRANSPORT_SETTINGS, ...options.settings };
    super({ clock, random, settings });
    this.#options = options;
    const sinks = {
      message: (flow: BaseFlow, bytes: Buffer) => this.message(flow, bytes, false),
      fault: this.fault.bind(this),
    };
    const { counters } = this;
    this.#connections = new Connections({
      clock,
      random,
      log,
      settings,
      counters,
      sinks,
      tls: options.tls ?? {},
    });
    this.#connections.onFlow.on((flow) => this.onFlow.emit(flow));
  }

  get listening(): readonly ListenAddress[] {
    return this.#listening;
  }

  async start(): Promise<void> {
    for (const at of this.#options.listen) {
      try {
        const port = at.transport === 'udp' ? await this.#listenUdp(at) : await this.#listenStream(at);
        this.#listening.push({ ...at, port });
      } catch (error) {
        await this.stop();
        throw listenError(at, error);
      }
    }
  }

  async stop(): Promise<void> {
    const ports = this.#ports;
    this.#ports = [];
    this.#listening = [];
    await Promise.all([...ports.map((port) => port.close()), this.#connections.close()]);
  }

  /** Addresses of this host came or went. Connections end by themselves, or when their owner knows that they must. */
  async readdress(): Promise<void> {
    const own = new Set(ownAddresses().map(({ address }) => address));
    await Promise.all(this.#ports.map((port) => port.readdress(own)));
  }

  protected override async open(target: Target, fresh: boolean): Promise<BaseFlow> {
    if (target.transport !== 'udp') {
      return await this.#connections.open(target, fresh, this.#sourceOf(target));
    }
    const source = this.#sourceOf(target) ?? '';
    const port = this.#ports.find(({ local }) => sameAddress(local.host, source));
    const any = port ?? this.#ports.find((each) => each.reaches(target.host));
    if (any) return any.flow(target);
    const sentence = 'No fitting UDP address is listened on, so nothing can be sent by UDP.';
    throw new TandemError('caller', 'transport.unsupported', sentence, {
      detail: { remote: formatEndpoint(target) },
    });
  }

  protected override sibling(flow: BaseFlow, remote: Endpoint): BaseFlow {
    const port = this.#ports.find(
      ({ local }) => local.port === flow.local.port && local.host === flow.local.host,
    );
    const own =
      port ?? this.#ports.find((each) => each.local.port === flow.local.port && each.reaches(remote.host));
    return own ? own.flow(remote) : flow;
  }

  protected localAddress(remote: string): string {
    return this.#sourceOf({ host: remote }) ?? addressTowards(remote);
  }

  /** The address to leave from when we listen on particular ones only: the same family, loopback to loopback. */
  #sourceOf(target: Pick<Target, 'host'> & Partial<Target>): string | undefined {
    const family = familyOf(target.host);
    const fitting = this.#listening.filter(
      (at) => at.transport === (target.transport ?? at.transport) && familyOf(at.host) === family,
    );
    const [first] = fitting;
    if (!first || fitting.some((at) => isWildcard(at.host))) return undefined;
    // No choice, so this machine's addresses need not be asked for.
    if (fitting.every((at) => at.host === first.host)) return first.host;
    const towards = addressTowards(target.host);
    const exact = fitting.find((at) => sameAddress(at.host, towards));
    return (exact ?? fitting.find((at) => isLoopback(at.host) === isLoopback(target.host)) ?? first).host;
  }

  async #listenUdp(at: ListenAddress): Promise<number> {
    const main = await claimUdp(at, this.#leavesIPv4(at));
    const { clock, random, settings } = this.parts;
    const port = new UdpPort(main, {
      ...{ clock, random, settings, counters: this.counters },
      datagram: (flow: UdpFlow, bytes) => this.datagram(flow, bytes),
      onFlow: (flow) => this.onFlow.emit(flow),
    });
    this.#ports.push(port);
    return port.local.port;
  }

  #listenStream(at: ListenAddress): Promise<number> {
    return this.#connections.listen(at, this.#leavesIPv4(at));
  }

  /** `[::]` takes IPv4 as well, unless another listen address does. */
  #leavesIPv4(at: ListenAddress): boolean {
    if (canonicalAddress(at.host) !== '::') return familyOf(at.host) === 6;
    return this.#options.listen.some(
      (other) =>
        other.transport === at.transport &&
        other.port === at.port &&
        at.port !== 0 &&
        familyOf(other.host) === 4,
    );
  }
}

function listenError(at: ListenAddress, cause: unknown): TandemError {
  const address = formatListen(at);
  const code = systemCode(cause) ?? describe(cause);
  const sentences: Readonly<Record<string, string>> = {
    EADDRINUSE: `The address ${address} is already in use by another program.`,
    EACCES: `Tandem may not use the address ${address}.`,
    EADDRNOTAVAIL: `This machine does not have the address ${address}.`,
  };
  const sentence = sentences[code] ?? `The address ${address} cannot be listened on.`;
  return new TandemError('caller', 'transport.listen', sentence, { cause, detail: { address, code } });
}
