// TS 24.229 5.4.3.2, RFC 3261 16.5: which identity a URI means, whatever way it is written.
import { isSipUri, type Uri } from '#src/sip/message/uri.ts';
import type { Accounts } from './accounts.ts';
import type { OwnAddresses } from './own-addresses.ts';

export class Names {
  readonly #accounts: Accounts;
  readonly #addresses: OwnAddresses;

  constructor(accounts: Accounts, addresses: OwnAddresses) {
    this.#accounts = accounts;
    this.#addresses = addresses;
  }

  /** Our domain, or one of our addresses, which plain softphones write in its place. */
  isHome(uri: Uri): boolean {
    return isSipUri(uri) && (this.#accounts.isHome(uri) || this.#addresses.isOwn(uri));
  }

  /** The identity as the accounts have it; a URI that means none of ours stays as it is. */
  identity(uri: Uri): Uri {
    if (!isSipUri(uri) || uri.user === undefined || !this.isHome(uri)) return uri;
    const [user = ''] = uri.user.split(';', 1);
    const own = this.#accounts.all.flatMap(({ identities, shared }) => [...identities, ...shared]);
    const known = own.find((each) => isSipUri(each) && each.user === user && this.#accounts.isHome(each));
    return known ?? own.find((each) => each.scheme === 'tel' && each.number === user) ?? uri;
  }
}
