// What calls need of an account; `ims/Registration` is one.
import type { Signal } from '#src/base/events.ts';
import type { DigestClient } from '#src/sip/digest/client.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';

export interface Line {
  readonly profile: 'ims' | 'sip';
  /** An INVITE that comes neither over the registered flow nor from the P-CSCF is refused (contract `register`). */
  readonly register: boolean;
  /** `+sip.instance`, a URN. */
  readonly instance?: string;
  /** Home domain, for dialled numbers. */
  readonly domain?: string | undefined;
  /** Ours to use, the default one first; empty while not registered. */
  readonly identities: readonly NameAddr[];
  /** For requests outside a dialog. */
  readonly route: readonly NameAddr[];
  readonly flow: Flow | undefined;
  readonly digest: DigestClient | undefined;
  /** Both sides announced end-to-access-edge media security at registration (33.328 7.1.1); absent: no. */
  readonly e2ae?: boolean;
  /** For requests and responses that make a dialog, with feature tags. */
  contact(options: { readonly privacy: boolean; readonly to?: Flow | Target }): NameAddr;
  trusts(flow: Flow): boolean;
  /** The network answered that it has lost this device (24.229 5.1.2A.1.6): registers anew where that can be believed. */
  restore?(response: SipResponse): void;
  /** Registered anew over another flow or from another address: live calls go on there (24.229 5.1.1.4, RFC 5626 4.3). */
  readonly onMoved?: Signal<void>;
}
