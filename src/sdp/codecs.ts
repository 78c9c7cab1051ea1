// The speech codecs that Tandem speaks, as data (RFC 3551, RFC 4867, 3GPP TS 26.114 5.2.1).
import { Hertz, Milliseconds, Octets } from '#src/base/units.ts';
import type { Fmtp, RtpMap } from './attributes.ts';
import type { AddressType } from './model.ts';

export const CODEC_NAMES = ['AMR-WB', 'PCMU', 'PCMA'] as const;
export type CodecName = (typeof CODEC_NAMES)[number];

export interface Codec {
  readonly name: CodecName;
  /** Of the RTP timestamps. */
  readonly clockRate: Hertz;
  /** Static number, or the one that we offer (the IMS terminals' usual ones). */
  readonly payloadType: number;
  /** Second payload type for the octet-aligned form (RFC 4867 4.4). */
  readonly octetAlignedPayloadType?: number;
  readonly clause: string;
}

export const CODECS: readonly Codec[] = [
  {
    name: 'AMR-WB',
    clockRate: Hertz(16_000),
    payloadType: 97,
    octetAlignedPayloadType: 98,
    clause: 'RFC 4867 8.2',
  },
  { name: 'PCMU', clockRate: Hertz(8_000), payloadType: 0, clause: 'RFC 3551 4.5.14' },
  { name: 'PCMA', clockRate: Hertz(8_000), payloadType: 8, clause: 'RFC 3551 4.5.14' },
];

/** Telephone events, one payload type for each clock rate (RFC 4733, 24.229 6.1). */
export const TELEPHONE_EVENTS = [
  { clockRate: Hertz(16_000), payloadType: 101 },
  { clockRate: Hertz(8_000), payloadType: 102 },
] as const;
export const TELEPHONE_EVENT = 'telephone-event';
/** Digits, star, hash, A to D (RFC 4733 3.2). */
export const DTMF_EVENTS = '0-15';

/** 26.114 tables 6.1 to 6.4. */
export const PTIME = Milliseconds(20);
export const MAXPTIME = Milliseconds(240);
/** What we put in one packet at most: four frames that are no repetition (26.114 7.4.2). */
export const MAX_SENT_PTIME = Milliseconds(80);
export const MAX_RED = 220;
export const MODE_CHANGE_CAPABILITY = 2;
/** b=RS and b=RR for speech, bit/s (26.114 7.3.1). */
export const RTCP_BANDWIDTH = { senders: 0, receivers: 2_000 } as const;

/** Speech bits of AMR-WB modes 0 to 8 (RFC 4867 table 2). */
const AMR_WB_SPEECH_BITS = [132, 177, 253, 285, 317, 365, 397, 461, 477] as const;
/** What RFC 4867 puts in front of one frame: CMR 4, table of contents 6 bits; the octet-aligned form 8 and 8. */
const AMR_HEADER_BITS = { bandwidthEfficient: 10, octetAligned: 16 } as const;
const G711_PAYLOAD = Octets(160);
/** IP, UDP and RTP headers of one packet. */
const OVERHEAD = { IP4: Octets(40), IP6: Octets(60) } as const;
const PACKETS_PER_SECOND = 50;

/** The 26.114 7.5.2.1.1 sets for GSM and UMTS: the modes that most networks prefer. */
export const PREFERRED_WB_MODES: readonly number[] = [0, 1, 2];

export const codecNamed = (name: CodecName): Codec => {
  const found = CODECS.find((codec) => codec.name === name);
  if (!found) throw new RangeError(`no codec ${name}`);
  return found;
};

/** b=AS in kbit/s for one frame of 20 ms a packet, headers included (26.114 6.2.5). */
export function bandwidthAs(
  codec: CodecName,
  addressType: AddressType,
  modeSet?: readonly number[],
  octetAligned = false,
): number {
  const payload = codec === 'AMR-WB' ? amrWbOctets(modeSet, octetAligned) : G711_PAYLOAD;
  return Math.ceil(((payload + OVERHEAD[addressType]) * 8 * PACKETS_PER_SECOND) / 1000);
}

function amrWbOctets(modeSet: readonly number[] | undefined, octetAligned: boolean): Octets {
  const highest = modeSet ? Math.max(...modeSet) : AMR_WB_SPEECH_BITS.length - 1;
  const speech = AMR_WB_SPEECH_BITS[highest] ?? Math.max(...AMR_WB_SPEECH_BITS);
  return octetAligned
    ? Octets(AMR_HEADER_BITS.octetAligned / 8 + Math.ceil(speech / 8))
    : Octets(Math.ceil((AMR_HEADER_BITS.bandwidthEfficient + speech) / 8));
}

/** The parameters of an AMR-WB payload type (RFC 4867 8.2). */
export interface AmrParameters {
  readonly octetAligned: boolean;
  /** Modes that may be used, rising; undefined is all. */
  readonly modeSet?: readonly number[];
  /** 2: modes change every other frame only. */
  readonly modeChangePeriod?: number;
  /** Modes change to a neighbour in the mode-set only. */
  readonly modeChangeNeighbor?: boolean;
}

/** Reads an AMR-WB payload type; undefined when it asks for what Tandem does not do. */
export function amrParameters(map: RtpMap, fmtp: Fmtp | undefined): AmrParameters | undefined {
  const value = (name: string): string | undefined => fmtp?.parameters.get(name);
  const isOn = (name: string): boolean => value(name) === '1';
  // These three imply octet alignment and a frame order that the engine does not have (RFC 4867 8.2).
  if (isOn('crc') || isOn('robust-sorting') || value('interleaving') !== undefined) return undefined;
  if (map.channels !== 1) return undefined;
  const modeSet = parseModeSet(value('mode-set'));
  if (modeSet?.length === 0) return undefined;
  return {
    octetAligned: isOn('octet-align'),
    ...(modeSet ? { modeSet } : {}),
    ...(value('mode-change-period') === '2' ? { modeChangePeriod: 2 } : {}),
    ...(isOn('mode-change-neighbor') ? { modeChangeNeighbor: true } : {}),
  };
}

/** `0,1,2`; numbers that are no mode are left out. */
function parseModeSet(text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const modes = text.split(',').map((part) => (/^\s*[0-8]\s*$/.test(part) ? Number(part) : -1));
  return [...new Set(modes.filter((mode) => mode >= 0))].sort((a, b) => a - b);
}

/** The fmtp value that we send for AMR-WB, in an offer without mode-set (tables 6.1, 6.2) or in an answer (6.4). */
export function amrFmtp(octetAligned: boolean, modeSet?: readonly number[]): string {
  const parts = octetAligned ? ['octet-align=1'] : [];
  if (modeSet) parts.push(`mode-set=${modeSet.join(',')}`);
  // With a single mode there is nothing to change (26.114 A.2.3).
  if (modeSet?.length !== 1) parts.push(`mode-change-capability=${MODE_CHANGE_CAPABILITY}`);
  parts.push(`max-red=${MAX_RED}`);
  return parts.join(';');
}
