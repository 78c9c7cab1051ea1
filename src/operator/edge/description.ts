// What the access edge reads from session descriptions and changes in them, stream by stream (TS 33.328 7.2.1, 7.3.1).
import {
  attribute,
  type Connection,
  type Line,
  line,
  MediaDescription,
  SessionDescription,
} from '#src/sdp/model.ts';

const INDICATION = '3ge2ae';
const SECURE = /^RTP\/SAVPF?$/;
const CLEAR = /^RTP\/AVPF?$/;

/** RFC 5939: an edge that settles the profile leaves no choice of it to the ends. */
const NEGOTIATION = ['tcap', 'acap', 'pcfg', 'acfg', 'csup', 'creq'];

/** In use, and protected. */
export const isProtected = ({ media }: MediaDescription): boolean =>
  media.port !== 0 && SECURE.test(media.protocol);

/** In use, RTP in clear. */
export const isClear = ({ media }: MediaDescription): boolean =>
  media.port !== 0 && CLEAR.test(media.protocol);

/** 33.328 7.2.1 step 2: the indication is looked for on protected streams only. */
export const asksForEdge = (description: SessionDescription, media: MediaDescription): boolean =>
  isProtected(media) &&
  (media.attribute(INDICATION) ?? description.attribute(INDICATION))?.trim() === 'requested';

const withFeedback = ({ media }: MediaDescription): boolean => /^RTP\/S?AVPF$/.test(media.protocol);
const profile = (secure: boolean, feedback: boolean): string =>
  `RTP/${secure ? 'S' : ''}AVP${feedback ? 'F' : ''}`;

/** Which streams of a description, by their places in it. */
export type Places = ReadonlySet<number>;

const chosen = ({ media }: SessionDescription, places: Places): readonly MediaDescription[] =>
  media.filter((each, at) => places.has(at) && each.media.port !== 0);

/** The profile that rtpengine is told, one for all: with feedback when one of the streams has it; `inProfile` sets the others right. */
export const profileOf = (description: SessionDescription, places: Places, secure: boolean): string =>
  profile(secure, chosen(description, places).some(withFeedback));

const without = (lines: readonly Line[], names: readonly string[]): readonly Line[] =>
  lines.filter(({ type, value }) => type !== 'a' || !names.includes(value.split(':')[0] ?? ''));

function edited(
  description: SessionDescription,
  change: (lines: readonly Line[]) => readonly Line[],
  each: (media: MediaDescription, at: number) => MediaDescription,
): SessionDescription {
  return new SessionDescription(change(description.lines), description.media.map(each));
}

const withLines = ({ media }: MediaDescription, lines: readonly Line[]): MediaDescription =>
  new MediaDescription(media, lines);

/** 33.328 7.3.1: an indication that somebody else wrote is taken away. */
export const withoutIndication = (description: SessionDescription): SessionDescription =>
  edited(
    description,
    (lines) => without(lines, [INDICATION]),
    (media) => withLines(media, without(media.lines, [INDICATION])),
  );

/**
 * As it goes to rtpengine: neither the indication nor alternatives, keys only where the profile uses them. Streams at other places are
 * none of its business: it sees them as unused, so that the others keep theirs.
 */
export const forEdge = (description: SessionDescription, places: Places): SessionDescription =>
  edited(
    description,
    (lines) => without(lines, [INDICATION, ...NEGOTIATION]),
    (media, at) =>
      places.has(at)
        ? withLines(
            media,
            without(media.lines, [INDICATION, ...NEGOTIATION, ...(isProtected(media) ? [] : ['crypto'])]),
          )
        : MediaDescription.of({ ...media.media, port: 0, ports: 1 }, []),
  );

/** The profiles of an offer as they were, secure or not: rtpengine was told one for all of them. */
export const inProfile = (
  given: SessionDescription,
  offered: SessionDescription,
  places: Places,
  secure: boolean,
): SessionDescription =>
  edited(
    given,
    (lines) => lines,
    (media, at) => {
      const before = offered.media[at];
      const protocol = before && profile(secure, withFeedback(before));
      if (!places.has(at) || !protocol || media.media.port === 0 || protocol === media.media.protocol)
        return media;
      return MediaDescription.of({ ...media.media, protocol }, media.lines.slice(1));
    },
  );

/** What rtpengine gave at `places`, everything else of `description`: it goes from end to end, to where it always went. */
export function merged(
  description: SessionDescription,
  given: SessionDescription,
  places: Places,
): SessionDescription {
  const media = description.media.map((each, at) =>
    places.has(at) ? (given.media[at] ?? each) : withConnection(each, description.connectionOf(each)),
  );
  return new SessionDescription(given.lines, media);
}

/** The session's own address is rtpengine's now. RFC 8866 5: `c=` stands behind `m=` and `i=`. */
function withConnection(media: MediaDescription, connection: Connection | undefined): MediaDescription {
  const lines = without(media.lines, NEGOTIATION);
  if (media.ownConnection || !connection || media.media.port === 0) return withLines(media, lines);
  const behind = lines.findLastIndex(({ type }) => type === 'm' || type === 'i') + 1;
  const { addressType, address } = connection;
  return withLines(media, [
    ...lines.slice(0, behind),
    line('c', `IN ${addressType} ${address}`),
    ...lines.slice(behind),
  ]);
}

/** As it goes to a device whose media the edge protects. */
export const applied = (description: SessionDescription, places: Places): SessionDescription =>
  edited(
    description,
    (lines) => lines,
    (media, at) =>
      places.has(at) && isProtected(media)
        ? withLines(media, [...media.lines, attribute(INDICATION, 'applied')])
        : media,
  );
