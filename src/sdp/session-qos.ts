// The preconditions of a session's streams: which lines its descriptions carry, and whether all are met (RFC 3312 5 to 8).
import type { MediaAgreement } from './agreement.ts';
import type { LocalMedia } from './capabilities.ts';
import { sessionLines } from './compose.ts';
import { formatSdp } from './format.ts';
import type { StreamKind } from './line.ts';
import { type Line, MediaDescription, SessionDescription } from './model.ts';
import {
  confirmationDue,
  impossible,
  isMet,
  mergeQos,
  ownTable,
  type PreconditionPolicy,
  type QosTable,
  qosLines,
  readQos,
  unmetLines,
} from './preconditions.ts';

/** Tables of the streams that have any; nothing in it: the session does without. */
export type SessionQos = Readonly<Partial<Record<StreamKind, QosTable>>>;

const KINDS = ['audio', 'video'] as const;

export const usesQos = (qos: SessionQos): boolean => KINDS.some((kind) => qos[kind] !== undefined);
export const qosMet = (qos: SessionQos): boolean => KINDS.every((kind) => isMet(qos[kind] ?? MET));
export const qosConfirmationDue = (qos: SessionQos): boolean =>
  KINDS.some((kind) => qos[kind] !== undefined && confirmationDue(qos[kind]));

/** Stands for no condition at all. */
const MET: QosTable = {
  local: {
    send: { current: true, desired: 'none', confirm: false },
    recv: { current: true, desired: 'none', confirm: false },
  },
  remote: {
    send: { current: true, desired: 'none', confirm: false },
    recv: { current: true, desired: 'none', confirm: false },
  },
};

const withLines = (media: MediaDescription, lines: readonly Line[]): MediaDescription =>
  lines.length === 0 ? media : MediaDescription.of(media.media, [...media.lines.slice(1), ...lines]);

/** The lines of our offer, with the table of each stream. */
export function withOfferedQos(
  media: readonly MediaDescription[],
  indexes: Readonly<Partial<Record<StreamKind, number>>>,
  options: { readonly policy: PreconditionPolicy; readonly qos: SessionQos },
): readonly MediaDescription[] {
  const { policy, qos } = options;
  if (policy === 'off') return media;
  return media.map((entry, index) => {
    const kind = KINDS.find((each) => indexes[each] === index);
    return kind && entry.media.port !== 0
      ? withLines(entry, qosLines(qos[kind] ?? ownTable(policy), 'offer'))
      : entry;
  });
}

/** What a description of the peer makes of the tables. A stream it says nothing of stays as it was. */
export function receivedQos(
  description: SessionDescription,
  agreement: MediaAgreement,
  options: { readonly policy: PreconditionPolicy; readonly qos: SessionQos },
): SessionQos {
  const { policy, qos } = options;
  if (policy === 'off') return {};
  const found: Partial<Record<StreamKind, QosTable>> = {};
  for (const kind of KINDS) {
    const agreed = agreement[kind];
    const media = agreed && description.media[agreed.index];
    if (!media) continue;
    const said = readQos(media);
    const before = qos[kind];
    if (said) found[kind] = mergeQos(before ?? ownTable(policy), said);
    else if (before) found[kind] = before;
  }
  return found;
}

/** The lines of our answer: only where the offer has them. */
export function withAnsweredQos(
  media: readonly MediaDescription[],
  offer: SessionDescription,
  agreement: MediaAgreement,
  qos: SessionQos,
): readonly MediaDescription[] {
  return media.map((entry, index) => {
    const kind = KINDS.find((each) => agreement[each]?.index === index);
    const table = kind && qos[kind];
    const asked = offer.media[index];
    return table && asked && readQos(asked) ? withLines(entry, qosLines(table, 'answer')) : entry;
  });
}

/** A line of this kind whose conditions nobody can meet here. */
export const demandsImpossible = (description: SessionDescription, kind: StreamKind): boolean =>
  description.media.some((media) => media.media.kind === kind && failing(media).length > 0);

const failing = (media: MediaDescription): readonly Line[] => {
  const said = media.media.port === 0 ? undefined : readQos(media);
  return said ? impossible(said) : [];
};

/** The body of a 580: the offered lines, closed, each with the conditions that failed (RFC 3312 8). */
export function failureDescription(
  offer: SessionDescription,
  options: { readonly local: LocalMedia; readonly sessionId: string; readonly version: number },
  unmet: { readonly agreement: MediaAgreement; readonly qos: SessionQos } | undefined,
): Buffer {
  const { local, sessionId, version } = options;
  const media = offer.media.map((entry, index) => {
    const kind = KINDS.find((each) => unmet?.agreement[each]?.index === index);
    const table = kind && unmet?.qos[kind];
    const lines = table ? unmetLines(table) : failing(entry);
    return MediaDescription.of({ ...entry.media, port: 0, ports: 1 }, lines);
  });
  return formatSdp(new SessionDescription(sessionLines({ sessionId, version }, local, []), media));
}
