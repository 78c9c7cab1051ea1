// What the audio and the video line have in common: context, direction, RTCP bandwidth (RFC 3264 6, 24.229 6.1).
import { type AgreedRtcp, agreedRtcp } from './agreement.ts';
import type { Capabilities, LocalMedia, SdpProfile } from './capabilities.ts';
import type { RtcpShare } from './codecs.ts';
import { rtcpBandwidth } from './compose.ts';
import { common, type Direction, mirrored } from './direction.ts';
import type { KeyRing } from './keys.ts';
import { type Connection, MediaDescription, type SessionDescription } from './model.ts';

export type StreamKind = 'audio' | 'video';

/** Ours, as it stands when a description is written or read. */
export interface LineContext {
  readonly local: LocalMedia;
  readonly capabilities: Capabilities;
  readonly rings: Readonly<Record<StreamKind, KeyRing>>;
}

/** A line of the peer's offer that may be answered. */
export interface OfferedLine {
  readonly session: SessionDescription;
  readonly media: MediaDescription;
  readonly index: number;
  readonly connection: Connection;
}

/** Both descriptions of one line, ours offered. */
export interface SettledLine {
  readonly offer: SessionDescription;
  readonly answer: SessionDescription;
  readonly ours: MediaDescription;
  readonly theirs: MediaDescription;
  readonly index: number;
  readonly connection: Connection;
}

/** Mirrored, no wider than the wish; nothing may go to the zero address, and the answer says so. */
export function answeredDirection(line: OfferedLine, wish: Direction): Direction {
  const reachable: Direction = line.connection.unspecified ? 'recvonly' : 'sendrecv';
  return common(common(mirrored(line.session.directionOf(line.media)), wish), reachable);
}

/** Zero stays zero; otherwise no more than offered and no more than we need (24.229 6.1, RFC 3556 2). */
export function answeredRtcp(
  line: OfferedLine,
  profile: SdpProfile,
  need: RtcpShare,
): { readonly lines: readonly string[]; readonly agreed: AgreedRtcp } {
  const offered = agreedRtcp(line.session, line.media);
  const named = offered.senders !== undefined || offered.receivers !== undefined;
  if (profile === 'sip' && !named) return { lines: [], agreed: offered };
  const senders = Math.min(offered.senders ?? need.senders, need.senders);
  const receivers = Math.min(offered.receivers ?? need.receivers, need.receivers);
  return {
    lines: rtcpBandwidth({ senders, receivers }),
    agreed: { enabled: offered.enabled && (senders !== 0 || receivers !== 0), senders, receivers },
  };
}

/** kbit/s that a line wants to receive: its own b=AS, or TIAS (RFC 3890), which counts without headers. */
export function bandwidthOf(media: MediaDescription): { readonly bandwidthKbps?: number } {
  const tias = media.bandwidth('TIAS');
  const kbps = media.bandwidth('AS') ?? (tias === undefined ? undefined : Math.ceil(tias / 1000));
  return kbps === undefined ? {} : { bandwidthKbps: kbps };
}

/** Peers leave `a=rtpmap` out of answers; the offer's numbering holds then. */
export function withOurMaps(theirs: MediaDescription, ours: MediaDescription): MediaDescription {
  const missing = theirs.payloadTypes.filter((type) => theirs.rtpMap(type) === undefined);
  if (missing.length === 0) return theirs;
  const added = ours.lines.filter(({ type, value }) =>
    missing.some(
      (number) =>
        type === 'a' &&
        (value.startsWith(`rtpmap:${number} `) ||
          (value.startsWith(`fmtp:${number} `) && theirs.fmtp(number) === undefined)),
    ),
  );
  return added.length === 0
    ? theirs
    : MediaDescription.of(theirs.media, [...theirs.lines.slice(1), ...added]);
}
