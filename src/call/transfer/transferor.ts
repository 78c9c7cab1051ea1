// The transferor (24.629 4.5.2.1, RFC 5589 6, 7): the owner gives the other side of a call to somebody else.
import type { Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import { isGruu, type Uri } from '#src/sip/message/uri.ts';
import type { Call } from '../call.ts';
import type { TransferState } from '../details.ts';
import type { CallManager } from '../manager.ts';
import { hides } from '../privacy.ts';
import { nameOf } from '../replaces.ts';
import type { CallWorld } from '../world.ts';
import { holdParty, retrieveParty } from './holding.ts';
import { ReferClient, type ReferOutcome, type ReferStatus, type ReferWay } from './refer-client.ts';
import { publicTarget, referHeaders, targetDialogHeaders } from './refer-headers.ts';
import {
  TRANSFEROR_TABLE,
  type TransferorAction,
  type TransferorEvent,
  type TransferorState,
} from './transferor-table.ts';

/** `target`: somebody who is called anew. `other`: the far end of another call of ours, which the new one replaces. */
export type TransferPlan = { readonly target: Uri } | { readonly other: Call };

/** How long the target's own BYE is waited for. */
const TARGET_PATIENCE = Seconds(4);
const RINGING = 180;

export class Transferor {
  readonly #world: CallWorld;
  readonly #call: Call;
  readonly #dialog: Dialog;
  readonly #plan: TransferPlan;
  readonly #calls: CallManager;
  readonly #keep: (client: ReferClient, dialog: Dialog) => void;
  #state: TransferorState = 'preparing';
  #weHold = false;
  #last: ReferStatus | undefined;
  #offTarget: Timer | undefined;

  /** `keep`: the usages of the dialog get the REFER. */
  constructor(
    world: CallWorld,
    call: Call,
    dialog: Dialog,
    plan: TransferPlan,
    calls: CallManager,
    keep: (client: ReferClient, dialog: Dialog) => void,
  ) {
    this.#world = world;
    this.#call = call;
    this.#dialog = dialog;
    this.#plan = plan;
    this.#calls = calls;
    this.#keep = keep;
  }

  get isOver(): boolean {
    return this.#state === 'done' || this.#state === 'failed';
  }

  begin(): void {
    this.#call.onEnded.on(() => this.#fire('gone'));
    this.#note('trying');
    if ('target' in this.#plan) {
      this.#fire('prepared');
      return;
    }
    // RFC 5589 7.1, 24.629: the party waits in silence while the target and we agree.
    holdParty(this.#call).then((held) => {
      this.#weHold = held;
      this.#fire('prepared');
    }, this.#broken);
  }

  readonly #broken = (cause: unknown): void => {
    this.#call.onTrouble.emit(TandemError.from(cause, 'call.transfer'));
    this.#fire('prepared');
  };

  #fire(event: TransferorEvent): void {
    const found = TRANSFEROR_TABLE[this.#state][event];
    if (found === 'ignored') return;
    this.#state = found.next;
    for (const action of found.actions) this.#perform(action);
  }

  #perform(action: TransferorAction): void {
    switch (action) {
      case 'refer':
        this.#refer();
        break;
      case 'tell progress':
        this.#note((this.#last?.status ?? 0) >= RINGING ? 'ringing' : 'trying');
        break;
      case 'tell done':
        this.#note('done');
        this.#call.notes.tell(`The call was passed on to ${this.#to}.`);
        break;
      case 'tell failed':
        this.#tellFailed();
        break;
      case 'hang up':
        if (this.#call.publicState === 'active') this.#call.hangup();
        break;
      case 'release target':
        this.#releaseTarget();
        break;
      case 'retrieve':
        if (this.#weHold) void retrieveParty(this.#calls, this.#call);
        break;
    }
  }

  get #way(): ReferWay {
    const { line } = this.#world;
    const target = this.#dialog.remoteTarget;
    // 24.629 4.5.2.1: a Contact that is a GRUU is reached outside the dialog.
    if (!isGruu(target) || line.profile !== 'ims') return { dialog: this.#dialog };
    const { localUri } = this.#dialog;
    const contact = (way = line.flow) =>
      line.contact({ privacy: hides(this.#call.privacy ?? 'unsaid'), ...(way ? { to: way } : {}) });
    return { outside: { target: target.withoutHeaders(), identity: localUri, contact } };
  }

  #refer(): void {
    const way = this.#way;
    const client = new ReferClient(this.#world, way);
    client.onProgress.on((status) => {
      this.#last = status;
      this.#fire('progress');
    });
    client.onOutcome.on((outcome) => this.#concluded(outcome));
    if ('dialog' in way) this.#keep(client, way.dialog);
    const about = 'outside' in way ? targetDialogHeaders(this.#dialog) : [];
    client.send([...referHeaders(this.#world, this.#calls.identities, this.#call, this.#referTo), ...about]);
  }

  get #referTo(): { readonly target: Uri; readonly replaces?: ReturnType<typeof nameOf> } {
    if ('target' in this.#plan) return { target: this.#plan.target };
    const { other } = this.#plan;
    const dialog = other.dialog ?? this.#dialog;
    return { target: publicTarget(this.#world, other, dialog), replaces: nameOf(dialog) };
  }

  #concluded(outcome: ReferOutcome): void {
    if ('status' in outcome) this.#last = outcome;
    const event = outcome.kind === 'refused' || outcome.kind === 'unreachable' ? 'failed' : outcome.kind;
    this.#fire(event);
  }

  get #to(): string {
    return 'target' in this.#plan ? this.#plan.target.toString() : this.#plan.other.snapshot.remote.uri;
  }

  #note(state: TransferState['state']): void {
    const status = this.#last?.status;
    this.#call.notes.set({ transfer: { to: this.#to, state, ...(status === undefined ? {} : { status }) } });
  }

  #tellFailed(): void {
    this.#note('failed');
    const why = this.#last && this.#last.status >= 300 ? ` (${this.#last.status} ${this.#last.reason})` : '';
    const message = `The call could not be passed on to ${this.#to}${why}.`;
    this.#call.notes.tell(message);
    this.#call.onTrouble.emit(
      new TandemError('peer', 'call.transfer-failed', message, {
        detail: { call: this.#call.id, ...(this.#last ? { status: this.#last.status } : {}) },
      }),
    );
  }

  /** Its call with us was replaced: it says BYE itself (RFC 3891 3), as a rule. */
  #releaseTarget(): void {
    if ('target' in this.#plan) return;
    const { other } = this.#plan;
    this.#offTarget = this.#world.clock.after(toMilliseconds(TARGET_PATIENCE), () => {
      if (other.publicState === 'active') other.hangup();
    });
    other.onEnded.on(() => this.#offTarget?.cancel());
  }
}
