// What the access edge reads from session descriptions and changes in them (TS 33.328 7.2.1, 7.3.1).
import { attribute, type Line, MediaDescription, SessionDescription } from '#src/sdp/model.ts';

const INDICATION = '3ge2ae';
const SECURE = /^RTP\/SAVPF?$/;
const CLEAR = /^RTP\/AVPF?$/;

/** RFC 5939: an edge that settles the profile leaves no choice of it to the ends. */
const NEGOTIATION = ['tcap', 'acap', 'pcfg', 'acfg', 'csup', 'creq'];

const used = ({ media }: SessionDescription): readonly MediaDescription[] =>
  media.filter((each) => each.media.port !== 0);

/** Every stream of RTP that is in use is protected. */
export const isProtected = (description: SessionDescription): boolean =>
  used(description).some(({ media }) => SECURE.test(media.protocol));

/** Some stream of RTP goes in clear. */
export const isClear = (description: SessionDescription): boolean =>
  used(description).some(({ media }) => CLEAR.test(media.protocol));

/** 33.328 7.2.1 step 2: the indication is looked for on protected streams only. */
export const asksForEdge = (description: SessionDescription): boolean =>
  used(description).some(
    (media) =>
      SECURE.test(media.media.protocol) &&
      (media.attribute(INDICATION) ?? description.attribute(INDICATION))?.trim() === 'requested',
  );

/** The profile towards a side, with the feedback that the description has. */
export function profileOf(description: SessionDescription, secure: boolean): string {
  const feedback = used(description).some(({ media }) => /^RTP\/S?AVPF$/.test(media.protocol));
  return `RTP/${secure ? 'S' : ''}AVP${feedback ? 'F' : ''}`;
}

const without = (lines: readonly Line[], names: readonly string[]): readonly Line[] =>
  lines.filter(({ type, value }) => type !== 'a' || !names.includes(value.split(':')[0] ?? ''));

function edited(
  description: SessionDescription,
  change: (lines: readonly Line[]) => readonly Line[],
  more: (media: MediaDescription) => readonly Line[] = () => [],
): SessionDescription {
  const media = description.media.map(
    (each) => new MediaDescription(each.media, [...change(each.lines), ...more(each)]),
  );
  return new SessionDescription(change(description.lines), media);
}

/** 33.328 7.3.1: an indication that somebody else wrote is taken away. */
export const withoutIndication = (description: SessionDescription): SessionDescription =>
  edited(description, (lines) => without(lines, [INDICATION]));

/** As it goes to rtpengine: neither the indication nor alternatives; keys only where the profile uses them. */
export const forEdge = (description: SessionDescription): SessionDescription =>
  edited(description, (lines) =>
    without(lines, [INDICATION, ...NEGOTIATION, ...(isProtected(description) ? [] : ['crypto'])]),
  );

/** As it goes to a device whose media the edge protects. */
export const applied = (description: SessionDescription): SessionDescription =>
  edited(
    description,
    (lines) => lines,
    ({ media }) =>
      SECURE.test(media.protocol) && media.port !== 0 ? [attribute(INDICATION, 'applied')] : [],
  );
