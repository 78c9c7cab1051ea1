// RFC 3515 2.4.1, 2.4.4: one REFER of ours, within the dialog of a call or outside any, and what is told of it.
import type { Timer } from '#src/base/clock.ts';
import type { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { randomToken, randomUuid } from '#src/base/random.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { fragmentStatus } from '#src/sip/message/sipfrag.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Incoming, Sending, SendingHandlers } from '#src/sip/ua/user-agent.ts';
import type { HeaderPairs } from '../facts.ts';
import { lineSending } from '../headers.ts';
import type { CallWorld } from '../world.ts';
import {
  REFER_CLIENT_TABLE,
  type ReferClientAction,
  type ReferClientEvent,
  type ReferClientState,
} from './refer-client-table.ts';
import type { DialogUsage } from './usages.ts';

/** A REFER that has no dialog to stand in: to a GRUU, or to a conference. */
export interface Outside {
  readonly target: Uri;
  /** Ours. */
  readonly identity: NameAddr;
  readonly contact: (way?: Flow) => NameAddr;
}

export type ReferWay = { readonly dialog: Dialog } | { readonly outside: Outside };

export interface ReferStatus {
  readonly status: number;
  readonly reason: string;
}

/** `accepted`: by one who will tell no more (RFC 4488). `unknown`: by one who should have told and did not. */
export type ReferOutcome =
  | ({ readonly kind: 'succeeded' | 'failed' | 'refused' } & ReferStatus)
  | { readonly kind: 'unreachable'; readonly error: TandemError | undefined }
  | { readonly kind: 'accepted' | 'unknown' };

/** RFC 6665 4.1.2.4: 64·T1 of RFC 3261. */
const FIRST_WORD = Seconds(32);
/** A subscription whose NOTIFY names no time. */
const USUAL_LIFE = Seconds(180);
/** After the outcome: for a last NOTIFY that says `terminated`. */
const LAST_WORD = Seconds(4);
const FINAL = 200;
const REDIRECTION = 300;

export class ReferClient implements DialogUsage {
  readonly onProgress = new Signal<ReferStatus>();
  /** Once. */
  readonly onOutcome = new Signal<ReferOutcome>();
  /** Once, not before the outcome: its subscription has ended too. */
  readonly onOver = new Signal<void>();
  readonly #world: CallWorld;
  readonly #way: ReferWay;
  #state: ReferClientState = 'sending';
  #told: ReferStatus = { status: 100, reason: '' };
  #error: TandemError | undefined;
  #first: SipRequest | undefined;
  #sending: Sending | undefined;
  /** Of a REFER outside any dialog: made by its 2xx or its first NOTIFY. */
  #own: Dialog | undefined;
  #stopExpecting: (() => void) | undefined;
  #timer: Timer | undefined;
  #life = USUAL_LIFE;

  constructor(world: CallWorld, way: ReferWay) {
    this.#world = world;
    this.#way = way;
  }

  /** As last sent: a challenge moves the CSeq. */
  get #request(): SipRequest | undefined {
    return this.#sending?.request ?? this.#first;
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** `headers`: Refer-To, Referred-By and what else belongs to it. */
  send(headers: HeaderPairs): void {
    if ('dialog' in this.#way) this.#sendInside(this.#way.dialog, headers);
    else this.#sendOutside(this.#way.outside, headers);
  }

  #sendInside(dialog: Dialog, headers: HeaderPairs): void {
    const { ua, line } = this.#world;
    const request = dialog.createRequest('REFER', { headers: [...headers, ...ABILITIES] });
    this.#first = request;
    this.#sending = ua.sendInDialog(dialog, request, this.#handlers(), lineSending(line));
  }

  #sendOutside(outside: Outside, headers: HeaderPairs): void {
    const { ua, line, random } = this.#world;
    const { target, identity, contact } = outside;
    const request = SipRequest.create({
      method: 'REFER',
      uri: target,
      headers: [
        ['Max-Forwards', '70'],
        ...line.route.map((hop) => ['Route', hop.toString()] as const),
        ['From', identity.withTag(randomToken(random)).toString()],
        ['To', `<${target.toString()}>`],
        ['Call-ID', randomUuid(random)],
        ['CSeq', '1 REFER'],
        ['Contact', contact().toString()],
        ...headers,
        ...ABILITIES,
      ],
    });
    this.#first = request;
    const half = { callId: request.callId, localTag: request.from.tag ?? '', method: 'NOTIFY' };
    this.#stopExpecting = ua.expect(half, (incoming) => this.#firstNotify(incoming));
    this.#sending = ua.send(request, this.#handlers(), {
      ...lineSending(line),
      // Where we do not listen, the Contact names our end of the connection, which exists only now.
      prepare: (sent, flow) => sent.headers.set('Contact', outside.contact(flow).toString()),
    });
  }

  #handlers(): SendingHandlers {
    return {
      onFinal: (response) => this.#answered(response),
      onFailure: (error) => {
        this.#error = error;
        this.#fire('unreachable');
      },
    };
  }

  #answered(response: SipResponse): void {
    if (!response.isSuccess) {
      this.#told = { status: response.status, reason: response.reason };
      this.#fire('refused');
      return;
    }
    if ('outside' in this.#way && !this.#own && this.#request && response.to.tag)
      this.#adopt(Dialog.uac(this.#request, response));
    const silent = response.typed('Refer-Sub')?.value.toLowerCase() === 'false';
    this.#fire(silent ? 'accepted silently' : 'accepted');
  }

  /** RFC 6665 4.4.1: it may come before the 2xx, and then makes the dialog. */
  #firstNotify(incoming: Incoming): void {
    const request = this.#request;
    if (!request || this.#own) {
      incoming.respond(481);
      return;
    }
    const dialog = Dialog.fromNotify(request, incoming.request);
    dialog.receive(incoming.request);
    this.#adopt(dialog);
    this.#takeOwn(incoming);
  }

  #adopt(dialog: Dialog): void {
    this.#own = dialog;
    dialog.flow = this.#world.line.flow;
    this.#stopExpecting?.();
    this.#world.ua.attach(dialog, { onRequest: (incoming) => this.#takeOwn(incoming) });
  }

  #takeOwn(incoming: Incoming): void {
    if (!this.take(incoming)) incoming.respond(481);
  }

  /** A NOTIFY about this REFER is answered and used; anything else is not: false. `only`: no other REFER waits here. */
  take(incoming: Incoming, only = true): boolean {
    const { request } = incoming;
    if (this.isOver || request.method !== 'NOTIFY' || request.event?.type.toLowerCase() !== 'refer')
      return false;
    const { id } = request.event;
    // RFC 3515 2.4.6: the CSeq of the REFER; the first in a dialog may go without.
    const fits = id === undefined ? only : Number(id) === this.#request?.cseq.number;
    if (!fits) return false;
    const said = request.subscriptionState;
    if (!said) {
      incoming.respond(400, { reason: 'Missing Subscription-State' });
      return true;
    }
    incoming.respond(FINAL);
    if (said.expires !== undefined) this.#life = Seconds(said.expires);
    const told = fragmentStatus(request.body);
    if (told) this.#told = told;
    if (told || said.state !== 'terminated') this.#fire(eventOf(told?.status));
    if (said.state === 'terminated') this.#fire('terminated');
    return true;
  }

  /** Nobody waits for it any more. */
  stop(): void {
    this.#fire('stop');
  }

  #fire(event: ReferClientEvent): void {
    const found = REFER_CLIENT_TABLE[this.#state][event];
    if (found === 'ignored') return;
    this.#state = found.next;
    for (const action of found.actions) this.#perform(action, event);
  }

  #perform(action: ReferClientAction, event: ReferClientEvent): void {
    switch (action) {
      case 'await':
        this.#after(FIRST_WORD, 'silence');
        break;
      case 'arm':
        this.#after(this.#life, 'expired');
        break;
      case 'linger':
        this.#after(LAST_WORD, 'expired');
        break;
      case 'tell progress':
        this.onProgress.emit(this.#told);
        break;
      case 'tell outcome':
        this.onOutcome.emit({ kind: event === 'succeeded' ? 'succeeded' : 'failed', ...this.#told });
        break;
      case 'tell refusal':
        this.onOutcome.emit(
          event === 'refused'
            ? { kind: 'refused', ...this.#told }
            : { kind: 'unreachable', error: this.#error },
        );
        break;
      case 'tell unknown':
        this.onOutcome.emit({ kind: event === 'accepted silently' ? 'accepted' : 'unknown' });
        break;
      case 'release':
        this.#release();
        break;
    }
  }

  #after(span: Seconds, event: ReferClientEvent): void {
    this.#timer?.cancel();
    this.#timer = this.#world.clock.after(toMilliseconds(span), () => this.#fire(event));
  }

  #release(): void {
    this.#timer?.cancel();
    this.#stopExpecting?.();
    if (this.#own) {
      this.#own.terminate();
      this.#world.ua.detach(this.#own);
    }
    this.onOver.emit();
  }
}

/** RFC 3515 2.4.1, RFC 3420 */
const ABILITIES: HeaderPairs = [['Accept', 'message/sipfrag']];

/** A NOTIFY without a fragment that can be read says only that it goes on. */
function eventOf(status: number | undefined): 'progress' | 'succeeded' | 'failed' {
  if (status === undefined || status < FINAL) return 'progress';
  return status < REDIRECTION ? 'succeeded' : 'failed';
}
