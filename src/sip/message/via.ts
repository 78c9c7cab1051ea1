// RFC 3261 20.42 Via, with RFC 3581 rport and RFC 6223 keep.
import { err, ok, type Result } from '#src/base/result.ts';
import { COLON, parseDecimal, SLASH, skipBlanks, skipClass, TOKEN, trimBlanks } from './chars.ts';
import { type SyntaxFault, syntaxFault } from './fault.ts';
import { Params } from './params.ts';
import { formatHostPort, MAX_PORT, scanHostPort } from './uri.ts';

/** RFC 3261 8.1.1.7: a branch that begins so is unique, and names the transaction. */
export const BRANCH_COOKIE = 'z9hG4bK';
const USUAL = 'SIP/2.0/';

export interface ViaFields {
  /** Upper case: `UDP`, `TCP`, `TLS`. */
  readonly transport: string;
  readonly host: string;
  readonly port?: number | undefined;
  readonly params?: Params;
}

/** One hop, immutable. */
export class Via {
  /** `SIP/2.0`. */
  readonly protocol: string;
  /** In upper case. */
  readonly transport: string;
  /** IPv6 literals without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly params: Params;
  readonly #text: string | undefined;

  private constructor(protocol: string, fields: Required<ViaFields>, text?: string) {
    this.protocol = protocol;
    this.transport = fields.transport;
    this.host = fields.host;
    this.port = fields.port;
    this.params = fields.params;
    this.#text = text;
  }

  static of(fields: ViaFields): Via {
    return new Via('SIP/2.0', { port: undefined, params: Params.none, ...fields });
  }

  static parse(text: string): Result<Via, SyntaxFault> {
    const via = Via.scan(trimBlanks(text));
    return via ? ok(via) : err(syntaxFault('Malformed Via'));
  }

  /**
   * The hop of an element whose parameters are broken: as many of them as can be read. It is enough to answer by
   * (RFC 4475 3.1.2.1); undefined when not even the sender is named.
   */
  static salvage(text: string): Via | undefined {
    const end = text.search(/[;,]/);
    if (end < 0) return Via.scan(text);
    return Via.scan(trimBlanks(text.slice(0, end)))?.withParams(Params.salvage(text, end));
  }

  /** Reads one element, already unfolded and without blanks at its ends. Blanks may stand around every delimiter. */
  static scan(text: string): Via | undefined {
    let protocol = 'SIP/2.0';
    let index = USUAL.length;
    if (!text.startsWith(USUAL)) {
      const match = /^([\w.!%*+`'~-]+)[ \t]*\/[ \t]*([\w.!%*+`'~-]+)[ \t]*\/[ \t]*/.exec(text);
      if (!match) return undefined;
      protocol = `${match[1]}/${match[2]}`;
      index = match[0].length;
    }
    const transportEnd = skipClass(text, index, TOKEN);
    const hostAt = skipBlanks(text, transportEnd);
    if (transportEnd === index || hostAt === transportEnd || text.charCodeAt(transportEnd) === SLASH)
      return undefined;
    const place = scanHostPort(text, hostAt) ?? undefined;
    if (!place) return undefined;
    let { port, end } = place;
    if (port === undefined) {
      // `host : port` (RFC 4475 3.1.1.1).
      const colon = skipBlanks(text, end);
      if (text.charCodeAt(colon) === COLON) {
        const match = /^[ \t]*([0-9]+)/.exec(text.slice(colon + 1));
        port = parseDecimal(match?.[1] ?? '', MAX_PORT);
        if (!match || port === undefined) return undefined;
        end = colon + 1 + match[0].length;
      }
    }
    const params = Params.scan(text, end);
    if (!params) return undefined;
    const transport = text.slice(index, transportEnd).toUpperCase();
    return new Via(protocol, { transport, host: place.host, port, params }, text);
  }

  get branch(): string | undefined {
    return this.params.get('branch') || undefined;
  }

  /** Whether the branch follows RFC 3261 (a bare cookie does not: RFC 4475 3.2.1). */
  get hasUniqueBranch(): boolean {
    const branch = this.branch ?? '';
    return branch.length > BRANCH_COOKIE.length && branch.startsWith(BRANCH_COOKIE);
  }

  /** The address the message came from; IPv6 with or without brackets (RFC 5118 4.5), here without. */
  get received(): string | undefined {
    return this.params.get('received')?.replace(/^\[(.*)\]$/, '$1') || undefined;
  }

  /** The port the message came from; undefined when absent or only asked for. */
  get rport(): number | undefined {
    return parseDecimal(this.params.get('rport') ?? '', MAX_PORT);
  }

  /** `rport` is there, with or without a value (RFC 3581 3). */
  get wantsRport(): boolean {
    return this.params.has('rport');
  }

  get maddr(): string | undefined {
    return this.params.get('maddr') || undefined;
  }

  get ttl(): number | undefined {
    return parseDecimal(this.params.get('ttl') ?? '', 255);
  }

  /** Host and port with IPv6 brackets. */
  get sentBy(): string {
    return formatHostPort(this.host, this.port);
  }

  withParams(params: Params): Via {
    return new Via(this.protocol, { transport: this.transport, host: this.host, port: this.port, params });
  }

  withParam(name: string, value?: string): Via {
    return this.withParams(this.params.with(name, value));
  }

  toString(): string {
    return this.#text ?? `${this.protocol}/${this.transport} ${this.sentBy}${this.params.toString()}`;
  }
}
