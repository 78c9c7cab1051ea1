// RFC 3261 18.1.1, 18.2.1, 18.2.2 and RFC 3581: what a transport does to and reads from the top Via.
import { isIP } from 'node:net';
import type { SipRequest } from '#src/sip/message/message.ts';
import { Via } from '#src/sip/message/via.ts';
import { DEFAULT_PORT, type Endpoint, sameAddress, type TransportName } from './address.ts';

/** 18.2.1 and RFC 3581 4: notes in the top Via of a received request where it came from. */
export function stampReceived(request: SipRequest, from: Endpoint): void {
  const via = request.topVia;
  // A `received` of the sender's own would let it direct our answers at others.
  let params = via.params.without('received');
  if (via.wantsRport) params = params.withRaw('rport', String(from.port));
  if (via.wantsRport || !sameAddress(via.host, from.host)) params = params.withRaw('received', from.host);
  request.headers.replaceFirst('Via', via.withParams(params).toString());
}

/** 18.1.1 and RFC 3581 3: the sent-by of a request that is about to leave. `rport` belongs to UDP only. */
export function fillSentBy(request: SipRequest, transport: TransportName, sentBy: Endpoint): void {
  const old = request.topVia;
  const params = transport === 'udp' ? old.params.with('rport') : old.params.without('rport');
  const via = Via.of({ transport: transport.toUpperCase(), host: sentBy.host, port: sentBy.port, params });
  request.headers.replaceFirst('Via', via.toString());
}

/** 18.2.2: where a response goes by UDP, or by a new connection when the old one is gone. */
export function responseDestination(via: Via, transport: TransportName): Endpoint | undefined {
  const port = via.port ?? DEFAULT_PORT[transport];
  if (transport === 'udp') {
    if (via.maddr !== undefined && isIP(via.maddr)) return { host: via.maddr, port };
    if (via.received !== undefined && via.rport !== undefined) return { host: via.received, port: via.rport };
  }
  const host = via.received ?? via.host;
  return isIP(host) ? { host, port } : undefined;
}
