// The parameters of AMR and AMR-WB payload types (RFC 4867 8.1, 8.2; 26.114 tables 6.1 to 6.4).
import { Octets } from '#src/base/units.ts';
import type { Fmtp, RtpMap } from './attributes.ts';

export type AmrName = 'AMR' | 'AMR-WB';

const MAX_RED = 220;
const MODE_CHANGE_CAPABILITY = 2;

interface AmrRow {
  /** Speech bits of each mode (RFC 4867 tables 1 and 2). */
  readonly speechBits: readonly number[];
  /** The sets that most networks prefer: AMR 4.75 5.9 7.4 12.2, AMR-WB 6.60 8.85 12.65 (26.114 7.5.2.1.1). */
  readonly preferred: readonly number[];
}

export const AMR_TABLE: Readonly<Record<AmrName, AmrRow>> = {
  AMR: { speechBits: [95, 103, 118, 134, 148, 159, 204, 244], preferred: [0, 2, 4, 7] },
  'AMR-WB': { speechBits: [132, 177, 253, 285, 317, 365, 397, 461, 477], preferred: [0, 1, 2] },
};

/** What RFC 4867 puts in front of one frame: CMR 4, table of contents 6 bits; the octet-aligned form 8 and 8. */
const HEADER_BITS = { bandwidthEfficient: 10, octetAligned: 16 } as const;

/** Of one frame in the highest mode of the set. */
export function amrOctets(
  name: AmrName,
  modeSet: readonly number[] | undefined,
  octetAligned: boolean,
): Octets {
  const { speechBits } = AMR_TABLE[name];
  const highest = modeSet ? Math.max(...modeSet) : speechBits.length - 1;
  const speech = speechBits[highest] ?? Math.max(...speechBits);
  return octetAligned
    ? Octets(HEADER_BITS.octetAligned / 8 + Math.ceil(speech / 8))
    : Octets(Math.ceil((HEADER_BITS.bandwidthEfficient + speech) / 8));
}

export interface AmrParameters {
  readonly octetAligned: boolean;
  /** Modes that may be used, rising; undefined is all. */
  readonly modeSet?: readonly number[];
  /** 2: modes change every other frame only. */
  readonly modeChangePeriod?: number;
  /** Modes change to a neighbour in the mode-set only. */
  readonly modeChangeNeighbor?: boolean;
  /** 2: the peer can keep to such a period when it sends (RFC 4867 8.1). */
  readonly modeChangeCapability?: number;
  /** Milliseconds that repetition may reach back, towards the peer; undefined is no limit, 0 none at all. */
  readonly maxRed?: number;
}

/** Reads a payload type; undefined when it asks for what Tandem does not do. */
export function amrParameters(name: AmrName, map: RtpMap, fmtp: Fmtp | undefined): AmrParameters | undefined {
  const value = (parameter: string): string | undefined => fmtp?.parameters.get(parameter);
  const isOn = (parameter: string): boolean => value(parameter) === '1';
  // These three imply octet alignment and a frame order that the engine does not have (RFC 4867 8.2).
  if (isOn('crc') || isOn('robust-sorting') || value('interleaving') !== undefined) return undefined;
  if (map.channels !== 1) return undefined;
  const modeSet = parseModeSet(name, value('mode-set'));
  if (modeSet?.length === 0) return undefined;
  const maxRed = value('max-red');
  // A single mode leaves nothing to change (26.114 A.2.3).
  const changes = modeSet?.length !== 1;
  return {
    octetAligned: isOn('octet-align'),
    ...(modeSet ? { modeSet } : {}),
    ...(changes && value('mode-change-period') === '2' ? { modeChangePeriod: 2 } : {}),
    ...(changes && isOn('mode-change-neighbor') ? { modeChangeNeighbor: true } : {}),
    ...(value('mode-change-capability') === '2' ? { modeChangeCapability: MODE_CHANGE_CAPABILITY } : {}),
    ...(maxRed !== undefined && /^[0-9]{1,5}$/.test(maxRed) ? { maxRed: Number(maxRed) } : {}),
  };
}

/** `0,1,2`; numbers that are no mode are left out. */
function parseModeSet(name: AmrName, text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const { length } = AMR_TABLE[name].speechBits;
  const modes = text.split(',').map((part) => (/^\s*[0-8]\s*$/.test(part) ? Number(part) : length));
  return [...new Set(modes.filter((mode) => mode < length))].sort((a, b) => a - b);
}

/** The value that we send, in an offer without mode-set (tables 6.1, 6.2) or in an answer (6.3, 6.4). */
export function amrFmtp(octetAligned: boolean, modeSet?: readonly number[]): string {
  const parts = octetAligned ? ['octet-align=1'] : [];
  if (modeSet) parts.push(`mode-set=${modeSet.join(',')}`);
  // With a single mode there is nothing to change (26.114 A.2.3).
  if (modeSet?.length !== 1) parts.push(`mode-change-capability=${MODE_CHANGE_CAPABILITY}`);
  parts.push(`max-red=${MAX_RED}`);
  return parts.join(';');
}
