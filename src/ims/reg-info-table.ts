// RFC 3680 5.4: what the documents received so far add up to, full and partial.
import type { RegInfo, RegInfoContact, RegInfoRegistration } from './reg-info.ts';

/** `stale`: older than what is known, nothing changed. `gap`: applied, but a document before it was lost. */
export type Applied = 'applied' | 'stale' | 'gap';

interface Entry {
  readonly aor: string;
  readonly state: RegInfoRegistration['state'];
  readonly contacts: Map<string, RegInfoContact>;
}

/** The bindings of every address of record that the notifier tells of. One table a subscription. */
export class RegInfoTable {
  #version: number | undefined;
  readonly #entries = new Map<string, Entry>();

  /** The version of the last document applied. */
  get version(): number | undefined {
    return this.#version;
  }

  apply(info: RegInfo): Applied {
    const previous = this.#version;
    // A full document is never too old: NOTIFYs come in the order of their CSeq, and Kamailio writes version 0 into each.
    if (info.state === 'partial' && previous !== undefined && info.version <= previous) return 'stale';
    const lost = info.state === 'partial' && (previous === undefined || info.version > previous + 1);
    this.#version = info.version;
    if (info.state === 'full') this.#entries.clear();
    for (const registration of info.registrations) this.#merge(registration, info.state);
    return lost ? 'gap' : 'applied';
  }

  /** A new subscription counts its versions afresh. */
  reset(): void {
    this.#version = undefined;
    this.#entries.clear();
  }

  /** The addresses of record with their active contacts. */
  active(): readonly { readonly aor: string; readonly contact: RegInfoContact }[] {
    return [...this.#entries.values()].flatMap(({ aor, contacts }) =>
      [...contacts.values()].map((contact) => ({ aor, contact })),
    );
  }

  #merge(registration: RegInfoRegistration, kind: RegInfo['state']): void {
    if (registration.state === 'terminated') {
      this.#entries.delete(registration.id);
      return;
    }
    const known = kind === 'partial' ? this.#entries.get(registration.id)?.contacts : undefined;
    const contacts = known ?? new Map<string, RegInfoContact>();
    for (const contact of registration.contacts) {
      if (contact.state === 'active') contacts.set(contact.id, contact);
      else contacts.delete(contact.id);
    }
    this.#entries.set(registration.id, { aor: registration.aor, state: registration.state, contacts });
  }
}
