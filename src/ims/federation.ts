// NG.110 2.2.2: the active devices that share the identity, and what the network says about our own binding.
import type { Seconds } from '#src/base/units.ts';
import { parseUri, uriEquals } from '#src/sip/message/uri.ts';
import type { ContactEvent, RegInfo, RegInfoContact } from './reg-info.ts';
import type { RegInfoTable } from './reg-info-table.ts';

/** A row of `federation` in the status. */
export interface FederatedDevice {
  readonly uri: string;
  readonly instance: string | undefined;
  readonly self: boolean;
  readonly state: 'active';
  /** Public GRUU, where the network told it; the status does not show it. */
  readonly gruu?: string;
}

/** How we recognise ourselves. */
export interface Self {
  readonly instance: string;
  readonly contact: string;
}

/** What a document says about our own contact. */
export type OwnChange =
  | { readonly kind: 'none' }
  | { readonly kind: 'shortened'; readonly expires: Seconds }
  | { readonly kind: 'terminated'; readonly event: ContactEvent; readonly retryAfter?: Seconds };

/** By `+sip.instance` where the contact has one, else by the contact's URI. */
export function isSelf(contact: RegInfoContact, self: Self): boolean {
  if (contact.instance !== undefined) return contact.instance.toLowerCase() === self.instance.toLowerCase();
  return sameUri(contact.uri, self.contact);
}

/** Devices, once each although several identities list them. */
export function federation(table: RegInfoTable, self: Self): readonly FederatedDevice[] {
  const devices = new Map<string, FederatedDevice>();
  for (const { contact } of table.active()) {
    const key = contact.instance?.toLowerCase() ?? contact.uri;
    if (devices.has(key)) continue;
    devices.set(key, {
      uri: contact.uri,
      instance: contact.instance,
      self: isSelf(contact, self),
      state: 'active',
      ...(contact.pubGruu === undefined ? {} : { gruu: contact.pubGruu }),
    });
  }
  return [...devices.values()];
}

/**
 * TS 24.229 5.1.1.7, RFC 3680 5.3.2. Our binding is gone when our contact is told terminated and none of ours is
 * left, although other devices may keep the registration active. `table` has `info` applied already.
 */
export function ownChange(info: RegInfo, table: RegInfoTable, self: Self): OwnChange {
  const mine = info.registrations
    .flatMap((registration) => registration.contacts)
    .filter((contact) => isSelf(contact, self));
  const left = table.active().some(({ contact }) => isSelf(contact, self));
  const ended = mine.find((contact) => contact.state === 'terminated');
  if (ended && !left) {
    const { event, retryAfter } = ended;
    return { kind: 'terminated', event, ...(retryAfter === undefined ? {} : { retryAfter }) };
  }
  const shortened = mine.find((contact) => contact.state === 'active' && contact.event === 'shortened');
  if (shortened?.expires !== undefined) return { kind: 'shortened', expires: shortened.expires };
  return { kind: 'none' };
}

export function sameUri(a: string, b: string): boolean {
  const first = parseUri(a);
  const second = parseUri(b);
  return first.ok && second.ok ? uriEquals(first.value, second.value) : a === b;
}
