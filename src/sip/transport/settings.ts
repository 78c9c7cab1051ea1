// Limits and times of the transport layer, with their reasons.
import { Milliseconds, Octets, Seconds } from '#src/base/units.ts';

export interface TransportSettings {
  /** A TCP connect that takes longer counts as refused. */
  readonly connectTimeout: Seconds;
  /** A TLS handshake, ours or a peer's. */
  readonly handshakeTimeout: Seconds;
  /** A message must be complete this long after its first octet. */
  readonly messageTimeout: Seconds;
  /** An accepted connection must bring a first message or ping within this. */
  readonly firstMessageTimeout: Seconds;
  /** A connection over which nothing moves either way. Longer than the usual registration, whose flow it may be. */
  readonly idleTimeout: Seconds;
  /** Accepted connections at one time, in all and from one address. */
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** What may wait for a slow peer before its connection is given up. */
  readonly maxQueued: Octets;
  /** Pairs of UDP addresses that are remembered. */
  readonly maxUdpFlows: number;
  /** UDP peers with a socket of their own, so that ICMP errors reach us. */
  readonly maxUdpPeers: number;
  /** Larger requests go by TCP (RFC 3261 18.1.1). */
  readonly maxUdpRequest: Octets;
  /** How long a peer that refused TCP is not asked for it again. */
  readonly refusalMemory: Seconds;
}

export const DEFAULT_TRANSPORT_SETTINGS: TransportSettings = {
  connectTimeout: Seconds(4),
  handshakeTimeout: Seconds(8),
  messageTimeout: Seconds(20),
  firstMessageTimeout: Seconds(32),
  idleTimeout: Seconds(7200),
  maxConnections: 512,
  maxConnectionsPerAddress: 128,
  maxQueued: Octets(1024 * 1024),
  maxUdpFlows: 4096,
  maxUdpPeers: 64,
  maxUdpRequest: Octets(1300),
  refusalMemory: Seconds(60),
};

/** RFC 5626 4.4: a ping without an answer for this long ends the flow. */
export const PONG_TIMEOUT = Milliseconds(10_000);
/** RFC 5389 7.2.1: first retransmission of a STUN request; it doubles. */
export const STUN_RTO = Milliseconds(500);
