// NG.110 2.2.1: what a downloadable client must be told to register.
import type { Seconds } from '#src/base/units.ts';
import type { SipUri, Uri } from '#src/sip/message/uri.ts';
import type { TimerSettings } from '#src/sip/transaction/timers.ts';
import type { AccessSetting } from './access-network.ts';
import type { BackoffSettings } from './backoff.ts';
import type { Features } from './features.ts';

export interface RegistrationConfig {
  /** `sip`: a plain registrar, without what only IMS asks for. */
  readonly profile: 'ims' | 'sip';
  /** False: calls go straight to the address dialled. */
  readonly register: boolean;
  /** IMPU. */
  readonly identity: Uri;
  readonly displayName?: string | undefined;
  /** IMPI. */
  readonly userName: string;
  readonly password: string;
  /** Home domain, the Request-URI of REGISTER. */
  readonly domain: string;
  /** In order of trial; without `transport=` TLS is meant. */
  readonly pcscf: readonly SipUri[];
  /** No P-CSCF was configured, `pcscf` is the domain: RFC 3263 finds transport and server. */
  readonly byDomain?: boolean;
  /** Configured `+sip.instance` URN. */
  readonly instance?: string | undefined;
  readonly expires?: Seconds | undefined;
  readonly backoff?: BackoffSettings;
  readonly access?: AccessSetting;
  readonly features: Features;
  /** Announce end-to-access-edge media security (33.328 7.1.1). */
  readonly mediaSecurity?: boolean;
  /** Those of the user agent; 64 × T1 is the patience with a P-CSCF that says Retry-After. */
  readonly timers: TimerSettings;
}
