// NG.110 1.1: whether a request comes from another device of our own number (RFC 3325, TS 24.229 5.1.4).
import { sameIdentity } from '#src/call/identity.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';

export interface OurselvesHome {
  /** Ours, the default one first. */
  readonly identities: readonly NameAddr[];
  trusts(flow: Flow): boolean;
}

/** The network we are registered with asserts one of our identities. What a sender says of itself counts for nothing. */
export function fromOurselves({ request, flow }: Incoming, home: OurselvesHome): boolean {
  if (!home.trusts(flow)) return false;
  return request.assertedIdentities.some(({ uri }) =>
    home.identities.some((identity) => sameIdentity(identity.uri, uri)),
  );
}
