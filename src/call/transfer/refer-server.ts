// RFC 3515 2.4.2 to 2.4.5: one REFER to us that was accepted, and what we tell of it. Its life is the notifier's table
// (RFC 6665 4.2).
import type { Timer } from '#src/base/clock.ts';
import { Signal } from '#src/base/events.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { endsWhat } from '#src/sip/dialog/usage.ts';
import {
  type NotifierAction,
  type NotifierEvent,
  type NotifierState,
  notifierRow,
} from '#src/sip/event/notifier-table.ts';
import { reasonPhrase } from '#src/sip/message/reason-phrases.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { dialogHeaders, lineSending } from '../headers.ts';
import type { CallWorld } from '../world.ts';
import type { DialogUsage } from './usages.ts';

/** As long as somebody may let it ring. */
const LIFE = Seconds(180);
const FRAGMENT = 'message/sipfrag;version=2.0';
const TRYING = 100;
const FINAL = 200;
const ACCEPTED = 202;
/** RFC 4488 4 */
const UNTOLD = ['Refer-Sub', 'false'] as const;

interface Note {
  readonly state: string;
  readonly fragment: string;
}

export class ReferServer implements DialogUsage {
  readonly onOver = new Signal<void>();
  readonly #world: CallWorld;
  readonly #dialog: Dialog;
  /** `refer`, with the id of RFC 3515 2.4.6 from the second REFER in a dialog on. */
  readonly #event: string;
  readonly #id: number;
  #state: NotifierState = 'active';
  #last = fragmentOf(TRYING, undefined);
  #reason = 'noresource';
  #ends = 0;
  #timer: Timer | undefined;
  #queue: Note[] = [];
  #busy = false;
  #over = false;

  constructor(world: CallWorld, dialog: Dialog, refer: { readonly cseq: number; readonly first: boolean }) {
    this.#world = world;
    this.#dialog = dialog;
    this.#id = refer.cseq;
    this.#event = refer.first ? 'refer' : `refer;id=${refer.cseq}`;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** The REFER is answered: the first NOTIFY follows at once (RFC 3515 2.4.4). */
  begin(): void {
    this.#renew(LIFE);
  }

  /** What our INVITE met. A final status is the last word. */
  report(status: number, reason?: string): void {
    this.#last = fragmentOf(status, reason);
    if (status < FINAL) this.#fire('state changed');
    else {
      this.#reason = 'noresource';
      this.#fire('ended by us');
    }
  }

  take(incoming: Incoming): boolean {
    const { request } = incoming;
    if (request.method !== 'SUBSCRIBE' || request.event?.type.toLowerCase() !== 'refer') return false;
    const { id } = request.event;
    if (this.#state === 'terminated' || (id !== undefined && Number(id) !== this.#id)) return false;
    const expires = Seconds(Math.min(request.expires ?? LIFE, LIFE));
    incoming.respond(FINAL, {
      headers: [...dialogHeaders(this.#world.line, incoming.flow), ['Expires', String(expires)]],
    });
    this.#renew(expires);
    return true;
  }

  /** Over, without a word. */
  stop(): void {
    this.#queue = [];
    this.#busy = false;
    this.#fire('undeliverable');
  }

  #renew(expires: Seconds): void {
    this.#ends = this.#world.clock.now() + toMilliseconds(expires);
    this.#fire(expires > 0 ? 'refreshed' : 'unsubscribed');
  }

  #fire(event: NotifierEvent): void {
    const row = notifierRow(this.#state, event);
    if (!row) return;
    this.#state = row.next;
    if (row.reason) this.#reason = row.reason;
    for (const action of row.actions) this.#perform(action);
  }

  get #left(): Seconds {
    return Seconds(Math.max(0, Math.round((this.#ends - this.#world.clock.now()) / 1000)));
  }

  #perform(action: NotifierAction): void {
    switch (action) {
      case 'arm':
        this.#timer?.cancel();
        this.#timer = this.#world.clock.after(toMilliseconds(this.#left), () => this.#fire('expired'));
        break;
      case 'notify':
        this.#enqueue(`active;expires=${this.#left}`);
        break;
      case 'last notify':
        this.#enqueue(`terminated;reason=${this.#reason}`);
        break;
      case 'release':
        this.#timer?.cancel();
        this.#rest();
        break;
    }
  }

  /** One after the other; of what waits only the newest matters. */
  #enqueue(state: string): void {
    this.#queue = [{ state, fragment: this.#last }];
    if (!this.#busy) this.#sendNext();
  }

  #sendNext(): void {
    const note = this.#queue.shift();
    this.#busy = note !== undefined;
    if (!note) {
      this.#rest();
      return;
    }
    const { ua, line } = this.#world;
    const request = this.#dialog.createRequest('NOTIFY', {
      headers: [
        ['Event', this.#event],
        ['Subscription-State', note.state],
      ],
      contentType: FRAGMENT,
      body: note.fragment,
    });
    const handlers = {
      onFinal: ({ status }: { readonly status: number }) => {
        if (status >= 300 && endsWhat(status, 'NOTIFY') !== 'transaction') this.#lost();
        this.#sendNext();
      },
      onFailure: () => {
        this.#lost();
        this.#sendNext();
      },
    };
    ua.sendInDialog(this.#dialog, request, handlers, lineSending(line));
  }

  /** Nobody listens; the call that was asked for goes on all the same. */
  #lost(): void {
    this.#queue = [];
    this.#fire('undeliverable');
  }

  #rest(): void {
    if (this.#over || this.#state !== 'terminated' || this.#busy || this.#queue.length > 0) return;
    this.#over = true;
    this.onOver.emit();
  }
}

/** Takes a REFER: 202, and the first NOTIFY from whoever is to tell. Nobody is where they want to hear nothing (RFC 4488 4). */
export function acceptRefer(
  incoming: Incoming,
  { line }: CallWorld,
  serve: () => ReferServer,
): ReferServer | undefined {
  const isSilent = incoming.request.typed('Refer-Sub')?.value.toLowerCase() === 'false';
  const server = isSilent ? undefined : serve();
  const headers = [...dialogHeaders(line, incoming.flow), ...(isSilent ? [UNTOLD] : [])];
  incoming.respond(ACCEPTED, { headers });
  server?.begin();
  return server;
}

/** A REFER outside any dialog makes one, for its NOTIFYs. */
export function referDialog({ request, localTag, flow }: Incoming, { line }: CallWorld): Dialog {
  const dialog = Dialog.uas(request, { localTag, contact: line.contact({ privacy: false, to: flow }) });
  dialog.confirm();
  dialog.flow = flow.transport === 'udp' ? undefined : flow;
  return dialog;
}

const fragmentOf = (status: number, reason: string | undefined): string =>
  `SIP/2.0 ${status} ${reason || reasonPhrase(status)}\r\n`;
