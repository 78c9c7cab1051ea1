// Which streams of a leg pass the access edge, and which of the two sides has SRTP from it (TS 33.328 7.2.1, 7.3.1): each stream is judged by itself.
import type { SessionDescription } from '#src/sdp/model.ts';
import { asksForEdge, isClear, type Places } from './description.ts';

export type Side = 'caller' | 'called';
export const other = (side: Side): Side => (side === 'caller' ? 'called' : 'caller');

/** What one side of the leg has of the edge. */
export interface SideMedia {
  /** Its streams that pass the edge get SRTP. */
  readonly secure: boolean;
  /** It announced e2ae: offers of ours to it say `applied` (33.328 7.3.1). */
  readonly indicated: boolean;
}

export type Sides = Readonly<Record<Side, SideMedia>>;

/** Where SRTP is the edge's: streams alike are one call at rtpengine, which takes one profile for all. */
export type Protection = 'caller' | 'called' | 'both';

export const protects = (protection: Protection, side: Side): boolean =>
  protection === 'both' || protection === side;

/** Streams that were seen to pass, by their places; once they do, they do to the end of the leg. */
export type Passing = ReadonlyMap<number, Protection>;

/** What passes once `from` has offered this. */
export function passing(before: Passing, description: SessionDescription, from: Side, sides: Sides): Passing {
  const after = new Map(before);
  const far = other(from);
  for (const [at, media] of description.media.entries()) {
    if (after.has(at)) continue;
    // What is protected and asks for nothing is protected from end to end.
    const ended = sides[from].indicated && asksForEdge(description, media);
    if (ended) after.set(at, sides[far].secure ? 'both' : from);
    else if (isClear(media) && sides[far].secure) after.set(at, far);
  }
  return after;
}

/** The streams of each kind of protection. */
export function grouped(streams: Passing): ReadonlyMap<Protection, Places> {
  const groups = new Map<Protection, Set<number>>();
  for (const [at, protection] of streams)
    groups.set(protection, (groups.get(protection) ?? new Set()).add(at));
  return groups;
}
