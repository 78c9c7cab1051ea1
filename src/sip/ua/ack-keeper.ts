// RFC 3261 13.2.2.4: the ACK for a 2xx, sent again for every repetition of it.
import type { Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import type { Dialog, InDialogFields } from '#src/sip/dialog/dialog.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { type Core, locate, transactionSpan } from './core.ts';

interface Kept {
  readonly ack: SipRequest;
  readonly hop: Uri | undefined;
  to: Target | Flow | undefined;
  readonly timer: Timer;
}

const keyOf = (callId: string, localTag: string, remoteTag: string, cseq: number): string =>
  `${callId}\n${localTag}\n${remoteTag}\n${cseq}`;

export class AckKeeper {
  readonly #core: Core;
  readonly #kept = new Map<string, Kept>();

  constructor(core: Core) {
    this.#core = core;
  }

  get size(): number {
    return this.#kept.size;
  }

  send(dialog: Dialog, invite: SipRequest, fields: InDialogFields, flow: Flow | undefined): void {
    const ack = dialog.createAck(invite, fields);
    const key = keyOf(dialog.callId, dialog.localTag, dialog.remoteTag, invite.cseq.number);
    this.#kept.get(key)?.timer.cancel();
    const timer = this.#core.clock.after(transactionSpan(this.#core), () => void this.#kept.delete(key));
    const kept: Kept = { ack, hop: dialog.strictHop, to: flow?.alive ? flow : undefined, timer };
    this.#kept.set(key, kept);
    this.#transmit(kept).catch((error: unknown) => this.#report(error, ack));
  }

  /** A 2xx came again: the peer has not heard the ACK. Nothing happens when the owner has not sent one yet. */
  repeat(response: SipResponse): void {
    const { callId, from, to, cseq } = response;
    const kept = this.#kept.get(keyOf(callId, from.tag ?? '', to.tag ?? '', cseq.number));
    if (!kept) return;
    this.#core.counters.add('sip_ack_repeats_total');
    this.#transmit(kept).catch((error: unknown) => this.#report(error, kept.ack));
  }

  stop(): void {
    for (const { timer } of this.#kept.values()) timer.cancel();
    this.#kept.clear();
  }

  async #transmit(kept: Kept): Promise<void> {
    const { layer, decorate } = this.#core;
    const targets = kept.to ? [kept.to] : await locate(this.#core, kept.ack, kept.hop);
    let failure: unknown;
    for (const target of targets) {
      try {
        if (!kept.ack.headers.has('Via')) decorate(kept.ack, target);
        kept.to = await layer.sendAck(kept.ack, target);
        return;
      } catch (error) {
        failure = error;
        kept.to = undefined;
        kept.ack.headers.remove('Via');
      }
    }
    throw failure;
  }

  // Not the end of anything: the 2xx is repeated, and so is the ACK.
  #report(error: unknown, ack: SipRequest): void {
    const { id, message } = TandemError.from(error, 'sip.transport');
    this.#core.log.warn({ id, reason: message, callId: ack.callId }, 'an ACK could not be sent');
  }
}
