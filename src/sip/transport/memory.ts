// A network in memory for tests of every layer above: virtual time, loss, repetition, delay, re-ordering, ICMP.
import type { Clock } from '#src/base/clock.ts';
import type { Random } from '#src/base/random.ts';
import type { Milliseconds } from '#src/base/units.ts';
import type { Endpoint, ListenAddress, TransportName } from './address.ts';
import type { Transport } from './transport.ts';

/** One thing on its way. */
export interface Packet {
  readonly transport: TransportName;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly bytes: Buffer;
}

/** What the network does to a packet; connections (TCP, TLS) keep order and lose nothing, only `delay` counts there. */
export interface Verdict {
  readonly drop?: boolean;
  /** How many arrive; default 1. */
  readonly copies?: number;
  readonly delay?: Milliseconds;
}

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** One way; default 1 ms. */
  readonly delay?: Milliseconds;
}

export declare class MemoryNetwork {
  constructor(options: MemoryNetworkOptions);
  /** Asked for each packet; undefined lets it pass. */
  rule: ((packet: Packet) => Verdict | undefined) | undefined;
  transport(listen: readonly ListenAddress[]): Transport;
}
