// RFC 3261 12 Dialogs: what two user agents remember of each other, and the requests made from it.
import { TandemError } from '#src/base/errors.ts';
import { type SipMessage, SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { SipUri, type Uri } from '#src/sip/message/uri.ts';
import type { Flow } from '#src/sip/transport/flow.ts';

export type DialogState = 'early' | 'confirmed' | 'terminated';

export interface InDialogFields {
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: Buffer | string;
  readonly contentType?: string;
}

interface DialogParts {
  readonly callId: string;
  readonly localUri: NameAddr;
  readonly remoteUri: NameAddr;
  readonly remoteTarget: Uri;
  readonly routeSet: readonly NameAddr[];
  readonly localContact: NameAddr | undefined;
  readonly localSeq: number;
  readonly remoteSeq: number | undefined;
  readonly secure: boolean;
  readonly state: DialogState;
  readonly role: 'uac' | 'uas';
  readonly method: string;
}

/** RFC 3261 12.2, RFC 3311, RFC 6665, RFC 3515: methods whose Contact moves the remote target. */
const TARGET_REFRESH: ReadonlySet<string> = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER']);
const MAX_FORWARDS = '70';

/** RFC 3261 12: Call-ID and the two tags, from our point of view. Peers of RFC 2543 have no tag: ''. */
export const dialogId = (callId: string, localTag: string, remoteTag: string): string =>
  `${callId}\n${localTag}\n${remoteTag}`;

export class Dialog {
  readonly id: string;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** With its tag, as it stands in our From. */
  readonly localUri: NameAddr;
  #remoteUri: NameAddr;
  /** Both sides use TLS for it (12.1.1): the request came over TLS to a sips URI. */
  readonly secure: boolean;
  /** Which side we were when it was made. */
  readonly role: 'uac' | 'uas';
  /** Our Contact, repeated in requests that may refresh it; may be replaced. */
  localContact: NameAddr | undefined;
  /** When set and alive, requests of this dialog go over it (RFC 5626 4.3) instead of where the route leads. */
  flow: Flow | undefined;
  readonly #method: string;
  #remoteTarget: Uri;
  #routeSet: readonly NameAddr[];
  #localSeq: number;
  #remoteSeq: number | undefined;
  #state: DialogState;
  /** Of the last message of the peer that had an Allow. */
  #allow: readonly string[] | undefined;

  private constructor(parts: DialogParts) {
    this.callId = parts.callId;
    this.localUri = parts.localUri;
    this.#remoteUri = parts.remoteUri;
    this.localTag = parts.localUri.tag ?? '';
    this.remoteTag = parts.remoteUri.tag ?? '';
    this.id = dialogId(this.callId, this.localTag, this.remoteTag);
    this.secure = parts.secure;
    this.role = parts.role;
    this.localContact = parts.localContact;
    this.#method = parts.method;
    this.#remoteTarget = parts.remoteTarget;
    this.#routeSet = parts.routeSet;
    this.#localSeq = parts.localSeq;
    this.#remoteSeq = parts.remoteSeq;
    this.#state = parts.state;
  }

  /** 12.1.2: from our request and its answer (101 to 2xx with a To tag). */
  static uac(request: SipRequest, response: SipResponse): Dialog {
    const dialog = new Dialog({
      callId: request.callId,
      localUri: request.from,
      remoteUri: response.to,
      remoteTarget: response.contacts[0]?.uri ?? request.requestUri,
      routeSet: response.recordRoutes.toReversed(),
      localContact: request.contacts[0],
      // The answer knows which of our tries it is for.
      localSeq: response.cseq.number,
      remoteSeq: undefined,
      secure: isSips(request.requestUri),
      state: response.isProvisional ? 'early' : 'confirmed',
      role: 'uac',
      method: request.method,
    });
    dialog.#noteAllow(response);
    return dialog;
  }

  /** 12.1.1: from a request to us, `localTag` being that of our answers. Early until `confirm`. */
  static uas(
    request: SipRequest,
    options: { readonly localTag: string; readonly contact?: NameAddr; readonly secure?: boolean },
  ): Dialog {
    const dialog = new Dialog({
      callId: request.callId,
      localUri: request.to.tag ? request.to : request.to.withTag(options.localTag),
      remoteUri: request.from,
      remoteTarget: request.contacts[0]?.uri ?? request.from.uri,
      routeSet: request.recordRoutes,
      localContact: options.contact,
      localSeq: 0,
      remoteSeq: request.cseq.number,
      secure: isSips(request.requestUri) && options.secure !== false,
      state: 'early',
      role: 'uas',
      method: request.method,
    });
    dialog.#noteAllow(request);
    return dialog;
  }

  /**
   * RFC 6665 4.4.1: a NOTIFY makes the dialog of our SUBSCRIBE. `subscribe` is the request as sent. The NOTIFY is the
   * first request of the dialog.
   */
  static fromNotify(subscribe: SipRequest, notify: SipRequest): Dialog {
    return new Dialog({
      callId: subscribe.callId,
      localUri: subscribe.from,
      remoteUri: notify.from,
      remoteTarget: notify.contacts[0]?.uri ?? subscribe.requestUri,
      routeSet: notify.recordRoutes,
      localContact: subscribe.contacts[0],
      localSeq: subscribe.cseq.number,
      remoteSeq: undefined,
      secure: isSips(subscribe.requestUri),
      state: 'confirmed',
      role: 'uac',
      method: subscribe.method,
    });
  }

  get state(): DialogState {
    return this.#state;
  }

  /** With its tag; the peer may call itself otherwise as the dialog goes on. */
  get remoteUri(): NameAddr {
    return this.#remoteUri;
  }

  get remoteTarget(): Uri {
    return this.#remoteTarget;
  }

  get routeSet(): readonly NameAddr[] {
    return this.#routeSet;
  }

  /** 8.1.2: the next hop when it is a strict router; it stands in the Request-URI then, not in the first Route. */
  get strictHop(): Uri | undefined {
    const first = this.#routeSet[0]?.uri;
    return first && !isLoose(first) ? first : undefined;
  }

  /** CSeq of the last request of ours. */
  get localSeq(): number {
    return this.#localSeq;
  }

  get remoteSeq(): number | undefined {
    return this.#remoteSeq;
  }

  /** 20.5: whether the peer takes a method; undefined when it never said. */
  peerAllows(method: string): boolean | undefined {
    return this.#allow?.includes(method);
  }

  #noteAllow(message: SipMessage): void {
    if (message.headers.has('Allow')) this.#allow = message.allow;
  }

  /** An answer to a request of ours in this dialog, or to the one that made it. */
  update(response: SipResponse): void {
    this.#noteAllow(response);
    const { method, number } = response.cseq;
    this.noteSent(number);
    const making = this.role === 'uac' && this.#state === 'early' && method === this.#method;
    if (making && response.isSuccess) {
      // 13.2.2.4: the 2xx settles the route set; a provisional one was only on approval.
      this.#routeSet = response.recordRoutes.toReversed();
      this.confirm();
    }
    if (!TARGET_REFRESH.has(method)) return;
    const contact = response.contacts[0]?.uri;
    if (contact && (response.isSuccess || (making && response.isProvisional))) this.#remoteTarget = contact;
  }

  /** We sent or received the 2xx. */
  confirm(): void {
    if (this.#state === 'early') this.#state = 'confirmed';
  }

  terminate(): void {
    this.#state = 'terminated';
  }

  /** A request was sent again under a higher CSeq (a challenge was answered). */
  noteSent(cseq: number): void {
    this.#localSeq = Math.max(this.#localSeq, cseq);
  }

  /** 12.2.2: `out-of-order` is answered with 500. ACK and CANCEL do not come here. */
  receive(request: SipRequest): 'ok' | 'out-of-order' {
    const { number } = request.cseq;
    if (this.#remoteSeq !== undefined && number <= this.#remoteSeq) return 'out-of-order';
    this.#remoteSeq = number;
    this.#noteAllow(request);
    const contact = request.contacts[0]?.uri;
    if (!TARGET_REFRESH.has(request.method)) return 'ok';
    if (contact) this.#remoteTarget = contact;
    // RFC 4916 4.3: our requests from now on are to whoever is there now.
    if (request.from.tag === this.remoteTag) this.#remoteUri = request.from;
    return 'ok';
  }

  /** 12.2.1.1: the next request of ours. Contact is added where it may refresh the target. */
  createRequest(method: string, fields: InDialogFields = {}): SipRequest {
    this.#localSeq += 1;
    return this.#create(method, this.#localSeq, fields);
  }

  /** 13.2.2.4: the ACK for a 2xx; CSeq and credentials are those of the INVITE. */
  createAck(invite: SipRequest, fields: InDialogFields = {}): SipRequest {
    const credentials = ['Authorization', 'Proxy-Authorization'].flatMap((name) =>
      invite.headers.getAll(name).map((value) => [name, value] as const),
    );
    const headers = [...(fields.headers ?? []), ...credentials];
    return this.#create('ACK', invite.cseq.number, { ...fields, headers });
  }

  #create(method: string, cseq: number, fields: InDialogFields): SipRequest {
    const { uri, routes } = this.#route();
    const given = fields.headers ?? [];
    const headers: [string, string][] = [
      ['Max-Forwards', MAX_FORWARDS],
      ...routes.map((route): [string, string] => ['Route', route]),
      ['From', this.localUri.toString()],
      ['To', this.remoteUri.toString()],
      ['Call-ID', this.callId],
      ['CSeq', `${cseq} ${method}`],
    ];
    const ownContact = given.some(([name]) => /^(contact|m)$/i.test(name));
    if (this.localContact && !ownContact && TARGET_REFRESH.has(method)) {
      headers.push(['Contact', this.localContact.toString()]);
    }
    headers.push(...given.map(([name, value]): [string, string] => [name, value]));
    const request = SipRequest.create({ method, uri, headers });
    if (fields.body !== undefined) {
      request.setBody(fields.contentType ?? 'application/sdp', fields.body);
    }
    return request;
  }

  /** Request-URI and Route: loose routing, or strict when the first hop knows nothing else. */
  #route(): { uri: Uri; routes: string[] } {
    const [first, ...rest] = this.#routeSet;
    const target = withoutHeaders(this.#remoteTarget);
    if (!first) return { uri: target, routes: [] };
    if (isLoose(first.uri)) return { uri: target, routes: this.#routeSet.map(String) };
    // 12.2.1.1: the strict router takes the Request-URI, the target goes to the end; `method` may not stand there.
    const uri = first.uri instanceof SipUri ? first.uri.withoutParam('method').withoutHeaders() : first.uri;
    return { uri, routes: [...rest.map(String), NameAddr.of(target).toString()] };
  }
}

const isSips = (uri: Uri): boolean => uri.scheme === 'sips';
const isLoose = (uri: Uri): boolean => uri instanceof SipUri && uri.isLoose;
const withoutHeaders = (uri: Uri): Uri => (uri instanceof SipUri ? uri.withoutHeaders() : uri);

/** 12.1.2: whether an answer makes or belongs to a dialog: 101 to 2xx with a To tag. */
export const makesDialog = (response: SipResponse): boolean =>
  response.status > 100 && response.status < 300 && response.to.tag !== undefined;

/** 12.1.1, 8.1.1.8: a request that makes a dialog must say where we go next. */
export function requireContact(request: SipRequest): void {
  if (request.contacts.length === 1) return;
  throw new TandemError('ours', 'sip.dialog', 'A request that makes a dialog carries exactly one Contact.', {
    detail: { method: request.method },
  });
}
