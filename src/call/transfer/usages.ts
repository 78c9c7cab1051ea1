// RFC 5057: what else lives by the dialog of a call, and may outlive the call: REFERs and the subscriptions they make.
import type { Signal } from '#src/base/events.ts';
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import type { Incoming, UserAgent } from '#src/sip/ua/user-agent.ts';

export interface DialogUsage {
  readonly isOver: boolean;
  readonly onOver: Signal<void>;
  /** Answers a request that is for it; false: it is not. `only`: no other usage lives by this dialog. */
  take(incoming: Incoming, only: boolean): boolean;
  /** Over, without a word. */
  stop(): void;
}

const CALL_DOES_NOT_EXIST = 481;

/** The usages of one dialog beside the call. */
export class DialogUsages {
  readonly #ua: UserAgent;
  readonly #dialog: Dialog;
  readonly #onEmpty: () => void;
  readonly #usages = new Set<DialogUsage>();
  #isAlone = false;

  constructor(ua: UserAgent, dialog: Dialog, onEmpty: () => void) {
    this.#ua = ua;
    this.#dialog = dialog;
    this.#onEmpty = onEmpty;
  }

  add(usage: DialogUsage): void {
    this.#usages.add(usage);
    usage.onOver.on(() => this.#forget(usage));
  }

  take(incoming: Incoming): boolean {
    const only = this.#usages.size === 1;
    return [...this.#usages].some((usage) => usage.take(incoming, only));
  }

  /** The call has let the dialog go; what is left of it is kept until it is over. */
  outlive(): void {
    if (this.#usages.size === 0) return;
    this.#isAlone = true;
    this.#ua.attach(this.#dialog, {
      onRequest: (incoming) => {
        if (!this.take(incoming)) incoming.respond(CALL_DOES_NOT_EXIST);
      },
    });
  }

  /** Tandem closes. */
  stop(): void {
    for (const usage of [...this.#usages]) usage.stop();
  }

  #forget(usage: DialogUsage): void {
    this.#usages.delete(usage);
    if (this.#usages.size > 0) return;
    if (this.#isAlone) this.#ua.detach(this.#dialog);
    this.#onEmpty();
  }
}
