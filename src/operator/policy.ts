// What the network decides, changeable while it runs (`[policy]`, `[emergency]`, `POST policy`).
import type { Seconds } from '#src/base/units.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { Country } from './services/countries.ts';

export interface PolicySettings {
  readonly fork: 'parallel' | 'sequence';
  /** MD-2.2.6c2 */
  readonly busyEverywhere: boolean;
  readonly ringing: Seconds;
  /** A 302 of a device diverts the call (24.604 communication deflection); else the caller gets it. */
  readonly deflection: boolean;
  /** Who tells of a number's dialogs (RFC 4235): the operator, the devices themselves, or nobody (489). */
  readonly dialogEvents: 'tell' | 'route' | 'refuse';
  /** The mailbox is told of (24.606); else 489. */
  readonly messageWaiting: boolean;
  /** 24.604 4.5.2.6.1 */
  readonly diversionLimit: number;
  /** Where the network is at home. */
  readonly country: Country;
  /** Who answers emergency calls. */
  readonly psap: Uri | undefined;
  /** Emergency calls go to the PSAP, or the device is told to place them elsewhere (380). */
  readonly emergency: 'route' | 'alternative';
  /** Neighbour networks, `address` or `address:port`: what they assert is believed, and they are not asked for credentials. */
  readonly trusted: readonly string[];
  /** Numbers that mean an emergency, as dialled. */
  readonly emergencyNumbers: readonly string[];
}

export class Policy {
  #settings: PolicySettings;

  constructor(settings: PolicySettings) {
    this.#settings = settings;
  }

  get settings(): PolicySettings {
    return this.#settings;
  }

  set(settings: Partial<PolicySettings>): void {
    this.#settings = { ...this.#settings, ...settings };
  }
}
