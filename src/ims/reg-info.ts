// RFC 3680 5, RFC 5628: application/reginfo+xml, from bytes to values.
import { err, ok, type Result } from '#src/base/result.ts';
import { Seconds } from '#src/base/units.ts';
import { childElements, childText, type Element, parseXml, xmlNumber } from '#src/base/xml.ts';

export const REGINFO_TYPE = 'application/reginfo+xml';
const REGINFO_NS = 'urn:ietf:params:xml:ns:reginfo';
const GRUU_NS = 'urn:ietf:params:xml:ns:gruuinfo';

/** RFC 3680 5.3.2: why a contact is in its state; `other` stands for a value the schema does not know. */
export type ContactEvent = (typeof CONTACT_EVENTS)[number] | 'other';
const CONTACT_EVENTS = [
  'registered',
  'created',
  'refreshed',
  'shortened',
  'expired',
  'deactivated',
  'probation',
  'unregistered',
  'rejected',
] as const;

export interface RegInfoContact {
  readonly id: string;
  readonly state: 'active' | 'terminated';
  readonly event: ContactEvent;
  readonly uri: string;
  readonly expires?: Seconds;
  readonly retryAfter?: Seconds;
  readonly displayName?: string;
  /** The urn of `+sip.instance`, without quotes and angle brackets. */
  readonly instance?: string;
  readonly pubGruu?: string;
  readonly tempGruu?: string;
}

export interface RegInfoRegistration {
  readonly aor: string;
  readonly id: string;
  readonly state: 'init' | 'active' | 'terminated';
  readonly contacts: readonly RegInfoContact[];
}

export interface RegInfo {
  readonly version: number;
  readonly state: 'full' | 'partial';
  readonly registrations: readonly RegInfoRegistration[];
}

/** Bounds on what a document may make us keep. */
export const REGINFO_LIMITS = { octets: 256 * 1024, contacts: 1000 } as const;

/** Reads a document; the error is a sentence on what is wrong with it. DTDs are refused. */
export function parseRegInfo(body: Buffer): Result<RegInfo, string> {
  const root = parseXml(body, REGINFO_LIMITS);
  if (!root.ok) return root;
  if (root.value.namespaceURI !== REGINFO_NS || root.value.localName !== 'reginfo')
    return err('not a reginfo document');
  return readDocument(root.value);
}

function readDocument(root: Element): Result<RegInfo, string> {
  const version = xmlNumber(root.getAttribute('version'));
  const state = root.getAttribute('state');
  if (version === undefined) return err('version is missing or no number');
  if (state !== 'full' && state !== 'partial') return err('state is neither full nor partial');
  const registrations: RegInfoRegistration[] = [];
  let contacts = 0;
  for (const element of childElements(root, REGINFO_NS, 'registration')) {
    const registration = readRegistration(element);
    if (!registration.ok) return registration;
    contacts += registration.value.contacts.length;
    if (contacts > REGINFO_LIMITS.contacts) return err(`more than ${REGINFO_LIMITS.contacts} contacts`);
    registrations.push(registration.value);
  }
  return ok({ version, state, registrations });
}

function readRegistration(element: Element): Result<RegInfoRegistration, string> {
  const aor = element.getAttribute('aor')?.trim();
  const id = element.getAttribute('id');
  const state = element.getAttribute('state');
  if (!aor || !id) return err('a registration lacks its aor or id');
  if (state !== 'init' && state !== 'active' && state !== 'terminated')
    return err('unknown state of a registration');
  const contacts: RegInfoContact[] = [];
  for (const child of childElements(element, REGINFO_NS, 'contact')) {
    const contact = readContact(child);
    if (!contact.ok) return contact;
    contacts.push(contact.value);
  }
  return ok({ aor, id, state, contacts });
}

function readContact(element: Element): Result<RegInfoContact, string> {
  const id = element.getAttribute('id');
  const state = element.getAttribute('state');
  const uri = childText(element, REGINFO_NS, 'uri');
  if (!id || !uri) return err('a contact lacks its id or uri');
  if (state !== 'active' && state !== 'terminated') return err('unknown state of a contact');
  const expires = xmlNumber(element.getAttribute('expires'));
  const retryAfter = xmlNumber(element.getAttribute('retry-after'));
  const displayName = childText(element, REGINFO_NS, 'display-name');
  const instance = readInstance(element);
  const pubGruu = gruu(element, 'pub-gruu');
  const tempGruu = gruu(element, 'temp-gruu');
  return ok({
    id,
    state,
    event: readEvent(element.getAttribute('event')),
    uri,
    ...(expires === undefined ? {} : { expires: Seconds(expires) }),
    ...(retryAfter === undefined ? {} : { retryAfter: Seconds(retryAfter) }),
    ...(displayName === undefined ? {} : { displayName }),
    ...(instance === undefined ? {} : { instance }),
    ...(pubGruu === undefined ? {} : { pubGruu }),
    ...(tempGruu === undefined ? {} : { tempGruu }),
  });
}

const readEvent = (text: string | null): ContactEvent =>
  CONTACT_EVENTS.find((event) => event === text) ?? 'other';

function readInstance(contact: Element): string | undefined {
  for (const element of childElements(contact, REGINFO_NS, 'unknown-param')) {
    if (element.getAttribute('name')?.toLowerCase() === '+sip.instance')
      return bareInstance(element.textContent ?? '');
  }
  return undefined;
}

/** RFC 5626 4.1: the urn stands in angle brackets inside quotes; some senders leave one pair out. */
export function bareInstance(text: string): string | undefined {
  const match = /^\s*"?\s*<?\s*([^<>"\s]+)\s*>?\s*"?\s*$/.exec(text);
  return match?.[1];
}

/** RFC 5628 5: the GRUU is the `uri` attribute (the text, in older servers). */
function gruu(contact: Element, name: string): string | undefined {
  const element = childElements(contact, GRUU_NS, name)[0];
  return element?.getAttribute('uri')?.trim() || element?.textContent?.trim() || undefined;
}
