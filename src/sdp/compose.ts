// Writes our side: the session lines and the audio line of an offer or an answer (26.114 6.2.2, tables 6.1 to 6.4).
import { isIPv6 } from 'node:net';
import type { LocalMedia, SdpProfile } from './capabilities.ts';
import {
  amrFmtp,
  bandwidthAs,
  type CodecName,
  codecNamed,
  DTMF_EVENTS,
  MAXPTIME,
  PTIME,
  RTCP_BANDWIDTH,
  TELEPHONE_EVENT,
  TELEPHONE_EVENTS,
} from './codecs.ts';
import type { Direction } from './direction.ts';
import {
  type AddressType,
  attribute,
  type Line,
  line,
  MediaDescription,
  SessionDescription,
} from './model.ts';

/** Where we receive. `address` is a literal of the family that goes on the wire. */
export type LocalAudio = LocalMedia;

export interface ComposedFormat {
  readonly payloadType: number;
  readonly rtpMap: string;
  readonly fmtp?: string;
}

export interface ComposedAudio {
  readonly protocol: string;
  readonly formats: readonly ComposedFormat[];
  readonly direction: Direction;
  readonly bandwidth: readonly string[];
}

export const addressTypeOf = (address: string): AddressType => (isIPv6(address) ? 'IP6' : 'IP4');

/** Session lines but `o=`'s numbers: those come from the offer/answer keeper. */
export function sessionLines(
  origin: { readonly sessionId: string; readonly version: number },
  local: LocalAudio,
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

export function audioMedia(local: LocalAudio, audio: ComposedAudio): MediaDescription {
  const formats = audio.formats.map((format) => `${format.payloadType}`);
  const media = { kind: 'audio', port: local.port, ports: 1, protocol: audio.protocol, formats };
  return MediaDescription.of(media, [
    ...audio.bandwidth.map((value) => line('b', value)),
    ...audio.formats.flatMap((format) => [
      attribute('rtpmap', `${format.payloadType} ${format.rtpMap}`),
      ...(format.fmtp === undefined ? [] : [attribute('fmtp', `${format.payloadType} ${format.fmtp}`)]),
    ]),
    attribute('ptime', `${PTIME}`),
    attribute('maxptime', `${MAXPTIME}`),
    ...(local.rtcpPort === local.port + 1 ? [] : [attribute('rtcp', `${local.rtcpPort}`)]),
    attribute(audio.direction),
  ]);
}

/** A medium that we do not take: port 0, everything else of the line as it came (RFC 3264 6). */
export const declined = (media: MediaDescription): MediaDescription =>
  MediaDescription.of({ ...media.media, port: 0, ports: 1 }, []);

/** AMR-WB carries its channel count as 26.114 prints it. */
const rtpMapOf = (name: CodecName): string => {
  const { clockRate } = codecNamed(name);
  return name === 'AMR-WB' ? `${name}/${clockRate}/1` : `${name}/${clockRate}`;
};

export const speechFormat = (
  name: CodecName,
  payloadType: number,
  amr?: { readonly octetAligned: boolean; readonly modeSet?: readonly number[] },
): ComposedFormat => ({
  payloadType,
  rtpMap: rtpMapOf(name),
  ...(amr ? { fmtp: amrFmtp(amr.octetAligned, amr.modeSet) } : {}),
});

export const eventFormat = (payloadType: number, clockRate: number): ComposedFormat => ({
  payloadType,
  rtpMap: `${TELEPHONE_EVENT}/${clockRate}`,
  fmtp: DTMF_EVENTS,
});

/** Everything we speak, in order of preference: AMR-WB bandwidth-efficient before octet-aligned. */
export function offeredFormats(codecs: readonly CodecName[]): readonly ComposedFormat[] {
  const speech = codecs.map(codecNamed).flatMap((codec) => {
    if (codec.octetAlignedPayloadType === undefined) return [speechFormat(codec.name, codec.payloadType)];
    return [
      speechFormat(codec.name, codec.payloadType, { octetAligned: false }),
      speechFormat(codec.name, codec.octetAlignedPayloadType, { octetAligned: true }),
    ];
  });
  const narrowOnly = codecs.every((name) => codecNamed(name).clockRate === 8_000);
  const events = TELEPHONE_EVENTS.filter((event) => !narrowOnly || event.clockRate === 8_000);
  return [...speech, ...events.map((event) => eventFormat(event.payloadType, event.clockRate))];
}

/** `b=` of an offer: AS for the hungriest codec, RS and RR in the IMS profile. */
export function offeredBandwidth(
  codecs: readonly CodecName[],
  addressType: AddressType,
  profile: SdpProfile,
): { readonly as: string; readonly media: readonly string[] } {
  const as = `AS:${Math.max(...codecs.map((name) => bandwidthAs(name, addressType)))}`;
  return { as, media: [as, ...(profile === 'ims' ? rtcpBandwidth(RTCP_BANDWIDTH) : [])] };
}

export const rtcpBandwidth = (share: { readonly senders: number; readonly receivers: number }): string[] => [
  `RS:${share.senders}`,
  `RR:${share.receivers}`,
];

export const description = (
  session: readonly Line[],
  media: readonly MediaDescription[],
): SessionDescription => new SessionDescription(session, media);
