// The dialogs that a call owns: one for each callee that answered its INVITE (RFC 3261 12, IR.92 2.2.5).
import type { OfferAnswer } from '#src/sdp/offer-answer.ts';
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import type { Incoming, SendingOptions, UserAgent } from '#src/sip/ua/user-agent.ts';
import { EARLY_DIALOG_LIMIT } from './capabilities.ts';
import type { HeaderPairs } from './facts.ts';
import { nameOf, type Replaceable } from './replaces.ts';
import type { CallSnapshot, DialogState } from './snapshot.ts';

/** One dialog and its own offer/answer. */
export interface Leg {
  readonly dialog: Dialog;
  readonly remoteTag: string;
  state: DialogState;
  offers: OfferAnswer;
  /** INVITEs of ours in it name 100rel, as the first one did. */
  readonly reliable: boolean;
  /** What an unreliable 18x answered: played early, and honoured when the 200 brings nothing (RFC 3261 13.2.1). */
  preview: OfferAnswer | undefined;
}

export interface DialogHandlers {
  onRequest(incoming: Incoming, leg: Leg): void;
  /** Every BYE of ours has its answer. */
  onReleased(): void;
  /** How our requests travel. */
  sending(): SendingOptions;
}

export class DialogSet {
  readonly #ua: UserAgent;
  readonly #handlers: DialogHandlers;
  readonly #legs = new Map<string, Leg>();
  readonly #releasing = new Set<Leg>();
  #byes = 0;

  constructor(ua: UserAgent, handlers: DialogHandlers) {
    this.#ua = ua;
    this.#handlers = handlers;
  }

  /** The requests of the dialog come to this call from now on. */
  add(dialog: Dialog, offers: OfferAnswer, state: DialogState, reliable = true): Leg {
    const { remoteTag } = dialog;
    const leg: Leg = { dialog, remoteTag, state, offers, reliable, preview: undefined };
    this.#legs.set(leg.remoteTag, leg);
    this.#ua.attach(dialog, { onRequest: (incoming) => this.#handlers.onRequest(incoming, leg) });
    return leg;
  }

  find(remoteTag: string): Leg | undefined {
    return this.#legs.get(remoteTag);
  }

  get isFull(): boolean {
    return this.#legs.size >= EARLY_DIALOG_LIMIT;
  }

  /** In the order in which they came. */
  get early(): readonly Leg[] {
    return [...this.#legs.values()].filter(({ state }) => state === 'early');
  }

  get confirmed(): Leg | undefined {
    return [...this.#legs.values()].find((leg) => leg.state === 'confirmed' && !this.isReleasing(leg));
  }

  /** Our BYE is out there: what still comes in it is none of the call's. */
  isReleasing(leg: Leg): boolean {
    return this.#releasing.has(leg);
  }

  /** The dialog is over and nobody hears of it any more. */
  terminate(leg: Leg): void {
    if (leg.state === 'terminated') return;
    leg.state = 'terminated';
    leg.offers.rollback();
    this.#ua.detach(leg.dialog);
  }

  terminateOthers(kept: Leg): void {
    for (const leg of this.#legs.values()) if (leg !== kept) this.terminate(leg);
  }

  /** Early dialogs end without a word (the INVITE's end ends them); confirmed ones stay until their BYE is answered. */
  terminateEarly(): void {
    for (const leg of this.#legs.values()) if (leg.state === 'early') this.terminate(leg);
  }

  /** The INVITE goes out anew: its dialogs may come again, as other ones (RFC 3261 8.1.3.5). */
  forgetEarly(): void {
    for (const leg of this.early) {
      this.terminate(leg);
      this.#legs.delete(leg.remoteTag);
    }
  }

  /** BYE; the dialog ends with its answer, whatever that is (RFC 3261 15.1.1). */
  release(leg: Leg, headers: HeaderPairs = []): void {
    this.#byes += 1;
    this.#releasing.add(leg);
    const done = (): void => {
      this.#byes -= 1;
      this.terminate(leg);
      if (this.#byes === 0) this.#handlers.onReleased();
    };
    const handlers = { onFinal: done, onFailure: done };
    this.#ua.sendInDialog(
      leg.dialog,
      leg.dialog.createRequest('BYE', { headers }),
      handlers,
      this.#handlers.sending(),
    );
  }

  releaseAll(headers: HeaderPairs = []): void {
    this.terminateEarly();
    const live = [...this.#legs.values()].filter(
      (leg) => leg.state === 'confirmed' && !this.isReleasing(leg),
    );
    for (const leg of live) this.release(leg, headers);
    if (live.length === 0 && this.#byes === 0) this.#handlers.onReleased();
  }

  /** Every one of them, those that are over too. */
  get names(): Replaceable['dialogNames'] {
    return [...this.#legs.values()].map(({ dialog, state }) => ({ ...nameOf(dialog), state }));
  }

  get snapshot(): CallSnapshot['dialogs'] {
    return [...this.#legs.values()].map(({ remoteTag, state }) => ({ remote_tag: remoteTag, state }));
  }
}
