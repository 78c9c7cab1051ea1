// The way out that an address names by itself, without a look-up (RFC 3263 4.1, 4.2 for numeric hosts).
import { isIP } from 'node:net';
import { SipUri, type Uri } from '#src/sip/message/uri.ts';
import { DEFAULT_PORT, isTransportName, type Target } from '#src/sip/transport/address.ts';

/** Undefined when the host is a name. */
export function literalTarget(uri: Uri): Target | undefined {
  if (!(uri instanceof SipUri) || isIP(uri.host) === 0) return undefined;
  const named = uri.transport?.toLowerCase() ?? '';
  const transport = uri.scheme === 'sips' ? 'tls' : isTransportName(named) ? named : 'udp';
  return { transport, host: uri.host, port: uri.port ?? DEFAULT_PORT[transport] };
}
