// TS 24.604, 24.611: the services of a number, as its owner has set them. One set for each implicit registration set.
import { Signal } from '#src/base/events.ts';
import { Seconds } from '#src/base/units.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { Accounts } from '../accounts.ts';

/** Forwarding unconditional, not logged in, busy, not reachable, no reply. */
export type DiversionName = 'cfu' | 'cfnl' | 'cfb' | 'cfnrc' | 'cfnr';
/** All out, international out, the same except home, all in, in while roaming, anonymous callers (ACR). */
export type BarringName = 'baoc' | 'boic' | 'boic_exhc' | 'baic' | 'bic_roam' | 'acr';

export const DIVERSIONS: readonly DiversionName[] = ['cfu', 'cfnl', 'cfb', 'cfnrc', 'cfnr'];
export const BARRINGS: readonly BarringName[] = ['baoc', 'boic', 'boic_exhc', 'baic', 'bic_roam', 'acr'];

export interface ServiceSet {
  readonly targets: Readonly<Partial<Record<DiversionName, Uri>>>;
  /** From the first 180. */
  readonly noReply: Seconds;
  /** The caller is told by 181. */
  readonly notify: boolean;
  /** The diverted-to user may see who diverted; else the entry is anonymous. */
  readonly reveal: boolean;
  /** The caller may see where to. */
  readonly revealTarget: boolean;
  readonly barred: ReadonlySet<BarringName>;
  /** Terminating identification restriction (24.608): the caller does not see who answered. */
  readonly restrictAnswer: boolean;
  /** Originating identification restriction (24.607): the called one does not see who calls, unless told so for one call. */
  readonly restrictCall: boolean;
}

const NO_REPLY = Seconds(20);

export const NO_SERVICES: ServiceSet = {
  targets: {},
  noReply: NO_REPLY,
  notify: true,
  reveal: true,
  revealTarget: true,
  barred: new Set(),
  restrictAnswer: false,
  restrictCall: false,
};

export class Services {
  readonly onChange = new Signal<string>();
  readonly #accounts: Accounts;
  readonly #sets = new Map<string, ServiceSet>();

  constructor(accounts: Accounts) {
    this.#accounts = accounts;
  }

  /** All that differ from nothing, by the default identity of their set. */
  get all(): ReadonlyMap<string, ServiceSet> {
    return this.#sets;
  }

  of(identity: Uri): ServiceSet {
    return this.#sets.get(this.key(identity)) ?? NO_SERVICES;
  }

  set(identity: Uri, services: ServiceSet): void {
    const key = this.key(identity);
    this.#sets.set(key, services);
    this.onChange.emit(key);
  }

  /** The first identity of those who share it; a URI that nobody has stands for itself. */
  key(identity: Uri): string {
    const [account] = this.#accounts.byIdentity(identity);
    return (account?.identities[0] ?? identity).toString();
  }
}
