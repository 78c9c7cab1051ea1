// What calls need of an account: `ims/Registration` behind the few names that matter here.
import type { DigestClient } from '#src/sip/digest/client.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';

/** The part of `ims/Registration` that calls use. */
export interface RegisteredAccount {
  readonly identities: { readonly all: readonly NameAddr[] } | undefined;
  readonly defaultIdentity: NameAddr;
  readonly route: readonly NameAddr[];
  readonly flow: Flow | undefined;
  readonly digest: DigestClient;
  contact(options: { readonly privacy?: boolean; readonly to?: Flow | Target }): NameAddr;
  trusts(flow: Flow): boolean;
}

export interface Line {
  readonly profile: 'ims' | 'sip';
  /** An INVITE that comes neither over the registered flow nor from the P-CSCF is refused (contract `register`). */
  readonly register: boolean;
  /** Home domain, for dialled numbers. */
  readonly domain?: string | undefined;
  /** Ours to use, the default one first; empty while not registered. */
  readonly identities: readonly NameAddr[];
  /** For requests outside a dialog. */
  readonly route: readonly NameAddr[];
  readonly flow: Flow | undefined;
  readonly digest: DigestClient | undefined;
  /** For requests and responses that make a dialog, with feature tags. */
  contact(options: { readonly privacy: boolean; readonly to?: Flow | Target }): NameAddr;
  trusts(flow: Flow): boolean;
}

/** The line of an account. Without registration its configured identity is used at once. */
export function lineOf(
  account: RegisteredAccount,
  settings: Pick<Line, 'profile' | 'register' | 'domain'>,
): Line {
  return {
    ...settings,
    get identities() {
      const listed = account.identities?.all ?? [];
      if (listed.length === 0) return settings.register ? [] : [account.defaultIdentity];
      // The name that the owner gave himself goes with the default identity.
      return [account.defaultIdentity, ...listed.slice(1)];
    },
    get route() {
      return account.route;
    },
    get flow() {
      return account.flow;
    },
    get digest() {
      return account.digest;
    },
    contact: (options) => account.contact(options),
    trusts: (flow) => account.trusts(flow),
  };
}
