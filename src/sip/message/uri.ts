// URIs where SIP lets one stand: sip and sips (RFC 3261 19.1), tel (RFC 3966), urn (RFC 8141), any other (RFC 3986).
import { isClass, URI_PARAM, USER } from './chars.ts';
import { toOctets } from './octets.ts';
import { Params } from './params.ts';

export { uriEquals } from './uri-equals.ts';
export { type HostPort, ipv6Of, MAX_PORT, parseUri, scanHostPort, scanUri } from './uri-parse.ts';

interface SipUriParts {
  readonly scheme: 'sip' | 'sips';
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
  /** With the leading `;`, or ''. */
  readonly paramText: string;
  /** Without the `?`. */
  readonly headers: string | undefined;
}

export interface SipUriFields {
  readonly scheme?: 'sip' | 'sips';
  /** Already escaped; see `escapeUser`. */
  readonly user?: string | undefined;
  /** IPv6 literals without brackets. */
  readonly host: string;
  readonly port?: number | undefined;
  readonly params?: Params;
}

/** A sip or sips URI, immutable. User, password, parameters and headers keep their escapes as they came. */
export class SipUri {
  readonly #parts: SipUriParts;
  #text: string | undefined;
  #params: Params | undefined;

  /** For `parseUri`, which hands the original text; others use `of`. */
  constructor(parts: SipUriParts, text?: string) {
    this.#parts = parts;
    this.#text = text;
  }

  static of(fields: SipUriFields): SipUri {
    return new SipUri({
      scheme: fields.scheme ?? 'sip',
      user: fields.user,
      password: undefined,
      host: fields.host,
      port: fields.port,
      paramText: fields.params?.toString() ?? '',
      headers: undefined,
    });
  }

  get scheme(): 'sip' | 'sips' {
    return this.#parts.scheme;
  }

  get user(): string | undefined {
    return this.#parts.user;
  }

  get password(): string | undefined {
    return this.#parts.password;
  }

  get host(): string {
    return this.#parts.host;
  }

  get port(): number | undefined {
    return this.#parts.port;
  }

  get params(): Params {
    this.#params ??= Params.fromUri(this.#parts.paramText);
    return this.#params;
  }

  get headers(): string | undefined {
    return this.#parts.headers;
  }

  /** Host and port as they stand in a URI or Via: `[2001:db8::1]:5060`. */
  get hostPort(): string {
    return formatHostPort(this.host, this.port);
  }

  /** The transport parameter in lower case. */
  get transport(): string | undefined {
    return this.params.get('transport')?.toLowerCase();
  }

  /** The `lr` parameter: a loose router (RFC 3261 16.12.1). */
  get isLoose(): boolean {
    return this.params.has('lr');
  }

  /** With the parameter; characters that may not stand in one are escaped. */
  withParam(name: string, value?: string): SipUri {
    const raw = value === undefined ? undefined : escapeOctets(value, URI_PARAM);
    return this.#changed({ paramText: this.params.withRaw(name, raw).toString() });
  }

  withoutParam(name: string): SipUri {
    return this.params.has(name) ? this.#changed({ paramText: this.params.without(name).toString() }) : this;
  }

  withScheme(scheme: 'sip' | 'sips'): SipUri {
    return this.#changed({ scheme });
  }

  withPort(port: number | undefined): SipUri {
    return this.#changed({ port });
  }

  withUser(user: string | undefined): SipUri {
    return this.#changed({ user });
  }

  withoutHeaders(): SipUri {
    return this.#parts.headers === undefined ? this : this.#changed({ headers: undefined });
  }

  /** Without parameters and headers. */
  bare(): SipUri {
    return this.#changed({ paramText: '', headers: undefined });
  }

  /** As it came; made from the parts when it did not come from outside. */
  toString(): string {
    this.#text ??= this.#format();
    return this.#text;
  }

  #format(): string {
    const { scheme, user, password, paramText, headers } = this.#parts;
    const secret = password === undefined ? '' : `:${password}`;
    const info = user === undefined ? '' : `${user}${secret}@`;
    return `${scheme}:${info}${this.hostPort}${paramText}${headers === undefined ? '' : `?${headers}`}`;
  }

  #changed(parts: Partial<SipUriParts>): SipUri {
    return new SipUri({ ...this.#parts, ...parts });
  }
}

/** A telephone number (RFC 3966), immutable. */
export class TelUri {
  readonly scheme = 'tel';
  /** As it came, with visual separators; global when it begins with `+`. */
  readonly number: string;
  readonly params: Params;
  readonly #text: string | undefined;

  constructor(number: string, params: Params = Params.none, text?: string) {
    this.number = number;
    this.params = params;
    this.#text = text;
  }

  get isGlobal(): boolean {
    return this.number.startsWith('+');
  }

  /** The number without visual separators (RFC 3966 5.1.1). */
  get digits(): string {
    return this.number.replace(/[-.()]/g, '');
  }

  toString(): string {
    return this.#text ?? `tel:${this.number}${this.params.toString()}`;
  }
}

/** `urn:nid:nss` (RFC 8141), as in service URNs and instance ids. */
export class UrnUri {
  readonly scheme = 'urn';
  readonly nid: string;
  readonly nss: string;
  readonly #text: string | undefined;

  constructor(nid: string, nss: string, text?: string) {
    this.nid = nid;
    this.nss = nss;
    this.#text = text;
  }

  toString(): string {
    return this.#text ?? `urn:${this.nid}:${this.nss}`;
  }
}

/** A URI of a scheme that SIP carries but does not act on (http, cid, mailto, ...). */
export class OtherUri {
  readonly scheme = 'other';
  /** In lower case. */
  readonly schemeName: string;
  readonly #text: string;

  constructor(schemeName: string, text: string) {
    this.schemeName = schemeName;
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

export type Uri = SipUri | TelUri | UrnUri | OtherUri;

export const isSipUri = (uri: Uri | undefined): uri is SipUri => uri instanceof SipUri;
/** RFC 5627: it leads to one device, from anywhere. */
export const isGruu = (uri: Uri): uri is SipUri => isSipUri(uri) && uri.params.has('gr');

/** IPv6 literals get their brackets. */
const formatHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);
export const formatHostPort = (host: string, port: number | undefined): string =>
  port === undefined ? formatHost(host) : `${formatHost(host)}:${port}`;

/** Escapes what may not stand in a user part; the text may be any Unicode. */
export const escapeUser = (text: string): string => escapeOctets(text, USER, '%');

function escapeOctets(text: string, allowed: number, also = ''): string {
  let out = '';
  for (const octet of toOctets(text)) {
    out +=
      isClass(octet, 0, allowed) && !also.includes(octet)
        ? octet
        : `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}
