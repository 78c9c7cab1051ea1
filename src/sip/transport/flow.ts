// RFC 5626 3.1: a flow, the path of messages between two endpoints over one transport.
import type { TandemError } from '#src/base/errors.ts';
import type { Signal } from '#src/base/events.ts';
import type { Seconds } from '#src/base/units.ts';
import type { Endpoint, Target, TransportName } from './address.ts';

/** `crlf` RFC 5626 4.4.1 (TCP, TLS), `stun` 4.4.2 (UDP), `auto` by the transport. */
export type KeepAliveKind = 'crlf' | 'stun' | 'auto';

export interface KeepAliveOptions {
  /** Longest pause between two pings; each one is shortened by up to 20 % at random (RFC 5626 4.4.1). */
  readonly interval: Seconds;
  readonly kind: KeepAliveKind;
  /** False: the far end has promised no answer, so its silence means nothing. Default true. */
  readonly answered?: boolean;
}

/**
 * A TCP or TLS connection, or a pair of UDP addresses. It dies of a close, an error or a missing pong, and tells so
 * once by `onClose`. An unreachable UDP peer does not kill it: `onUnreachable` says that something sent met an ICMP
 * error, and may be said again.
 */
export interface Flow {
  readonly id: string;
  readonly transport: TransportName;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** TLS. */
  readonly secure: boolean;
  readonly alive: boolean;
  /** The name a TLS server proved to own. */
  readonly serverName?: string;
  /** Once, at the end. The error says why, undefined when we closed it ourselves. */
  readonly onClose: Signal<TandemError | undefined>;
  /** Id `transport.unreachable`. */
  readonly onUnreachable: Signal<TandemError>;
  /** Starts pinging, or changes the interval; a ping that meets no answer within 10 s closes the flow. */
  keepAlive(options: KeepAliveOptions): void;
  close(): void;
}

export const isFlow = (to: Target | Flow): to is Flow => 'onClose' in to;
