// The way out that an address names by itself, without a look-up (RFC 3263 4.1, 4.2 for numeric hosts).
import { isIP } from 'node:net';
import { TandemError } from '#src/base/errors.ts';
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import { SipUri, type Uri } from '#src/sip/message/uri.ts';
import { DEFAULT_PORT, isTransportName, sameAddress, type Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';

/** Undefined when the host is a name. */
export function literalTarget(uri: Uri): Target | undefined {
  if (!(uri instanceof SipUri) || isIP(uri.host) === 0) return undefined;
  const named = uri.transport?.toLowerCase() ?? '';
  const transport = uri.scheme === 'sips' ? 'tls' : isTransportName(named) ? named : 'udp';
  return { transport, host: uri.host, port: uri.port ?? DEFAULT_PORT[transport] };
}

/**
 * The connection itself, when the Contact of the far end is nothing but its other end: a caller that does not listen, or
 * one whose certificate is for a name and not for the address in its Contact (RFC 5923 5). Undefined behind a proxy.
 */
export function connectionOf(dialog: Dialog, flow: Flow): Flow | undefined {
  if (flow.transport === 'udp' || dialog.routeSet.length > 0) return undefined;
  const target = literalTarget(dialog.remoteTarget);
  const { host, port } = flow.remote;
  const fits = target?.transport === flow.transport && target.port === port && sameAddress(target.host, host);
  return fits ? flow : undefined;
}

export const unreachable = (cause: unknown): TandemError =>
  new TandemError('network', 'call.unreachable', 'The address called cannot be found.', { cause });
