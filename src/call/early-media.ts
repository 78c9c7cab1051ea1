// Which early dialog a caller hears, and whether it may speak there (24.628 4.7.2.1, RFC 5009 8): the policy alone.
import type { SipMessage } from '#src/sip/message/message.ts';
import { type EarlyMediaMode, earlyRule } from './early-media-table.ts';

/** RFC 5009 8: seen from the one who reads it, `sendrecv` and `sendonly` let the network send. */
const DIRECTIONS = ['sendrecv', 'sendonly', 'recvonly', 'inactive'] as const;
export type Authorisation = (typeof DIRECTIONS)[number];

/**
 * What P-Early-Media says of a media line: one direction for each line in order, the last one for those that follow
 * (RFC 5009 8). Undefined: nothing, and what was said before goes on.
 */
export function authorisationOf(message: SipMessage, line: number): Authorisation | undefined {
  const said = message.earlyMedia.flatMap((word) => DIRECTIONS.filter((direction) => direction === word));
  return said[line] ?? said.at(-1);
}

/** An early dialog, as far as it matters here. */
interface Entry {
  ringing: boolean;
  /** Its media is described. */
  described: boolean;
  authorisation: Authorisation | undefined;
  /** When the header came last: a later one has a higher number. */
  order: number;
}

export interface EarlyNews {
  readonly ringing?: boolean;
  readonly described?: boolean;
  readonly authorisation?: Authorisation | undefined;
}

export interface EarlyDecision {
  /** The dialog whose media is set; undefined while none is described. */
  readonly play: string | undefined;
  readonly receive: boolean;
  /** Our own sound may go there. */
  readonly send: boolean;
  readonly tone: 'ringback' | 'none';
}

/** Dialogs are known by their remote tags. */
export class EarlyMedia {
  readonly #mode: EarlyMediaMode;
  readonly #entries = new Map<string, Entry>();
  #heard: string | undefined;
  #count = 0;

  constructor(mode: EarlyMediaMode) {
    this.#mode = mode;
  }

  /** A response or request of that dialog told something. */
  note(tag: string, { ringing, described, authorisation }: EarlyNews): void {
    const entry = this.#entries.get(tag) ?? newEntry();
    this.#entries.set(tag, entry);
    entry.ringing ||= ringing ?? false;
    entry.described ||= described ?? false;
    if (authorisation === undefined) return;
    this.#count += 1;
    entry.order = this.#count;
    const newly = lets(authorisation) && !lets(entry.authorisation);
    entry.authorisation = authorisation;
    // Somebody else's turn: what was heard until now must be heard again to count.
    if (newly && this.#heard !== tag) this.#heard = undefined;
  }

  /**
   * Sound of that dialog came in. While another one is heard as well (`meanwhile`) it has to be authorised later than that
   * one to take its place: never a mixture, and no flutter.
   */
  hear(tag: string, meanwhile = false): void {
    const entry = this.#entries.get(tag);
    if (!entry?.described) return;
    const rival = meanwhile && this.#heard !== undefined ? this.#entries.get(this.#heard) : undefined;
    const isLater =
      lets(entry.authorisation) && entry.order > (lets(rival?.authorisation) ? (rival?.order ?? 0) : 0);
    if (!rival || isLater) this.#heard = tag;
  }

  /** That dialog is over. */
  drop(tag: string): void {
    this.#entries.delete(tag);
    if (this.#heard === tag) this.#heard = undefined;
  }

  /** The INVITE goes out anew. */
  reset(): void {
    this.#entries.clear();
    this.#heard = undefined;
  }

  get decision(): EarlyDecision {
    const authorised = this.#latest(({ authorisation }) => lets(authorisation));
    const { listen, tone } = earlyRule({
      mode: this.#mode,
      heard: this.#heard !== undefined,
      authorised: authorised !== undefined,
      ringing: [...this.#entries.values()].some(({ ringing }) => ringing),
    });
    const play = this.#chosen(
      listen === 'heard' ? this.#heard : listen === 'authorised' ? authorised : undefined,
    );
    const mayTalk = this.#latest(({ authorisation }) => authorisation === 'sendrecv');
    const receive = listen !== 'nobody' && play !== undefined;
    return { play, receive, send: receive && play === mayTalk, tone };
  }

  /** The one wanted, if its media is known; else the first whose is. */
  #chosen(wanted: string | undefined): string | undefined {
    if (wanted !== undefined && this.#entries.get(wanted)?.described) return wanted;
    return [...this.#entries].find(([, { described }]) => described)?.[0];
  }

  #latest(fits: (entry: Entry) => boolean): string | undefined {
    return [...this.#entries]
      .filter(([, entry]) => fits(entry))
      .toSorted(([, one], [, other]) => other.order - one.order)[0]?.[0];
  }
}

const newEntry = (): Entry => ({ ringing: false, described: false, authorisation: undefined, order: 0 });

const lets = (authorisation: Authorisation | undefined): boolean =>
  authorisation === 'sendrecv' || authorisation === 'sendonly';
