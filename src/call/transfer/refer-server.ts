// RFC 3515 2.4.2 to 2.4.5: one REFER to us that was accepted, and what we tell of it. Its life is the notifier's table
// (RFC 6665 4.2).
import { Signal } from '#src/base/events.ts';
import { Seconds } from '#src/base/units.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { NotifierUsage } from '#src/sip/event/notifier-usage.ts';
import { reasonPhrase } from '#src/sip/message/reason-phrases.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { dialogHeaders, lineSending } from '../headers.ts';
import type { CallEnd } from '../snapshot.ts';
import type { CallWorld } from '../world.ts';
import type { DialogUsage } from './usages.ts';

/** As long as somebody may let it ring. */
const LIFE = Seconds(180);
const FRAGMENT = 'message/sipfrag;version=2.0';
const TRYING = 100;
const FINAL = 200;
const ACCEPTED = 202;
const REQUEST_TERMINATED = 487;
const SERVICE_UNAVAILABLE = 503;
/** RFC 4488 4: nothing will be told. */
const UNTOLD = ['Refer-Sub', 'false'] as const;

export class ReferServer implements DialogUsage {
  readonly onOver = new Signal<void>();
  readonly #world: CallWorld;
  readonly #id: number;
  readonly #usage: NotifierUsage;
  #last = fragmentOf(TRYING, undefined);

  constructor(world: CallWorld, dialog: Dialog, refer: { readonly cseq: number; readonly first: boolean }) {
    const { ua, clock, line } = world;
    this.#world = world;
    this.#id = refer.cseq;
    this.#usage = new NotifierUsage({
      ...{ clock, dialog },
      state: 'active',
      // With the id of RFC 3515 2.4.6 from the second REFER in a dialog on.
      event: refer.first ? 'refer' : `refer;id=${refer.cseq}`,
      waiting: 'newest',
      body: () => ({ contentType: FRAGMENT, body: this.#last }),
      send: (notify, handlers) => ua.sendInDialog(dialog, notify, handlers, lineSending(line)),
      onOver: () => this.onOver.emit(),
    });
  }

  get isOver(): boolean {
    return this.#usage.isOver;
  }

  /** The REFER is answered: the first NOTIFY follows at once (RFC 3515 2.4.4). */
  begin(): void {
    this.#usage.renew(LIFE);
  }

  /** What our INVITE met. A final status is the last word; what comes after it is not told. */
  report(status: number, reason?: string): void {
    this.#last = fragmentOf(status, reason);
    if (status < FINAL) this.#usage.notify();
    else this.#usage.terminate('noresource');
  }

  /** The call that was asked for is over, which is news only if it never stood. */
  reportEnd({ sip, by }: CallEnd): void {
    this.report(sip ?? (by === 'local' ? REQUEST_TERMINATED : SERVICE_UNAVAILABLE));
  }

  take(incoming: Incoming): boolean {
    const { request } = incoming;
    if (request.method !== 'SUBSCRIBE' || request.event?.type.toLowerCase() !== 'refer') return false;
    const { id } = request.event;
    if (this.#usage.state === 'terminated' || (id !== undefined && Number(id) !== this.#id)) return false;
    const expires = Seconds(Math.min(request.expires ?? LIFE, LIFE));
    incoming.respond(FINAL, {
      headers: [...dialogHeaders(this.#world.line, incoming.flow), ['Expires', String(expires)]],
    });
    this.#usage.renew(expires);
    return true;
  }

  /** Over, without a word. */
  stop(): void {
    this.#usage.drop();
  }
}

/** Takes a REFER: 202, then the first NOTIFY of the one who tells. Undefined where they want to hear nothing. */
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
