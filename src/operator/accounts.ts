// NG.110 1.4: who may register, and which identities whose devices share.
import type { OperatorConfig } from '#src/base/config/operator-schema.ts';
import { TandemError } from '#src/base/errors.ts';
import { isSipUri, parseUri, type SipUri, type Uri, uriEquals } from '#src/sip/message/uri.ts';

/** One private identity and the public identities of its implicit registration set. */
export interface Account {
  readonly impi: string;
  readonly password: string;
  readonly role: 'primary' | 'secondary';
  /** The first is the default one. */
  readonly identities: readonly Uri[];
  /** Of others, outside the registration set, that it may use and is called under (24.174). */
  readonly shared: readonly Uri[];
}

export class Accounts {
  readonly domain: string;
  readonly #accounts: Account[];

  constructor(config: OperatorConfig) {
    this.#accounts = config.accounts.map(({ impi, password, role, impus, shared }) => ({
      impi,
      password,
      role,
      identities: impus.map(readUri),
      shared: shared.map(readUri),
    }));
    this.domain = config.listen.domain ?? this.#firstHost() ?? 'tandem.invalid';
  }

  get all(): readonly Account[] {
    return this.#accounts;
  }

  /** For a phone that the operator plays itself. */
  add(account: Account): void {
    this.#accounts.push(account);
  }

  /** By the user name of the credentials: the IMPI, or its user part, as plain softphones send it. */
  byUserName(name: string): Account | undefined {
    return (
      this.#accounts.find(({ impi }) => impi === name) ??
      this.#accounts.find(({ impi }) => impi === `${name}@${this.domain}`)
    );
  }

  /** Everyone who shares an identity. */
  byIdentity(identity: Uri): readonly Account[] {
    return this.#accounts.filter(({ identities }) => identities.some((own) => sameIdentity(own, identity)));
  }

  /** Everyone who is called under an identity of somebody else (24.174 4.5.3.5). */
  sharingWith(identity: Uri): readonly Account[] {
    return this.#accounts.filter(({ shared }) => shared.some((one) => sameIdentity(one, identity)));
  }

  /** Whether the operator answers for names of this host. */
  isHome(uri: Uri): uri is SipUri {
    return isSipUri(uri) && uri.host.toLowerCase() === this.domain.toLowerCase();
  }

  #firstHost(): string | undefined {
    return this.#accounts.flatMap(({ identities }) => identities).find(isSipUri)?.host;
  }
}

/** What a URI names: a number, or a user of a domain; parameters such as `user=phone` and ports do not count. */
export function sameIdentity(a: Uri, b: Uri): boolean {
  if (isSipUri(a) && isSipUri(b)) {
    return userOf(a) === userOf(b) && a.host.toLowerCase() === b.host.toLowerCase();
  }
  return uriEquals(a, b);
}

const userOf = (uri: SipUri): string => (uri.user ?? '').split(';', 1)[0] ?? '';

function readUri(text: string): Uri {
  const uri = parseUri(text);
  if (uri.ok) return uri.value;
  throw new TandemError('caller', 'config.invalid', `"${text}" is no URI.`);
}
