// Finds in a peer's audio line the formats that Tandem speaks (RFC 3264 6.1, 26.114 6.2.2).
import { Milliseconds } from '#src/base/units.ts';
import {
  type AmrParameters,
  amrParameters,
  CODECS,
  type Codec,
  type CodecName,
  MAX_SENT_PTIME,
  PREFERRED_WB_MODES,
  PTIME,
  TELEPHONE_EVENT,
} from './codecs.ts';
import type { MediaDescription } from './model.ts';

export interface FoundCodec {
  readonly codec: Codec;
  readonly payloadType: number;
  readonly amr?: AmrParameters;
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
  const codec = CODECS.find(
    (entry) => entry.name === map.name.toUpperCase() && entry.clockRate === map.clockRate,
  );
  if (!codec || map.channels !== 1) return undefined;
  if (codec.name !== 'AMR-WB') return { codec, payloadType };
  const amr = amrParameters(map, media.fmtp(payloadType));
  return amr ? { codec, payloadType, amr } : undefined;
}

/**
 * The one that an answer takes: the codec whose payload type the offer names first; among several of that codec the
 * bandwidth-efficient form, then most freedom of modes, then nearest to the usual modes, then the offer's order.
 */
export function chooseCodec(media: MediaDescription, allowed: readonly CodecName[]): FoundCodec | undefined {
  const usable = usableCodecs(media, allowed);
  const [first] = usable;
  if (!first) return undefined;
  return usable
    .filter((found) => found.codec === first.codec)
    .reduce((best, found) => (isBetter(found.amr, best.amr) ? found : best));
}

function isBetter(candidate: AmrParameters | undefined, best: AmrParameters | undefined): boolean {
  if (!candidate || !best) return false;
  if (candidate.octetAligned !== best.octetAligned) return !candidate.octetAligned;
  const freedom = (amr: AmrParameters): number => amr.modeSet?.length ?? Number.POSITIVE_INFINITY;
  if (freedom(candidate) !== freedom(best)) return freedom(candidate) > freedom(best);
  return distance(candidate.modeSet) < distance(best.modeSet);
}

/** How many modes are not shared with the usual set. */
const distance = (modes: readonly number[] = PREFERRED_WB_MODES): number =>
  modes.filter((mode) => !PREFERRED_WB_MODES.includes(mode)).length +
  PREFERRED_WB_MODES.filter((mode) => !modes.includes(mode)).length;

export interface FoundEvent {
  readonly payloadType: number;
  readonly clockRate: number;
}

const EVENT_CLOCK_RATES: readonly number[] = [16_000, 8_000];

/** The peer's telephone-event: of the codec's clock rate (RFC 4733 2.1), else of another one. */
export function findTelephoneEvent(media: MediaDescription, clockRate: number): FoundEvent | undefined {
  const events = media.payloadTypes.flatMap((payloadType) => {
    const map = media.rtpMap(payloadType);
    return map?.name.toLowerCase() === TELEPHONE_EVENT && EVENT_CLOCK_RATES.includes(map.clockRate)
      ? [{ payloadType, clockRate: map.clockRate }]
      : [];
  });
  return events.find((event) => event.clockRate === clockRate) ?? events[0];
}

/** Milliseconds in a packet that we send: as the peer wants, maxprate before ptime (26.114 6.2.2), whole frames, within bounds. */
export function packetTime(media: MediaDescription): Milliseconds {
  const limit = Math.min(media.maxptime ?? MAX_SENT_PTIME, MAX_SENT_PTIME);
  const wanted = media.maxprate ? 1000 / media.maxprate : (media.ptime ?? PTIME);
  const frames = Math.ceil(Math.min(wanted, limit) / PTIME);
  const whole = Math.min(frames, Math.floor(limit / PTIME));
  return Milliseconds(Math.max(1, whole) * PTIME);
}
