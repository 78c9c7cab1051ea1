// Profiles and levels of H.264 and what two sides make of them (RFC 6184 8.1, 8.2.2).
import type { Fmtp } from './attributes.ts';

export const H264 = { name: 'H264', clockRate: 90_000 } as const;

/** Constrained Baseline as we write it: decodable by Baseline, Main and Extended as well. */
const OUR_PROFILE = '42e0';

/** `profile-level-id`, three octets: profile_idc, constraint flags, level_idc. */
export type H264Profile = 'constrained-baseline' | 'baseline';

/** Bit patterns of the constraint flags; `x` may be either (RFC 6184 table 5). What is not here we do not speak. */
const PROFILES: readonly { readonly idc: number; readonly flags: string; readonly profile: H264Profile }[] = [
  { idc: 0x42, flags: 'x1xx0000', profile: 'constrained-baseline' },
  { idc: 0x4d, flags: '1xxx0000', profile: 'constrained-baseline' },
  { idc: 0x58, flags: '11xx0000', profile: 'constrained-baseline' },
  { idc: 0x42, flags: 'x0xx0000', profile: 'baseline' },
  { idc: 0x58, flags: '10xx0000', profile: 'baseline' },
];

/** level_idc in order, with the largest picture in macroblocks (H.264 table A-1). 1b stands between 1 and 1.1. */
const LEVELS: readonly { readonly level: number; readonly macroblocks: number }[] = [
  { level: 10, macroblocks: 99 },
  { level: 10.5, macroblocks: 99 },
  { level: 11, macroblocks: 396 },
  { level: 12, macroblocks: 396 },
  { level: 13, macroblocks: 396 },
  { level: 20, macroblocks: 396 },
  { level: 21, macroblocks: 792 },
  { level: 22, macroblocks: 1_620 },
  { level: 30, macroblocks: 1_620 },
  { level: 31, macroblocks: 3_600 },
  { level: 32, macroblocks: 5_120 },
  { level: 40, macroblocks: 8_192 },
  { level: 41, macroblocks: 8_192 },
  { level: 42, macroblocks: 8_704 },
  { level: 50, macroblocks: 22_080 },
  { level: 51, macroblocks: 36_864 },
  { level: 52, macroblocks: 36_864 },
];
const LEVEL_1B = 10.5;
/** constraint_set3_flag, which with level_idc 11 means 1b. */
const SET3 = 0x10;

export interface H264Parameters {
  readonly profile: H264Profile;
  /** level_idc; 10.5 stands for 1b. */
  readonly level: number;
  /** What it can receive at most: `max-recv-level` where that is higher. */
  readonly receiveLevel: number;
  /** As the peer wrote the profile: two octets in hexadecimal. */
  readonly prefix: string;
  readonly packetizationMode: 0 | 1;
  readonly asymmetryAllowed: boolean;
  readonly parameterSets: readonly Buffer[];
  readonly maxNalUnitOctets?: number;
}

/** The default of RFC 6184 8.1 is Baseline at level 1. */
const DEFAULT_PROFILE_LEVEL = '42000a';

/** Reads a payload type; undefined when it is of a profile or packetization mode that we do not speak. */
export function h264Parameters(fmtp: Fmtp | undefined): H264Parameters | undefined {
  const value = (name: string): string | undefined => fmtp?.parameters.get(name);
  const split = splitProfileLevel(value('profile-level-id') ?? DEFAULT_PROFILE_LEVEL);
  const mode = value('packetization-mode') ?? '0';
  if (!split || (mode !== '0' && mode !== '1')) return undefined;
  const { prefix, profile, level } = split;
  // `max-recv-level` repeats the flags: two octets (26.114 table A.4.13).
  const most = /^[0-9a-f]{4}$/i.test(value('max-recv-level') ?? '')
    ? splitProfileLevel(`42${value('max-recv-level')}`)?.level
    : undefined;
  const size = value('max-rcmd-nalu-size');
  return {
    ...{ profile, level, prefix, receiveLevel: Math.max(level, most ?? level) },
    packetizationMode: mode === '1' ? 1 : 0,
    asymmetryAllowed: value('level-asymmetry-allowed') === '1',
    parameterSets: parameterSets(value('sprop-parameter-sets')),
    ...(size !== undefined && /^[1-9][0-9]{1,8}$/.test(size) ? { maxNalUnitOctets: Number(size) } : {}),
  };
}

function splitProfileLevel(
  text: string,
): { readonly prefix: string; readonly profile: H264Profile; readonly level: number } | undefined {
  if (!/^[0-9a-f]{6}$/i.test(text)) return undefined;
  const [idc = 0, flags = 0, levelIdc = 0] = Buffer.from(text, 'hex');
  const bits = flags.toString(2).padStart(8, '0');
  const row = PROFILES.find(
    (entry) => entry.idc === idc && [...entry.flags].every((bit, at) => bit === 'x' || bit === bits[at]),
  );
  const is1b = (levelIdc === 11 && (flags & SET3) !== 0) || levelIdc === 9;
  const level = is1b ? LEVEL_1B : levelIdc;
  if (!row || !LEVELS.some((entry) => entry.level === level)) return undefined;
  return { prefix: text.slice(0, 4).toLowerCase(), profile: row.profile, level };
}

/** Sets that an SDP may bring along; more is no picture but an attack. */
const MAX_SETS = 32;
const NAL_TYPE_MASK = 0x1f;
const SPS = 7;
const PPS = 8;

/** NAL units without start codes; what is no SPS or PPS is left out. */
function parameterSets(text: string | undefined): readonly Buffer[] {
  return (text ?? '')
    .split(',')
    .slice(0, MAX_SETS)
    .map((part) => Buffer.from(part.trim(), 'base64'))
    .filter(([first]) => first !== undefined && [SPS, PPS].includes(first & NAL_TYPE_MASK));
}

/** The level of a `profile-level-id` of ours, or of the SPS that begins so behind its header octet. */
export const levelOf = (profileLevelId: string): number => splitProfileLevel(profileLevelId)?.level ?? 0;

/** `42e01f` from two octets of profile and a level. */
export function profileLevelId(level: number, prefix: string = OUR_PROFILE): string {
  if (level !== LEVEL_1B) return `${prefix}${Math.floor(level).toString(16).padStart(2, '0')}`;
  const [idc = 0, flags = 0] = Buffer.from(prefix, 'hex');
  return Buffer.from([idc, flags | SET3, 11]).toString('hex');
}

export interface AgreedLevels {
  readonly send: number;
  readonly receive: number;
}

/** Without asymmetry on both sides the lower level is for both directions (RFC 6184 8.2.2). */
export function agreedLevels(
  ours: { readonly level: number; readonly asymmetryAllowed: boolean },
  theirs: H264Parameters,
): AgreedLevels {
  if (!ours.asymmetryAllowed || !theirs.asymmetryAllowed) {
    const level = Math.min(ours.level, theirs.level);
    return { send: level, receive: level };
  }
  return { send: Math.min(ours.level, theirs.receiveLevel), receive: ours.level };
}

const MACROBLOCK = 16;

/** Does a picture fit into the level. */
export function fitsLevel(level: number, size: { readonly width: number; readonly height: number }): boolean {
  const macroblocks = Math.ceil(size.width / MACROBLOCK) * Math.ceil(size.height / MACROBLOCK);
  return macroblocks <= (LEVELS.find((entry) => entry.level === level)?.macroblocks ?? 0);
}

/** 26.114 6.2.3.2: no NAL unit need be longer than a packet of a usual path. */
const MAX_NAL_UNIT = 1_400;

/** The fmtp value of a payload type of ours. Parameter sets of a higher level than the line's, or of a profile that is not ours, stay out. */
export function h264Fmtp(options: {
  readonly profileLevelId: string;
  readonly packetizationMode: 0 | 1;
  readonly parameterSets: readonly Buffer[];
}): string {
  const level = levelOf(options.profileLevelId);
  const fits = options.parameterSets.every((set) => {
    if (((set[0] ?? 0) & NAL_TYPE_MASK) !== SPS) return true;
    const own = levelOf(set.toString('hex', 1, 4));
    return own > 0 && own <= level;
  });
  const sets = options.parameterSets.map((set) => set.toString('base64')).join(',');
  return [
    `profile-level-id=${options.profileLevelId}`,
    `packetization-mode=${options.packetizationMode}`,
    'level-asymmetry-allowed=1',
    `max-rcmd-nalu-size=${MAX_NAL_UNIT}`,
    ...(sets !== '' && fits ? [`sprop-parameter-sets=${sets}`] : []),
  ].join(';');
}
