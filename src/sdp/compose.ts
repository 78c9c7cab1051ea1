// Writes our side: the session lines, and what every line of an offer or an answer has (26.114 6.2, RFC 8866 5).
import { isIPv6 } from 'node:net';
import type { LocalMedia, LocalPorts, SdpProfile } from './capabilities.ts';
import type { RtcpShare } from './codecs.ts';
import type { Direction } from './direction.ts';
import { type AddressType, attribute, type Line, line, MediaDescription } from './model.ts';

export interface ComposedFormat {
  readonly payloadType: number;
  readonly rtpMap: string;
  readonly fmtp?: string;
}

export interface ComposedMedia {
  readonly kind: 'audio' | 'video';
  readonly ports: LocalPorts;
  readonly protocol: string;
  readonly formats: readonly ComposedFormat[];
  readonly direction: Direction;
  readonly bandwidth: readonly string[];
  /** Before the formats: capability negotiation, keys. */
  readonly transport: readonly Line[];
  /** Behind the formats. */
  readonly attributes: readonly Line[];
}

export const addressTypeOf = (address: string): AddressType => (isIPv6(address) ? 'IP6' : 'IP4');

/** Session lines but `o=`'s numbers: those come from the offer/answer keeper. */
export function sessionLines(
  origin: { readonly sessionId: string; readonly version: number },
  local: LocalMedia,
  bandwidth: readonly string[],
): readonly Line[] {
  const where = `IN ${addressTypeOf(local.address)} ${local.address}`;
  return [
    line('v', '0'),
    line('o', `- ${origin.sessionId} ${origin.version} ${where}`),
    line('s', '-'),
    line('c', where),
    ...bandwidth.map((value) => line('b', value)),
    line('t', '0 0'),
  ];
}

export function composedMedia(composed: ComposedMedia): MediaDescription {
  const { port, rtcpPort } = composed.ports;
  const formats = composed.formats.map((format) => `${format.payloadType}`);
  const media = { kind: composed.kind, port, ports: 1, protocol: composed.protocol, formats };
  return MediaDescription.of(media, [
    ...composed.bandwidth.map((value) => line('b', value)),
    ...composed.transport,
    ...composed.formats.flatMap((format) => [
      attribute('rtpmap', `${format.payloadType} ${format.rtpMap}`),
      ...(format.fmtp === undefined ? [] : [attribute('fmtp', `${format.payloadType} ${format.fmtp}`)]),
    ]),
    ...composed.attributes,
    ...(rtcpPort === port + 1 ? [] : [attribute('rtcp', `${rtcpPort}`)]),
    attribute(composed.direction),
  ]);
}

/** A medium that we do not take: port 0, everything else of the line as it came (RFC 3264 6). */
export const declined = (media: MediaDescription): MediaDescription =>
  MediaDescription.of({ ...media.media, port: 0, ports: 1 }, []);

/** `b=` of an offered line: AS, and RS and RR in the IMS profile. */
export const offeredBandwidth = (as: number, profile: SdpProfile, share: RtcpShare): readonly string[] => [
  `AS:${as}`,
  ...(profile === 'ims' ? rtcpBandwidth(share) : []),
];

export const rtcpBandwidth = (share: RtcpShare): readonly string[] => [
  `RS:${share.senders}`,
  `RR:${share.receivers}`,
];

/** The session's b=AS is the sum of its lines' (26.114 6.2.5). */
export function sessionBandwidth(media: readonly MediaDescription[]): readonly string[] {
  const sum = media
    .filter((entry) => entry.media.port !== 0)
    .reduce((total, entry) => total + (entry.bandwidth('AS') ?? 0), 0);
  return sum > 0 ? [`AS:${sum}`] : [];
}
