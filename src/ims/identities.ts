// TS 24.229 5.1.1.2, RFC 7315 4.1: the public identities that a registration makes usable.
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { type Uri, uriEquals } from '#src/sip/message/uri.ts';

/** A row of `identities` in the status. */
export interface Identity {
  readonly uri: string;
  readonly kind: 'default' | 'irs';
  readonly active: boolean;
}

/** The set of one registration; empty until registered. */
export class IdentitySet {
  readonly #associated: readonly NameAddr[];

  /**
   * `associated` is P-Associated-URI: undefined when the 200 (OK) had no such header, empty when the header was empty;
   * in both cases only the registered identity may be used.
   */
  constructor(registered: NameAddr, associated: readonly NameAddr[] | undefined) {
    this.#associated = associated === undefined || associated.length === 0 ? [registered] : associated;
  }

  /** TS 24.229 5.1.1.2: the first of the list. */
  get default(): NameAddr | undefined {
    return this.#associated[0];
  }

  /** The address of the reg event subscription: the first SIP URI of the list. */
  get subscribed(): NameAddr | undefined {
    return this.#associated.find(({ uri }) => uri.scheme === 'sip' || uri.scheme === 'sips') ?? this.default;
  }

  get all(): readonly NameAddr[] {
    return this.#associated;
  }

  /** Whether P-Preferred-Identity may carry it; an identity that the network did not list is barred. */
  allows(uri: Uri): boolean {
    return this.#associated.some((identity) => uriEquals(identity.uri, uri));
  }

  list(): readonly Identity[] {
    return this.#associated.map(({ uri }, index) => ({
      uri: uri.toString(),
      kind: index === 0 ? 'default' : 'irs',
      active: true,
    }));
  }
}
