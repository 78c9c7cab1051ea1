// The speech codecs that Tandem speaks, as data (RFC 3551, RFC 4867, RFC 7587, 3GPP TS 26.114 5.2.1).
import { Hertz, Milliseconds, Octets } from '#src/base/units.ts';
import { type AmrName, amrOctets } from './amr.ts';
import type { AddressType } from './model.ts';

export type { AmrParameters } from './amr.ts';

export const CODEC_NAMES = ['AMR-WB', 'AMR', 'PCMU', 'PCMA', 'G722', 'opus'] as const;
export type CodecName = (typeof CODEC_NAMES)[number];

export interface Codec {
  readonly name: CodecName;
  /** Of the RTP timestamps. */
  readonly clockRate: Hertz;
  /** As `a=rtpmap` counts them. */
  readonly channels: number;
  /** Behind the payload type in `a=rtpmap`. */
  readonly rtpMap: string;
  /** Static number, or the one that we offer. */
  readonly payloadType: number;
  /** Second payload type for the octet-aligned form (RFC 4867 4.4). */
  readonly octetAlignedPayloadType?: number;
  /** Payload of a packet of 20 ms at most, for b=AS; AMR's depends on its modes. */
  readonly payload?: Octets;
  readonly clause: string;
}

export const CODECS: readonly Codec[] = [
  {
    name: 'AMR-WB',
    clockRate: Hertz(16_000),
    channels: 1,
    // The channel count stands there as 26.114 prints it.
    rtpMap: 'AMR-WB/16000/1',
    payloadType: 96,
    octetAlignedPayloadType: 97,
    clause: 'RFC 4867 8.2',
  },
  {
    name: 'AMR',
    clockRate: Hertz(8_000),
    channels: 1,
    rtpMap: 'AMR/8000/1',
    payloadType: 98,
    octetAlignedPayloadType: 99,
    clause: 'RFC 4867 8.1',
  },
  {
    name: 'PCMU',
    clockRate: Hertz(8_000),
    channels: 1,
    rtpMap: 'PCMU/8000',
    payloadType: 0,
    payload: Octets(160),
    clause: 'RFC 3551 4.5.14',
  },
  {
    name: 'PCMA',
    clockRate: Hertz(8_000),
    channels: 1,
    rtpMap: 'PCMA/8000',
    payloadType: 8,
    payload: Octets(160),
    clause: 'RFC 3551 4.5.14',
  },
  {
    name: 'G722',
    // Sampled at 16 kHz; the clock is what an old misprint made of it.
    clockRate: Hertz(8_000),
    channels: 1,
    rtpMap: 'G722/8000',
    payloadType: 9,
    payload: Octets(160),
    clause: 'RFC 3551 4.5.2',
  },
  {
    name: 'opus',
    clockRate: Hertz(48_000),
    // Always two, whatever is in the packets.
    channels: 2,
    rtpMap: 'opus/48000/2',
    payloadType: 103,
    // 64 kbit/s, the upper end for one channel of speech or music (RFC 7587 3.1.1).
    payload: Octets(160),
    clause: 'RFC 7587 7',
  },
];

/** Telephone events, one payload type for each clock rate (RFC 4733, 24.229 6.1). */
export const TELEPHONE_EVENTS = [
  { clockRate: Hertz(48_000), payloadType: 102 },
  { clockRate: Hertz(16_000), payloadType: 100 },
  { clockRate: Hertz(8_000), payloadType: 101 },
] as const;
export const TELEPHONE_EVENT = 'telephone-event';
/** Digits, star, hash, A to D (RFC 4733 3.2). */
export const DTMF_EVENTS = '0-15';

/** 26.114 tables 6.1 to 6.4. */
export const PTIME = Milliseconds(20);
export const MAXPTIME = Milliseconds(240);
/** What we put in one packet at most: four frames that are no repetition (26.114 7.4.2). */
export const MAX_SENT_PTIME = Milliseconds(80);

/** b=RS and b=RR in bit/s (26.114 7.3.1): speech, and video (A.4). */
export const RTCP_BANDWIDTH = {
  audio: { senders: 0, receivers: 2_000 },
  video: { senders: 0, receivers: 2_500 },
} as const;
export type RtcpShare = { readonly senders: number; readonly receivers: number };

/** IP, UDP and RTP headers of one packet. */
const OVERHEAD = { IP4: Octets(40), IP6: Octets(60) } as const;
const PACKETS_PER_SECOND = 50;

export const codecNamed = (name: CodecName): Codec => {
  const found = CODECS.find((codec) => codec.name === name);
  if (!found) throw new RangeError(`no codec ${name}`);
  return found;
};

export const isAmr = (name: CodecName): name is AmrName => name === 'AMR' || name === 'AMR-WB';

/** b=AS in kbit/s for one frame of 20 ms a packet, headers included (26.114 6.2.5). */
export function bandwidthAs(
  codec: CodecName,
  addressType: AddressType,
  modeSet?: readonly number[],
  octetAligned = false,
): number {
  const payload = isAmr(codec)
    ? amrOctets(codec, modeSet, octetAligned)
    : (codecNamed(codec).payload ?? Octets(0));
  return Math.ceil(((payload + OVERHEAD[addressType]) * 8 * PACKETS_PER_SECOND) / 1000);
}
