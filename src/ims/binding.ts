// RFC 3261 10, RFC 5626: a live binding, and what it makes usable.
import type { Milliseconds } from '#src/base/units.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { isSipUri, parseUri, type SipUri } from '#src/sip/message/uri.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Grant } from './grant.ts';
import type { IdentitySet } from './identities.ts';
import { type Pcscf, pcscfRoute } from './pcscf.ts';

export interface Binding {
  readonly pcscf: Pcscf;
  readonly flow: Flow;
  /** As registered, with its parameters. */
  readonly contact: NameAddr;
  readonly grant: Grant;
  readonly identities: IdentitySet;
  /** When the first 200 (OK) of this binding came. */
  readonly since: Milliseconds;
  readonly ends: Milliseconds;
}

/**
 * TS 24.229 5.1.2A.1.1: P-CSCF by address, then the Service-Route. A plain registrar without Service-Route gets no Route:
 * the request goes over the flow.
 */
export function preloadedRoute(binding: Binding, profile: 'ims' | 'sip'): readonly NameAddr[] {
  const { serviceRoute } = binding.grant;
  if (profile === 'sip' && serviceRoute.length === 0) return [];
  return [pcscfRoute(binding.pcscf), ...serviceRoute];
}

/**
 * TS 24.229 5.1.2A.1.1: the public GRUU, the temporary one when privacy is asked for, else the registered address
 * without the parameters of the registration; `ob` when the registrar keeps the flow (RFC 5626 4.3).
 */
export function dialogContact(binding: Binding, options: { readonly privacy: boolean }): SipUri {
  const { grant, contact } = binding;
  const gruu = options.privacy ? grant.tempGruu : grant.pubGruu;
  const parsed = gruu === undefined ? undefined : parseUri(gruu);
  if (parsed?.ok && isSipUri(parsed.value)) return parsed.value;
  if (!isSipUri(contact.uri)) throw new TypeError('a registered contact is a SIP URI');
  return grant.outbound ? contact.uri.withParam('ob') : contact.uri;
}
