// The payload types of the video line: ours, the best of theirs, the pair that an answer settles (RFC 6184 8.2.2).
import { Hertz } from '#src/base/units.ts';
import type { AgreedVideoCodec } from './agreement.ts';
import type { VideoCapabilities } from './capabilities.ts';
import type { ComposedFormat } from './compose.ts';
import { common, type Direction } from './direction.ts';
import {
  type AgreedLevels,
  H264,
  type H264Parameters,
  h264Fmtp,
  h264Parameters,
  levelOf,
  profileLevelId,
} from './h264.ts';
import type { MediaDescription } from './model.ts';

/** NG.114 3.3.1; 26.114 5.2.2 asks for 1.2 at least. */
const MAIN = '42e01f';
const FALLBACK = '42e00c';
export const RTP_MAP = `${H264.name}/${H264.clockRate}`;
const FIRST_PAYLOAD_TYPE = 104;

export const levelId = (video: VideoCapabilities): string => video.profileLevelId ?? MAIN;

/** Our payload types: mode 1 and mode 0 at our level, mode 0 at level 1.2 for old peers. */
export function offeredVideoFormats(
  video: VideoCapabilities,
  current?: AgreedVideoCodec,
): readonly ComposedFormat[] {
  const parameterSets = video.spropParameterSets ?? [];
  const format = (payloadType: number, id: string, packetizationMode: 0 | 1): ComposedFormat => ({
    payloadType,
    rtpMap: RTP_MAP,
    fmtp: h264Fmtp({ profileLevelId: id, packetizationMode, parameterSets }),
  });
  // In a session the one that is in use, under its number (26.114 table A.4.12).
  if (current) {
    return [format(current.receivePayloadType, current.receiveProfileLevelId, current.packetizationMode)];
  }
  const main = levelId(video);
  return [
    format(FIRST_PAYLOAD_TYPE, main, 1),
    format(FIRST_PAYLOAD_TYPE + 1, main, 0),
    ...(levelOf(main) > levelOf(FALLBACK) ? [format(FIRST_PAYLOAD_TYPE + 2, FALLBACK, 0)] : []),
  ];
}

/** Mode 0 has no fragments: a source that needs them stays at home (RFC 6184 5.4, 5.8). */
export const carried = (
  { needsFragments = false }: VideoCapabilities,
  mode: 0 | 1 | undefined,
  direction: Direction,
): Direction => (needsFragments && mode === 0 ? common(direction, 'recvonly') : direction);

export interface FoundVideo {
  readonly payloadType: number;
  readonly parameters: H264Parameters;
}

export function usableVideo(media: MediaDescription): readonly FoundVideo[] {
  return media.payloadTypes.flatMap((payloadType) => {
    const map = media.rtpMap(payloadType);
    if (map?.name.toUpperCase() !== H264.name || map.clockRate !== H264.clockRate) return [];
    const parameters = h264Parameters(media.fmtp(payloadType));
    return parameters ? [{ payloadType, parameters }] : [];
  });
}

/** Mode 1 before 0 (a slice may be longer than a packet), then the better level, then the stricter profile, then their order. */
export function bestVideo(found: readonly FoundVideo[], ours: number): FoundVideo | undefined {
  const rank = ({ parameters }: FoundVideo): readonly number[] => [
    parameters.packetizationMode,
    Math.min(parameters.receiveLevel, ours),
    parameters.profile === 'constrained-baseline' ? 1 : 0,
  ];
  const [first, ...others] = found;
  return first && others.reduce((top, entry) => (precedes(rank(entry), rank(top)) ? entry : top), first);
}

function precedes(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0);
}

export function agreedCodec(options: {
  readonly theirs: FoundVideo;
  readonly receivePayloadType: number;
  readonly levels: AgreedLevels;
  readonly ourId: string;
}): AgreedVideoCodec {
  const { parameters, payloadType } = options.theirs;
  const { maxNalUnitOctets } = parameters;
  return {
    name: H264.name,
    sendPayloadType: payloadType,
    receivePayloadType: options.receivePayloadType,
    clockRate: Hertz(H264.clockRate),
    packetizationMode: parameters.packetizationMode,
    sendProfileLevelId: profileLevelId(options.levels.send),
    receiveProfileLevelId: options.ourId,
    spropParameterSets: parameters.parameterSets,
    ...(maxNalUnitOctets === undefined ? {} : { maxNalUnitOctets }),
  };
}

/** By its number when the format fits, else by profile and mode: the numbers may differ (26.114 table A.4.12ag). */
export function counterpart(mine: readonly FoundVideo[], theirs: FoundVideo): FoundVideo | undefined {
  const fits = mine.filter(
    ({ parameters }) => parameters.packetizationMode === theirs.parameters.packetizationMode,
  );
  return fits.find(({ payloadType }) => payloadType === theirs.payloadType) ?? fits[0];
}
