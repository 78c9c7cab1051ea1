// RFC 3680 5, RFC 5628: application/reginfo+xml, from bindings to text.
import type { Seconds } from '#src/base/units.ts';
import { escapeXml } from '#src/base/xml.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { Binding, BindingEvent } from './location.ts';

export interface ReportedContact {
  readonly binding: Binding;
  readonly state: 'active' | 'terminated';
  readonly event: BindingEvent;
  readonly expires: Seconds;
  readonly retryAfter?: Seconds;
}

export interface ReportedRegistration {
  readonly identity: Uri;
  readonly state: 'init' | 'active' | 'terminated';
  readonly contacts: readonly ReportedContact[];
}

const HEAD =
  '<?xml version="1.0"?>\n<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo"';

export function writeRegInfo(
  version: number,
  state: 'full' | 'partial',
  registrations: readonly ReportedRegistration[],
): string {
  const body = registrations.map(writeRegistration).join('');
  return `${HEAD} version="${version}" state="${state}">\n${body}</reginfo>\n`;
}

function writeRegistration({ identity, state, contacts }: ReportedRegistration): string {
  const aor = escapeXml(identity.toString());
  return `<registration aor="${aor}" id="${aor}" state="${state}">\n${contacts.map(writeContact).join('')}</registration>\n`;
}

function writeContact({ binding, state, event, expires, retryAfter }: ReportedContact): string {
  const { id, contact, instance, pubGruu } = binding;
  const retry = retryAfter === undefined ? '' : ` retry-after="${retryAfter}"`;
  const left = state === 'active' ? ` expires="${Math.ceil(expires)}"` : '';
  const name =
    contact.displayName === undefined ? '' : `<display-name>${escapeXml(contact.displayName)}</display-name>`;
  const gruu = pubGruu === undefined ? '' : `<gr:pub-gruu uri="${escapeXml(pubGruu)}"/>`;
  const own =
    instance === undefined
      ? ''
      : `<unknown-param name="+sip.instance">${escapeXml(`"<${instance}>"`)}</unknown-param>`;
  return (
    `<contact id="${id}" state="${state}" event="${event}"${left}${retry}>` +
    `<uri>${escapeXml(contact.uri.toString())}</uri>${name}${own}${gruu}</contact>\n`
  );
}
