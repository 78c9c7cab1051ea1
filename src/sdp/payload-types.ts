// The static payload types of the audio/video profile (RFC 3551 6, tables 4 and 5).
import type { RtpMap } from './attributes.ts';

interface StaticPayloadType extends RtpMap {
  readonly media: 'audio' | 'video' | 'both';
  readonly clause: string;
}

const row = (
  payloadType: number,
  name: string,
  media: StaticPayloadType['media'],
  clockRate: number,
  channels: number,
  clause: string,
): StaticPayloadType => ({ payloadType, name, media, clockRate, channels, clause });

export const STATIC_PAYLOAD_TYPES: readonly StaticPayloadType[] = [
  row(0, 'PCMU', 'audio', 8_000, 1, 'RFC 3551 4.5.14'),
  row(3, 'GSM', 'audio', 8_000, 1, 'RFC 3551 4.5.8'),
  row(4, 'G723', 'audio', 8_000, 1, 'RFC 3551 4.5.3'),
  row(5, 'DVI4', 'audio', 8_000, 1, 'RFC 3551 4.5.1'),
  row(6, 'DVI4', 'audio', 16_000, 1, 'RFC 3551 4.5.1'),
  row(7, 'LPC', 'audio', 8_000, 1, 'RFC 3551 4.5.12'),
  row(8, 'PCMA', 'audio', 8_000, 1, 'RFC 3551 4.5.14'),
  // Sampled at 16 kHz, yet its RTP clock is 8 kHz for historical reasons.
  row(9, 'G722', 'audio', 8_000, 1, 'RFC 3551 4.5.2'),
  row(10, 'L16', 'audio', 44_100, 2, 'RFC 3551 4.5.11'),
  row(11, 'L16', 'audio', 44_100, 1, 'RFC 3551 4.5.11'),
  row(12, 'QCELP', 'audio', 8_000, 1, 'RFC 3551 4.5.15'),
  row(13, 'CN', 'audio', 8_000, 1, 'RFC 3389 4'),
  row(14, 'MPA', 'audio', 90_000, 1, 'RFC 3551 4.5.13'),
  row(15, 'G728', 'audio', 8_000, 1, 'RFC 3551 4.5.5'),
  row(16, 'DVI4', 'audio', 11_025, 1, 'RFC 3551 4.5.1'),
  row(17, 'DVI4', 'audio', 22_050, 1, 'RFC 3551 4.5.1'),
  row(18, 'G729', 'audio', 8_000, 1, 'RFC 3551 4.5.6'),
  row(25, 'CelB', 'video', 90_000, 1, 'RFC 3551 5.1'),
  row(26, 'JPEG', 'video', 90_000, 1, 'RFC 3551 5.2'),
  row(28, 'nv', 'video', 90_000, 1, 'RFC 3551 5.6'),
  row(31, 'H261', 'video', 90_000, 1, 'RFC 3551 5.3'),
  row(32, 'MPV', 'video', 90_000, 1, 'RFC 3551 5.5'),
  row(33, 'MP2T', 'both', 90_000, 1, 'RFC 3551 5.7'),
  row(34, 'H263', 'video', 90_000, 1, 'RFC 3551 5.4'),
];

const byNumber = new Map(STATIC_PAYLOAD_TYPES.map((entry) => [entry.payloadType, entry]));

export const staticPayloadType = (payloadType: number): RtpMap | undefined => byNumber.get(payloadType);
