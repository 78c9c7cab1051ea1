// RFC 4235 3.9, 4.1: what the documents of one subscription add up to, full and partial.
import { DIALOG_INFO_LIMITS, type DialogInfo, type DialogInfoEntry } from './dialog-info.ts';

/** `stale`: older than what is known, nothing changed. `gap`: applied, but a document before it was lost. */
export type Applied = 'applied' | 'stale' | 'gap';

/** The dialogs of one entity that have not ended. */
export class DialogTable {
  #version: number | undefined;
  readonly #dialogs = new Map<string, DialogInfoEntry>();

  get dialogs(): readonly DialogInfoEntry[] {
    return [...this.#dialogs.values()];
  }

  apply(info: DialogInfo): Applied {
    const previous = this.#version;
    // A full document is never too old: NOTIFYs come in the order of their CSeq, and some servers write version 0 into each.
    if (info.state === 'partial' && previous !== undefined && info.version <= previous) return 'stale';
    const lost = info.state === 'partial' && (previous === undefined || info.version > previous + 1);
    this.#version = info.version;
    if (info.state === 'full') this.#dialogs.clear();
    for (const dialog of info.dialogs) this.#merge(dialog);
    return lost ? 'gap' : 'applied';
  }

  /** A new subscription counts its versions afresh. */
  reset(): void {
    this.#version = undefined;
    this.#dialogs.clear();
  }

  #merge(dialog: DialogInfoEntry): void {
    // What is no more is not kept (4.1.2); partial documents must not fill the memory.
    if (dialog.state === 'terminated') this.#dialogs.delete(dialog.id);
    else if (this.#dialogs.has(dialog.id) || this.#dialogs.size < DIALOG_INFO_LIMITS.dialogs)
      this.#dialogs.set(dialog.id, dialog);
  }
}
