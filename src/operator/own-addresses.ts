// RFC 3261 16.4, 16.6: the addresses by which the operator names itself in Route, Record-Route, Path and Service-Route.
import { Params } from '#src/sip/message/params.ts';
import { isSipUri, SipUri, type Uri } from '#src/sip/message/uri.ts';
import {
  DEFAULT_PORT,
  familyOf,
  isTransportName,
  isWildcard,
  type ListenAddress,
  sameAddress,
  type Target,
} from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';

export class OwnAddresses {
  readonly #listening: () => readonly ListenAddress[];

  constructor(listening: () => readonly ListenAddress[]) {
    this.#listening = listening;
  }

  /** The address where the other end of a flow reaches us with a new connection. */
  facing(flow: Flow): SipUri {
    const listen = this.#listening().find(
      ({ transport, host }) => transport === flow.transport && reaches(host, flow),
    );
    const port = listen?.port ?? flow.local.port;
    const params = Params.of([['transport', flow.transport], ['lr']]);
    return SipUri.of({ host: flow.local.host, port, params });
  }

  /** Where somebody at `target` reaches us: by the transport that leads there; undefined when there is none of ours. */
  towards({ transport, host }: Target, from: Flow): SipUri | undefined {
    const listening = this.#listening().filter((listen) => listen.transport === transport);
    const listen = listening.find((each) => familyOf(each.host) === familyOf(host)) ?? listening[0];
    if (!listen) return undefined;
    const params = Params.of([['transport', transport], ['lr']]);
    return SipUri.of({
      host: isWildcard(listen.host) ? from.local.host : listen.host,
      port: listen.port,
      params,
    });
  }

  isOwn(uri: Uri): boolean {
    if (!isSipUri(uri)) return false;
    const transport = uri.transport ?? (uri.scheme === 'sips' ? 'tls' : 'udp');
    if (!isTransportName(transport)) return false;
    const port = uri.port ?? DEFAULT_PORT[transport];
    return this.#listening().some(
      (listen) => listen.port === port && (isWildcard(listen.host) || sameAddress(listen.host, uri.host)),
    );
  }
}

const reaches = (host: string, flow: Flow): boolean => isWildcard(host) || sameAddress(host, flow.local.host);
