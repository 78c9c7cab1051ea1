// RFC 4235 3: the dialogs of one entity, as its notifier tells of them.
import type { Timer } from '#src/base/clock.ts';
import { Signal } from '#src/base/events.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import type { SubscribeParts } from '#src/sip/event/subscriber.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { DIALOG_INFO_TYPE, type DialogInfoEntry, parseDialogInfo } from '../dialog-info/dialog-info.ts';
import { DialogTable, type DialogTags } from '../dialog-info/dialog-table.ts';
import { Watch, type WatchDeps, type WatchPolicy } from '../watch.ts';

export const DIALOG_EVENT = 'dialog';
/** RFC 4235 3.4. */
const EXPIRES = Seconds(3600);
/** Between two SUBSCRIBEs for the full state. */
const ASK_BASE = Seconds(5);
const ASK_MAX = Seconds(300);

export interface DialogWatchOptions {
  readonly policy: WatchPolicy;
  readonly wanted: () => boolean;
  readonly parts?: () => SubscribeParts;
}

export class DialogWatch {
  /** The dialogs are other ones now. */
  readonly onChange = new Signal<void>();
  readonly #deps: WatchDeps;
  readonly #watch: Watch;
  readonly #table = new DialogTable();
  #entity = '';
  /** After the full state was asked for because of what came; something came again meanwhile. */
  #pause: Timer | undefined;
  #owed = false;
  #tries = 0;

  constructor(deps: WatchDeps, options: DialogWatchOptions) {
    this.#deps = deps;
    this.#watch = new Watch(deps, {
      event: DIALOG_EVENT,
      accept: [DIALOG_INFO_TYPE],
      expires: EXPIRES,
      ...options,
    });
    this.#watch.onNotify.on(({ request, fresh }) => this.#notified(request, fresh));
    this.#watch.onLost.on(() => this.#lost());
  }

  get entity(): string {
    return this.#entity;
  }

  get dialogs(): readonly DialogInfoEntry[] {
    return this.#table.dialogs;
  }

  tagsOf(id: string): readonly DialogTags[] {
    return this.#table.tagsOf(id);
  }

  get state(): Watch['state'] {
    return this.#watch.state;
  }

  /** Whether a SUBSCRIBE that came here is our own, brought back by a proxy that asks every contact. */
  isOwn(request: SipRequest): boolean {
    return this.#watch.callId === request.callId;
  }

  /** Something that `wanted` asks about has changed. */
  consider(): void {
    this.#watch.consider();
  }

  /** Un-subscribes. */
  stop(): void {
    this.#pause?.cancel();
    this.#watch.stop();
  }

  #notified(request: SipRequest, fresh: boolean): void {
    // Versions count within one subscription (RFC 4235 4.1).
    if (fresh) this.#table.reset();
    if (request.body.length === 0) {
      if (fresh) this.onChange.emit();
      return;
    }
    const { log } = this.#deps;
    const type = request.contentType?.value;
    const parsed = type === DIALOG_INFO_TYPE ? parseDialogInfo(request.body) : undefined;
    if (!parsed?.ok) {
      log.warn({ type, reason: parsed?.error }, 'dialog event: a document could not be read');
      this.#askAgain();
      return;
    }
    this.#entity = parsed.value.entity;
    const applied = this.#table.apply(parsed.value);
    if (applied === 'applied') {
      this.#owed = false;
      this.#tries = 0;
    }
    if (applied === 'gap') this.#askAgain();
    if (applied !== 'stale') this.onChange.emit();
  }

  /** A server that never gets it right, or only every second time, is asked ever more seldom. */
  #askAgain(): void {
    if (this.#pause) {
      this.#owed = true;
      return;
    }
    this.#watch.refresh();
    const span = Math.min(ASK_MAX, ASK_BASE * 2 ** this.#tries);
    this.#tries += 1;
    this.#pause = this.#deps.clock.after(toMilliseconds(Seconds(span)), () => {
      this.#pause = undefined;
      const owed = this.#owed;
      this.#owed = false;
      if (owed) this.#askAgain();
    });
  }

  #lost(): void {
    if (this.#table.dialogs.length === 0) return;
    this.#table.reset();
    this.onChange.emit();
  }
}
