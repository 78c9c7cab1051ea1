// RFC 4235 3.9, 4.1: what the documents of one subscription add up to, full and partial.
import { DIALOG_INFO_LIMITS, type DialogInfo, type DialogInfoEntry } from './dialog-info.ts';

/** `stale`: older than what is known, nothing changed. `gap`: applied, but a document before it was lost. */
export type Applied = 'applied' | 'stale' | 'gap';

/** The tags of a dialog; while a call rings on several devices each of them has its own. */
export interface DialogTags {
  readonly localTag: string;
  readonly remoteTag: string;
}

/** Nobody rings more devices for one call. */
const MOST_TAGS = 40;

/** The dialogs of one entity that have not ended. */
export class DialogTable {
  #version: number | undefined;
  readonly #dialogs = new Map<string, DialogInfoEntry>();
  readonly #tags = new Map<string, Map<string, DialogTags>>();

  get dialogs(): readonly DialogInfoEntry[] {
    return [...this.#dialogs.values()];
  }

  /**
   * Every pair that was told of a dialog. Some state agents (Kamailio) tell the tags while it rings and leave them out
   * once it is answered.
   */
  tagsOf(id: string): readonly DialogTags[] {
    return [...(this.#tags.get(id)?.values() ?? [])];
  }

  apply(info: DialogInfo): Applied {
    const previous = this.#version;
    // A full document is never too old: NOTIFYs come in the order of their CSeq, and some servers write version 0 into each.
    if (info.state === 'partial' && previous !== undefined && info.version <= previous) return 'stale';
    const lost = info.state === 'partial' && (previous === undefined || info.version > previous + 1);
    this.#version = info.version;
    if (info.state === 'full') this.#dialogs.clear();
    for (const dialog of info.dialogs) this.#merge(dialog);
    for (const id of this.#tags.keys()) if (!this.#dialogs.has(id)) this.#tags.delete(id);
    return lost ? 'gap' : 'applied';
  }

  /** A new subscription counts its versions afresh. */
  reset(): void {
    this.#version = undefined;
    this.#dialogs.clear();
    this.#tags.clear();
  }

  #keep(dialog: DialogInfoEntry): void {
    const { id, localTag, remoteTag } = dialog;
    this.#dialogs.set(id, dialog);
    if (localTag === undefined || remoteTag === undefined) return;
    const tags = this.#tags.get(id) ?? new Map<string, DialogTags>();
    this.#tags.set(id, tags);
    if (tags.size < MOST_TAGS) tags.set(localTag, { localTag, remoteTag });
  }

  #merge(dialog: DialogInfoEntry): void {
    // What is no more is not kept (4.1.2); partial documents must not fill the memory.
    if (dialog.state === 'terminated') this.#dialogs.delete(dialog.id);
    else if (this.#dialogs.has(dialog.id) || this.#dialogs.size < DIALOG_INFO_LIMITS.dialogs)
      this.#keep(dialog);
  }
}
