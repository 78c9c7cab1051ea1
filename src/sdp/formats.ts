// Finds in a peer's audio line the formats that Tandem speaks (RFC 3264 6.1, 26.114 6.2.2).
import { Hertz, Milliseconds } from '#src/base/units.ts';
import type { AgreedFormat, OpusParameters } from './agreement.ts';
import { AMR_TABLE, type AmrParameters, amrParameters } from './amr.ts';
import { type Fmtp, parseDecimal } from './attributes.ts';
import {
  CODECS,
  type Codec,
  type CodecName,
  isAmr,
  MAX_SENT_PTIME,
  PTIME,
  TELEPHONE_EVENT,
  TELEPHONE_EVENTS,
} from './codecs.ts';
import type { MediaDescription } from './model.ts';

export interface FoundCodec {
  readonly codec: Codec;
  readonly payloadType: number;
  readonly amr?: AmrParameters;
  readonly opus?: OpusParameters;
}

/** The usable payload types in the peer's order. */
export function usableCodecs(media: MediaDescription, allowed: readonly CodecName[]): readonly FoundCodec[] {
  return media.payloadTypes
    .map((payloadType) => codecOf(media, payloadType))
    .filter((found) => found !== undefined)
    .filter((found) => allowed.includes(found.codec.name));
}

function codecOf(media: MediaDescription, payloadType: number): FoundCodec | undefined {
  const map = media.rtpMap(payloadType);
  if (!map) return undefined;
  const name = map.name.toUpperCase();
  const codec = CODECS.find(
    (entry) => entry.name.toUpperCase() === name && entry.clockRate === map.clockRate,
  );
  if (!codec || map.channels !== codec.channels) return undefined;
  const fmtp = media.fmtp(payloadType);
  if (codec.name === 'opus') return { codec, payloadType, opus: opusParameters(fmtp) };
  if (!isAmr(codec.name)) return { codec, payloadType };
  const amr = amrParameters(codec.name, map, fmtp);
  return amr ? { codec, payloadType, amr } : undefined;
}

/** RFC 7587 6.1: what the peer would like to receive. */
function opusParameters(fmtp: Fmtp | undefined): OpusParameters {
  const isOn = (name: string): boolean => fmtp?.parameters.get(name) === '1';
  const rate = parseDecimal(fmtp?.parameters.get('maxaveragebitrate') ?? '');
  return {
    inbandFec: isOn('useinbandfec'),
    dtx: isOn('usedtx'),
    stereo: isOn('stereo'),
    ...(rate !== undefined && rate >= MIN_OPUS_RATE && rate <= MAX_OPUS_RATE
      ? { maxAverageBitrate: rate }
      : {}),
  };
}

/** bit/s (RFC 7587 6.1) */
const MIN_OPUS_RATE = 6_000;
const MAX_OPUS_RATE = 510_000;

/**
 * The one that an answer takes: the codec whose payload type the offer names first; among several of that codec the
 * bandwidth-efficient form, then most freedom of modes, then nearest to the usual modes, then the offer's order.
 */
export function chooseCodec(media: MediaDescription, allowed: readonly CodecName[]): FoundCodec | undefined {
  const usable = usableCodecs(media, allowed);
  const [first] = usable;
  if (!first || !isAmr(first.codec.name)) return first;
  const { preferred } = AMR_TABLE[first.codec.name];
  return usable
    .filter((found) => found.codec === first.codec)
    .reduce((best, found) => (isBetter(found.amr, best.amr, preferred) ? found : best));
}

function isBetter(
  candidate: AmrParameters | undefined,
  best: AmrParameters | undefined,
  preferred: readonly number[],
): boolean {
  if (!candidate || !best) return false;
  if (candidate.octetAligned !== best.octetAligned) return !candidate.octetAligned;
  const freedom = (amr: AmrParameters): number => amr.modeSet?.length ?? Number.POSITIVE_INFINITY;
  if (freedom(candidate) !== freedom(best)) return freedom(candidate) > freedom(best);
  return distance(preferred, candidate.modeSet) < distance(preferred, best.modeSet);
}

/** How many modes are not shared with the usual set. */
const distance = (preferred: readonly number[], modes: readonly number[] = preferred): number =>
  modes.filter((mode) => !preferred.includes(mode)).length +
  preferred.filter((mode) => !modes.includes(mode)).length;

export interface FoundFormat {
  readonly payloadType: number;
  readonly clockRate: number;
}

/** The peer's telephone-event: of the codec's clock rate (RFC 4733 2.1), else of another one. */
export function findTelephoneEvent(media: MediaDescription, clockRate: number): FoundFormat | undefined {
  const events = media.payloadTypes.flatMap((payloadType) => {
    const map = media.rtpMap(payloadType);
    return map?.name.toLowerCase() === TELEPHONE_EVENT &&
      TELEPHONE_EVENTS.some((event) => event.clockRate === map.clockRate)
      ? [{ payloadType, clockRate: map.clockRate }]
      : [];
  });
  return events.find((event) => event.clockRate === clockRate) ?? events[0];
}

/** Each side by its own number; undefined when only one side has it. */
export const agreedFormat = (
  theirs: FoundFormat | undefined,
  ours: FoundFormat | undefined,
): AgreedFormat | undefined =>
  theirs && ours && theirs.clockRate === ours.clockRate
    ? {
        sendPayloadType: theirs.payloadType,
        receivePayloadType: ours.payloadType,
        clockRate: Hertz(theirs.clockRate),
      }
    : undefined;

/** Milliseconds in a packet that we send: as the peer wants, maxprate before ptime (26.114 6.2.2), whole frames, within bounds. */
export function packetTime(media: MediaDescription): Milliseconds {
  const limit = Math.min(media.maxptime ?? MAX_SENT_PTIME, MAX_SENT_PTIME);
  const wanted = media.maxprate ? 1000 / media.maxprate : (media.ptime ?? PTIME);
  const frames = Math.ceil(Math.min(wanted, limit) / PTIME);
  const whole = Math.min(frames, Math.floor(limit / PTIME));
  return Milliseconds(Math.max(1, whole) * PTIME);
}

/** Static numbers that nobody assigned (RFC 3551 6), the recommended 20 first (NG.110 2.9.1). */
const UNASSIGNED: readonly number[] = [20, 21, 22, 23, 24, 27, 29, 30];

/** A number for keep-alives that neither side's line uses. */
export function keepAliveType(...lines: readonly MediaDescription[]): number {
  const taken = new Set(lines.flatMap((media) => media.payloadTypes));
  return UNASSIGNED.find((type) => !taken.has(type)) ?? 20;
}
