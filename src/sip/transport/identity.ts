// RFC 5922 7: whether a certificate belongs to the SIP domain or address that was asked for.
import { isIP } from 'node:net';
import { sameAddress } from './address.ts';

/** What of a certificate counts, as Node's `getPeerCertificate` gives it. */
export interface CertificateNames {
  /** Like `DNS:example.com, URI:sip:example.com, IP Address:192.0.2.1`. */
  readonly subjectaltname?: string | undefined;
  readonly subject?: { readonly CN?: string | string[] | undefined } | undefined;
}

interface AltName {
  readonly kind: string;
  readonly value: string;
}

/** Node quotes a value as a JSON string when it holds commas or quotes, so that it cannot pretend to be two. */
function altNames(text: string): AltName[] {
  const names: AltName[] = [];
  for (const match of text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/g)) {
    const [, kind = '', raw = ''] = match;
    names.push({ kind, value: raw.startsWith('"') ? unquoted(raw) : raw });
  }
  return names;
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    // Not a JSON string: then no name that could match.
    return '';
  }
}

/** 7.1: a `sip` URI without a user names a domain. */
function domainOfUri(uri: string): string | undefined {
  return /^sip:([^@;?:]+)$/i.exec(uri)?.[1];
}

/** 7.1: the domains a certificate stands for: its SIP URIs, else its DNS names, else, without any of the kind, its CN. */
export function sipDomains(certificate: CertificateNames): string[] {
  const alternatives = altNames(certificate.subjectaltname ?? '');
  const uris = alternatives.filter(({ kind }) => kind === 'URI');
  const domains = uris.map(({ value }) => domainOfUri(value)).filter((each) => each !== undefined);
  if (domains.length > 0) return domains;
  const dns = alternatives.filter(({ kind }) => kind === 'DNS').map(({ value }) => value);
  if (dns.length > 0 || alternatives.length > 0) return dns;
  return [certificate.subject?.CN ?? []].flat();
}

/** 7.2: whole names, without regard to case; no wildcard matches. A numeric name wants an IP address alternative. */
export function matchesIdentity(certificate: CertificateNames, wanted: string): boolean {
  if (isIP(wanted)) {
    return altNames(certificate.subjectaltname ?? '').some(
      ({ kind, value }) => kind === 'IP Address' && sameAddress(value, wanted),
    );
  }
  const plain = (name: string): string => name.toLowerCase().replace(/\.$/, '');
  return sipDomains(certificate).some((domain) => plain(domain) === plain(wanted));
}
