// RFC 3515, 4488, TS 24.147 5.3.2.5: the receiving side of a REFER: what it asks for, and the NOTIFYs that tell of it.
import type { Clock, Timer } from '#src/base/clock.ts';
import { err, ok, type Result } from '#src/base/result.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { reasonPhrase } from '#src/sip/message/reason-phrases.ts';
import { isSipUri, type Uri } from '#src/sip/message/uri.ts';
import type { Incoming, UserAgent } from '#src/sip/ua/user-agent.ts';

export interface ReferWish {
  readonly method: 'INVITE' | 'BYE';
  /** Without method and header fields. */
  readonly target: Uri;
  /** For the INVITE. */
  readonly headers: readonly (readonly [string, string])[];
}

export interface ReferRefusal {
  readonly status: number;
  readonly text: string;
}

/** Header fields that may stand in a Refer-To (24.147 5.3.1.5.3; RFC 3261 19.1.5: others are not taken over). */
const ALLOWED = new Map([
  ['replaces', 'Replaces'],
  ['require', 'Require'],
  ['call-info', 'Call-Info'],
]);
const refused = (status: number, text: string): Result<ReferWish, ReferRefusal> => err({ status, text });

export function readRefer(request: SipRequest): Result<ReferWish, ReferRefusal> {
  if (request.headers.getAll('Refer-To').length !== 1) return refused(400, 'One Refer-To is needed');
  const address = request.typed('Refer-To');
  if (!address) return refused(400, 'Refer-To cannot be read');
  const { uri } = address;
  if (!isSipUri(uri)) {
    return uri.scheme === 'tel'
      ? ok({ method: 'INVITE', target: uri, headers: [] })
      : refused(416, 'Not an address to call');
  }
  const method = (uri.params.get('method') ?? 'INVITE').toUpperCase();
  if (method !== 'INVITE' && method !== 'BYE')
    return refused(403, `A conference sends no ${method.slice(0, 32)}`);
  const headers: [string, string][] = [];
  for (const field of (uri.headers ?? '').split('&').filter((text) => text !== '')) {
    const [name = '', value = ''] = field.split('=', 2);
    const known = ALLOWED.get(unescaped(name).toLowerCase());
    const text = unescaped(value);
    if (/[\r\n\0]/.test(text)) return refused(400, 'Refer-To cannot be read');
    if (known) headers.push([known, text]);
  }
  return ok({ method, target: uri.withoutHeaders().withoutParam('method'), headers });
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone percent sign is no escape: it stands for itself.
    return text;
  }
}

/** 24.147 5.3.2.5.2: one that is missing, or is nobody's own, is put right. */
export function referredBy(request: SipRequest): NameAddr | undefined {
  const [asserted] = request.typed('P-Asserted-Identity');
  return asserted ?? request.typed('Referred-By');
}

const LIFE = Seconds(180);
const TRYING = 100;
const FIRST_FINAL = 200;
const ACCEPTED = 202;
const EVENT = 'refer';

/** The implicit subscription of one REFER. Without (Refer-Sub: false) it says nothing. */
export class ReferProgress {
  readonly #ua: UserAgent;
  readonly #dialog: Dialog | undefined;
  readonly #own: boolean;
  readonly #event: string;
  readonly #queue: { readonly status: number; readonly last: boolean }[] = [];
  readonly #end: Timer | undefined;
  readonly #clock: Clock;
  readonly #begun: number;
  #busy = false;
  #over = false;

  /** Answers 202. `contact`: of the dialog that a REFER outside of one makes. */
  constructor(ua: UserAgent, clock: Clock, incoming: Incoming, contact: NameAddr) {
    const { request } = incoming;
    const silent = request.typed('Refer-Sub')?.value.toLowerCase() === 'false';
    this.#ua = ua;
    this.#clock = clock;
    this.#begun = clock.now();
    this.#own = incoming.dialog === undefined;
    // Several REFERs may share one dialog (RFC 3515 2.4.6).
    this.#event = this.#own ? EVENT : `${EVENT};id=${request.cseq.number}`;
    const headers: [string, string][] = silent ? [['Refer-Sub', 'false']] : [];
    if (this.#own && !silent) {
      this.#dialog = Dialog.uas(request, { localTag: incoming.localTag, contact });
      this.#dialog.confirm();
      this.#dialog.flow = incoming.flow.transport === 'udp' ? undefined : incoming.flow;
      ua.attach(this.#dialog, { onRequest: (again) => this.#receive(again) });
    } else this.#dialog = silent ? undefined : incoming.dialog;
    incoming.respond(ACCEPTED, { headers: [['Contact', contact.toString()], ...headers] });
    if (!this.#dialog) return;
    this.#end = clock.after(toMilliseconds(LIFE), () => this.tell(408));
    this.tell(TRYING);
  }

  /** A status of what was asked for; a final one ends the subscription. */
  tell(status: number): void {
    if (this.#over || !this.#dialog) return;
    this.#over = status >= FIRST_FINAL;
    this.#queue.push({ status, last: this.#over });
    if (!this.#busy) this.#next();
  }

  drop(): void {
    this.#over = true;
    this.#queue.length = 0;
    this.#close();
  }

  /** Un-subscribed (Expires: 0): nothing more is told. */
  #receive(incoming: Incoming): void {
    if (incoming.request.method !== 'SUBSCRIBE') {
      incoming.respond(405, { headers: [['Allow', 'SUBSCRIBE, NOTIFY']] });
      return;
    }
    const expires = Math.min(incoming.request.expires ?? LIFE, this.#left);
    incoming.respond(200, { headers: [['Expires', String(expires)]] });
    if (expires === 0) this.drop();
  }

  get #left(): number {
    return Math.max(0, LIFE - Math.round((this.#clock.now() - this.#begun) / 1000));
  }

  #next(): void {
    const note = this.#queue.shift();
    this.#busy = note !== undefined;
    if (!note || !this.#dialog) {
      if (this.#over) this.#close();
      return;
    }
    const request = this.#dialog.createRequest('NOTIFY', {
      headers: [
        ['Event', this.#event],
        ['Subscription-State', note.last ? 'terminated;reason=noresource' : `active;expires=${this.#left}`],
      ],
      contentType: 'message/sipfrag;version=2.0',
      body: `SIP/2.0 ${note.status} ${reasonPhrase(note.status)}\r\n`,
    });
    this.#ua.sendInDialog(this.#dialog, request, {
      onFinal: (response) => {
        if (response.isSuccess) this.#next();
        else this.drop();
      },
      onFailure: () => this.drop(),
    });
  }

  #close(): void {
    this.#end?.cancel();
    if (!this.#own || !this.#dialog) return;
    this.#dialog.terminate();
    this.#ua.detach(this.#dialog);
  }
}
