// RFC 3261 7.1, 7.2 Requests and responses: bytes on the outside, typed values on the inside.
import { TandemError } from '#src/base/errors.ts';
import { SIP_VERSION, SipMessage } from './base-message.ts';
import { isToken } from './chars.ts';
import { HeaderList } from './header-list.ts';
import { asOctets } from './octets.ts';
import { reasonPhrase } from './reason-phrases.ts';
import type { Uri } from './uri.ts';

export { hasToken, type Reading, readingOf, SIP_VERSION, SipMessage } from './base-message.ts';

type HeaderPairs = Iterable<readonly [name: string, value: string]>;

const EMPTY = Buffer.alloc(0);

export interface RequestFields {
  readonly method: string;
  readonly uri: Uri;
  readonly headers?: HeaderPairs;
  readonly body?: Buffer | string;
}

export class SipRequest extends SipMessage {
  readonly method: string;
  #requestUri: Uri;
  #uriChanged = false;

  /** For the parser; others use `create`. */
  constructor(method: string, uri: Uri, headers: HeaderList, body?: Buffer, origin?: Buffer) {
    super(headers, body, origin);
    this.method = method;
    this.#requestUri = uri;
  }

  static create(fields: RequestFields): SipRequest {
    if (!isToken(fields.method)) {
      throw new TandemError('ours', 'sip.message', 'A method must be a token.', {
        detail: { method: fields.method },
      });
    }
    return new SipRequest(
      fields.method,
      fields.uri,
      HeaderList.of(fields.headers ?? []),
      toBody(fields.body),
    );
  }

  get requestUri(): Uri {
    return this.#requestUri;
  }

  set requestUri(uri: Uri) {
    this.#requestUri = uri;
    this.#uriChanged = true;
  }

  get startLine(): string {
    return `${this.method} ${this.#requestUri.toString()} ${SIP_VERSION}`;
  }

  protected get startLineChanged(): boolean {
    return this.#uriChanged;
  }

  /** A copy that can be changed by itself; the body's bytes are shared. */
  clone(): SipRequest {
    return new SipRequest(this.method, this.#requestUri, this.headers.clone(), this.body);
  }
}

export interface ResponseFields {
  readonly status: number;
  /** Default: the usual phrase of the status. */
  readonly reason?: string | undefined;
  readonly headers?: HeaderPairs;
  readonly body?: Buffer | string;
}

export interface ReplyFields {
  readonly reason?: string | undefined;
  /** Put on To when it has no tag and the status is above 100. */
  readonly toTag?: string | undefined;
  readonly headers?: HeaderPairs;
  readonly body?: Buffer | string;
}

const TRYING = 100;
const FIRST_FINAL = 200;
const FIRST_NON_SUCCESS = 300;

export class SipResponse extends SipMessage {
  readonly status: number;
  /** A byte string. */
  readonly reason: string;

  /** For the parser; others use `create` and `reply`. */
  constructor(status: number, reason: string, headers: HeaderList, body?: Buffer, origin?: Buffer) {
    super(headers, body, origin);
    this.status = status;
    this.reason = reason;
  }

  static create(fields: ResponseFields): SipResponse {
    const reason = asOctets(fields.reason ?? reasonPhrase(fields.status)).replace(/[\r\n\0]/g, ' ');
    return new SipResponse(fields.status, reason, HeaderList.of(fields.headers ?? []), toBody(fields.body));
  }

  /** The answer to a request (RFC 3261 8.2.6, 12.1.1): its Via, From, To, Call-ID, CSeq as they came; Record-Route too
   * when the answer may make a dialog; Timestamp in a 100. */
  static reply(request: SipRequest, status: number, fields: ReplyFields = {}): SipResponse {
    const copied: [string, string][] = [];
    for (const field of request.headers.fields) {
      const name = field.row?.name;
      if (name === undefined || (field.row?.form === 'single' && copied.some(([known]) => known === name)))
        continue;
      const keep =
        COPIED.has(name) ||
        (name === 'Record-Route' && status > TRYING && status < FIRST_NON_SUCCESS) ||
        (name === 'Timestamp' && status === TRYING);
      if (!keep) continue;
      const value = name === 'To' ? taggedTo(request, status, fields.toTag) : field.value;
      // Only a request that was refused for it can hold a lone CR or LF.
      copied.push([name, value.replace(/[\r\n]+/g, ' ')]);
    }
    const { reason, body } = fields;
    return SipResponse.create({
      status,
      reason,
      headers: [...copied, ...(fields.headers ?? [])],
      ...(body === undefined ? {} : { body }),
    });
  }

  get isProvisional(): boolean {
    return this.status < FIRST_FINAL;
  }

  get isSuccess(): boolean {
    return this.status >= FIRST_FINAL && this.status < FIRST_NON_SUCCESS;
  }

  get startLine(): string {
    return `${SIP_VERSION} ${this.status} ${this.reason}`;
  }

  protected get startLineChanged(): boolean {
    return false;
  }

  /** A copy that can be changed by itself; the body's bytes are shared. */
  clone(): SipResponse {
    return new SipResponse(this.status, this.reason, this.headers.clone(), this.body);
  }
}

const COPIED: ReadonlySet<string> = new Set(['Via', 'From', 'To', 'Call-ID', 'CSeq']);

/** A To that cannot be read goes back as it came. */
function taggedTo(request: SipRequest, status: number, tag: string | undefined): string {
  const to = request.typed('To');
  if (!to || to.tag || !tag || status <= TRYING) return to?.toString() ?? request.header('To') ?? '';
  return to.withTag(tag).toString();
}

const toBody = (body: Buffer | string | undefined): Buffer =>
  body === undefined ? EMPTY : typeof body === 'string' ? Buffer.from(body, 'utf8') : body;

export const isRequest = (message: SipMessage): message is SipRequest => message instanceof SipRequest;
